package delegation

import (
	"slices"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
)

// Turn is one team that may answer what is asked at some time: the first one, or
// a step of its ladder.
type Turn struct {
	Team   elevation.TeamID
	Name   string
	After  time.Duration // of the first team's hours
	At     time.Time     // when it comes; zero when that is later than [MaxWait]
	From   time.Time     // from At on, when somebody of it can answer first; zero when never
	People []Sitting     // who can answer then
}

// Sitting is somebody who can answer, For themself or in somebody's place.
type Sitting struct {
	Person
	For Person // zero = themself
}

// Turns are who may answer, and when, if something that is not urgent were asked
// of a team at now and nobody answered it. It knows no request: who asks, and so
// may not answer, is not left out.
func (p Plan) Turns(team elevation.TeamID, now time.Time) []Turn {
	first, ok := p.Team(team)
	if !ok {
		return nil
	}
	out := []Turn{p.turn(first, 0, now)}
	latest := now.Add(MaxWait)
	for _, step := range first.Escalate {
		to, known := p.Team(step.Team)
		if !known || to.ID == first.ID {
			continue
		}
		at := now.Add(step.After)
		if !first.Hours.Always() {
			at = first.Hours.Add(now, step.After, latest)
		}
		if !at.Before(latest) {
			out = append(out, Turn{Team: to.ID, Name: to.Name, After: step.After})
			continue
		}
		out = append(out, p.turn(to, step.After, at))
	}
	return out
}

// turn is the team's from at on. Somebody comes when it opens, when a member is
// back or when somebody stands in: only then.
func (p Plan) turn(t Team, after time.Duration, at time.Time) Turn {
	out := Turn{Team: t.ID, Name: t.Name, After: after, At: at}
	p.Away = p.awayIn(t, at)
	moments := []time.Time{at}
	for _, a := range p.Away {
		moments = append(moments, a.From, a.Until)
	}
	var tries []time.Time
	for _, m := range moments {
		if m.Before(at) {
			continue
		}
		if open := t.Hours.Next(m); !open.IsZero() {
			tries = append(tries, open)
		}
	}
	slices.SortFunc(tries, time.Time.Compare)
	for _, when := range slices.CompactFunc(tries, time.Time.Equal) {
		if out.People = p.sitting(t, when); len(out.People) > 0 {
			out.From = when
			break
		}
	}
	return out
}

// awayIn are the times out of office, from now on, that say who of t is there.
func (p Plan) awayIn(t Team, now time.Time) []Away {
	users := map[elevation.UserID]bool{}
	for _, a := range p.Away {
		if t.has(a.User.ID) {
			users[a.User.ID], users[a.Delegate.ID] = true, true
		}
	}
	return slices.DeleteFunc(slices.Clone(p.Away), func(a Away) bool { return !a.Until.After(now) || !users[a.User.ID] })
}

// sitting are the members of t who are there, and who stands in for the others,
// each once.
func (p Plan) sitting(t Team, now time.Time) []Sitting {
	var out []Sitting
	known := map[elevation.UserID]bool{}
	for _, m := range t.Members {
		if !p.isAway(m.ID, now) && !known[m.ID] {
			out, known[m.ID] = append(out, Sitting{Person: m}), true
		}
	}
	for _, a := range p.Away {
		if a.on(now) && t.has(a.User.ID) && !known[a.Delegate.ID] && !p.isAway(a.Delegate.ID, now) {
			out, known[a.Delegate.ID] = append(out, Sitting{Person: a.Delegate, For: a.User}), true
		}
	}
	return out
}
