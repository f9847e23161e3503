package queue

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
	"github.com/assent-epm/assent/shared/delegation"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules"
	"github.com/assent-epm/assent/shared/wire"
)

// emergencyDay is the time for which the daily quota counts.
const emergencyDay = 24 * time.Hour

// mayEmergency says whether the actor may take emergency access: for themself by
// a strong link, with one of the roles of the settings, and having just shown to
// be there. A rule that denies is stronger.
func (f *filing) mayEmergency(now time.Time) error {
	set := f.settings.Emergency
	switch {
	case !set.Enabled:
		return fmt.Errorf("%w: emergency access is turned off", elevation.ErrNotAllowed)
	case f.r.Origin != elevation.FromPortal || !f.plan.Strong(f.actor.User, f.r.Endpoint, f.r.Attempt.User):
		return fmt.Errorf("%w: emergency access is for oneself, by a link that an administrator made", elevation.ErrNotAllowed)
	case !slices.ContainsFunc(set.Roles, func(r string) bool { return f.actor.Is(auth.Role(r)) }):
		return fmt.Errorf("%w: emergency access is for the roles %s", elevation.ErrNotAllowed, strings.Join(set.Roles, ", "))
	case !f.r.Requested.Start.IsZero():
		return fmt.Errorf("%w: emergency access begins at once", elevation.ErrInvalid)
	}
	return f.actor.Present(now)
}

// emergency says of a request that waits whether the person who made it has an
// account that may take it at once. Presence and the quota are asked about then.
func (l loaded) emergency(now time.Time) wire.Emergency {
	set := l.settings.Emergency
	switch {
	case l.r.State(now) != elevation.StatePending || l.r.Extends != "" || l.staff == nil:
		return ""
	case !set.Enabled:
		return wire.EmergencyOff
	}
	key := "emergency\x00" + strings.Join(set.Roles, "\x00")
	able, _ := l.staff.Memo(key, func() any { return emergencyStaff(l.staff, set.Roles) }).([]elevation.UserID)
	if slices.ContainsFunc(able, func(id elevation.UserID) bool { return l.plan.Strong(id, l.r.Endpoint, l.r.Attempt.User) }) {
		return wire.EmergencyPossible
	}
	return wire.EmergencyUnlinked
}

// emergencyStaff are the accounts with a link and one of the roles.
func emergencyStaff(s *store.Staff, roles []string) []elevation.UserID {
	linked := map[elevation.UserID]bool{}
	for _, l := range s.Links {
		linked[l.User] = true
	}
	var out []elevation.UserID
	for _, u := range s.Users {
		a := auth.Actor{User: u.ID, Roles: u.Roles, Scope: u.Scope}
		may := slices.ContainsFunc(roles, func(r string) bool { return a.Is(auth.Role(r)) }) && a.Can(auth.RequestsOwn) == nil
		if may && linked[u.ID] && u.DisabledAt.IsZero() {
			out = append(out, u.ID)
		}
	}
	return out
}

// takeAtOnce turns the actor's own request that waits into emergency access, so
// that what is held at the endpoint goes on. taken is false when from_request is
// something else.
func (q *Queue) takeAtOnce(ctx context.Context, a auth.Actor, in FileIn) (v View, taken bool, err error) {
	err = q.cfg.Store.View(ctx, func(tx *store.Tx) error {
		l, err := load(tx, in.FromRequest)
		if errors.Is(err, elevation.ErrNotFound) {
			return nil
		}
		taken = err == nil && l.visible(a) == nil && l.own(a) && l.r.State(q.now()) == elevation.StatePending && l.r.Extends == "" &&
			l.r.Attempt.AccessType == in.AccessType && (in.Endpoint == string(l.ep.ID) || in.Endpoint == l.ep.Name)
		return err
	})
	if err != nil || !taken {
		return View{}, false, err
	}
	v, err = q.act(ctx, a, in.FromRequest, "emergency", func(l loaded, c *change) error {
		f := filing{loaded: l, actor: a}
		f.r.Origin, f.r.Requested.Start = elevation.FromPortal, in.Start
		if err := errors.Join(mayWrite(a), f.mayEmergency(c.now)); err != nil {
			return err
		}
		if l.r.State(c.now) != elevation.StatePending {
			return l.late(elevation.ErrNotPending)
		}
		if reason := strings.TrimSpace(in.Justification); reason != "" {
			if err := elevation.CheckText("reason", reason, elevation.MaxJustification); err != nil {
				return err
			}
			c.next.Justification = reason
		}
		out := q.rules().Evaluate(input(l.ep, l.r.Attempt, c.next.Justification, l.r.Ticket, l.r.Priority), c.now)
		if out.Kind == rules.Deny {
			return fmt.Errorf("%w: rule %q denies it", elevation.ErrNotAllowed, out.Name)
		}
		c.next.Emergency, c.next.FiledBy = true, a.Elevation()
		c.next.Requested.Start = time.Time{}
		return q.emergency(l, c, out)
	})
	return v, true, err
}

// emergency grants the draft c.next at once. Everybody who was not asked is in
// the event, and somebody looks at it afterwards.
func (q *Queue) emergency(l loaded, c *change, out rules.Outcome) error {
	r := &c.next
	r.Need = q.demand(out, l.ep)
	r.Need.Stages = l.plan.Stages(r.Attempt, l.ep.EffectiveLabels(), out.Need.Stages)
	if r.Need.AfterReview == "" {
		r.Need.AfterReview = delegation.ApproversID
		if len(r.Need.Stages) > 0 {
			r.Need.AfterReview = r.Need.Stages[0].Team
		}
	}
	var skipped []string
	for _, p := range l.plan.Answerers(r, c.now) {
		skipped = append(skipped, p.Login)
	}
	by := elevation.Actor{Kind: elevation.BySystem, Name: "emergency access"}
	next, err := r.DecideEmergency(by, "", l.settings.Times(), c.now)
	if err != nil {
		return err
	}
	c.next = next
	data, text := map[string]string{}, map[string]string{}
	describe(c.next, data, text)
	put(data, "skipped", strings.Join(skipped, " "))
	data["skipped_count"] = strconv.Itoa(len(skipped))
	data["review"] = string(next.Need.AfterReview)
	c.event(audit.EmergencyUsed, next.FiledBy, data, text)
	quota, who, id, now := l.settings.Emergency.DailyQuota, elevation.UserID(next.FiledBy.ID), next.ID, c.now
	c.also = append(c.also, func(tx *store.Tx) error {
		n, err := tx.CountEmergency(who, id, now.Add(-emergencyDay), now)
		if err == nil && n > quota {
			err = &FloodError{Why: fmt.Sprintf("emergency access was used %d times within a day, which is the quota", quota), Wait: time.Hour}
		}
		return err
	})
	return q.conclude(c)
}
