package agent

import (
	"context"
	"testing"
	"time"

	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// started is a grant for an attempt that a rule approves, in use.
func (d *desk) started(a elevation.Attempt) grants.Entry {
	d.t.Helper()
	done := d.elevate(d.t.Context(), intercept.Ask{Attempt: a, RulesOnly: true}, &person{err: intercept.ErrNobody})
	m := next[wire.Attempt](d)
	d.answer(wire.TDecision, d.grantFor(m.Request, m.Attempt, nil))
	r := <-done
	if r.err != nil {
		d.t.Fatal(r.err)
	}
	e, _, err := d.arm(d.t.Context(), r.permit, func(*grants.Entry) {})
	if err == nil {
		err = d.Start(d.t.Context(), e.ID)
	}
	if err != nil {
		d.t.Fatal(err)
	}
	return e
}

// A shell whose terminal is gone ends after a moment, whatever it left running. A
// single program goes on, and so does a shell when the agent stops meanwhile.
func TestShellEndsWithItsTerminal(t *testing.T) {
	for name, row := range map[string]struct {
		marks []string
		stops bool
		want  elevation.EndReason
	}{
		"a shell":                 {[]string{elevation.MarkShell}, false, elevation.Logout},
		"a program":               {nil, false, ""},
		"an agent that stops":     {[]string{elevation.MarkShell}, true, ""},
		"what can start anything": {[]string{elevation.MarkUnbounded}, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, t.TempDir())
			a := attempt()
			a.Subject.Marks = row.marks
			e := d.started(a)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if row.stops {
				cancel()
			}
			begun := time.Now()
			d.endShell(ctx, e)
			got, ok := d.Ledger.Get(e.ID)
			switch {
			case !ok:
				t.Fatal("the ledger does not know it")
			case got.EndReason != row.want || (got.State == grants.Ended) != (row.want != ""):
				t.Errorf("it is %s, ended as %q", got.State, got.EndReason)
			case row.want != "" && time.Since(begun) < shellGrace:
				t.Errorf("it had %v to end by itself", time.Since(begun))
			}
		})
	}
}
