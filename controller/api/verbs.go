package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/controller/queue"
	"github.com/assent-epm/assent/shared/elevation"
)

type actInput struct {
	RequestInput
	Body *client.Answer
}

type liveInput struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
	Cursor string `query:"cursor" maxLength:"2048" doc:"next_cursor of the page before."`
	Q      string `query:"q" maxLength:"200" doc:"Text anywhere in the request, or an ending of its id."`
	Sort   string `query:"sort" maxLength:"64" doc:"queue, newest, or a column; -column turns it around."`
}

type batchInput struct{ Body client.Batch }

// doing is what one verb asks of the queue.
type doing func(ctx context.Context, q *queue.Queue, a auth.Actor, id elevation.RequestID, in client.Answer) (queue.View, error)

// act is one thing that people do to requests. Fields names what the body may
// say beside a comment; anything else would be taken for granted and lost.
type act struct {
	verb, summary string
	fields        []string
	do            doing
}

// The fields of a body that only some verbs take.
const (
	fieldNote     = "note"
	fieldDuration = "duration_seconds"
	fieldStart    = "start"
	fieldLasts    = "lasts"
	fieldPriority = "priority"
	fieldTeam     = "team"
)

func acts() []act {
	return append(answers(), []act{
		{"undo", "Take one's own answer back while it is held", nil,
			func(ctx context.Context, q *queue.Queue, a auth.Actor, id elevation.RequestID, _ client.Answer) (queue.View, error) {
				return q.Undo(ctx, a, id)
			}},
		{"revoke", "End what was granted", []string{fieldNote},
			func(ctx context.Context, q *queue.Queue, a auth.Actor, id elevation.RequestID, in client.Answer) (queue.View, error) {
				return q.Revoke(ctx, a, id, in.Comment, in.Note)
			}},
		{"cancel", "Withdraw one's own request", nil,
			func(ctx context.Context, q *queue.Queue, a auth.Actor, id elevation.RequestID, _ client.Answer) (queue.View, error) {
				return q.Cancel(ctx, a, id)
			}},
		{"check-in", "Give back what is in use", nil,
			func(ctx context.Context, q *queue.Queue, a auth.Actor, id elevation.RequestID, _ client.Answer) (queue.View, error) {
				return q.CheckIn(ctx, a, id)
			}},
		{"confirm", "Confirm with one's passkey what one's endpoint is about to run", nil,
			func(ctx context.Context, q *queue.Queue, a auth.Actor, id elevation.RequestID, _ client.Answer) (queue.View, error) {
				return q.Confirm(ctx, a, id)
			}},
		{"remove", "Take a request off a list", nil,
			func(ctx context.Context, q *queue.Queue, a auth.Actor, id elevation.RequestID, _ client.Answer) (queue.View, error) {
				return q.Remove(ctx, a, id)
			}},
		{"claim", "Say that one looks at it, for ten minutes", []string{fieldNote},
			func(ctx context.Context, q *queue.Queue, a auth.Actor, id elevation.RequestID, in client.Answer) (queue.View, error) {
				return q.Claim(ctx, a, id, in.Note)
			}},
		{"nudge", "Remind of one's own request", nil,
			func(ctx context.Context, q *queue.Queue, a auth.Actor, id elevation.RequestID, _ client.Answer) (queue.View, error) {
				return q.Nudge(ctx, a, id)
			}},
		{"escalate", "Let one more team answer: the next on the ladder, or the named one", []string{fieldNote, fieldTeam},
			func(ctx context.Context, q *queue.Queue, a auth.Actor, id elevation.RequestID, in client.Answer) (queue.View, error) {
				return q.Escalate(ctx, a, id, in.Team, in.Comment, in.Note)
			}},
		{"prioritize", "Change the place in the queue", []string{fieldNote, fieldPriority},
			func(ctx context.Context, q *queue.Queue, a auth.Actor, id elevation.RequestID, in client.Answer) (queue.View, error) {
				return q.Prioritize(ctx, a, id, elevation.Priority(in.Priority), in.Note)
			}},
		{"after-review", "Review a request after its use", []string{fieldNote},
			func(ctx context.Context, q *queue.Queue, a auth.Actor, id elevation.RequestID, in client.Answer) (queue.View, error) {
				return q.LookBack(ctx, a, id, in.Comment, in.Note)
			}},
	}...)
}

