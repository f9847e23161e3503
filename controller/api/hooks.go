package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/assent-epm/assent/controller/admin"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/controller/queue"
	"github.com/assent-epm/assent/shared/elevation"
)

// HookInput names a hook in the path.
type HookInput struct {
	ID string `path:"id" maxLength:"200" doc:"Id or name." example:"hook_019aa8d2-1111-7c41-9d10-3b1f0c5f2a77"`
}

type newHookInput struct{ Body client.NewHook }

type previewInput struct{ Body client.PreviewTemplate }

type hookCallInput struct {
	HookInput
	MessageID string `header:"webhook-id" maxLength:"200" doc:"The same in every retry."`
	Timestamp string `header:"webhook-timestamp" maxLength:"20" doc:"Seconds since 1970, at most five minutes away."`
	Signature string `header:"webhook-signature" maxLength:"1000" doc:"v1, and the signature in base64; several are parted by blanks."`
	RawBody   []byte
	Body      client.HookCall
}

// hookBody is how much another system may say in one call.
const hookBody = 16 << 10

func (s *server) addHooks() {
	handle(s, route{method: http.MethodPost, path: "/channels/preview", id: "channel-preview", tag: "alerts", summary: "See what a template makes of an example",
		example: client.PreviewTemplate{Template: "slack", Kind: "request.submitted"}},
		func(ctx context.Context, a auth.Actor, in *previewInput) (client.TemplatePreview, error) {
			text, kind, err := s.cfg.Admin.PreviewTemplate(ctx, a, in.Body.Template, in.Body.Body, in.Body.Kind)
			return client.TemplatePreview{ContentType: kind, Body: text}, err
		})
	handle(s, route{method: http.MethodGet, path: "/hooks", id: "hook-list", tag: "hooks", summary: "List ways in for other systems"},
		paged(s.cfg.Admin.Hooks, "hooks", func(h admin.Hook) string { return h.ID }, hookOf))
	handle(s, route{method: http.MethodPost, path: "/hooks", id: "hook-add", tag: "hooks", status: http.StatusCreated, summary: "Make a way in for another system",
		hint: hint{secret: true}},
		func(ctx context.Context, a auth.Actor, in *newHookInput) (client.Hook, error) {
			h, err := s.cfg.Admin.AddHook(ctx, a, in.Body.Name, in.Body.Kind)
			return hookOf(h), err
		})
	handleEmpty(s, route{method: http.MethodDelete, path: "/hooks/{id}", id: "hook-delete", tag: "hooks", summary: "Delete a hook"},
		func(ctx context.Context, a auth.Actor, in *HookInput) error {
			return s.cfg.Admin.DeleteHook(ctx, a, in.ID)
		})
	handle(s, route{method: http.MethodPost, path: "/hooks/{id}", id: "hook-call", tag: "hooks", hint: hint{public: true, limit: hookBody},
		summary: "Say something about requests, signed by the hook's secret; it never decides",
		example: client.HookCall{Ticket: "INC-4821", State: "closed", Text: "the change was postponed"}}, s.hookCall)
}

func hookOf(h admin.Hook) client.Hook {
	return client.Hook{ID: h.ID, Name: h.Name, Kind: h.Kind, Secret: h.Made, MadeBy: h.Hook.By.Name, MadeAt: h.MadeAt.UTC(), UsedAt: moment(h.UsedAt)}
}

func (s *server) hookCall(ctx context.Context, _ auth.Actor, in *hookCallInput) (client.HookHeard, error) {
	h, once, err := s.cfg.Admin.KnownHook(ctx, admin.HookCall{Hook: in.ID, Address: callerOf(ctx).address, ID: in.MessageID,
		Timestamp: in.Timestamp, Signature: in.Signature, Body: in.RawBody})
	if err != nil {
		return client.HookHeard{}, err
	}
	b := in.Body
	heard := queue.Heard{By: h.Speaker(), Text: b.Text, Once: once}
	switch {
	case h.Kind == admin.HookNote && b.Request != "" && strings.TrimSpace(b.Text) != "" && b.Ticket == "" && b.State == "":
		heard.Request = elevation.RequestID(b.Request)
	case h.Kind == admin.HookTicket && b.Ticket != "" && (b.State != "" || b.Text != "") && b.Request == "":
		heard.Ticket, heard.State = b.Ticket, b.State
		heard.Closed = slices.Contains([]string{"closed", "resolved", "done", "cancelled", "canceled"}, strings.ToLower(strings.TrimSpace(b.State)))
	default:
		return client.HookHeard{}, fmt.Errorf("%w: a hook of the kind note says request and text, one of the kind ticket says ticket, state and text", elevation.ErrInvalid)
	}
	n, err := s.cfg.Queue.Hear(ctx, heard)
	return client.HookHeard{Requests: int64(n)}, err
}
