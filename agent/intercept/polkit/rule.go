package polkit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/durable"
)

// RulePath is where the rule is put. polkit reads rules in the order of their
// names and stops at the first answer: this one is the last, so that whatever a
// site's own rules say stands.
const RulePath = "/etc/polkit-1/rules.d/zz-assent.rules"

// ruleMark begins a rule of ours. Nothing else is ever written over or removed.
const ruleMark = "// Assent: made by assent-agent, removed by `assent-agent uninstall`."

// ErrNoPolkit says that there is no polkit here that knows such rules.
var ErrNoPolkit = errors.New("there is no polkit with rules in JavaScript here")

// Rule says what is installed where.
type Rule struct {
	Program string // the agent's own, which is the helper when called with [Verb]
	Socket  string
	Path    string // default [RulePath]
}

func (r Rule) withDefaults() Rule {
	if r.Path == "" {
		r.Path = RulePath
	}
	return r
}

// ruleBody is the rule after its mark. Strings of the user's are arguments of the
// helper and never code; a fault anywhere leaves the answer to polkit.
const ruleBody = `
// Whoever would have to find an administrator may ask for an approval instead.
// Administrators keep what they have, and whatever goes wrong here leaves polkit
// as it is without Assent.
polkit.addRule(function (action, subject) {
    try {
        var admins = polkit._runAdminRules(action, subject), each = admins.split(",");
        for (var i = 0; i < each.length; i++) {
            var at = each[i].indexOf(":"), kind = each[i].substring(0, at), name = each[i].substring(at + 1);
            if (kind === "unix-user" && name === subject.user ||
                kind === "unix-group" && subject.isInGroup(name) ||
                kind === "unix-netgroup" && subject.isInNetGroup(name)) {
                return polkit.Result.NOT_HANDLED;
            }
        }
        var argv = [PROGRAM, VERB, SOCKET, VERSION, action.id, String(subject.pid), subject.user,
            String(subject.local), String(subject.active), admins];
        for (var key in action) {
            if (key.indexOf("_detail_") === 0) {
                argv.push(key.substring(8), String(action[key]));
            }
        }
        var said = polkit.spawn(argv);
        if (said === "yes\n") {
            return polkit.Result.YES;
        }
        if (said === "no\n") {
            return polkit.Result.NO;
        }
    } catch (e) {
    }
    return polkit.Result.NOT_HANDLED;
});
`

// text is the whole file.
func (r Rule) text() (string, error) {
	for _, p := range []string{r.Program, r.Socket} {
		if !filepath.IsAbs(p) || strings.ContainsFunc(p, func(c rune) bool { return c < ' ' || c > '~' || c == '"' || c == '\\' }) {
			return "", fmt.Errorf("%q is no path for a rule", p)
		}
	}
	quoted := strings.NewReplacer("PROGRAM", strconv.Quote(r.Program), "VERB", strconv.Quote(Verb),
		"SOCKET", strconv.Quote(r.Socket), "VERSION", strconv.Quote(version))
	return ruleMark + quoted.Replace(ruleBody), nil
}

// InstallRule makes polkit ask. It may be repeated, and heals what an interrupted
// one left. A file of somebody else's at its place is an error.
func InstallRule(r Rule) error {
	r = r.withDefaults()
	text, err := r.text()
	if err != nil {
		return fmt.Errorf("install the rule for polkit: %w", err)
	}
	if only, err := privilege.RootOnly(r.Program); err != nil || !only {
		return fmt.Errorf("install the rule for polkit: others than root can change %s: %w", r.Program, errors.Join(err, fs.ErrPermission))
	}
	if info, err := os.Stat(filepath.Dir(r.Path)); err != nil || !info.IsDir() {
		return fmt.Errorf("install the rule for polkit: %w", ErrNoPolkit)
	}
	old, err := ours(r.Path)
	switch {
	case err != nil:
		return fmt.Errorf("install the rule for polkit: %w", err)
	case old == text:
		return nil
	}
	fresh := r.Path + durable.Unfinished // its name does not end in .rules: polkit does not read it
	if err := durable.Create(fresh, []byte(text), 0o644); err != nil {
		return fmt.Errorf("install the rule for polkit: %w", err)
	}
	if err := durable.Rename(fresh, r.Path); err != nil {
		return fmt.Errorf("install the rule for polkit: %w", err)
	}
	return nil
}

// RemoveRule leaves polkit as it was. It may be repeated.
func RemoveRule(r Rule) error {
	r = r.withDefaults()
	if err := durable.Remove(r.Path + durable.Unfinished); err != nil {
		return fmt.Errorf("remove the rule for polkit: %w", err)
	}
	old, err := ours(r.Path)
	if err == nil && old != "" {
		err = durable.Remove(r.Path)
	}
	if err != nil {
		return fmt.Errorf("remove the rule for polkit: %w", err)
	}
	return nil
}

// ours is the rule that is there, "" = none.
func ours(path string) (string, error) {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case err != nil:
		return "", err
	case !info.Mode().IsRegular() || info.Size() > 64<<10:
		return "", fmt.Errorf("%s is not of Assent", path)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	if !strings.HasPrefix(string(raw), ruleMark) {
		return "", fmt.Errorf("%s is not of Assent", path)
	}
	return string(raw), nil
}
