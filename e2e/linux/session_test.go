package linux

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/machine"
)

// The scenes of sessions: one approval opens sudo for one terminal or one job.

// access chooses requests by what they are for.
func access(kind string) func(client.Request) bool {
	return func(r client.Request) bool { return r.AccessType == kind }
}

// openSession opens sudo in a terminal of a user, who has a shell there.
func (s *scene) openSession(user, flags string) (*machine.Session, client.Request) {
	s.t.Helper()
	term := s.terminal(user, "PS1='ready> ' bash --norc -i")
	s.sees(term, "ready> ")
	s.types(term, "assent session --reason 'several repairs at once' "+flags+"\n")
	r := s.pending(access("session"))
	s.act(r.ID, "approve", "go on")
	s.sees(term, "sudo is open in this terminal until")
	s.becomes(r.ID, "active")
	return term, r
}

// job starts a command line for a user without a terminal.
func (s *scene) job(user, command string) *machine.Session {
	s.t.Helper()
	j, err := s.machine.Open(s.t.Context(), user, command, machine.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = j.Hangup() })
	return j
}

// asks makes sure that sudo asks a user again.
func (s *scene) asks(user string) {
	s.t.Helper()
	if r := s.typed(user, "sudo -n id -un"); r.Code != 1 || strings.Contains(r.Stdout, "root") {
		s.t.Errorf("sudo does not ask %s: %s", user, r)
	}
}

// nothing waits until no grant of the machine has an effect left.
func (s *scene) nothing() {
	s.t.Helper()
	s.until(15*time.Second, func() error {
		files := s.asRoot("/usr/bin/find", "/etc/sudoers.d", "-name", "zz-assent*")
		scopes := s.asRoot("/usr/bin/systemctl", "list-units", "--plain", "--no-legend", "--state=active", "assent-*.scope")
		if left := strings.TrimSpace(files.Stdout + scopes.Stdout); left != "" {
			return fmt.Errorf("left behind: %s", left)
		}
		return nil
	})
}

// endedAs waits for the end of a request and compares its reason.
func (s *scene) endedAs(id, state, reason string) client.Request {
	s.t.Helper()
	r := s.becomes(id, state)
	s.until(20*time.Second, func() (err error) { // a state may be known before the endpoint says that it is over
		if r, err = s.api.Request(s.t.Context(), id); err == nil && r.EndReason == nil {
			err = fmt.Errorf("%s has not ended at its endpoint", id)
		}
		return err
	})
	if r.State != state || *r.EndReason != reason {
		s.t.Errorf("%s, ended as %s, not %s", r.State, str(r.EndReason), reason)
	}
	return r
}

func str(p *string) string {
	if p == nil {
		return "nothing"
	}
	return *p
}

func TestE16SessionInATerminal(t *testing.T) {
	s := machineFor(t, "session")
	term, r := s.openSession(machine.Alice, "--for 10m")
	if r.Subject.Path != "" || len(r.Subject.Args) != 0 || len(r.Caution) == 0 || r.Caution[0].Reason != "full_root" {
		t.Errorf("the approver sees %+v %+v", r.Subject, r.Caution)
	}
	s.types(term, "sudo id -un; sudo -n id -u; sudo sh -c 'echo the $((1+2))rd'; sudo -u bob id -un\n")
	s.sees(term, "the 3rd")
	s.sees(term, "bob")
	if strings.Contains(term.Text(), "Reason:") {
		t.Errorf("something was asked:\n%s", term.Text())
	}
	s.asks(machine.Alice) // in another session without a terminal
	other := s.terminal(machine.Alice, "sudo id -un")
	s.sees(other, "Reason:")
	if err := other.Hangup(); err != nil {
		t.Fatal(err)
	}
	s.until(10*time.Second, func() error {
		got, err := s.api.Request(t.Context(), r.ID)
		if err != nil || len(got.Listed) != 4 {
			return fmt.Errorf("%v, listed %+v", err, got.Listed)
		}
		if l := got.Listed[2]; !strings.HasSuffix(l.Path, "sh") || l.Args[0] != "-c" || l.RunAs != "root" || got.Listed[3].RunAs != "bob" {
			t.Errorf("listed %+v", got.Listed)
		}
		return nil
	})
	s.types(term, "setsid sh -c 'sudo -n id -un && echo leaked' </dev/null; echo done1\n")
	s.sees(term, "done1\r\n")
	if strings.Contains(term.Text(), "leaked\r\n") {
		t.Error("another session of processes is let through")
	}
	s.types(term, "sudo sleep 301 & sleep 0.5; exit\n")
	s.endedAs(r.ID, "ended", "logout")
	s.nothing()
	s.asks(machine.Alice)
}

// TestE16SessionForAJob: a script with sudo in it runs as its user, and what Ansible
// types to become root goes through without a terminal.
func TestE16SessionForAJob(t *testing.T) {
	s := machineFor(t, "session")
	j := s.job(machine.Alice, `assent session --reason "deploy the site" -- bash -c 'id -un; echo pw | sudo -H -S -n -u root /bin/sh -c "echo BECOME-SUCCESS-x; id -u"; sudo -n id -gn; exit 7'; echo "code $?"`)
	r := s.pending(access("session"))
	if len(r.Subject.Args) != 3 || r.Subject.Args[0] != "bash" || str(r.Subject.Cwd) != "/home/alice" {
		t.Errorf("the approver sees %+v", r.Subject)
	}
	s.asks(machine.Alice)
	s.act(r.ID, "approve", "")
	got := s.ends(j)
	for _, want := range []string{"alice\n", "BECOME-SUCCESS-x\n0\n", "root\n", "code 7\n"} {
		if !strings.Contains(got.Stdout, want) {
			t.Errorf("no %q in %s", want, got)
		}
	}
	s.endedAs(r.ID, "ended", "completed")
	s.nothing()
	s.asks(machine.Alice)
}

