package store

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/shared/elevation"
)

func TestStreamsAreKept(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "a.db"))
	made := time.Now()
	ch := Channel{ID: "chan_1", Name: "SIEM", Kind: "syslog", Config: []byte("{}"), MadeAt: made}
	happen := func(fn func(*Tx) error, at time.Time) {
		t.Helper()
		err := s.Update(t.Context(), func(tx *Tx) error {
			if err := fn(tx); err != nil {
				return err
			}
			return tx.Append(audit.Event{At: at, Kind: audit.ChannelChanged, Actor: elevation.Actor{Kind: elevation.BySystem}})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	nothing := func(*Tx) error { return nil }
	happen(nothing, made.Add(-time.Hour))
	happen(nothing, made.Add(-time.Minute))
	happen(func(tx *Tx) error { return tx.PutChannel(ch) }, made)
	happen(nothing, made.Add(time.Second))
	want := func(pos, sent uint64) {
		t.Helper()
		var st Stream
		if err := s.View(t.Context(), func(tx *Tx) (err error) { st, err = tx.Stream(ch); return err }); err != nil {
			t.Fatal(err)
		}
		if st.Pos != pos || st.Sent != sent {
			t.Errorf("%+v, want %d and %d", st, pos, sent)
		}
	}
	put := func(pos, sent uint64) {
		t.Helper()
		if err := s.Update(t.Context(), func(tx *Tx) error { return tx.PutStream(Stream{Channel: ch.ID, Pos: pos, Sent: sent}) }); err != nil {
			t.Fatal(err)
		}
	}
	want(2, 2) // it begins with the event that made it
	put(3, 4)
	want(3, 4)
	put(2, 2) // never back
	want(3, 4)
	happen(func(tx *Tx) error { return tx.DeleteChannel(ch.ID) }, made.Add(time.Minute))
	want(2, 2) // nothing is left of it
	put(4, 4)  // and what is gone is not written again
	want(2, 2)
}

func TestHookCallsComeOnce(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "a.db"))
	now := time.Now()
	take := func(hook, id string, at time.Time) error {
		return s.Update(t.Context(), func(tx *Tx) error { return tx.TakeHookCall(hook, id, at, at.Add(-time.Hour)) })
	}
	for _, tt := range []struct {
		hook, id string
		at       time.Time
		twice    bool
	}{
		{"hook_1", "a", now, false},
		{"hook_1", "a", now.Add(time.Minute), true},
		{"hook_2", "a", now.Add(time.Minute), false},
		{"hook_1", "b", now.Add(time.Minute), false},
		{"hook_1", "a", now.Add(2 * time.Hour), false}, // older than any call may be
	} {
		if err := take(tt.hook, tt.id, tt.at); errors.Is(err, ErrExists) != tt.twice || err != nil && !tt.twice {
			t.Errorf("%s %s: %v", tt.hook, tt.id, err)
		}
	}
}
