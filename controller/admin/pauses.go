package admin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// This file lets endpoints only observe for a while. A pause stands in the policy
// that is signed for an endpoint, which ends it by itself; what is sent follows
// from what is stored and what was sent last, so nothing is lost by a crash.

// PausePrefix is how the id of a pause begins.
const PausePrefix = "pau_"

// Limits of pauses.
const (
	MaxPause    = 7 * 24 * time.Hour
	maxPauses   = 100 // that have not ended
	pausesShown = 500
	pauseRetry  = time.Second // after a failure to send
)

// NewPause asks for a pause of one endpoint, or of those with some labels: no
// labels are every endpoint.
type NewPause struct {
	Endpoint elevation.EndpointID
	Labels   map[string]string
	Until    time.Time     // or
	Duration time.Duration // from now
	Comment  string
}

// Pauses are the newest ones that the actor may know of.
func (a *Admin) Pauses(ctx context.Context, act auth.Actor, open bool) (list []store.Pause, err error) {
	if err := act.Can(auth.EndpointsRead); err != nil {
		return nil, err
	}
	err = a.cfg.Store.View(ctx, func(tx *store.Tx) error {
		all, err := tx.Pauses(open, pausesShown)
		if err != nil {
			return err
		}
		list = nil
		for _, p := range all {
			known, err := a.knows(tx, act, p)
			if err != nil {
				return err
			}
			if known {
				list = append(list, p)
			}
		}
		return nil
	})
	return list, err
}

// knows reports whether a pause is, or may be, about an endpoint of the actor's.
func (a *Admin) knows(tx *store.Tx, act auth.Actor, p store.Pause) (bool, error) {
	if p.Endpoint != "" {
		_, err := visible(tx, act, p.Endpoint)
		if errors.Is(err, elevation.ErrNotFound) {
			return len(act.Scope) == 0, nil // deleted since
		}
		return err == nil, err
	}
	for k, v := range act.Scope {
		if got, ok := p.Labels[k]; ok && got != v {
			return false, nil
		}
	}
	return true, nil
}

// Pause lets endpoints only observe until a time. Somebody with a scope pauses
// nothing beyond it, and a session proves presence. Several pauses may stand beside
// each other; the longest counts.
func (a *Admin) Pause(ctx context.Context, act auth.Actor, in NewPause) (store.Pause, error) {
	if err := a.may(ctx, act, auth.EndpointsWrite, "endpoint.pause"); err != nil {
		return store.Pause{}, err
	}
	p, err := a.newPause(act, in)
	if err != nil {
		return p, err
	}
	if act.Session {
		if err := act.Present(a.cfg.Now()); err != nil {
			return p, a.refuse(ctx, act, "endpoint.pause", err)
		}
	}
	if p.Endpoint == "" && !within(act, p.Labels) {
		return p, a.refuse(ctx, act, "endpoint.pause", fmt.Errorf("%w: these labels reach beyond the endpoints of your account", elevation.ErrNotAllowed))
	}
	err = a.change(ctx, func(tx *store.Tx) (audit.Event, error) {
		open, err := tx.Pauses(true, maxPauses)
		if err == nil && len(open) >= maxPauses {
			err = fmt.Errorf("%w: there are %d pauses; end some first", elevation.ErrLimit, len(open))
		}
		if err != nil {
			return audit.Event{}, err
		}
		e, err := a.pauseEvent(tx, act, audit.EndpointPaused, p)
		if err != nil {
			return audit.Event{}, err
		}
		if p.Why != "" {
			e.Text = map[string]string{"comment": p.Why}
		}
		return e, tx.PutPause(p)
	})
	if err != nil {
		return p, err
	}
	return p, a.pausesChanged(ctx)
}

