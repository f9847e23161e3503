package grants

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/assent-epm/assent/e2e/machine"
)

func TestMain(m *testing.M) {
	if err := machine.Stage(); err != nil {
		fmt.Fprintln(os.Stderr, "stage:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// The tests that end something again, in a real system with systemd.
func TestInsideSystemd(t *testing.T) {
	got := machine.Inside(t, "Timer|Reap|Watch")
	if got.Code != 0 || !strings.Contains(got.Stdout, "PASS: TestATimerComesInTime") {
		t.Error(got)
	}
}

// systemd runs the reaper at the end of a grant, with nobody's help: by the
// time since boot when the wall clock was set back, and by the wall clock.
func TestATimerComesInTime(t *testing.T) {
	if _, err := os.Stat("/run/systemd/system"); err != nil {
		t.Skip("it needs systemd; TestInsideSystemd runs it on a machine that has it")
	}
	for name, move := range map[string]func(*Deadline){
		"by both clocks":         func(*Deadline) {},
		"by the time since boot": func(d *Deadline) { d.Wall = d.Wall.Add(time.Hour) },
		"by the wall clock":      func(d *Deadline) { d.Boot += time.Hour },
	} {
		t.Run(name, func(t *testing.T) {
			fifo := filepath.Join(t.TempDir(), "told")
			if err := unix.Mkfifo(fifo, 0o600); err != nil {
				t.Fatal(err)
			}
			e, begin := armed(Effect{}), time.Now()
			e.EndBy = SystemClock().After(500 * time.Millisecond)
			move(&e.EndBy)
			timers := Timers{Realm: "test", Clock: SystemClock, Command: []string{"/bin/sh", "-c", "echo \"$1\" >" + fifo, "sh", "it is time"}}
			if err := timers.Schedule(t.Context(), e); err != nil {
				t.Fatal(err)
			}
			f, err := os.Open(fifo) // waits for the writer
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if text, err := io.ReadAll(f); err != nil || string(text) != "it is time\n" {
				t.Errorf("%q, %v", text, err)
			}
			if took := time.Since(begin); took < 400*time.Millisecond || took > 20*time.Second { // a timer of no accuracy comes within a minute
				t.Errorf("it came after %v", took)
			}
		})
	}
}
