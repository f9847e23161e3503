package api

import (
	"context"
	"net/http"
	"time"

	"github.com/assent-epm/assent/controller/admin"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/controller/queue"
	"github.com/assent-epm/assent/shared/elevation"
)

// TeamInput names a team in the path.
type TeamInput struct {
	ID string `path:"id" maxLength:"200" doc:"Id or name." example:"Platform"`
}

// DelegationInput names a delegation in the path.
type DelegationInput struct {
	ID string `path:"id" maxLength:"64" example:"dlg_019aa8d2-1111-7c41-9d10-3b1f0c5f2a77"`
}

type newTeamInput struct{ Body client.NewTeam }

type editTeamInput struct {
	TeamInput
	Body client.EditTeam
}

type newDelegationInput struct{ Body client.NewDelegation }

type editDelegationInput struct {
	DelegationInput
	Body client.EditDelegation
}

func (s *server) addTeams() {
	handle(s, route{method: http.MethodGet, path: "/teams", id: "team-list", tag: "teams", summary: "List teams"},
		paged(s.cfg.Admin.Teams, "teams", func(t admin.Team) string { return string(t.ID) }, teamOf))
	handle(s, route{method: http.MethodPost, path: "/teams", id: "team-add", tag: "teams", status: http.StatusCreated, summary: "Make a team",
		example: client.NewTeam{Name: "Platform", Members: []string{"bo"}, Scope: &client.TeamScope{Labels: map[string]string{"role": "web"}},
			Hours: "Mon-Fri 08:00-18:00", TZ: "Europe/Berlin", Escalate: []client.TeamStep{{AfterSeconds: 900, Team: "Approvers"}}}},
		func(ctx context.Context, a auth.Actor, in *newTeamInput) (client.Team, error) {
			b := in.Body
			t, err := s.cfg.Admin.AddTeam(ctx, a, editTeamOf(client.EditTeam{Name: &b.Name, Members: &b.Members, Scope: b.Scope, Hours: &b.Hours,
				TZ: &b.TZ, Escalate: &b.Escalate}))
			return teamOf(t), err
		})
	handle(s, route{method: http.MethodGet, path: "/teams/{id}", id: "team-view", tag: "teams", summary: "See one team"},
		func(ctx context.Context, a auth.Actor, in *TeamInput) (client.Team, error) {
			t, err := s.cfg.Admin.Team(ctx, a, in.ID)
			return teamOf(t), err
		})
	handle(s, route{method: http.MethodPut, path: "/teams/{id}", id: "team-edit", tag: "teams", summary: "Change a team; what is left out stays"},
		func(ctx context.Context, a auth.Actor, in *editTeamInput) (client.Team, error) {
			t, err := s.cfg.Admin.EditTeam(ctx, a, in.ID, editTeamOf(in.Body))
			return teamOf(t), err
		})
	handleEmpty(s, route{method: http.MethodDelete, path: "/teams/{id}", id: "team-delete", tag: "teams",
		summary: "Delete a team that no rule, ladder or waiting request needs"},
		func(ctx context.Context, a auth.Actor, in *TeamInput) error {
			return s.cfg.Admin.DeleteTeam(ctx, a, in.ID)
		})
	handle(s, route{method: http.MethodGet, path: "/teams/{id}/preview", id: "team-preview", tag: "teams",
		summary: "See who would answer, and when, what is asked of a team now"},
		func(ctx context.Context, a auth.Actor, in *TeamInput) (client.TeamPreview, error) {
			turns, err := s.cfg.Queue.Turns(ctx, a, in.ID)
			return previewOf(turns), err
		})
	s.addDelegations()
}

func previewOf(turns []queue.Turn) client.TeamPreview {
	out := client.TeamPreview{Steps: []client.TeamTurn{}}
	for i, t := range turns {
		if i == 0 {
			out.Team, out.At = t.Name, t.At.UTC()
		}
		step := client.TeamTurn{Team: t.Name, TeamID: string(t.Team), AfterSeconds: whole(t.After), At: moment(t.At), AnswersFrom: moment(t.From),
			Count: t.Count, People: []client.TeamSeated{}}
		for _, p := range t.People {
			step.People = append(step.People, client.TeamSeated{Login: p.Login, StandsInFor: text(p.For.Login)})
		}
		out.Steps = append(out.Steps, step)
	}
	return out
}

