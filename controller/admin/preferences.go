package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// EditPreferences changes somebody's own settings; what is nil stays.
type EditPreferences struct {
	Channels *[]string // ids or names of channels to people
	Default  bool      // forget the choice of channels: as alerts say
	Quiet    *string
	Zone     *string
	Digest   *time.Duration
	Phone    *string
	Buttons  *[]string
	Columns  *map[string][]string
	Views    *[]store.SavedView
	Density  *string
	Keys     *map[string]string
}

// Limits of somebody's own settings.
const (
	maxPreferences = 32 << 10 // bytes of all of them
	maxOwnItems    = 100
	maxOwnText     = 500
	maxQuery       = 2000
)

// Preferences are the caller's own settings. Channels are given by name.
func (a *Admin) Preferences(ctx context.Context, act auth.Actor) (p OwnSettings, err error) {
	if err := act.Can(auth.RequestsOwn); err != nil {
		return p, err
	}
	err = a.cfg.Store.View(ctx, func(tx *store.Tx) error {
		own, err := tx.Preferences(act.User)
		if err != nil {
			return err
		}
		p, err = shownPreferences(tx, own)
		return err
	})
	return p, err
}

// OwnSettings are somebody's own settings with the names of the channels that
// they may choose from, which is all that they may know of channels.
type OwnSettings struct {
	store.Preferences
	Offered []string
}

func shownPreferences(tx *store.Tx, own store.Preferences) (OwnSettings, error) {
	p := OwnSettings{Preferences: own}
	p.Notify.Channels = nil
	all, err := tx.Channels()
	for _, c := range all {
		if c.DisabledAt.IsZero() && c.ToPeople() {
			p.Offered = append(p.Offered, c.Name)
		}
		if slices.Contains(own.Notify.Channels, c.ID) {
			p.Notify.Channels = append(p.Notify.Channels, c.Name)
		}
	}
	return p, err
}

// EditPreferences changes the caller's own settings.
func (a *Admin) EditPreferences(ctx context.Context, act auth.Actor, in EditPreferences) (p OwnSettings, err error) {
	if err := act.Can(auth.RequestsOwn); err != nil {
		return p, err
	}
	err = a.change(ctx, func(tx *store.Tx) (audit.Event, error) {
		if _, err := tx.User(act.User); err != nil {
			return audit.Event{}, err
		}
		old, err := tx.Preferences(act.User)
		if err != nil {
			return audit.Event{}, err
		}
		next, err := a.ownSettings(tx, old, in)
		if err != nil {
			return audit.Event{}, err
		}
		was, _ := json.Marshal(old)
		is, err := json.Marshal(next)
		if err != nil {
			return audit.Event{}, fmt.Errorf("write settings: %w", err)
		}
		if len(is) > maxPreferences {
			return audit.Event{}, fmt.Errorf("%w: your settings are larger than %d bytes", elevation.ErrInvalid, maxPreferences)
		}
		if err := tx.PutPreferences(act.User, next); err != nil {
			return audit.Event{}, err
		}
		if p, err = shownPreferences(tx, next); err != nil {
			return audit.Event{}, err
		}
		return a.event(act, audit.PreferencesChanged, ownData(old, p.Preferences, string(was) == string(is))), nil
	})
	return p, err
}

// ownData says what matters to others of somebody's own settings: how they are
// told.
func ownData(old, p store.Preferences, same bool) map[string]string {
	n := p.Notify
	data := map[string]string{"quiet_hours": n.Quiet, "time_zone": n.Zone, "digest": n.Digest.String(), "changed": fmt.Sprint(!same)}
	if n.Chosen {
		data["channels"] = audit.Clip(strings.Join(n.Channels, ", "), 1000)
	}
	if old.Notify.Phone != n.Phone {
		data["phone"] = "changed"
	}
	return data
}

