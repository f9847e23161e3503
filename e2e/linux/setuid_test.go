package linux

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/machine"
)

// aroundSudo is what the endpoints of a scene told of programs that nobody held.
func (s *scene) aroundSudo(path string) []client.SeenAttempt {
	s.t.Helper()
	all, err := client.All[client.SeenAttempt](s.t.Context(), s.api, "/attempts", url.Values{"kind": {"around"}}, 500)
	if err != nil {
		s.t.Fatal(err)
	}
	var list []client.SeenAttempt
	for _, x := range all {
		if x.Path == path {
			list = append(list, x)
		}
	}
	return list
}

// heldIs sets what is done with setuid programs and waits until the agent does it.
func (s *scene) heldIs(stance string) {
	s.t.Helper()
	holds := func(want bool) {
		s.t.Helper()
		s.until(20*time.Second, func() error {
			log := s.machine.Journal(s.t.Context(), "assent-agent.service")
			begun, over := strings.LastIndex(log, "setuid programs are held now"), strings.LastIndex(log, "setuid programs are not held any more")
			over = max(over, strings.LastIndex(log, "setuid programs are watched")) // a new start of the agent
			if held := begun > over; held != want {
				return fmt.Errorf("setuid programs are held: %v", held)
			}
			return nil
		})
	}
	s.putSetuid("off")
	holds(false)
	s.putSetuid(stance)
	holds(true)
}

// notPermitted reports whether the system refused to start a program.
func notPermitted(r machine.Result) bool {
	return strings.Contains(r.Stderr+r.Stdout, "not permitted")
}

func (s *scene) putSetuid(stance string) {
	s.t.Helper()
	var out client.Policies
	items := []client.Policy{{Name: "all", Mode: "ask", Mechanisms: map[string]string{"setuid": stance}}}
	if err := s.api.Call(s.t.Context(), "PUT", "/policies", nil, client.PutPolicies{Items: items}, &out); err != nil {
		s.t.Fatal(err)
	}
}

// TestE3SuIsSeen: whoever goes round by su is told of, and nothing is held.
func TestE3SuIsSeen(t *testing.T) {
	s := machineFor(t, "setuid")
	term := s.terminal(machine.Alice, "su -c id")
	s.sees(term, "Password:")
	_ = term.Hangup()
	again := time.Now()
	s.until(100*time.Second, func() error {
		for _, x := range s.aroundSudo("/usr/bin/su") {
			if x.User.Name == machine.Alice {
				return nil
			}
		}
		if time.Since(again) > 5*time.Second { // the agent may have begun to look only after the first
			again = time.Now()
			s.typed(machine.Alice, "su -c id </dev/null")
		}
		return fmt.Errorf("su is not told of")
	})
	if got := s.asRoot("/usr/bin/su", "-", machine.Alice, "-c", "id -un"); strings.TrimSpace(got.Stdout) != machine.Alice {
		t.Errorf("root's su: %s", got)
	}
}

// TestE3SuIsHeldAndDenied: where the policy says so, su is refused to people, with
// a line that says what to do, and nobody who has rights of their own is held.
func TestE3SuIsHeldAndDenied(t *testing.T) {
	s := machineFor(t, "setuid")
	s.heldIs("deny")
	term := s.terminal(machine.Alice, "")
	s.types(term, "su -c id; echo ended=$?\n")
	s.sees(term, "/usr/bin/su is not allowed here; ask for the command itself: assent run -- COMMAND")
	s.sees(term, "ended=126")
	for _, other := range []string{"newgrp sudo", "sg sudo -c id", "/bin/su root -c id", "ln -s /usr/bin/su /tmp/s; /tmp/s -c id", "/usr/bin/env su -c id"} {
		if got := s.typed(machine.Alice, other+" </dev/null"); !notPermitted(got) {
			t.Errorf("%s: %s", other, got)
		}
	}
	if got := s.typed(machine.Alice, "passwd --status </dev/null"); got.Code != 0 {
		t.Errorf("passwd is held: %s", got)
	}
	if got := s.asRoot("/usr/bin/su", "-", machine.Alice, "-c", "id -un"); strings.TrimSpace(got.Stdout) != machine.Alice {
		t.Errorf("root's su: %s", got)
	}
	if got := s.typed(machine.Carol, "sudo -n id -u"); strings.TrimSpace(got.Stdout) != "0" {
		t.Errorf("sudo with rights: %s", got)
	}
	s.putSetuid("off")
	s.until(20*time.Second, func() error {
		if got := s.typed(machine.Alice, "su -c id </dev/null"); notPermitted(got) {
			return fmt.Errorf("su is still held: %s", got)
		}
		return nil
	})
}

