package privilege

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// The programs of this package, by absolute path.
const getentPath = "/usr/bin/getent"

// LookupAccount finds the user called name as this machine knows them, with
// every source of users that it has. Anything that is not exactly one complete
// answer is an error that wraps [ErrIdentity].
func LookupAccount(name string) (Account, error) {
	if name == "" || len(name) > 256 || name[0] == '-' || strings.ContainsAny(name, ":\n\x00/") {
		return Account{}, fmt.Errorf("%w: %q is not a user name", ErrIdentity, name)
	}
	line, err := getent("passwd", name)
	if err != nil {
		return Account{}, fmt.Errorf("%w: look up %q: %w", ErrIdentity, name, err)
	}
	f := strings.Split(line, ":")
	if len(f) != 7 || f[0] != name {
		return Account{}, fmt.Errorf("%w: the answer for %q is for somebody else", ErrIdentity, name)
	}
	a := Account{Name: name, Home: f[5], Shell: f[6]}
	if a.UID, err = parseID(f[2]); err != nil {
		return Account{}, err
	}
	if a.GID, err = parseID(f[3]); err != nil {
		return Account{}, err
	}
	if line, err = getent("initgroups", name); err != nil {
		return Account{}, fmt.Errorf("%w: look up the groups of %q: %w", ErrIdentity, name, err)
	}
	a.Groups = []uint32{a.GID}
	for _, g := range strings.Fields(strings.TrimPrefix(line, name)) {
		id, err := parseID(g)
		if err != nil {
			return Account{}, err
		}
		a.Groups = append(a.Groups, id)
	}
	return a.withDefaults(), nil
}

func (a Account) withDefaults() Account {
	if !strings.HasPrefix(a.Home, "/") || strings.Contains(a.Home, "\x00") {
		a.Home = "/"
	}
	if !strings.HasPrefix(a.Shell, "/") {
		a.Shell = "/bin/sh"
	}
	return a
}

// parseID refuses everything that is not a plain decimal id, and the two that
// mean "nobody" to the kernel.
func parseID(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || n == 1<<32-1 || n == 1<<16-1 || strings.Trim(s, "0123456789") != "" {
		return 0, fmt.Errorf("%w: %q is not an id", ErrIdentity, s)
	}
	return uint32(n), nil
}

func getent(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, getentPath, args...)
	cmd.Env = []string{"LC_ALL=C"}
	out, err := cmd.Output()
	if err != nil {
		return "", err
	}
	line, rest, _ := bytes.Cut(out, []byte("\n"))
	if len(line) == 0 || len(bytes.TrimSpace(rest)) > 0 {
		return "", errors.New("not exactly one answer")
	}
	return string(line), nil
}
