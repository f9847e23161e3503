package agent

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

func (d *desk) refusedWith(text string) {
	d.t.Helper()
	var refused *intercept.Refused
	if r := <-d.elevate(d.t.Context(), intercept.Ask{Attempt: attempt()}, &person{}); !errors.As(r.err, &refused) || !strings.Contains(refused.Text, text) {
		d.t.Fatalf("got %+v, want a refusal with %q", r, text)
	}
}

// TestLockHoldsOverARestart: nobody needs the controller to be kept out, and only
// the controller's word lets them in again.
func TestLockHoldsOverARestart(t *testing.T) {
	dir := t.TempDir()
	d := newDesk(t, dir)
	d.answer(wire.TLock, wire.Lock{Locked: true, Text: "stolen"})
	d.Close()
	d = newDesk(t, dir)
	d.down = true
	d.refusedWith("stolen")
	d.About = func() local.Status { return local.Status{} }
	if got := d.Status(alice).Locked; got != "stolen" {
		t.Errorf("the status says %q", got)
	}
	d.answer(wire.TLock, wire.Lock{})
	d.Close()
	if got := newDesk(t, dir).lockedBy(); got != "" {
		t.Errorf("after the unlock: %q", got)
	}
}

func TestDamagedLockStaysLocked(t *testing.T) {
	dir := t.TempDir()
	d := newDesk(t, dir)
	d.answer(wire.TLock, wire.Lock{})
	d.Close()
	path := filepath.Join(dir, lockFile)
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][]byte{"empty": {}, "torn": raw[:len(raw)/2], "changed": append(append([]byte{}, raw[:len(raw)-1]...), raw[len(raw)-1]^1)} {
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		d := newDesk(t, dir)
		d.refusedWith("counts as locked")
		d.Close()
		t.Log(name)
	}
	d = newDesk(t, dir)
	d.answer(wire.TLock, wire.Lock{})
	if got := d.lockedBy(); got != "" {
		t.Errorf("the controller's word does not mend it: %q", got)
	}
}

// TestLockOfAnEarlierEnrolment: a machine that was enrolled anew is another one.
func TestLockOfAnEarlierEnrolment(t *testing.T) {
	dir := t.TempDir()
	d := newDesk(t, dir)
	d.answer(wire.TLock, wire.Lock{Locked: true})
	d.Close()
	d.Cluster = "other"
	d.locked = ""
	d.loadLock()
	if d.locked != "" {
		t.Errorf("locked: %q", d.locked)
	}
}

// TestLockStopsWhatIsOnItsWay: a grant that comes late is refused, and a permit
// that was given out before is not armed.
func TestLockStopsWhatIsOnItsWay(t *testing.T) {
	d := newDesk(t, t.TempDir())
	done := d.elevate(t.Context(), intercept.Ask{Attempt: attempt()}, &person{})
	m := next[wire.Attempt](d)
	d.answer(wire.TDecision, d.grantFor(m.Request, m.Attempt, nil))
	permit := (<-done).permit
	other := attempt()
	other.Subject.Args = []string{"another"}
	done = d.elevate(t.Context(), intercept.Ask{Attempt: other}, &person{})
	m = next[wire.Attempt](d)
	d.answer(wire.TLock, wire.Lock{Locked: true, Text: "stolen"})
	if err := d.Arm(t.Context(), permit, "", os.Getpid()); err == nil || !strings.Contains(err.Error(), "locked") {
		t.Errorf("armed: %v", err)
	}
	d.answer(wire.TDecision, d.grantFor(m.Request, m.Attempt, nil))
	if r := <-done; r.err == nil {
		t.Errorf("got %+v", r.permit)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if last := d.reps[len(d.reps)-1]; last.Kind != elevation.ReportEnded || last.Reason != elevation.Failed {
		t.Errorf("reported %+v", last)
	}
}
