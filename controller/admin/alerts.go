package admin

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// Alert is an alert with the names of its people and teams.
type Alert struct {
	store.Alert
	Users  []string // logins
	Teams  []string // names
	Filter AlertFilter
}

// AlertFilter is a filter with the name of its team.
type AlertFilter struct {
	store.AlertFilter
	TeamName string // id or name; when read the name
}

// AlertPeople are recipients by name.
type AlertPeople struct {
	Users     []string // logins or ids
	Teams     []string // names or ids
	Roles     []string
	Answerers bool
	Requester bool
}

// EditAlert makes or changes an alert; what is nil stays.
type EditAlert struct {
	Name      *string
	Events    *[]string
	Filter    *AlertFilter
	Channels  *[]string // ids or names
	People    *AlertPeople
	Digest    *time.Duration
	Mandatory *bool
	Enabled   *bool
}

// Limits of alerts.
const (
	maxAlerts        = 200
	maxAlertChannels = 20
	maxAlertPeople   = 1000
	maxDigest        = 7 * 24 * time.Hour
	maxWaiting       = 30 * 24 * time.Hour
)

// Alerts lists the alerts by name.
func (a *Admin) Alerts(ctx context.Context, act auth.Actor) (list []Alert, err error) {
	if err := a.mayAlerts(ctx, act, auth.AlertsRead, ""); err != nil {
		return nil, err
	}
	err = a.look(ctx, func(tx *store.Tx, staff *store.Staff) error {
		all, err := tx.Alerts()
		list = nil
		for _, x := range all {
			list = append(list, shownAlert(staff, x))
		}
		return err
	})
	return list, err
}

// Alert is one alert, by id or name.
func (a *Admin) Alert(ctx context.Context, act auth.Actor, name string) (x Alert, err error) {
	if err := a.mayAlerts(ctx, act, auth.AlertsRead, ""); err != nil {
		return x, err
	}
	err = a.look(ctx, func(tx *store.Tx, staff *store.Staff) error {
		found, err := findAlert(tx, name)
		x = shownAlert(staff, found)
		return err
	})
	return x, err
}

func findAlert(tx *store.Tx, name string) (store.Alert, error) {
	all, err := tx.Alerts()
	if err != nil {
		return store.Alert{}, err
	}
	return called(all, "alert", name, func(x store.Alert) (id, name string) { return x.ID, x.Name })
}

// called finds what has a name or an id.
func called[T any](all []T, what, name string, of func(T) (id, name string)) (found T, err error) {
	for _, x := range all {
		if id, its := of(x); id == name || strings.EqualFold(its, name) {
			return x, nil
		}
	}
	return found, fmt.Errorf("%s %s: %w", what, audit.Clip(name, 80), elevation.ErrNotFound)
}

func shownAlert(staff *store.Staff, x store.Alert) Alert {
	out := Alert{Alert: x, Filter: AlertFilter{AlertFilter: x.Body.Filter}}
	for _, id := range x.Body.To.Users {
		if u, ok := staff.User(id); ok {
			out.Users = append(out.Users, u.Login)
		}
	}
	for _, t := range staff.AllTeams() {
		if slices.Contains(x.Body.To.Teams, t.ID) {
			out.Teams = append(out.Teams, t.Name)
		}
		if t.ID == x.Body.Filter.Team {
			out.Filter.TeamName = t.Name
		}
	}
	return out
}

// AddAlert makes an alert. [elevation.ErrConflict] when its name is taken.
func (a *Admin) AddAlert(ctx context.Context, act auth.Actor, in EditAlert) (Alert, error) {
	if in.Name == nil || in.Events == nil || in.Channels == nil {
		return Alert{}, fmt.Errorf("%w: an alert needs a name, events and channels", elevation.ErrInvalid)
	}
	now := a.cfg.Now()
	x := store.Alert{ID: elevation.NewID(store.AlertPrefix, now), Enabled: true, MadeAt: now}
	return a.putAlert(ctx, act, "alert.add", in, func(tx *store.Tx) (store.Alert, error) {
		all, err := tx.Alerts()
		if err == nil && len(all) >= maxAlerts {
			err = fmt.Errorf("%w: there are %d alerts", elevation.ErrLimit, len(all))
		}
		return x, err
	})
}

