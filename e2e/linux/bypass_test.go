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

// TestBypassShellEscape: a shell out of an editor is in its tree, is marked
// beforehand, and ends with the grant, also what hides in a session of its own.
func TestBypassShellEscape(t *testing.T) {
	s := machineFor(t, "sudo")
	for _, how := range []string{"sudo", "assent run --"} {
		term := s.terminal(machine.Alice, how+" vi -u NONE /etc/hostname")
		s.sees(term, "Reason:")
		s.types(term, "the name of the machine is wrong\n")
		r := s.pending(program("/usr/bin/vim.tiny"))
		if !slices.ContainsFunc(r.Caution, func(c client.Caution) bool { return c.Reason == "unbounded" }) {
			t.Errorf("%s: the approver is not warned: %+v", how, r.Caution)
		}
		s.act(r.ID, "approve", "")
		s.becomes(r.ID, "active")
		s.sees(term, "hostname")
		s.types(term, ":!setsid sh -c 'setsid sleep 4711 &' ; sleep 4712\r")
		s.breathes("sleep 471[1]", true)
		s.breathes("sleep 471[2]", true)
		s.act(r.ID, "revoke", "enough")
		s.breathes("sleep 471[1]", false)
		s.breathes("sleep 471[2]", false)
		s.breathes("vim.tin[y]", false)
		s.ends(term)
	}
}

// breathes waits until a command line runs, or none does. The pattern must not fit
// itself: it stands in the command line that looks for it.
func (s *scene) breathes(line string, want bool) {
	s.t.Helper()
	s.until(30*time.Second, func() error {
		if got := s.asRoot("/usr/bin/pgrep", "-af", line); (got.Code == 0) != want {
			return fmt.Errorf("%q runs: %s", line, got)
		}
		return nil
	})
}

// TestBypassFromTheOutside: variables, loaders, arguments, mounts and names, over
// ssh, with a rule that approves one command exactly.
func TestBypassFromTheOutside(t *testing.T) {
	s := machineFor(t, "sudo")
	s.rules("rules:\n- name: one\n  match: {path: /usr/bin/cat, args: [/etc/machine-id]}\n  then: approve\n- name: who\n  match: {path: /usr/bin/id, args: [-u]}\n  then: approve\n")
	s.asRoot("/bin/rm", "-f", "/root/ran")
	s.typed(machine.Alice, `mkdir -p ~/evil; printf '#!/bin/sh\ntouch /root/ran\nid -u\n' >~/evil/id; chmod 755 ~/evil/id; ln -sf /usr/bin/cat ~/evil/cat; ln -f /usr/bin/cat ~/evil/hard 2>/dev/null; cp /usr/bin/cat ~/evil/copy`)
	for _, line := range []string{"sudo -n cat /etc/machine-id", "assent run --reason x -- cat /etc/machine-id", "cd /etc; sudo -n /usr/bin/../bin/cat /etc/machine-id"} {
		if got := s.typed(machine.Alice, line); got.Code != 0 || len(got.Stdout) != 33 {
			t.Errorf("%s: %s", line, got)
		}
	}
	before, err := s.list("all")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		`sudo -n cat "/etc/machine-id /etc/shadow"`, `sudo -n cat /etc/machine-id /etc/shadow`, `sudo -n cat /etc/machine-id ""`, `sudo -n cat -- /etc/machine-id`,
		`sudo -n cat /etc/../etc/machine-id`, `sudo -n /lib64/ld-linux-x86-64.so.2 /usr/bin/cat /etc/machine-id`, `sudo -n env cat /etc/machine-id`,
		`sudo -n sh -c "cat /etc/machine-id"`, `sudo -n bash -c "cat /etc/machine-id"`, `sudo -n ~/evil/cat /etc/shadow`, `sudo -n ~/evil/copy /etc/machine-id`,
		`sudo -n ~/evil/hard /etc/machine-id`, `sudo -n -s cat /etc/machine-id`, `sudo -n -i cat /etc/machine-id`, `sudo -n -u '#-1' id -u`, `sudo -n -u '#4294967295' id -u`,
		`sudo -n LD_PRELOAD=/tmp/x.so cat /etc/machine-id`, `sudo -n -E cat /etc/machine-id`, `sudo -n -R / cat /etc/machine-id`, `sudo -n -g root cat /etc/machine-id`,
		`sudo -n -h other cat /etc/machine-id`, `sudo -n -C 9 cat /etc/machine-id`, `sudo -n -T 5 cat /etc/machine-id`,
	} {
		if got := s.typed(machine.Alice, line); got.Code == 0 || strings.Contains(got.Stdout, "root:") || len(got.Stdout) == 33 {
			t.Errorf("%s: %s", line, got)
		}
	}
	after, err := s.list("all")
	if err != nil || len(after) != len(before) {
		t.Errorf("%d requests were made by probes, %v", len(after)-len(before), err)
	}
	for _, line := range []string{
		`PATH=~/evil:$PATH LD_PRELOAD=~/evil/x.so LD_AUDIT=~/evil/x.so GCONV_PATH=~/evil BASH_ENV=~/evil/id ENV=~/evil/id IFS=/ PYTHONPATH=~/evil sudo -n id -u`,
		`PATH=~/evil:$PATH LD_PRELOAD=~/evil/x.so BASH_ENV=~/evil/id assent run --reason x -- id -u`,
		`unshare -Urm sh -c 'mount --bind ~/evil/id /usr/bin/id; assent run --reason x -- /usr/bin/id -u'`,
		`unshare -Urm sh -c 'mount --bind ~/evil/id /usr/bin/id; sudo -n /usr/bin/id -u'`,
		`exec 9<~/evil/id; sudo -n id -u; assent run --reason x -- id -u`,
	} {
		s.typed(machine.Alice, line)
		if r := s.asRoot("/usr/bin/find", "/root/ran"); r.Code == 0 {
			t.Errorf("%s: it ran what alice brought", line)
			s.asRoot("/bin/rm", "-f", "/root/ran")
		}
	}
}
