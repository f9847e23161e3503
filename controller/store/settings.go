package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
)

// Settings are what administrators can set.
type Settings struct {
	PendingTTL           time.Duration
	UseWithin            time.Duration
	Hold                 time.Duration // a dialog is held this long
	HeadStart            elevation.HeadStarts
	MaxRequesterPriority elevation.Priority
	Undo                 time.Duration
	Quota                Quota
	HistoryDays          int
	MinDuration          time.Duration
	RunCap               time.Duration // the longest run
	SessionTime          time.Duration // a session when nobody says how long
	AdminTime            time.Duration // administrator rights when nobody says how long
	AdminCap             time.Duration // the longest of both

	TimeZone         string // IANA name, for hours of rules that name none
	Emergency        Emergency
	TicketValidator  TicketValidator
	Retention        Retention
	FourEyesAccounts bool     // no vote by an account whose key the requester holds
	FourEyesRules    bool     // a change of rules waits for a second person
	BeneficiaryCheck bool     // so does a rule from which only its author gains
	MaskPatterns     []string // of secrets in arguments, beside the built-in ones of endpoints
	ShowApprovers    bool     // requesters see who answers
	Nudge            Nudge
	// RequireSecondFactor are the roles whose sessions do nothing before a second
	// factor.
	RequireSecondFactor []string
	StepUpRisky         bool // approvals of high risk need a fresh sign-in, also where no rule says so
	// UnlinkedRiskyApprovers is how many people must approve what is of high risk
	// for somebody to whom no account is linked; at least 1.
	UnlinkedRiskyApprovers int
	Canned                 []Canned
}

// Canned are texts that approvers of a team choose from; Team "" is everybody.
type Canned struct {
	Team      string // id or name
	Questions []string
	Denials   []string
}

// Emergency says who may take access at once, to be looked at afterwards.
type Emergency struct {
	Enabled    bool
	Roles      []string // one of them is needed
	DailyQuota int      // per person and day
}

// TicketValidator is asked over HTTP whether a ticket is good; without URL none is.
type TicketValidator struct {
	URL     string
	Timeout time.Duration
}

// Retention says when clear text goes before its history does; 0 = with it.
type Retention struct {
	ArgumentsDays int
	ReasonsDays   int
}

// Nudge bounds how often a requester may remind.
type Nudge struct {
	Every time.Duration
	Most  int // per request
}

// Quota are the limits against floods; 0 = off.
type Quota struct {
	PendingPerUser     int
	PendingPerEndpoint int
	Cooldown           time.Duration // after a denial of the same thing
}

// DefaultSettings are those of a new installation.
func DefaultSettings() Settings {
	t := elevation.DefaultTimes()
	return Settings{PendingTTL: t.PendingTTL, UseWithin: t.UseWithin, Hold: 10 * time.Minute, HeadStart: elevation.DefaultHeadStarts(),
		MaxRequesterPriority: elevation.High, Undo: t.Undo, Quota: Quota{PendingPerUser: 20, PendingPerEndpoint: 200, Cooldown: time.Minute},
		HistoryDays: 400, MinDuration: t.MinDuration, RunCap: t.RunCap, SessionTime: t.SessionTime, AdminTime: t.AdminTime, AdminCap: t.AdminCap,
		TimeZone: "UTC", FourEyesAccounts: true, Emergency: Emergency{Enabled: true, Roles: []string{"administrator"}, DailyQuota: 3},
		TicketValidator: TicketValidator{Timeout: 5 * time.Second}, ShowApprovers: true, UnlinkedRiskyApprovers: 1, Nudge: Nudge{Every: 15 * time.Minute, Most: 4}}
}

// Times are the periods that transitions of a request need.
func (s Settings) Times() elevation.Times {
	t := elevation.DefaultTimes()
	t.PendingTTL, t.UseWithin, t.Undo, t.MinDuration = s.PendingTTL, s.UseWithin, s.Undo, s.MinDuration
	t.RunCap, t.SessionTime, t.AdminTime, t.AdminCap = s.RunCap, s.SessionTime, s.AdminTime, s.AdminCap
	return t
}

// Settings are the present settings. They are kept in memory.
func (s *Store) Settings() Settings { return *s.settings.Load() }

// Settings are the settings as this transaction sees them.
func (tx *Tx) Settings() Settings {
	if tx.settings != nil {
		return *tx.settings
	}
	if tx.batch != nil && tx.batch.settings != nil {
		return *tx.batch.settings
	}
	if p := tx.s.settings.Load(); p != nil {
		return *p
	}
	return DefaultSettings()
}

// PutSettings writes all settings. New head starts put waiting requests into
// their new order at once.
func (tx *Tx) PutSettings(set Settings) error {
	tx.audited("settings")
	raw, err := json.Marshal(set)
	if err != nil {
		return fmt.Errorf("encode settings: %w", err)
	}
	if _, err := tx.exec("INSERT INTO settings(id, body) VALUES (1, ?) ON CONFLICT(id) DO UPDATE SET body = excluded.body", raw); err != nil {
		return fmt.Errorf("write settings: %w", err)
	}
	tx.settings = &set
	for _, p := range []elevation.Priority{elevation.Low, elevation.Normal, elevation.High, elevation.Urgent} {
		if _, err := tx.exec("UPDATE requests SET sort_key = submitted_ms - ? WHERE waiting = 2 AND priority = ?",
			set.HeadStart[p].Milliseconds(), p.Rank()); err != nil {
			return fmt.Errorf("order the queue anew: %w", err)
		}
	}
	return nil
}

