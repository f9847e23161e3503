package sudo

import (
	"os"
	"strings"
	"testing"

	"github.com/assent-epm/assent/shared/elevation"
)

// editor is one that adds a line as whoever runs it, and says who that is.
const editor = "#!/bin/sh\nid -u >>/run/editors\nfor f; do echo changed >>\"$f\"; done\n"

func editing(t *testing.T) {
	t.Helper()
	installShim(t)
	write(t, "/home/alice/editor", 0o755, editor)
	write(t, "/run/editors", 0o666, "")
	for _, f := range []string{"/etc/one.conf", "/etc/two.conf", "/etc/sudoers.d/README"} {
		write(t, f, 0o644, "# first\n")
	}
	must(t, os.Symlink("/etc/shadow", "/etc/linked.conf"))
	must(t, os.Mkdir("/etc/open.d", 0o777))
	must(t, os.Chmod("/etc/open.d", 0o777))
	write(t, "/etc/open.d/x", 0o644, "first\n")
	write(t, "/home/alice/own", 0o644, "first\n")
}

func edit(t *testing.T, editor, cwd string, args ...string) result {
	t.Helper()
	cmd := as(alice, append([]string{"/usr/bin/sudo"}, args...)...)
	cmd.Env = append(cmd.Env, "EDITOR="+editor)
	cmd.Dir = cwd
	return finish(t, cmd)
}

func reads(t *testing.T, path, want string) {
	t.Helper()
	if b, err := os.ReadFile(path); err != nil || string(b) != want {
		t.Errorf("%s: %q, %v, want %q", path, b, err, want)
	}
}

// sudoedit is granted for the files it names; the editor has no rights.
func TestEdit(t *testing.T) {
	if !inside(t) {
		return
	}
	editing(t)
	m := serve(t, approveAll)
	const mine = "/home/alice/editor"
	edit(t, mine, "/usr", "-e", "/etc/one.conf").expect(t, 0)
	edit(t, mine, "/usr", "-e", "/etc/one.conf", "/etc/two.conf").expect(t, 0)
	edit(t, mine, "/usr", "-e", "/etc/fresh.conf").expect(t, 0)
	cmd := as(alice, "/usr/bin/sudoedit", "/etc/two.conf")
	cmd.Env = append(cmd.Env, "EDITOR="+mine)
	finish(t, cmd).expect(t, 0)
	reads(t, "/etc/one.conf", "# first\nchanged\nchanged\n")
	reads(t, "/etc/two.conf", "# first\nchanged\nchanged\n")
	reads(t, "/etc/fresh.conf", "changed\n")
	reads(t, "/run/editors", strings.Repeat("61501\n", 4))
	m.elevator.mu.Lock()
	got := m.elevator.asks[1].Attempt.Subject
	m.elevator.mu.Unlock()
	if got.Path != editPath || strings.Join(got.Args, " ") != "/etc/one.conf /etc/two.conf" || !got.HasMark(elevation.MarkEdit) || got.HasMark(elevation.MarkProtected) {
		t.Errorf("asked for %+v", got)
	}
	edit(t, mine, "/usr", "-e", "/etc/sudoers.d/README").expect(t, 0)
	m.elevator.mu.Lock()
	defer m.elevator.mu.Unlock()
	if got := m.elevator.asks[4].Attempt.Subject; !got.HasMark(elevation.MarkProtected) {
		t.Errorf("asked for %+v", got)
	}
}

// Nothing but the named files is written, whatever the editor's name holds and
// wherever a path leads.
func TestEditIsNoWayRound(t *testing.T) {
	if !inside(t) {
		return
	}
	editing(t)
	m := serve(t, approveAll)
	for name, args := range map[string][]string{
		"a link": {"/etc/linked.conf"}, "an open folder": {"/etc/open.d/x"}, "an own file": {"/home/alice/own"}, "a folder": {"/etc/open.d"},
		"dots": {"/etc/open.d/../shadow"}, "one of them": {"/etc/one.conf", "/home/alice/own"}, "a device": {"/dev/null"}, "a new device": {"/dev/nosuch"}, "by its name alone": {"one.conf"}, "proc": {"/proc/self/mem"},
	} {
		t.Run(name, func(t *testing.T) {
			edit(t, "/home/alice/editor", "/usr", append([]string{"-e"}, args...)...).expect(t, 1, "error: ", "hint: ")
		})
	}
	if n := m.elevator.asked(); n != 0 {
		t.Errorf("asked %d times", n)
	}
	before, err := os.ReadFile("/etc/passwd")
	must(t, err)
	for _, editor := range []string{"/home/alice/editor -- /etc/passwd", "/home/alice/editor /etc/passwd", "/home/alice/editor --"} {
		edit(t, editor, "/usr", "-e", "/etc/one.conf")
		reads(t, "/etc/passwd", string(before))
	}
}

// Between the approval and sudo's copy the file is swapped for a link.
func TestEditIsComparedAgain(t *testing.T) {
	if !inside(t) {
		return
	}
	editing(t)
	m := serve(t, approveAll)
	m.effects.atArm(func(string, int) {
		must(t, os.Remove("/etc/one.conf"))
		must(t, os.Symlink("/etc/shadow", "/etc/one.conf"))
	})
	edit(t, "/home/alice/editor", "/usr", "-e", "/etc/one.conf").expect(t, 1)
	if b, err := os.ReadFile("/etc/shadow"); err != nil || strings.Contains(string(b), "changed") {
		t.Errorf("written through the link: %v", err)
	}
}
