package agent

import (
	"testing"

	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// A program inside an approved one uses its permit up, stands on the outer
// request, and starts only while the outer one is in force.
func TestNestedPermits(t *testing.T) {
	d := newDesk(t, t.TempDir())
	permit := func(path string) intercept.Permit {
		t.Helper()
		a := attempt()
		a.Subject.Path = path
		done := d.elevate(t.Context(), intercept.Ask{Attempt: a, RulesOnly: true}, &person{err: intercept.ErrNobody})
		m := next[wire.Attempt](d)
		d.answer(wire.TDecision, d.grantFor(m.Request, m.Attempt, nil))
		r := <-done
		if r.err != nil {
			t.Fatal(r.err)
		}
		return r.permit
	}
	outer := permit("/usr/bin/dash")
	inner := permit("/usr/bin/id")
	if err := d.Nested(t.Context(), outer.Grant.ID, inner); err == nil {
		t.Fatal("it starts inside of what does not run")
	}
	inner = permit("/usr/bin/ls")
	e, _, err := d.arm(t.Context(), outer, func(*grants.Entry) {})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Start(t.Context(), e.ID); err != nil {
		t.Fatal(err)
	}
	if err := d.Nested(t.Context(), outer.Grant.ID, inner); err != nil {
		t.Fatal(err)
	}
	if got, ok := d.Ledger.Get(inner.Grant.ID); !ok || got.State != grants.Ended || got.EndReason != elevation.Completed {
		t.Errorf("the permit is %+v", got)
	}
	if err := d.Nested(t.Context(), outer.Grant.ID, inner); err == nil {
		t.Error("one permit starts two programs")
	}
	d.Listed(outer.Grant.ID, elevation.Subject{Path: "/usr/bin/touch"}, "no rule approves it")
	d.mu.Lock()
	var listed []wire.Report
	for _, r := range d.reps {
		if r.Kind == elevation.ReportListed {
			listed = append(listed, r)
		}
	}
	d.mu.Unlock()
	if len(listed) != 2 || listed[0].Grant != outer.Grant.ID || listed[0].Subject.Path != "/usr/bin/ls" || listed[0].Failed ||
		listed[1].Subject.Path != "/usr/bin/touch" || !listed[1].Failed {
		t.Errorf("listed %+v", listed)
	}
	last := permit("/usr/bin/env")
	if err := d.end(t.Context(), outer.Grant.ID, elevation.RevokedEnd); err != nil {
		t.Fatal(err)
	}
	if err := d.Nested(t.Context(), outer.Grant.ID, last); err == nil {
		t.Error("it starts after the end")
	}
}

// What assent run can not hold to the rules it does not run; the approval stays.
func TestContainedIsForSudo(t *testing.T) {
	d := newDesk(t, t.TempDir())
	done := d.elevate(t.Context(), intercept.Ask{Attempt: attempt()}, &person{err: intercept.ErrNobody})
	m := next[wire.Attempt](d)
	d.answer(wire.TDecision, d.grantFor(m.Request, m.Attempt, func(g *elevation.Grant) { g.Children = elevation.ChildrenContain }))
	r := <-done
	if r.err != nil {
		t.Fatal(r.err)
	}
	if _, err := d.Run(t.Context(), r.permit, privilege.Spec{}, nil); err == nil {
		t.Fatal("it ran")
	}
	if e, ok := d.Ledger.Get(r.permit.Grant.ID); !ok || e.State != grants.Held || e.Used {
		t.Errorf("the approval is %+v", e)
	}
	if _, ok := d.claim(r.permit.Grant.ID); !ok {
		t.Error("sudo can not use it")
	}
}
