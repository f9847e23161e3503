package gateway

import (
	"context"
	"errors"
	"testing"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// An endpoint says who one of its users is; no other endpoint can say it, and what
// does not fit the question is no answer.
func TestWho(t *testing.T) {
	d := newDoor(t, nil)
	one, other := d.enroll(), d.enroll()
	l, _ := one.session(wire.Hello{})
	x, _ := other.session(wire.Hello{})
	type said struct {
		user elevation.User
		err  error
	}
	ask := func(name, uid string) (<-chan said, wire.Who) {
		out := make(chan said, 1)
		go func() {
			u, err := d.gw.Who(t.Context(), one.id, name, uid)
			out <- said{u, err}
		}()
		var m wire.Who
		l.want(wire.TWho, &m)
		return out, m
	}
	tom := elevation.User{Name: "tom", UID: "1000", Groups: []string{"tom"}}
	answer, m := ask("tom", "")
	x.send(wire.TKnown, 0, wire.Known{N: m.N, User: elevation.User{Name: "tom", UID: "0", Groups: []string{}}})
	x.alive()
	l.send(wire.TKnown, 0, wire.Known{N: m.N + 7, User: tom})
	l.send(wire.TKnown, 0, wire.Known{N: m.N, User: tom})
	l.send(wire.TKnown, 0, wire.Known{N: m.N, User: tom})
	if got := <-answer; got.err != nil || got.user.UID != "1000" {
		t.Errorf("by name: %+v", got)
	}
	for name, row := range map[string]struct {
		name, uid string
		user      elevation.User
		want      error
	}{
		"by uid":       {"", "1000", tom, nil},
		"other words":  {"CORP\\tom", "", tom, nil},
		"without name": {"tom", "", elevation.User{UID: "1000", Groups: []string{}}, elevation.ErrNotFound},
		"nobody":       {"tom", "", elevation.User{Groups: []string{}}, elevation.ErrNotFound},
		"without uid":  {"tom", "", elevation.User{Name: "tom", Groups: []string{}}, elevation.ErrNotFound},
	} {
		answer, m := ask(row.name, row.uid)
		l.send(wire.TKnown, 0, wire.Known{N: m.N, User: row.user})
		if got := <-answer; !errors.Is(got.err, row.want) || (row.want == nil) != (got.user.UID == "1000") {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if _, err := d.gw.Who(t.Context(), "ep_019aa8d2-6f3e-7c41-9d10-3b1f0c5f2a77", "tom", ""); !errors.Is(err, ErrSilent) {
		t.Errorf("not connected: %v", err)
	}

	// Whoever says nothing is not asked without end.
	ctx, cancel := context.WithCancel(t.Context())
	all := make(chan error, whoEach)
	for range whoEach {
		go func() {
			_, err := d.gw.Who(ctx, one.id, "tom", "")
			all <- err
		}()
		l.want(wire.TWho, nil)
	}
	if _, err := d.gw.Who(t.Context(), one.id, "tom", ""); !errors.Is(err, ErrSilent) {
		t.Errorf("asked %d times: %v", whoEach+1, err)
	}
	cancel()
	for range whoEach {
		if err := <-all; !errors.Is(err, context.Canceled) {
			t.Errorf("given up: %v", err)
		}
	}
	answer, m = ask("tom", "")
	l.send(wire.TKnown, 0, wire.Known{N: m.N, User: tom})
	if got := <-answer; got.err != nil {
		t.Errorf("afterwards: %v", got.err)
	}
}
