package agent

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// seated is an attempt that a rule approved with a password to be shown, by
// somebody who sits at a desktop and has no terminal.
type seated struct {
	*desk
	t       *testing.T
	id      elevation.RequestID
	notices <-chan local.Notice
	done    <-chan result
}

func newSeated(t *testing.T, ctx context.Context, a elevation.Attempt, p intercept.Person) *seated {
	t.Helper()
	d := newDesk(t, t.TempDir())
	d.Password = func(_ context.Context, user, password string) error {
		if user != "alice" || password != "geheim" {
			return privilege.ErrPassword
		}
		return nil
	}
	t.Cleanup(d.Sits("1001"))
	s := &seated{desk: d, t: t}
	s.try(ctx, a, p)
	return s
}

// try makes the attempt, and has it approved where that is asked for.
func (s *seated) try(ctx context.Context, a elevation.Attempt, p intercept.Person) {
	s.t.Helper()
	watch, stop, err := s.Watch("1001")
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(stop)
	s.notices, s.done = watch, s.elevate(ctx, intercept.Ask{Attempt: a}, p)
	if s.id == "" {
		m := next[wire.Attempt](s.desk)
		s.id = m.Request
		s.answer(wire.TDecision, s.grantFor(m.Request, m.Attempt, func(g *elevation.Grant) { g.Confirm = elevation.ConfirmPassword }))
	}
	s.hears("password")
}

// hears waits for a notice of a kind.
func (s *seated) hears(kind string) local.Notice {
	s.t.Helper()
	late := time.After(time.Minute)
	for {
		select {
		case n := <-s.notices:
			if n.Kind == kind && n.Request == s.id {
				return n
			}
		case <-late:
			s.t.Fatalf("no word of %s", kind)
		}
	}
}

func (s *seated) wants(tries int) {
	s.t.Helper()
	it, err := s.View("1001", s.id)
	if err != nil || it.Wants == nil || it.Wants.Password != "alice" || it.Wants.Tries != tries || it.Wants.Wrong != (tries < confirmTries) || it.Question != "" { // no question that is answered on a command line
		s.t.Fatalf("it wants %+v of %+v, %v", it.Wants, it, err)
	}
}

// TestPasswordFromTheDesktop: who has no terminal confirms at their desktop; wrong
// ones are asked for again, others can not give it, and the held program goes on.
func TestPasswordFromTheDesktop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &person{}
		s := newSeated(t, t.Context(), attempt(), p)
		s.wants(3)
		if !slices.Contains(p.said, "Your password is asked for on your desktop.") {
			t.Errorf("said %q", p.said)
		}
		if it, _ := s.View("1001", s.id); it.Confirm != "password" {
			t.Errorf("it is to be confirmed by %q", it.Confirm)
		}
		if err := s.Confirm("1002", s.id, "geheim"); !errors.Is(err, local.ErrConflict) {
			t.Errorf("others confirm it: %v", err)
		}
		if err := s.Confirm("1001", s.id, "wrong"); err != nil {
			t.Fatal(err)
		}
		s.hears("password")
		s.wants(2)
		if err := s.Confirm("1001", s.id, "geheim"); err != nil {
			t.Fatal(err)
		}
		if r := <-s.done; r.err != nil || r.permit.Grant.Request != s.id {
			t.Errorf("got %+v", r)
		}
		s.hears("settled")
		it, err := s.View("1001", s.id)
		if err != nil || it.Wants != nil || !slices.ContainsFunc(it.Timeline, func(e local.Event) bool { return e.Kind == "confirmed" && e.By == "alice" }) {
			t.Errorf("%+v, %v", it, err)
		}
		for _, e := range it.Timeline {
			if strings.Contains(e.Text+e.By, "geheim") || strings.Contains(e.Text, "wrong") {
				t.Errorf("the story has it: %+v", e)
			}
		}
		if err := s.Confirm("1001", s.id, "geheim"); !errors.Is(err, local.ErrConflict) {
			t.Errorf("once more: %v", err)
		}
	})
}