func editTeamOf(b client.EditTeam) admin.EditTeam {
	out := admin.EditTeam{Name: b.Name, Members: b.Members, Hours: b.Hours, Zone: b.TZ}
	if b.Scope != nil {
		types := []elevation.AccessType{}
		for _, x := range b.Scope.AccessTypes {
			types = append(types, elevation.AccessType(x))
		}
		out.Labels, out.AccessTypes = &b.Scope.Labels, &types
	}
	if b.Escalate != nil {
		rungs := []admin.Rung{}
		for _, x := range *b.Escalate {
			rungs = append(rungs, admin.Rung{After: time.Duration(x.AfterSeconds) * time.Second, Team: x.Team})
		}
		out.Escalate = &rungs
	}
	return out
}

func teamOf(t admin.Team) client.Team {
	out := client.Team{ID: string(t.ID), Name: t.Name, Members: []string{}, Automatic: t.Automatic, Hours: t.Hours, TZ: t.Zone,
		Scope: client.TeamScopeSeen{Labels: object(t.Labels), AccessTypes: []string{}}, Escalate: []client.TeamStep{}}
	for _, u := range t.People {
		out.Members = append(out.Members, u.Login)
	}
	for _, x := range t.AccessTypes {
		out.Scope.AccessTypes = append(out.Scope.AccessTypes, string(x))
	}
	for _, x := range t.Ladder {
		out.Escalate = append(out.Escalate, client.TeamStep{AfterSeconds: whole(x.After), Team: x.Team})
	}
	return out
}

func (s *server) addDelegations() {
	handle(s, route{method: http.MethodGet, path: "/delegations", id: "delegation-list", tag: "teams", summary: "List who stands in for whom"},
		paged(s.cfg.Admin.Delegations, "delegations", func(x admin.Away) string { return string(x.ID) }, delegationOf))
	handle(s, route{method: http.MethodPost, path: "/delegations", id: "delegation-add", tag: "teams", status: http.StatusCreated,
		summary: "Let somebody answer in one's place for a while",
		example: client.NewDelegation{User: "bo", Delegate: "ada", Until: time.Date(2027, 1, 4, 8, 0, 0, 0, time.UTC)}},
		func(ctx context.Context, a auth.Actor, in *newDelegationInput) (client.Delegation, error) {
			b := in.Body
			edit := admin.EditAway{Delegate: &b.Delegate, From: b.From, Until: &b.Until}
			if b.User != "" {
				edit.User = &b.User
			}
			x, err := s.cfg.Admin.AddDelegation(ctx, a, edit)
			return delegationOf(x), err
		})
	handle(s, route{method: http.MethodGet, path: "/delegations/{id}", id: "delegation-view", tag: "teams", summary: "See one delegation"},
		func(ctx context.Context, a auth.Actor, in *DelegationInput) (client.Delegation, error) {
			x, err := s.cfg.Admin.Delegation(ctx, a, elevation.DelegationID(in.ID))
			return delegationOf(x), err
		})
	handle(s, route{method: http.MethodPut, path: "/delegations/{id}", id: "delegation-edit", tag: "teams",
		summary: "Change a delegation; what is left out stays"},
		func(ctx context.Context, a auth.Actor, in *editDelegationInput) (client.Delegation, error) {
			x, err := s.cfg.Admin.EditDelegation(ctx, a, elevation.DelegationID(in.ID),
				admin.EditAway{Delegate: in.Body.Delegate, From: in.Body.From, Until: in.Body.Until})
			return delegationOf(x), err
		})
	handleEmpty(s, route{method: http.MethodDelete, path: "/delegations/{id}", id: "delegation-delete", tag: "teams", summary: "End a delegation"},
		func(ctx context.Context, a auth.Actor, in *DelegationInput) error {
			return s.cfg.Admin.DeleteDelegation(ctx, a, elevation.DelegationID(in.ID))
		})
}

func delegationOf(x admin.Away) client.Delegation {
	return client.Delegation{ID: string(x.ID), User: x.Login, Delegate: x.DelegateLogin, From: x.From.UTC(), Until: x.Until.UTC(), MadeBy: x.By.Name}
}