func (tx *Tx) loadSettings() (Settings, error) {
	set := DefaultSettings()
	var raw []byte
	err := tx.row([]any{&raw}, "SELECT body FROM settings WHERE id = 1")
	if errors.Is(err, elevation.ErrNotFound) {
		return set, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &set) // what an older program did not know keeps its default
	}
	if err != nil {
		return Settings{}, fmt.Errorf("read settings: %w", err)
	}
	return set, nil
}

// Ruleset is one version of all rules.
type Ruleset struct {
	Version int64
	YAML    string
	Packs   map[string]string // state by name; nil = as they are at first
	By      elevation.Actor
	At      time.Time
	Comment string // why, in the author's words
}

// PutRuleset stores the rules as the next version, which it returns.
func (tx *Tx) PutRuleset(r Ruleset) (int64, error) {
	tx.audited("ruleset")
	if err := tx.writable(); err != nil {
		return 0, err
	}
	var by []byte
	if err := pack([]packing{{&by, r.By}}); err != nil {
		return 0, err
	}
	packs, err := packsText(r.Packs)
	if err != nil {
		return 0, err
	}
	var v int64
	err = tx.row([]any{&v}, `INSERT INTO rulesets(version, yaml, packs, made_by, made_at, comment)
VALUES ((SELECT coalesce(max(version), 0) + 1 FROM rulesets), ?, ?, ?, ?, ?) RETURNING version`, r.YAML, packs, by, ms(r.At), r.Comment)
	if err != nil {
		return 0, fmt.Errorf("insert ruleset: %w", err)
	}
	return v, nil
}

// Ruleset is the newest version; [elevation.ErrNotFound] when there is none.
func (tx *Tx) Ruleset() (Ruleset, error) {
	list, err := tx.rulesets("ORDER BY version DESC LIMIT 1")
	if err == nil && len(list) == 0 {
		err = elevation.ErrNotFound
	}
	if err != nil {
		return Ruleset{}, fmt.Errorf("ruleset: %w", err)
	}
	return list[0], nil
}

// Rulesets are all versions, the newest first.
func (tx *Tx) Rulesets() ([]Ruleset, error) { return tx.rulesets("ORDER BY version DESC") }

func (tx *Tx) rulesets(tail string) ([]Ruleset, error) {
	var out []Ruleset
	err := tx.rows(func(scan func(...any) error) error {
		var r Ruleset
		var by []byte
		var when int64
		var packs string
		if err := scan(&r.Version, &r.YAML, &packs, &by, &when, &r.Comment); err != nil {
			return err
		}
		var err error
		if r.Packs, err = packsOf(packs); err != nil {
			return err
		}
		r.At = at(when)
		out = append(out, r)
		return unpack([]packing{{&by, &out[len(out)-1].By}})
	}, "SELECT version, yaml, packs, made_by, made_at, comment FROM rulesets "+tail)
	return out, err
}

// IdempotentFor is how long answers of keyed calls are kept.
const IdempotentFor = 24 * time.Hour

// ErrKeyReused means that the same key came with another body.
var ErrKeyReused = fmt.Errorf("%w: the idempotency key was used for something else", elevation.ErrInvalid)

// IdempotentGet finds the answer that was given to the same key of the same
// actor. bodyHash must be the same too, else [ErrKeyReused].
func (tx *Tx) IdempotentGet(key, actor string, bodyHash []byte, now time.Time) (response []byte, found bool, err error) {
	var body []byte
	err = tx.row([]any{&body, &response}, "SELECT body, response FROM idempotency WHERE actor = ? AND key = ? AND at > ?",
		actor, key, now.Add(-IdempotentFor).UnixMilli())
	switch {
	case errors.Is(err, elevation.ErrNotFound):
		return nil, false, nil
	case err != nil:
		return nil, false, fmt.Errorf("idempotency key: %w", err)
	case string(body) != string(bodyHash):
		return nil, false, ErrKeyReused
	}
	return response, true, nil
}

// IdempotentPut keeps the answer to a keyed call. [ErrExists] when another call
// with this key was faster. It is bookkeeping and needs no audit event.
func (tx *Tx) IdempotentPut(key, actor string, bodyHash, response []byte, now time.Time) error {
	old := now.Add(-IdempotentFor).UnixMilli()
	if _, err := tx.exec("DELETE FROM idempotency WHERE actor = ? AND key = ? AND at <= ?", actor, key, old); err != nil {
		return fmt.Errorf("idempotency key: %w", err)
	}
	if _, err := tx.exec("INSERT INTO idempotency(key, actor, body, response, at) VALUES (?,?,?,?,?)",
		key, actor, bodyHash, response, now.UnixMilli()); err != nil {
		return fmt.Errorf("idempotency key: %w", err)
	}
	return nil
}

// Prune deletes what has ended and was never history: keyed answers, browser
// sessions, sign-in links, and a day after their end drafts and lasting answers.
func (tx *Tx) Prune(now time.Time) error {
	for _, p := range []struct {
		query string
		until time.Time
	}{
		{"DELETE FROM idempotency WHERE at <= ?", now.Add(-IdempotentFor)},
		{"DELETE FROM web_sessions WHERE expires_at <= ?", now},
		{"DELETE FROM sign_in_links WHERE expires_at <= ?", now},
		{"DELETE FROM lasting WHERE until_ms <= ?", now.Add(-IdempotentFor)},
		{"DELETE FROM emergencies WHERE at <= ?", now.Add(-7 * IdempotentFor)},
		{"DELETE FROM requests WHERE state = 'draft' AND next_due = 0 AND expires_ms <= ?", now.Add(-IdempotentFor)},
	} {
		if _, err := tx.exec(p.query, p.until.UnixMilli()); err != nil {
			return fmt.Errorf("prune: %w", err)
		}
	}
	if err := tx.pruneDirectory(now); err != nil {
		return err
	}
	return tx.fitHead()
}
