package agent

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/shared/wire"
)

// A link goes to whom it was asked for, is asked with the kernel's uid and this
// machine's name for it, and its lack has its reason.
func TestPortal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, t.TempDir())
		d.Lookup = func(user string) (intercept.Account, error) {
			if user != alice {
				return intercept.Account{}, intercept.ErrNoUser
			}
			return intercept.Account{Name: "alice"}, nil
		}
		type got struct {
			link local.PortalLink
			err  error
		}
		ask := func() (chan got, wire.PortalLink) {
			out := make(chan got, 1)
			go func() {
				l, err := d.Portal(t.Context(), "1001")
				out <- got{l, err}
			}()
			return out, next[wire.PortalLink](d)
		}
		first, one := ask()
		second, two := ask()
		if one.User.Name != "alice" || one.User.UID != "1001" || one.N == two.N {
			t.Errorf("asked: %+v, %+v", one, two)
		}
		d.answer(wire.TPortal, wire.Portal{N: one.N + two.N + 1, URL: "https://assent.example/#/x"})
		d.answer(wire.TPortal, wire.Portal{N: two.N, URL: "https://assent.example/#/two", Expires: time.Now()})
		d.answer(wire.TPortal, wire.Portal{N: two.N, URL: "https://assent.example/#/again"})
		d.answer(wire.TPortal, wire.Portal{N: one.N, Code: wire.CodeRateLimited, Text: "too many links"})
		if g := <-second; g.err != nil || g.link.URL != "https://assent.example/#/two" {
			t.Errorf("the second: %+v", g)
		}
		if g := <-first; !errors.Is(g.err, local.ErrConflict) || g.link.URL != "" {
			t.Errorf("the first: %+v", g)
		}
		late, _ := ask()
		if g := <-late; !errors.Is(g.err, local.ErrOffline) {
			t.Errorf("no answer: %+v", g)
		}
		if _, err := d.Portal(t.Context(), "7"); !errors.Is(err, local.ErrConflict) {
			t.Errorf("a user without a name: %v", err)
		}
		var open []uint64
		for range portalsEach {
			n, _, ok := d.portals.ask("1001")
			if open = append(open, n); !ok {
				t.Fatal("a user's own links are fewer than they may be")
			}
		}
		if _, err := d.Portal(t.Context(), "1001"); !errors.Is(err, local.ErrConflict) {
			t.Errorf("one too many of a user: %v", err)
		}
		if n, _, ok := d.portals.ask("1002"); !ok {
			t.Error("a user keeps another one from asking")
		} else {
			d.portals.end(n)
		}
		for i := range maxPortals {
			d.portals.ask(fmt.Sprint(2000 + i))
		}
		if _, _, ok := d.portals.ask("1002"); ok || len(d.portals.of) != maxPortals {
			t.Errorf("one too many of all: %v, %d", ok, len(d.portals.of))
		}
		if err := d.portals.told(wire.Portal{N: open[0]}); err != nil || len(d.portals.of) != maxPortals {
			t.Errorf("an answer makes no room until its asker has left: %v", err)
		}
		d.portals.end(open[0])
		if len(d.portals.of) != maxPortals-1 || len(d.portals.open) != maxPortals-1 {
			t.Errorf("after an end: %d, %d", len(d.portals.of), len(d.portals.open))
		}
	})
}
