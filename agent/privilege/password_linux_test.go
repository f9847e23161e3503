package privilege

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assent-epm/assent/e2e/testgroup"
)

// TestPasswordsOfADirectory: our program asks the real PAM of this machine, by a
// service in which a module of PAM's own hands the password to a script. Accounts
// that no file here knows are checked like that, and only like that.
func TestPasswordsOfADirectory(t *testing.T) {
	testgroup.Need(t, "root")
	testgroup.Need(t, "shim")                                // a compiler
	dir, err := os.MkdirTemp("/var/lib", "assent-pam-test-") // of folders that only root can write
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	program := filepath.Join(dir, "assent_pam")
	if out, err := exec.Command("cc", "-std=c11", "-O2", "-fPIE", "-pie", "-Wall", "-Wextra", "-Werror", "-o", program, "pam/assent_pam.c", "-ldl").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	script := filepath.Join(dir, "directory")
	text := "#!/bin/sh\n[ \"$PAM_SERVICE $PAM_USER\" = 'assent dora@example' ] || exit 1\nread -r typed\n[ \"$typed\" = 'geheim wort' ]\n"
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(PAMService); err == nil {
		t.Skip("this machine has a service of its own")
	}
	t.Cleanup(func() { os.Remove(PAMService) })
	serve := func(text string, mode os.FileMode) {
		t.Helper()
		if err := errors.Join(os.WriteFile(PAMService, []byte(text), 0o644), os.Chmod(PAMService, mode)); err != nil {
			t.Fatal(err)
		}
	}
	p := Passwords{PAM: program}
	check := func(what, user, password string, want error) {
		t.Helper()
		if err := p.Check(t.Context(), user, password); !errors.Is(err, want) || err != nil && (want == nil || strings.Contains(err.Error(), "wort")) {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
	}
	check("without a service", "dora@example", "geheim wort", ErrNoPassword)
	const ask, otherwise = "auth [success=done default=ignore] pam_exec.so ", "\nauth required pam_deny.so\n"
	serve(ask+"expose_authtok quiet "+script+otherwise, 0o644)
	check("the right one", "dora@example", "geheim wort", nil)
	check("a wrong one", "dora@example", "geheim", ErrPassword)
	check("somebody else", "carl@example", "geheim wort", ErrPassword)
	check("none", "dora@example", "", ErrPassword)
	check("one with a zero byte", "dora@example", "geheim wort\x00", ErrPassword)
	check("the longest", "dora@example", strings.Repeat("x", MaxPassword), ErrPassword)
	check("too long", "dora@example", strings.Repeat("x", MaxPassword+1), ErrPassword)
	check("an option", "--help", "geheim wort", ErrNoPassword)
	check("nobody", "", "geheim wort", ErrNoPassword)
	serve(ask+"quiet "+script+otherwise, 0o644)
	check("a service that never asks", "dora@example", "geheim wort", ErrPassword)
	serve("auth required pam_no_such_module.so\n", 0o644)
	check("a service that can not begin", "dora@example", "geheim wort", ErrNoPassword)
	serve("auth required pam_permit.so\n", 0o666)
	check("a service that anybody can change", "dora@example", "geheim wort", ErrNoPassword)
	if p.asksPAM() {
		t.Error("it would be asked")
	}
	if (Passwords{PAM: filepath.Join(dir, "none")}).asksPAM() || (Passwords{}).asksPAM() {
		t.Error("what is not there would be asked")
	}
}
