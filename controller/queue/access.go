package queue

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules"
)

// A lasting answer is a yes that is good until an end: the same user of the same
// endpoint may run the same again without a person. It stands in for the person
// that rules want, as long as they are the rules under which it was given: a
// denial, another rule that wants a person, or a change of one of them is
// stronger.

// Standing is a lasting answer as people see it.
type Standing struct {
	store.Access
	EndpointRow store.Endpoint
}

// lasting makes an approval last, where lasts says more than "once". It is
// called once the vote is in c.next and before its effects are made.
func (q *Queue) lasting(a auth.Actor, c *change, lasts string) error {
	how, err := elevation.ParseLasts(lasts, c.now)
	if err != nil || how.Once {
		return err
	}
	r, s := &c.next, c.next.Attempt.Subject
	switch {
	case r.Decision == nil:
		return fmt.Errorf("%w: more approvals are missing; whoever gives the last one says how long it lasts", elevation.ErrInvalid)
	case r.Decision.Verdict != elevation.Approved:
		return fmt.Errorf("%w: only an approval lasts", elevation.ErrInvalid)
	case r.Attempt.AccessType != elevation.Run || r.Extends != "":
		return fmt.Errorf("%w: only an answer about one program lasts", elevation.ErrInvalid)
	case r.HighRisk() || s.HasMark(elevation.MarkUnbounded) || s.HasMark(elevation.MarkDialogs) || elevation.Unbounded(s.Path):
		if err := a.Present(c.now); err != nil {
			return fmt.Errorf("an answer about what can do anything lasts only from somebody who is there: %w", err)
		}
	}
	stands, ok := underRules(q.rules(), r.Need.Rules)
	if !ok {
		return fmt.Errorf("%w: the rules have changed since it was asked; approve it once", elevation.ErrConflict)
	}
	acc := store.Access{ID: elevation.AccessID(elevation.NewID(elevation.AccessPrefix, c.now)), Endpoint: r.Endpoint, Request: r.ID,
		Attempt: r.Attempt, Pin: elevation.PinOf(s), Rules: r.Need.Rules, Stands: stands, Duration: r.Granted.Duration,
		By: a.Elevation(), At: c.now, Until: how.Until}
	d := *r.Decision
	d.Access = acc.ID
	r.Decision = &d
	c.also = append(c.also, func(tx *store.Tx) error { return tx.PutAccess(acc) })
	c.event(audit.AccessGranted, a.Elevation(), map[string]string{"access": string(acc.ID), "lasts": lasts, "pin": string(acc.Pin),
		"until": acc.Until.UTC().Format(time.RFC3339)}, nil)
	return nil
}

// underRules is what the named rules say, hashed by name: of those that want a
// person, and of others that are named. ok is false when one of them is not what
// it was any more.
func underRules(set *rules.Set, refs []string) (stands map[string][]byte, ok bool) {
	stands = map[string][]byte{}
	if len(refs) == 0 {
		return stands, true
	}
	at := "@" + strconv.FormatInt(set.Version(), 10)
	known := map[string]rules.Rule{}
	for _, r := range set.Rules() {
		known[string(r.Name)] = r
	}
	for _, ref := range refs {
		name, same := strings.CutSuffix(ref, at)
		r, found := known[name]
		if !same || !found {
			return nil, false
		}
		stands[name] = ruleSum(r)
	}
	return stands, true
}

func ruleSum(r rules.Rule) []byte {
	sum := sha256.Sum256([]byte(r.YAML))
	return sum[:]
}

// wantedBy is what stands between an attempt and a lasting answer: what the rules
// that want a person say now, hashed by name. ok is false when no lasting answer
// can stand in.
func wantedBy(set *rules.Set, out rules.Outcome, ticket string) (wants map[string][]byte, ok bool) {
	if out.Kind != rules.Ask || !elevation.TicketMatches(out.Need.Ticket, ticket) {
		return nil, false
	}
	wants = map[string][]byte{}
	if out.Rule == "" && len(out.Need.Rules) == 0 {
		return wants, true
	}
	decides, _, _ := strings.Cut(out.Rule, "@")
	speaks := map[string]bool{decides: true}
	for _, ref := range out.Need.Rules {
		name, _, _ := strings.Cut(ref, "@")
		speaks[name] = true
	}
	for _, r := range set.Rules() {
		name := string(r.Name)
		switch {
		case !speaks[name]:
		case r.Then == rules.ThenDeny:
			return nil, false // it could not be evaluated
		case r.Then == rules.ThenRequire || name == decides:
			wants[name] = ruleSum(r)
		}
	}
	return wants, true
}

// covers reports whether acc was given under all these rules as they are now.
func covers(acc store.Access, wants map[string][]byte) bool {
	for name, sum := range wants {
		if string(acc.Stands[name]) != string(sum) {
			return false
		}
	}
	return true
}

