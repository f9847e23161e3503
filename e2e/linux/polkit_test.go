package linux

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/machine"
)

// ruleOfPolkit is the file that makes polkit ask.
const ruleOfPolkit = "/etc/polkit-1/rules.d/zz-assent.rules"

// polkitAsks waits until polkit has read the rule and the agent hears of its questions.
func (s *scene) polkitAsks() {
	s.t.Helper()
	s.until(20*time.Second, func() error {
		if _, err := s.machine.Read(ruleOfPolkit); err != nil {
			return err
		}
		s.typed(machine.Bob, "pkexec /usr/bin/true </dev/null")
		if got := s.typed(machine.Bob, "assent list"); !strings.Contains(got.Stdout, "true") {
			return fmt.Errorf("polkit does not ask yet: %s", got)
		}
		return nil
	})
	s.clear()
	for _, user := range []string{machine.Alice, machine.Bob} { // what an earlier scene left without a reason
		for line := range strings.Lines(s.typed(user, "assent list").Stdout) {
			if _, rest, found := strings.Cut(line, "assent answer "); found {
				s.typed(user, "assent cancel "+strings.Fields(rest)[0])
			}
		}
	}
}

// afterwards runs a program as root when the test is over already.
func (s *scene) afterwards(argv ...string) {
	if got, err := s.machine.Exec(context.Background(), argv...); err != nil || got.Code != 0 {
		s.t.Errorf("%v: %s, %v", argv, got, err)
	}
}

// withReason gives the reason for what a user's own list says waits for one, and
// answers the request for path that comes of it.
func (s *scene) withReason(user, listed, path string) client.Request {
	s.t.Helper()
	var id string
	s.until(10*time.Second, func() error {
		list := s.typed(user, "assent list").Stdout
		for line := range strings.Lines(list) {
			if f := strings.Fields(line); strings.Contains(line, listed) && strings.Contains(list, "assent answer "+f[0]+" TEXT") {
				id = f[0]
			}
		}
		if id == "" {
			return errors.New("it does not wait for a reason:\n" + list)
		}
		return nil
	})
	if got := s.typed(user, "assent answer "+id+" 'the certificate expires tonight'"); got.Code != 0 {
		s.t.Fatalf("assent answer: %s", got)
	}
	return s.pending(program(path))
}

// TestE2PkexecAsksAndRetries: the first call is refused and asked for, the user
// gives the reason, the next call passes, and the one after that does not.
func TestE2PkexecAsksAndRetries(t *testing.T) {
	s := machineFor(t, "polkit")
	s.polkitAsks()
	const command = "pkexec /usr/bin/id -u"
	term := s.terminal(machine.Alice, "")
	s.types(term, command+"; echo ended=$?\n")
	s.until(20*time.Second, func() error { // the two are told side by side
		for _, text := range []string{"needs an approval. Give the reason: assent answer ", "ended=127"} {
			if !strings.Contains(term.Text(), text) {
				return fmt.Errorf("%q is not there:\n%s", text, term.Text())
			}
		}
		return nil
	})
	r := s.withReason(machine.Alice, "/usr/bin/id -u", "/usr/bin/id")
	if !slices.Equal(r.Subject.Args, []string{"-u"}) || r.Subject.RunAs != "root" {
		t.Errorf("asked as %+v", r)
	}
	if got := s.typed(machine.Alice, command+" </dev/null"); got.Code != 127 {
		t.Errorf("before the approval: %s", got)
	}
	s.act(r.ID, "approve", "fine")
	s.sees(term, "is approved: run the same command again")
	for _, other := range []string{"pkexec /usr/bin/id", "pkexec /usr/bin/id -g", "pkexec /usr/bin/id '-u '", "pkexec --user bob /usr/bin/id -u", "pkexec --keep-cwd /usr/bin/id -u", "pkexec"} {
		if got := s.typed(machine.Alice, other+" </dev/null"); got.Code != 127 {
			t.Errorf("%s: %s", other, got)
		}
	}
	if got := s.typed(machine.Bob, command+" </dev/null"); got.Code != 127 {
		t.Errorf("another user: %s", got)
	}
	s.types(term, command+"; echo again=$?\n")
	s.sees(term, "0\r\nagain=0")
	s.becomes(r.ID, "ended")
	if got := s.typed(machine.Alice, command+" </dev/null"); got.Code != 127 {
		t.Errorf("used twice: %s", got)
	}
}

