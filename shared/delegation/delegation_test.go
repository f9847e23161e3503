package delegation

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/google/go-cmp/cmp"
)

var (
	ada = Person{ID: "usr_ada", Login: "ada"}
	bo  = Person{ID: "usr_bo", Login: "bo"}
	cy  = Person{ID: "usr_cy", Login: "cy"}
)

// noon is a Tuesday.
var noon = time.Date(2026, 1, 6, 12, 0, 0, 0, time.UTC)

func by(p Person) elevation.Actor {
	return elevation.Actor{Kind: elevation.ByUser, ID: string(p.ID), Name: p.Login}
}

func request(user string, stages ...elevation.Stage) *elevation.Request {
	return &elevation.Request{Endpoint: "ep_1",
		Attempt: elevation.Attempt{AccessType: elevation.Run, User: elevation.User{Name: user, UID: "1000"}},
		Need:    elevation.Need{Stages: stages}}
}

// planOf is the plan of an installation without teams of its own.
func planOf(members []Person, links []Link) Plan {
	return Plan{Teams: []Team{{ID: ApproversID, Name: ApproversName, Members: members}}, Links: links}
}

func TestStages(t *testing.T) {
	plan := planOf([]Person{ada}, nil)
	plan.Teams = append(plan.Teams,
		Team{ID: "team_web", Name: "Web", Labels: map[string]string{"role": "web"}},
		Team{ID: "team_webrun", Name: "WebRun", Labels: map[string]string{"role": "web"}, AccessTypes: []elevation.AccessType{elevation.Run}})
	run := elevation.Attempt{AccessType: elevation.Run}
	tests := []struct {
		name     string
		plan     Plan
		attempt  elevation.Attempt
		labels   map[string]string
		required []elevation.Stage
		want     []elevation.Stage
	}{
		{"no rule, no label", plan, run, nil, nil, []elevation.Stage{{Team: ApproversID, Name: ApproversName, Quorum: 1}}},
		{"most specific scope", plan, run, map[string]string{"role": "web", "x": "y"}, nil, []elevation.Stage{{Team: "team_webrun", Name: "WebRun", Quorum: 1}}},
		{"other access type", plan, elevation.Attempt{AccessType: elevation.Admin}, map[string]string{"role": "web"}, nil, []elevation.Stage{{Team: "team_web", Name: "Web", Quorum: 1}}},
		{"label differs", plan, run, map[string]string{"role": "db"}, nil, []elevation.Stage{{Team: ApproversID, Name: ApproversName, Quorum: 1}}},
		{"empty plan still names a stage", Plan{}, run, nil, nil, []elevation.Stage{{Team: ApproversID, Name: ApproversName, Quorum: 1}}},
		{"by name, any case", plan, run, nil, []elevation.Stage{{Team: "web", Quorum: 2}}, []elevation.Stage{{Team: "team_web", Name: "Web", Quorum: 2}}},
		{"merged, larger quorum", plan, run, nil, []elevation.Stage{{Team: "web", Quorum: 1}, {Team: "team_web", Quorum: 3}}, []elevation.Stage{{Team: "team_web", Name: "Web", Quorum: 3}}},
		{"unknown team stays", plan, run, nil, []elevation.Stage{{Team: "gone", Quorum: 1}}, []elevation.Stage{{Team: "gone", Name: "gone", Quorum: 1}}},
		{"quorum is at least one", plan, run, nil, []elevation.Stage{{Team: "web", Quorum: -4}}, []elevation.Stage{{Team: "team_web", Name: "Web", Quorum: 1}}},
		{"quorum has a cap", plan, run, nil, []elevation.Stage{{Team: "web", Quorum: 1 << 30}}, []elevation.Stage{{Team: "team_web", Name: "Web", Quorum: MaxQuorum}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, tt.plan.Stages(tt.attempt, tt.labels, tt.required)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestMayVote(t *testing.T) {
	approvers := elevation.Stage{Team: ApproversID, Name: ApproversName, Quorum: 1}
	web := elevation.Stage{Team: "team_web", Name: "Web", Quorum: 1}
	plan := planOf([]Person{ada, bo}, []Link{{User: bo.ID, Endpoint: "ep_1", UID: "1000"}})
	plan.Teams = append(plan.Teams, Team{ID: "team_web", Name: "Web", Members: []Person{ada}})
	unlinked := plan
	unlinked.Links = nil
	tests := []struct {
		name  string
		plan  Plan
		actor elevation.Actor
		req   *elevation.Request
		want  []int
		err   error
	}{
		{"a member", plan, by(ada), request("dee", approvers), []int{0}, nil},
		{"two stages", plan, by(ada), request("dee", approvers, web), []int{0, 1}, nil},
		{"second stage only", plan, by(ada), request("dee", elevation.Stage{Team: "gone", Quorum: 1}, web), []int{1}, nil},
		{"no member", plan, by(cy), request("dee", approvers), nil, elevation.ErrNotAllowed},
		{"unknown team", plan, by(ada), request("dee", elevation.Stage{Team: "gone", Quorum: 1}), nil, elevation.ErrNotAllowed},
		{"zero plan", Plan{}, by(ada), request("dee", approvers), nil, elevation.ErrNotAllowed},
		{"no stages", plan, by(ada), request("dee"), nil, elevation.ErrNotAllowed},
		{"nobody", plan, elevation.Actor{}, request("dee", approvers), nil, elevation.ErrNotAllowed},
		{"a rule", plan, elevation.Actor{Kind: elevation.ByRule, ID: "usr_ada", Name: "ada"}, request("dee", approvers), nil, elevation.ErrNotAllowed},
		{"an endpoint", plan, elevation.Actor{Kind: elevation.ByEndpoint, ID: "usr_ada", Name: "ada"}, request("dee", approvers), nil, elevation.ErrNotAllowed},
		{"equal name", plan, by(ada), request("ada", approvers), nil, elevation.ErrSelfApproval},
		{"equal name, other case", plan, by(ada), request("ADA", approvers), nil, elevation.ErrSelfApproval},
		{"equal name in a domain", plan, by(ada), request(`CORP\Ada`, approvers), nil, elevation.ErrSelfApproval},
		{"equal name at a domain", plan, by(Person{ID: ada.ID, Login: "ada@corp.example"}), request("ada", approvers), nil, elevation.ErrSelfApproval},
		{"strong link, other name", plan, by(bo), request("dee", approvers), nil, elevation.ErrSelfApproval},
		{"without the link", unlinked, by(bo), request("dee", approvers), []int{0}, nil},
		{"no login", plan, elevation.Actor{Kind: elevation.ByUser, ID: "usr_ada"}, request("dee", approvers), nil, elevation.ErrSelfApproval},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := MayVote(tt.plan, tt.actor, tt.req, noon)
			if !errors.Is(err, tt.err) || (err == nil) != (tt.err == nil) {
				t.Fatalf("error %v, want %v", err, tt.err)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestOnlyApproverIsTold(t *testing.T) {
	r := request("ada", elevation.Stage{Team: ApproversID, Quorum: 1})
	_, err := MayVote(planOf([]Person{ada}, nil), by(ada), r, noon)
	if err == nil || !strings.Contains(err.Error(), "only approver") {
		t.Errorf("one member: got %v", err)
	}
	_, err = MayVote(planOf([]Person{ada, bo}, nil), by(ada), r, noon)
	if err == nil || strings.Contains(err.Error(), "only approver") {
		t.Errorf("two members: got %v", err)
	}
}

func TestAnswerers(t *testing.T) {
	r := request("cy", elevation.Stage{Team: ApproversID, Quorum: 2})
	plan := planOf([]Person{ada, bo, cy, {}}, nil)
	if d := cmp.Diff([]Person{ada, bo}, plan.Answerers(r, noon)); d != "" {
		t.Error(d)
	}
	r.Reviews = []elevation.Review{{By: by(ada), Verdict: elevation.Approved, Stages: []elevation.TeamID{ApproversID}}}
	if d := cmp.Diff([]Person{bo}, plan.Answerers(r, noon)); d != "" {
		t.Error("after a vote: " + d)
	}
	r.Need.Stages[0].Quorum = 1
	if got := plan.Answerers(r, noon); len(got) != 0 {
		t.Errorf("a full stage: %v", got)
	}
}

func TestStrong(t *testing.T) {
	u := elevation.User{Name: "bo", UID: "1000"}
	tests := []struct {
		name    string
		link    Link
		account elevation.UserID
		want    bool
	}{
		{"uid", Link{User: "usr_bo", Endpoint: "ep_1", UID: "1000"}, "usr_bo", true},
		{"any endpoint", Link{User: "usr_bo", Name: "BO"}, "usr_bo", true},
		{"other endpoint", Link{User: "usr_bo", Endpoint: "ep_2", UID: "1000"}, "usr_bo", false},
		{"other uid", Link{User: "usr_bo", UID: "1001"}, "usr_bo", false},
		{"uid right, name wrong", Link{User: "usr_bo", UID: "1000", Name: "cy"}, "usr_bo", false},
		{"other account", Link{User: "usr_bo", UID: "1000"}, "usr_cy", false},
		{"nobody", Link{UID: "1000"}, "", false},
		{"empty link", Link{User: "usr_bo"}, "usr_bo", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := (Plan{Links: []Link{tt.link}}).Strong(tt.account, "ep_1", u); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
	if (Plan{}).Strong("usr_bo", "ep_1", u) {
		t.Error("an equal name alone is a strong link")
	}
}
