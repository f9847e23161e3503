package sudo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/shared/durable"
	"github.com/assent-epm/assent/shared/elevation"
)

// Where sudo is and what it reads. Names with a dot are ignored by sudo's
// includedir, which is how a rule is checked before it counts.
const (
	sudoPath    = "/usr/bin/sudo"
	editPath    = "/usr/bin/sudoedit" // what a request to edit files names as its program
	visudoPath  = "/usr/sbin/visudo"
	sudoersPath = "/etc/sudoers"
	sudoersDir  = "/etc/sudoers.d"
	dropPrefix  = grants.DropinPrefix // also known to the plugin

	toolTime = 10 * time.Second // for visudo and sudo -V
)

// dropinPath is the rule file of one grant for one user. It returns an error
// for an id that is none: ids become file names.
func dropinPath(dir string, uid uint32, grant elevation.GrantID) (string, error) {
	if err := elevation.CheckID(elevation.GrantPrefix, string(grant)); err != nil {
		return "", err
	}
	return filepath.Join(dir, dropPrefix+strconv.FormatUint(uint64(uid), 10)+"-"+string(grant)), nil
}

// writeDropin puts a rule into force: written beside its place, checked by
// visudo, then renamed. A rule that visudo refuses never comes near sudo. On
// error nothing is left.
func writeDropin(ctx context.Context, path, text string) (err error) {
	beside := path + durable.Unfinished
	defer func() {
		if err != nil {
			os.Remove(beside)
		}
	}()
	if err := durable.Create(beside, []byte(text), 0o440); err != nil {
		return fmt.Errorf("write the rule: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, toolTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, visudoPath, "-cf", beside)
	cmd.Env = []string{"LC_ALL=C"}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("check the rule: %w: %s", err, out)
	}
	if err := os.Rename(beside, path); err != nil {
		return fmt.Errorf("put the rule into force: %w", err)
	}
	return nil
}

// removeDropin takes a rule out of force. One that is not there is no error.
func removeDropin(path string) error {
	err := errors.Join(durable.Remove(path), durable.Remove(path+durable.Unfinished))
	if err != nil {
		return fmt.Errorf("remove the rule: %w", err)
	}
	return nil
}

// CleanDropins removes every rule of Assent from dir and names what it removed.
// Only the holder of the lock may call it.
func CleanDropins(dir string) (removed []string, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for old rules: %w", err)
	}
	var faults []error
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), dropPrefix) {
			continue
		}
		if err := durable.Remove(filepath.Join(dir, e.Name())); err != nil {
			faults = append(faults, err)
			continue
		}
		removed = append(removed, e.Name())
	}
	return removed, errors.Join(faults...)
}

// dropinLeft reports whether a rule for uid is in dir. What can not be looked at
// counts as one.
func dropinLeft(dir string, uid uint32) bool {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	prefix := dropPrefix + strconv.FormatUint(uint64(uid), 10) + "-"
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) {
			return true
		}
	}
	return false
}
