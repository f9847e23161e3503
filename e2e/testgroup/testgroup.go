// Package testgroup says which tests this machine can run.
//
// A test that needs more than Go (root, sudo, a browser, containers) begins with
// Need. On a machine without it the test is skipped and says why; `make test`
// collects these reasons into its closing lines. A group that is named in
// ASSENT_REQUIRE fails instead, so that a build machine cannot pass by testing
// less than it should. The package installs nothing and changes nothing.
package testgroup

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// RequireEnv names the groups, separated by commas, that must not be skipped.
const RequireEnv = "ASSENT_REQUIRE"

// Mark begins every reason for a skip. The test runner looks for it, so that a
// skip for another reason stays visible as such.
const Mark = "group "

// A group is a name and what it needs; missing answers "" when all of it is there.
type group struct {
	name    string
	missing func() string
}

func groups() []group {
	return []group{
		{"root", root},
		{"sudo", func() string { return first(root, program("sudo"), program("visudo"), program("unshare")) }},
		{"shim", func() string { return first(linux, compiler, header) }},
		{"nspawn", func() string {
			return first(root, program("systemd-nspawn"), program("mmdebstrap"), program("ip"), program("ssh"),
				program("ssh-keygen"), program("nsenter"), program("unshare"), program("mount"))
		}},
		{"wine", func() string {
			return first(root, amd64, program("mmdebstrap"), program("nsenter"), program("mount"), program("chroot"))
		}},
		{"container", func() string { return first(root, program("podman"), program("runc")) }},
		{"chromium", chromium},
		{"npm", func() string { return first(program("node"), program("npm")) }},
		{"python", func() string { return first(program("python3"), modules) }},
		{"osslsigncode", program("osslsigncode")},
		{"packages", func() string {
			return first(program("msibuild"), program("msiinfo"), program("gcab"), program("bsdtar"), program("7z"), program("cpio"), program("osslsigncode"), program("rpm"), program("dpkg-deb"))
		}},
		{"tmux", program("tmux")},
		{"zsh", program("zsh")},
		{"fish", program("fish")},
		{"desktop", func() string {
			return first(linux, program("dbus-daemon"), program("Xvfb"), program("zenity"), program("xdotool"))
		}},
		{"tray", func() string {
			return first(root, compiler, library("ayatana-appindicator3-0.1"), library("gtk+-3.0"), program("dbus-daemon"), program("Xvfb"), program("xdotool"),
				program("openbox"), program("xfce4-panel"), program("/usr/lib/notification-daemon/notification-daemon"), program("import"))
		}},
	}
}

// Names lists every known group in the order in which they are reported.
func Names() []string {
	var names []string
	for _, g := range groups() {
		names = append(names, g.name)
	}
	return names
}

// Missing says what this machine lacks for a group, or "" when it has all of it.
// It is an error to ask for a group that does not exist.
func Missing(name string) (string, error) {
	for _, g := range groups() {
		if g.name == name {
			return g.missing(), nil
		}
	}
	return "", fmt.Errorf("no test group is called %q, known are %s", name, strings.Join(Names(), ", "))
}

// Required reports whether ASSENT_REQUIRE names the group.
func Required(name string) bool {
	named := strings.FieldsFunc(os.Getenv(RequireEnv), func(r rune) bool { return r == ',' || r == ' ' })
	return slices.Contains(named, name)
}

// Need skips the test when this machine lacks what the group needs, and fails it
// when ASSENT_REQUIRE names the group. An unknown group fails: a misspelled one
// would never run anywhere.
func Need(t testing.TB, name string) {
	t.Helper()
	lacks, err := Missing(name)
	if err != nil {
		t.Fatal(err)
	}
	if lacks == "" {
		return
	}
	if Required(name) {
		t.Fatalf("%s%s: %s, and %s forbids skipping it", Mark, name, lacks, RequireEnv)
	}
	t.Skipf("%s%s: %s", Mark, name, lacks)
}

func first(checks ...func() string) string {
	for _, missing := range checks {
		if reason := missing(); reason != "" {
			return reason
		}
	}
	return ""
}

func linux() string {
	if runtime.GOOS != "linux" {
		return "needs Linux"
	}
	return ""
}

func amd64() string {
	if runtime.GOARCH != "amd64" {
		return "needs a processor of the kind amd64"
	}
	return ""
}

func root() string {
	if reason := linux(); reason != "" {
		return reason
	}
	if os.Geteuid() != 0 {
		return "needs root"
	}
	return ""
}

func program(name string) func() string {
	return func() string {
		if _, err := exec.LookPath(name); err != nil {
			return "needs the program " + name
		}
		return ""
	}
}

// library looks for what a program is built with.
func library(name string) func() string {
	return func() string {
		if err := exec.Command("pkg-config", "--exists", name).Run(); err != nil {
			return "needs pkg-config and the library " + name + " (Debian/Ubuntu: pkg-config libayatana-appindicator3-dev libgtk-3-dev)"
		}
		return ""
	}
}

// modules looks for what installs a Python package.
func modules() string {
	if err := exec.Command("python3", "-m", "pip", "--version").Run(); err != nil {
		return "needs pip for python3 (Debian/Ubuntu: python3-pip)"
	}
	return ""
}

func compiler() string {
	for _, name := range []string{"cc", "gcc", "clang"} {
		if program(name)() == "" {
			return ""
		}
	}
	return "needs a C compiler"
}

func header() string {
	for _, path := range []string{"/usr/include/sudo_plugin.h", "/usr/local/include/sudo_plugin.h"} {
		if _, err := os.Stat(path); err == nil {
			return ""
		}
	}
	return "needs the header sudo_plugin.h, which comes with sudo"
}

func chromium() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if program(name)() == "" {
			return ""
		}
	}
	return "needs the program chromium"
}
