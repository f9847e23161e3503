package agent

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// atDesktop is an attempt without a terminal whose person has a desktop; it gives
// the request for which a reason is wanted.
func (d *desk) atDesktop(t *testing.T, ctx context.Context, p *person, need wire.Need) (<-chan result, elevation.RequestID) {
	t.Helper()
	watch, stop, err := d.Watch("1001")
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	p.err = intercept.ErrNobody
	done := d.elevate(ctx, intercept.Ask{Attempt: attempt()}, p)
	m := next[wire.Attempt](d)
	need.Request = m.Request
	d.answer(wire.TNeed, need)
	if n := <-watch; n.Request != m.Request || n.Kind != "reason" {
		t.Fatalf("told %+v", n)
	}
	return done, m.Request
}

// TestReasonFromTheDesktop: whoever can not be asked where it happens is asked at
// their desktop, and the held attempt goes on with their answer.
func TestReasonFromTheDesktop(t *testing.T) {
	d, p := newDesk(t, t.TempDir()), &person{}
	gone := d.Sits("1001")
	defer gone()
	done, id := d.atDesktop(t, t.Context(), p, wire.Need{ReasonMin: 8, Presets: []string{"Planned maintenance"}, Ticket: "OPS-[0-9]+", GoesTo: []string{"Desk"}})
	it, err := d.View("1001", id)
	if err != nil || it.Wants == nil || it.Wants.Reason != 8 || it.Wants.Ticket != "OPS-[0-9]+" || !slices.Equal(it.Wants.Presets, []string{"Planned maintenance"}) {
		t.Fatalf("it wants %+v, %v", it.Wants, err)
	}
	if err := d.Answer("1002", id, "a long reason"); !errors.Is(err, local.ErrNotFound) {
		t.Errorf("others answer it: %v", err)
	}
	if err := d.Answer("1001", id, "printer driver"); err != nil {
		t.Fatal(err)
	}
	if it, err = d.View("1001", id); err != nil || it.Wants == nil || it.Wants.Reason != 0 || it.Wants.Ticket == "" {
		t.Errorf("then it wants %+v, %v", it.Wants, err)
	}
	watch, stop, err := d.Watch("1001")
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	go d.Answer("1001", id, "OPS-7")
	if n := <-watch; n.Kind != "settled" || n.Request != id {
		t.Errorf("other desktops are told %+v", n)
	}
	if c := next[wire.Complete](d); c.Request != id || c.Justification != "printer driver" || c.Ticket != "OPS-7" {
		t.Errorf("completed %+v", c)
	}
	d.answer(wire.TAccepted, wire.Accepted{Request: id})
	d.answer(wire.TDecision, d.grantFor(id, attempt(), nil))
	if r := <-done; r.err != nil {
		t.Error(r.err)
	}
	if !slices.Contains(p.said, "The reason is asked for on your desktop.") {
		t.Errorf("said %q", p.said)
	}
}

// TestNoDesktop: without one, after it is gone, and for others' it ends as ever.
func TestNoDesktop(t *testing.T) {
	for name, sit := range map[string]func(d *desk){
		"never one":  func(*desk) {},
		"gone":       func(d *desk) { d.Sits("1001")() },
		"of another": func(d *desk) { d.Sits("1002") },
	} {
		t.Run(name, func(t *testing.T) {
			d, p := newDesk(t, t.TempDir()), &person{err: intercept.ErrNobody}
			sit(d)
			done := d.elevate(t.Context(), intercept.Ask{Attempt: attempt()}, p)
			m := next[wire.Attempt](d)
			d.answer(wire.TNeed, wire.Need{Request: m.Request, ReasonMin: 8})
			if r := <-done; !errors.Is(r.err, intercept.ErrNobody) || len(p.said) > 0 {
				t.Errorf("%v, said %q", r.err, p.said)
			}
		})
	}
}

// TestDesktopDoesNotAnswer: it ends as without a desktop, and so does the
// question; who takes it back is believed.
func TestDesktopDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, p := newDesk(t, t.TempDir()), &person{}
		defer d.Sits("1001")()
		began := time.Now()
		done, id := d.atDesktop(t, t.Context(), p, wire.Need{ReasonMin: 8})
		if r := <-done; !errors.Is(r.err, intercept.ErrNobody) || time.Since(began) != desktopWithin {
			t.Errorf("%v after %v", r.err, time.Since(began))
		}
		if _, err := d.View("1001", id); !errors.Is(err, local.ErrNotFound) {
			t.Errorf("it can still be answered: %v", err)
		}
		next[wire.Withdraw](d)
		done, id = d.atDesktop(t, t.Context(), p, wire.Need{ReasonMin: 8})
		if err := d.Cancel("1001", id); err != nil {
			t.Error(err)
		}
		if r := <-done; !errors.Is(r.err, intercept.ErrWithdrawn) {
			t.Errorf("taken back: %v", r.err)
		}
		next[wire.Withdraw](d)
		ctx, leave := context.WithCancel(t.Context())
		done, id = d.atDesktop(t, ctx, p, wire.Need{ReasonMin: 8})
		leave()
		<-done
		if _, err := d.View("1001", id); !errors.Is(err, local.ErrNotFound) {
			t.Errorf("sudo is gone, the question is not: %v", err)
		}
	})
}
