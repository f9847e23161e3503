package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assent-epm/assent/e2e/lab"
	"github.com/assent-epm/assent/e2e/machine"
	"github.com/assent-epm/assent/e2e/testgroup"
)

var itsPassword = regexp.MustCompile(`The password of assent-try is ([a-z2-7]{4}-[a-z2-7]{4}-[a-z2-7]{4}): `)

func TestMain(m *testing.M) {
	if err := machine.Stage(); err != nil {
		fmt.Fprintln(os.Stderr, "stage:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

const (
	checkout = "/opt/checkout"
	program  = checkout + "/bin/dev/runhere"

	// killEverything stops all of them before it kills the first: the guardian
	// would begin to undo when it saw another die.
	killEverything = "pkill -STOP -x 'runhere|assent-agent|assent-controll' && pkill -9 -x 'runhere|assent-agent|assent-controll'"
)

// What `make run` promises about the machine it runs on, also when it is killed.
func TestRunHere(t *testing.T) {
	testgroup.Need(t, "nspawn")
	testgroup.Need(t, "shim")
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	m := freshMachine(ctx, t)
	before := fingerprint(ctx, t, m)

	t.Run("an administrator tries it, then ends it", func(t *testing.T) {
		s := starts(ctx, t, m, machine.Carol, "sudo "+program, "sudo -iu assent-try")
		tryIt(ctx, t, m)
		tryAdmin(ctx, t, m, s.Text())
		anotherLink(ctx, t, m, s.Text())
		waits := waitsFor(ctx, t, m)
		if err := s.Send("\x03"); err != nil {
			t.Fatal(err)
		}
		for i, w := range waits {
			if err := w.Expect(ctx, "nothing waits any more: Assent is being removed from this machine"); err != nil {
				t.Errorf("who waits at the end, %d: %v\n%s", i, err, w.Text())
			}
		}
		if err := s.Expect(ctx, "Everything is as it was before."); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Wait(ctx); err != nil || got.Code != 0 {
			t.Errorf("the end: %v, %s", err, got)
		}
		same(t, before, fingerprint(ctx, t, m))
	})
	// Sudo stays when make is killed: it was started by make's shell.
	t.Run("kill -9 of make", func(t *testing.T) {
		const shell = `sh -c 'echo $$ >make.pid; sudo ` + program + ` with $$; true'; sleep 60`
		s := starts(ctx, t, m, machine.Carol, shell, "sudo -iu assent-try")
		kill(ctx, t, m, "kill -9 $(cat /home/carol/make.pid) && rm /home/carol/make.pid")
		awaitUndone(ctx, t, m)
		if err := s.Hangup(); err != nil {
			t.Fatal(err)
		}
		same(t, before, fingerprint(ctx, t, m))
	})
	t.Run("kill -9, the guardian undoes it", func(t *testing.T) {
		s := starts(ctx, t, m, machine.Root, program, "su - assent-try")
		kill(ctx, t, m, "pkill -9 -o -x runhere")
		if _, err := s.Wait(ctx); err != nil {
			t.Fatal(err)
		}
		awaitUndone(ctx, t, m)
		same(t, before, fingerprint(ctx, t, m))
	})
	t.Run("kill -9 of everything, the next call undoes it", func(t *testing.T) {
		s := starts(ctx, t, m, machine.Root, program, "su - assent-try")
		kill(ctx, t, m, killEverything)
		if _, err := s.Wait(ctx); err != nil {
			t.Fatal(err)
		}
		if got, err := m.SSH(ctx, machine.Carol, "sudo id -u", machine.Options{}); err != nil || got.Stdout != "0\n" {
			t.Errorf("who had rights must keep them: %v, %s", err, got)
		}
		got, err := m.SSH(ctx, machine.Root, program+" undo", machine.Options{})
		if err != nil || got.Code != 0 {
			t.Fatalf("undo: %v, %s", err, got)
		}
		same(t, before, fingerprint(ctx, t, m))
	})
}

// When the guardian is killed as well and the checkout is not tried again, the
// agent's own uninstall heals sudo, with systemd and without, and finds nothing
// wrong with there being no service.
func TestUninstallHealsARunThatWasKilled(t *testing.T) {
	testgroup.Need(t, "nspawn")
	testgroup.Need(t, "shim")
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	m := freshMachine(ctx, t)
	before := fingerprint(ctx, t, m)
	const uninstall = checkout + "/bin/assent-agent uninstall"
	for name, command := range map[string]string{
		"with systemd":    uninstall,
		"without systemd": "unshare --mount sh -c 'mount -t tmpfs none /run/systemd && " + uninstall + "'",
	} {
		t.Run(name, func(t *testing.T) {
			s := starts(ctx, t, m, machine.Root, program, "su - assent-try")
			kill(ctx, t, m, killEverything)
			if _, err := s.Wait(ctx); err != nil {
				t.Fatal(err)
			}
			if left := fingerprint(ctx, t, m); !strings.Contains(left, "assent_sudo.so") {
				t.Fatalf("there is nothing to heal:\n%s", left)
			}
			for _, again := range []string{"", " again"} {
				got, err := m.SSH(ctx, machine.Root, command, machine.Options{})
				if err != nil || got.Code != 0 {
					t.Errorf("uninstall%s: %v, %s", again, err, got)
				}
				got, err = m.SSH(ctx, machine.Root, "grep -c assent /etc/sudo.conf; ls /usr/libexec/assent /etc/sudoers.d/zz-assent*", machine.Options{})
				if err != nil || got.Stdout != "0\n" {
					t.Errorf("uninstall%s leaves: %v, %s", again, err, got)
				}
			}
			if got, err := m.SSH(ctx, machine.Carol, "sudo id -u", machine.Options{}); err != nil || got.Stdout != "0\n" {
				t.Errorf("who had rights must keep them: %v, %s", err, got)
			}
			if got, err := m.SSH(ctx, machine.Root, program+" undo", machine.Options{}); err != nil || got.Code != 0 {
				t.Fatalf("undo of the rest: %v, %s", err, got)
			}
			same(t, before, fingerprint(ctx, t, m))
		})
	}
}

func freshMachine(ctx context.Context, t *testing.T) *machine.Machine {
	t.Helper()
	bin, err := lab.Bin()
	if err != nil {
		t.Fatal(err)
	}
	l, err := machine.New(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	machines, err := l.Boot(ctx, "laptop")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"assent", "assent-agent", "assent-controller", "assentctl", "assent_sudo.so"} {
		copyIn(t, machines[0], filepath.Join(bin, name), checkout+"/bin/"+name)
	}
	runhere := filepath.Join(t.TempDir(), "runhere")
	root, err := lab.Root()
	if err != nil {
		t.Fatal(err)
	}
	if err := goBuild(ctx, root, runhere, "./e2e/cmd/runhere"); err != nil {
		t.Fatal(err)
	}
	copyIn(t, machines[0], runhere, program)
	return machines[0]
}

func copyIn(t *testing.T, m *machine.Machine, from, to string) {
	t.Helper()
	raw, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Write(to, raw, 0o755); err != nil {
		t.Fatal(err)
	}
}

// fingerprint is everything that `make run` may touch, as it is now.
func fingerprint(ctx context.Context, t *testing.T, m *machine.Machine) string {
	t.Helper()
	const look = `stat -c '%A %u %g %n' /etc/sudo.conf /etc/sudoers /etc/sudoers.d/* /usr/libexec/* /run/assent /var/lib/assent-try 2>&1
cat /etc/sudo.conf /etc/sudoers /etc/passwd /etc/group 2>&1; ps -e -o comm= | grep -E '^(assent|runhere)'; ls /home`
	got, err := m.SSH(ctx, machine.Root, look, machine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return got.Stdout
}

func same(t *testing.T, before, after string) {
	t.Helper()
	if diff := cmp.Diff(strings.Split(before, "\n"), strings.Split(after, "\n")); diff != "" {
		t.Errorf("the machine is not as it was (-before +after)\n%s", diff)
	}
}

// starts runs it on a terminal and waits until it can be tried.
func starts(ctx context.Context, t *testing.T, m *machine.Machine, user, command, become string) *machine.Session {
	t.Helper()
	s, err := m.Open(ctx, user, command, machine.Options{TTY: true, Cols: 200, Rows: 50})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Expect(ctx, "Go on? [y/N] "); err != nil {
		t.Fatal(err)
	}
	if err := s.Send("y\r"); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"console   http://localhost:8080\r", "sign in   http", become, "ASSENT_URL=http://localhost:8080 ASSENT_TOKEN=$(", "Ctrl-C ends it"} {
		if err := s.Expect(ctx, text); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// anotherLink signs in once more with the command that was printed.
func anotherLink(ctx context.Context, t *testing.T, m *machine.Machine, printed string) {
	t.Helper()
	found := regexp.MustCompile(`another +(sudo .* --data .*)\r`).FindStringSubmatch(printed)
	if found == nil {
		t.Fatalf("no way to another link in\n%s", printed)
	}
	if got, err := m.SSH(ctx, machine.Carol, found[1], machine.Options{}); err != nil || got.Code != 0 || !strings.Contains(got.Stdout, "\nsign in http://localhost:8080/#/") {
		t.Errorf("another link: %v, %s", err, got)
	}
}

// waitsFor has sudo and assent run wait for an approval.
func waitsFor(ctx context.Context, t *testing.T, m *machine.Machine) (waits []*machine.Session) {
	t.Helper()
	for _, command := range []string{"ASSENT_REASON='waits until the end' sudo id -g", "assent run --reason 'waits until the end' -- id -u"} {
		s, err := m.Open(ctx, machine.Root, `su - assent-try -c "`+command+`"`, machine.Options{TTY: true, Cols: 200, Rows: 50})
		if err == nil {
			err = s.Expect(ctx, "waiting for approval")
		}
		if err != nil {
			t.Fatal(err)
		}
		waits = append(waits, s)
	}
	return waits
}

// tryIt does what the printed lines say.
func tryIt(ctx context.Context, t *testing.T, m *machine.Machine) {
	t.Helper()
	if got, err := m.SSH(ctx, machine.Root, "su - assent-try -c 'command -v assent && assent status'", machine.Options{}); err != nil || got.Code != 0 || !strings.HasPrefix(got.Stdout, "/var/lib/assent-try/bin/assent\n") {
		t.Errorf("assent of the throw-away user: %v, %s", err, got)
	}
	s, err := m.Open(ctx, machine.Root, "su - assent-try -c 'sudo id'", machine.Options{TTY: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Expect(ctx, "Reason:"); err != nil {
		t.Fatal(err)
	}
	if err := s.Send("just trying it out\r"); err != nil {
		t.Fatal(err)
	}
	if err := s.Expect(ctx, "waiting for approval"); err != nil {
		t.Fatal(err)
	}
	const ctl = "cd /var/lib/assent-try && export ASSENT_URL=http://127.0.0.1:8080 ASSENT_TOKEN=$(cat controller/admin.token) && "
	got, err := m.SSH(ctx, machine.Root, ctl+"bin/assentctl approval approve $(bin/assentctl approval list --format id) --comment fine", machine.Options{})
	if err != nil || got.Code != 0 {
		t.Fatalf("approve: %v, %s", err, got)
	}
	result, err := s.Wait(ctx)
	if err != nil || result.Code != 0 || !strings.Contains(result.Stdout, "uid=0(root)") {
		logged, _ := m.Read("/var/lib/assent-try/agent.log")
		t.Errorf("sudo id: %v, %s\n%s", err, result, logged)
	}
}

// tryAdmin is administrator for a while, with the password that was printed.
func tryAdmin(ctx context.Context, t *testing.T, m *machine.Machine, printed string) {
	t.Helper()
	found := itsPassword.FindStringSubmatch(printed)
	if found == nil {
		t.Fatalf("no password of the throw-away user in\n%s", printed)
	}
	s, err := m.Open(ctx, machine.Root, "su - assent-try", machine.Options{TTY: true, Cols: 120, Rows: 50})
	if err != nil {
		t.Fatal(err)
	}
	const ctl = "cd /var/lib/assent-try && export ASSENT_URL=http://127.0.0.1:8080 ASSENT_TOKEN=$(cat controller/admin.token) && "
	for _, step := range []struct {
		send, sees string
		approve    bool
	}{
		{send: "assent admin --reason 'trying it out'\r", sees: "waiting for approval"},
		{approve: true, sees: "you are administrator until"},
		{sees: "$ "},
		{send: "sudo id -u\r", sees: "password for assent-try"},
		{send: found[1] + "\r", sees: "\n0\r"},
		{sees: "$ "}, // what is typed before, sudo may still take for its program
		{send: "exit\r", sees: "you are not administrator any more"},
	} {
		if step.approve {
			got, err := m.SSH(ctx, machine.Root, ctl+"bin/assentctl approval approve $(bin/assentctl approval list --format id) --comment fine", machine.Options{})
			if err != nil || got.Code != 0 {
				t.Fatalf("approve: %v, %s", err, got)
			}
		} else if err := s.Send(step.send); err != nil {
			t.Fatal(err)
		}
		if err := s.Expect(ctx, step.sees); err != nil {
			t.Fatalf("after %q: %v\n%s", step.send, err, s.Text())
		}
	}
	if err := s.Send("exit\r"); err != nil {
		t.Fatal(err)
	}
}

func kill(ctx context.Context, t *testing.T, m *machine.Machine, command string) {
	t.Helper()
	if got, err := m.SSH(ctx, machine.Root, command, machine.Options{}); err != nil || got.Code != 0 {
		t.Fatalf("%s: %v, %s", command, err, got)
	}
}

// awaitUndone waits until the guardian has removed the folder, its last act.
func awaitUndone(ctx context.Context, t *testing.T, m *machine.Machine) {
	t.Helper()
	got, err := m.SSH(ctx, machine.Root, "timeout 30 sh -c 'while [ -e /var/lib/assent-try ]; do sleep 0.1; done'", machine.Options{})
	if err != nil || got.Code != 0 {
		t.Fatalf("the guardian did not undo it: %v, %s", err, got)
	}
}

// goBuild builds a program of the checkout, for tests.
func goBuild(ctx context.Context, root, to, folder string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", to, folder)
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w: %s", folder, err, out)
	}
	return nil
}
