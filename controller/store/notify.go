package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/shared/elevation"
)

// schemaNotify keeps what is told to whom and how: channels, alerts, what people
// chose for themselves, how far the log was read, and one row for each thing to
// tell. alert_waits are requests that are looked at again when they have waited
// for long.
const schemaNotify = `
CREATE TABLE channels (
  id           TEXT PRIMARY KEY,
  name         TEXT NOT NULL UNIQUE COLLATE NOCASE,
  kind         TEXT NOT NULL,
  config       BLOB NOT NULL,
  disabled_at  INTEGER NOT NULL,
  disabled_why TEXT NOT NULL,
  made_at      INTEGER NOT NULL
);
CREATE TABLE alerts (
  id         TEXT PRIMARY KEY,
  name       TEXT NOT NULL UNIQUE COLLATE NOCASE,
  body       BLOB NOT NULL,
  enabled    INTEGER NOT NULL,
  made_at    INTEGER NOT NULL,
  changed_at INTEGER NOT NULL
);
CREATE TABLE preferences (user TEXT PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE notify_head (id INTEGER PRIMARY KEY CHECK (id = 1), pos INTEGER NOT NULL);
INSERT INTO notify_head(id, pos) SELECT 1, coalesce(max(pos), 0) FROM events;
CREATE TABLE deliveries (
  id         TEXT PRIMARY KEY,
  alert      TEXT NOT NULL,
  channel    TEXT NOT NULL,
  user       TEXT NOT NULL,
  kind       TEXT NOT NULL,
  request    TEXT NOT NULL,
  event      INTEGER NOT NULL,
  state      TEXT NOT NULL,
  tries      INTEGER NOT NULL,
  next_ms    INTEGER NOT NULL,
  begun_ms   INTEGER NOT NULL,
  lane       TEXT NOT NULL,
  gather     INTEGER NOT NULL,
  mandatory  INTEGER NOT NULL,
  batch      TEXT NOT NULL,
  error      TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  sent_ms    INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX deliveries_due     ON deliveries(channel, next_ms) WHERE state = 'waiting';
CREATE INDEX deliveries_lane    ON deliveries(lane, created_ms) WHERE lane <> '';
CREATE INDEX deliveries_request ON deliveries(request);
CREATE INDEX deliveries_old     ON deliveries(created_ms) WHERE state <> 'waiting';
CREATE TABLE alert_waits (
  alert   TEXT NOT NULL,
  request TEXT NOT NULL,
  due_ms  INTEGER NOT NULL,
  told    INTEGER NOT NULL,
  PRIMARY KEY (alert, request)
) WITHOUT ROWID;
CREATE INDEX alert_waits_due ON alert_waits(due_ms) WHERE told = 0;
`

// Prefixes of the ids of what is told.
const (
	ChannelPrefix  = "chan_"
	AlertPrefix    = "alert_"
	DeliveryPrefix = "dlv_"
)

// Channel is a way to tell people or systems. Config is wrapped by whoever
// writes it, because it has secrets.
type Channel struct {
	ID          string
	Name        string
	Kind        string
	Config      []byte
	DisabledAt  time.Time // zero: in use
	DisabledWhy string
	MadeAt      time.Time
}

// ToPeople reports whether a channel speaks to people, each by themself, and not to
// a system.
func (c Channel) ToPeople() bool { return c.Kind == "email" || c.Kind == "sms" }

// ChannelTest is what came of trying a channel.
type ChannelTest struct {
	OK     bool
	Status int // that the other side answered, 0 = none
	Error  string
	Took   time.Duration
}

type channelRow struct {
	ID          string `gorm:"primaryKey"`
	Name        string
	Kind        string
	Config      []byte
	DisabledAt  int64
	DisabledWhy string
	MadeAt      int64
}

func (channelRow) TableName() string { return "channels" }

