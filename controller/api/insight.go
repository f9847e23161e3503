package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/controller/insight"
	"github.com/assent-epm/assent/controller/queue"
	"github.com/assent-epm/assent/shared/elevation"
)

type replayInput struct{ Body client.ReplayRules }

type suggestInput struct {
	OrderedInput
	Days int `query:"days" minimum:"1" maximum:"400" doc:"How far back; default 90."`
}

type reportInput struct {
	Name   string `path:"name" maxLength:"64" example:"waiting-times"`
	Since  string `query:"since" maxLength:"64" doc:"From this time (RFC 3339); default 30 days before until." example:"2026-11-01T00:00:00Z"`
	Labels string `query:"labels" maxLength:"2000" doc:"Only endpoints with these labels, as k=v,k=v." example:"role=web"`
	Until  string `query:"until" maxLength:"64" doc:"Before this time (RFC 3339); default now." example:"2026-12-01T00:00:00Z"`
}

type eventProofInput struct {
	Event string `path:"event" maxLength:"64" example:"17" doc:"Number or id of the event."`
}

func (s *server) addInsight() {
	handle(s, route{method: http.MethodPost, path: "/rules/replay", id: "rule-replay", tag: "rules", hint: hint{limit: maxRuleBody},
		summary: "What a whole set of rules would have answered"}, s.replayRules)
	handle(s, route{method: http.MethodGet, path: "/rules/suggestions", id: "rule-suggestions", tag: "rules",
		summary: "Rules that people's answers suggest"}, s.suggestions)
	handle(s, route{method: http.MethodGet, path: "/rules/hits", id: "rule-hits", tag: "rules", summary: "How often each rule counted"}, s.ruleHits)
	handle(s, route{method: http.MethodGet, path: "/reports", id: "report-list", tag: "reports", summary: "The reports there are"}, s.reports)
	handle(s, route{method: http.MethodGet, path: "/reports/{name}", id: "report-view", tag: "reports", summary: "Make one report"}, s.report)
	handle(s, route{method: http.MethodGet, path: "/requests/{id}/proof", id: "request-proof", tag: "requests",
		summary: "Everything that proves what happened to a request"}, s.evidence)
	handle(s, route{method: http.MethodGet, path: "/audit/proof/{event}", id: "audit-proof", tag: "audit",
		summary: "Prove that one event is in the signed log"}, s.eventProof)
}

// caution is what insight knows of a request, for the caller.
func (s *server) caution(ctx context.Context, act auth.Actor, r elevation.Request) ([]client.Caution, error) {
	found, err := s.cfg.Insight.Context(ctx, act, r)
	return cautionsOf(found), err
}

// cautions are the same for a page.
func (s *server) cautions(ctx context.Context, act auth.Actor, page []queue.View) ([][]client.Caution, error) {
	requests := make([]elevation.Request, len(page))
	for i, v := range page {
		requests[i] = v.Request
	}
	found, err := s.cfg.Insight.Contexts(ctx, act, requests)
	out := make([][]client.Caution, len(found))
	for i, f := range found {
		out[i] = cautionsOf(f)
	}
	return out, err
}

func cautionsOf(found []elevation.Caution) []client.Caution {
	out := []client.Caution{}
	for _, c := range found {
		out = append(out, client.Caution{Reason: c.Reason, Fact: c.Fact})
	}
	return out
}

func replayOf(r insight.Replayed) client.Replay {
	out := client.Replay{Days: r.Days, Requests: r.Requests, Changed: r.Changed, NewlyApproved: r.NewlyApproved, NewlyDenied: r.NewlyDenied,
		NewlyAsked: r.NewlyAsked, HumanDenied: r.HumanDenied, Observed: r.Observed, ObservedApproved: r.ObservedApproved, ObservedDenied: r.ObservedDenied, ObservedAsked: r.ObservedAsked,
		MinutesSaved: int64(r.Saved.Round(time.Minute) / time.Minute),
		Changes:      []client.ReplayChange{}, Truncated: r.Cut}
	for _, c := range r.Changes {
		out.Changes = append(out.Changes, client.ReplayChange{RequestID: string(c.Request), At: c.At.UTC(), Who: c.User, Endpoint: c.Endpoint,
			What: c.What, From: c.From, To: c.To, Why: c.Sentence})
	}
	return out
}

func (s *server) replayRules(ctx context.Context, act auth.Actor, in *replayInput) (client.Replay, error) {
	r, err := s.cfg.Insight.Replay(ctx, act, in.Body.YAML, in.Body.Days)
	return replayOf(r), err
}

func (s *server) suggestions(ctx context.Context, act auth.Actor, in *suggestInput) (client.List[client.Suggestion], error) {
	var out []client.Suggestion
	found, err := s.cfg.Insight.Suggestions(ctx, act, in.Days)
	if err != nil {
		return client.List[client.Suggestion]{}, err
	}
	for _, x := range found {
		one := client.Suggestion{Name: x.Name, Sentence: x.Sentence, YAML: x.YAML, Approvals: x.Approvals, Observed: x.Observed, RequestIDs: []string{},
			Requesters: list(x.Requesters), Approvers: list(x.Approvers), Endpoints: list(x.Endpoints), Seen: x.Seen,
			FirstAt: x.First.UTC(), LastAt: x.Last.UTC(), Replay: replayOf(x.Replay)}
		for _, id := range x.Requests {
			one.RequestIDs = append(one.RequestIDs, string(id))
		}
		out = append(out, one)
	}
	return ordered(out, &in.OrderedInput, fmt.Sprint("suggestions ", in.Days), func(x client.Suggestion) string { return x.Name })
}

