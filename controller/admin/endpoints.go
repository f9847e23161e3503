package admin

import (
	"context"
	"fmt"
	"maps"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// Endpoints lists endpoints inside the actor's scope, in the order of their
// ids. Deleted ones are never shown.
func (a *Admin) Endpoints(ctx context.Context, act auth.Actor, f store.EndpointFilter) (list []store.Endpoint, err error) {
	if err := act.Can(auth.EndpointsRead); err != nil {
		return nil, err
	}
	scope := maps.Clone(f.Scope)
	for k, v := range act.Scope {
		if asked, ok := scope[k]; ok && asked != v {
			return nil, nil // outside of what the actor may see
		}
		if scope == nil {
			scope = map[string]string{}
		}
		scope[k] = v
	}
	f.Scope, f.Deleted = scope, false
	err = a.cfg.Store.View(ctx, func(tx *store.Tx) error { list, err = tx.Endpoints(f); return err })
	return list, err
}

// Endpoint is one endpoint; outside the actor's scope, and deleted, it is not
// found.
func (a *Admin) Endpoint(ctx context.Context, act auth.Actor, id elevation.EndpointID) (e store.Endpoint, err error) {
	if err := act.Can(auth.EndpointsRead); err != nil {
		return e, err
	}
	err = a.cfg.Store.View(ctx, func(tx *store.Tx) error { e, err = visible(tx, act, id); return err })
	return e, err
}

func visible(tx *store.Tx, act auth.Actor, id elevation.EndpointID) (store.Endpoint, error) {
	e, err := tx.Endpoint(id)
	if err != nil {
		return store.Endpoint{}, err
	}
	if !e.DeletedAt.IsZero() || !act.Covers(e.EffectiveLabels()) {
		return store.Endpoint{}, fmt.Errorf("endpoint %s: %w", id, elevation.ErrNotFound)
	}
	return e, nil
}

// DeleteEndpoint deletes an endpoint and bans its key: it can not connect any
// more, and enrols again only with a new key and a token. The caller ends its
// session.
func (a *Admin) DeleteEndpoint(ctx context.Context, act auth.Actor, id elevation.EndpointID) error {
	if err := a.may(ctx, act, auth.EndpointsWrite, "endpoint.delete"); err != nil {
		return err
	}
	return a.change(ctx, func(tx *store.Tx) (audit.Event, error) {
		e, err := visible(tx, act, id)
		if err != nil {
			return audit.Event{}, err
		}
		e.DeletedAt = a.cfg.Now()
		if err := tx.PutEndpoint(e); err != nil {
			return audit.Event{}, err
		}
		ev := a.event(act, audit.EndpointDeleted, map[string]string{"name": audit.Clip(e.Name, 255)})
		ev.Endpoint = id
		return ev, nil
	})
}

// EditEndpoint changes what administrators say of an endpoint; what is nil stays.
type EditEndpoint struct {
	Labels *map[string]string // all that are given, anew
}

// EditEndpoint changes an endpoint. It stays inside the actor's scope.
func (a *Admin) EditEndpoint(ctx context.Context, act auth.Actor, id elevation.EndpointID, in EditEndpoint) (e store.Endpoint, err error) {
	if err := a.may(ctx, act, auth.EndpointsWrite, "endpoint.edit"); err != nil {
		return e, err
	}
	if in.Labels != nil {
		if err := checkLabels(*in.Labels); err != nil {
			return e, err
		}
	}
	var beyond error
	err = a.change(ctx, func(tx *store.Tx) (audit.Event, error) {
		beyond = nil
		if e, err = visible(tx, act, id); err != nil {
			return audit.Event{}, err
		}
		was := labelList(e.Labels)
		if in.Labels != nil {
			e.Labels = *in.Labels
		}
		if labelList(e.Labels) == was {
			return audit.Event{}, nil
		}
		if !act.Covers(e.EffectiveLabels()) {
			beyond = fmt.Errorf("%w: with these labels the endpoint would be outside of your scope", elevation.ErrNotAllowed)
			return audit.Event{}, beyond
		}
		ev := a.event(act, audit.EndpointChanged, map[string]string{"name": audit.Clip(e.Name, 255), "labels": labelList(e.Labels), "labels_before": was})
		ev.Endpoint = id
		return ev, tx.PutEndpoint(e)
	})
	if beyond != nil {
		return e, a.refuse(ctx, act, "endpoint.edit", beyond)
	}
	if err == nil && in.Labels != nil {
		a.bundlesChanged()
		err = a.SendPolicy(ctx, id) // other labels, perhaps another policy
	}
	return e, err
}
