package sudo

import (
	"os"
	"strings"
	"testing"
	"time"
)

func TestWhichSudo(t *testing.T) {
	const classic = "Sudo version 1.9.13p3\nSudoers policy plugin version 1.9.13p3\nValue to override user's $PATH with: /usr/bin:/bin\n"
	tests := []struct{ name, out, real, level, text string }{
		{"the usual one", classic, "/usr/bin/sudo", "ok", "1.9.13p3"},
		{"older", strings.ReplaceAll(classic, "1.9.13p3", "1.9.5p2"), "/usr/bin/sudo", "ok", "too old to hold child programs"},
		{"without approval plugins", strings.ReplaceAll(classic, "1.9.13p3", "1.8.31"), "/usr/bin/sudo", "warn", "no approval plugins"},
		{"sudo-rs by its words", "sudo-rs 0.2.8\n", "/usr/bin/sudo", "warn", "has no plugins"},
		{"sudo-rs by its place", "sudo 0.2.8\n", "/usr/lib/cargo/bin/sudo", "warn", "has no plugins"},
		{"an alternative", "sudo 0.3\n", "/usr/bin/sudo-rs", "warn", "has no plugins"},
		{"no secure_path", "Sudo version 1.9.13p3\nSudoers policy plugin version 1.9.13p3\n", "/usr/bin/sudo", "fail", "no secure_path"},
		{"nothing", "", "/usr/bin/sudo", "warn", "no approval plugins"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if f := whichSudo(tt.out, tt.real); f.Level != tt.level || !strings.Contains(f.Text, tt.text) {
				t.Errorf("got %+v", f)
			}
		})
	}
}

// Each thing that can be wrong is found, and only that.
func TestExamine(t *testing.T) {
	if !inside(t) {
		return
	}
	p := Plugin{Socket: testSocket}
	levels := func() string {
		var b strings.Builder
		for _, f := range Examine(t.Context(), p, time.Now()) {
			if f.Level != "ok" {
				b.WriteString(f.Level + " " + f.Name + ", ")
				if f.Hint == "" {
					t.Errorf("%+v tells nothing to do", f)
				}
			}
		}
		return b.String()
	}
	expect := func(what, want string) {
		t.Helper()
		if got := levels(); got != want {
			t.Errorf("%s: got %q, want %q", what, got, want)
		}
	}
	expect("not installed", "warn sudo.conf, warn plugin, ")
	installShim(t)
	expect("installed", "")
	conf, err := os.ReadFile(sudoConf)
	must(t, err)
	write(t, sudoConf, 0o644, "Set disable_coredump false\n"+string(conf))
	expect("not first", "warn sudo.conf, ")
	write(t, sudoConf, 0o644, strings.Replace(string(conf), "Plugin assent_approval", "# Plugin assent_approval", 1))
	expect("cut", "fail sudo.conf, ")
	write(t, sudoConf, 0o644, string(conf))
	must(t, os.Chmod(pluginTarget, 0o666))
	expect("writable by all", "fail plugin, ")
	must(t, os.Chmod(pluginTarget, 0o644))
	must(t, os.Chown(pluginTarget, alice, 0))
	expect("of a user", "fail plugin, ")
	must(t, os.Chown(pluginTarget, 0, 0))
	write(t, "/etc/sudoers.d/broken", 0o440, "this is no rule\n")
	expect("a fault in sudoers", "fail sudoers, ")
	must(t, os.Remove("/etc/sudoers.d/broken"))
	write(t, "/etc/sudoers.d/zz-assent-61501-left", 0o440, "#61501 ALL=(#0) NOTAFTER=20200101000000Z NOPASSWD: NOSETENV: /usr/bin/id \"\"\n")
	expect("a rule in use", "")
	must(t, os.Chtimes("/etc/sudoers.d/zz-assent-61501-left", time.Now(), time.Now().Add(-time.Hour)))
	expect("a rule left", "fail leftovers, ")
	must(t, os.Remove("/etc/sudoers.d/zz-assent-61501-left"))
	must(t, os.Rename(pluginTarget, pluginTarget+".away"))
	expect("the plugin gone", "fail sudo.conf, fail sudo, ")
	must(t, os.Rename(pluginTarget+".away", pluginTarget))
	expect("whole again", "")
}