type hitsInput struct {
	Days int `query:"days" minimum:"1" maximum:"400" doc:"How far back; default 7."`
}

func (s *server) ruleHits(ctx context.Context, act auth.Actor, in *hitsInput) (client.List[client.RuleHits], error) {
	out := client.List[client.RuleHits]{Items: []client.RuleHits{}}
	all, err := s.cfg.Insight.Hits(ctx, act, in.Days)
	for _, h := range all {
		out.Items = append(out.Items, client.RuleHits{Rule: h.Rule, Approved: h.Approved, Denied: h.Denied, Asked: h.Asked, WouldApprove: h.WouldApprove,
			WouldDeny: h.WouldDeny, LastAt: moment(h.Last)})
	}
	out.Total = int64(len(out.Items))
	return out, err
}

func (s *server) reports(ctx context.Context, act auth.Actor, in *OrderedInput) (client.List[client.ReportInfo], error) {
	var out []client.ReportInfo
	all, err := s.cfg.Insight.Reports(ctx, act)
	if err != nil {
		return client.List[client.ReportInfo]{}, err
	}
	for _, r := range all {
		out = append(out, client.ReportInfo{Name: r.Name, Title: r.Title})
	}
	return ordered(out, in, "reports", func(r client.ReportInfo) string { return r.Name })
}

func (s *server) report(ctx context.Context, act auth.Actor, in *reportInput) (client.Report, error) {
	var times [2]time.Time
	for i, text := range []string{in.Since, in.Until} {
		if text == "" {
			continue
		}
		t, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return client.Report{}, fmt.Errorf("%w: since and until are RFC 3339 times", elevation.ErrInvalid)
		}
		times[i] = t
	}
	labels, err := labelsIn(in.Labels)
	if err != nil {
		return client.Report{}, err
	}
	r, err := s.cfg.Insight.ReportFor(ctx, act, in.Name, times[0], times[1], labels)
	if err != nil {
		return client.Report{}, err
	}
	return client.Report{Name: r.Name, Title: r.Title, Since: r.Since.UTC(), Until: r.Until.UTC(), Columns: r.Columns, Rows: r.Rows,
		Notes: list(r.Notes), Truncated: r.Cut}, nil
}

func provenOf(p insight.ProvenEvent) client.EvidenceEvent {
	e := p.Event
	out := client.EvidenceEvent{Seq: e.Seq, ID: string(e.ID), At: e.At.UTC(), Kind: e.Kind.String(),
		Actor:   client.AuditActor{Kind: string(e.Actor.Kind), ID: e.Actor.ID, Name: e.Actor.Name},
		Request: string(e.Request), Grant: string(e.Grant), Endpoint: string(e.Endpoint), Data: object(e.Data), Leaf: p.Leaf, Path: list(p.Path)}
	for k, t := range p.Texts {
		if out.Text == nil {
			out.Text = map[string]client.EvidenceText{}
		}
		out.Text[k] = client.EvidenceText{Salt: t.Salt, Text: t.Text}
	}
	return out
}

func (s *server) evidence(ctx context.Context, act auth.Actor, in *RequestInput) (client.Evidence, error) {
	id := elevation.RequestID(in.ID)
	if err := act.Can(auth.RequestsRead); err != nil {
		return client.Evidence{}, err // before the wait below; insight checks again, with the scope
	}
	r, err := s.request(ctx, act, id)
	if err != nil {
		return client.Evidence{}, err
	}
	s.settle(ctx, true, settleExport)
	e, err := s.cfg.Insight.Evidence(ctx, act, id)
	if err != nil {
		return client.Evidence{}, err
	}
	out := client.Evidence{Format: audit.EvidenceFormat, Request: r, Events: []client.EvidenceEvent{}, Unsigned: e.Unsigned,
		Checkpoint: client.Checkpoint{Size: e.Checkpoint.Size, Note: string(e.Checkpoint.Note), Key: e.Key},
		Grant:      e.Grant, KeySet: e.KeySet, RootKey: client.RootKey{ID: e.RootID, Public: e.RootPublic}}
	for _, p := range e.Events {
		out.Events = append(out.Events, provenOf(p))
	}
	return out, nil
}

func (s *server) eventProof(ctx context.Context, act auth.Actor, in *eventProofInput) (client.EventProof, error) {
	if err := mayReadAudit(act); err != nil {
		return client.EventProof{}, err
	}
	s.settle(ctx, true, settleExport)
	p, c, key, err := s.cfg.Insight.EventProof(ctx, act, in.Event)
	if err != nil {
		return client.EventProof{}, err
	}
	return client.EventProof{Event: provenOf(p), Checkpoint: client.Checkpoint{Size: c.Size, Note: string(c.Note), Key: key, At: moment(c.At)}}, nil
}

// labelsIn reads k=v,k=v.
func labelsIn(text string) (map[string]string, error) {
	if text == "" {
		return nil, nil
	}
	out := map[string]string{}
	for part := range strings.SplitSeq(text, ",") {
		k, v, ok := strings.Cut(part, "=")
		if !ok || k == "" {
			return nil, fmt.Errorf("%w: labels are k=v,k=v", elevation.ErrInvalid)
		}
		out[k] = v
	}
	return out, nil
}
