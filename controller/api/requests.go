package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/assent-epm/assent/controller/admin"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/controller/queue"
	"github.com/assent-epm/assent/shared/elevation"
)

type requestListInput struct {
	Status     string `query:"status" maxLength:"200" doc:"One or several, comma-separated: available pending approved active ended revoked expired denied cancelled escalated all, pending_review for what waits for its review after use, or reviewed for what has had it. Available includes active." example:"pending"`
	GroupBy    string `query:"group_by" enum:"program,publisher,user,endpoint" doc:"The items are groups then, the largest first; without a status of what is pending."`
	AccessType string `query:"access_type" maxLength:"100" doc:"run, session or admin; several with commas."`
	Endpoint   string `query:"endpoint" maxLength:"200" doc:"Id or name."`
	User       string `query:"user" maxLength:"200" doc:"Name or uid at the endpoint."`
	Team       string `query:"team" maxLength:"200"`
	Program    string `query:"program" maxLength:"200" doc:"Last part of the program's path." example:"systemctl"`
	Publisher  string `query:"publisher" maxLength:"300" doc:"Who signed the program."`
	Priority   string `query:"priority" maxLength:"100" doc:"low, normal, high or urgent; several with commas." example:"high,urgent"`
	Since      string `query:"since" maxLength:"64" doc:"Submitted not before this time (RFC 3339)." example:"2026-11-21T00:00:00Z"`
	Mine       bool   `query:"mine" doc:"Only the caller's own."`
	Q          string `query:"q" maxLength:"200" doc:"Text anywhere in the request, or an ending of its id."`
	Sort       string `query:"sort" maxLength:"64" doc:"queue, newest, or a column; -column turns it around."`
	Limit      int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
	Cursor     string `query:"cursor" maxLength:"2048" doc:"next_cursor of the page before."`
	Skip       int    `query:"skip" minimum:"0" maximum:"1000000" doc:"Begin behind so many rows; without a cursor, and not in the order of states."`
}

// RequestInput names a request in the path. It is exported because huma reads
// embedded structs only then, like the other inputs that are.
type RequestInput struct {
	ID string `path:"id" maxLength:"64" example:"req_019aa8d2-6f3e-7c41-9d10-3b1f0c5f2a77"`
}

type codeInput struct{ Body client.ByCode }

type countsInput struct {
	Mine bool `query:"mine" doc:"Only the caller's own."`
}

func (s *server) addRequests() {
	get := func(path, id, summary string) route {
		return route{method: http.MethodGet, path: path, id: id, summary: summary, tag: "requests", hint: hint{seat: true}}
	}
	handle(s, get("/requests", "request-list", "List requests"), s.listRequests)
	handle(s, get("/requests/{id}", "request-view", "See one request"),
		func(ctx context.Context, a auth.Actor, in *RequestInput) (client.Request, error) {
			return s.request(ctx, a, elevation.RequestID(in.ID))
		})
	handle(s, get("/requests/{id}/timeline", "request-timeline", "See what happened to a request"), s.timeline)
	handle(s, get("/requests/{id}/explain", "request-explain", "See why rules answered as they did"), s.explain)
	handle(s, route{method: http.MethodPost, path: "/requests/by-code", id: "request-by-code", tag: "requests",
		summary: "Find the request that waits and has this short code"},
		func(ctx context.Context, a auth.Actor, in *codeInput) (client.Request, error) {
			return s.byCode(ctx, a, in.Body.Code)
		})
	handle(s, get("/counts", "counts", "Numbers of requests by status"), s.counts)
	s.addVerbs()
}

// request reads one request as the caller may see it.
func (s *server) request(ctx context.Context, a auth.Actor, id elevation.RequestID) (client.Request, error) {
	if err := elevation.CheckID(elevation.RequestPrefix, string(id)); err != nil {
		return client.Request{}, fmt.Errorf("request: %w", elevation.ErrNotFound)
	}
	v, err := s.cfg.Queue.Get(ctx, a, id)
	if err != nil {
		return client.Request{}, err
	}
	out := s.requestOf(v, s.names(ctx))
	out.Caution, err = s.caution(ctx, a, v.Request)
	return out, err
}

// byCode reads the request that a code leads to.
func (s *server) byCode(ctx context.Context, a auth.Actor, code string) (client.Request, error) {
	v, err := s.cfg.Queue.ByCode(ctx, a, code)
	if err != nil {
		return client.Request{}, err
	}
	out := s.requestOf(v, s.names(ctx))
	out.Caution, err = s.caution(ctx, a, v.Request)
	return out, err
}

