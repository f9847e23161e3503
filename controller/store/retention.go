package store

import (
	"context"
	"fmt"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/shared/elevation"
)

// Clear text has an end: after the days of its kind, arguments or what people
// wrote is taken out of requests and of audit events. Ids, verdicts, times and
// the leaves of the log stay, and so do the hashes that the texts were bound by:
// the log still verifies. retained is how far each kind has come.
const schemaRetention = `
CREATE TABLE retained (kind TEXT PRIMARY KEY, request_pos INTEGER NOT NULL, event_pos INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO retained(kind, request_pos, event_pos) VALUES ('arguments', 0, 0), ('reasons', 0, 0);
`

const (
	retainBatch = 100 // requests or events in one transaction
	// A request that is not over is waited for, but not for ever.
	retainWait = 31 * 24 * time.Hour
)

// argsText is the text of events that has arguments; all others were written by
// people.
const argsText = "args"

// forgetting is one kind of clear text.
type forgetting struct {
	kind string
	days func(Settings) int
	from func(*elevation.Request)
	text func(name string) bool // of an event
}

func forgettings() []forgetting {
	return []forgetting{
		{"arguments", func(s Settings) int { return s.Retention.ArgumentsDays }, forgetArguments, func(name string) bool { return name == argsText }},
		{"reasons", func(s Settings) int { return s.Retention.ReasonsDays }, forgetReasons, func(name string) bool { return name != argsText }},
	}
}

func forgetArguments(r *elevation.Request) { r.Attempt.Subject.Args = []string{} }

func forgetReasons(r *elevation.Request) {
	r.Justification, r.Ticket, r.RevokeComment, r.Notes = "", "", "", nil
	if r.Decision != nil {
		d := *r.Decision
		d.Comment = ""
		r.Decision = &d
	}
	if r.After != nil {
		a := *r.After
		a.Comment = ""
		r.After = &a
	}
	for i := range r.Reviews {
		r.Reviews[i].Comment = ""
	}
	for i := range r.Questions {
		r.Questions[i].Text, r.Questions[i].Answer = "", ""
	}
	for i := range r.Escalations {
		r.Escalations[i].Why = ""
	}
}

// until is up to when clear text of the kind goes; the history's own end is the
// latest.
func (f forgetting) until(set Settings, now time.Time) time.Time {
	days := f.days(set)
	if days <= 0 || set.HistoryDays > 0 && set.HistoryDays < days {
		days = set.HistoryDays
	}
	if days <= 0 {
		return time.Time{}
	}
	return now.Add(-time.Duration(days) * 24 * time.Hour)
}

// Forget takes clear text out of a bounded number of requests and events whose
// time is over, and reports whether there is more to do. It is bookkeeping that
// the settings ask for, and needs no audit event.
func (s *Store) Forget(ctx context.Context, now time.Time) (more bool, err error) {
	for _, f := range forgettings() {
		until := f.until(s.Settings(), now)
		if until.IsZero() {
			continue
		}
		due, err := s.isDue(ctx, f, until)
		if err != nil || !due {
			if err != nil {
				return false, fmt.Errorf("look for %s to forget: %w", f.kind, err)
			}
			continue
		}
		n := 0
		err = s.Update(ctx, func(tx *Tx) error {
			requests, err := tx.forgetRequests(f, until, now)
			if err != nil {
				return err
			}
			events, err := tx.forgetEvents(f, until)
			n = max(requests, events)
			return err
		})
		if err != nil {
			return false, fmt.Errorf("forget %s: %w", f.kind, err)
		}
		more = more || n == retainBatch
	}
	return more, nil
}

// isDue keeps the writer out of it while there is nothing to do.
func (s *Store) isDue(ctx context.Context, f forgetting, until time.Time) (due bool, err error) {
	err = s.View(ctx, func(tx *Tx) error {
		return tx.row([]any{&due}, `SELECT
coalesce((SELECT submitted_ms FROM requests WHERE pos > x.request_pos ORDER BY pos LIMIT 1) <= ?, 0) OR
coalesce((SELECT at FROM events WHERE pos > x.event_pos ORDER BY pos LIMIT 1) <= ?, 0) FROM retained x WHERE x.kind = ?`,
			until.UnixMilli(), until.UnixMilli(), f.kind)
	})
	return due, err
}