// TestPasswordEnds: three wrong ones, nobody who types, a closed dialog and a sudo
// that is gone each end it; the approval stays for another try.
func TestPasswordEnds(t *testing.T) {
	rows := map[string]struct {
		act  func(s *seated, leave func())
		want string // in the error
		told string // what the desktop is told at the end, "" = nothing
	}{
		"three wrong ones": {func(s *seated, _ func()) {
			for i := range 3 {
				if i > 0 {
					s.hears("password")
				}
				if err := s.Confirm("1001", s.id, "wrong"); err != nil {
					s.t.Error(err)
				}
			}
		}, "3 were wrong", "3 were wrong"},
		"nobody types": {func(*seated, func()) {}, "nobody typed it in time", "nobody typed it in time"},
		"it is closed": {func(s *seated, _ func()) { _ = s.Confirm("1001", s.id, "") }, "withdrawn", ""},
		"sudo is gone": {func(_ *seated, leave func()) { leave() }, "gone", ""},
		"it is too late": {func(s *seated, _ func()) {
			time.Sleep(desktopWithin + time.Second)
			if err := s.Confirm("1001", s.id, "geheim"); !errors.Is(err, local.ErrConflict) {
				s.t.Errorf("got %v", err)
			}
		}, "nobody typed it in time", "nobody typed it in time"},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, leave := context.WithCancelCause(t.Context())
				s := newSeated(t, ctx, attempt(), &person{})
				row.act(s, func() { leave(errors.New("gone")) })
				r := <-s.done
				if r.err == nil || !strings.Contains(r.err.Error(), row.want) {
					t.Errorf("got %+v", r)
				}
				s.hears("settled")
				if row.told != "" {
					if n := s.hears("unconfirmed"); !strings.Contains(n.Text, row.told) {
						t.Errorf("told %+v", n)
					}
				}
				if it, err := s.View("1001", s.id); err != nil || it.State != string(elevation.StateAvailable) || it.Wants != nil {
					t.Errorf("%+v, %v", it, err)
				}
			})
		})
	}
}

// TestConfirmedAndTriedAgain: what polkit was refused for now is confirmed at the
// desktop, and the next try uses it: once, soon, and nobody else's.
func TestConfirmedAndTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := attempt()
		a.Mechanism = string(elevation.ByPolkit)
		confirms := func(s *seated) {
			t.Helper()
			if err := s.Confirm("1001", s.id, "geheim"); err != nil {
				t.Fatal(err)
			}
			r := <-s.done
			if r.err != nil {
				t.Fatal(r.err)
			}
			s.Release(r.permit.Grant.ID)
		}
		p := &intercept.Later{Attempt: a, Tell: func(string) {}}
		s := newSeated(t, t.Context(), a, p)
		if _, ok := s.Claim(a); ok {
			t.Error("it is given out before it is confirmed")
		}
		confirms(s)
		if it, _ := s.View("1001", s.id); it.Confirm != "" || it.Mechanism != "polkit" {
			t.Errorf("%q, still to be confirmed by %q", it.Mechanism, it.Confirm)
		}
		permit, ok := s.Claim(a)
		if !ok || permit.Grant.Request != s.id {
			t.Fatal("it is not given out")
		}
		s.Release(permit.Grant.ID)
		if _, ok := s.Claim(a); ok {
			t.Error("one confirmation is used twice")
		}
		s.try(t.Context(), a, p)
		confirms(s)
		time.Sleep(elevation.ConfirmTime + time.Second)
		if _, ok := s.Claim(a); ok {
			t.Error("an old confirmation counts")
		}
	})
}

// TestHeldIsNotAskedAtADesktop: a program that is held for a moment does not wait
// for a dialog.
func TestHeldIsNotAskedAtADesktop(t *testing.T) {
	d := newDesk(t, t.TempDir())
	defer d.Sits("1001")()
	a := attempt()
	done := d.elevate(t.Context(), intercept.Ask{Attempt: a}, &intercept.Later{Attempt: a, Tell: func(string) {}, Held: true})
	m := next[wire.Attempt](d)
	d.answer(wire.TDecision, d.grantFor(m.Request, m.Attempt, func(g *elevation.Grant) { g.Confirm = elevation.ConfirmPassword }))
	if r := <-done; r.err == nil || !strings.Contains(r.err.Error(), "use sudo or assent run at a terminal") {
		t.Errorf("got %+v", r)
	}
}
