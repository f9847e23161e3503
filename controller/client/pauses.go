package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// NewPause lets endpoints with some labels only observe for a while.
type NewPause struct {
	Labels          map[string]string `json:"labels,omitempty" doc:"None: every endpoint."`
	Until           *time.Time        `json:"until,omitempty" doc:"In place of a duration."`
	DurationSeconds int64             `json:"duration_seconds,omitempty" minimum:"1" maximum:"604800" example:"7200"`
	Comment         string            `json:"comment" minLength:"1" maxLength:"2000" example:"outage of the directory"`
}

// PauseEndpoint lets one endpoint only observe for a while.
type PauseEndpoint struct {
	Until           *time.Time `json:"until,omitempty" doc:"In place of a duration."`
	DurationSeconds int64      `json:"duration_seconds,omitempty" minimum:"1" maximum:"604800" example:"7200"`
	Comment         string     `json:"comment" minLength:"1" maxLength:"2000" example:"somebody repairs it by hand"`
}

// Pause says that endpoints only observe until a time: nothing is held or asked
// for there, and what happens is history.
type Pause struct {
	ID         string            `json:"id" example:"pau_019aa8d2-7777-7c41-9d10-3b1f0c5f2a77"`
	EndpointID string            `json:"endpoint_id" example:"" doc:"Empty: those with the labels."`
	Labels     map[string]string `json:"labels" nullable:"false" doc:"None and no endpoint_id: every endpoint."`
	Until      time.Time         `json:"until"`
	State      string            `json:"state" enum:"active,ended"`
	Comment    string            `json:"comment" example:"outage of the directory"`
	CreatedBy  string            `json:"created_by" example:"ada"`
	CreatedAt  time.Time         `json:"created_at"`
	EndedBy    string            `json:"ended_by" example:"ada" doc:"Empty: it has not ended, or by itself."`
	EndedAt    *time.Time        `json:"ended_at"`
}

// SeenAttempt is something that an endpoint let go on without a question.
type SeenAttempt struct {
	ID         string    `json:"id" example:"req_019aa8d2-6f3e-7c41-9d10-3b1f0c5f2a77" doc:"Made by the endpoint; there is no request of this id."`
	Kind       string    `json:"kind" enum:"observed,own,break_glass,around" doc:"own: by a right of their own; around: by a setuid program that is not held."`
	At         time.Time `json:"at"`
	Times      int       `json:"times" example:"3" doc:"Within a minute."`
	EndpointID string    `json:"endpoint_id" example:"ep_019aa8d2-2222-7c41-9d10-3b1f0c5f2a77"`
	Endpoint   string    `json:"endpoint" example:"web-1"`
	User       SeenUser  `json:"user"`
	AccessType string    `json:"access_type" example:"run"`
	Mechanism  string    `json:"mechanism" example:"sudo"`
	Path       string    `json:"path" example:"/usr/bin/apt"`
	Args       []string  `json:"args" nullable:"false" example:"[\"update\"]" doc:"Masked."`
	Cwd        string    `json:"cwd" example:"/home/dina"`
	RunAs      string    `json:"run_as" example:"root"`
	SHA256     string    `json:"sha256" example:"d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2"`
	Would      string    `json:"would" enum:"approve,deny,ask," example:"ask" doc:"What the rules said when it came; empty: they could not be asked."`
	Rule       string    `json:"rule" example:"apt-update@3"`
}

// SeenUser is a user of an endpoint.
type SeenUser struct {
	Name string `json:"name" example:"dina"`
	UID  string `json:"uid" example:"1000"`
}

// Pause lets endpoints with some labels only observe for a while.
func (c *Client) Pause(ctx context.Context, in NewPause) (Pause, error) {
	return Post[Pause](ctx, c, "/pauses", in)
}

// PauseEndpoint lets one endpoint only observe for a while.
func (c *Client) PauseEndpoint(ctx context.Context, id string, in PauseEndpoint) (Pause, error) {
	return Post[Pause](ctx, c, "/endpoints/"+url.PathEscape(id)+"/pause", in)
}

// Pauses are the pauses, the newest first; open leaves out those that have ended.
func (c *Client) Pauses(ctx context.Context, open bool) ([]Pause, error) {
	q := url.Values{}
	if open {
		q.Set("active", "true")
	}
	return All[Pause](ctx, c, "/pauses", q, 0)
}

// Resume ends a pause.
func (c *Client) Resume(ctx context.Context, id string) error {
	return c.Call(ctx, http.MethodDelete, "/pauses/"+url.PathEscape(id), nil, nil, nil)
}
