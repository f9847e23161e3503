//go:build linux || windows || darwin

package privilege

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
)

func newGrant() string { return string(elevation.NewGrantID(time.Now())) }

// playsPart makes this program one of the processes of [contract]. A parent has a
// child of its own and says both numbers; both live until they are ended.
func playsPart(args []string) bool {
	if len(args) != 2 {
		return false
	}
	switch args[1] {
	case "part-parent":
		bufio.NewScanner(os.Stdin).Scan() // it is contained now
		child := exec.Command(args[0], "part-child")
		if err := child.Start(); err != nil {
			fmt.Println(err)
			return true
		}
		fmt.Println("ready", child.Process.Pid)
		<-time.After(time.Minute)
	case "part-child":
		<-time.After(time.Minute)
	default:
		return false
	}
	return true
}

// home is where trees are, with processes: a machine, or a village.
type home struct {
	*Trees
	self int
	// family starts a parent and puts it into a tree of its own, with its child. ended
	// is closed once the parent has ended.
	family func(t *testing.T, trees *Trees, name string) (ref TreeRef, ended <-chan struct{})
}

func onThisMachine(trees *Trees) home { return home{trees, os.Getpid(), family} }

func family(t *testing.T, trees *Trees, name string) (ref TreeRef, ended <-chan struct{}) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "part-parent")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if ref, err = trees.Adopt(t.Context(), name, 1000, cmd.Process.Pid, time.Minute); err != nil {
		cmd.Process.Kill()
		t.Fatal(err)
	}
	if _, err := in.Write([]byte("go\n")); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewScanner(out)
	said.Scan()
	var child int
	if _, err := fmt.Sscanf(said.Text(), "ready %d", &child); err != nil {
		t.Fatalf("the parent said %q", said.Text())
	}
	for _, pid := range []int{cmd.Process.Pid, child} {
		if in, err := trees.Holds(ref, pid); !in || err != nil {
			t.Errorf("process %d is in the tree: %v, %v", pid, in, err)
		}
	}
	gone := make(chan struct{})
	go func() {
		_ = cmd.Wait() // it is ended by force
		close(gone)
	}()
	return ref, gone
}

// contract is what trees do on every system, by whatever they are held together.
func contract(t *testing.T, trees home) {
	name := newGrant()
	plan, err := trees.Plan(name, 1000)
	if err != nil {
		t.Fatal(err)
	}
	if alive, err := trees.Alive(plan); alive || err != nil {
		t.Errorf("a planned tree is alive: %v, %v", alive, err)
	}
	if err := trees.End(t.Context(), plan, 0); err != nil {
		t.Errorf("end a tree that was never made: %v", err)
	}
	ref, ended := trees.family(t, trees.Trees, name)
	if alive, err := trees.Alive(ref); !alive || err != nil {
		t.Errorf("alive: %v, %v", alive, err)
	}
	if in, err := trees.Holds(ref, trees.self); in || err != nil {
		t.Errorf("this process is in the tree: %v, %v", in, err)
	}
	short, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if err := trees.Gone(short, ref); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("gone while it lives: %v", err)
	}
	found, err := trees.List()
	if err != nil || len(found) != 1 || trees.NameOf(found[0]) != name {
		t.Errorf("list: %+v, %v", found, err)
	}
	if err := trees.End(t.Context(), plan, 10*time.Millisecond); err != nil { // by the plan alone
		t.Errorf("end: %v", err)
	}
	<-ended
	if err := trees.Gone(t.Context(), ref); err != nil {
		t.Errorf("gone: %v", err)
	}
	if err := trees.End(t.Context(), ref, 0); err != nil {
		t.Errorf("end it again: %v", err)
	}
	if found, err := trees.List(); err != nil || len(found) != 0 {
		t.Errorf("left: %+v, %v", found, err)
	}
	if alive, err := trees.Alive(ref); alive || err != nil {
		t.Errorf("an ended tree is alive: %v, %v", alive, err)
	}
	if _, err := trees.Alive(TreeRef{}); err == nil {
		t.Error("nothing is looked at")
	}
}
