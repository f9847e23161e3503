package admin

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/delegation"
	"github.com/assent-epm/assent/shared/elevation"
)

// Team is a team with the names of its people and teams.
type Team struct {
	store.Team
	People []store.User // of the members, those that the actor may know of
	Ladder []Rung
}

// Rung is one step of a team's ladder.
type Rung struct {
	After time.Duration
	Team  string // id or name; when read the name
}

// EditTeam makes or changes a team; what is nil stays, or is empty in a new one.
type EditTeam struct {
	Name        *string
	Members     *[]string // logins or ids
	Labels      *map[string]string
	AccessTypes *[]elevation.AccessType
	Hours       *string // "" = always; may end with a time zone
	Zone        *string // IANA name, "" = the setting time_zone
	Escalate    *[]Rung
}

// Limits of teams.
const (
	maxTeams      = 1000
	maxMembers    = 1000
	maxRungs      = 10
	maxRungAfter  = 30 * 24 * time.Hour
	maxHours      = 500
	maxAccessType = 8
)

// Teams lists the teams that answer anything inside the actor's scope, by name,
// "Approvers" first.
func (a *Admin) Teams(ctx context.Context, act auth.Actor) (list []Team, err error) {
	if err := act.Can(auth.TeamRead); err != nil {
		return nil, err
	}
	err = a.look(ctx, func(_ *store.Tx, staff *store.Staff) error {
		list = nil
		for _, t := range staff.AllTeams() {
			if act.Overlaps(t.Labels) {
				list = append(list, shownTeam(staff, act, t))
			}
		}
		return nil
	})
	return list, err
}

// Team is one team, by id or name; outside the actor's scope it is not found.
func (a *Admin) Team(ctx context.Context, act auth.Actor, name string) (t Team, err error) {
	if err := act.Can(auth.TeamRead); err != nil {
		return t, err
	}
	err = a.look(ctx, func(_ *store.Tx, staff *store.Staff) error {
		found, err := findTeam(staff, act, name)
		t = shownTeam(staff, act, found)
		return err
	})
	return t, err
}

func findTeam(staff *store.Staff, act auth.Actor, name string) (store.Team, error) {
	for _, t := range staff.AllTeams() {
		if t.Called(name) && act.Overlaps(t.Labels) {
			return t, nil
		}
	}
	return store.Team{}, fmt.Errorf("team %s: %w", audit.Clip(name, 80), elevation.ErrNotFound)
}

// shownTeam is the team as the actor may see it.
func shownTeam(staff *store.Staff, act auth.Actor, t store.Team) Team {
	out := Team{Team: t}
	for _, u := range staff.Users {
		who := auth.Actor{User: u.ID, Roles: u.Roles}
		in := slices.Contains(t.Members, u.ID)
		if t.Automatic {
			in = u.DisabledAt.IsZero() && (who.Is(auth.Administrator) || who.Is(auth.Approver))
		}
		if in && act.Overlaps(u.Scope) {
			out.People = append(out.People, u)
		}
	}
	for _, s := range t.Escalate {
		for _, to := range staff.AllTeams() {
			if to.ID == s.Team && act.Overlaps(to.Labels) {
				out.Ladder = append(out.Ladder, Rung{After: s.After, Team: to.Name})
			}
		}
	}
	return out
}

// AddTeam makes a team. [elevation.ErrConflict] when its name is taken.
func (a *Admin) AddTeam(ctx context.Context, act auth.Actor, in EditTeam) (Team, error) {
	t := store.Team{ID: elevation.TeamID(elevation.NewID(elevation.TeamPrefix, a.cfg.Now())), MadeAt: a.cfg.Now()}
	return a.putTeam(ctx, act, "team.add", in, func(staff *store.Staff) (store.Team, error) {
		if len(staff.Teams) >= maxTeams {
			return t, fmt.Errorf("%w: there are %d teams", elevation.ErrLimit, len(staff.Teams))
		}
		return t, nil
	})
}

