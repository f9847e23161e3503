package linux

import (
	"errors"
	"strings"
	"testing"
	"time"
)

const waitLong = 10 * time.Second

// confirmed is nil when the endpoint has confirmed the end.
func (w *scene) confirmed(id string) error {
	r, err := w.api.Request(w.t.Context(), id)
	if err == nil && r.Delivery != "confirmed" {
		err = errors.New("delivery is " + r.Delivery)
	}
	return err
}

// TestAssentRun: the same life without sudo: asked, approved, its own code.
func TestAssentRun(t *testing.T) {
	w := machineFor(t, "life")
	s := w.terminal("alice", `assent run -- sh -c 'id -u; tty; exit 5'; echo "code $?"`)
	w.sees(s, "Reason:")
	w.types(s, "look after the disk\r")
	w.sees(s, "waiting for approval")
	id := w.pending(program("/usr/bin/dash")).ID
	w.act(id, "approve", "")
	r := w.ends(s)
	if !strings.Contains(r.Stdout, "0\r\n/dev/pts/") || !strings.Contains(r.Stdout, "code 5") {
		t.Errorf("%s", r)
	}
	w.becomes(id, "ended")
	w.nothingLeft()
}

// TestAssentRunExitCodes: 77 denied, 75 not waiting, 130 withdrawn, 2 no way to ask.
func TestAssentRunExitCodes(t *testing.T) {
	w := machineFor(t, "life")
	w.rules(`rules:
  - {name: never, match: {path: /usr/bin/passwd}, then: deny, message: {en: "Ask the service desk."}}
  - {name: pipes, match: {path: /usr/bin/cat, args: []}, then: approve}
  - {name: sleep, match: {path: /usr/bin/sleep, args: [{any: true}]}, then: approve}
`)
	rows := []struct {
		name, command string
		code          int
		out, err      string
	}{
		{"denied by rule", "assent run -- passwd", 77, "", "Ask the service desk."},
		{"nobody to ask", "assent run -- id </dev/null", 2, "", "hint:"},
		{"not waiting", "assent run --wait 0 --reason 'nightly job' -- id -Z", 75, "req_", ""},
		{"waited long enough", "assent run --wait 1s --reason 'nightly job' -- id -n", 124, "", ""},
		{"a pipe through root", "printf abc | assent run -- cat | cat", 0, "abc", ""},
		{"usage", "assent run --bogus", 2, "", "hint:"},
		{"no such program", "assent run -- no-such-program", 127, "", "not found"},
		{"status", "assent status", 0, "", ""},
	}
	for _, row := range rows {
		r := w.typed("alice", row.command)
		if r.Code != row.code || !strings.Contains(r.Stdout, row.out) || !strings.Contains(r.Stderr, row.err) {
			t.Errorf("%s: want code %d: %s", row.name, row.code, r)
		}
	}
	s := w.terminal("alice", `assent run -- sleep 60; echo "code $?"`)
	w.until(waitLong, func() error { return w.active("/usr/bin/sleep") })
	w.types(s, "\x03")
	if r := w.ends(s); !strings.Contains(r.Stdout, "code 130") {
		t.Errorf("Ctrl-C: %s", r)
	}
	w.nothingLeft()
}

// active is nil when one request of a program is in use.
func (w *scene) active(path string) error {
	list, err := w.list("active")
	if err != nil {
		return err
	}
	for _, r := range list {
		if r.Subject.Path == path {
			return nil
		}
	}
	return errors.New("nothing of " + path + " is in use")
}

// TestAssentRunEndsWhatItStarted: a revoke ends the program and everything that
// it left behind, on both ways.
func TestAssentRunEndsWhatItStarted(t *testing.T) {
	w := machineFor(t, "life")
	for _, way := range []string{"assent run --", "sudo"} {
		t.Run(way, func(t *testing.T) {
			w := w.in(t)
			s, id := w.waits("alice", way+` sh -c 'setsid sleep 4321 & sleep 4321'`, "/usr/bin/dash")
			w.act(id, "approve", "")
			w.becomes(id, "active")
			began := time.Now()
			w.act(id, "revoke", "enough")
			w.until(waitLong, func() error { return w.confirmed(id) })
			if took := time.Since(began); took > 6*time.Second {
				t.Errorf("ended after %v", took)
			}
			if r := w.asRoot("/usr/bin/pgrep", "-f", `^(/usr/bin/)?sleep 4321$`); r.Code == 0 {
				t.Errorf("still running: %s", r)
			}
			w.ends(s)
			w.nothingLeft()
		})
	}
}

// TestFullScreenProgram: an editor works through assent run, also when the
// window changes its size, and a killed client leaves no orphan.
func TestFullScreenProgram(t *testing.T) {
	w := machineFor(t, "life")
	w.rules("rules:\n  - {name: top, match: {path: /usr/bin/top, args: []}, then: approve}\n")
	s := w.terminal("alice", "assent run -- top")
	w.sees(s, "load average")
	if err := s.Resize(50, 132); err != nil {
		t.Fatal(err)
	}
	w.until(waitLong, func() error { return w.active("/usr/bin/top") })
	if err := s.Hangup(); err != nil {
		t.Fatal(err)
	}
	err := w.comes(waitLong, func() error {
		if r := w.asRoot("/usr/bin/pgrep", "-x", "top"); r.Code == 0 {
			return errors.New("top outlived its terminal")
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	w.nothingLeft()
}