// TestE2PkexecRefusesWhatIsNotExact: what can not be asked for exactly is refused and
// says what to do, and a program that runs long ends with its grant.
func TestE2PkexecRefusesWhatIsNotExact(t *testing.T) {
	s := machineFor(t, "polkit")
	s.polkitAsks()
	if got := s.typed(machine.Alice, "cp /usr/bin/id /tmp/mine; pkexec /tmp/mine </dev/null"); got.Code != 127 {
		t.Errorf("a program of the user's own: %s", got)
	}
	if list := s.typed(machine.Alice, "assent list").Stdout; strings.Contains(list, "mine") {
		t.Errorf("it is asked for:\n%s", list)
	}
	s.typed(machine.Alice, "ASSENT_REASON='a long time is needed' pkexec /usr/bin/sleep 300 </dev/null")
	r := s.pending(program("/usr/bin/sleep"))
	if r.Justification == nil || *r.Justification != "a long time is needed" {
		t.Errorf("the reason is %v", r.Justification)
	}
	s.act(r.ID, "approve", "fine")
	s.becomes(r.ID, "available")
	term := s.terminal(machine.Alice, "pkexec /usr/bin/sleep 300")
	s.becomes(r.ID, "active")
	s.act(r.ID, "revoke", "no more")
	if got := s.ends(term); got.Code == 0 {
		t.Errorf("revoked: %s", got)
	}
	s.becomes(r.ID, "revoked")
}

// TestE2SystemctlByActionID: any other program behind polkit is asked for by its
// action and what that is about.
func TestE2SystemctlByActionID(t *testing.T) {
	s := machineFor(t, "polkit")
	s.polkitAsks()
	const policy = "/usr/share/polkit-1/actions/org.freedesktop.systemd1.policy"
	started := func() string {
		return s.asRoot("/usr/bin/systemctl", "show", "-p", "InvocationID", "cron.service", "systemd-logind.service").Stdout
	}
	before := started()
	const command = "systemctl --no-ask-password restart systemd-logind.service"
	if got := s.typed(machine.Alice, command); got.Code == 0 {
		t.Fatalf("without an approval: %s", got)
	}
	r := s.withReason(machine.Alice, "org.freedesktop.systemd1", policy)
	want := []string{"org.freedesktop.systemd1.manage-units", "unit=systemd-logind.service", "verb=restart"}
	if !slices.Equal(r.Subject.Args, want) {
		t.Errorf("asked for %q", r.Subject.Args)
	}
	s.act(r.ID, "approve", "fine")
	s.becomes(r.ID, "available")
	if got := s.typed(machine.Alice, "systemctl --no-ask-password stop systemd-logind.service"); got.Code == 0 {
		t.Errorf("another verb: %s", got)
	}
	if got := s.typed(machine.Alice, command); got.Code != 0 {
		t.Errorf("approved: %s", got)
	}
	if started() == before {
		t.Error("it was not restarted")
	}
	s.becomes(r.ID, "ended")
	if got := s.typed(machine.Alice, command); got.Code == 0 {
		t.Errorf("used twice: %s", got)
	}
}

// TestE2AdministratorsKeepTheirs: whom polkit asks for their own password is not
// asked for anything else.
func TestE2AdministratorsKeepTheirs(t *testing.T) {
	s := machineFor(t, "polkit")
	s.polkitAsks()
	s.asRoot("/usr/sbin/usermod", "-aG", "sudo", machine.Carol)
	t.Cleanup(func() { s.afterwards("/usr/bin/gpasswd", "-d", machine.Carol, "sudo") })
	term := s.terminal(machine.Carol, "pkexec /usr/bin/id -u")
	s.sees(term, "Authenticating as: ")
	s.sees(term, "Password:")
	_ = term.Hangup()
	if list := s.typed(machine.Carol, "assent list").Stdout; strings.Contains(list, "/usr/bin/id") {
		t.Errorf("an administrator is asked for:\n%s", list)
	}
	// An earlier rule of the site's own stands, too.
	site := `polkit.addRule(function(a, s) { if (a.id == "org.freedesktop.policykit.exec" && s.user == "bob") { return polkit.Result.YES; } });`
	if err := s.machine.Write("/etc/polkit-1/rules.d/60-site.rules", []byte(site), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.afterwards("/usr/bin/rm", "/etc/polkit-1/rules.d/60-site.rules") })
	s.until(20*time.Second, func() error {
		if got := s.typed(machine.Bob, "pkexec /usr/bin/id -u </dev/null"); got.Code != 0 || strings.TrimSpace(got.Stdout) != "0" {
			return errors.New(got.String())
		}
		return nil
	})
}

