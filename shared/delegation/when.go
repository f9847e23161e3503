package delegation

import (
	"slices"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
)

// MaxWait is the longest that hours can stretch a waiting time.
const MaxWait = 90 * 24 * time.Hour

// Expiry is when a request that was submitted at that time has waited ttl of the
// hours of every team that must answer it; the last of them counts. What is
// urgent waits by the clock.
func (p Plan) Expiry(r *elevation.Request, submitted time.Time, ttl time.Duration) time.Time {
	out := submitted.Add(ttl)
	if timeless(r) {
		return out
	}
	latest := submitted.Add(max(ttl, MaxWait))
	for _, s := range r.Need.Stages {
		t, ok := p.Team(s.Team)
		if !ok || t.Hours.Always() {
			continue
		}
		if end := t.Hours.Add(submitted, ttl, latest); end.After(out) {
			out = end
		}
	}
	return out
}

// Due is a step up a ladder that is to come: from At on Team may vote in the
// stages of team Of too.
type Due struct {
	Of   elevation.TeamID
	Team elevation.TeamID
	Name string
	At   time.Time
}

// NextEscalation is the earliest step of the ladders of the stages that are
// still open which was not made yet; ok is false when there is none, and for a
// request that does not wait.
func (p Plan) NextEscalation(r *elevation.Request) (next Due, ok bool) {
	if r.Decision != nil || r.SubmittedAt.IsZero() {
		return Due{}, false
	}
	latest := r.SubmittedAt.Add(MaxWait)
	for i, s := range r.Need.Stages {
		t, known := p.Team(s.Team)
		if !known || !r.StageOpen(i) {
			continue
		}
		for _, step := range t.Escalate {
			to, known := p.Team(step.Team)
			if !known || to.ID == t.ID || escalated(r, t.ID, to.ID) {
				continue
			}
			at := r.SubmittedAt.Add(step.After)
			if !timeless(r) && !t.Hours.Always() {
				at = t.Hours.Add(r.SubmittedAt, step.After, latest)
			}
			if at.Before(latest) && (!ok || at.Before(next.At)) {
				next, ok = Due{Of: t.ID, Team: to.ID, Name: to.Name, At: at}, true
			}
		}
	}
	return next, ok
}

func escalated(r *elevation.Request, of, to elevation.TeamID) bool {
	return slices.ContainsFunc(r.Escalations, func(e elevation.Escalation) bool { return e.Of == of && e.Team == to })
}

// maxSteps bounds how many steps of ladders are looked at for one request.
const maxSteps = 64

// NextAnswer is the first moment from now on at which somebody's vote counts:
// now itself when somebody can answer now. The zero time when nobody ever can.
func (p Plan) NextAnswer(r *elevation.Request, now time.Time) time.Time {
	if len(p.Answerers(r, now)) > 0 {
		return now
	}
	// Somebody comes when a team opens, somebody returns or is stood in for, or a
	// ladder goes up: only then.
	moments := []time.Time{now}
	later, steps := *r, []Due(nil)
	for range maxSteps {
		due, ok := p.NextEscalation(&later)
		if !ok {
			break
		}
		steps, moments = append(steps, due), append(moments, due.At)
		later.Escalations = append(slices.Clip(later.Escalations), elevation.Escalation{Of: due.Of, Team: due.Team})
	}
	p.Away = p.awayOf(&later, now)
	for _, a := range p.Away {
		moments = append(moments, a.From, a.Until)
	}
	var tries []time.Time
	for _, m := range moments {
		if m.Before(now) {
			continue
		}
		tries = append(tries, m)
		for i := range later.Need.Stages {
			for _, t := range p.answering(&later, i) {
				if open := t.Hours.Next(m); !open.IsZero() {
					tries = append(tries, open)
				}
			}
		}
	}
	slices.SortFunc(tries, time.Time.Compare)
	for _, at := range slices.CompactFunc(tries, time.Time.Equal) {
		then := *r
		then.Escalations = slices.Clip(then.Escalations)
		for _, due := range steps {
			if !due.At.After(at) {
				then.Escalations = append(then.Escalations, elevation.Escalation{Of: due.Of, Team: due.Team})
			}
		}
		if len(p.Answerers(&then, at)) > 0 {
			return at
		}
	}
	return time.Time{}
}

// awayOf are the times out of office, from now on, of people who answer the
// request or stand in for them: others change nothing about it.
func (p Plan) awayOf(r *elevation.Request, now time.Time) []Away {
	var teams []Team
	for i := range r.Need.Stages {
		teams = append(teams, p.answering(r, i)...)
	}
	users := map[elevation.UserID]bool{}
	for _, a := range p.Away {
		if slices.ContainsFunc(teams, func(t Team) bool { return t.has(a.User.ID) }) {
			users[a.User.ID], users[a.Delegate.ID] = true, true
		}
	}
	return slices.DeleteFunc(slices.Clone(p.Away), func(a Away) bool { return !a.Until.After(now) || !users[a.User.ID] })
}
