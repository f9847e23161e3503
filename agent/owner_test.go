package agent

import (
	"io"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// TestAnotherIdentityRevokesAll: E 37. A machine that was enrolled anew keeps nothing
// of what its former controller granted, used or not.
func TestAnotherIdentityRevokesAll(t *testing.T) {
	d := newDesk(t, t.TempDir())
	done := d.elevate(t.Context(), intercept.Ask{Attempt: attempt()}, &person{err: intercept.ErrNobody})
	m := next[wire.Attempt](d)
	d.answer(wire.TDecision, d.grantFor(m.Request, m.Attempt, nil))
	r := <-done
	if r.err != nil {
		t.Fatal(r.err)
	}
	d.unclaim(r.permit.Grant.ID)
	d.Close()
	same := newDesk(t, d.dir)
	if e, ok := same.Ledger.Get(r.permit.Grant.ID); !ok || e.State != grants.Held {
		t.Fatalf("the same identity has lost it: %+v", e)
	}
	same.Close()
	ledger, err := grants.Open(filepath.Join(d.dir, "grants"))
	if err != nil {
		t.Fatal(err)
	}
	trees, err := privilege.NewTrees(privilege.Config{Realm: privilege.Realm(d.dir), Kinds: []privilege.TreeKind{privilege.TreeSessions}})
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(t.Context(), Config{Data: d.dir, Cluster: "c", Endpoint: "ep_2", Conn: same, Ledger: ledger, Trees: trees, Clock: clock,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if e, _ := a.Ledger.Get(r.permit.Grant.ID); e.State != grants.Ended || e.EndReason != elevation.RevokedEnd {
		t.Errorf("it is %s, %s", e.State, e.EndReason)
	}
	if _, ok := a.claimWaiting(attempt()); ok {
		t.Error("it can still be used")
	}
}
