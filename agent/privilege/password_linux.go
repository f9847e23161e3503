package privilege

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/assent-epm/assent/shared/inert"
)

// passwordCheckers are where distributions keep the program by which PAM checks
// passwords of /etc/shadow (pam_unix). It takes the password and a zero byte.
var passwordCheckers = []string{"/usr/sbin/unix_chkpwd", "/sbin/unix_chkpwd"}

const (
	passwordTime = 10 * time.Second // it waits a moment after a wrong one
	pamTime      = 30 * time.Second // a directory may be far away

	// Exit codes of our program that asks PAM (pam/assent_pam.c).
	pamWrong = 1
)

func passwordChecker() string {
	for _, path := range passwordCheckers {
		if only, err := RootOnly(path); err == nil && only {
			return path
		}
	}
	return ""
}

func (p Passwords) possible() bool { return passwordChecker() != "" || p.asksPAM() }

// asksPAM reports whether there are both our program and a service for it. Without
// a service PAM would take the one for everything else, which may let anybody in.
func (p Passwords) asksPAM() bool {
	if p.PAM == "" {
		return false
	}
	for _, path := range []string{p.PAM, PAMService} {
		if only, err := RootOnly(path); err != nil || !only {
			return false
		}
	}
	return true
}

// check asks for accounts of this machine the way that can do the least, and PAM
// for all others.
func (p Passwords) check(ctx context.Context, user, password string) error {
	if password == "" || len(password) > MaxPassword || strings.ContainsRune(password, 0) {
		return ErrPassword
	}
	if user == "" || strings.HasPrefix(user, "-") || strings.ContainsRune(user, 0) {
		return ErrNoPassword
	}
	known, err := shadowed(user)
	if err != nil {
		return errors.Join(ErrNoPassword, err)
	}
	if program := passwordChecker(); known && program != "" {
		code, _, err := askPassword(ctx, passwordTime, password, program, user, "nonull")
		if err == nil && code != 0 {
			err = ErrPassword
		}
		return err
	}
	if !p.asksPAM() {
		return ErrNoPassword
	}
	code, said, err := askPassword(ctx, pamTime, password, p.PAM, user)
	switch {
	case err != nil:
		return err
	case code == 0:
		return nil
	case code == pamWrong:
		return ErrPassword
	}
	return fmt.Errorf("%w: PAM says: %s", ErrNoPassword, inert.Clip(inert.Text(strings.TrimSpace(said)), 200))
}

// askPassword hands a password to a program that answers by its exit code.
func askPassword(ctx context.Context, within time.Duration, password, program string, args ...string) (code int, said string, err error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var words strings.Builder
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env, cmd.Dir, cmd.WaitDelay = []string{"LC_ALL=C"}, "/", time.Second
	cmd.Stdin, cmd.Stderr = strings.NewReader(password+"\x00"), &words
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0, "", nil
	case errors.As(err, &exit) && exit.Exited():
		return exit.ExitCode(), words.String(), nil
	}
	return 0, "", fmt.Errorf("check a password: %w", err)
}

// shadowed reports whether /etc/shadow has a password of an account.
func shadowed(user string) (bool, error) {
	raw, err := os.ReadFile("/etc/shadow")
	if err != nil {
		return false, fmt.Errorf("look for a password: %w", err)
	}
	for line := range strings.Lines(string(raw)) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(f) == 3 && f[0] == user {
			return len(f[1]) > 1 && f[1][0] != '!' && f[1][0] != '*', nil
		}
	}
	return false, nil
}
