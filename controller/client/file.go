package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// NewRequest files a request away from the endpoint: for oneself, by a strong
// link to a user of the endpoint, or as an approver for somebody else.
type NewRequest struct {
	ID              string     `json:"id,omitempty" maxLength:"64" example:"req_019aa8d2-6f3e-7c41-9d10-3b1f0c5f2a77" doc:"Made by the caller, so that a repeated call makes nothing twice."`
	AccessType      string     `json:"access_type" enum:"run,session,admin"`
	Endpoint        string     `json:"endpoint" minLength:"1" maxLength:"200" example:"ubu-0810" doc:"Id or name."`
	FromRequest     string     `json:"from_request,omitempty" maxLength:"64" example:"req_019aa8d2-0000-7c41-9d10-3b1f0c5f2a77" doc:"For run: a request of the same endpoint that has the program."`
	ForUser         string     `json:"for_user,omitempty" maxLength:"256" example:"dina" doc:"Name of the user at the endpoint; approvers only, never for themselves."`
	Justification   string     `json:"justification" maxLength:"2000" example:"restart after the update, INC-4821"`
	Ticket          string     `json:"ticket,omitempty" maxLength:"200" example:"INC-4821"`
	Priority        string     `json:"priority,omitempty" enum:"low,normal,high,urgent"`
	Start           *time.Time `json:"start,omitempty" doc:"Absent means now. With a start the window ends at start and duration."`
	DurationSeconds int64      `json:"duration_seconds,omitempty" minimum:"1" maximum:"28800" example:"1800" doc:"Absent means the usual time of the access type."`
	Emergency       bool       `json:"emergency,omitempty" doc:"Granted at once and reviewed afterwards."`
}

// Again is the body of resubmit and extend. What is absent stays as it was.
type Again struct {
	ID              string     `json:"id,omitempty" maxLength:"64" example:"req_019aa8d2-6f3e-7c41-9d10-3b1f0c5f2a77" doc:"Of the new request, made by the caller."`
	Justification   string     `json:"justification,omitempty" maxLength:"2000" example:"restart after the update, INC-4821"`
	Comment         string     `json:"comment,omitempty" maxLength:"2000" example:"one more server" doc:"The same as justification."`
	Ticket          string     `json:"ticket,omitempty" maxLength:"200" example:"INC-4821"`
	Priority        string     `json:"priority,omitempty" enum:"low,normal,high,urgent"`
	Start           *time.Time `json:"start,omitempty" doc:"For resubmit."`
	DurationSeconds int64      `json:"duration_seconds,omitempty" minimum:"1" maximum:"28800" example:"1800" doc:"For extend: how much more."`
}

// Access is a lasting answer: a personal rule with an end.
type Access struct {
	ID              string      `json:"id" example:"acc_019aa8d2-5555-7c41-9d10-3b1f0c5f2a77"`
	User            string      `json:"user" example:"dina" doc:"Name at the endpoint."`
	Endpoint        EndpointRef `json:"endpoint"`
	Subject         Subject     `json:"subject"`
	Pin             string      `json:"pin" enum:"publisher,path,sha256" doc:"By what the program is known again."`
	DurationSeconds int64       `json:"duration_seconds" example:"1800"`
	Rules           []string    `json:"rules" nullable:"false" doc:"Rules that wanted a person then, as name@version; a newer one is stronger."`
	RequestID       string      `json:"request_id" example:"req_019aa8d2-6f3e-7c41-9d10-3b1f0c5f2a77"`
	By              Person      `json:"by"`
	At              time.Time   `json:"at"`
	Until           time.Time   `json:"until"`
}

// File makes a request. Repeated with the same id and body it is the same one.
func (c *Client) File(ctx context.Context, in NewRequest) (Request, error) {
	return Post[Request](ctx, c, "/requests", in)
}

// Again resubmits ("resubmit") or extends ("extend") a request; the answer is
// the new one.
func (c *Client) Again(ctx context.Context, id, action string, in Again) (Request, error) {
	return Post[Request](ctx, c, "/requests/"+url.PathEscape(id)+"/"+action, in)
}

// EndAccess ends a lasting answer.
func (c *Client) EndAccess(ctx context.Context, id string) error {
	return c.Call(ctx, http.MethodDelete, "/access/"+url.PathEscape(id), nil, nil, nil)
}
