package privilege

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/windows"
)

// realNursery is a program in a job.
type realNursery struct {
	trees *Trees
	run   *Running
	dir   string
	in    *os.File
	out   *bufio.Scanner
	first bool // its births are asked for the first time
}

func newReal(t *testing.T) *realNursery {
	t.Helper()
	dir := t.TempDir()
	s, out := program(t, dir, "starter")
	_ = s.Files[0].Close() // nothing was read of it
	read, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	s.Files[0], s.Follow = read, true
	n := &realNursery{trees: here(t, dir), dir: dir, in: in, out: bufio.NewScanner(out), first: true}
	raw, err := os.ReadFile(s.Path)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range n.programs() {
		if err := os.WriteFile(path, raw, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if n.run, err = n.trees.Start(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.trees.End(t.Context(), n.run.Tree, 0); err != nil {
			t.Error(err)
		}
		_ = in.Close()
	})
	return n
}

func (n *realNursery) programs() [3]string {
	return [3]string{filepath.Join(n.dir, "a.exe"), filepath.Join(n.dir, "b.exe"), filepath.Join(n.dir, "c.exe")}
}

func (n *realNursery) births(t *testing.T) *Births {
	t.Helper()
	if n.first {
		n.first = false
		return n.run.Births
	}
	dead := n.run.Births.os.(jobNews).port.(jobPort) // of an agent that died: the job was not told of that
	closeHandles([]windows.Handle{dead.port, dead.job})
	b, err := n.trees.Births(n.run.Tree)
	if errors.Is(err, windows.ERROR_INVALID_PARAMETER) {
		t.Skipf("Wine gives a job one port for its life: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (n *realNursery) start(t *testing.T, how, program string) {
	t.Helper()
	if _, err := fmt.Fprintln(n.in, how, program); err != nil {
		t.Fatal(err)
	}
	if n.out.Scan(); n.out.Text() != "started <nil>" {
		t.Fatalf("%s %s: %q", how, program, n.out.Text())
	}
}

func (n *realNursery) stay(t *testing.T, program string)  { n.start(t, "stay", program) }
func (n *realNursery) brief(t *testing.T, program string) { n.start(t, "brief", program) }

func TestContractOfBirthsByJobs(t *testing.T) {
	t.Run("births", func(t *testing.T) { contractOfBirths(t, newReal(t)) })
	t.Run("gone", func(t *testing.T) { contractOfGone(t, newReal(t)) })
	t.Run("restart", func(t *testing.T) { contractOfRestart(t, newReal(t)) })
}

// What is not in the job is not named, though it runs.
func TestStrangersAreNotNamed(t *testing.T) {
	n := newReal(t)
	if got, err := n.run.Births.os.look(os.Getpid()); err == nil {
		t.Errorf("this process is %+v in it", got)
	}
	if got, err := n.run.Births.os.look(n.run.PID); err != nil || got.started != n.run.Tree.Started || filepath.Base(got.path) != "program.exe" {
		t.Errorf("the first is %+v, %v", got, err)
	}
	if _, err := n.trees.Births(TreeRef{Kind: TreeJob, Name: "assent-winetest-none"}); err == nil {
		t.Error("a job that is not there tells")
	}
	n.run.Births.Close()
}