func (r channelRow) channel() (Channel, error) {
	return Channel{ID: r.ID, Name: r.Name, Kind: r.Kind, Config: r.Config, DisabledAt: at(r.DisabledAt), DisabledWhy: r.DisabledWhy, MadeAt: at(r.MadeAt)}, nil
}

// PutChannel writes all of a channel, new or not. [ErrExists] when another one
// has its name, in whatever case.
func (tx *Tx) PutChannel(c Channel) error {
	tx.audited("channel " + c.ID)
	if _, err := tx.drop(&channelRow{}, "id = ?", c.ID); err != nil {
		return err
	}
	r := channelRow{ID: c.ID, Name: c.Name, Kind: c.Kind, Config: c.Config, DisabledAt: ms(c.DisabledAt), DisabledWhy: c.DisabledWhy, MadeAt: ms(c.MadeAt)}
	if err := tx.create(&r); err != nil {
		return fmt.Errorf("write channel %s: %w", c.Name, err)
	}
	return nil
}

// DeleteChannel deletes a channel with what waits to be told through it, and how
// far it has followed the log.
func (tx *Tx) DeleteChannel(id string) error {
	tx.audited("channel " + id)
	for _, table := range []string{"deliveries", "streams"} {
		if _, err := tx.exec("DELETE FROM "+table+" WHERE channel = ?", id); err != nil {
			return err
		}
	}
	return tx.dropOne(&channelRow{}, "channel", id)
}

// Channel reads one channel; [elevation.ErrNotFound] when there is none.
func (tx *Tx) Channel(id string) (Channel, error) {
	return one(tx, "channel", channelRow.channel, "id = ?", id)
}

// Channels lists all channels by name.
func (tx *Tx) Channels() ([]Channel, error) { return list(tx, "name", channelRow.channel) }

// Alert says what is told to whom through which channels.
type Alert struct {
	ID        string
	Name      string
	Enabled   bool
	MadeAt    time.Time
	ChangedAt time.Time // older events are not told

	Body AlertBody
}

// AlertBody is what an alert is about.
type AlertBody struct {
	Kinds    []audit.Kind   `cbor:"kinds"`
	Channels []string       `cbor:"channels"` // ids
	Filter   AlertFilter    `cbor:"filter"`
	To       AlertRecipient `cbor:"to"`
	// Digest is the shortest time between two messages to one recipient; what
	// happens meanwhile is told at once afterwards. 0 tells each by itself.
	Digest    time.Duration `cbor:"digest"`
	Mandatory bool          `cbor:"mandatory"` // what people chose for themselves does not count
}

// AlertFilter narrows an alert about requests. Zero fields do not narrow.
type AlertFilter struct {
	Team       elevation.TeamID     `cbor:"team"`
	User       string               `cbor:"user"` // name or uid on the endpoint
	Labels     map[string]string    `cbor:"labels"`
	AccessType elevation.AccessType `cbor:"access_type"`
	Priority   elevation.Priority   `cbor:"priority"` // at least
	Waiting    time.Duration        `cbor:"waiting"`  // longer than that
	Caution    bool                 `cbor:"caution"`  // only with a reason for caution
}

// AlertRecipient are the people of an alert.
type AlertRecipient struct {
	Users     []elevation.UserID `cbor:"users"`
	Teams     []elevation.TeamID `cbor:"teams"`
	Roles     []string           `cbor:"roles"`
	Answerers bool               `cbor:"answerers"` // who can answer the request now
	Requester bool               `cbor:"requester"`
}

// None reports whether no people are named.
func (r AlertRecipient) None() bool {
	return len(r.Users)+len(r.Teams)+len(r.Roles) == 0 && !r.Answerers && !r.Requester
}

type alertRow struct {
	ID        string `gorm:"primaryKey"`
	Name      string
	Body      []byte
	Enabled   bool
	MadeAt    int64
	ChangedAt int64
}

func (alertRow) TableName() string { return "alerts" }

