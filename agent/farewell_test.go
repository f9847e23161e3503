package agent

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/shared/wire"
)

// TestFarewell: where Assent is removed, nobody is told that their request is kept:
// it is withdrawn, and the journal joins nothing again.
func TestFarewell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, t.TempDir())
		d.Farewell(t.Context()) // nobody waits
		done := d.elevate(t.Context(), intercept.Ask{Attempt: attempt()}, &person{reason: "long enough"})
		m := next[wire.Attempt](d)
		d.answer(wire.TNeed, wire.Need{Request: m.Request, ReasonMin: 8})
		next[wire.Complete](d)
		d.answer(wire.TProgress, wire.Progress{Request: m.Request})
		synctest.Wait()
		d.Farewell(t.Context())
		if r := <-done; !errors.Is(r.err, intercept.ErrRemoved) {
			t.Errorf("got %+v", r)
		}
		if w := next[wire.Withdraw](d); w.Request != m.Request {
			t.Errorf("withdrew %s", w.Request)
		}
		if _, waits := d.journal.waitingSame(attempt()); waits {
			t.Error("it still waits in the journal")
		}
		d.Close()
	})
}
