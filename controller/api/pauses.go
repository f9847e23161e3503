package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/assent-epm/assent/controller/admin"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/controller/queue"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

type pauseListInput struct {
	ListInput
	Active bool `query:"active" doc:"Only those that have not ended."`
}

type newPauseInput struct{ Body client.NewPause }

type pauseEndpointInput struct {
	ID   string `path:"id" maxLength:"64" example:"ep_019aa8d2-2222-7c41-9d10-3b1f0c5f2a77"`
	Body client.PauseEndpoint
}

type pauseInput struct {
	ID string `path:"id" maxLength:"64" example:"pau_019aa8d2-7777-7c41-9d10-3b1f0c5f2a77"`
}

type attemptsInput struct {
	PageInput
	Endpoint string `query:"endpoint" maxLength:"200" doc:"Id or name."`
	User     string `query:"user" maxLength:"200" doc:"Name or uid on the endpoint."`
	Kind     string `query:"kind" enum:"observed,own,break_glass,around"`
	Since    string `query:"since" maxLength:"64" doc:"From this time (RFC 3339)." example:"2026-11-01T00:00:00Z"`
	Labels   string `query:"labels" maxLength:"2000" doc:"Only at endpoints with these labels, as k=v,k=v." example:"role=web"`
}

// addPauses serves what makes endpoints only observe, and what they saw.
func (s *server) addPauses() {
	handle(s, route{method: http.MethodGet, path: "/pauses", id: "pause-list", tag: "endpoints", summary: "Which endpoints only observe for a while"},
		func(ctx context.Context, a auth.Actor, in *pauseListInput) (client.List[client.Pause], error) {
			all, err := s.cfg.Admin.Pauses(ctx, a, in.Active)
			if err != nil {
				return client.List[client.Pause]{Items: []client.Pause{}}, err
			}
			return listed(all, &in.ListInput, fmt.Sprint("pauses ", in.Active), func(p store.Pause) string { return p.ID }, pauseOf)
		})
	handle(s, route{method: http.MethodPost, path: "/pauses", id: "pause-add", tag: "endpoints", status: http.StatusCreated,
		summary: "Let endpoints with some labels, or all, only observe for a while", example: client.NewPause{Labels: map[string]string{"role": "workstation"},
			DurationSeconds: 7200, Comment: "outage of the directory"}},
		func(ctx context.Context, a auth.Actor, in *newPauseInput) (client.Pause, error) {
			return s.pause(ctx, a, admin.NewPause{Labels: in.Body.Labels, Comment: in.Body.Comment}, in.Body.Until, in.Body.DurationSeconds)
		})
	handle(s, route{method: http.MethodPost, path: "/endpoints/{id}/pause", id: "endpoint-pause", tag: "endpoints", status: http.StatusCreated,
		summary: "Let one endpoint only observe for a while", example: client.PauseEndpoint{DurationSeconds: 7200, Comment: "somebody repairs it by hand"}},
		func(ctx context.Context, a auth.Actor, in *pauseEndpointInput) (client.Pause, error) {
			return s.pause(ctx, a, admin.NewPause{Endpoint: elevation.EndpointID(in.ID), Comment: in.Body.Comment}, in.Body.Until, in.Body.DurationSeconds)
		})
	handleEmpty(s, route{method: http.MethodDelete, path: "/pauses/{id}", id: "pause-end", tag: "endpoints", summary: "End a pause before its time"},
		func(ctx context.Context, a auth.Actor, in *pauseInput) error {
			return s.cfg.Admin.Resume(ctx, a, in.ID)
		})
	handle(s, route{method: http.MethodGet, path: "/attempts", id: "attempt-list", tag: "endpoints",
		summary: "What endpoints let go on without a question"}, s.attempts)
}

func (s *server) pause(ctx context.Context, a auth.Actor, in admin.NewPause, until *time.Time, seconds int64) (client.Pause, error) {
	if until != nil {
		in.Until = *until
	}
	in.Duration = time.Duration(seconds) * time.Second
	p, err := s.cfg.Admin.Pause(ctx, a, in)
	if err != nil {
		return client.Pause{}, err
	}
	return pauseOf(p), nil
}

func pauseOf(p store.Pause) client.Pause {
	state := "active"
	if !p.EndedAt.IsZero() {
		state = "ended"
	}
	return client.Pause{ID: p.ID, EndpointID: string(p.Endpoint), Labels: object(p.Labels), Until: p.Until.UTC(), State: state, Comment: p.Why,
		CreatedBy: p.By.Name, CreatedAt: p.At.UTC(), EndedBy: p.EndedBy.Name, EndedAt: moment(p.EndedAt)}
}

func (s *server) attempts(ctx context.Context, a auth.Actor, in *attemptsInput) (client.List[client.SeenAttempt], error) {
	out := client.List[client.SeenAttempt]{Items: []client.SeenAttempt{}}
	labels, err := labelsIn(in.Labels)
	if err != nil {
		return out, err
	}
	f := queue.SeenFilter{Endpoint: in.Endpoint, User: in.User, Kind: wire.SeenKind(in.Kind), Labels: labels, Cursor: in.Cursor, Limit: in.Limit}
	if in.Since != "" {
		t, err := time.Parse(time.RFC3339, in.Since)
		if err != nil {
			return out, fmt.Errorf("%w: since is an RFC 3339 time", elevation.ErrInvalid)
		}
		f.Since = t
	}
	page, err := s.cfg.Queue.Attempts(ctx, a, f)
	if err != nil {
		return out, err
	}
	for _, x := range page.Items {
		t := x.Attempt.Subject
		out.Items = append(out.Items, client.SeenAttempt{ID: string(x.ID), Kind: string(x.Kind), At: x.At.UTC(), Times: x.Times,
			EndpointID: string(x.Endpoint), Endpoint: x.EndpointName, User: client.SeenUser{Name: x.Attempt.User.Name, UID: x.Attempt.User.UID},
			AccessType: string(x.Attempt.AccessType), Mechanism: x.Attempt.Mechanism, Path: t.Path, Args: list(t.Args), Cwd: t.Cwd, RunAs: t.RunAs,
			SHA256: t.SHA256, Would: x.Would, Rule: x.Rule})
	}
	out.Total, out.TotalIsLowerBound, out.NextCursor = int64(len(out.Items)), page.Next != "", page.Next
	return out, nil
}