func (tx *Tx) forgetRequests(f forgetting, until, now time.Time) (n int, err error) {
	var head int64
	if err := tx.row([]any{&head}, "SELECT request_pos FROM retained WHERE kind = ?", f.kind); err != nil {
		return 0, err
	}
	list, err := tx.requests("WHERE pos > ? ORDER BY pos LIMIT ?", head, retainBatch)
	if err != nil {
		return 0, err
	}
	for i := range list {
		r := &list[i]
		over := r.State(now).Final() && !reviewOpen(r)
		if !r.DraftedAt.Before(until) || !over && r.DraftedAt.After(until.Add(-retainWait)) {
			break
		}
		if err := tx.forgetRequest(f, r, now); err != nil {
			return n, err
		}
		head = tx.seen[r.ID].pos
		n++
	}
	if n == 0 {
		return 0, nil
	}
	_, err = tx.exec("UPDATE retained SET request_pos = ? WHERE kind = ?", head, f.kind)
	return n, err
}

func (tx *Tx) forgetRequest(f forgetting, r *elevation.Request, now time.Time) error {
	was := KeysOf(r)
	f.from(r)
	if err := tx.forgetHistory(tx.seen[r.ID].pos, was, KeysOf(r)); err != nil {
		return err
	}
	if err := tx.putRequest(r, now); err != nil {
		return err
	}
	if f.kind != "arguments" {
		return nil
	}
	if err := tx.forgetSaid(r.ID); err != nil {
		return err
	}
	// The signed grant says the arguments too. That there was one stays.
	_, err := tx.exec("UPDATE requests SET grant_raw = x'' WHERE id = ? AND grant_raw IS NOT NULL", string(r.ID))
	return err
}

func (tx *Tx) forgetEvents(f forgetting, until time.Time) (n int, err error) {
	var head int64
	if err := tx.row([]any{&head}, "SELECT event_pos FROM retained WHERE kind = ?", f.kind); err != nil {
		return 0, err
	}
	type row struct {
		pos, at int64
		text    []byte
	}
	var list []row
	err = tx.rows(func(scan func(...any) error) error {
		var r row
		err := scan(&r.pos, &r.at, &r.text)
		list = append(list, r)
		return err
	}, "SELECT pos, at, text FROM events WHERE pos > ? AND pos <= "+headQuery+" ORDER BY pos LIMIT ?", head, retainBatch)
	if err != nil {
		return 0, err
	}
	for _, r := range list {
		if r.at > until.UnixMilli() {
			break
		}
		left, err := audit.ForgetText(r.text, f.text)
		if err != nil {
			return n, err
		}
		if len(left) != len(r.text) {
			if _, err := tx.exec("UPDATE events SET text = ? WHERE pos = ?", left, r.pos); err != nil {
				return n, err
			}
		}
		head = r.pos
		n++
	}
	if n == 0 {
		return 0, nil
	}
	_, err = tx.exec("UPDATE retained SET event_pos = ? WHERE kind = ?", head, f.kind)
	return n, err
}

// Tidy does what no caller waits for, a bounded piece of it: what a quiet hour
// left of the tail, and clear text whose time is over.
func (s *Store) Tidy(ctx context.Context, now time.Time) error {
	const rounds = 20
	for range rounds {
		more, err := s.TakeIn(ctx, listBatch)
		if err != nil {
			return fmt.Errorf("take requests into the lists: %w", err)
		}
		if !more {
			break
		}
	}
	for range addUpRounds {
		more, err := s.addUpSome(ctx, addUpBatch)
		if err != nil {
			return err
		}
		if !more {
			break
		}
	}
	for range rounds {
		more, err := s.forgetSeen(ctx, now)
		if err != nil {
			return err
		}
		if !more {
			break
		}
	}
	for range rounds {
		more, err := s.Forget(ctx, now)
		if err != nil || !more {
			return err
		}
	}
	return nil
}
