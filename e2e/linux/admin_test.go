package linux

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/machine"
)

// The scenes of administrators for a while.

// becomesAdmin makes a user administrator in a fresh shell.
func (s *scene) becomesAdmin(user, flags string) (*machine.Session, client.Request) {
	s.t.Helper()
	s.asRoot("/bin/sh", "-c", "echo "+user+":secret99 | chpasswd")
	term := s.terminal(user, "PS1='outer> ' bash --norc -i")
	s.sees(term, "outer> ")
	s.types(term, "assent admin --reason 'replace the disk' "+flags+"\n")
	r := s.pending(access("admin"))
	s.act(r.ID, "approve", "go on")
	s.becomes(r.ID, "active")
	s.sees(term, "you are administrator until ")
	s.sees(term, "sudo asks for your password")
	s.types(term, "id -Gn; echo 'in' 'it'\n")
	s.sees(term, "sudo")
	s.sees(term, "in it\r\n")
	return term, r
}

// isNoAdmin makes sure that a user has no place in the group.
func (s *scene) isNoAdmin(user string) {
	s.t.Helper()
	s.until(15*time.Second, func() error {
		if r := s.asRoot("/usr/bin/id", "-Gn", user); slices.Contains(strings.Fields(r.Stdout), "sudo") {
			return fmt.Errorf("%s is in %s", user, r.Stdout)
		}
		return nil
	})
}

func TestE7AdminForAWhile(t *testing.T) {
	s := machineFor(t, "admin")
	other := s.terminal(machine.Bob, "PS1='other> ' bash --norc -i")
	s.sees(other, "other> ")
	term, r := s.becomesAdmin(machine.Bob, "--for 10m")
	if len(r.Caution) == 0 || r.Caution[0].Reason != "full_root" {
		t.Errorf("the approver sees %+v", r.Caution)
	}
	s.types(term, "sudo id -un\n")
	s.sees(term, "password for bob:")
	s.types(term, "secret99\n")
	s.sees(term, "root\r\n")
	s.sees(term, "$ ") // what is typed before, sudo may still take for its program
	s.types(other, "id -Gn; sudo -n id -un; echo \"code $?\"\n")
	s.sees(other, "code 1\r\n")
	if strings.Contains(other.Text(), "sudo\r\n") || strings.Contains(other.Text(), "root\r\n") {
		t.Errorf("the other session has it too:\n%s", other.Text())
	}
	s.types(term, "sudo sh -c 'echo \"bob ALL=(ALL) NOPASSWD: ALL\" > /etc/sudoers.d/x; cp /bin/true /usr/local/bin/helper; chmod 4755 /usr/local/bin/helper; usermod -aG docker bob 2>/dev/null; echo planted'\n")
	s.sees(term, "planted\r\n")
	s.sees(term, "$ ")
	s.types(term, "exit\n")
	s.sees(term, "you are not administrator any more")
	s.sees(term, "outer> ")
	done := s.endedAs(r.ID, "ended", "completed")
	s.isNoAdmin(machine.Bob)
	s.asRoot("/bin/rm", "/etc/sudoers.d/x", "/usr/local/bin/helper")
	for what, name := range map[string]string{"sudoers": "/etc/sudoers.d/x", "setuid": "/usr/local/bin/helper"} {
		if !slices.ContainsFunc(done.Changes, func(c client.Change) bool { return c.What == what && c.Name == name && c.How == "added" }) {
			t.Errorf("%s %s is not among the changes: %+v", what, name, done.Changes)
		}
	}
	if slices.ContainsFunc(done.Changes, func(c client.Change) bool { return c.What == "admin_group" }) {
		t.Errorf("what we did ourselves is told as a change: %+v", done.Changes)
	}
	items, err := client.Get[client.Timeline](t.Context(), s.api, "/requests/"+r.ID+"/timeline", nil)
	if err != nil || !slices.ContainsFunc(items.Items, func(i client.TimelineItem) bool {
		return i.Kind == "grant.changes" && strings.Contains(i.Text, "/etc/sudoers.d/x added")
	}) {
		t.Errorf("%v %+v", err, items.Items)
	}
	s.nothing()
	s.asks(machine.Bob)
}

