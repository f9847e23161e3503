package api

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/controller/queue"
	"github.com/assent-epm/assent/shared/elevation"
)

type newRequestInput struct{ Body client.NewRequest }

type againInput struct {
	RequestInput
	Body *client.Again
}

type accessListInput struct {
	ListInput
	Mine bool `query:"mine" doc:"Only the caller's own."`
}

type accessInput struct {
	ID string `path:"id" maxLength:"64" example:"acc_019aa8d2-5555-7c41-9d10-3b1f0c5f2a77"`
}

// addFiling adds what makes requests, and lasting answers.
func (s *server) addFiling() {
	handleMade(s, route{method: http.MethodPost, path: "/requests", id: "request-new", tag: "requests", summary: "Ask for access", hint: hint{seat: true}}, s.fileRequest)
	again := func(verb, summary string, do func(context.Context, auth.Actor, elevation.RequestID, queue.AgainIn) (queue.View, error)) {
		handle(s, route{method: http.MethodPost, path: "/requests/{id}/" + verb, id: "request-" + verb, tag: "requests", summary: summary, hint: hint{seat: true}},
			func(ctx context.Context, a auth.Actor, in *againInput) (client.Request, error) {
				v, err := do(ctx, a, elevation.RequestID(in.ID), againOf(in.Body))
				if err != nil {
					return client.Request{}, err
				}
				return s.requestOf(v, s.names(ctx)), nil
			})
	}
	again("resubmit", "Ask again for what is over; the answer is the new request", s.cfg.Queue.Resubmit)
	again("extend", "Ask for more time of what is in use; the answer is the new request", s.cfg.Queue.Extend)
	handle(s, route{method: http.MethodGet, path: "/access", id: "access-list", tag: "requests", summary: "List answers that last", hint: hint{seat: true}}, s.listAccess)
	handleEmpty(s, route{method: http.MethodDelete, path: "/access/{id}", id: "access-delete", tag: "requests", summary: "End an answer that lasts", hint: hint{seat: true}},
		func(ctx context.Context, a auth.Actor, in *accessInput) error {
			return s.cfg.Queue.EndAccess(ctx, a, elevation.AccessID(in.ID))
		})
}

// handleMade is handle for what answers 201 when it made something and 200 when
// it was there.
func handleMade[In, Out any](s *server, r route, h func(context.Context, auth.Actor, *In) (out Out, made bool, err error)) {
	r.status = http.StatusCreated
	op := s.operation(r)
	huma.Register(s.huma, op, func(ctx context.Context, in *In) (*answer[Out], error) {
		out, made, err := h(ctx, callerOf(ctx).actor, in)
		if err != nil {
			return nil, s.door.fail(ctx, err, op.Method, op.Path)
		}
		status := http.StatusOK
		if made {
			status = http.StatusCreated
		}
		return &answer[Out]{Status: status, Body: out}, nil
	})
	created := op.Responses[strconv.Itoa(http.StatusCreated)]
	op.Responses[strconv.Itoa(http.StatusOK)] = &huma.Response{Description: "It was there already.", Content: created.Content}
}

func (s *server) fileRequest(ctx context.Context, a auth.Actor, in *newRequestInput) (client.Request, bool, error) {
	b := in.Body
	v, made, err := s.cfg.Queue.File(ctx, a, queue.FileIn{ID: elevation.RequestID(b.ID), AccessType: elevation.AccessType(b.AccessType), Endpoint: b.Endpoint,
		FromRequest: elevation.RequestID(b.FromRequest), ForUser: b.ForUser, Justification: b.Justification, Ticket: b.Ticket,
		Priority: elevation.Priority(b.Priority), Start: timeOf(b.Start), Duration: time.Duration(b.DurationSeconds) * time.Second, Emergency: b.Emergency})
	if err != nil {
		return client.Request{}, false, err
	}
	return s.requestOf(v, s.names(ctx)), made, nil
}

func againOf(b *client.Again) queue.AgainIn {
	if b == nil {
		return queue.AgainIn{}
	}
	return queue.AgainIn{ID: elevation.RequestID(b.ID), Justification: first(b.Justification, b.Comment), Ticket: b.Ticket,
		Priority: elevation.Priority(b.Priority), Start: timeOf(b.Start), Duration: time.Duration(b.DurationSeconds) * time.Second}
}

func timeOf(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

func (s *server) listAccess(ctx context.Context, a auth.Actor, in *accessListInput) (client.List[client.Access], error) {
	all, err := s.cfg.Queue.Access(ctx, a, in.Mine)
	if err != nil {
		return client.List[client.Access]{Items: []client.Access{}}, err
	}
	names := s.names(ctx)
	return listed(all, &in.ListInput, fmt.Sprint("access ", in.Mine), func(x queue.Standing) string { return string(x.Access.ID) },
		func(x queue.Standing) client.Access {
			return client.Access{ID: string(x.ID), User: x.Attempt.User.Name, Endpoint: endpointRef(x.EndpointRow), Subject: subjectOf(x.Attempt.Subject),
				Pin: string(x.Pin), DurationSeconds: whole(x.Duration), Rules: list(x.Rules), RequestID: string(x.Request),
				By: names.person(x.By), At: x.At.UTC(), Until: x.Until.UTC()}
		})
}
