package pkg

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/assent-epm/assent/e2e/testgroup"
)

func scriptNames() []string { return []string{"preinstall", "postinstall", "assent-uninstall"} }

// TestE82Text: before a script does anything it is a shell that read no file of
// anybody, and has no variable of whoever installs. Programs are named in full.
func TestE82Text(t *testing.T) {
	searched := regexp.MustCompile(`(?m)(^\s*|\$\(|[|&;]\s*|\bif !? ?|\|\| )(launchctl|stat|env|rm|id|mkdir|chown|chmod|pkgutil|assent\S*|zsh|bash|osascript|curl)\b`)
	for _, name := range scriptNames() {
		raw, err := files.ReadFile("files/" + name)
		if err != nil {
			t.Fatal(err)
		}
		text := string(raw)
		first, _, _ := strings.Cut(text, "\n")
		code := regexp.MustCompile(`(?m)^#.*\n`).ReplaceAllString(text, "")
		if first != "#!/bin/sh -p" || !strings.HasPrefix(code, "case \"${1:-}\" in\nclean) shift ;;\n*) exec /usr/bin/env -i PATH=/usr/bin:/bin:/usr/sbin:/sbin LC_ALL=C /bin/sh -p \"$0\" clean \"$@\" ;;\nesac\nset -eu\n") {
			t.Errorf("%s does not begin as scripts do", name)
		}
		if found := searched.FindString(code); found != "" {
			t.Errorf("%s searches for %q", name, found)
		}
		for _, bad := range []string{"/tmp", "$HOME", "$USER", "$TMPDIR", "eval", "source ", " . /", "sudo -u", "/Users/"} {
			if strings.Contains(code, bad) {
				t.Errorf("%s has %q", name, bad)
			}
		}
		if within := regexp.MustCompile(`\$\([^)]*\bcase\b`).FindString(code); within != "" {
			t.Errorf("%s: the shell of macOS (bash 3.2) ends %q at the first parenthesis of a pattern", name, within)
		}
		cmd := exec.Command("/bin/sh", "-n")
		cmd.Stdin = bytes.NewReader(raw)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v %s", name, err, out)
		}
	}
}

// mac is a root that looks to the scripts like a Mac: a shell, three programs, and
// stand-ins that write down how they were called and with which environment.
type mac struct {
	*testing.T
	root string
}

const standIn = `#!/bin/sh -p
echo "$0 $*" >>/diary
/bin/env >>/environment
case "$0 $*" in
"/usr/sbin/pkgutil --pkg-info com.assent-epm.agent") while read -r line; do echo "$line"; done </receipt ;;
"/usr/bin/stat -f %u /dev/console") echo 501 ;;
"/Library/Assent/bin/assent-agent "*) read code </code; exit "$code" ;;
esac
`

func newMac(t *testing.T) mac {
	t.Helper()
	testgroup.Need(t, "root")
	m := mac{t, t.TempDir()}
	library := regexp.MustCompile(`(/\S+)`)
	for from, to := range map[string]string{"/bin/dash": "bin/sh", "/usr/bin/env": "bin/env", "/bin/rm": "bin/rm", "/bin/ls": "bin/ls", "/usr/bin/id": "usr/bin/id"} {
		out, err := exec.Command("/usr/bin/ldd", from).Output()
		if err != nil {
			t.Skip("needs ldd and ", from)
		}
		for _, file := range append(library.FindAllString(string(out), -1), from) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			at := file
			if file == from {
				at = to
			}
			m.write(at, string(raw), 0o755)
		}
	}
	env, err := os.ReadFile("/usr/bin/env")
	if err != nil {
		t.Fatal(err)
	}
	m.write("usr/bin/env", string(env), 0o755)
	for _, name := range []string{"bin/launchctl", "usr/bin/stat", "usr/sbin/pkgutil", "Library/Assent/bin/assent-agent"} {
		m.write(name, standIn, 0o755)
	}
	m.write("code", "0\n", 0o644)
	m.write("dev/null", "", 0o644)
	for _, name := range scriptNames() {
		raw, err := files.ReadFile("files/" + name)
		if err != nil {
			t.Fatal(err)
		}
		m.write("scripts/"+name, strings.ReplaceAll(string(raw), "{{version}}", "1.10.2"), 0o755)
	}
	return m
}

func (m mac) write(name, text string, mode os.FileMode) {
	m.Helper()
	path := filepath.Join(m.root, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), mode)); err != nil {
		m.Fatal(err)
	}
}

func (m mac) read(name string) string {
	raw, _ := os.ReadFile(filepath.Join(m.root, name))
	return string(raw)
}