// TestE7AdministratorsAreNotAsked: who has the rights anyway is told so.
func TestE7AdministratorsAreNotAsked(t *testing.T) {
	s := machineFor(t, "admin")
	r := s.typed(machine.Carol, "assent admin --reason 'just to be sure'")
	if r.Code == 0 || !strings.Contains(r.Stderr, "administrator already") {
		t.Errorf("%s", r)
	}
	if all, err := s.list("pending"); err != nil || len(all) != 0 {
		t.Errorf("%v, somebody is asked: %+v", err, all)
	}
	if r := s.typed(machine.Carol, "sudo -n id -un"); strings.TrimSpace(r.Stdout) != "root" {
		t.Errorf("carol has lost her rights: %s", r)
	}
}

// TestE7AdminEnds: every way in which it ends takes back the group, the shell, what
// became root in it, and log-ins that were made meanwhile.
func TestE7AdminEnds(t *testing.T) {
	s := machineFor(t, "admin-ends")
	before := s.terminal(machine.Bob, "PS1='before> ' bash --norc -i")
	s.sees(before, "before> ")
	for _, row := range []struct {
		name, flags   string
		state, reason string
		end           func(term *machine.Session, r client.Request)
	}{
		{"check-in", "", "ended", "checked_in", func(_ *machine.Session, r client.Request) {
			s.types(before, "assent checkin "+r.ID+"\n") // a log-in of now would have the group, and end with it
			s.sees(before, "ended")
		}},
		{"revoke", "", "revoked", "revoked", func(_ *machine.Session, r client.Request) { s.act(r.ID, "revoke", "enough") }},
		{"lock", "", "ended", "lock", func(*machine.Session, client.Request) { s.asRoot("/usr/bin/loginctl", "lock-sessions") }},
		{"logout", "", "ended", "logout", func(term *machine.Session, _ client.Request) {
			if err := term.Hangup(); err != nil {
				s.t.Error(err)
			}
		}},
		{"deadline", "--for 8s", "expired", "deadline", func(*machine.Session, client.Request) {}},
		{"deadline with the agent killed", "--for 10s", "expired", "deadline", func(*machine.Session, client.Request) {
			s.asRoot("/usr/bin/systemctl", "kill", "-s", "KILL", "assent-agent.service")
		}},
		{"deadline with the agent stopped", "--for 10s", "expired", "deadline", func(*machine.Session, client.Request) {
			s.asRoot("/usr/bin/systemctl", "kill", "-s", "STOP", "assent-agent.service")
			s.isNoAdmin(machine.Bob)
			s.nothing()
			s.asRoot("/usr/bin/systemctl", "kill", "-s", "CONT", "assent-agent.service")
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			outer := s.t
			s.t = t
			defer func() { s.t = outer }()
			term, r := s.becomesAdmin(machine.Bob, row.flags)
			s.types(term, "setsid -f sleep 304; echo started\n")
			s.sees(term, "started\r\n")
			row.end(term, r)
			s.endedAs(r.ID, row.state, row.reason)
			s.isNoAdmin(machine.Bob)
			s.nothing()
			if left := s.asRoot("/usr/bin/pgrep", "-f", "^sleep 304"); left.Code == 0 {
				t.Errorf("it still runs: %s", left)
			}
			s.asks(machine.Bob)
			_ = term.Hangup() // gone already in some rows
		})
	}
}

// TestE7RebootAndRemovalLeaveNoAdmin: the machine loses power while somebody is
// administrator; nothing is left before anybody can log in. Removal takes it back too.
func TestE7RebootAndRemovalLeaveNoAdmin(t *testing.T) {
	s := machineFor(t, "admin-reboot")
	_, r := s.becomesAdmin(machine.Bob, "--for 1h")
	if err := s.machine.PowerCut(); err != nil {
		t.Fatal(err)
	}
	if err := s.machine.Boot(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := s.typed(machine.Bob, "id -Gn"); got.Code != 0 || slices.Contains(strings.Fields(got.Stdout), "sudo") {
		t.Errorf("the first log-in has %s", got)
	}
	s.endedAs(r.ID, "ended", "reboot")

	_, r = s.becomesAdmin(machine.Bob, "--for 1h")
	if got := s.asRoot("/usr/local/bin/assent-agent", "uninstall"); got.Code != 0 {
		t.Errorf("%s", got)
	}
	s.isNoAdmin(machine.Bob)
	if got := s.asRoot("/usr/bin/pgrep", "-u", "bob", "-f", "^-bash"); got.Code == 0 {
		t.Errorf("the shell outlived the removal: %s", got)
	}
}