// answers are the verbs of approvers who answer, and of requesters who answer
// them.
func answers() []act {
	review := func(v elevation.Verdict) doing {
		return func(ctx context.Context, q *queue.Queue, a auth.Actor, id elevation.RequestID, in client.Answer) (queue.View, error) {
			out := queue.ReviewIn{Verdict: v, Comment: in.Comment, Note: in.Note, Duration: time.Duration(in.DurationSeconds) * time.Second, Lasts: in.Lasts}
			if in.Start != nil {
				out.Start = *in.Start
			}
			return q.Review(ctx, a, id, out)
		}
	}
	return []act{
		{"approve", "Approve a request", []string{fieldNote, fieldDuration, fieldStart, fieldLasts}, review(elevation.Approved)},
		{"deny", "Deny a request", []string{fieldNote}, review(elevation.Denied)},
		{"ask", "Ask the requester something; the comment is the question, a note alone asks nothing", []string{fieldNote},
			func(ctx context.Context, q *queue.Queue, a auth.Actor, id elevation.RequestID, in client.Answer) (queue.View, error) {
				return q.Ask(ctx, a, id, in.Comment, in.Note)
			}},
		{"answer", "Answer the question about one's own request", nil,
			func(ctx context.Context, q *queue.Queue, a auth.Actor, id elevation.RequestID, in client.Answer) (queue.View, error) {
				return q.Reply(ctx, a, id, in.Comment)
			}},
	}
}

// own reports whether the verb is for one's own requests.
func (v act) own() bool {
	return slices.Contains([]string{"cancel", "check-in", "remove", "nudge", "answer"}, v.verb)
}

func (s *server) addVerbs() {
	handle(s, route{method: http.MethodGet, path: "/canned", id: "canned-texts", tag: "requests",
		summary: "Texts for questions and denials that the caller can choose from"},
		func(ctx context.Context, a auth.Actor, _ *struct{}) (client.CannedTexts, error) {
			questions, denials, err := s.cfg.Queue.Canned(ctx, a)
			return client.CannedTexts{Questions: list(questions), Denials: list(denials)}, err
		})
	for _, verb := range acts() {
		handle(s, route{method: http.MethodPost, path: "/requests/{id}/" + verb.verb, id: "request-" + verb.verb,
			summary: verb.summary, tag: "requests", example: verb.example(), hint: hint{seat: verb.own()}},
			func(ctx context.Context, a auth.Actor, in *actInput) (client.Request, error) {
				body := client.Answer{}
				if in.Body != nil {
					body = *in.Body
				}
				return s.act(ctx, a, verb, in.ID, body)
			})
	}
	handle(s, route{method: http.MethodGet, path: "/live", id: "live-list", tag: "requests", summary: "What runs now"},
		func(ctx context.Context, a auth.Actor, in *liveInput) (listing, error) {
			return s.listRequests(ctx, a, &requestListInput{Status: "active", Q: in.Q, Sort: in.Sort, Limit: in.Limit, Cursor: in.Cursor})
		})
	handle(s, route{method: http.MethodPost, path: "/live/{id}/terminate", id: "live-terminate", tag: "requests", summary: "End what runs",
		example: client.Answer{Comment: "the change is called off"}},
		func(ctx context.Context, a auth.Actor, in *actInput) (client.Request, error) {
			body := client.Answer{}
			if in.Body != nil {
				body = *in.Body
			}
			i := slices.IndexFunc(acts(), func(v act) bool { return v.verb == "revoke" })
			return s.act(ctx, a, acts()[i], in.ID, body)
		})
	handle(s, route{method: http.MethodPost, path: "/requests/batch", id: "request-batch", tag: "requests",
		summary: "Do one thing to several requests, or to a whole group, each on its own",
		example: client.Batch{Action: "approve", IDs: []string{"req_019aa8d2-6f3e-7c41-9d10-3b1f0c5f2a77"}, Comment: "ok for today", DurationSeconds: 1800}}, s.batch)
}

// example is a body with everything that the verb takes.
func (v act) example() client.Answer {
	out := client.Answer{Comment: "ok for today"}
	for _, f := range v.fields {
		switch f {
		case fieldNote:
			out.Note = "asked the team lead"
		case fieldDuration:
			out.DurationSeconds = 1800
		case fieldLasts:
			out.Lasts = "8h"
		case fieldPriority:
			out.Priority = "high"
		case fieldTeam:
			out.Team = "Approvers"
		}
	}
	return out
}