// EditTeam changes a team, named by id or name. Members that are given make
// "Approvers" a team of these people and of every administrator.
func (a *Admin) EditTeam(ctx context.Context, act auth.Actor, name string, in EditTeam) (Team, error) {
	return a.putTeam(ctx, act, "team.edit", in, func(staff *store.Staff) (store.Team, error) {
		return findTeam(staff, act, name)
	})
}

func (a *Admin) putTeam(ctx context.Context, act auth.Actor, what string, in EditTeam, find func(*store.Staff) (store.Team, error)) (Team, error) {
	if err := a.may(ctx, act, auth.TeamsWrite, what); err != nil {
		return Team{}, err
	}
	var shown Team
	err := a.changeStaff(ctx, act, what, func(tx *store.Tx, staff *store.Staff) (audit.Event, error) {
		old, err := find(staff)
		if err != nil {
			return audit.Event{}, err
		}
		next, err := edited(staff, tx.Settings(), old, in)
		if err != nil {
			return audit.Event{}, err
		}
		if err := mayTeam(act, old, next); err != nil {
			return audit.Event{}, err
		}
		if old.Name != "" && old.Name != next.Name {
			if why := a.namedByRule(old); why != "" {
				return audit.Event{}, fmt.Errorf("%w: %s; name the team there by its id %s, or keep the name", elevation.ErrConflict, why, old.ID)
			}
		}
		data := teamChanges(staff, old, next)
		if data == nil {
			shown = shownTeam(staff, act, old)
			return audit.Event{}, nil
		}
		if err := conflict(tx.PutTeam(next), "the team %s is there already", next.Name); err != nil {
			return audit.Event{}, err
		}
		if staff, err = tx.Staff(); err != nil {
			return audit.Event{}, err
		}
		shown = shownTeam(staff, act, next)
		return a.event(act, audit.TeamChanged, data), nil
	})
	return shown, err
}

// mayTeam refuses a team that answers for endpoints outside the actor's scope.
func mayTeam(act auth.Actor, teams ...store.Team) error {
	for _, t := range teams {
		if t.Name != "" && !within(act, t.Labels) {
			return fmt.Errorf("%w: the team answers for more endpoints than yours", elevation.ErrNotAllowed)
		}
	}
	return nil
}

// edited is the team after the change, checked.
func edited(staff *store.Staff, set store.Settings, t store.Team, in EditTeam) (store.Team, error) {
	if in.Name != nil {
		t.Name = *in.Name
	}
	if err := checkName("name of the team", t.Name, maxName); err != nil {
		return t, err
	}
	if strings.HasPrefix(t.Name, elevation.TeamPrefix) {
		return t, fmt.Errorf("%w: a name does not begin like an id", elevation.ErrInvalid)
	}
	if (t.ID == delegation.ApproversID) != strings.EqualFold(t.Name, delegation.ApproversName) {
		return t, fmt.Errorf("%w: the name %s belongs to the team that is always there", elevation.ErrConflict, delegation.ApproversName)
	}
	for _, other := range staff.Teams {
		if other.ID != t.ID && strings.EqualFold(other.Name, t.Name) {
			return t, fmt.Errorf("%w: the team %s is there already", elevation.ErrConflict, t.Name)
		}
	}
	if in.Labels != nil {
		t.Labels = *in.Labels
	}
	if err := checkLabels(t.Labels); err != nil {
		return t, err
	}
	if t.ID == delegation.ApproversID && (len(t.Labels) > 0 || in.AccessTypes != nil && len(*in.AccessTypes) > 0) {
		return t, fmt.Errorf("%w: %s answers where no other team does, so it has no scope", elevation.ErrInvalid, delegation.ApproversName)
	}
	if in.AccessTypes != nil {
		t.AccessTypes = *in.AccessTypes
	}
	if err := checkAccessTypes(t.AccessTypes); err != nil {
		return t, err
	}
	if err := editHours(&t, set, in); err != nil {
		return t, err
	}
	if err := editMembers(staff, &t, in); err != nil {
		return t, err
	}
	return t, editLadder(staff, &t, in)
}

