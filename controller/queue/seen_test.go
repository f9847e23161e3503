package queue

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

func sighting(n uint64, kind wire.SeenKind, arg string) wire.Seen {
	return wire.Seen{Report: n, ID: elevation.NewRequestID(day), Kind: kind, Attempt: attempt(arg).Attempt, Times: 1, At: day}
}

// seenEvents counts the events of a kind.
func (b *bed) seenEvents(k audit.Kind) (n int) {
	b.t.Helper()
	b.must(b.store.View(context.Background(), func(tx *store.Tx) error {
		list, err := tx.EventsOf("")
		for _, e := range list {
			if e.Kind == k {
				n++
			}
		}
		return err
	}))
	return n
}

func (b *bed) attempts(a auth.Actor, f SeenFilter) []Sighted {
	b.t.Helper()
	page, err := b.Attempts(context.Background(), a, f)
	b.must(err)
	return page.Items
}

// What is only seen is history once, however often it is sent; the same id again
// brings the number.
func TestD11SeenIsKeptOnce(t *testing.T) {
	b := newBed(t, "rules: []\n").people()
	ctx, ada := context.Background(), who("ada", auth.Administrator)
	first := sighting(1, wire.SeenObserved, "a")
	b.must(b.Seen(ctx, ep, first))
	b.must(b.Seen(ctx, ep, first))
	again := first
	again.Report, again.Times = 2, 41
	b.must(b.Seen(ctx, ep, again))
	b.must(b.Seen(ctx, ep, sighting(3, wire.SeenOwn, "b")))
	b.must(b.Seen(ctx, ep, sighting(4, wire.SeenBreakGlass, "a")))
	b.must(b.Seen(ctx, ep, sighting(5, wire.SeenBreakGlass, "a")))
	b.must(b.Seen(ctx, ep, wire.Seen{Report: 6, ID: elevation.NewRequestID(day), Kind: wire.SeenAround, Times: 1, At: day,
		Attempt: elevation.Attempt{Mechanism: "setuid", User: elevation.User{UID: "1000"}, Subject: elevation.Subject{Path: "/usr/bin/su"}}}))
	all := b.attempts(ada, SeenFilter{})
	if len(all) != 5 || all[4].Times != 41 || all[4].Would != "ask" || all[4].EndpointName != "web-1" || all[0].Would != "" {
		t.Fatalf("%d: %+v", len(all), all)
	}
	for k, want := range map[audit.Kind]int{audit.AttemptObserved: 1, audit.BreakGlassUsed: 2, audit.AttemptAround: 1} {
		if n := b.seenEvents(k); n != want {
			t.Errorf("%d events %s, not %d", n, k, want)
		}
	}
	if n := len(b.attempts(ada, SeenFilter{Kind: wire.SeenBreakGlass, User: "eve", Endpoint: "web-1"})); n != 2 {
		t.Errorf("%d of broken glass", n)
	}
	if n := len(b.attempts(ada, SeenFilter{Endpoint: "web-2"})); n != 0 {
		t.Errorf("%d of another endpoint", n)
	}
}

// A second day is a second event, other users and programs are their own.
func TestD11SeenIsAnEventADay(t *testing.T) {
	b := newBed(t, "rules: []\n").people()
	ctx := context.Background()
	for i := range 6 {
		m := sighting(uint64(i+1), wire.SeenObserved, "a")
		m.At = day.Add(-time.Duration(i%2) * 24 * time.Hour)
		if i >= 4 {
			m.Attempt.User.UID = "1001"
		}
		b.must(b.Seen(ctx, ep, m))
	}
	if n := b.seenEvents(audit.AttemptObserved); n != 4 {
		t.Errorf("%d events", n)
	}
}

