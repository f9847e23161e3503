package store

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/shared/elevation"
)

func TestHistoryFollowsTheLog(t *testing.T) {
	s := fresh(t)
	insertEndpoint(t, s, endpoint)
	var all []elevation.Request
	for i := range 2*historyStep + 20 {
		r := pending(fmt.Sprint(i), day.Add(time.Duration(i)*time.Minute), elevation.Normal)
		r.Attempt.Subject.Args, r.Endpoint = []string{"same"}, elevation.EndpointID(fmt.Sprintf("ep_%d", i%3))
		all = append(all, r)
	}
	insert(t, s, all...)
	draft := pending("draft", day, elevation.Normal)
	draft.Attempt.Subject.Args, draft.SubmittedAt = []string{"same"}, time.Time{}
	update(t, s, func(tx *Tx) error { return tx.InsertRequest(&draft, day) })
	steps := 0
	for more := true; more; steps++ {
		var err error
		if more, err = s.IndexHistory(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if steps != 3 {
		t.Errorf("it took %d steps", steps)
	}
	if more, err := s.IndexHistory(t.Context()); more || err != nil {
		t.Errorf("nothing new: %v %v", more, err)
	}
	last := all[len(all)-1]
	k := KeysOf(&last)
	view(t, s, func(tx *Tx) error {
		list, err := tx.Before(k.What, last.ID, 1000)
		if err != nil || len(list) != len(all)-1 || list[0].ID != all[len(all)-2].ID {
			t.Errorf("%d before the last, %v", len(list), err)
		}
		if list, err := tx.Before(k.What, all[5].ID, 3); err != nil || len(list) != 3 || list[0].ID != all[4].ID {
			t.Errorf("before the sixth: %v %v", list, err)
		}
		if own, err := tx.Before(k.Own, last.ID, 1000); err != nil || len(own) != (len(all)-1)/3 {
			t.Errorf("%d of the same endpoint, %v", len(own), err)
		}
		if none, err := tx.Before(nil, last.ID, 10); err != nil || none != nil {
			t.Errorf("no key: %v %v", none, err)
		}
		if first, err := tx.FirstSeen(k.File, last.ID); err != nil || !first.Equal(day) {
			t.Errorf("first seen %s, %v", first, err)
		}
		if on, err := tx.SeenOn(k.File, 100); err != nil || len(on) != 3 {
			t.Errorf("seen on %v, %v", on, err)
		}
		return nil
	})
}

// TestHistoryForgets keeps no hash of what was forgotten.
func TestHistoryForgets(t *testing.T) {
	s := fresh(t)
	insertEndpoint(t, s, endpoint)
	old, young := pending("old", day, elevation.Normal), pending("young", day.Add(40*24*time.Hour), elevation.Normal)
	for _, r := range []*elevation.Request{&old, &young} {
		r.Attempt.Subject.Args, r.CancelledAt = []string{"secret"}, r.SubmittedAt.Add(time.Minute)
	}
	insert(t, s, old, young)
	for more := true; more; {
		var err error
		if more, err = s.IndexHistory(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	set := s.Settings()
	set.Retention.ArgumentsDays, set.Retention.ReasonsDays = 30, 30
	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.PutSettings(set), tx.Append(event(audit.SettingsChanged, "")))
	})
	for more := true; more; {
		var err error
		if more, err = s.Forget(t.Context(), day.Add(41*24*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	k := KeysOf(&young)
	view(t, s, func(tx *Tx) error {
		for name, key := range map[string][]byte{"program and arguments": k.What, "the same person": k.Own} {
			if list, err := tx.Before(key, "", 10); err != nil || len(list) != 1 || list[0].ID != young.ID {
				t.Errorf("%s: %v %v", name, list, err)
			}
		}
		if list, err := tx.Before(KeysOf(&old).Reason, "", 10); err != nil || len(list) != 0 {
			t.Errorf("the reason: %v %v", list, err)
		}
		if list, err := tx.Before(k.File, "", 10); err != nil || len(list) != 2 {
			t.Errorf("the file is not forgotten: %v %v", list, err)
		}
		return nil
	})
}

func TestEachReadsASpanOnce(t *testing.T) {
	s := fresh(t)
	var all []elevation.Request
	for i := range 3*spanPage + 7 {
		all = append(all, pending(fmt.Sprint(i), day.Add(time.Duration(i)*time.Minute), elevation.Normal))
	}
	insert(t, s, all...)
	draft := pending("draft", day, elevation.Normal)
	draft.SubmittedAt = time.Time{}
	update(t, s, func(tx *Tx) error { return tx.InsertRequest(&draft, day) })
	tests := []struct {
		name string
		span Span
		want int
		cut  bool
	}{
		{"everything", Span{}, len(all), false},
		{"since", Span{Since: day.Add(10 * time.Minute)}, len(all) - 10, false},
		{"since, lately", Span{Since: day.Add(time.Duration(len(all)-5) * time.Minute)}, 5, false},
		{"until", Span{Until: day.Add(10 * time.Minute)}, 10, false},
		{"both", Span{Since: day.Add(5 * time.Minute), Until: day.Add(10 * time.Minute)}, 5, false},
		{"at most", Span{Most: spanPage + 1}, spanPage + 1, true},
		{"at most, which is all", Span{Most: len(all)}, len(all), false},
		{"denied", Span{Denied: true}, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var n atomic.Int64
			count := func(*elevation.Request) error { n.Add(1); return nil }
			cut, err := s.Each(t.Context(), tt.span, []func(*elevation.Request) error{count, count})
			if err != nil || int(n.Load()) != tt.want || cut != tt.cut {
				t.Errorf("%d requests, cut %v, %v; want %d, %v", n.Load(), cut, err, tt.want, tt.cut)
			}
		})
	}
	stop := errors.New("stop")
	fail := func(*elevation.Request) error { return stop }
	if _, err := s.Each(t.Context(), Span{}, []func(*elevation.Request) error{fail, fail}); !errors.Is(err, stop) {
		t.Errorf("a worker that fails: %v", err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Each(over, Span{}, []func(*elevation.Request) error{fail}); err == nil {
		t.Error("a caller who left gets an answer")
	}
}

func TestEventIsFoundByNumberAndID(t *testing.T) {
	s := fresh(t)
	var ids []elevation.EventID
	update(t, s, func(tx *Tx) error {
		for i := range 50 {
			at := day.Add(time.Duration(i) * time.Second)
			id := elevation.EventID(elevation.NewID(elevation.EventPrefix, at))
			ids = append(ids, id)
			if err := tx.Append(audit.Event{ID: id, At: at, Kind: audit.AuthLogin, Actor: elevation.Actor{Kind: elevation.BySystem}}); err != nil {
				return err
			}
		}
		return nil
	})
	view(t, s, func(tx *Tx) error {
		for i, id := range ids {
			for _, name := range []string{string(id), fmt.Sprint(i + 1)} {
				if row, err := tx.EventRow(name); err != nil || row.ID != id {
					t.Errorf("%s: %s %v", name, row.ID, err)
				}
			}
		}
		for _, name := range []string{"", "0", "-1", "51", "1 OR 1=1", "ev_", "ev_zzz", elevation.NewID(elevation.EventPrefix, day), elevation.NewID(elevation.RequestPrefix, day)} {
			if _, err := tx.EventRow(name); !errors.Is(err, elevation.ErrNotFound) {
				t.Errorf("%q: %v", name, err)
			}
		}
		return nil
	})
}
