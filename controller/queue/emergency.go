package queue

import (
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
	return stepUp(f.actor, now)
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
			err = fmt.Errorf("%w: emergency access was used %d times within a day, which is the quota", elevation.ErrLimit, quota)
		}
		return err
	})
	return q.conclude(c)
}
