package privilege

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/assent-epm/assent/e2e/testgroup"
)

// kindsHere makes Trees of every kind that this machine has.
func kindsHere(t *testing.T) map[TreeKind]*Trees {
	t.Helper()
	testgroup.Need(t, "root")
	found := map[TreeKind]*Trees{}
	for _, k := range []TreeKind{TreeScope, TreeCgroup2, TreeCgroup1, TreeSessions} {
		trees, err := NewTrees(Config{Realm: Realm(t.TempDir()), Kinds: []TreeKind{k}})
		if err != nil {
			t.Logf("no %s here: %v", k, err)
			continue
		}
		t.Cleanup(func() {
			for _, root := range []string{trees.os.cg.v2, trees.os.cg.v1} {
				if root != "" {
					_ = os.Remove(filepath.Join(root, trees.os.base()))
				}
			}
			trees.Close()
		})
		found[k] = trees
	}
	return found
}

// forest starts a shell that leaves children behind in every way that a
// program has to hide them, and returns when all of them run.
func forest(t *testing.T, mark string) *exec.Cmd {
	t.Helper()
	script := `sleep 300 & setsid sleep 300 & (setsid sh -c 'sleep 300 & echo hidden; sleep 300' &)
nohup sh -c 'trap "" TERM HUP; echo deaf; sleep 300; sleep 300' & echo ready; wait; sleep 300`
	cmd := exec.Command("/bin/sh", "-c", script)
	cmd.Env = []string{"PATH=/usr/bin:/bin", treeMark + "=" + mark}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	held, release, err := os.Pipe() // the shell starts when it is in its tree
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdin = held
	cmd.Args[2] = "read go; " + script
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	held.Close()
	t.Cleanup(func() { release.Close() })
	cmd.Cancel = func() error { // used to let it go
		_, err := release.WriteString("go\n")
		lines := bufio.NewScanner(out)
		for n := 0; n < 3 && lines.Scan(); n++ {
		}
		return err
	}
	return cmd
}

func TestEndEndsEverythingThatWasStarted(t *testing.T) {
	for kind, trees := range kindsHere(t) {
		t.Run(string(kind), func(t *testing.T) {
			name := newGrant()
			plan, err := trees.Plan(name, 1000)
			if err != nil {
				t.Fatal(err)
			}
			cmd := forest(t, plan.Name)
			ref, err := trees.put(t.Context(), name, 1000, cmd.Process.Pid, time.Minute, false)
			if err != nil {
				t.Fatal(err)
			}
			go cmd.Wait()
			if err := cmd.Cancel(); err != nil {
				t.Fatal(err)
			}
			pids, err := trees.os.members(ref)
			if err != nil || len(pids) < 6 {
				t.Fatalf("members %v, %v; want the whole forest", pids, err)
			}
			if err := trees.End(t.Context(), ref, 50*time.Millisecond); err != nil {
				t.Fatal(err)
			}
			for _, pid := range pids { // one that was killed has lost its memory, and with it its mark, a moment before it has ended
				waitFor(t, func() bool { s, err := readStat(pid); return err != nil || s.state == 'Z' })
			}
			if err := trees.End(t.Context(), ref, 0); err != nil {
				t.Errorf("ending an ended tree: %v", err)
			}
			if _, err := os.Stat(ref.Dir); ref.Dir != "" && !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the folder is left: %v", err)
			}
		})
	}
}

func TestEndByThePlanAlone(t *testing.T) {
	for kind, trees := range kindsHere(t) {
		if kind == TreeSessions {
			continue // documented: it needs the finished reference
		}
		t.Run(string(kind), func(t *testing.T) {
			name := newGrant()
			plan, err := trees.Plan(name, 1000)
			if err != nil {
				t.Fatal(err)
			}
			if err := trees.End(t.Context(), plan, 0); err != nil {
				t.Fatalf("end a tree that was never made: %v", err)
			}
			cmd := exec.Command("/bin/sleep", "300")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			go cmd.Wait()
			if _, err := trees.Put(t.Context(), name, 1000, cmd.Process.Pid, time.Minute); err != nil {
				t.Fatal(err)
			}
			refs, err := trees.List()
			if err != nil || len(refs) != 1 || trees.NameOf(refs[0]) != name {
				t.Fatalf("List = %+v, %v", refs, err)
			}
			if err := trees.End(t.Context(), plan, 0); err != nil {
				t.Fatal(err)
			}
			if s, err := readStat(cmd.Process.Pid); err == nil && s.state != 'Z' {
				t.Error("the process still lives")
			}
		})
	}
}