func (s *server) listRequests(ctx context.Context, a auth.Actor, in *requestListInput) (listing, error) {
	out := listing{Items: []listItem{}}
	f := queue.Filter{Status: words(in.Status), Endpoint: in.Endpoint, User: in.User, Team: in.Team, Mine: in.Mine,
		Program: in.Program, Publisher: in.Publisher, Text: in.Q, Sort: in.Sort, Cursor: in.Cursor, Skip: in.Skip, Limit: in.Limit}
	for _, p := range words(in.Priority) {
		if elevation.Priority(p).Rank() < 0 {
			return out, fmt.Errorf("%w: no priority is called %q", elevation.ErrInvalid, p)
		}
		f.Priorities = append(f.Priorities, elevation.Priority(p))
	}
	for _, t := range words(in.AccessType) {
		switch elevation.AccessType(t) {
		case elevation.Run, elevation.Session, elevation.Admin:
			f.AccessTypes = append(f.AccessTypes, elevation.AccessType(t))
		default:
			return out, fmt.Errorf("%w: no access type is called %q", elevation.ErrInvalid, t)
		}
	}
	if in.Since != "" {
		t, err := time.Parse(time.RFC3339, in.Since)
		if err != nil {
			return out, fmt.Errorf("%w: since is not an RFC 3339 time", elevation.ErrInvalid)
		}
		f.Since = t
	}
	if in.GroupBy != "" {
		return s.listGroups(ctx, a, f, in.GroupBy)
	}
	page, err := s.cfg.Queue.List(ctx, a, f)
	if err != nil {
		return out, err
	}
	names := s.names(ctx)
	cautions, err := s.cautions(ctx, a, page.Items)
	if err != nil {
		return out, err
	}
	for i, v := range page.Items {
		r := s.requestOf(v, names)
		r.Caution = cautions[i]
		out.Items = append(out.Items, listItem{request: &r})
	}
	out.NextCursor, out.Total, out.TotalIsLowerBound = page.Next, int64(page.Total), page.TotalIsLowerBound
	return out, nil
}

func (s *server) counts(ctx context.Context, a auth.Actor, in *countsInput) (client.Counts, error) {
	c, err := s.cfg.Queue.Counts(ctx, a, in.Mine)
	return client.Counts{All: int64(c.All), Available: int64(c.Available), Pending: int64(c.Pending), Approved: int64(c.Approved),
		Revoked: int64(c.Revoked), Expired: int64(c.Expired), Denied: int64(c.Denied)}, err
}

func (s *server) timeline(ctx context.Context, a auth.Actor, in *RequestInput) (client.Timeline, error) {
	out := client.Timeline{Items: []client.TimelineItem{}}
	items, err := s.cfg.Queue.Timeline(ctx, a, elevation.RequestID(in.ID))
	for _, i := range items {
		out.Items = append(out.Items, client.TimelineItem{At: i.At.UTC(), Kind: i.Kind, By: i.By, Text: i.Text})
	}
	return out, err
}

func (s *server) explain(ctx context.Context, a auth.Actor, in *RequestInput) (client.Explanation, error) {
	e, err := s.cfg.Queue.Explain(ctx, a, elevation.RequestID(in.ID))
	return client.Explanation{Outcome: e.Outcome, Sentence: e.Sentence, Trace: trace(e.Trace)}, err
}

func trace(lines []elevation.TraceLine) []client.TraceLine {
	out := []client.TraceLine{}
	for _, l := range lines {
		out = append(out, client.TraceLine{Rule: l.Rule, Matched: l.Matched, Why: l.Why})
	}
	return out
}

// decorate adds what a special error knows to its problem.
func (s *server) decorate(ctx context.Context, err error, f *failure) {
	var decided *queue.DecidedError
	if errors.As(err, &decided) {
		names := s.names(ctx)
		f.Decision = decisionOf(&decided.Decision, names)
	}
	var faults *admin.FaultsError
	if errors.As(err, &faults) {
		for i, x := range faults.Faults {
			if i == 100 {
				break
			}
			f.Errors = append(f.Errors, client.FieldError{Location: fmt.Sprintf("yaml:%d:%d", x.Line, x.Col),
				Message: fmt.Sprintf("%s: %s [%s]", x.Severity, x.Text, x.Code)})
		}
	}
}
