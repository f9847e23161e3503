package linux

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/e2e/lab"
)

// TestD5ControllerPackage is the life of the controller's package: it starts by
// itself under its own account, says where the sign-in link is, is backed up
// while it runs, keeps its data over an upgrade and a removal, and is purged.
func TestD5ControllerPackage(t *testing.T) {
	s := bareMachineFor(t, "keeper")
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	dir := filepath.Join(stage.lab.Dir(), "controller-packages")
	older, err := lab.BuildPackage(ctx, dir, "assent-controller", "1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	newer, err := lab.BuildPackage(ctx, dir, "assent-controller", "1.1.0")
	if err != nil {
		t.Fatal(err)
	}
	const data = "/var/lib/assent-controller"
	healthy := func(when string) {
		t.Helper()
		s.until(20*time.Second, func() error {
			return unless(s.asRoot("/usr/bin/assent-controller", "health", "--data", data).Code == 0, when+": not healthy\n"+tail(s.machine.Journal(ctx, "assent-controller.service"), 20))
		})
	}
	if r := s.install(older); !strings.Contains(r.Stdout+r.Stderr, "journalctl -u assent-controller") {
		t.Errorf("it does not say where the link is: %s", r)
	}
	healthy("installed")
	if log := s.machine.Journal(ctx, "assent-controller.service"); !strings.Contains(log, "sign in http://localhost:8080/#/sign-in?link=") {
		t.Errorf("the journal has no link:\n%s", log)
	}
	if r := s.asRoot("/usr/bin/ps", "-o", "user=", "-C", "assent-controlle"); strings.TrimSpace(r.Stdout) != "assent" {
		t.Errorf("it runs as %s", r)
	}
	if r := s.asRoot("/usr/bin/ss", "-ltnH"); !strings.Contains(r.Stdout, "*:8443") || !strings.Contains(r.Stdout, "127.0.0.1:8080") {
		t.Errorf("it listens on:\n%s", r.Stdout)
	}
	if r := s.asRoot("/usr/bin/stat", "-c", "%a %U", data, data+"/keys/root.key", data+"/assent.db"); r.Stdout != "700 assent\n600 assent\n600 assent\n" {
		t.Errorf("modes and owners: %s", r)
	}
	asAssent := func(args ...string) string {
		t.Helper()
		r := s.asRoot(append([]string{"/usr/sbin/runuser", "-u", "assent", "--"}, args...)...)
		if r.Code != 0 {
			t.Fatalf("%v: %s", args, r)
		}
		return r.Stdout
	}
	if got := asAssent("/usr/bin/assent-controller", "user", "reset", "admin", "--data", data); !strings.Contains(got, "sign in http://localhost:8080/") {
		t.Errorf("a new link: %s", got)
	}
	asAssent("/usr/bin/assent-controller", "user", "add", "kept", "--role", "approver", "--data", data)
	if r := s.asRoot("/usr/bin/assent-controller", "backup", "/root/b.tar.gz", "--data", data); r.Code != 0 {
		t.Errorf("backup: %s", r)
	}
	s.install(newer)
	healthy("upgraded")
	if r := s.asRoot("/usr/bin/assent-controller", "version"); !strings.Contains(r.Stdout, "1.1.0") {
		t.Errorf("%s", r)
	}
	apt := func(verb string) {
		t.Helper()
		if r := s.asRoot("/usr/bin/env", "DEBIAN_FRONTEND=noninteractive", "/usr/bin/apt-get", verb, "--yes", "--quiet=2", "assent-controller"); r.Code != 0 {
			t.Fatalf("apt-get %s: %s", verb, r)
		}
	}
	apt("remove")
	if r := s.asRoot("/usr/bin/stat", data+"/assent.db"); r.Code != 0 {
		t.Error("removal took the data away")
	}
	apt("purge")
	if r := s.asRoot("/usr/bin/find", data, "/etc/assent", "/usr/lib/systemd/system/assent-controller.service"); r.Stdout != "" {
		t.Errorf("left: %s", r.Stdout)
	}
	// The backup comes back on the purged machine, for the account of the service.
	s.asRoot("/usr/bin/install", "-d", "-o", "assent", "-g", "assent", "-m", "0700", data)
	s.install(newer)
	s.asRoot("/usr/bin/systemctl", "stop", "assent-controller.service")
	s.asRoot("/usr/bin/rm", "-rf", data)
	s.asRoot("/usr/bin/install", "-d", "-o", "assent", "-g", "assent", "-m", "0700", data)
	if r := s.asRoot("/usr/bin/assent-controller", "restore", "/root/b.tar.gz", "--data", data); r.Code != 0 {
		t.Fatalf("restore: %s", r)
	}
	s.asRoot("/usr/bin/systemctl", "start", "assent-controller.service")
	healthy("restored")
	if got := asAssent("/usr/bin/assent-controller", "user", "reset", "kept", "--data", data); !strings.Contains(got, "sign in ") {
		t.Errorf("who was there before the backup: %s", got)
	}
}

// unless is an error that says what, when ok is false.
func unless(ok bool, what string) error {
	if ok {
		return nil
	}
	return errors.New(what)
}