// TestE3SuIsAskedFor: a held su goes on when a rule approves it, is refused when
// one denies it, and goes on as ever when nobody answers in time.
func TestE3SuIsAskedFor(t *testing.T) {
	s := machineFor(t, "setuid")
	s.heldIs("ask")
	s.rules("rules:\n  - {name: no-su, match: {path: /usr/bin/su}, then: deny, message: {en: \"Not here.\"}}\n")
	if got := s.typed(machine.Alice, "su -c id </dev/null"); !notPermitted(got) {
		t.Errorf("denied by a rule: %s", got)
	}
	s.rules("rules: []\n")
	begun := time.Now()
	term := s.terminal(machine.Bob, "su -c id")
	s.sees(term, "needs an approval")
	s.until(40*time.Second, func() error {
		if !strings.Contains(term.Text(), "Password:") {
			return fmt.Errorf("su does not go on: %s", term.Text())
		}
		return nil
	})
	if took := time.Since(begun); took < 10*time.Second {
		t.Errorf("it was held for %v", took)
	}
}

// TestE3LoginNeverHangs: while everything is held, people log in, also with the
// agent stopped by a signal, and a killed agent holds nobody.
func TestE3LoginNeverHangs(t *testing.T) {
	s := machineFor(t, "setuid")
	s.heldIs("deny")
	in := func(when string) {
		t.Helper()
		begun := time.Now()
		if got := s.typed(machine.Alice, "id -un"); strings.TrimSpace(got.Stdout) != machine.Alice {
			t.Errorf("%s: %s", when, got)
		}
		t.Logf("%s: logged in after %v", when, time.Since(begun))
	}
	in("held")
	s.asRoot("/usr/bin/systemctl", "kill", "-s", "STOP", "assent-agent.service")
	in("agent stopped by a signal")
	s.withoutAgent()
	in("agent killed")
	term := s.terminal(machine.Alice, "su -c id")
	s.sees(term, "Password:")
	_ = term.Hangup()
	s.asRoot("/usr/bin/systemctl", "restart", "assent-agent.service")
	s.until(20*time.Second, func() error {
		if got := s.typed(machine.Alice, "su -c id </dev/null"); !notPermitted(got) {
			return fmt.Errorf("not held again: %s", got)
		}
		return nil
	})
}

// TestE3ReplacedFileIsMarkedAgain: a package that puts another file at the place of
// su, and a new setuid program, are watched too.
func TestE3ReplacedFileIsMarkedAgain(t *testing.T) {
	s := machineFor(t, "setuid")
	s.heldIs("deny")
	s.asRoot("/bin/sh", "-c", "cp -p /usr/bin/su /usr/bin/su.dpkg-new && mv /usr/bin/su.dpkg-new /usr/bin/su && cp -p /usr/bin/su /usr/local/bin/mysu")
	for _, program := range []string{"/usr/bin/su", "/usr/local/bin/mysu"} {
		s.until(20*time.Second, func() error {
			if got := s.typed(machine.Alice, program+" -c id </dev/null"); !notPermitted(got) {
				return fmt.Errorf("%s is not held: %s", program, got)
			}
			return nil
		})
	}
	if log := s.machine.Journal(t.Context(), "assent-agent.service"); !strings.Contains(log, "a new program runs as root for anybody\" path=/usr/local/bin/mysu") {
		t.Error("a new setuid program is not told of")
	}
	s.asRoot("/usr/bin/rm", "/usr/local/bin/mysu")
}