func TestD11SeenOfScopesAndPages(t *testing.T) {
	b := newBed(t, "rules: []\n").people()
	ctx := context.Background()
	for i := range 25 {
		b.must(b.Seen(ctx, ep, sighting(uint64(i+1), wire.SeenObserved, fmt.Sprint("x", i))))
	}
	dee := who("dee", auth.Administrator)
	dee.Scope = map[string]string{"role": "db"}
	if n := len(b.attempts(dee, SeenFilter{})); n != 0 {
		t.Errorf("%d beyond the scope", n)
	}
	if n := len(b.attempts(dee, SeenFilter{Endpoint: "web-1"})); n != 0 {
		t.Errorf("%d of a named endpoint beyond the scope", n)
	}
	if _, err := b.Attempts(ctx, who("rita", auth.Requester), SeenFilter{}); !errors.Is(err, elevation.ErrNotAllowed) {
		t.Errorf("a requester: %v", err)
	}
	if _, err := b.Attempts(ctx, who("ada", auth.Administrator), SeenFilter{Cursor: "!"}); !errors.Is(err, elevation.ErrInvalid) {
		t.Errorf("a cursor of nothing: %v", err)
	}
	seen, cursor := map[elevation.RequestID]bool{}, ""
	for range 3 {
		page, err := b.Attempts(ctx, who("ada", auth.Administrator), SeenFilter{Limit: 10, Cursor: cursor})
		b.must(err)
		for _, x := range page.Items {
			seen[x.ID] = true
		}
		cursor = page.Next
	}
	if len(seen) != 25 || cursor != "" {
		t.Errorf("%d over three pages, then %q", len(seen), cursor)
	}
}

// An endpoint that lies fills nothing and ends nothing.
func TestD11SeenOfAHostileEndpoint(t *testing.T) {
	b := newBed(t, "rules: []\n").people()
	ctx := context.Background()
	for name, change := range map[string]func(*wire.Seen){
		"no kind":      func(m *wire.Seen) { m.Kind = "" },
		"another kind": func(m *wire.Seen) { m.Kind = "approved" },
		"no id":        func(m *wire.Seen) { m.ID = "" },
		"no user":      func(m *wire.Seen) { m.Attempt.User = elevation.User{} },
		"no text":      func(m *wire.Seen) { m.Attempt.Subject.Path = "/\xff" },
		"a long way around": func(m *wire.Seen) {
			m.Kind, m.Attempt = wire.SeenAround, elevation.Attempt{Subject: elevation.Subject{Path: string(make([]byte, 10_000))}}
		},
	} {
		m := sighting(1, wire.SeenObserved, "a")
		change(&m)
		if err := b.Seen(ctx, ep, m); !errors.Is(err, elevation.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	m := sighting(1, wire.SeenObserved, "a")
	m.At, m.Times = day.Add(100*365*24*time.Hour), -5
	b.must(b.Seen(ctx, ep, m))
	m = sighting(2, wire.SeenObserved, "b")
	m.At, m.Times = time.Time{}, 1<<40
	b.must(b.Seen(ctx, ep, m))
	for _, x := range b.attempts(who("ada", auth.Administrator), SeenFilter{}) {
		if x.At.After(b.now()) || x.At.Before(day.Add(-seenAge)) || x.Times < 1 || x.Times > seenTimes {
			t.Errorf("%v, %d times", x.At, x.Times)
		}
	}
	for i := range 620 {
		b.must(b.Seen(ctx, ep, sighting(uint64(i+10), wire.SeenObserved, fmt.Sprint("y", i))))
	}
	page, err := b.Attempts(ctx, who("ada", auth.Administrator), SeenFilter{Limit: 500, Since: day.Add(-time.Hour)})
	b.must(err)
	if len(page.Items) != 500 || page.Next != "" {
		t.Errorf("%d of a day, then %q", len(page.Items), page.Next)
	}
	b.must(b.Seen(ctx, ep, sighting(1000, wire.SeenBreakGlass, "z"))) // has room of its own
	if n := b.seenEvents(audit.BreakGlassUsed); n != 1 {
		t.Errorf("%d events of broken glass", n)
	}
}

// History ends, and arguments before it where the settings say so.
func TestD11SeenIsForgotten(t *testing.T) {
	b := newBed(t, "rules: []\n").people()
	ctx := context.Background()
	b.must(b.Seen(ctx, ep, sighting(1, wire.SeenObserved, "a")))
	b.must(b.store.Tidy(ctx, day.Add(399*24*time.Hour)))
	if n := len(b.attempts(who("ada", auth.Administrator), SeenFilter{})); n != 1 {
		t.Fatalf("%d before the end", n)
	}
	b.must(b.store.Tidy(ctx, day.Add(401*24*time.Hour)))
	if n := len(b.attempts(who("ada", auth.Administrator), SeenFilter{})); n != 0 {
		t.Errorf("%d after the end", n)
	}
}