// takes refuses a body that says what the verb does not do.
func (v act) takes(in client.Answer) error {
	for _, f := range []struct {
		name string
		set  bool
	}{{fieldNote, in.Note != ""}, {fieldDuration, in.DurationSeconds != 0}, {fieldStart, in.Start != nil}, {fieldLasts, in.Lasts != ""},
		{fieldPriority, in.Priority != ""}, {fieldTeam, in.Team != ""}} {
		if f.set && !slices.Contains(v.fields, f.name) {
			return fmt.Errorf("%w: %s has no %s", elevation.ErrInvalid, v.verb, f.name)
		}
	}
	if in.DurationSeconds > int64(elevation.MaxDuration/time.Second) {
		return fmt.Errorf("%w: the duration is too long", elevation.ErrInvalid)
	}
	return nil
}

func (s *server) act(ctx context.Context, a auth.Actor, verb act, id string, in client.Answer) (client.Request, error) {
	if err := verb.takes(in); err != nil {
		return client.Request{}, err
	}
	if err := elevation.CheckID(elevation.RequestPrefix, id); err != nil {
		return client.Request{}, fmt.Errorf("request: %w", elevation.ErrNotFound)
	}
	v, err := verb.do(ctx, s.cfg.Queue, a, elevation.RequestID(id), in)
	if err != nil {
		return client.Request{}, err
	}
	return s.requestOf(v, s.names(ctx)), nil
}

// batch does one thing to each of several requests. One that fails changes
// nothing for the others.
func (s *server) batch(ctx context.Context, a auth.Actor, in *batchInput) (client.BatchResults, error) {
	out := client.BatchResults{Results: []client.BatchResult{}}
	if a.User == "" {
		return out, auth.ErrUnauthenticated
	}
	b := in.Body
	i := slices.IndexFunc(acts(), func(v act) bool { return v.verb == b.Action })
	if i < 0 {
		return out, fmt.Errorf("%w: no action is called %q", elevation.ErrInvalid, b.Action)
	}
	verb := acts()[i]
	body := client.Answer{Comment: b.Comment, Note: b.Note, DurationSeconds: b.DurationSeconds, Start: b.Start, Lasts: b.Lasts, Priority: b.Priority, Team: b.Team}
	if err := verb.takes(body); err != nil {
		return out, err
	}
	ids := b.IDs
	switch {
	case (b.Group == nil) == (len(ids) == 0):
		return out, fmt.Errorf("%w: say either ids or a group", elevation.ErrInvalid)
	case b.Group != nil:
		members, err := s.cfg.Queue.Members(ctx, a, b.Group.By, b.Group.Key)
		if err != nil {
			return out, err
		}
		for _, id := range members {
			ids = append(ids, string(id))
		}
	}
	var over error
	for _, id := range ids {
		r, err := client.Request{}, over
		if err == nil {
			r, err = s.act(ctx, a, verb, id, body)
		}
		if over == nil && (errors.Is(err, elevation.ErrNotAllowed) || errors.Is(err, elevation.ErrSelfApproval)) {
			over = s.door.take(a) // a refusal is a line of the audit log, as in a call of its own
		}
		res := client.BatchResult{ID: id, OK: err == nil, State: r.State}
		if err != nil {
			res.Error = s.door.fail(ctx, err, http.MethodPost, "/requests/batch").Problem
			if now, err := s.request(ctx, a, elevation.RequestID(id)); err == nil {
				res.State = now.State
			}
		}
		out.Results = append(out.Results, res)
	}
	out.RuleFrom = offer(a, b.Action, out.Results)
	return out, nil
}

// offer names the request from which a rule can be made: when the same answer
// was given several times by somebody who may write rules.
func offer(a auth.Actor, action string, results []client.BatchResult) *string {
	if action != "approve" || a.Can(auth.RulesWrite) != nil {
		return nil
	}
	good := 0
	var last *string
	for i, r := range results {
		if r.OK {
			good, last = good+1, &results[i].ID
		}
	}
	if good < 2 {
		return nil
	}
	return last
}
