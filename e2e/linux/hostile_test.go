package linux

import (
	"strings"
	"testing"
)

// TestALinkIsNotItsProgram: a rule approves one program with one argument; the
// same file under the name of a link is another program and asks a person.
func TestALinkIsNotItsProgram(t *testing.T) {
	w := machineFor(t, "life")
	w.rules("rules:\n  - {name: help, match: {path: /usr/bin/systemctl, args: [--help]}, then: approve}\n")
	if r := w.typed("alice", "sudo -n systemctl --help | head -n1"); !strings.HasPrefix(r.Stdout, "systemctl") {
		t.Fatalf("the rule does not approve: %s", r)
	}
	for _, command := range []string{"sudo -n halt --help", "assent run --wait 0 --reason 'a test of names' -- halt --help"} {
		if r := w.typed("alice", command); r.Code == 0 && strings.Contains(r.Stdout, "halt") {
			t.Errorf("%s: a rule for systemctl approved it: %s", command, r)
		}
	}
	r := w.pending(program("/usr/bin/systemctl"))
	if len(r.Caution) == 0 || r.Caution[0].Reason != "called_as" || !strings.Contains(r.Caution[0].Fact, "halt") {
		t.Errorf("the approver is not told the name: %+v", r.Caution)
	}
}

// TestNobodyElseIsBecome tries what sudo or its callers have fallen for before.
func TestNobodyElseIsBecome(t *testing.T) {
	w := machineFor(t, "life")
	w.rules("rules:\n  - {name: id, match: {path: /usr/bin/id, args: [-u]}, then: approve}\n")
	for _, command := range []string{
		"sudo -n -u '#-1' id -u", "sudo -n -u '#4294967295' id -u", "sudo -n -u '#0x0' id -u", "sudo -n -u '' id -u",
		"sudo -n -h other id -u", "sudo -n -R / id -u", "sudo -n -D /tmp id -u", "sudo -n -D ~ id -u", "sudo -n -g root id -u", "sudo -n -E id -u",
		"sudo -n LD_PRELOAD=/tmp/x.so id -u", "sudo -n PATH=/tmp id -u", "sudo -n -C 3 id -u", "sudo -n -T 5 id -u",
		"sudo -n /proc/self/root/usr/bin/id -u", "cd /usr/bin && sudo -n /proc/self/cwd/id -u",
		"sudo -n id '-u '", "sudo -n id ' -u'", "sudo -n id -u ''", "sudo -n 'id -u'", "sudo -n -- -u id",
		"assent run --as '#-1' -- id -u", "assent run --as '#4294967295' -- id -u", "assent run --as '' -- /proc/self/exe -u",
	} {
		if r := w.typed("alice", command+" </dev/null"); r.Code == 0 || strings.TrimSpace(r.Stdout) == "0" {
			t.Errorf("%s ran: %s", command, r)
		}
	}
	if r := w.typed("alice", "sudo -n id -u"); r.Stdout != "0\n" {
		t.Errorf("the plain command: %s", r)
	}
}

// TestInstallFromAUsersFolder: root must not be made to run, at every start, a
// program that somebody else can replace.
func TestInstallFromAUsersFolder(t *testing.T) {
	w := machineFor(t, "life")
	w.sh("mkdir -p D && cp /usr/local/bin/assent-agent /usr/local/bin/assent_sudo.so D/ && chown -R alice D", "/home/alice/checkout")
	r, err := w.machine.Exec(t.Context(), "/home/alice/checkout/assent-agent", "install")
	if err != nil {
		t.Fatal(err)
	}
	if r.Code == 0 || !strings.Contains(r.Stderr+r.Stdout, "can be changed by others than root") {
		t.Errorf("installed: %s", r)
	}
	unit, err := w.machine.Read("/etc/systemd/system/assent-agent.service")
	if err != nil || strings.Contains(string(unit), "checkout") {
		t.Errorf("the unit was changed: %v\n%s", err, unit)
	}
}
