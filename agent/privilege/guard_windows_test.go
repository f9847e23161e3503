package privilege

import (
	"bufio"
	"fmt"
	"testing"

	"golang.org/x/sys/windows"

	"github.com/assent-epm/assent/agent/acl"
)

// A program with rights, its thread and the programs that it starts have a list
// that names the system and administrators alone. That Windows obeys it can not be
// shown: Wine has one person, and it is an administrator.
func TestElevatedProcessIsGuarded(t *testing.T) {
	dir := t.TempDir()
	s, out := program(t, dir, "stay")
	trees := here(t, dir)
	run, err := trees.Start(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := trees.End(t.Context(), run.Tree, 0); err != nil {
			t.Error(err)
		}
		_, _ = run.Wait()
	}()
	said := bufio.NewScanner(out)
	said.Scan()
	var child int
	if _, err := fmt.Sscanf(said.Text(), "staying %d", &child); err != nil {
		t.Fatalf("it said %q", said.Text())
	}
	for name, pid := range map[string]int{"the program": run.PID, "what it started": child} {
		h, err := windows.OpenProcess(windows.READ_CONTROL, false, uint32(pid))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		list, err := acl.OfObject(h)
		if err != nil || !list.Exclusive() {
			t.Errorf("%s: %+v, %v", name, list, err)
		}
		_ = windows.CloseHandle(h)
	}
}

// A program of the person's own stays theirs.
func TestOwnProgramIsNotGuarded(t *testing.T) {
	dir := t.TempDir()
	s, out := program(t, dir, "tell")
	s.Own = true
	run, err := here(t, dir).Start(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	listenTo(t, out)
	if code, err := run.Wait(); code != 7 || err != nil {
		t.Errorf("exit %d, %v", code, err)
	}
}
