package agent

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/e2e/testgroup"
	"github.com/assent-epm/assent/shared/elevation"
)

// asleep is a process of the test; end ends it.
func asleep(t *testing.T, env ...string) (pid int, started uint64, end func()) {
	t.Helper()
	cmd := exec.Command("/bin/sleep", "300")
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	end = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	t.Cleanup(end)
	started, err := privilege.Started(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	return cmd.Process.Pid, started, end
}

// TestBackBeforeItsTerminal: a terminal goes away while sudo's monitor is still
// about to end. Where sudo itself was back before, that is no hang-up; where it
// was not, it is one. Under load a scene saw "logout" for a sudo that was done.
func TestBackBeforeItsTerminal(t *testing.T) {
	testgroup.Need(t, "root")
	d := newDesk(t, t.TempDir())
	leader, began, logout := asleep(t)
	seat := &privilege.Seat{Leader: leader, Started: began, TTY: 34816}
	entry := func(name string) (grants.Entry, func()) {
		front, started, end := asleep(t)
		asleep(t, "ASSENT_TREE="+name) // the monitor
		return grants.Entry{ID: elevation.GrantID("gr_" + name), Effect: grants.Effect{Seat: seat,
			Tree: privilege.TreeRef{Kind: privilege.TreeSessions, Name: name, PID: front, Started: started, Front: true}}}, end
	}
	back, end := entry("assent-test-back")
	end()
	waits, _ := entry("assent-test-waits")
	for _, e := range []grants.Entry{back, waits} {
		if alive, err := d.Trees.Alive(e.Effect.Tree); err != nil || !alive {
			t.Fatalf("the tree of %s: %v %v", e.ID, alive, err)
		}
	}
	wasBack, done := d.watchHangup(back)
	defer done()
	isHungUp, done2 := d.watchHangup(waits)
	defer done2()
	if wasBack() || isHungUp() {
		t.Fatal("the terminal is there")
	}
	logout()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.After(20 * time.Second)
	for !isHungUp() {
		select {
		case <-late:
			t.Fatal("a terminal that is gone is not noticed")
		case <-tick.C:
		}
	}
	for range 20 { // the other one looks at the same time
		if wasBack() {
			t.Fatal("sudo was back before its terminal went away, and counts as hung up")
		}
		<-tick.C
	}
}

// What a shell left running ends with its terminal, also where the hang-up took sudo a
// moment before the login shell. What it left when it was over long before goes on, and
// what a program left.
func TestLeftByAShell(t *testing.T) {
	testgroup.Need(t, "root")
	for name, row := range map[string]struct {
		marks  []string
		before time.Duration // how long sudo is back then
		want   elevation.EndReason
	}{
		"shell":       {[]string{elevation.MarkShell}, 0, elevation.Logout},
		"long before": {[]string{elevation.MarkShell}, 2 * shellGrace, ""},
		"program":     {nil, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, t.TempDir())
			at := attempt()
			at.Subject.Marks = row.marks
			e := d.started(at)
			leader, began, logout := asleep(t)
			sudo, started, back := asleep(t)
			tree := "assent-test-left-" + name[:4]
			asleep(t, "ASSENT_TREE="+tree)
			e.Effect = grants.Effect{Seat: &privilege.Seat{Leader: leader, Started: began, TTY: 34816},
				Tree: privilege.TreeRef{Kind: privilege.TreeSessions, Name: tree, PID: sudo, Started: started, Front: true}}
			hungUp, done := d.watchHangup(e)
			defer done()
			back()
			<-time.After(row.before)
			logout()
			<-time.After(3 * shellGrace)
			if got, _ := d.Ledger.Get(e.ID); got.EndReason != row.want || hungUp() {
				t.Errorf("it is %s, ended as %q, hung up %v", got.State, got.EndReason, hungUp())
			}
		})
	}
}
