package machine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// The host's programs that this package runs. Debian and its relatives have
// them at these places.
const (
	nspawnPath     = "/usr/bin/systemd-nspawn"
	nsenterPath    = "/usr/bin/nsenter"
	ipPath         = "/usr/sbin/ip"
	mmdebstrapPath = "/usr/bin/mmdebstrap"
	chrootPath     = "/usr/sbin/chroot"
)

// Result is how a program ended. Code is 128+N where signal N ended it.
type Result struct {
	Stdout, Stderr string
	Code           int
}

// String shows everything, for the message of a failed test.
func (r Result) String() string {
	return fmt.Sprintf("exit %d\nstdout: %s\nstderr: %s", r.Code, r.Stdout, r.Stderr)
}

// run answers how a program of the host ended; only a program that could not
// be run is an error.
func run(ctx context.Context, stdin []byte, path string, args ...string) (Result, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && ctx.Err() == nil {
		err = nil
	}
	if err != nil {
		return Result{}, fmt.Errorf("run %s %s: %w", path, strings.Join(args, " "), errors.Join(err, ctx.Err()))
	}
	return Result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}, nil
}

// must is run for programs that have to succeed.
func must(ctx context.Context, path string, args ...string) error {
	result, err := run(ctx, nil, path, args...)
	if err != nil {
		return err
	}
	if result.Code != 0 {
		return fmt.Errorf("run %s %s: exit %d: %s", path, strings.Join(args, " "), result.Code, strings.TrimSpace(result.Stderr))
	}
	return nil
}

func ip(ctx context.Context, args ...string) error { return must(ctx, ipPath, args...) }

func ipInside(ctx context.Context, pid int, args ...string) error {
	return must(ctx, nsenterPath, append([]string{"--net=/proc/" + strconv.Itoa(pid) + "/ns/net", ipPath}, args...)...)
}

// enter runs a program in every namespace of the machine, with the host's
// capabilities. It is for talking to the machine's systemd, never for testing.
func (m *Machine) enter(ctx context.Context, argv ...string) (Result, error) {
	pid, err := m.initPID()
	if err != nil {
		return Result{}, err
	}
	return run(ctx, nil, nsenterPath, append([]string{"--target", strconv.Itoa(pid), "--all", "--"}, argv...)...)
}

func (m *Machine) initPID() (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.leader == 0 {
		return 0, fmt.Errorf("machine %s does not run", m.Name)
	}
	return m.leader, nil
}

// Exec runs a program as root in a unit of its own, so that it has exactly the
// rights and the cgroup that the machine's systemd gives, and waits for it.
func (m *Machine) Exec(ctx context.Context, argv ...string) (Result, error) {
	return m.enter(ctx, append([]string{"/usr/bin/systemd-run", "--quiet", "--wait", "--pipe", "--collect", "--service-type=exec", "--"}, argv...)...)
}

// Systemctl asks the machine's systemd.
func (m *Machine) Systemctl(ctx context.Context, args ...string) (Result, error) {
	return m.enter(ctx, append([]string{"/usr/bin/systemctl"}, args...)...)
}

// Journal is what a unit logged since the machine was booted.
func (m *Machine) Journal(ctx context.Context, unit string) string {
	result, err := m.enter(ctx, "/usr/bin/journalctl", "--no-pager", "--boot", "--output=cat", "--unit="+unit)
	if err != nil {
		return err.Error()
	}
	return result.Stdout
}