// run runs a script as the installer does: as root, with the environment of whoever
// began the installation.
func (m mac) run(name string, args ...string) (string, error) {
	cmd := exec.Command("/scripts/"+name, args...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: m.root}
	cmd.Env = []string{"PATH=/evil:/bin", "ZDOTDIR=/evil", "ENV=/evil/rc", "BASH_ENV=/evil/rc", "SHELLOPTS=xtrace", "PS4=$(/evil/env)", "HOME=/evil", "IFS=/",
		"BASH_FUNC_exec%%=() { /evil/env; }", "BASH_FUNC_echo%%=() { /evil/env; }", "LD_LIBRARY_PATH=/evil", "DYLD_INSERT_LIBRARIES=/evil/lib", "CLEAN=1"}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestE82HostileEnvironment: start files, a search path, functions and loader
// variables of whoever installs reach nothing that root runs.
func TestE82HostileEnvironment(t *testing.T) {
	m := newMac(t)
	for _, name := range []string{"env", "exec", "stat", "launchctl", "rc", "sh", "rm", "id"} {
		m.write("evil/"+name, "#!/bin/sh\necho reached >>/reached\n", 0o755)
	}
	for _, name := range []string{"preinstall", "postinstall"} {
		if out, err := m.run(name, "/x.pkg", "/", "/"); err != nil {
			t.Fatalf("%s: %v %s", name, err, out)
		}
	}
	if out, err := m.run("assent-uninstall"); err != nil || !strings.Contains(out, "Assent was removed") {
		t.Fatalf("%v %s", err, out)
	}
	if m.read("reached") != "" {
		t.Error("something of the person ran as root")
	}
	for line := range strings.Lines(m.read("environment")) {
		name, _, _ := strings.Cut(line, "=")
		if !strings.Contains(" PATH LC_ALL PWD _ OLDPWD SHLVL ", " "+name+" ") || strings.Contains(line, "evil") {
			t.Errorf("passed on: %s", line)
		}
	}
	want := `/usr/sbin/pkgutil --pkg-info com.assent-epm.agent
/usr/bin/stat -f %u /dev/console
/bin/launchctl bootout gui/501/com.assent-epm.tray
/bin/launchctl bootout system/com.assent-epm.agent
/Library/Assent/bin/assent-agent install --package
/bin/launchctl enable system/com.assent-epm.agent
/bin/launchctl bootstrap system /Library/LaunchDaemons/com.assent-epm.agent.plist
/usr/bin/stat -f %u /dev/console
/bin/launchctl bootstrap gui/501 /Library/LaunchAgents/com.assent-epm.tray.plist
/bin/launchctl bootout system/com.assent-epm.agent
/Library/Assent/bin/assent-agent uninstall --package
/usr/bin/stat -f %u /dev/console
/bin/launchctl bootout gui/501/com.assent-epm.tray
/usr/sbin/pkgutil --forget com.assent-epm.agent
`
	if got := m.read("diary"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if _, err := os.Stat(filepath.Join(m.root, "Library/Assent")); err == nil {
		t.Error("the programs are still there")
	}
}

// TestE82FoldersOfOthers: a folder that is a link, or somebody's, ends the
// installation before anything is stopped.
func TestE82FoldersOfOthers(t *testing.T) {
	for name, plant := range map[string]func(string) error{
		"a link":      func(dir string) error { return os.Symlink("/evil", dir) },
		"somebody's":  func(dir string) error { return errors.Join(os.Mkdir(dir, 0o755), os.Chown(dir, 501, 20)) },
		"a file":      func(dir string) error { return os.WriteFile(dir, nil, 0o644) },
		"a group's":   func(dir string) error { return errors.Join(os.Mkdir(dir, 0o755), os.Chmod(dir, 0o770)) },
		"everybody's": func(dir string) error { return errors.Join(os.Mkdir(dir, 0o755), os.Chmod(dir, 0o757)) },
	} {
		m := newMac(t)
		m.write("Library/Application Support/x", "", 0o644)
		if err := plant(filepath.Join(m.root, "Library/Application Support/Assent")); err != nil {
			t.Fatal(err)
		}
		out, err := m.run("preinstall", "/x.pkg", "/", "/")
		if err == nil || !strings.Contains(out, "nothing was installed") || m.read("diary") != "" {
			t.Errorf("%s: %v %s %s", name, err, out, m.read("diary"))
		}
	}
}

// TestE80OlderPackage: an older package is not put over a newer one, before anything
// is stopped; where it is not known what is there, it is.
func TestE80OlderPackage(t *testing.T) {
	for has, want := range map[string]bool{
		"1.10.2": true, "1.10.1": true, "1.9.9": true, "0.99.99": true, "1.10.3": false, "1.11.0": false, "2.0.0": false, "10.0.0": false,
		"": true, "1.10": true, "1.10.2.1": true, "1.x.9": true, "9.9.9-beta": true, "9.9.9; echo": true,
	} {
		m := newMac(t)
		m.write("receipt", "package-id: com.assent-epm.agent\nversion: "+has+"\nvolume: /\n", 0o644)
		out, err := m.run("preinstall", "/x.pkg", "/", "/")
		stopped := strings.Contains(m.read("diary"), "bootout system")
		if (err == nil) != want || stopped != want || !want && !strings.Contains(out, "Assent "+has+" is installed, which is newer than 1.10.2; nothing was installed") {
			t.Errorf("over %q: %v, stopped %v, said %s", has, err, stopped, out)
		}
	}
	m := newMac(t) // no package before
	if out, err := m.run("preinstall", "/x.pkg", "/", "/"); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// TestD2Ends: what the agent says of an installation or a removal is what happens.
func TestD2Ends(t *testing.T) {
	for code, want := range map[string]bool{"0\n": true, "3\n": true, "4\n": true, "1\n": false} {
		m := newMac(t)
		m.write("code", code, 0o644)
		_, err := m.run("postinstall", "/x.pkg", "/", "/")
		if started := strings.Contains(m.read("diary"), "bootstrap system"); (err == nil) != want || started != want {
			t.Errorf("the agent ends with %q: %v, started %v", code, err, started)
		}
	}
	m := newMac(t)
	if out, err := m.run("preinstall", "/x.pkg", "/", "/Volumes/Other"); err == nil {
		t.Errorf("installed elsewhere: %s", out)
	}
	m.write("code", "1\n", 0o644)
	out, err := m.run("assent-uninstall")
	if _, missing := os.Stat(filepath.Join(m.root, "Library/Assent/bin/assent-agent")); err == nil || missing != nil || !strings.Contains(out, "nothing was removed") {
		t.Errorf("removed although not all was undone: %v %s", err, out)
	}
	if !strings.HasSuffix(m.read("diary"), "bootstrap system /Library/LaunchDaemons/com.assent-epm.agent.plist\n") {
		t.Errorf("the agent is not started again: %s", m.read("diary"))
	}
}
