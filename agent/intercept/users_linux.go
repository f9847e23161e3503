package intercept

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/assent-epm/assent/shared/inert"
)

// The system's own programs, and the files that they read.
const (
	getentPath   = "/usr/bin/getent"
	idPath       = "/usr/bin/id"
	passwdPath   = "/etc/passwd"
	groupPath    = "/etc/group"
	nsswitchPath = "/etc/nsswitch.conf"

	// A directory server that does not answer must not hold a user for ever.
	lookupTime = 5 * time.Second

	getentMissing = 2 // exit code: there is no such entry
)

// lookupSID finds nobody: SIDs are of Windows.
func lookupSID(string) (Account, error) { return Account{}, ErrNoUser }

func lookupUID(uid uint32) (Account, error) {
	return lookup(strconv.FormatUint(uint64(uid), 10), func(a Account) bool { return a.UID == uid })
}

func lookupName(name string) (Account, error) {
	return lookup(name, func(a Account) bool { return a.Name == name })
}

func lookup(key string, match func(Account) bool) (Account, error) {
	nsswitch, err := os.ReadFile(nsswitchPath)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Account{}, err
	}
	passwd, err := os.ReadFile(passwdPath)
	if err != nil {
		return Account{}, err
	}
	a, found := parsePasswd(string(passwd), match)
	// Some name services do more than their line says (a first source may hide
	// the files), so the files are trusted only where they are the only source.
	if !found || !onlyFiles(string(nsswitch), "passwd") {
		out, err := run(getentPath, "passwd", key)
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == getentMissing {
			return Account{}, fmt.Errorf("%w: %s", ErrNoUser, inert.Text(key))
		}
		if err != nil {
			return Account{}, fmt.Errorf("%w: %s: %w", ErrNoUser, inert.Text(key), err)
		}
		if a, found = parsePasswd(out, match); !found {
			return Account{}, fmt.Errorf("%w: %s", ErrNoUser, inert.Text(key))
		}
	}
	if onlyFiles(string(nsswitch), "group") {
		group, err := os.ReadFile(groupPath)
		if err != nil {
			return Account{}, err
		}
		a.Groups = parseGroups(string(group), a.Name, a.GID)
		return a, nil
	}
	a.Groups, err = namedGroups(a)
	return a, err
}

// namedGroups asks the name services. Names may hold blanks, so numbers are
// asked for first and their names after that.
func namedGroups(a Account) ([]Group, error) {
	out, err := run(idPath, "-G", "--", a.Name)
	if err != nil {
		return nil, fmt.Errorf("look up the groups of %s: %w", inert.Text(a.Name), err)
	}
	numbers := strings.Fields(out)
	if len(numbers) == 0 || len(numbers) > 1024 {
		return nil, fmt.Errorf("look up the groups of %s: %d groups", inert.Text(a.Name), len(numbers))
	}
	// getent answers 2 when one of the keys has no name; that group stays a number.
	names := map[string]string{}
	out, _ = run(getentPath, append([]string{"group"}, numbers...)...)
	for line := range strings.Lines(out) {
		if f := strings.Split(strings.TrimSuffix(line, "\n"), ":"); len(f) == 4 {
			names[f[2]] = f[0]
		}
	}
	var groups []Group
	for _, n := range numbers {
		gid, err := strconv.ParseUint(n, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("look up the groups of %s: %w", inert.Text(a.Name), err)
		}
		name := names[n]
		if name == "" {
			name = n
		}
		groups = append(groups, Group{Name: name, GID: uint32(gid)})
	}
	return groups, nil
}

func run(program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), lookupTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = []string{"LC_ALL=C"}
	out, err := cmd.Output()
	return string(out), err
}