func (r alertRow) alert() (Alert, error) {
	a := Alert{ID: r.ID, Name: r.Name, Enabled: r.Enabled, MadeAt: at(r.MadeAt), ChangedAt: at(r.ChangedAt)}
	err := unpack([]packing{{&r.Body, &a.Body}})
	return a, err
}

// PutAlert writes all of an alert, new or not. [ErrExists] when another one has
// its name, in whatever case. Requests that already wait are looked at again
// when they have waited as long as the alert wants.
func (tx *Tx) PutAlert(a Alert) error {
	tx.audited("alert " + a.ID)
	r := alertRow{ID: a.ID, Name: a.Name, Enabled: a.Enabled, MadeAt: ms(a.MadeAt), ChangedAt: ms(a.ChangedAt)}
	if err := pack([]packing{{&r.Body, a.Body}}); err != nil {
		return err
	}
	if _, err := tx.drop(&alertRow{}, "id = ?", a.ID); err != nil {
		return err
	}
	if err := tx.create(&r); err != nil {
		return fmt.Errorf("write alert %s: %w", a.Name, err)
	}
	if _, err := tx.exec("DELETE FROM alert_waits WHERE alert = ? AND told = 0", a.ID); err != nil {
		return err
	}
	if a.Body.Filter.Waiting <= 0 || !a.Enabled || !slices.Contains(a.Body.Kinds, audit.RequestSubmitted) {
		return nil
	}
	_, err := tx.exec(`INSERT OR IGNORE INTO alert_waits(alert, request, due_ms, told)
SELECT ?, id, submitted_ms + ?, 0 FROM requests WHERE waiting = 2`, a.ID, a.Body.Filter.Waiting.Milliseconds())
	return err
}

// DeleteAlert deletes an alert; what waits to be told is still told.
func (tx *Tx) DeleteAlert(id string) error {
	tx.audited("alert " + id)
	if _, err := tx.exec("DELETE FROM alert_waits WHERE alert = ?", id); err != nil {
		return err
	}
	return tx.dropOne(&alertRow{}, "alert", id)
}

// Alerts lists all alerts by name.
func (tx *Tx) Alerts() ([]Alert, error) { return list(tx, "name", alertRow.alert) }

// Preferences is what somebody chose for themself.
type Preferences struct {
	Notify  NotifyPreferences   `json:"notify"`
	Buttons []string            `json:"buttons"`
	Columns map[string][]string `json:"columns"`
	Views   []SavedView         `json:"views"`
	Density string              `json:"density"`
	Keys    map[string]string   `json:"keys"`
}

// SavedView is a list with a name.
type SavedView struct {
	Name  string `json:"name"`
	Query string `json:"query"`
}

// NotifyPreferences say how somebody is told.
type NotifyPreferences struct {
	Chosen   bool          `json:"chosen"` // Channels counts, also when it is empty
	Channels []string      `json:"channels"`
	Quiet    string        `json:"quiet"` // hours; "" = none
	Zone     string        `json:"zone"`
	Digest   time.Duration `json:"digest"`
	Phone    string        `json:"phone"`
}

// Preferences reads somebody's own settings; the zero value when they chose
// nothing.
func (tx *Tx) Preferences(user elevation.UserID) (p Preferences, err error) {
	var raw []byte
	if err := tx.row([]any{&raw}, "SELECT body FROM preferences WHERE user = ?", string(user)); err != nil {
		if errors.Is(err, elevation.ErrNotFound) {
			return p, nil
		}
		return p, err
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		return p, fmt.Errorf("read the settings of %s: %w", user, err)
	}
	return p, nil
}

// PutPreferences writes somebody's own settings.
func (tx *Tx) PutPreferences(user elevation.UserID, p Preferences) error {
	tx.audited("preferences of " + string(user))
	raw, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("write the settings of %s: %w", user, err)
	}
	_, err = tx.exec("INSERT INTO preferences(user, body) VALUES (?,?) ON CONFLICT(user) DO UPDATE SET body = excluded.body", string(user), raw)
	return err
}
