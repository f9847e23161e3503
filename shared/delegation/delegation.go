// Package delegation says who may answer a request and when: teams with their
// hours, stages, ladders and stand-ins, and the links between accounts and the
// local users of endpoints.
//
// It is pure: a [Plan] is plain data that the caller loads, and every answer is
// a function of it, the request and the time. It never decides a request
// (elevation does) and never reads a role or a permission (controller/auth
// does). The zero Plan has no team, so nobody may answer anything.
//
// Read vote.go for whose vote counts, when.go for what follows from hours, and
// links.go for what makes a person the requester.
package delegation

import (
	"slices"
	"strings"
	"time"

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
	Hours       elevation.Hours        // outside of them its members do not vote, but for what is urgent
	Escalate    []Step                 // the ladder

	members map[elevation.UserID]bool // made by Ready
}

// Step is one rung of a team's ladder: when a request has waited After of the
// team's hours for it, the members of Team may vote in its place.
type Step struct {
	After time.Duration
	Team  elevation.TeamID
}

// Away is a time during which Delegate votes in the place of User, as themself
// and with User's one vote. By is who appointed them.
type Away struct {
	User, Delegate, By Person
	From, Until        time.Time
}

func (a Away) on(now time.Time) bool { return !now.Before(a.From) && now.Before(a.Until) }

// Plan is everything that decides who may answer. Its people are those who may
// vote at all: whoever loads it leaves out the others.
type Plan struct {
	Teams []Team
	Links []Link
	Away  []Away
	// SetBy says of accounts who made them or set their password last, while the
	// owner has not set another one: until then that person could be the one who
	// acts.
	SetBy map[elevation.UserID]Person

	linksOf map[elevation.UserID][]Link // made by Ready
}

// Ready returns the plan with its links and members in order by account, for
// plans that are asked often. Nobody changes them afterwards.
func (p Plan) Ready() Plan {
	p.Teams = slices.Clone(p.Teams)
	for i := range p.Teams {
		t := &p.Teams[i]
		t.members = make(map[elevation.UserID]bool, len(t.Members))
		for _, m := range t.Members {
			t.members[m.ID] = true
		}
	}
	p.linksOf = make(map[elevation.UserID][]Link, len(p.Links))
	for _, l := range p.Links {
		p.linksOf[l.User] = append(p.linksOf[l.User], l)
	}
	return p
}

func (p Plan) links(id elevation.UserID) []Link {
	if p.linksOf != nil {
		return p.linksOf[id]
	}
	return p.Links
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
