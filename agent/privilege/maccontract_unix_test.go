//go:build linux || darwin

package privilege

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// gateSpec is a program of this process' own user, and what it writes.
func gateSpec(t *testing.T, path string, args ...string) (Spec, *os.File) {
	t.Helper()
	in, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	out, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { out.Close() })
	who := Account{Name: "root", UID: uint32(os.Getuid()), GID: uint32(os.Getgid())}
	return Spec{Grant: "gr_1", Path: path, Args: args, Cwd: "/", Requester: who, RunAs: who, Files: [3]*os.File{in, write, null}, TTL: time.Minute}, out
}

// gateContract is what gates of macOS do, whichever they are: nothing of a program
// runs before it is told, and then exactly that.
func gateContract(t *testing.T, gates macGates) {
	begin := func(path string, args ...string) (macGate, Spec, *os.File) {
		s, out := gateSpec(t, path, args...)
		g, err := gates.begin(s)
		if err != nil {
			t.Fatal(err)
		}
		closeFiles(s.Files[:])
		return g, s, out
	}
	g, s, out := begin("/bin/echo", "one", "", "t w o")
	is, err := g.look()
	if err != nil {
		t.Fatal(err)
	}
	if k, err := is.kin(g.pid()); err != nil || k.user != UserOf(s.RunAs.UID) || k.started == 0 || k.leader != g.pid() || k.tty != 0 {
		t.Errorf("%+v, %v", k, err)
	}
	if is.gid != s.RunAs.GID || is.realGID != s.RunAs.GID || is.wasGID != s.RunAs.GID {
		t.Errorf("%+v", is)
	}
	if err := g.become(passage{Path: s.Path, Argv: append([]string{s.Path}, s.Args...)}); err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(out); string(text) != "one  t w o\n" || err != nil {
		t.Errorf("it wrote %q, %v", text, err)
	}
	if code, err := g.wait(); code != 0 || err != nil {
		t.Errorf("exit %d, %v", code, err)
	}
	if is, err := g.look(); err == nil {
		if k, err := is.kin(g.pid()); err == nil {
			t.Errorf("it has ended and is %+v", k)
		}
	}

	g, _, _ = begin("/usr/bin/false")
	if err := g.become(passage{Path: "/usr/bin/false", Argv: []string{"false"}}); err != nil {
		t.Fatal(err)
	}
	if code, err := g.wait(); code != 1 || err != nil {
		t.Errorf("exit %d, %v", code, err)
	}

	g, _, _ = begin("/none")
	if err := g.become(passage{Path: "/none", Argv: []string{"none"}}); err != nil {
		t.Fatal(err)
	}
	if code, err := g.wait(); code != 126 || err != nil {
		t.Errorf("what can not be run: exit %d, %v", code, err)
	}

	g, _, out = begin("/bin/echo", "never")
	g.end()
	if text, err := io.ReadAll(out); len(text) > 0 || err != nil {
		t.Errorf("it ran: %q, %v", text, err)
	}
	if is, err := g.look(); err == nil {
		if _, err := is.kin(g.pid()); err == nil {
			t.Error("a gate that was ended lives")
		}
	}
}

// tableContract is what a table of processes tells and does, of real ones: a parent
// and its child in a session of their own.
func tableContract(t *testing.T, of processTable) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "part-parent")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
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
	defer cmd.Process.Kill()
	trees := sessionTrees{of: of, self: os.Getpid()}
	ref, err := trees.put(t.Context(), TreeRef{Kind: TreeSessions, Name: "x", PID: cmd.Process.Pid}, 0, time.Minute)
	if err != nil || ref.Started == 0 {
		t.Fatalf("%+v, %v", ref, err)
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
	if pids, err := trees.members(ref); err != nil || len(pids) != 2 {
		t.Errorf("members %v, %v, want %d and %d", pids, err, ref.PID, child)
	}
	trees.kill(ref, true)
	waitFor(t, func() bool {
		pids, err := trees.members(ref)
		return err == nil && len(pids) == 1 && pids[0] == ref.PID
	})
	trees.ask(ref)
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "terminated") {
		t.Errorf("asked to end, it says %v", err)
	}
	if pids, err := trees.members(ref); err != nil || len(pids) != 0 {
		t.Errorf("left: %v, %v", pids, err)
	}
	if _, err := trees.put(t.Context(), TreeRef{Kind: TreeSessions, Name: "x", PID: ref.PID}, 0, time.Minute); err == nil {
		t.Error("a process that is gone is the first of a tree")
	}
}

func waitFor(t *testing.T, is func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for !is() {
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			t.Fatal(errors.New("it did not come about"))
		}
	}
}
