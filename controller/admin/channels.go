package admin

import (
	"context"
	"encoding/json"
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

// ChannelKinds knows the kinds of channels, keeps their secrets and sends
// through them; notify does.
type ChannelKinds interface {
	// SealChannel checks and wraps a configuration; made is a secret that it made.
	SealChannel(id, kind string, old []byte, config json.RawMessage) (sealed []byte, made string, err error)
	// ShowChannel is a configuration without its secrets.
	ShowChannel(id, kind string, sealed []byte) (shown json.RawMessage, secretSet bool, err error)
	// ChannelTo is where a channel leads.
	ChannelTo(id string, sealed []byte) string
	// TryChannel sends a message now.
	TryChannel(ctx context.Context, by auth.Actor, ch store.Channel) (store.ChannelTest, error)
	// PreviewTemplate is what a template makes of an example.
	PreviewTemplate(template, body, kind string) (out []byte, contentType string, err error)
	// StreamError is why a log server does not follow now, "" when it does.
	StreamError(id string) string
	// Wake has what waits for channels looked at.
	Wake(channels ...string)
}

// Channel is a channel as it is read.
type Channel struct {
	store.Channel
	Shown     json.RawMessage // its configuration without secrets
	SecretSet bool
	Made      string // a secret that was made: shown once
	Stream    *ChannelStream
}

// EditChannel makes or changes a channel; what is nil stays.
type EditChannel struct {
	Name    *string
	Kind    *string         // of a new one
	Config  json.RawMessage // all of it, except secrets that stay
	Enabled *bool
}

// maxChannels bounds channels: each has a worker of its own.
const maxChannels = 100

// mayAlerts checks the permission for alerts, which are about all endpoints.
func (a *Admin) mayAlerts(ctx context.Context, act auth.Actor, p auth.Permission, what string) error {
	if a.cfg.Channels == nil {
		return fmt.Errorf("%w: this controller sends no alerts", elevation.ErrInvalid)
	}
	if p == auth.AlertsRead {
		if err := act.Can(p); err != nil {
			return err
		}
		if len(act.Scope) > 0 {
			return fmt.Errorf("%w: alerts are for accounts without a scope", elevation.ErrNotAllowed)
		}
		return nil
	}
	if err := a.may(ctx, act, p, what); err != nil {
		return err
	}
	return a.global(ctx, act, what)
}

// Channels lists the channels by name.
func (a *Admin) Channels(ctx context.Context, act auth.Actor) (list []Channel, err error) {
	if err := a.mayAlerts(ctx, act, auth.AlertsRead, ""); err != nil {
		return nil, err
	}
	err = a.cfg.Store.View(ctx, func(tx *store.Tx) error {
		all, err := tx.Channels()
		if err != nil {
			return err
		}
		list = nil
		for _, c := range all {
			shown, err := a.shownChannel(c)
			if err != nil {
				return err
			}
			if shown.Stream, err = a.streamOf(tx, shown); err != nil {
				return err
			}
			list = append(list, shown)
		}
		return nil
	})
	return list, err
}

// Channel is one channel, by id or name.
func (a *Admin) Channel(ctx context.Context, act auth.Actor, name string) (c Channel, err error) {
	if err := a.mayAlerts(ctx, act, auth.AlertsRead, ""); err != nil {
		return c, err
	}
	err = a.cfg.Store.View(ctx, func(tx *store.Tx) error {
		found, err := findChannel(tx, name)
		if err != nil {
			return err
		}
		if c, err = a.shownChannel(found); err != nil {
			return err
		}
		c.Stream, err = a.streamOf(tx, c)
		return err
	})
	return c, err
}

func (a *Admin) shownChannel(c store.Channel) (Channel, error) {
	out := Channel{Channel: c}
	var err error
	out.Shown, out.SecretSet, err = a.cfg.Channels.ShowChannel(c.ID, c.Kind, c.Config)
	out.Config = nil
	return out, err
}

func findChannel(tx *store.Tx, name string) (store.Channel, error) {
	all, err := tx.Channels()
	if err != nil {
		return store.Channel{}, err
	}
	return called(all, "channel", name, func(c store.Channel) (id, name string) { return c.ID, c.Name })
}

// AddChannel makes a channel. [elevation.ErrConflict] when its name is taken.
func (a *Admin) AddChannel(ctx context.Context, act auth.Actor, in EditChannel) (Channel, error) {
	if err := a.mayAlerts(ctx, act, auth.AlertsWrite, "channel.add"); err != nil {
		return Channel{}, err
	}
	if in.Name == nil || in.Kind == nil || len(in.Config) == 0 {
		return Channel{}, fmt.Errorf("%w: a channel needs a name, a kind and a configuration", elevation.ErrInvalid)
	}
	now := a.cfg.Now()
	c := store.Channel{ID: elevation.NewID(store.ChannelPrefix, now), Kind: *in.Kind, MadeAt: now}
	return a.putChannel(ctx, act, in, func(tx *store.Tx) (store.Channel, error) {
		all, err := tx.Channels()
		if err == nil && len(all) >= maxChannels {
			err = fmt.Errorf("%w: there are %d channels", elevation.ErrLimit, len(all))
		}
		return c, err
	})
}

// EditChannel changes a channel, named by id or name. Secrets that are left out
// stay unless the channel is sent to somewhere else.
func (a *Admin) EditChannel(ctx context.Context, act auth.Actor, name string, in EditChannel) (Channel, error) {
	if err := a.mayAlerts(ctx, act, auth.AlertsWrite, "channel.edit"); err != nil {
		return Channel{}, err
	}
	out, err := a.putChannel(ctx, act, in, func(tx *store.Tx) (store.Channel, error) {
		c, err := findChannel(tx, name)
		if err == nil && in.Kind != nil && *in.Kind != c.Kind {
			err = fmt.Errorf("%w: the kind of a channel stays; make another one", elevation.ErrInvalid)
		}
		return c, err
	})
	if err == nil {
		a.cfg.Channels.Wake(out.ID)
	}
	return out, err
}

func (a *Admin) putChannel(ctx context.Context, act auth.Actor, in EditChannel, find func(*store.Tx) (store.Channel, error)) (out Channel, err error) {
	err = a.change(ctx, func(tx *store.Tx) (audit.Event, error) {
		old, err := find(tx)
		if err != nil {
			return audit.Event{}, err
		}
		next, made := old, ""
		if in.Name != nil {
			next.Name = *in.Name
		}
		if err := checkName("name of the channel", next.Name, maxName); err != nil {
			return audit.Event{}, err
		}
		if len(in.Config) > 0 {
			if next.Config, made, err = a.cfg.Channels.SealChannel(old.ID, old.Kind, old.Config, in.Config); err != nil {
				return audit.Event{}, err
			}
		}
		if in.Enabled != nil {
			switch {
			case *in.Enabled:
				next.DisabledAt, next.DisabledWhy = time.Time{}, ""
			case next.DisabledAt.IsZero():
				next.DisabledAt, next.DisabledWhy = a.cfg.Now(), "by "+act.Login
			}
		}
		if err := conflict(tx.PutChannel(next), "the channel %s is there already", next.Name); err != nil {
			return audit.Event{}, err
		}
		if out, err = a.shownChannel(next); err != nil {
			return audit.Event{}, err
		}
		out.Made = made
		return a.event(act, audit.ChannelChanged, map[string]string{"channel": next.ID, "name": next.Name, "kind": next.Kind,
			"to": a.cfg.Channels.ChannelTo(next.ID, next.Config), "enabled": strconv.FormatBool(next.DisabledAt.IsZero()),
			"config": strconv.FormatBool(len(in.Config) > 0)}), nil
	})
	return out, err
}

// DeleteChannel deletes a channel that no alert names, with what waits for it.
func (a *Admin) DeleteChannel(ctx context.Context, act auth.Actor, name string) error {
	if err := a.mayAlerts(ctx, act, auth.AlertsWrite, "channel.delete"); err != nil {
		return err
	}
	id := ""
	err := a.change(ctx, func(tx *store.Tx) (audit.Event, error) {
		c, err := findChannel(tx, name)
		if err != nil {
			return audit.Event{}, err
		}
		alerts, err := tx.Alerts()
		if err != nil {
			return audit.Event{}, err
		}
		for _, x := range alerts {
			if slices.Contains(x.Body.Channels, c.ID) {
				return audit.Event{}, fmt.Errorf("%w: the alert %s names it; change that first", elevation.ErrConflict, x.Name)
			}
		}
		id = c.ID
		return a.event(act, audit.ChannelChanged, map[string]string{"channel": c.ID, "name": c.Name, "deleted": "true"}), tx.DeleteChannel(c.ID)
	})
	if err == nil {
		a.cfg.Channels.Wake(id)
	}
	return err
}

// TestChannel sends a message through a channel now.
func (a *Admin) TestChannel(ctx context.Context, act auth.Actor, name string) (store.ChannelTest, error) {
	if err := a.mayAlerts(ctx, act, auth.AlertsWrite, "channel.test"); err != nil {
		return store.ChannelTest{}, err
	}
	var c store.Channel
	err := a.cfg.Store.View(ctx, func(tx *store.Tx) (err error) {
		c, err = findChannel(tx, name)
		return err
	})
	if err != nil {
		return store.ChannelTest{}, err
	}
	return a.cfg.Channels.TryChannel(ctx, act, c)
}

// PreviewTemplate shows what a template makes of an example of an event.
func (a *Admin) PreviewTemplate(ctx context.Context, act auth.Actor, template, body, kind string) (text, contentType string, err error) {
	if err := a.mayAlerts(ctx, act, auth.AlertsRead, ""); err != nil {
		return "", "", err
	}
	out, contentType, err := a.cfg.Channels.PreviewTemplate(template, body, kind)
	return string(out), contentType, err
}

// Delivery is a delivery with the names of what it is about.
type Delivery struct {
	store.Delivery
	AlertName   string
	ChannelName string
	Recipient   string // login, "" = a system
}

// Deliveries lists what was told or waits to be told, the newest first.
// f.Channel is an id or a name.
func (a *Admin) Deliveries(ctx context.Context, act auth.Actor, f store.DeliveryFilter) (list []Delivery, err error) {
	if err := a.mayAlerts(ctx, act, auth.AlertsRead, ""); err != nil {
		return nil, err
	}
	if f.State != "" && !slices.Contains(store.DeliveryStates(), f.State) {
		return nil, fmt.Errorf("%w: there is no state %q; there are %s", elevation.ErrInvalid, audit.Clip(f.State, 40), strings.Join(store.DeliveryStates(), ", "))
	}
	err = a.look(ctx, func(tx *store.Tx, staff *store.Staff) error {
		list = nil
		if f.Channel != "" {
			c, err := findChannel(tx, f.Channel)
			if err != nil {
				return err
			}
			f.Channel = c.ID
		}
		all, err := tx.Deliveries(f)
		if err != nil {
			return err
		}
		list, err = namedDeliveries(tx, staff, all)
		return err
	})
	return list, err
}

func namedDeliveries(tx *store.Tx, staff *store.Staff, all []store.Delivery) ([]Delivery, error) {
	names := map[string]string{}
	channels, err := tx.Channels()
	if err != nil {
		return nil, err
	}
	for _, c := range channels {
		names[c.ID] = c.Name
	}
	alerts, err := tx.Alerts()
	if err != nil {
		return nil, err
	}
	for _, x := range alerts {
		names[x.ID] = x.Name
	}
	var out []Delivery
	for _, d := range all {
		u, _ := staff.User(d.User)
		out = append(out, Delivery{Delivery: d, AlertName: names[d.Alert], ChannelName: names[d.Channel], Recipient: u.Login})
	}
	return out, nil
}

// RetryDelivery has a delivery that was not taken tried again now, with the same
// id. [elevation.ErrConflict] when it was sent.
func (a *Admin) RetryDelivery(ctx context.Context, act auth.Actor, id string) (out Delivery, err error) {
	if err := a.mayAlerts(ctx, act, auth.AlertsWrite, "delivery.retry"); err != nil {
		return out, err
	}
	err = a.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		d, err := tx.Delivery(id)
		if err != nil {
			return err
		}
		if d.State == store.DeliverySent {
			return fmt.Errorf("%w: the delivery was sent", elevation.ErrConflict)
		}
		if _, err := tx.Channel(d.Channel); err != nil {
			return err
		}
		d.State, d.Tries, d.Next, d.Begun = store.DeliveryWaiting, 0, a.cfg.Now(), time.Time{}
		if err := tx.PutDeliveries(d); err != nil {
			return err
		}
		staff, err := tx.Staff()
		if err != nil {
			return err
		}
		list, err := namedDeliveries(tx, staff, []store.Delivery{d})
		if err == nil {
			out = list[0]
		}
		return err
	})
	if err == nil {
		a.cfg.Channels.Wake(out.Channel)
	}
	return out, err
}
