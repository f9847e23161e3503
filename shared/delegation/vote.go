package delegation

import (
	"fmt"
	"slices"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
)

// Seat is one vote that a person may give: in a stage of the request, for
// themself or in the place of somebody who is away.
type Seat struct {
	Stage int
	For   elevation.UserID // "" = their own
}

// MayVote returns the indexes of the request's stages in which actor may vote
// at now, in order. See [Seats] for its errors.
func MayVote(p Plan, actor elevation.Actor, r *elevation.Request, now time.Time) ([]int, error) {
	seats, err := Seats(p, actor, r, now)
	var stages []int
	for _, s := range seats {
		stages = append(stages, s.Stage)
	}
	return stages, err
}

// Seats are the votes that actor may give to the request at now, one for each
// stage in which there is any, in order. It refuses with
// [elevation.ErrSelfApproval] when any link makes the actor the requester, when
// the requester holds the key to the actor's account or appointed them, whatever
// the vote would be; and with [elevation.ErrNotAllowed] when the actor is no
// person, in none of the teams, or not on duty.
//
// Stages that have their quorum already are included: elevation knows what is
// open and counts one person once.
func Seats(p Plan, actor elevation.Actor, r *elevation.Request, now time.Time) ([]Seat, error) {
	if actor.Kind != elevation.ByUser || actor.ID == "" {
		return nil, fmt.Errorf("%w: only a person answers a request", elevation.ErrNotAllowed)
	}
	who := Person{ID: elevation.UserID(actor.ID), Login: actor.Name}
	if p.IsRequester(who, r) {
		if len(p.Answerers(r, now)) == 0 && p.NextAnswer(r, now).IsZero() {
			return nil, fmt.Errorf("%w: you are the only approver: add one, or use --emergency (assentctl user add LOGIN --role approver)", elevation.ErrSelfApproval)
		}
		return nil, fmt.Errorf("%w: ask another approver, or cancel it", elevation.ErrSelfApproval)
	}
	if p.heldBy(who, r) {
		return nil, fmt.Errorf("%w: the requester made your account or set your password; choose a password of your own first", elevation.ErrSelfApproval)
	}
	if p.votedElsewhere(who, r) {
		return nil, fmt.Errorf("%w: another account of yours has voted already, and one person counts once", elevation.ErrNotAllowed)
	}
	var seats []Seat
	why := outsider
	for i := range r.Need.Stages {
		of, w := p.seat(who, r, i, now)
		if w == seated {
			seats = append(seats, Seat{Stage: i, For: of})
		}
		why = max(why, w)
	}
	if len(seats) > 0 {
		return seats, nil
	}
	return nil, p.unseated(why, r, now)
}

// standing is how near somebody is to a vote in a stage.
type standing int

const (
	outsider  standing = iota // in none of its teams
	offDuty                   // their team has closed
	given                     // their vote was given by who stands in for them, or the other way round
	appointed                 // the requester appointed them
	seated                    // may vote
)

func (p Plan) unseated(why standing, r *elevation.Request, now time.Time) error {
	switch why {
	case offDuty:
		hint := "nobody of it comes back"
		if at := p.NextAnswer(r, now); !at.IsZero() {
			hint = "it answers again from " + at.UTC().Format("2006-01-02 15:04 MST")
		}
		return fmt.Errorf("%w: your team is outside its hours; %s, or make the request urgent first", elevation.ErrNotAllowed, hint)
	case given:
		return fmt.Errorf("%w: the vote of this place was given already", elevation.ErrNotAllowed)
	case appointed:
		return fmt.Errorf("%w: the requester appointed you to stand in; ask another approver", elevation.ErrSelfApproval)
	case outsider, seated:
	}
	return fmt.Errorf("%w: you are in none of the teams that answer this request", elevation.ErrNotAllowed)
}

// seat finds the vote that who has in stage i: their own, or that of somebody
// who is away.
func (p Plan) seat(who Person, r *elevation.Request, i int, now time.Time) (of elevation.UserID, best standing) {
	for _, t := range p.answering(r, i) {
		switch {
		case !t.has(who.ID):
		case !onDuty(t, r, now):
			best = max(best, offDuty)
		case votedFor(r, who.ID, who.ID):
			best = max(best, given)
		default:
			return "", seated
		}
	}
	for _, t := range p.answering(r, i) {
		for _, a := range p.Away {
			if a.Delegate.ID != who.ID || !a.on(now) || !t.has(a.User.ID) || a.User.ID == who.ID {
				continue
			}
			switch {
			case p.IsRequester(a.User, r) || p.IsRequester(a.By, r):
				best = max(best, appointed)
			case p.heldBy(a.By, r):
				best = max(best, appointed)
			case !onDuty(t, r, now):
				best = max(best, offDuty)
			case voted(r, a.User.ID) || votedFor(r, a.User.ID, who.ID):
				best = max(best, given)
			default:
				return a.User.ID, seated
			}
		}
	}
	return "", best
}