// standing reports whether acc is in force: its request is still approved, which
// also ends it when that answer is taken back or revoked.
func standing(tx *store.Tx, acc store.Access, now time.Time) (bool, error) {
	if !acc.EndedAt.IsZero() || !now.Before(acc.Until) {
		return false, nil
	}
	r, err := tx.Request(acc.Request)
	if errors.Is(err, elevation.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	d := r.Decision
	return d != nil && d.Access == acc.ID && d.Verdict == elevation.Approved && !now.Before(d.HeldUntil) && r.RevokedAt.IsZero() && r.CancelledAt.IsZero(), nil
}

// byAccess answers the draft c.next by a lasting answer, if there is one that
// stands in for the person that out wants.
func (q *Queue) byAccess(ctx context.Context, set *rules.Set, c *change, out rules.Outcome, ticket string) (bool, error) {
	r := &c.next
	if out.Kind != rules.Ask || r.Attempt.AccessType != elevation.Run || !r.Requested.Start.IsZero() || r.Extends != "" {
		return false, nil
	}
	wants, ok := wantedBy(set, out, ticket)
	if !ok {
		return false, nil
	}
	var found *store.Access
	err := q.cfg.Store.View(ctx, func(tx *store.Tx) error {
		all, err := tx.AccessOf(r.Endpoint, r.Attempt.User.UID, c.now)
		if err != nil {
			return err
		}
		for _, acc := range all {
			if !acc.Attempt.Repeats(r.Attempt, acc.Pin) || !covers(acc, wants) {
				continue
			}
			ok, err := standing(tx, acc, c.now)
			if err != nil {
				return err
			}
			if ok {
				found = &acc
				return nil
			}
		}
		return nil
	})
	if err != nil || found == nil {
		return false, err
	}
	given := elevation.Window{Duration: found.Duration}
	for _, limit := range []time.Duration{r.Requested.Duration, out.Limits.Duration} {
		if limit > 0 {
			given.Duration = min(given.Duration, limit)
		}
	}
	r.Need = out.Need
	if c.next, err = r.ByLastingAnswer(found.ID, found.By, given, q.cfg.Store.Settings().Times(), c.now); err != nil {
		return false, err
	}
	c.also = append(c.also, func(tx *store.Tx) error {
		acc, err := tx.Access(found.ID)
		if err != nil {
			return err
		}
		if ok, err := standing(tx, acc, c.now); err != nil || ok {
			return err
		}
		return store.ErrStale // it was ended meanwhile, or its request revoked
	})
	return true, q.conclude(c)
}

// Access lists the lasting answers in force: the actor's own by a strong link,
// and unless mine is set those within their scope.
func (q *Queue) Access(ctx context.Context, a auth.Actor, mine bool) ([]Standing, error) {
	if err := a.Can(auth.RequestsOwn); err != nil {
		return nil, err
	}
	now := q.now()
	out := []Standing{}
	err := q.cfg.Store.View(ctx, func(tx *store.Tx) error {
		all, err := tx.AllAccess(now)
		if err != nil {
			return err
		}
		for _, acc := range all {
			ep, own, err := q.accessOf(tx, a, acc)
			if errors.Is(err, elevation.ErrNotFound) || err == nil && mine && !own {
				continue
			}
			if err != nil {
				return err
			}
			ok, err := standing(tx, acc, now)
			if err != nil {
				return err
			}
			if ok {
				if !tx.Settings().ShowApprovers && (own || a.Can(auth.TeamRead) != nil) {
					acc.By = Veil(a, acc.By)
				}
				out = append(out, Standing{Access: acc, EndpointRow: ep})
			}
		}
		return nil
	})
	return out, err
}

// accessOf says whether the actor may know of a lasting answer, and whether it
// is their own. What is outside their scope is not found.
func (q *Queue) accessOf(tx *store.Tx, a auth.Actor, acc store.Access) (ep store.Endpoint, own bool, err error) {
	if ep, err = tx.Endpoint(acc.Endpoint); err != nil {
		return ep, false, err
	}
	p, err := planFor(tx, ep.EffectiveLabels())
	if err != nil {
		return ep, false, err
	}
	if isOwn(p, a, acc.Endpoint, acc.Attempt.User) {
		return ep, true, nil
	}
	if a.Can(auth.RequestsRead) != nil || !a.Covers(ep.EffectiveLabels()) {
		return ep, false, elevation.ErrNotFound
	}
	return ep, false, nil
}

// EndAccess ends a lasting answer: the one whom it is for gives it back, or
// somebody who may revoke takes it. Ended twice is ended.
func (q *Queue) EndAccess(ctx context.Context, a auth.Actor, id elevation.AccessID) error {
	var source loaded
	err := elevation.CheckID(elevation.AccessPrefix, string(id))
	if err != nil {
		return fmt.Errorf("lasting answer: %w", elevation.ErrNotFound)
	}
	err = q.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		source = loaded{}
		acc, err := tx.Access(id)
		if err != nil {
			return err
		}
		source = loaded{r: elevation.Request{ID: acc.Request, Endpoint: acc.Endpoint, Attempt: acc.Attempt}}
		ep, own, err := q.accessOf(tx, a, acc)
		if err != nil {
			return err
		}
		if err := a.Can(auth.RequestsRevoke); err != nil && !own {
			return err
		}
		if err := mayWrite(a); err != nil {
			return err
		}
		if !acc.EndedAt.IsZero() {
			return nil
		}
		acc.EndedAt, acc.EndedBy = q.now(), a.Elevation()
		if err := tx.PutAccess(acc); err != nil {
			return err
		}
		return tx.Append(audit.Event{At: acc.EndedAt, Kind: audit.AccessEnded, Actor: acc.EndedBy, Request: acc.Request, Endpoint: ep.ID,
			Data: map[string]string{"access": string(id)}})
	})
	if err != nil {
		q.refused(ctx, a, source, source.r.ID, "access.end", err)
	}
	return err
}

// mayWrite refuses a token that was made for reading only.
func mayWrite(a auth.Actor) error {
	if a.Token == "" || a.Full || len(a.Scopes) == 0 {
		return nil
	}
	for _, s := range a.Scopes {
		if s == auth.ScopeRequestsDecide {
			return nil
		}
	}
	return fmt.Errorf("%w: the scopes of this token do not include %s", elevation.ErrNotAllowed, auth.ScopeRequestsDecide)
}
