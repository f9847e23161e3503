package queue

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/delegation"
	"github.com/assent-epm/assent/shared/elevation"
)

// usualFor is how long a computed usual wait is good.
const usualFor = 5 * time.Second

// usualOf is of how many answers it must be: fewer say nothing about the next one.
const usualOf = 5

// planFor says who answers for endpoints with these labels: the stored teams
// with those of their members who may answer there at all, and always
// "Approvers". It is made once for the same labels and the same staff.
func planFor(tx *store.Tx, labels map[string]string) (delegation.Plan, error) {
	staff, err := tx.Staff()
	if err != nil {
		return delegation.Plan{}, err
	}
	fourEyes := tx.Settings().FourEyesAccounts
	key := "plan " + strconv.FormatBool(fourEyes)
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		key += "\x00" + k + "\x00" + labels[k]
	}
	made := staff.Memo(key, func() any { return plan(staff, labels, fourEyes) })
	return made.(delegation.Plan), nil
}

// plan is [planFor] without memory.
func plan(staff *store.Staff, labels map[string]string, fourEyes bool) delegation.Plan {
	able := map[elevation.UserID]delegation.Person{} // who may answer for such an endpoint
	person := map[elevation.UserID]delegation.Person{}
	var all, admins []delegation.Person
	p := delegation.Plan{SetBy: map[elevation.UserID]delegation.Person{}}
	for _, u := range staff.Users {
		who := delegation.Person{ID: u.ID, Login: u.Login}
		person[u.ID] = who
		if fourEyes && u.HeldBy.Kind == elevation.ByUser {
			p.SetBy[u.ID] = delegation.Person{ID: elevation.UserID(u.HeldBy.ID), Login: u.HeldBy.Name}
		}
		a := auth.Actor{User: u.ID, Roles: u.Roles, Scope: u.Scope}
		if !u.DisabledAt.IsZero() || a.Can(auth.RequestsDecide) != nil || !a.Covers(labels) {
			continue
		}
		able[u.ID] = who
		if a.Is(auth.Administrator) {
			admins = append(admins, who)
		}
		if a.Is(auth.Administrator) || a.Is(auth.Approver) {
			all = append(all, who)
		}
	}
	for _, t := range staff.AllTeams() {
		made := team(t, able)
		switch {
		case t.ID == delegation.ApproversID && t.Automatic:
			made.Members = all
		case t.ID == delegation.ApproversID:
			for _, who := range admins { // they may always answer where nobody else was named
				if !slices.Contains(made.Members, who) {
					made.Members = append(made.Members, who)
				}
			}
		}
		p.Teams = append(p.Teams, made)
	}
	for _, l := range staff.Links {
		p.Links = append(p.Links, l.Link)
	}
	for _, a := range staff.Away {
		if to, ok := able[a.Delegate]; ok {
			p.Away = append(p.Away, delegation.Away{User: person[a.User], Delegate: to, From: a.From, Until: a.Until,
				By: delegation.Person{ID: elevation.UserID(a.By.ID), Login: a.By.Name}})
		}
	}
	return p.Ready()
}

// team is a stored team as delegation knows it. One whose hours can not be read
// has nobody.
func team(t store.Team, able map[elevation.UserID]delegation.Person) delegation.Team {
	out := delegation.Team{ID: t.ID, Name: t.Name, Labels: t.Labels, AccessTypes: t.AccessTypes, Escalate: t.Escalate}
	if t.Hours != "" {
		zone, err := time.LoadLocation(t.Zone)
		if err == nil {
			out.Hours, err = elevation.ParseHours(t.Hours, zone)
		}
		if err != nil {
			return out
		}
	}
	for _, id := range t.Members {
		if who, ok := able[id]; ok {
			out.Members = append(out.Members, who)
		}
	}
	return out
}

// usual is how long a team's answers take.
type usual struct {
	wait time.Duration
	at   time.Time
}

// asked is the team whose answer a request waits for first.
func asked(r *elevation.Request) elevation.TeamID {
	for i, s := range r.Need.Stages {
		if r.StageOpen(i) {
			return s.Team
		}
	}
	return ""
}

// roughly is a wait as somebody would say it: upward to tens of seconds, minutes,
// and five minutes, but for a tenth of that.
func roughly(wait time.Duration) time.Duration {
	step := 10 * time.Second
	switch {
	case wait > 10*time.Minute:
		step = 5 * time.Minute
	case wait > time.Minute:
		step = time.Minute
	}
	return max(step, (wait-step/10+step-1)/step*step)
}

// usualWait is the median wait of the last requests that people of the team
// answered, 0 when there were too few to tell.
func (q *Queue) usualWait(tx *store.Tx, team elevation.TeamID) (time.Duration, error) {
	now := q.now()
	q.mu.Lock()
	known, ok := q.usual[team]
	q.mu.Unlock()
	if ok && now.Sub(known.at) < usualFor && !now.Before(known.at) {
		return known.wait, nil
	}
	waits, err := tx.RecentWaits(team, 50)
	if err != nil {
		return 0, err
	}
	known = usual{at: now}
	if len(waits) >= usualOf {
		slices.Sort(waits)
		known.wait = roughly(waits[len(waits)/2])
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.usual == nil {
		q.usual = map[elevation.TeamID]usual{}
	}
	q.usual[team] = known
	return known.wait, nil
}
