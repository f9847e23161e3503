// Package delegation says who may answer a request: teams, the stages a request
// must pass, and the links between accounts and the local users of endpoints.
//
// It is pure: a [Plan] is plain data that the caller loads, and every answer is
// a function of it. It never decides a request (elevation does) and never reads
// a role or a permission (controller/auth does); it only says for which stages
// a person's vote counts, and that nobody votes on their own request.
//
// The zero Plan has no team, so nobody may answer anything. Read links.go for
// what makes a person the requester.
package delegation

import (
	"fmt"
	"slices"
	"strings"

	"github.com/assent-epm/assent/shared/elevation"
)

// The team that always exists. Until another team is made its members are every
// administrator and every approver.
const (
	ApproversID   elevation.TeamID = "team_approvers"
	ApproversName string           = "Approvers"
)

// MaxQuorum is the largest number of people one stage may demand.
const MaxQuorum = 20

// Person is an account as far as delegation needs to know it.
type Person struct {
	ID    elevation.UserID
	Login string
}

// Team is a group of people who answer for the endpoints and access types of
// its scope. An empty scope covers everything.
type Team struct {
	ID          elevation.TeamID
	Name        string
	Members     []Person
	Labels      map[string]string      // endpoint labels, all must be equal
	AccessTypes []elevation.AccessType // any of them
}

// Plan is everything that decides who may answer.
type Plan struct {
	Teams []Team
	Links []Link
}

// Default is the plan of an installation without teams of its own: one team
// "Approvers" with the given members.
func Default(members []Person, links []Link) Plan {
	return Plan{Teams: []Team{{ID: ApproversID, Name: ApproversName, Members: members}}, Links: links}
}

// Team finds a team by its id or, ignoring case, by its name.
func (p Plan) Team(name elevation.TeamID) (Team, bool) {
	for _, t := range p.Teams {
		if t.ID == name || strings.EqualFold(t.Name, string(name)) {
			return t, true
		}
	}
	return Team{}, false
}

// Stages are the groups that must approve an attempt on an endpoint with these
// labels: what the rules demand (required, each naming a team by id or name),
// or else one approval of one team whose scope covers it, the most specific
// scope first; without any, "Approvers".
//
// Stages of the same team are merged into one with the larger quorum. A team
// that the plan does not know stays in the result: nobody can answer it, so the
// request can not be approved around it.
func (p Plan) Stages(a elevation.Attempt, labels map[string]string, required []elevation.Stage) []elevation.Stage {
	if len(required) == 0 {
		t := p.home(a, labels)
		return []elevation.Stage{{Team: t.ID, Name: t.Name, Quorum: 1}}
	}
	var out []elevation.Stage
	for _, s := range required {
		if t, ok := p.Team(s.Team); ok {
			s.Team, s.Name = t.ID, t.Name
		}
		if s.Name == "" {
			s.Name = string(s.Team)
		}
		s.Quorum = min(max(s.Quorum, 1), MaxQuorum)
		i := slices.IndexFunc(out, func(o elevation.Stage) bool { return o.Team == s.Team })
		if i < 0 {
			out = append(out, s)
			continue
		}
		out[i].Quorum = max(out[i].Quorum, s.Quorum)
	}
	return out
}

// home is the team that answers when no rule names one.
func (p Plan) home(a elevation.Attempt, labels map[string]string) Team {
	best, found := Team{ID: ApproversID, Name: ApproversName}, -1
	for _, t := range p.Teams {
		n := len(t.Labels) + len(t.AccessTypes)
		if n > found && t.covers(a, labels) {
			best, found = t, n
		}
	}
	return best
}

func (t Team) covers(a elevation.Attempt, labels map[string]string) bool {
	for k, v := range t.Labels {
		if got, ok := labels[k]; !ok || got != v {
			return false
		}
	}
	return len(t.AccessTypes) == 0 || slices.Contains(t.AccessTypes, a.AccessType)
}

// MayVote returns the indexes of the request's stages in which actor may vote,
// in order. It refuses with [elevation.ErrSelfApproval] when any link makes the
// actor the requester, whatever the vote would be, and with
// [elevation.ErrNotAllowed] when the actor is no person or in none of the teams.
//
// Stages that have their quorum already are included: elevation knows what is
// open and counts one person once.
func MayVote(p Plan, actor elevation.Actor, r *elevation.Request) ([]int, error) {
	if actor.Kind != elevation.ByUser || actor.ID == "" {
		return nil, fmt.Errorf("%w: only a person answers a request", elevation.ErrNotAllowed)
	}
	who := Person{ID: elevation.UserID(actor.ID), Login: actor.Name}
	if p.IsRequester(who, r) {
		if len(p.Answerers(r)) == 0 {
			return nil, fmt.Errorf("%w: you are the only approver: add one (assentctl user add LOGIN --role approver)", elevation.ErrSelfApproval)
		}
		return nil, fmt.Errorf("%w: ask another approver, or cancel it", elevation.ErrSelfApproval)
	}
	var stages []int
	for i, s := range r.Need.Stages {
		if t, ok := p.Team(s.Team); ok && t.has(who.ID) {
			stages = append(stages, i)
		}
	}
	if len(stages) == 0 {
		return nil, fmt.Errorf("%w: you are in none of the teams that answer this request", elevation.ErrNotAllowed)
	}
	return stages, nil
}

// Answerers are the people whose vote would count now: members of a stage that
// is still open, who have not voted and are not the requester. Each appears
// once, in the order of the teams.
func (p Plan) Answerers(r *elevation.Request) []Person {
	var out []Person
	for i, s := range r.Need.Stages {
		t, ok := p.Team(s.Team)
		if !ok || !r.StageOpen(i) {
			continue
		}
		for _, m := range t.Members {
			if m.ID == "" || voted(r, m.ID) || p.IsRequester(m, r) || slices.Contains(out, m) {
				continue
			}
			out = append(out, m)
		}
	}
	return out
}

func (t Team) has(id elevation.UserID) bool {
	return slices.ContainsFunc(t.Members, func(m Person) bool { return m.ID == id })
}

func voted(r *elevation.Request, id elevation.UserID) bool {
	return slices.ContainsFunc(r.Reviews, func(v elevation.Review) bool { return v.By.ID == string(id) })
}
