package sudo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/assent-epm/assent/shared/inert"
)

// Finding is one thing that [Examine] looked at. Level is "ok", "warn" or "fail".
type Finding struct{ Name, Level, Text, Hint string }

// leftAfter is how old a rule of ours is when nobody can be using it any more.
const leftAfter = 2 * time.Minute

// Examine looks whether sudo asks here, and whether what makes it ask is whole.
// It changes nothing.
func Examine(ctx context.Context, p Plugin, now time.Time) []Finding {
	p = p.withDefaults()
	ctx, cancel := context.WithTimeout(ctx, toolTime)
	defer cancel()
	real, err := filepath.EvalSymlinks(sudoPath)
	if err != nil {
		return append(p.examineConf(false), Finding{"sudo", "warn", "there is no sudo at " + sudoPath, "`assent run -- COMMAND` needs none"})
	}
	out, exit, err := runSudo(ctx, []string{"-V"})
	if err != nil || exit != 0 {
		return append(p.examineConf(true), Finding{"sudo", "fail", fmt.Sprintf("sudo does not start: exit %d %s", exit, inert.Clip(inert.Text(out), 200)),
			"correct what it says; `assent-agent uninstall` takes Assent out of sudo.conf"})
	}
	list := []Finding{whichSudo(out, real)}
	if list[0].Level != "warn" {
		list = append(list, p.examineConf(true)...)
		list = append(list, p.examineFile())
	}
	return append(list, examineSudoers(ctx), examineLeft(sudoersDir, now))
}

// whichSudo tells sudo by what it says of itself and by where it is.
func whichSudo(out, real string) Finding {
	first, _, _ := strings.Cut(strings.TrimSpace(out), "\n")
	first = inert.Clip(inert.Text(first), 60)
	if strings.Contains(first, "sudo-rs") || strings.Contains(real, "sudo-rs") || strings.Contains(real, "/cargo/") {
		return Finding{"sudo", "warn", first + " has no plugins: sudo is not intercepted here, and grants nothing that is not in sudoers",
			"`assent run -- COMMAND` is the way; the other sudo, where it is installed, comes back by `update-alternatives --config sudo`"}
	}
	info, err := parseInfo(out)
	switch {
	case err != nil || !recent(info.Version):
		return Finding{"sudo", "warn", first + " has no approval plugins, 1.9.2 is the first with them: sudo is not intercepted here", "`assent run -- COMMAND` is the way"}
	case info.SecurePath == "":
		return Finding{"sudo", "fail", first + " has no secure_path, so programs could be swapped: approvals are refused", "add `Defaults secure_path=…` to " + sudoersPath}
	case !atLeast(info.Version, 1, 9, 12):
		return Finding{"sudo", "ok", first + "; it is too old to hold child programs back (1.9.12)", "rules with `children` need a newer one"}
	}
	return Finding{"sudo", "ok", first, ""}
}

// examineConf looks at our lines in sudo.conf. there says that sudo is.
func (p Plugin) examineConf(there bool) []Finding {
	b, err := os.ReadFile(p.Conf)
	text := string(b)
	_, gone := os.Stat(p.Target)
	named := withoutBlock(text) != text
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return []Finding{{"sudo.conf", "fail", err.Error(), "run it as root"}}
	case named && gone != nil:
		return []Finding{{"sudo.conf", "fail", p.Conf + " names a plugin that is not there: sudo refuses everybody",
			"remove the lines between the marks of assent from " + p.Conf}}
	case !there:
		return nil
	case strings.Contains(text, p.block()) && strings.TrimSpace(strings.Replace(text, p.block(), "", 1)) == strings.TrimSpace(withoutBlock(text)):
		if !strings.HasPrefix(text, p.block()) {
			return []Finding{{"sudo.conf", "warn", "the lines of Assent do not come first in " + p.Conf, "restart the agent: it puts them first"}}
		}
		return []Finding{{"sudo.conf", "ok", "sudo loads the plugin", ""}}
	case named:
		return []Finding{{"sudo.conf", "fail", "the lines of Assent in " + p.Conf + " are not as the agent wrote them", "restart the agent: it writes them anew"}}
	}
	return []Finding{{"sudo.conf", "warn", "sudo does not load the plugin: people are not asked by sudo", "start the agent, with `sudo = true` in its configuration"}}
}

// examineFile looks whether others than root could change what sudo loads.
func (p Plugin) examineFile() Finding {
	info, err := os.Stat(p.Target)
	if errors.Is(err, fs.ErrNotExist) {
		return Finding{"plugin", "warn", "the plugin is not installed", "start the agent, with `sudo = true` in its configuration"}
	}
	if err == nil {
		err = rootOwned(p.Target)
	}
	if err == nil && info.Mode().Perm() != 0o644 {
		err = fmt.Errorf("%s has mode %04o in place of 0644", p.Target, info.Mode().Perm())
	}
	if err != nil {
		return Finding{"plugin", "fail", err.Error(), "chown root:root and chmod 0644 it, and look who changed it"}
	}
	return Finding{"plugin", "ok", p.Target + " belongs to root", ""}
}

// examineSudoers has visudo check all that sudo reads.
func examineSudoers(ctx context.Context) Finding {
	b, err := os.ReadFile(sudoersPath)
	if err != nil {
		return Finding{"sudoers", "fail", err.Error(), "run it as root"}
	}
	cmd := exec.CommandContext(ctx, visudoPath, "-c")
	cmd.Env = []string{"LC_ALL=C"}
	if out, err := cmd.CombinedOutput(); err != nil {
		return Finding{"sudoers", "fail", "visudo -c: " + inert.Clip(inert.Text(strings.Join(strings.Fields(string(out)), " ")), 300), "correct it with visudo; approved commands can not run before"}
	}
	if !included(string(b)) {
		return Finding{"sudoers", "fail", sudoersPath + " does not include " + sudoersDir + ": approved commands would be refused", "add `@includedir " + sudoersDir + "`"}
	}
	return Finding{"sudoers", "ok", "visudo -c finds no fault", ""}
}

// examineLeft looks for rules of ours that no sudo waits for any more.
func examineLeft(dir string, now time.Time) Finding {
	left, err := filepath.Glob(filepath.Join(dir, dropPrefix+"*"))
	if err != nil {
		return Finding{"leftovers", "fail", err.Error(), ""}
	}
	for _, path := range left {
		if info, err := os.Lstat(path); err == nil && now.Sub(info.ModTime()) > leftAfter {
			return Finding{"leftovers", "fail", path + " was left behind", "restart the agent, or run `assent-agent reap`"}
		}
	}
	return Finding{"leftovers", "ok", "no rule was left behind", ""}
}