// answering are the teams whose members vote in stage i: its own, and those to
// which it was escalated. A team that is gone answers nothing.
func (p Plan) answering(r *elevation.Request, i int) []Team {
	stage := r.Need.Stages[i].Team
	var out []Team
	if t, ok := p.Team(stage); ok {
		out = append(out, t)
	}
	for _, e := range r.Escalations {
		if e.Of != stage && (e.Of != "" || i != 0) {
			continue
		}
		if t, ok := p.Team(e.Team); ok {
			out = append(out, t)
		}
	}
	return out
}

// onDuty reports whether members of t vote now: in its hours, and at any time on
// what is urgent.
func onDuty(t Team, r *elevation.Request, now time.Time) bool {
	return timeless(r) || t.Hours.Cover(now)
}

func timeless(r *elevation.Request) bool { return r.Emergency || r.Priority == elevation.Urgent }

// Answerers are the people whose vote would count now: members of a team that
// answers for a stage which is still open and that is on duty, or who stands in
// for one of them, who are not away, have not voted and are not the requester.
// Each appears once, in the order of the teams.
func (p Plan) Answerers(r *elevation.Request, now time.Time) []Person {
	var out []Person
	known := map[elevation.UserID]bool{"": true}
	for i := range r.Need.Stages {
		if !r.StageOpen(i) {
			continue
		}
		for _, t := range p.answering(r, i) {
			if !onDuty(t, r, now) {
				continue
			}
			for _, m := range p.present(t, now) {
				if known[m.ID] || voted(r, m.ID) || p.votedElsewhere(m, r) || p.IsRequester(m, r) || p.heldBy(m, r) {
					continue
				}
				if _, s := p.seat(m, r, i, now); s == seated {
					out, known[m.ID] = append(out, m), true
				}
			}
		}
	}
	return out
}

// present are the members of t who are not away, and who stands in for the others.
func (p Plan) present(t Team, now time.Time) []Person {
	var out []Person
	for _, m := range t.Members {
		if !p.isAway(m.ID, now) {
			out = append(out, m)
		}
	}
	for _, a := range p.Away {
		if a.on(now) && t.has(a.User.ID) && !p.isAway(a.Delegate.ID, now) {
			out = append(out, a.Delegate)
		}
	}
	return out
}

func (p Plan) isAway(id elevation.UserID, now time.Time) bool {
	return slices.ContainsFunc(p.Away, func(a Away) bool { return a.User.ID == id && a.on(now) })
}

func (t Team) has(id elevation.UserID) bool {
	if t.members != nil {
		return t.members[id]
	}
	return slices.ContainsFunc(t.Members, func(m Person) bool { return m.ID == id })
}

func voted(r *elevation.Request, id elevation.UserID) bool {
	return slices.ContainsFunc(r.Reviews, func(v elevation.Review) bool { return v.By.ID == string(id) })
}

// votedFor reports whether somebody but that person voted in the place of id.
func votedFor(r *elevation.Request, id, but elevation.UserID) bool {
	return slices.ContainsFunc(r.Reviews, func(v elevation.Review) bool { return v.For == id && v.By.ID != string(but) })
}

// votedElsewhere reports whether another account of the same person has voted.
func (p Plan) votedElsewhere(who Person, r *elevation.Request) bool {
	return slices.ContainsFunc(r.Reviews, func(v elevation.Review) bool {
		return v.By.ID != string(who.ID) && p.sameUser(who.ID, elevation.UserID(v.By.ID))
	})
}

// heldBy reports whether the requester could be acting as who: they made the
// account or set its password last, or did so with the account of who did.
func (p Plan) heldBy(who Person, r *elevation.Request) bool {
	for range len(p.SetBy) + 1 { // who set whose can go in a circle
		setter, ok := p.SetBy[who.ID]
		if !ok {
			return false
		}
		if p.IsRequester(setter, r) {
			return true
		}
		who = setter
	}
	return false
}
