package store

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/shared/elevation"
)

// over is a request that a person denied.
func over(n string, at time.Time) elevation.Request {
	r := pending(n, at, elevation.Low)
	r.Attempt.Subject.Args = []string{"--password=hunter2-" + n}
	r.Decision = &elevation.Decision{Verdict: elevation.Denied, By: elevation.Actor{Kind: elevation.ByUser, ID: "usr_1", Name: "bo"}, At: at, Comment: "not today"}
	r.Reviews = []elevation.Review{{By: r.Decision.By, Verdict: elevation.Denied, At: at, Comment: "not today"}}
	r.Questions = []elevation.Question{{Text: "what for", Answer: "for fun"}}
	r.Notes = []elevation.Note{{Text: "knows better"}}
	return r
}

func tell(t *testing.T, s *Store, id elevation.RequestID, at time.Time) {
	t.Helper()
	update(t, s, func(tx *Tx) error {
		return tx.Append(audit.Event{At: at, Kind: audit.RequestSubmitted, Actor: elevation.Actor{Kind: elevation.BySystem}, Request: id,
			Data: map[string]string{"path": "/usr/bin/id"}, Text: map[string]string{"args": "hunter2", "justification": "because"}})
	})
}

func forget(t *testing.T, s *Store, now time.Time) {
	t.Helper()
	for range 100 {
		more, err := s.Forget(context.Background(), now)
		if err != nil {
			t.Fatal(err)
		}
		if !more {
			return
		}
	}
	t.Fatal("there is always more to forget")
}

func TestClearTextHasAnEnd(t *testing.T) {
	const days = 24 * time.Hour
	for _, tt := range []struct {
		name          string
		retention     Retention
		history       int
		after         time.Duration
		args, reasons bool // left
	}{
		{"the day before", Retention{ArgumentsDays: 10, ReasonsDays: 20}, 400, 10*days - time.Hour, true, true},
		{"arguments", Retention{ArgumentsDays: 10, ReasonsDays: 20}, 400, 10*days + time.Hour, false, true},
		{"reasons first", Retention{ReasonsDays: 5}, 400, 6 * days, true, false},
		{"both", Retention{ArgumentsDays: 10, ReasonsDays: 20}, 400, 21 * days, false, false},
		{"with the history", Retention{}, 400, 401 * days, false, false},
		{"history is shorter", Retention{ArgumentsDays: 900, ReasonsDays: 900}, 30, 31 * days, false, false},
		{"nothing set", Retention{}, 0, 4000 * days, true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := fresh(t)
			set := s.Settings()
			set.Retention, set.HistoryDays = tt.retention, tt.history
			update(t, s, func(tx *Tx) error {
				if err := tx.Append(event(audit.SettingsChanged, "")); err != nil {
					return err
				}
				return tx.PutSettings(set)
			})
			for i := range retainBatch + 5 {
				insert(t, s, over(fmt.Sprint("old", i), day))
			}
			insert(t, s, over("new", day.Add(tt.after)))
			tell(t, s, "req_old7", day)
			tell(t, s, "req_new", day.Add(tt.after))
			sequence(t, s)
			if _, err := s.TakeIn(context.Background(), 50); err != nil {
				t.Fatal(err)
			}
			leaf := leaves(t, s)
			forget(t, s, day.Add(tt.after))
			looks(t, s, "req_new", true, true)
			looks(t, s, "req_old7", tt.args, tt.reasons)
			looks(t, s, "req_old103", tt.args, tt.reasons)
			if leaves(t, s) != leaf {
				t.Error("a leaf of the log has changed")
			}
			for text, left := range map[string]bool{"hunter2": tt.args, "because": tt.reasons} {
				view(t, s, func(tx *Tx) error {
					p, err := tx.RequestPage(RequestFilter{Text: text, Limit: MaxLimit})
					if (len(p.Items) > 1) != left {
						t.Errorf("%q finds %d requests", text, len(p.Items))
					}
					return err
				})
			}
		})
	}
}

// looks checks what is left of a request and its events.
func looks(t *testing.T, s *Store, id elevation.RequestID, args, reasons bool) {
	t.Helper()
	view(t, s, func(tx *Tx) error {
		r, err := tx.Request(id)
		if err != nil {
			return err
		}
		said := strings.Join([]string{r.Justification, r.Decision.Comment, r.Reviews[0].Comment, r.Questions[0].Text, r.Questions[0].Answer}, "")
		if (len(r.Attempt.Subject.Args) > 0) != args || (said != "") != reasons || (len(r.Notes) > 0) != reasons {
			t.Errorf("%s: arguments %q, texts %q, notes %v", id, r.Attempt.Subject.Args, said, r.Notes)
		}
		if r.Decision.Verdict != elevation.Denied || r.Decision.By.Name != "bo" || r.Attempt.Subject.Path == "" {
			t.Errorf("%s has lost its verdict: %+v", id, r.Decision)
		}
		events, err := tx.EventsOf(id)
		for _, e := range events {
			if len(e.Text) == 0 && len(e.Data) == 0 {
				continue // of the bed
			}
			if (e.Text["args"] != "") != args || (e.Text["justification"] != "") != reasons || e.Data["path"] == "" {
				t.Errorf("event of %s says %v %v", id, e.Text, e.Data)
			}
		}
		return err
	})
}

// sequence gives all events their place, as the Sequencer does.
func sequence(t *testing.T, s *Store) {
	t.Helper()
	for {
		rows, err := s.AuditWaiting(context.Background(), 500)
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) == 0 {
			return
		}
		h, err := s.AuditHead(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		b := audit.Batch{First: h.Size + 1}
		for _, r := range rows {
			b.IDs = append(b.IDs, r.ID)
		}
		if err := s.AuditPlace(context.Background(), b); err != nil {
			t.Fatal(err)
		}
	}
}

func leaves(t *testing.T, s *Store) string {
	t.Helper()
	var all strings.Builder
	rows, err := s.AuditRows(context.Background(), 0, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		all.Write(r.Leaf)
		if _, err := r.Open(); err != nil {
			t.Errorf("event %s: %v", r.ID, err)
		}
	}
	return all.String()
}

// What is not over keeps its text, and what comes after it too, so that nothing
// is passed over.
func TestWhatWaitsKeepsItsText(t *testing.T) {
	s := fresh(t)
	set := s.Settings()
	set.Retention = Retention{ArgumentsDays: 1, ReasonsDays: 1}
	update(t, s, func(tx *Tx) error {
		if err := tx.Append(event(audit.SettingsChanged, "")); err != nil {
			return err
		}
		return tx.PutSettings(set)
	})
	waits := over("waits", day)
	waits.Decision, waits.ExpiresAt = nil, day.Add(100*24*time.Hour)
	insert(t, s, over("first", day), waits, over("last", day))
	forget(t, s, day.Add(48*time.Hour))
	looks(t, s, "req_first", false, false)
	looks(t, s, "req_last", true, true)
	forget(t, s, day.Add(retainWait+48*time.Hour))
	looks(t, s, "req_last", false, false)
}
