package api

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/controller/queue"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// Told is what a message says: an event, and the request that it is about, as
// one reader may see them.
type Told struct {
	Event    json.RawMessage
	Request  json.RawMessage
	By       string
	Facts    elevation.Request
	Endpoint string
	Data     map[string]string
}

// Tell shows an event (nil: none) and a request ("": none) to a reader, in the
// shapes of this door. [elevation.ErrNotFound] when the reader may not know of
// the request. Whether they may know of an event that is about none, the caller
// has asked. Notes of approvers are left out: messages are passed on.
func (a *API) Tell(ctx context.Context, reader auth.Actor, e *audit.Event, id elevation.RequestID) (t Told, err error) {
	s := a.server
	var veiled bool
	if id != "" {
		v, err := s.cfg.Queue.Get(ctx, reader, id)
		if err != nil {
			return t, err
		}
		v.Request.Notes = nil
		t.Facts, t.Endpoint, veiled = v.Request, endpointName(v.Endpoint), v.Veiled
		if t.Request, err = json.Marshal(s.requestOf(v, s.names(ctx))); err != nil {
			return t, fmt.Errorf("write a request: %w", err)
		}
	}
	if e == nil {
		return t, nil
	}
	shown := auditEvent(*e)
	if by := queue.Veil(reader, e.Actor); veiled && by != e.Actor {
		shown.Actor = client.AuditActor{Kind: string(by.Kind), Name: by.Name}
	}
	t.By, t.Data = shown.Actor.Name, shown.Data
	if t.Event, err = json.Marshal(shown); err != nil {
		return t, fmt.Errorf("write an event: %w", err)
	}
	if id == "" && e.Endpoint != "" {
		if ep, err := s.cfg.Store.Endpoint(ctx, e.Endpoint); err == nil {
			t.Endpoint = endpointName(ep)
		}
	}
	return t, nil
}

func endpointName(ep store.Endpoint) string { return first(ep.Name, string(ep.ID)) }
