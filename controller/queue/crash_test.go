package queue

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// The child of TestKill is this test binary again; the variable tells it where
// the database is and where to die.
const crashVar = "ASSENT_TEST_CRASH"

func TestMain(m *testing.M) {
	if spec := os.Getenv(crashVar); spec != "" {
		path, point, _ := strings.Cut(spec, "|")
		crashChild(path, point)
		return
	}
	os.Exit(m.Run())
}

// crashChild makes requests from several goroutines, prints each id after its
// acknowledgement, and is killed by itself at the point, in the middle of it.
func crashChild(path, point string) {
	var commits atomic.Int64
	t := &childT{}
	b := newBedAt(t, path, approveID, func(at string) error {
		if at == point && commits.Add(1) > 20 {
			if self, err := os.FindProcess(os.Getpid()); err == nil {
				self.Kill()
			}
			select {}
		}
		return nil
	})
	b.people()
	var out sync.Mutex
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for {
				in := attempt("x")
				a, err := b.Draft(context.Background(), ep, in)
				if err != nil || !a.Decided {
					t.Fatal(a, err)
				}
				out.Lock()
				fmt.Println(in.Request)
				out.Unlock()
			}
		})
	}
	wg.Wait()
}

// childT is what a bed needs of a test, outside of one.
type childT struct{ testing.TB }

func (*childT) Helper()        {}
func (*childT) Cleanup(func()) {}
func (*childT) Fatal(a ...any) { fmt.Fprintln(os.Stderr, a...); os.Exit(3) }

// Killed at any step of a commit: what was acknowledged is there, whole, and
// nothing is there in part.
func TestKill(t *testing.T) {
	for _, point := range []string{store.FailBeforeCommit, store.FailAfterCommit} {
		t.Run(point, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "assent.db")
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, os.Args[0])
			cmd.Env = append(os.Environ(), crashVar+"="+path+"|"+point)
			cmd.Stderr = os.Stderr
			pipe, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			var acknowledged []elevation.RequestID
			for lines := bufio.NewScanner(pipe); lines.Scan(); {
				acknowledged = append(acknowledged, elevation.RequestID(lines.Text()))
			}
			err = cmd.Wait()
			if err == nil || cmd.ProcessState.ExitCode() == 3 || ctx.Err() != nil {
				t.Fatalf("the child was not killed: %v", err)
			}
			if len(acknowledged) < 10 {
				t.Fatalf("only %d acknowledged before the kill", len(acknowledged))
			}
			checkWhole(t, path, acknowledged)
		})
	}
}

// checkWhole opens what a killed controller left and compares it with itself.
func checkWhole(t *testing.T, path string, acknowledged []elevation.RequestID) {
	b := newBedAt(t, path, approveID, nil)
	for _, id := range acknowledged {
		if kinds := b.kinds(id); len(kinds) != 2 {
			t.Fatalf("%s was acknowledged and has the events %v", id, kinds)
		}
	}
	decided := map[elevation.RequestID]bool{}
	for i, f := range b.frames() {
		if f.Seq != uint64(i+1) {
			t.Fatalf("frame %d has number %d", i+1, f.Seq)
		}
		decided[body[wire.Decision](t, f).Request] = true
	}
	b.must(b.store.View(context.Background(), func(tx *store.Tx) error {
		n, err := tx.Counts(store.RequestFilter{List: store.ListTeam})
		if err != nil {
			return err
		}
		if n[elevation.StateAvailable] != len(decided) || len(decided) < len(acknowledged) {
			t.Errorf("%v requests, %d frames, %d acknowledged", n, len(decided), len(acknowledged))
		}
		for id := range decided {
			r, err := tx.Request(id)
			if err != nil {
				return err
			}
			if g, err := tx.GrantOf(id); err != nil || g.ID != r.Grant.ID || len(g.Raw) == 0 {
				t.Errorf("%s has no grant: %v", id, err)
			}
		}
		return nil
	}))
	rows, err := b.store.AuditWaiting(context.Background(), 100_000)
	b.must(err)
	if want := 1 + 2*len(decided); len(rows) != want { // one for the accounts
		t.Errorf("%d audit events, want %d", len(rows), want)
	}
	if a, err := b.Draft(context.Background(), ep, attempt("y")); err != nil || !a.Decided {
		t.Errorf("after the restart: %+v %v", a, err)
	}
}