// TestE2PolkitThatComesLater: while polkit's folder is missing that is said, the rest
// of the agent works, and once it is there polkit asks without a new start.
func TestE2PolkitThatComesLater(t *testing.T) {
	s := machineFor(t, "polkit-down")
	folder := filepath.Dir(ruleOfPolkit)
	s.asRoot("/bin/mv", folder, "/root/rules.d")
	s.asRoot("/usr/bin/systemctl", "restart", "assent-agent.service")
	s.until(20*time.Second, func() error {
		said := s.typed(machine.Alice, "assent status")
		for line := range strings.Lines(said.Stdout) {
			if strings.HasPrefix(line, "polkit ") && strings.Contains(line, "not intercepted, tried again at ") {
				return nil
			}
		}
		return fmt.Errorf("nobody is told: %s", said)
	})
	doctor := s.asRoot("/usr/local/bin/assent-agent", "doctor")
	if !strings.Contains(doctor.Stdout, "warn: interception: polkit is not intercepted: ") || !strings.Contains(doctor.Stdout, "ok: setuid: ") {
		t.Errorf("doctor: %s", doctor)
	}
	if state := s.asRoot("/usr/bin/systemctl", "show", "-p", "ActiveState,StatusText", "assent-agent.service"); !strings.Contains(state.Stdout, "ActiveState=active") {
		t.Errorf("the agent: %s", state)
	}
	pid := s.asRoot("/usr/bin/systemctl", "show", "-p", "MainPID", "assent-agent.service").Stdout
	s.asRoot("/bin/mv", "/root/rules.d", folder)
	s.until(40*time.Second, func() error {
		if said := s.typed(machine.Alice, "assent status"); strings.Contains(said.Stdout, "not intercepted") {
			return fmt.Errorf("it is not tried again: %s", said)
		}
		return nil
	})
	s.polkitAsks()
	if now := s.asRoot("/usr/bin/systemctl", "show", "-p", "MainPID", "assent-agent.service").Stdout; now != pid {
		t.Errorf("another agent serves it: %s, was %s", now, pid)
	}
}

// TestE2AgentDownChangesNothing: without an agent polkit asks as it did before,
// killed or stopped in order, and at once.
func TestE2AgentDownChangesNothing(t *testing.T) {
	s := machineFor(t, "polkit-down")
	s.polkitAsks()
	asksPassword := func(when string) {
		t.Helper()
		begun := time.Now()
		term := s.terminal(machine.Alice, "pkexec /usr/bin/id -u")
		s.sees(term, "Password:")
		t.Logf("%s: %v until the password is asked for", when, time.Since(begun))
		_ = term.Hangup()
	}
	s.asRoot("/usr/bin/systemctl", "kill", "-s", "STOP", "assent-agent.service")
	asksPassword("stopped by a signal")
	s.asRoot("/usr/bin/systemctl", "kill", "-s", "CONT", "assent-agent.service")
	s.withoutAgent()
	if _, err := s.machine.Read(ruleOfPolkit); err != nil {
		t.Errorf("the rule of a killed agent: %v", err)
	}
	asksPassword("killed")
	s.asRoot("/usr/bin/systemctl", "restart", "assent-agent.service")
	s.polkitAsks()
	s.asRoot("/usr/bin/systemctl", "stop", "assent-agent.service")
	if _, err := s.machine.Read(ruleOfPolkit); err == nil {
		t.Error("a stopped agent leaves its rule")
	}
	asksPassword("stopped")
	s.asRoot("/usr/bin/systemctl", "start", "assent-agent.service")
	s.polkitAsks()
	if got := s.asRoot("/usr/local/bin/assent-agent", "doctor"); !strings.Contains(got.Stdout, "ok: polkit: ") || !strings.Contains(got.Stdout, "ok: setuid: ") {
		t.Errorf("doctor: %s", got)
	}
	if err := s.machine.Write("/etc/assent/agent.toml", []byte("polkit = false\nsetuid = false\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s.asRoot("/usr/bin/systemctl", "restart", "assent-agent.service")
	if _, err := s.machine.Read(ruleOfPolkit); err == nil {
		t.Error("with polkit = false there is a rule")
	}
	s.asRoot("/usr/bin/rm", "/etc/assent/agent.toml")
	s.asRoot("/usr/bin/systemctl", "restart", "assent-agent.service")
	s.polkitAsks()
	if got := s.asRoot("/usr/local/bin/assent-agent", "uninstall"); got.Code != 0 {
		t.Errorf("uninstall: %s", got)
	}
	if _, err := s.machine.Read(ruleOfPolkit); err == nil {
		t.Error("an uninstalled agent leaves its rule")
	}
}