// ownSettings are somebody's settings after the change, checked.
func (a *Admin) ownSettings(tx *store.Tx, p store.Preferences, in EditPreferences) (store.Preferences, error) {
	if err := a.ownNotify(tx, &p.Notify, in); err != nil {
		return p, err
	}
	if in.Density != nil {
		if !slices.Contains([]string{"", "comfortable", "compact"}, *in.Density) {
			return p, fmt.Errorf("%w: there is no density %q; there are comfortable and compact", elevation.ErrInvalid, audit.Clip(*in.Density, 40))
		}
		p.Density = *in.Density
	}
	if in.Buttons != nil {
		p.Buttons = *in.Buttons
	}
	if in.Columns != nil {
		p.Columns = *in.Columns
	}
	if in.Views != nil {
		p.Views = *in.Views
	}
	if in.Keys != nil {
		p.Keys = *in.Keys
	}
	texts := slices.Clone(p.Buttons)
	for name, list := range p.Columns {
		texts = append(append(texts, name), list...)
	}
	for name, key := range p.Keys {
		texts = append(texts, name, key)
	}
	for _, v := range p.Views {
		texts = append(texts, v.Name)
		if err := elevation.CheckLine("query of a view", v.Query, maxQuery); err != nil {
			return p, err
		}
	}
	if max(len(p.Buttons), len(p.Columns), len(p.Views), len(p.Keys)) > maxOwnItems {
		return p, fmt.Errorf("%w: more than %d of one kind of setting", elevation.ErrInvalid, maxOwnItems)
	}
	for _, t := range texts {
		if err := elevation.CheckLine("text of a setting", t, maxOwnText); err != nil {
			return p, err
		}
	}
	return p, nil
}

// ownNotify changes how somebody is told.
func (a *Admin) ownNotify(tx *store.Tx, n *store.NotifyPreferences, in EditPreferences) error {
	if in.Default {
		n.Chosen, n.Channels = false, nil
	}
	if in.Channels != nil {
		ids, err := channelIDs(tx, *in.Channels)
		if err != nil {
			return err
		}
		for _, id := range ids {
			c, err := tx.Channel(id)
			if err != nil {
				return err
			}
			if !c.ToPeople() {
				return fmt.Errorf("%w: the channel %s speaks to a system, not to people", elevation.ErrInvalid, c.Name)
			}
		}
		n.Chosen, n.Channels = true, ids
	}
	if in.Digest != nil {
		if *in.Digest < 0 || *in.Digest > maxDigest {
			return fmt.Errorf("%w: a digest comes after 0 seconds to %s", elevation.ErrInvalid, elevation.FormatDuration(maxDigest))
		}
		n.Digest = *in.Digest
	}
	if in.Phone != nil {
		if !phone(*in.Phone) {
			return fmt.Errorf("%w: a phone number is written like +4930123456", elevation.ErrInvalid)
		}
		n.Phone = *in.Phone
	}
	return ownQuiet(n, tx.Settings(), in)
}

// ownQuiet changes quiet hours and the time zone that they are read in.
func ownQuiet(n *store.NotifyPreferences, set store.Settings, in EditPreferences) error {
	if in.Zone != nil {
		n.Zone = *in.Zone
	}
	if in.Quiet != nil {
		n.Quiet = strings.TrimSpace(*in.Quiet)
	}
	if n.Zone == "" && n.Quiet != "" {
		n.Zone = set.TimeZone
	}
	if len(n.Quiet) > maxHours || len(n.Zone) > 64 {
		return fmt.Errorf("%w: the quiet hours are longer than %d bytes", elevation.ErrInvalid, maxHours)
	}
	zone, err := time.LoadLocation(n.Zone)
	if err != nil || n.Zone == "Local" {
		return fmt.Errorf("%w: the time zone %q is not known: write a name like Europe/Berlin or UTC", elevation.ErrInvalid, n.Zone)
	}
	if n.Quiet == "" {
		return nil
	}
	h, err := elevation.ParseHours(n.Quiet, zone)
	if err != nil {
		return fmt.Errorf("%w: the quiet hours can not be read: %w", elevation.ErrInvalid, err)
	}
	if h.Until(time.Unix(0, 0)).IsZero() {
		return fmt.Errorf("%w: hours that never end are not quiet hours; choose no channels instead", elevation.ErrInvalid)
	}
	return nil
}

// phone reports whether s is a phone number as E.164 has it, or none.
func phone(s string) bool {
	digits, ok := strings.CutPrefix(s, "+")
	return s == "" || ok && len(digits) >= 7 && len(digits) <= 15 && strings.Trim(digits, "0123456789") == "" && digits[0] != '0'
}
