package linux

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/e2e/lab"
	"github.com/assent-epm/assent/e2e/machine"
)

// stands puts empty packages with these names onto the machine, in place of
// libraries of a desktop, which it has none of.
func (s *scene) stands(names ...string) {
	s.t.Helper()
	for _, name := range names {
		dir := "/root/" + name
		s.asRoot("/usr/bin/mkdir", "-p", dir+"/DEBIAN")
		control := fmt.Sprintf("Package: %s\nVersion: 99\nArchitecture: all\nMaintainer: nobody <nobody@example.com>\nDescription: stands in\n", name)
		if err := s.machine.Write(dir+"/DEBIAN/control", []byte(control), 0o644); err != nil {
			s.t.Fatal(err)
		}
		for _, argv := range [][]string{{"/usr/bin/dpkg-deb", "--build", dir, dir + ".deb"}, {"/usr/bin/dpkg", "--install", dir + ".deb"}} {
			if r := s.asRoot(argv...); r.Code != 0 {
				s.t.Fatal(r)
			}
		}
	}
}

// trayWithoutIcon is the program that a machine without the desktop's libraries
// can run: all of the tray but its icon.
func (s *scene) trayWithoutIcon() {
	s.t.Helper()
	program := filepath.Join(s.t.TempDir(), "assent-tray")
	build := exec.CommandContext(s.t.Context(), "go", "build", "-buildvcs=false", "-o", program, "../../agent/cmd/assent-tray")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		s.t.Fatalf("%v\n%s", err, out)
	}
	raw, err := os.ReadFile(program)
	if err == nil {
		err = s.machine.Write("/usr/bin/assent-tray", raw, 0o755)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// TestD3Tray: the package names what it needs and is not installed without, brings
// what a desktop starts at log-in, and goes without a trace. What a session starts
// is run by the person's own systemd, which starts it again when it is killed, and
// not when somebody ended it.
func TestD3Tray(t *testing.T) {
	if exec.Command("pkg-config", "--exists", "ayatana-appindicator3-0.1", "gtk+-3.0").Run() != nil {
		t.Skip("needs libayatana-appindicator3-dev and libgtk-3-dev")
	}
	s := bareMachineFor(t, "packages")
	older, _ := packages(t)
	deb, err := lab.BuildPackage(t.Context(), t.TempDir(), "assent-tray", olderAgent)
	if err != nil {
		t.Fatal(err)
	}
	s.asRoot("/usr/bin/touch", "/var/lib/dpkg/status")
	s.install(older)
	t.Cleanup(func() {
		s.afterwards("/usr/bin/loginctl", "disable-linger", machine.Alice)
		s.afterwards("/usr/bin/dpkg", "--purge", "assent-tray", "assent-agent", "libgtk-3-0", "libayatana-appindicator3-1")
	})
	if r, err := lab.InstallPackage(t.Context(), s.machine, deb); err != nil || r.Code == 0 || !strings.Contains(r.Stderr, "broken packages") {
		t.Errorf("without its libraries: %v %s", err, r)
	}
	if r := s.asRoot("/usr/bin/dpkg-deb", "--field", "/root/"+filepath.Base(deb), "Depends"); !strings.Contains(r.Stdout, "assent-agent (= "+olderAgent+")") ||
		!strings.Contains(r.Stdout, "libgtk-3-0") || !strings.Contains(r.Stdout, "libayatana-appindicator3-1") || !strings.Contains(r.Stdout, "libc6 (>= 2.") {
		t.Errorf("it does not name what it needs: %s", r)
	}
	s.stands("libgtk-3-0", "libayatana-appindicator3-1")
	before := s.tree()
	s.install(deb)
	if raw, err := s.machine.Read("/etc/xdg/autostart/assent-tray.desktop"); err != nil || !strings.Contains(string(raw), "\nExec=/usr/bin/assent-tray login\n") {
		t.Errorf("at log-in: %v\n%s", err, raw)
	}
	s.trayWithoutIcon()

	if r := s.asRoot("/usr/bin/loginctl", "enable-linger", machine.Alice); r.Code != 0 {
		t.Fatal(r)
	}
	const as = "export XDG_RUNTIME_DIR=/run/user/$(id -u) DISPLAY=:7; "
	pid := func() string {
		r := s.typed(machine.Alice, as+"systemctl --user show --property=MainPID --value assent-tray.service")
		return strings.TrimSpace(r.Stdout)
	}
	s.until(20*time.Second, func() error {
		if r := s.typed(machine.Alice, as+"assent-tray login & sleep 2; systemctl --user is-active assent-tray.service"); strings.TrimSpace(r.Stdout) != "active" {
			return errors.New(r.String())
		}
		return nil
	})
	first := pid()
	s.typed(machine.Alice, "kill -KILL "+first)
	s.until(30*time.Second, func() error {
		if now := pid(); now == "0" || now == "" || now == first {
			return fmt.Errorf("the tray is %q, was %s", now, first)
		}
		return nil
	})
	s.typed(machine.Alice, "kill -TERM "+pid())
	s.until(20*time.Second, func() error {
		if r := s.typed(machine.Alice, as+"systemctl --user is-active assent-tray.service"); strings.TrimSpace(r.Stdout) != "inactive" {
			return errors.New(r.String())
		}
		return nil
	})
	s.asRoot("/usr/bin/env", "DEBIAN_FRONTEND=noninteractive", "/usr/bin/apt-get", "purge", "--yes", "--quiet=2", "assent-tray")
	s.same("the tray was removed", before, s.tree())
}
