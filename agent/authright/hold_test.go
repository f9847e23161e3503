package authright

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/assent-epm/assent/agent/mactool/fakemac"
	"github.com/assent-epm/assent/shared/elevation"
)

// holding runs a holder; policy gives it another policy and waits until that is held.
func holding(t *testing.T, d DB, file map[string]Level) (policy func(map[string]Level) error) {
	t.Helper()
	var mu sync.Mutex // guards now
	var now map[string]Level
	due, held := make(chan struct{}, 1), make(chan error)
	ctx, end := context.WithCancel(t.Context())
	over := make(chan error, 1)
	h := Holder{DB: d, File: file, Due: due, Again: time.Hour, Policy: func() map[string]Level {
		mu.Lock()
		defer mu.Unlock()
		return now
	}, Held: func(err error) {
		select {
		case held <- err:
		case <-ctx.Done():
		}
	}}
	go func() { over <- h.Run(ctx) }()
	t.Cleanup(func() {
		end()
		if err := <-over; err != nil {
			t.Error(err)
		}
	})
	if err := <-held; err != nil {
		t.Fatal(err)
	}
	return func(p map[string]Level) error {
		mu.Lock()
		now = p
		mu.Unlock()
		due <- struct{}{}
		return <-held
	}
}

// A policy counts before the machine's own file for the rights that it names, and what
// it does not name any more is what the file says, or what it was.
func TestThePolicyCountsBeforeTheFile(t *testing.T) {
	d, h := rights(t)
	before := plain(t, h)
	policy := holding(t, d, map[string]Level{network: Nobody})
	is := func(step string, net, print string) {
		t.Helper()
		all := plain(t, h)
		for right, want := range map[string]string{network: net, printing: print} {
			got := "before"
			switch {
			case all[right]["class"] == "deny":
				got = "nobody"
			case all[right]["session-owner"] == true:
				got = "user"
			case all[right]["shared"] == false && all[right]["group"] == "admin":
				got = "admin"
			case fmt.Sprint(all[right]) != fmt.Sprint(before[right]):
				got = fmt.Sprint(all[right])
			}
			if got != want {
				t.Errorf("%s: %s is for %s, want %s", step, right, got, want)
			}
		}
	}
	is("the file alone", "nobody", "before")
	for _, step := range []struct {
		name       string
		policy     map[string]Level
		net, print string
	}{
		{"a policy", map[string]Level{network: User, printing: Admin}, "user", "admin"},
		{"another one", map[string]Level{printing: Nobody}, "nobody", "nobody"},
		{"one without rights", nil, "nobody", "before"},
	} {
		if err := policy(step.policy); err != nil {
			t.Errorf("%s: %v", step.name, err)
		}
		is(step.name, step.net, step.print)
	}
	if err := d.Restore(t.Context()); err != nil {
		t.Error(err)
	}
	is("removed", "before", "before")
}

// What a policy may not name is refused here too, whoever signed it, and keeps no other
// right from its place.
func TestAPolicyThatNamesTooMuch(t *testing.T) {
	d, h := rights(t)
	policy := holding(t, d, nil)
	if err := policy(map[string]Level{"system.privilege.admin": User, network: Admin}); !errors.Is(err, elevation.ErrInvalid) {
		t.Errorf("%v", err)
	}
	if r := plain(t, h); r[network]["shared"] != false || r["system.privilege.admin"] != nil {
		t.Errorf("%v", r)
	}
	many := map[string]Level{}
	for i := range MaxRights + 1 {
		many[fmt.Sprint("a.b", i)] = Nobody
	}
	was := plain(t, h)
	if err := policy(many); !errors.Is(err, ErrRight) || !maps.EqualFunc(was, plain(t, h), func(a, b map[string]any) bool { return fmt.Sprint(a) == fmt.Sprint(b) }) {
		t.Errorf("%v", err)
	}
	h.Change(t, func(m *fakemac.Machine) { delete(m.Rights, printing) })
	if err := policy(map[string]Level{printing: Admin}); !errors.Is(err, ErrAbsent) {
		t.Errorf("%v", err)
	}
}