// TestE16DenyRulesHoldInside: what a rule denies is denied in a session too, with
// the rule's own words, and is a denied request of its own.
func TestE16DenyRulesHoldInside(t *testing.T) {
	s := machineFor(t, "session")
	s.rules(`rules:
  - name: no-passwords
    match: {path: /usr/bin/passwd}
    then: deny
    message: {en: "Passwords are changed by the service desk."}
  - name: two-for-reboots
    match: {path: /usr/bin/df}
    then: require
    require: {ticket: 'INC-\d+'}
`)
	j := s.job(machine.Bob, `assent session --reason "clean the disk" -- sh -c 'sudo -n passwd -S root; echo "first $?"; sudo -n df >/dev/null; echo "second $?"'`)
	r := s.pending(access("session"))
	s.act(r.ID, "approve", "")
	got := s.ends(j)
	if !strings.Contains(got.Stdout, "first 1\n") || !strings.Contains(got.Stderr, "Passwords are changed by the service desk.") || !strings.Contains(got.Stdout, "second 0\n") {
		t.Errorf("%s", got)
	}
	s.endedAs(r.ID, "ended", "completed")
	denied, err := s.list("denied")
	if err != nil || len(denied) != 1 || denied[0].Subject.Path != "/usr/bin/passwd" {
		t.Errorf("%v, denied %+v", err, denied)
	}
	now, err := s.api.Request(t.Context(), r.ID)
	if err != nil || len(now.Listed) != 1 || now.Listed[0].Path != "/usr/bin/df" {
		t.Errorf("%v, listed %+v", err, now.Listed)
	}
}

// TestE16SessionEnds: every way in which a session ends takes what runs in it along.
func TestE16SessionEnds(t *testing.T) {
	s := machineFor(t, "session-ends")
	for _, row := range []struct {
		name, flags   string
		state, reason string
		end           func(r client.Request)
	}{
		{"check-in", "", "ended", "checked_in", func(r client.Request) {
			if got := s.typed(machine.Alice, "assent checkin "+r.ID); got.Code != 0 {
				t.Errorf("%s", got)
			}
		}},
		{"revoke", "", "revoked", "revoked", func(r client.Request) { s.act(r.ID, "revoke", "enough") }},
		{"lock", "", "ended", "lock", func(client.Request) { s.asRoot("/usr/bin/loginctl", "lock-sessions") }},
		{"deadline", "--for 4s", "expired", "deadline", func(client.Request) {}},
		{"deadline with the agent killed", "--for 6s", "expired", "deadline", func(client.Request) {
			s.asRoot("/usr/bin/systemctl", "kill", "-s", "KILL", "assent-agent.service")
		}},
		{"deadline with the agent stopped", "--for 6s", "expired", "deadline", func(client.Request) {
			s.asRoot("/usr/bin/systemctl", "kill", "-s", "STOP", "assent-agent.service")
			s.nothing()
			s.asRoot("/usr/bin/systemctl", "kill", "-s", "CONT", "assent-agent.service")
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			outer := s.t
			s.t = t
			defer func() { s.t = outer }()
			term, r := s.openSession(machine.Alice, row.flags)
			s.types(term, "sudo sleep 302 & echo started\n")
			s.sees(term, "started\r\n")
			if row.flags == "" {
				s.until(10*time.Second, func() error {
					if r := s.asRoot("/usr/bin/pgrep", "-u", "root", "-f", "^sleep 302"); r.Code != 0 {
						return fmt.Errorf("it does not run: %s", r)
					}
					return nil
				})
			}
			row.end(r)
			s.endedAs(r.ID, row.state, row.reason)
			s.nothing()
			if left := s.asRoot("/usr/bin/pgrep", "-f", "^sleep 302"); left.Code == 0 {
				t.Errorf("it still runs: %s", left)
			}
			s.types(term, "sudo -n id -un || echo asked again\n")
			s.sees(term, "asked again\r\n")
			if err := term.Hangup(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestE16SessionIsExtendedAndSuperseded: more time for what runs, and a new session
// in the same terminal takes the place of the old.
func TestE16SessionIsExtendedAndSuperseded(t *testing.T) {
	s := machineFor(t, "session-ends")
	term, r := s.openSession(machine.Alice, "--for 60s")
	s.types(term, "sudo sleep 303 & echo started\n")
	s.sees(term, "started\r\n")
	s.types(term, "assent extend "+r.ID+" --for 10m --reason 'it takes longer'\n")
	more := s.pending(func(x client.Request) bool { return x.ExtendsID != nil })
	s.act(more.ID, "approve", "")
	s.sees(term, "10 min more")
	s.types(term, "assent session --reason 'another one' --for 5m\n")
	second := s.pending(access("session"))
	s.act(second.ID, "approve", "")
	s.endedAs(r.ID, "ended", "superseded")
	s.becomes(second.ID, "active")
	s.until(10*time.Second, func() error {
		if left := s.asRoot("/usr/bin/pgrep", "-f", "^sleep 303"); left.Code == 0 {
			return fmt.Errorf("what the first one ran still runs: %s", left)
		}
		return nil
	})
	s.types(term, "sudo id -un\n")
	s.sees(term, "root\r\n")
	if err := term.Hangup(); err != nil {
		t.Fatal(err)
	}
	s.endedAs(second.ID, "ended", "logout")
	s.nothing()
}