func (a *Admin) newPause(act auth.Actor, in NewPause) (store.Pause, error) {
	now := a.cfg.Now().UTC()
	p := store.Pause{ID: elevation.NewID(PausePrefix, now), Endpoint: in.Endpoint, Labels: in.Labels, Until: in.Until.UTC(), By: by(act),
		Why: strings.TrimSpace(in.Comment), At: now}
	if in.Endpoint != "" {
		p.Labels = nil
	}
	if err := checkLabels(p.Labels); err != nil {
		return p, err
	}
	if p.Why == "" {
		return p, fmt.Errorf("%w: a pause needs a comment: people on those machines are asked for nothing meanwhile", elevation.ErrInvalid)
	}
	if err := elevation.CheckLine("comment", p.Why, elevation.MaxComment); err != nil {
		return p, err
	}
	if in.Until.IsZero() {
		p.Until = now.Add(in.Duration)
	} else if in.Duration != 0 {
		return p, fmt.Errorf("%w: a pause has an end or a duration, not both", elevation.ErrInvalid)
	}
	if d := p.Until.Sub(now); d < time.Second || d > MaxPause {
		return p, fmt.Errorf("%w: a pause is of 1 second to %d days", elevation.ErrInvalid, int(MaxPause/(24*time.Hour)))
	}
	return p, nil
}

// pauseEvent is an event about a pause; one of a single endpoint must be the
// actor's to see.
func (a *Admin) pauseEvent(tx *store.Tx, act auth.Actor, k audit.Kind, p store.Pause) (audit.Event, error) {
	data := map[string]string{"pause": p.ID, "until": p.Until.Format(time.RFC3339), "seconds": strconv.FormatInt(int64(p.Until.Sub(p.At)/time.Second), 10)}
	e := a.event(act, k, data)
	if p.Endpoint == "" {
		data["labels"] = labelList(p.Labels)
		if len(p.Labels) == 0 {
			data["labels"] = "(every endpoint)"
		}
		return e, nil
	}
	ep, err := visible(tx, act, p.Endpoint)
	if err != nil {
		return e, err
	}
	e.Endpoint, data["name"] = ep.ID, audit.Clip(ep.Name, 255)
	return e, nil
}

// Resume ends a pause before its time.
func (a *Admin) Resume(ctx context.Context, act auth.Actor, id string) error {
	if err := a.may(ctx, act, auth.EndpointsWrite, "endpoint.resume"); err != nil {
		return err
	}
	var beyond error
	err := a.change(ctx, func(tx *store.Tx) (audit.Event, error) {
		beyond = nil
		p, err := tx.Pause(id)
		if err == nil {
			known, err2 := a.knows(tx, act, p)
			if err = err2; err == nil && !known {
				err = elevation.ErrNotFound
			}
		}
		if err != nil {
			return audit.Event{}, fmt.Errorf("pause %s: %w", audit.Clip(id, 80), err)
		}
		if p.Endpoint == "" && !within(act, p.Labels) {
			beyond = fmt.Errorf("%w: this pause reaches beyond the endpoints of your account", elevation.ErrNotAllowed)
			return audit.Event{}, beyond
		}
		if !p.EndedAt.IsZero() {
			return audit.Event{}, nil // as asked for
		}
		e, err := a.pauseEvent(tx, act, audit.EndpointResumed, p)
		if errors.Is(err, elevation.ErrNotFound) {
			err = nil // the endpoint was deleted
		}
		if err != nil {
			return audit.Event{}, err
		}
		p.EndedAt, p.EndedBy = a.cfg.Now().UTC(), by(act)
		return e, tx.PutPause(p)
	})
	if beyond != nil {
		return a.refuse(ctx, act, "endpoint.resume", beyond)
	}
	if err != nil {
		return err
	}
	return a.pausesChanged(ctx)
}

// pausesChanged reads what stands now and makes RunPauses send it.
func (a *Admin) pausesChanged(ctx context.Context) error {
	if err := a.loadPauses(ctx); err != nil {
		return err
	}
	select {
	case a.repause <- struct{}{}:
	default:
	}
	return nil
}

func (a *Admin) loadPauses(ctx context.Context) error {
	return a.cfg.Store.View(ctx, func(tx *store.Tx) error {
		open, err := tx.Pauses(true, 2*maxPauses)
		if err == nil {
			a.pauses.Store(&open)
		}
		return err
	})
}

// pauseOf is the pause that an endpoint is under: of several the longest.
func (a *Admin) pauseOf(ep store.Endpoint) (best store.Pause, ok bool) {
	now := a.cfg.Now()
	for _, p := range *a.pauses.Load() {
		about := p.Endpoint == ep.ID || p.Endpoint == "" && has(ep.EffectiveLabels(), p.Labels)
		if about && p.Until.After(now) && (!ok || p.Until.After(best.Until)) {
			best, ok = p, true
		}
	}
	return best, ok
}