func checkAccessTypes(types []elevation.AccessType) error {
	if len(types) > maxAccessType {
		return fmt.Errorf("%w: more than %d access types", elevation.ErrInvalid, maxAccessType)
	}
	for _, x := range types {
		if x != elevation.Run && x != elevation.Session && x != elevation.Admin {
			return fmt.Errorf("%w: there is no access type %q; there are run, session and admin", elevation.ErrInvalid, audit.Clip(string(x), 40))
		}
	}
	return nil
}

// editHours reads the hours, which may carry their time zone as last word.
func editHours(t *store.Team, set store.Settings, in EditTeam) error {
	if in.Zone != nil {
		t.Zone = *in.Zone
	}
	if in.Hours != nil {
		t.Hours = strings.TrimSpace(*in.Hours)
		if i := strings.LastIndexByte(t.Hours, ' '); i > 0 && !strings.ContainsAny(t.Hours[i:], ":,") {
			t.Hours, t.Zone = strings.TrimSpace(t.Hours[:i]), t.Hours[i+1:]
		}
	}
	if t.Hours == "" {
		t.Zone = ""
		return nil
	}
	if t.Zone == "" {
		t.Zone = set.TimeZone
	}
	if len(t.Hours) > maxHours || len(t.Zone) > 64 {
		return fmt.Errorf("%w: the hours are longer than %d bytes", elevation.ErrInvalid, maxHours)
	}
	zone, err := time.LoadLocation(t.Zone)
	if err != nil || t.Zone == "Local" {
		return fmt.Errorf("%w: the time zone %q is not known: write a name like Europe/Berlin or UTC", elevation.ErrInvalid, t.Zone)
	}
	if _, err := elevation.ParseHours(t.Hours, zone); err != nil {
		return fmt.Errorf("%w: the hours can not be read: %w", elevation.ErrInvalid, err)
	}
	return nil
}

func editMembers(staff *store.Staff, t *store.Team, in EditTeam) error {
	if in.Members == nil {
		return nil
	}
	if len(*in.Members) > maxMembers {
		return fmt.Errorf("%w: more than %d members", elevation.ErrInvalid, maxMembers)
	}
	t.Members, t.Automatic = nil, false
	for _, name := range *in.Members {
		u, ok := person(staff, name)
		if !ok {
			return fmt.Errorf("%w: no account is called %q; make it first (assentctl user add)", elevation.ErrInvalid, audit.Clip(name, 80))
		}
		if !slices.Contains(t.Members, u.ID) {
			t.Members = append(t.Members, u.ID)
		}
	}
	return nil
}

// person finds an account by login or id.
func person(staff *store.Staff, name string) (store.User, bool) {
	for _, u := range staff.Users {
		if string(u.ID) == name || strings.EqualFold(u.Login, name) {
			return u, true
		}
	}
	return store.User{}, false
}

func editLadder(staff *store.Staff, t *store.Team, in EditTeam) error {
	if in.Escalate == nil {
		return nil
	}
	if len(*in.Escalate) > maxRungs {
		return fmt.Errorf("%w: a ladder has at most %d steps", elevation.ErrInvalid, maxRungs)
	}
	t.Escalate = nil
	for _, r := range *in.Escalate {
		to, err := findTeam(staff, auth.Actor{}, r.Team)
		switch {
		case err != nil:
			return fmt.Errorf("%w: the ladder names a team that is not there: %q", elevation.ErrInvalid, audit.Clip(r.Team, 80))
		case to.ID == t.ID:
			return fmt.Errorf("%w: a team does not escalate to itself", elevation.ErrInvalid)
		case r.After < time.Second || r.After > maxRungAfter:
			return fmt.Errorf("%w: a step comes after one second to %s", elevation.ErrInvalid, elevation.FormatDuration(maxRungAfter))
		case slices.ContainsFunc(t.Escalate, func(s delegation.Step) bool { return s.Team == to.ID }):
			return fmt.Errorf("%w: the ladder names %s twice", elevation.ErrInvalid, to.Name)
		}
		t.Escalate = append(t.Escalate, delegation.Step{After: r.After, Team: to.ID})
	}
	slices.SortStableFunc(t.Escalate, func(x, y delegation.Step) int { return int(x.After - y.After) })
	return nil
}

