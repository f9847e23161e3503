package grants

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/assent-epm/assent/e2e/machine"
	"github.com/assent-epm/assent/e2e/testgroup"
)

// insideEnv is set when these tests run inside a machine with systemd.
const insideEnv = "ASSENT_TEST_INSIDE"

func TestMain(m *testing.M) {
	if err := machine.Stage(); err != nil {
		fmt.Fprintln(os.Stderr, "stage:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// The tests that end something again, in a real system with systemd.
func TestInsideSystemd(t *testing.T) {
	if os.Getenv(insideEnv) != "" {
		t.Skip("already inside")
	}
	testgroup.Need(t, "nspawn")
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	lab, err := machine.New(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lab.Close(); err != nil {
			t.Error(err)
		}
	})
	machines, err := lab.Boot(ctx, "desk")
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	const inside = "/opt/grants.test"
	if err := machines[0].Write(inside, self, 0o755); err != nil {
		t.Fatal(err)
	}
	got, err := machines[0].Exec(ctx, "/usr/bin/env", insideEnv+"=1", inside, "-test.v", "-test.run=Timer|Reap|Watch")
	if err != nil {
		t.Fatal(err)
	}
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
			e := armed(Effect{})
			e.EndBy = SystemClock().After(500 * time.Millisecond)
			move(&e.EndBy)
			timers := Timers{Realm: "test", Clock: SystemClock, Command: []string{"/bin/sh", "-c", "echo \"$1\" >" + fifo, "sh", "it is time"}}
			begin := time.Now()
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
			if took := time.Since(begin); took < 400*time.Millisecond || took > 4*time.Second {
				t.Errorf("it came after %v", took)
			}
		})
	}
}