// RunPauses sends policies when pauses begin and end, and ends those whose time
// is over, until ctx ends. What failed is tried again.
func (a *Admin) RunPauses(ctx context.Context) {
	timer := time.NewTimer(0) // what came due while nothing ran
	defer timer.Stop()
	dirty := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-a.repause:
			dirty = true
		}
		next, ended, err := a.sweepPauses(ctx)
		if dirty = dirty || ended; dirty && err == nil {
			if err = a.resend(ctx); err == nil {
				dirty = false
			}
		}
		if err != nil && ctx.Err() == nil {
			a.cfg.Log.Error("send policies with pauses", "error", err)
			next = pauseRetry
		}
		timer.Reset(next)
	}
}

func (a *Admin) resend(ctx context.Context) error {
	a.policing.Lock()
	defer a.policing.Unlock()
	return a.sendAll(ctx)
}

// sweepPauses writes the end of pauses whose time is over, and says when the next
// one ends.
func (a *Admin) sweepPauses(ctx context.Context) (next time.Duration, ended bool, err error) {
	now := a.cfg.Now().UTC()
	next = time.Hour
	for _, p := range slices.Clone(*a.pauses.Load()) {
		if left := p.Until.Sub(now); left > 0 {
			next = min(next, left+10*time.Millisecond)
			continue
		}
		err := a.change(ctx, func(tx *store.Tx) (audit.Event, error) {
			p, err := tx.Pause(p.ID)
			if err != nil || !p.EndedAt.IsZero() {
				return audit.Event{}, err
			}
			p.EndedAt = p.Until
			e, err := a.pauseEvent(tx, Local(), audit.EndpointResumed, p)
			if err != nil && !errors.Is(err, elevation.ErrNotFound) {
				return audit.Event{}, err
			}
			e.Actor = elevation.Actor{Kind: elevation.BySystem, Name: "controller"}
			return e, tx.PutPause(p)
		})
		if err != nil {
			return next, ended, fmt.Errorf("end pause %s: %w", p.ID, err)
		}
		ended = true
	}
	if ended {
		err = a.loadPauses(ctx)
	}
	return next, ended, err
}

// policyOf is what one endpoint obeys: the policy of its labels, else the mode of
// its enrolment, and a pause. One that can not read the newer parts gets the rest.
func (a *Admin) policyOf(ep store.Endpoint) elevation.Policy {
	p := a.PolicyFor(ep.EffectiveLabels())
	if p.Name == "" {
		p.Mode = elevation.Mode(ep.Mode)
	}
	if !slices.Contains(ep.Capabilities, elevation.CanAuthorizationRights) {
		p.Rights = nil
	}
	if !slices.Contains(ep.Capabilities, "observe") {
		p.Offline, p.Budget, p.Words = elevation.Offline{}, elevation.Budget{}, elevation.Words{}
		return p
	}
	if pause, ok := a.pauseOf(ep); ok {
		p.Paused = &elevation.Pause{Until: pause.Until.UTC(), By: pause.By.Name, Reason: pause.Why}
	}
	return p
}

// InForce is the policy of an endpoint as it counts now.
func (a *Admin) InForce(ep store.Endpoint) elevation.Policy {
	p := a.policyOf(ep)
	if p.Paused != nil && p.Mode != elevation.ModeOff {
		p.Mode = elevation.ModeObserve
	}
	return p
}

// Reach says how many endpoints a policy is for.
type Reach struct {
	Policy    string // "" = none of the list
	Endpoints int
	Names     []string // some of them
}

// reachNames is how many endpoints are named.
const reachNames = 20

// PolicyReach is for each entry of the list, in its order, how many endpoints of
// the actor's it is for, and last those that none is for.
func (a *Admin) PolicyReach(ctx context.Context, act auth.Actor) (out []Reach, err error) {
	list, err := a.Endpoints(ctx, act, store.EndpointFilter{})
	if err != nil {
		return nil, err
	}
	items := a.policies.Load().Items
	out = make([]Reach, len(items)+1)
	for i, e := range items {
		out[i].Policy = e.Name
	}
	for _, ep := range list {
		labels := ep.EffectiveLabels()
		i := slices.IndexFunc(items, func(e store.PolicyEntry) bool { return has(labels, e.Labels) })
		if i < 0 {
			i = len(items)
		}
		if out[i].Endpoints++; len(out[i].Names) < reachNames {
			out[i].Names = append(out[i].Names, ep.Name)
		}
	}
	return out, nil
}