// teamChanges names what differs, for the audit log; nil when nothing does.
func teamChanges(staff *store.Staff, old, next store.Team) map[string]string {
	data := map[string]string{}
	differ := func(what, was, is string) {
		if was != is {
			data[what], data[what+"_before"] = audit.Clip(is, 2000), audit.Clip(was, 2000)
		}
	}
	differ("name", old.Name, next.Name)
	differ("members", memberList(staff, old), memberList(staff, next))
	differ("labels", labelList(old.Labels), labelList(next.Labels))
	differ("access_types", fmt.Sprint(old.AccessTypes), fmt.Sprint(next.AccessTypes))
	differ("hours", strings.TrimSpace(old.Hours+" "+old.Zone), strings.TrimSpace(next.Hours+" "+next.Zone))
	differ("escalate", ladderList(staff, old), ladderList(staff, next))
	if len(data) == 0 {
		return nil
	}
	data["team"], data["name"] = string(next.ID), next.Name
	return data
}

func memberList(staff *store.Staff, t store.Team) string {
	if t.Automatic {
		return "every administrator and approver"
	}
	var out []string
	for _, id := range t.Members {
		if u, ok := staff.User(id); ok {
			out = append(out, u.Login)
		}
	}
	return strings.Join(out, ", ")
}

func ladderList(staff *store.Staff, t store.Team) string {
	var out []string
	for _, s := range t.Escalate {
		name := string(s.Team)
		if to, ok := staff.Team(s.Team); ok {
			name = to.Name
		}
		out = append(out, name+" after "+elevation.FormatDuration(s.After))
	}
	return strings.Join(out, ", ")
}

// DeleteTeam deletes a team, named by id or name. [elevation.ErrConflict] while a rule or
// another team's ladder names it, or requests wait for it: nobody could answer
// those.
func (a *Admin) DeleteTeam(ctx context.Context, act auth.Actor, name string) error {
	if err := a.may(ctx, act, auth.TeamsWrite, "team.delete"); err != nil {
		return err
	}
	err := a.changeStaff(ctx, act, "team.delete", func(tx *store.Tx, staff *store.Staff) (audit.Event, error) {
		t, err := findTeam(staff, act, name)
		if err != nil {
			return audit.Event{}, err
		}
		if err := mayTeam(act, t); err != nil {
			return audit.Event{}, err
		}
		if why, err := a.needed(tx, staff, t); err != nil || why != "" {
			if err == nil {
				err = fmt.Errorf("%w: %s", elevation.ErrConflict, why)
			}
			return audit.Event{}, err
		}
		return a.event(act, audit.TeamChanged, map[string]string{"team": string(t.ID), "name": t.Name, "deleted": "true"}), tx.DeleteTeam(t.ID)
	})
	return err
}

// needed says why a team can not go, "" when it can.
func (a *Admin) needed(tx *store.Tx, staff *store.Staff, t store.Team) (string, error) {
	if t.ID == delegation.ApproversID {
		return delegation.ApproversName + " is always there; change its members instead", nil
	}
	if why := a.namedByRule(t); why != "" {
		return why + "; change the rule first", nil
	}
	for _, other := range staff.Teams {
		if slices.ContainsFunc(other.Escalate, func(s delegation.Step) bool { return s.Team == t.ID }) {
			return fmt.Sprintf("the ladder of team %s names it; change that first", other.Name), nil
		}
	}
	page, err := tx.RequestPage(store.RequestFilter{Team: t.ID, OfTeam: true, States: []elevation.State{elevation.StatePending, elevation.StateHeld}, Limit: 1})
	if err != nil || len(page.Items) == 0 {
		return "", err
	}
	return fmt.Sprintf("%d requests wait for it; answer them first, or let an administrator remove them", max(page.Total, 1)), nil
}

// namedByRule says which rule names a team, "" when none does.
func (a *Admin) namedByRule(t store.Team) string {
	is := func(name elevation.TeamID) bool { return t.Called(string(name)) }
	for _, r := range a.Set().Rules() {
		if is(r.Require.AfterReview) || slices.ContainsFunc(r.Require.Stages, func(s elevation.Stage) bool { return is(s.Team) }) {
			return fmt.Sprintf("rule %s names it", r.Name)
		}
	}
	return ""
}