// EditAlert changes an alert, named by id or name.
func (a *Admin) EditAlert(ctx context.Context, act auth.Actor, name string, in EditAlert) (Alert, error) {
	return a.putAlert(ctx, act, "alert.edit", in, func(tx *store.Tx) (store.Alert, error) { return findAlert(tx, name) })
}

func (a *Admin) putAlert(ctx context.Context, act auth.Actor, what string, in EditAlert, find func(*store.Tx) (store.Alert, error)) (out Alert, err error) {
	if err := a.mayAlerts(ctx, act, auth.AlertsWrite, what); err != nil {
		return out, err
	}
	err = a.change(ctx, func(tx *store.Tx) (audit.Event, error) {
		x, err := find(tx)
		if err != nil {
			return audit.Event{}, err
		}
		staff, err := tx.Staff()
		if err != nil {
			return audit.Event{}, err
		}
		if x, err = editedAlert(tx, staff, x, in); err != nil {
			return audit.Event{}, err
		}
		x.ChangedAt = a.cfg.Now()
		if err := conflict(tx.PutAlert(x), "the alert %s is there already", x.Name); err != nil {
			return audit.Event{}, err
		}
		out = shownAlert(staff, x)
		return a.event(act, audit.AlertChanged, alertData(out)), nil
	})
	return out, err
}

// alertData says what an alert is now, for the audit log.
func alertData(x Alert) map[string]string {
	b := x.Body
	clip := func(list []string) string { return audit.Clip(strings.Join(list, ", "), 2000) }
	var kinds []string
	for _, k := range b.Kinds {
		kinds = append(kinds, k.String())
	}
	f := b.Filter
	return map[string]string{"alert": x.ID, "name": x.Name, "enabled": strconv.FormatBool(x.Enabled), "mandatory": strconv.FormatBool(b.Mandatory),
		"events": clip(kinds), "channels": clip(b.Channels), "users": clip(x.Users), "teams": clip(x.Teams), "roles": clip(b.To.Roles),
		"answerers": strconv.FormatBool(b.To.Answerers), "requester": strconv.FormatBool(b.To.Requester), "digest": b.Digest.String(),
		"filter": audit.Clip(fmt.Sprintf("team=%s user=%s labels=%s access_type=%s priority=%s waiting=%s caution=%t", x.Filter.TeamName, f.User,
			labelList(f.Labels), f.AccessType, f.Priority, f.Waiting, f.Caution), 2000)}
}

// editedAlert is the alert after the change, checked.
func editedAlert(tx *store.Tx, staff *store.Staff, x store.Alert, in EditAlert) (store.Alert, error) {
	if in.Name != nil {
		x.Name = *in.Name
	}
	if err := checkName("name of the alert", x.Name, maxName); err != nil {
		return x, err
	}
	if in.Enabled != nil {
		x.Enabled = *in.Enabled
	}
	if in.Mandatory != nil {
		x.Body.Mandatory = *in.Mandatory
	}
	if in.Digest != nil {
		if *in.Digest < 0 || *in.Digest > maxDigest {
			return x, fmt.Errorf("%w: a digest comes after 0 seconds to %s", elevation.ErrInvalid, elevation.FormatDuration(maxDigest))
		}
		x.Body.Digest = *in.Digest
	}
	if err := editEvents(&x, in.Events); err != nil {
		return x, err
	}
	if err := editAlertChannels(tx, &x, in.Channels); err != nil {
		return x, err
	}
	if err := editAlertPeople(staff, &x, in.People); err != nil {
		return x, err
	}
	return x, editAlertFilter(staff, &x, in.Filter)
}

func editEvents(x *store.Alert, events *[]string) error {
	if events == nil {
		return nil
	}
	x.Body.Kinds = nil
	for _, name := range *events {
		k, err := audit.ParseKind(name)
		if err != nil {
			return fmt.Errorf("%w: there is no event %q", elevation.ErrInvalid, audit.Clip(name, 80))
		}
		if !slices.Contains(x.Body.Kinds, k) {
			x.Body.Kinds = append(x.Body.Kinds, k)
		}
	}
	if len(x.Body.Kinds) == 0 {
		return fmt.Errorf("%w: an alert needs an event", elevation.ErrInvalid)
	}
	return nil
}

