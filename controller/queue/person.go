package queue

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/delegation"
	"github.com/assent-epm/assent/shared/elevation"
)

// This file finds for which user of an endpoint a request is filed away from it.

// stranger is the error for a user of an endpoint of whom nothing is known: they have
// asked for nothing there yet, and no link has both name and uid. The endpoint may say.
type stranger struct {
	endpoint  elevation.EndpointID
	name, uid string // one of them may be ""
	kind      error
}

func (s *stranger) Error() string {
	return fmt.Sprintf("%v: nothing is known of %s of this endpoint yet, and it does not say: try again when it is connected, or link an account to them by name and uid",
		s.kind, s.who())
}

func (s *stranger) Unwrap() error { return s.kind }

func (s *stranger) who() string {
	if s.name == "" {
		return "a user with the uid " + audit.Clip(s.uid, 64)
	}
	return fmt.Sprintf("a user %q", audit.Clip(s.name, 64))
}

// meet asks the endpoint about a stranger.
func (q *Queue) meet(ctx context.Context, s *stranger) (elevation.User, error) {
	if q.cfg.Who == nil {
		return elevation.User{}, s
	}
	u, err := q.cfg.Who(ctx, s.endpoint, s.name, s.uid)
	if errors.Is(err, elevation.ErrNotFound) {
		return elevation.User{}, fmt.Errorf("%w: this endpoint does not find %s", s.kind, s.who())
	}
	if err != nil {
		return elevation.User{}, s
	}
	return u, nil
}

// isAt reports whether a link is of this endpoint, or of a directory and so of all.
func isAt(l delegation.Link, ep elevation.EndpointID) bool {
	return l.Endpoint == ep || l.Endpoint == ""
}

// linkedTo reports whether a strong link of the account names an endpoint.
func linkedTo(p delegation.Plan, u elevation.UserID, ep elevation.EndpointID) bool {
	for _, l := range p.Links {
		if u != "" && l.User == u && isAt(l, ep) {
			return true
		}
	}
	return false
}

// person finds the user of the endpoint for whom it is filed. Names are known
// from what the endpoint has asked before, from links and from what it said when it
// was asked (met); the endpoint compares name and uid again.
func (f *filing) person(tx *store.Tx, in FileIn, from elevation.Request, met elevation.User) (elevation.User, elevation.Origin, error) {
	a := f.actor
	if in.ForUser != "" && a.Can(auth.RequestsDecide) == nil {
		if !a.Covers(f.ep.EffectiveLabels()) {
			return elevation.User{}, "", fmt.Errorf("endpoint: %w", elevation.ErrNotFound)
		}
		u, err := f.named(tx, in.ForUser, met)
		return u, elevation.FromBehalf, err
	}
	mine, err := f.own(tx, met)
	if err != nil {
		return elevation.User{}, "", err
	}
	for _, u := range mine {
		switch {
		case in.ForUser != "" && !strings.EqualFold(in.ForUser, u.Name):
		case in.ForUser == "" && from.ID != "" && len(mine) > 1 && from.Attempt.User.UID != u.UID:
		default:
			return u, elevation.FromPortal, nil
		}
	}
	if s := f.half(in.ForUser); s != nil && met.UID == "" {
		return elevation.User{}, "", s
	}
	if in.ForUser == "" && a.Can(auth.RequestsDecide) == nil {
		return elevation.User{}, "", fmt.Errorf("%w: say for whom (for_user), or have your account linked to a user of this endpoint", elevation.ErrNotAllowed)
	}
	return elevation.User{}, "", fmt.Errorf("%w: your account is not linked to that user of this endpoint", elevation.ErrNotAllowed)
}

// half is the actor's user of the endpoint by a strong link that has only a name or
// only a uid, the link of this very endpoint first; with forUser a name must be that.
func (f *filing) half(forUser string) (found *stranger) {
	for _, l := range f.plan.Links {
		if f.actor.User == "" || l.User != f.actor.User || !isAt(l, f.ep.ID) ||
			(l.Name == "") == (l.UID == "") || forUser != "" && l.Name != "" && !strings.EqualFold(l.Name, forUser) {
			continue
		}
		if found == nil || l.Endpoint != "" {
			found = &stranger{endpoint: f.ep.ID, name: l.Name, uid: l.UID, kind: elevation.ErrNotAllowed}
		}
	}
	return found
}

// named finds a user of the endpoint by name.
func (f *filing) named(tx *store.Tx, name string, met elevation.User) (elevation.User, error) {
	last, err := tx.LastOf(f.ep.ID, name)
	if err == nil && last.Attempt.User.Name == name {
		return last.Attempt.User, nil
	}
	if err != nil && !errors.Is(err, elevation.ErrNotFound) {
		return elevation.User{}, err
	}
	for _, l := range f.plan.Links {
		if l.Name == name && l.UID != "" && isAt(l, f.ep.ID) {
			return elevation.User{Name: l.Name, UID: l.UID, Groups: []string{}}, nil
		}
	}
	switch {
	case strings.EqualFold(met.Name, name):
		return met, nil
	case met.UID != "":
		return elevation.User{}, fmt.Errorf("%w: this endpoint calls that user %q", elevation.ErrConflict, audit.Clip(met.Name, 64))
	}
	return elevation.User{}, &stranger{endpoint: f.ep.ID, name: name, kind: elevation.ErrConflict}
}

// own are the users of the endpoint that the actor is by strong links.
func (f *filing) own(tx *store.Tx, met elevation.User) ([]elevation.User, error) {
	if at := f.actor.Seat; at != (auth.Seat{}) {
		return []elevation.User{{Name: at.Name, UID: at.UID, Groups: []string{}}}, nil
	}
	var out []elevation.User
	add := func(u elevation.User) {
		for _, o := range out {
			if o.UID == u.UID {
				return
			}
		}
		if u.UID != "" && u.Name != "" && f.plan.Strong(f.actor.User, f.ep.ID, u) {
			out = append(out, u)
		}
	}
	for _, l := range f.plan.Links {
		if f.actor.User == "" || l.User != f.actor.User || !isAt(l, f.ep.ID) {
			continue
		}
		for _, key := range []string{l.Name, l.UID} {
			if key == "" {
				continue
			}
			last, err := tx.LastOf(f.ep.ID, key)
			if err != nil && !errors.Is(err, elevation.ErrNotFound) {
				return nil, err
			}
			if err == nil {
				add(last.Attempt.User)
			}
		}
		add(elevation.User{Name: l.Name, UID: l.UID, Groups: []string{}})
	}
	add(met)
	return out, nil
}
