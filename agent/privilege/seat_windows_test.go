package privilege

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/windows"
)

// aChild is a process of this one, that lives until it is ended.
func aChild(t *testing.T) (pid int, end func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "part-child")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd.Process.Pid, sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it is ended by force
	})
}

// What the system says of processes is what the village of village_test.go says.
func TestProcesses(t *testing.T) {
	kinContract(t, processes{}, os.Getpid(), func() (int, func()) { return aChild(t) })
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		t.Fatal(err)
	}
	if me, err := (processes{}).look(os.Getpid()); err != nil || me.user != user.User.Sid.String() {
		t.Errorf("%+v, %v", me, err)
	}
	if !(processes{}).types(os.Getpid()) {
		t.Error("a test is no program of a console")
	}
}

// A seat lasts as long as its shell.
func TestSeatIsGone(t *testing.T) {
	pid, end := aChild(t)
	defer end()
	started, err := Started(pid)
	if err != nil {
		t.Fatal(err)
	}
	s := Seat{Leader: pid, Started: started, TTY: 1}
	short, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if err := s.Gone(short); !errors.Is(err, context.DeadlineExceeded) || !s.Alive() {
		t.Errorf("gone while it lives: %v", err)
	}
	end()
	if err := s.Gone(t.Context()); err != nil || s.Alive() {
		t.Errorf("once it has ended: %v", err)
	}
	s.Started++
	if err := s.Gone(t.Context()); err != nil {
		t.Errorf("of another process: %v", err)
	}
}

// What Assent runs for somebody is known by its job, wherever it was started.
func TestOursAreKnown(t *testing.T) {
	trees := here(t)
	ref, ended := family(t, trees, newGrant())
	ours, err := trees.os.ours(trees.prefix())
	if err != nil || !ours[ref.PID] || ours[os.Getpid()] {
		t.Errorf("%v, %v", ours, err)
	}
	if others, err := trees.os.ours("assent-made-up-"); err != nil || len(others) > 0 {
		t.Errorf("of another realm: %v, %v", others, err)
	}
	all, err := trees.os.administrators(trees.prefix())
	if err != nil || len(all) == 0 {
		t.Errorf("%v, %v", all, err)
	}
	for _, h := range all {
		if h.ours != ours[h.pid] {
			t.Errorf("%+v", h)
		}
	}
	if err := trees.End(t.Context(), ref, 0); err != nil {
		t.Error(err)
	}
	<-ended
	nobody := Membership{SID: "S-1-5-21-9-9-9-9", User: "nobody", Group: "Administrators", UID: NoUID, GID: NoUID}
	if err := trees.EndHolders(t.Context(), nobody, time.Second); err != nil {
		t.Errorf("of somebody who runs nothing: %v", err)
	}
}

// An administrator's window is a program that runs, with rights and in a job, and
// ends with it.
func TestConsole(t *testing.T) {
	path, args, err := Console()
	if err != nil {
		t.Fatal(err)
	}
	if only, err := RootOnly(path); err != nil || !only {
		t.Logf("Wine says that others can change %s (%v): it enforces no access lists", path, err)
	}
	s, out := program(t, t.TempDir(), "tell")
	defer out.Close()
	closeFiles(s.Files[:])
	s.Files = [3]*os.File{}
	sum, err := sumOf(path)
	if err != nil {
		t.Fatal(err)
	}
	s.Path, s.SHA256, s.Args, s.StageDir = path, sum, args, ""
	trees := here(t, windowsRoot(t))
	run, err := trees.Start(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if f, err := factsOfProcess(run.PID); err != nil || !f.admin || f.integrity < highIntegrity {
		t.Errorf("its rights are %+v, %v", f, err)
	}
	select {
	case <-run.Done():
		code, err := run.Wait()
		if err := trees.End(t.Context(), run.Tree, 0); err != nil {
			t.Error(err)
		}
		t.Skipf("Wine opens no window without a display, and ends the shell in it (%d, %v): that it stays is shown on Windows alone", code, err)
	case <-time.After(time.Second):
	}
	if alive, err := trees.Alive(run.Tree); err != nil || !alive {
		t.Errorf("alive: %v, %v", alive, err)
	}
	if err := trees.End(t.Context(), run.Tree, 0); err != nil {
		t.Error(err)
	}
	if code, err := run.Wait(); code != endedCode || err != nil {
		t.Errorf("exit %d, %v", code, err)
	}
}

func TestTerminalsOfWindows(t *testing.T) {
	var mine uint32
	if err := windows.ProcessIdToSessionId(windows.GetCurrentProcessId(), &mine); err != nil {
		t.Fatal(err)
	}
	contractOfTerminals(t, processes{}, mine)
}

func sumOf(path string) (string, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:]), nil
}

func windowsRoot(t *testing.T) string {
	t.Helper()
	root, err := windows.GetSystemWindowsDirectory()
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func factsOfProcess(pid int) (tokenFacts, error) {
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(pid))
	if err != nil {
		return tokenFacts{}, err
	}
	defer windows.CloseHandle(h)
	var token windows.Token
	if err := windows.OpenProcessToken(h, windows.TOKEN_QUERY, &token); err != nil {
		return tokenFacts{}, err
	}
	defer token.Close()
	return factsOf(token)
}

// What the system does with jobs is what the village of village_test.go does.
func TestJobsOfWindows(t *testing.T) {
	contractOfJobsAlone(t, jobWorld{processes{}, "assent-" + testRealm + "-alone", func() (int, func()) { return aChild(t) }})
}
