package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// NewHook asks for a way in for another system.
type NewHook struct {
	Name string `json:"name" minLength:"1" maxLength:"200" example:"Service desk"`
	Kind string `json:"kind" enum:"note,ticket" example:"ticket" doc:"note says something about one request; ticket says what became of a ticket."`
}

// Hook is a way in for another system. Its calls are signed after the Standard
// Webhooks specification; they never decide anything.
type Hook struct {
	ID     string     `json:"id" example:"hook_019aa8d2-1111-7c41-9d10-3b1f0c5f2a77"`
	Name   string     `json:"name" example:"Service desk"`
	Kind   string     `json:"kind" enum:"note,ticket" example:"ticket"`
	Secret string     `json:"secret,omitempty" example:"" doc:"Only in the answer to the call that made it."`
	MadeBy string     `json:"made_by" example:"ada"`
	MadeAt time.Time  `json:"made_at"`
	UsedAt *time.Time `json:"used_at" doc:"When it was called last; null when it never was."`
}

// HookCall is what another system says.
type HookCall struct {
	Request string `json:"request,omitempty" maxLength:"64" example:"req_019aa8d2-6f3e-7c41-9d10-3b1f0c5f2a77" doc:"note: which request."`
	Ticket  string `json:"ticket,omitempty" maxLength:"200" example:"INC-4821" doc:"ticket: which one."`
	State   string `json:"state,omitempty" maxLength:"100" example:"closed" doc:"ticket: its state; closed, resolved, done, cancelled and canceled mark caution where a request waits."`
	Text    string `json:"text,omitempty" maxLength:"1500" example:"the change was postponed"`
}

// HookHeard says how many requests that was about.
type HookHeard struct {
	Requests int64 `json:"requests" example:"1"`
}

// PreviewTemplate asks what a template makes of an example.
type PreviewTemplate struct {
	Template string `json:"template,omitempty" maxLength:"64" example:"slack" doc:"Name of a template that is shipped."`
	Body     string `json:"body,omitempty" maxLength:"32768" doc:"In place of it: a template of one's own."`
	Kind     string `json:"kind,omitempty" maxLength:"64" example:"request.submitted" doc:"Kind of the event of the example, or digest or test."`
}

// TemplatePreview is what came of it.
type TemplatePreview struct {
	ContentType string `json:"content_type" example:"application/json"`
	Body        string `json:"body" example:"{}"`
}

// Hooks lists the hooks.
func (c *Client) Hooks(ctx context.Context) (List[Hook], error) {
	return Get[List[Hook]](ctx, c, "/hooks", nil)
}

// AddHook makes a hook; its secret is in this answer only.
func (c *Client) AddHook(ctx context.Context, h NewHook) (Hook, error) {
	return Post[Hook](ctx, c, "/hooks", h)
}

// DeleteHook deletes a hook, named by id or name.
func (c *Client) DeleteHook(ctx context.Context, name string) error {
	return c.Call(ctx, http.MethodDelete, "/hooks/"+url.PathEscape(name), nil, nil, nil)
}

// PreviewTemplate shows what a template makes of an example.
func (c *Client) PreviewTemplate(ctx context.Context, in PreviewTemplate) (TemplatePreview, error) {
	return Post[TemplatePreview](ctx, c, "/channels/preview", in)
}
