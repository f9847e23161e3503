package linux

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/assent-epm/assent/e2e/machine"
)

// ownPassword is what alice and bob type in these scenes.
const ownPassword = "secret99"

// confirmed are rules that approve, and want the password of whoever asked.
const confirmed = "rules:\n- {name: mine, match: {path: /usr/bin/id}, then: approve, require: {confirm: password}}\n" +
	"- {name: too, match: {path: /usr/bin/touch}, then: approve, require: {confirm: password}}\n"

func (s *scene) setPassword(user string) {
	s.t.Helper()
	if got := s.asRoot("/bin/sh", "-c", "echo "+user+":"+ownPassword+" | chpasswd"); got.Code != 0 {
		s.t.Fatalf("chpasswd: %s", got)
	}
}

// willType are the passwords that alice types into dialogs from now on.
func (s *scene) willType(passwords ...string) {
	s.t.Helper()
	if got := s.typed(machine.Alice, "printf '"+strings.Join(passwords, `\n`)+`\n' >/tmp/typed.alice`); got.Code != 0 {
		s.t.Fatal(got)
	}
}

// TestE9DesktopPassword: what is approved and wants a password, and was tried without
// a terminal, asks for it in a dialog on the person's desktop: polkit's action
// passes at the next try, a held sudo goes on. Three wrong ones end it with a word.
func TestE9DesktopPassword(t *testing.T) {
	s := machineFor(t, "polkit")
	s.polkitAsks()
	s.rules(confirmed)
	s.setPassword(machine.Alice)
	session := s.desktop()

	s.willType("not it", ownPassword)
	s.typed(machine.Alice, "pkexec /usr/bin/touch /root/confirmed </dev/null")
	s.sees(session, "Confirmed: /usr/bin/touch /root/confirmed")
	if _, err := s.machine.Read("/root/confirmed"); err == nil {
		t.Error("it ran before anybody was asked to run it")
	}
	asked, err := s.machine.Read("/tmp/asked." + machine.Alice)
	if err != nil || !strings.Contains(string(asked), "Approved: /usr/bin/touch /root/confirmed.") || !strings.Contains(string(asked), "That was not the password. Tries left: 2") {
		t.Errorf("the dialog asked %s, %v", asked, err)
	}
	id := regexp.MustCompile(`notice (\d+) Confirmed`).FindStringSubmatch(session.Text())
	s.types(session, "press "+id[1]+" run\n")
	s.until(waitLong, func() error {
		_, err := s.machine.Read("/root/confirmed")
		return err
	})

	s.willType(ownPassword)
	got := s.typed(machine.Alice, "sudo /usr/bin/id -un </dev/null")
	if got.Code != 0 || strings.TrimSpace(got.Stdout) != "root" || !strings.Contains(got.Stderr, "Your password is asked for on your desktop.") {
		t.Errorf("sudo: %s", got)
	}

	s.willType("one", "two", "three", ownPassword)
	if got = s.typed(machine.Alice, "assent run -- /usr/bin/id -un </dev/null"); got.Code != 77 || !strings.Contains(got.Stderr, "3 were wrong") {
		t.Errorf("three wrong ones: %s", got)
	}
	s.sees(session, "Not confirmed: /usr/bin/id -un")
	if got = s.typed(machine.Bob, "sudo /usr/bin/id -un </dev/null"); got.Code != 1 || !strings.Contains(got.Stderr, "run it at a terminal") {
		t.Errorf("without a desktop: %s", got)
	}

	log, _ := s.machine.Read("/tmp/desktop.log")
	for what, text := range map[string]string{"the agent's log": s.machine.Journal(t.Context(), "assent-agent.service"), "the desktop's log": string(log), "what dialogs were called with": string(asked), "the screen": session.Text()} {
		if strings.Contains(text, ownPassword) || strings.Contains(text, "not it") {
			t.Errorf("%s has a password", what)
		}
	}
	s.types(session, "\x04")
	s.ends(session)
}

// moveToDirectory takes alice out of this machine's files: from now on only another
// source of the name services knows her, her groups and her password.
func (s *scene) moveToDirectory() {
	s.t.Helper()
	s.setPassword(machine.Alice)
	const move = `set -eu
mkdir -p /var/lib/extrausers
for f in passwd shadow group; do
	grep ^alice: /etc/$f >/var/lib/extrausers/$f
	sed -i /^alice:/d /etc/$f
done
sed -i /^alice:/d /etc/gshadow
chgrp shadow /var/lib/extrausers/shadow && chmod 640 /var/lib/extrausers/shadow
sed -Ei 's/^(passwd|group|shadow):.*/\1: files extrausers/' /etc/nsswitch.conf
getent passwd alice && ! grep -q alice /etc/passwd /etc/shadow /etc/group`
	if got := s.asRoot("/bin/sh", "-c", move); got.Code != 0 {
		s.t.Fatalf("alice can not be moved: %s", got)
	}
}

// TestDirectoryAccounts: somebody whom only a directory knows (here a module of the
// name services) confirms with their password by PAM, and is administrator for a
// while. Without the service for PAM they are told that it can not be checked.
func TestDirectoryAccounts(t *testing.T) {
	s := machineFor(t, "directory")
	s.moveToDirectory()
	s.rules(confirmed)
	term := s.terminal(machine.Alice, "sudo id -un")
	s.sees(term, "Password of alice, to confirm:")
	s.types(term, ownPassword+"\n")
	if got := s.ends(term); got.Code != 1 || !strings.Contains(strings.Join(strings.Fields(got.Stdout), " "), "can not be checked on this machine") {
		t.Errorf("without a service: %s", got)
	}

	service, err := os.ReadFile(filepath.Join("..", "..", "installer", "etc", "assent.pam.deb"))
	if err == nil {
		err = s.machine.Write("/etc/pam.d/assent", service, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"sudo id -un", "assent run -- id -un"} {
		term = s.terminal(machine.Alice, command)
		s.sees(term, "Password of alice, to confirm:")
		s.types(term, "not it\n")
		s.sees(term, "that is not the password of this account")
		s.sees(term, "to confirm:") // what is typed before, the question throws away
		s.types(term, ownPassword+"\n")
		if got := s.ends(term); got.Code != 0 || !strings.Contains(got.Stdout, "root") {
			t.Errorf("%s: %s", command, got)
		}
	}

	s.rules("rules: []\n")
	term, r := s.becomesAdmin(machine.Alice, "--for 10m")
	s.types(term, "sudo id -un\n")
	s.sees(term, "password for alice:")
	s.types(term, ownPassword+"\n")
	s.sees(term, "root\r\n")
	s.sees(term, "$ ") // what is typed before, sudo may still take for its program
	s.types(term, "exit\n")
	s.sees(term, "outer> ")
	s.endedAs(r.ID, "ended", "completed")
	s.isNoAdmin(machine.Alice)
	if got := s.asRoot("/bin/sh", "-c", "grep alice /etc/group /etc/gshadow"); got.Code == 0 {
		t.Errorf("she is still in the files: %s", got)
	}
	s.nothing()
	s.asks(machine.Alice)
}