func TestGoneTellsTheEnd(t *testing.T) {
	for kind, trees := range kindsHere(t) {
		t.Run(string(kind), func(t *testing.T) {
			cmd := exec.Command("/bin/sleep", "300")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			go cmd.Wait()
			ref, err := trees.Put(t.Context(), newGrant(), 1000, cmd.Process.Pid, time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			if err := trees.Gone(ctx, ref); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Gone of a living tree = %v", err)
			}
			cancel()
			gone := make(chan error, 1)
			begin := time.Now()
			go func() { gone <- trees.Gone(t.Context(), ref) }()
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			if err := <-gone; err != nil {
				t.Error(err)
			}
			if d := time.Since(begin); d > 30*time.Second {
				t.Errorf("noticed after %v", d)
			}
			if alive, err := trees.Alive(ref); alive || err != nil {
				t.Errorf("Alive = %v, %v", alive, err)
			}
			if err := trees.End(t.Context(), ref, 0); err != nil {
				t.Error(err)
			}
		})
	}
}

// A fork chain makes a new process every few milliseconds and ends the old
// one: killing what was listed always comes too late.
func TestEndOfAForkChain(t *testing.T) {
	for kind, trees := range kindsHere(t) {
		if kind == TreeSessions {
			continue // nothing stops it from growing there
		}
		t.Run(string(kind), func(t *testing.T) {
			chain := exec.Command("/bin/sh", "-c", `read go; n=0; f() { n=$((n+1)); [ $n -lt 2000 ] || exit; f & }; f; wait`)
			in, err := chain.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := chain.Start(); err != nil {
				t.Fatal(err)
			}
			go chain.Wait()
			ref, err := trees.put(t.Context(), newGrant(), 1000, chain.Process.Pid, time.Minute, false)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := in.Write([]byte("go\n")); err != nil {
				t.Fatal(err)
			}
			if err := trees.End(t.Context(), ref, 0); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// The front end hears of the end only when everything else is gone.
func TestFrontEndComesLast(t *testing.T) {
	for kind, trees := range kindsHere(t) {
		t.Run(string(kind), func(t *testing.T) {
			note := filepath.Join(t.TempDir(), "note")
			front := exec.Command("/bin/sh", "-c", fmt.Sprintf(
				`trap 'echo told >>%s' TERM HUP; read go; sh -c 'echo ready; exec sleep 300' & wait $!; echo "child $?" >>%s`, note, note))
			in, err := front.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			out, err := front.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := front.Start(); err != nil {
				t.Fatal(err)
			}
			ref, err := trees.Put(t.Context(), newGrant(), 1000, front.Process.Pid, time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := in.Write([]byte("go\n")); err != nil {
				t.Fatal(err)
			}
			bufio.NewScanner(out).Scan()
			ended := make(chan error, 1)
			go func() { ended <- front.Wait() }()
			if err := trees.End(t.Context(), ref, time.Minute); err != nil {
				t.Fatal(err)
			}
			<-ended
			raw, err := os.ReadFile(note)
			// Which of the two signals of a session it dies of first is the kernel's choice.
			if err != nil || !slices.Contains([]string{"child 143\n", "child 129\n"}, string(raw)) {
				t.Errorf("the front end noted %q, %v; want only the child's end", raw, err)
			}
		})
	}
}

// A front end that became the program itself, as sudo does where nothing has to
// be done after it, is asked like any other.
func TestAFrontEndAloneIsAsked(t *testing.T) {
	for kind, trees := range kindsHere(t) {
		t.Run(string(kind), func(t *testing.T) {
			cmd := exec.Command("/bin/sleep", "300")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait() }()
			ref, err := trees.Put(t.Context(), newGrant(), 1000, cmd.Process.Pid, time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			if err := trees.End(t.Context(), ref, time.Minute); err != nil {
				t.Fatal(err)
			}
			<-ended
			// Asked, it ends at once; not asked, it would live through its grace.
			if took := time.Since(begin); took > 30*time.Second || cmd.ProcessState.String() != "signal: terminated" {
				t.Errorf("ended by %v after %v", cmd.ProcessState, took)
			}
		})
	}
}

func TestPutRefuses(t *testing.T) {
	testgroup.Need(t, "root")
	trees, err := NewTrees(Config{Realm: "t1"})
	if err != nil {
		t.Fatal(err)
	}
	defer trees.Close()
	dead := exec.Command("/bin/true")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		name string
		uid  uint32
		pid  int
		ttl  time.Duration
	}{
		"a process that is gone":  {newGrant(), 1000, dead.Process.Pid, time.Minute},
		"process 1":               {newGrant(), 1000, 1, time.Minute},
		"process 0":               {newGrant(), 1000, 0, time.Minute},
		"every process":           {newGrant(), 1000, -1, time.Minute},
		"no time":                 {newGrant(), 1000, os.Getpid(), 0},
		"nobody":                  {newGrant(), ^uint32(0), os.Getpid(), time.Minute},
		"a name that is a path":   {"../../x", 1000, os.Getpid(), time.Minute},
		"a name with a unit type": {"x.service", 1000, os.Getpid(), time.Minute},
		"no name":                 {"", 1000, os.Getpid(), time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			if ref, err := trees.Put(t.Context(), c.name, c.uid, c.pid, c.ttl); err == nil {
				t.Errorf("Put = %+v", ref)
			}
		})
	}
	if _, err := trees.Alive(TreeRef{}); err == nil {
		t.Error("the zero reference is looked at")
	}
	if err := trees.End(t.Context(), TreeRef{}, 0); err == nil {
		t.Error("the zero reference is ended")
	}
}

// An ordinary folder takes a pid into cgroup.procs as well, and contains
// nothing.
func TestAnOrdinaryFolderIsNoCgroup(t *testing.T) {
	dir := t.TempDir()
	if err := (cgroups{}).move(filepath.Join(dir, "x"), os.Getpid()); err == nil {
		t.Error("moved into an ordinary folder")
	}
	if c := findCgroups(dir); c != (cgroups{}) {
		t.Errorf("found %+v", c)
	}
	if _, err := NewTrees(Config{Realm: "t2", CgroupRoot: dir, Kinds: []TreeKind{TreeCgroup2, TreeCgroup1}}); err == nil {
		t.Error("trees without a hierarchy")
	}
}

func TestParseStat(t *testing.T) {
	tail := " S 7 8 9 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4242 0 0"
	want := stat{pid: 5, ppid: 7, group: 8, session: 9, state: 'S', started: 4242}
	for name, c := range map[string]struct {
		raw string
		ok  bool
	}{
		"plain":                   {"5 (cat)" + tail, true},
		"a name with parentheses": {"5 (a) R 0 (b)" + tail, true},
		"a name with newlines":    {"5 (a\n) S 1)" + tail, true},
		"empty":                   {"", false},
		"cut":                     {"5 (cat) S 7 8", false},
		"no name":                 {"5" + tail, false},
		"letters":                 {"5 (cat)" + strings.Replace(tail, "7", "x", 1), false},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseStat(5, c.raw)
			if (err == nil) != c.ok || c.ok && got != want {
				t.Errorf("parseStat = %+v, %v", got, err)
			}
		})
	}
}

// The service manager ends a scope at its time without any help.
func TestSystemdEndsAScopeInTime(t *testing.T) {
	trees, ok := kindsHere(t)[TreeScope]
	if !ok {
		t.Skip("it needs systemd; TestInsideSystemd runs it on a machine that has it")
	}
	cmd := exec.Command("/bin/sh", "-c", "setsid sleep 300 & sleep 300")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go cmd.Wait()
	begin := time.Now()
	ref, err := trees.put(t.Context(), newGrant(), 1000, cmd.Process.Pid, time.Second, false)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(ref.Dir, "/user.slice/user-1000.slice/") {
		t.Errorf("the scope is in %s, where a login session would take processes away", ref.Dir)
	}
	if err := trees.Gone(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took < 900*time.Millisecond || took > 30*time.Second {
		t.Errorf("ended after %v", took)
	}
}

func TestContractOfTrees(t *testing.T) {
	for kind, trees := range kindsHere(t) {
		if kind == TreeSessions {
			continue // documented: it can not be found again
		}
		t.Run(string(kind), func(t *testing.T) { contract(t, onThisMachine(trees)) })
	}
}