func editAlertChannels(tx *store.Tx, x *store.Alert, names *[]string) error {
	if names == nil {
		return nil
	}
	if len(*names) == 0 || len(*names) > maxAlertChannels {
		return fmt.Errorf("%w: an alert has 1 to %d channels", elevation.ErrInvalid, maxAlertChannels)
	}
	ids, err := channelIDs(tx, *names)
	x.Body.Channels = ids
	return err
}

// channelIDs finds channels by id or name.
func channelIDs(tx *store.Tx, names []string) ([]string, error) {
	ids := []string{}
	for _, name := range names {
		c, err := findChannel(tx, name)
		if err != nil {
			return nil, fmt.Errorf("%w: no channel is called %q; make it first", elevation.ErrInvalid, audit.Clip(name, 80))
		}
		if !slices.Contains(ids, c.ID) {
			ids = append(ids, c.ID)
		}
	}
	return ids, nil
}

func editAlertPeople(staff *store.Staff, x *store.Alert, in *AlertPeople) error {
	if in == nil {
		return nil
	}
	if len(in.Users)+len(in.Teams)+len(in.Roles) > maxAlertPeople {
		return fmt.Errorf("%w: more than %d recipients", elevation.ErrInvalid, maxAlertPeople)
	}
	to := store.AlertRecipient{Answerers: in.Answerers, Requester: in.Requester}
	for _, name := range in.Users {
		u, ok := person(staff, name)
		if !ok {
			return fmt.Errorf("%w: no account is called %q", elevation.ErrInvalid, audit.Clip(name, 80))
		}
		to.Users = append(to.Users, u.ID)
	}
	for _, name := range in.Teams {
		t, err := findTeam(staff, auth.Actor{}, name)
		if err != nil {
			return fmt.Errorf("%w: no team is called %q", elevation.ErrInvalid, audit.Clip(name, 80))
		}
		to.Teams = append(to.Teams, t.ID)
	}
	for _, r := range in.Roles {
		if !auth.Role(r).Valid() {
			return fmt.Errorf("%w: there is no role %q", elevation.ErrInvalid, audit.Clip(r, 80))
		}
		to.Roles = append(to.Roles, r)
	}
	x.Body.To = to
	return nil
}

func editAlertFilter(staff *store.Staff, x *store.Alert, in *AlertFilter) error {
	if in == nil {
		return nil
	}
	f := in.AlertFilter
	f.Team = ""
	if in.TeamName != "" {
		t, err := findTeam(staff, auth.Actor{}, in.TeamName)
		if err != nil {
			return fmt.Errorf("%w: no team is called %q", elevation.ErrInvalid, audit.Clip(in.TeamName, 80))
		}
		f.Team = t.ID
	}
	if err := elevation.CheckLine("user of the filter", f.User, 256); err != nil {
		return err
	}
	if err := checkLabels(f.Labels); err != nil {
		return err
	}
	if f.AccessType != "" {
		if err := checkAccessTypes([]elevation.AccessType{f.AccessType}); err != nil {
			return err
		}
	}
	if f.Priority != "" && !slices.Contains([]elevation.Priority{elevation.Low, elevation.Normal, elevation.High, elevation.Urgent}, f.Priority) {
		return fmt.Errorf("%w: there is no priority %q", elevation.ErrInvalid, audit.Clip(string(f.Priority), 40))
	}
	if f.Waiting < 0 || f.Waiting > maxWaiting {
		return fmt.Errorf("%w: a request waits 0 seconds to %s", elevation.ErrInvalid, elevation.FormatDuration(maxWaiting))
	}
	x.Body.Filter = f
	return nil
}

// DeleteAlert deletes an alert, named by id or name; what is on its way is still
// told.
func (a *Admin) DeleteAlert(ctx context.Context, act auth.Actor, name string) error {
	if err := a.mayAlerts(ctx, act, auth.AlertsWrite, "alert.delete"); err != nil {
		return err
	}
	return a.change(ctx, func(tx *store.Tx) (audit.Event, error) {
		x, err := findAlert(tx, name)
		if err != nil {
			return audit.Event{}, err
		}
		return a.event(act, audit.AlertChanged, map[string]string{"alert": x.ID, "name": x.Name, "deleted": "true"}), tx.DeleteAlert(x.ID)
	})
}
