package linux

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/e2e/machine"
)

// dialog stands in for the dialog program of a desktop, where packages put it: it
// writes down what it is asked and answers; passwords are the lines of a file, one
// after the other.
const dialog = `#!/bin/sh
printf '%s\n' "$@" >>/tmp/asked.$(id -un)
case " $* " in
*" --hide-text "*) head -n 1 /tmp/typed.$(id -un) && sed -i 1d /tmp/typed.$(id -un) ;;
*) echo 'the certificate expires tonight' ;;
esac
`

// desktop opens a desktop session of alice's: a bus of its own, a notification
// service, a dialog program, and `assent desktop`.
func (s *scene) desktop() *machine.Session {
	s.t.Helper()
	notifier := filepath.Join(s.t.TempDir(), "notifier")
	build := exec.CommandContext(s.t.Context(), "go", "build", "-buildvcs=false", "-o", notifier, "../cmd/notifier")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		s.t.Fatalf("%v\n%s", err, out)
	}
	raw, err := os.ReadFile(notifier)
	if err == nil {
		err = errors.Join(s.machine.Write("/usr/local/bin/notifier", raw, 0o755), s.machine.Write("/usr/bin/zenity", []byte(dialog), 0o755))
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { s.afterwards("/usr/bin/rm", "/usr/bin/zenity") })
	session := s.terminal(machine.Alice, "DISPLAY=:7 dbus-run-session -- sh -c 'assent desktop 2>/tmp/desktop.log & exec notifier'")
	s.sees(session, "notices are taken")
	return session
}

// TestE9Desktop: what is tried without a terminal asks for its reason at the
// person's desktop, tells of the answer there, and its button runs it; a held
// sudo goes on by itself. Nobody else is asked, and nobody without a desktop.
func TestE9Desktop(t *testing.T) {
	s := machineFor(t, "polkit")
	s.polkitAsks()
	session := s.desktop()

	s.typed(machine.Alice, "pkexec /usr/bin/touch /root/by-desktop </dev/null")
	r := s.pending(program("/usr/bin/touch"))
	asked := time.Now()
	if r.Justification == nil || *r.Justification != "the certificate expires tonight" {
		t.Errorf("the reason is %v", r.Justification)
	}
	if raw, err := s.machine.Read("/tmp/asked." + machine.Alice); err != nil || !strings.Contains(string(raw), "/usr/bin/touch /root/by-desktop needs an approval.") {
		t.Errorf("the dialog asked %s, %v", raw, err)
	}
	s.until(10*time.Second, func() error { // an approval that comes at once is no news
		if time.Since(asked) < 4*time.Second {
			return errors.New("only just asked")
		}
		return nil
	})
	s.act(r.ID, "approve", "fine")
	s.sees(session, "Approved: /usr/bin/touch /root/by-desktop | by ")
	id := regexp.MustCompile(`notice (\d+) Approved`).FindStringSubmatch(session.Text())
	s.sees(session, "run,Run now,later,Later")
	s.types(session, "press "+id[1]+" run\n")
	s.until(20*time.Second, func() error {
		if _, err := s.machine.Read("/root/by-desktop"); err != nil {
			return fmt.Errorf("it did not run: %w\n%s", err, session.Text())
		}
		return nil
	})
	s.becomes(r.ID, "ended")

	held, err := s.machine.Open(t.Context(), machine.Alice, "sudo /usr/bin/id -un </dev/null", machine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r = s.pending(program("/usr/bin/id"))
	s.act(r.ID, "approve", "fine")
	if got := s.ends(held); got.Code != 0 || strings.TrimSpace(got.Stdout) != "root" || !strings.Contains(got.Stderr, "The reason is asked for on your desktop.") {
		t.Errorf("sudo: %s", got)
	}

	began := time.Now()
	if got := s.typed(machine.Bob, "sudo /usr/bin/id -un </dev/null"); got.Code != 1 || !strings.Contains(got.Stderr, "no terminal to ask") || time.Since(began) > 15*time.Second {
		t.Errorf("without a desktop: %s", got)
	}
	if _, err := s.machine.Read("/tmp/asked." + machine.Bob); err == nil {
		t.Error("bob was asked")
	}
	s.types(session, "\x04") // the session ends, and nobody is asked any more
	s.ends(session)
	s.until(20*time.Second, func() error {
		if got := s.typed(machine.Alice, "sudo /usr/bin/id -un </dev/null"); got.Code != 1 || !strings.Contains(got.Stderr, "no terminal to ask") {
			return fmt.Errorf("the desktop is gone: %s", got)
		}
		return nil
	})
}
