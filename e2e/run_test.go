package e2e

import (
	"errors"
	"strings"
	"testing"
	"time"
)

const waitLong = 10 * time.Second

// confirmed is nil when the endpoint has confirmed the end.
func (w *world) confirmed(t *testing.T, id string) error {
	r, err := w.api.Request(t.Context(), id)
	if err == nil && r.Delivery != "confirmed" {
		err = errors.New("delivery is " + r.Delivery)
	}
	return err
}

// TestAssentRun: the same life without sudo: asked, approved, its own code.
func TestAssentRun(t *testing.T) {
	w := theWorld(t)
	s := terminal(t, w.desk, "alice", `assent run -- sh -c 'id -u; tty; exit 5'; echo "code $?"`)
	sees(t, s, "Reason:")
	types(t, s, "look after the disk\r")
	sees(t, s, "waiting for approval")
	id := w.pending(t, "/usr/bin/dash").ID
	w.act(t, id, "approve", "")
	r := ends(t, s)
	if !strings.Contains(r.Stdout, "0\r\n/dev/pts/") || !strings.Contains(r.Stdout, "code 5") {
		t.Errorf("%s", r)
	}
	w.becomes(t, id, "ended")
	nothingLeft(t, w.desk)
}

// TestAssentRunExitCodes: 77 denied, 75 not waiting, 130 withdrawn, 2 no way to ask.
func TestAssentRunExitCodes(t *testing.T) {
	w := theWorld(t)
	w.rules(t, `rules:
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
		r := typed(t, w.desk, "alice", row.command)
		if r.Code != row.code || !strings.Contains(r.Stdout, row.out) || !strings.Contains(r.Stderr, row.err) {
			t.Errorf("%s: want code %d: %s", row.name, row.code, r)
		}
	}
	s := terminal(t, w.desk, "alice", `assent run -- sleep 60; echo "code $?"`)
	if err := until(t.Context(), waitLong, func() error { return w.active(t, "/usr/bin/sleep") }); err != nil {
		t.Fatal(err)
	}
	types(t, s, "\x03")
	if r := ends(t, s); !strings.Contains(r.Stdout, "code 130") {
		t.Errorf("Ctrl-C: %s", r)
	}
	nothingLeft(t, w.desk)
}

// active is nil when one request of a program is in use.
func (w *world) active(t *testing.T, path string) error {
	list, err := w.list(t, "active")
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
	w := theWorld(t)
	for _, way := range []string{"assent run --", "sudo"} {
		t.Run(way, func(t *testing.T) {
			s, id := w.waits(t, w.desk, "alice", way+` sh -c 'setsid sleep 4321 & sleep 4321'`, "/usr/bin/dash")
			w.act(t, id, "approve", "")
			w.becomes(t, id, "active")
			began := time.Now()
			w.act(t, id, "revoke", "enough")
			if err := until(t.Context(), waitLong, func() error { return w.confirmed(t, id) }); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took > 6*time.Second {
				t.Errorf("ended after %v", took)
			}
			if r := asRoot(t, w.desk, "/usr/bin/pgrep", "-f", `^(/usr/bin/)?sleep 4321$`); r.Code == 0 {
				t.Errorf("still running: %s", r)
			}
			ends(t, s)
			nothingLeft(t, w.desk)
		})
	}
}

// TestFullScreenProgram: an editor works through assent run, also when the
// window changes its size, and a killed client leaves no orphan.
func TestFullScreenProgram(t *testing.T) {
	w := theWorld(t)
	w.rules(t, "rules:\n  - {name: top, match: {path: /usr/bin/top, args: []}, then: approve}\n")
	s := terminal(t, w.desk, "alice", "assent run -- top")
	sees(t, s, "load average")
	if err := s.Resize(50, 132); err != nil {
		t.Fatal(err)
	}
	if err := until(t.Context(), waitLong, func() error { return w.active(t, "/usr/bin/top") }); err != nil {
		t.Fatal(err)
	}
	if err := s.Hangup(); err != nil {
		t.Fatal(err)
	}
	err := until(t.Context(), waitLong, func() error {
		if r := asRoot(t, w.desk, "/usr/bin/pgrep", "-x", "top"); r.Code == 0 {
			return errors.New("top outlived its terminal")
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	nothingLeft(t, w.desk)
}
