package machine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/assent-epm/assent/e2e/testgroup"
)

func TestMain(m *testing.M) {
	if err := Stage(); err != nil {
		fmt.Fprintln(os.Stderr, "stage:", err)
		os.Exit(1)
	}
	if os.Getenv(victimEnv) != "" {
		fmt.Fprintln(os.Stderr, "victim:", victim())
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// victimEnv makes this test program boot a machine and wait to be killed.
const victimEnv = "ASSENT_MACHINE_TEST_VICTIM"

func victim() error {
	lab, err := New(context.Background())
	if err != nil {
		return err
	}
	machines, err := lab.Boot(context.Background(), "victim")
	if err != nil {
		return err
	}
	fmt.Println(lab.id, machines[0].leader)
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// A run that is killed must not leave machines running, and the next lab
// removes what the kernel could not.
func TestKilledRunLeavesNothing(t *testing.T) {
	testgroup.Need(t, "nspawn")
	cmd := exec.Command("/proc/self/exe")
	cmd.Env, cmd.Stderr = append(os.Environ(), victimEnv+"=1"), os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var id string
	var leader int
	_, scanErr := fmt.Fscan(stdout, &id, &leader)
	init, openErr := unix.PidfdOpen(leader, 0)
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // killed
	if err := errors.Join(scanErr, openErr); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(init)
	ended := []unix.PollFd{{Fd: int32(init), Events: unix.POLLIN}}
	if n, err := unix.Poll(ended, 10_000); n != 1 || err != nil {
		t.Fatalf("the machine outlived its run: %v", err)
	}
	lab, err := New(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer lab.Close()
	if exists(filepath.Join(filepath.Dir(lab.dir), id)) || exists("/sys/class/net/"+bridgeName(id)) {
		t.Error("the killed run's folder or bridge is still there")
	}
}

func TestMachines(t *testing.T) {
	testgroup.Need(t, "nspawn")
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	lab, err := New(ctx)
	if err != nil {
		t.Fatal(err)
	}
	dir := lab.Dir()
	t.Cleanup(func() {
		if err := lab.Close(); err != nil {
			t.Error(err)
		}
		if exists(dir) || exists("/sys/class/net/"+lab.bridge) {
			t.Error("Close left the folder or the bridge")
		}
	})
	began := time.Now()
	machines, err := lab.Boot(ctx, "desk", "rack")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("two machines booted in %s", time.Since(began).Round(time.Millisecond))
	for _, m := range machines {
		t.Run(m.Name, func(t *testing.T) { checkMachine(ctx, t, m) })
	}
	t.Run("a power cut keeps the disk", func(t *testing.T) { checkPowerCut(ctx, t, machines[0]) })
	t.Run("a reboot is another boot", func(t *testing.T) { checkReboot(ctx, t, machines[1]) })
	t.Run("shutdown", func(t *testing.T) {
		if err := machines[0].Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
}

func checkMachine(ctx context.Context, t *testing.T, m *Machine) {
	for _, row := range []struct {
		name, user, command string
		options             Options
		code                int
		want                string
	}{
		{"a person is a person", Alice, "id -un; groups", Options{}, 0, "alice\nalice\n"},
		{"exit codes arrive", Bob, "exit 7", Options{}, 7, ""},
		{"real sudo refuses who has no rights", Alice, "sudo -n id", Options{}, 1, ""},
		{"real sudo asks on a terminal", Alice, "sudo -v </dev/null; tty", Options{TTY: true}, 0, "/dev/pts/"},
		{"real sudo allows who has rights", Carol, "sudo id -u", Options{}, 0, "0\n"},
		{"root may sign in", Root, "id -u", Options{}, 0, "0\n"},
		{"systemd is real", Root, "systemctl is-system-running", Options{}, 0, "running"},
		{"log-ins have a session", Alice, "cat /proc/self/cgroup", Options{}, 0, "0::/user.slice/user-1001.slice/session-"},
		{"stdin arrives", Alice, "cat", Options{Stdin: strings.NewReader("hello")}, 0, "hello"},
		{"the host answers", Root, "ping -c1 -W2 " + m.lab.Host.String() + " >/dev/null 2>&1 || ip route get " + m.lab.Host.String(), Options{}, 0, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := m.SSH(ctx, row.user, row.command, row.options)
			if err != nil {
				t.Fatal(err)
			}
			if got.Code != row.code || !strings.Contains(got.Stdout, row.want) {
				t.Errorf("want exit %d and %q, got %s", row.code, row.want, got)
			}
		})
	}
	got, err := m.Exec(ctx, "/bin/cat", "/proc/self/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(got.Stdout, "0::/system.slice/run-") {
		t.Errorf("Exec must run in a unit, got %s", got)
	}
}

func checkPowerCut(ctx context.Context, t *testing.T, m *Machine) {
	if err := m.Write("/var/lib/test/kept", []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := m.PowerCut(); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Exec(ctx, "/bin/true"); err == nil {
		t.Error("a halted machine must not run programs")
	}
	if err := m.Boot(ctx); err != nil {
		t.Fatal(err)
	}
	if got, err := m.Read("/var/lib/test/kept"); err != nil || string(got) != "kept" {
		t.Errorf("after the power cut: got %q, %v", got, err)
	}
}

func checkReboot(ctx context.Context, t *testing.T, m *Machine) {
	before, err := m.SSH(ctx, Alice, "cat /proc/sys/kernel/random/boot_id", Options{})
	if err != nil {
		t.Fatal(err)
	}
	session, err := m.Open(ctx, Alice, "cat", Options{TTY: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := session.Send("hello\r"); err != nil {
		t.Fatal(err)
	}
	if err := session.Expect(ctx, "hello\r\nhello"); err != nil {
		t.Fatal(err)
	}
	if err := m.Reboot(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := session.Wait(ctx); err == nil {
		t.Error("the session must not survive the reboot")
	}
	after, err := m.SSH(ctx, Alice, "cat /proc/sys/kernel/random/boot_id", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if before.Stdout == after.Stdout || len(after.Stdout) != 37 {
		t.Errorf("boot ids: %q, then %q", before.Stdout, after.Stdout)
	}
}
