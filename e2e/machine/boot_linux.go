package machine

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
)

// Machine is one booted, or at the moment halted, machine.
type Machine struct {
	Name string
	Addr netip.Addr

	lab  *Lab
	dir  string
	veth string

	mu     sync.Mutex // guards the fields below
	stage  *exec.Cmd  // nil while halted
	gone   <-chan struct{}
	leader int // process id of the machine's init, as the host sees it
}

// prepare writes what is different from machine to machine into its overlay.
func (m *Machine) prepare() error {
	for _, sub := range []string{"work", "root"} {
		if err := os.MkdirAll(filepath.Join(m.dir, sub), 0o755); err != nil {
			return err
		}
	}
	block, err := pemOf(m.lab.hostRaw)
	if err != nil {
		return err
	}
	login := ssh.MarshalAuthorizedKey(m.lab.user.PublicKey())
	files := []struct {
		path string
		raw  []byte
		mode os.FileMode
		uid  int
	}{
		{"etc/hostname", []byte(m.Name + "\n"), 0o644, 0},
		{"etc/hosts", fmt.Appendf(nil, "127.0.0.1 localhost %s\n%s %s\n%s controller\n", m.Name, m.Addr, m.Name, m.lab.Host), 0o644, 0},
		{"etc/machine-id", []byte(strings.Repeat(randomID(), 6)[:32] + "\n"), 0o444, 0},
		{"etc/ssh/ssh_host_ed25519_key", block, 0o600, 0},
		{"root/.ssh/authorized_keys", login, 0o600, 0},
	}
	for i, name := range userNames() {
		files = append(files, struct {
			path string
			raw  []byte
			mode os.FileMode
			uid  int
		}{"home/" + name + "/.ssh/authorized_keys", login, 0o600, firstUID + i})
	}
	for _, f := range files {
		if err := m.writeUpper(f.path, f.raw, f.mode, f.uid); err != nil {
			return err
		}
	}
	return nil
}

// writeUpper puts a file into the overlay before the machine runs. Folders that
// the image has get the image's owner and mode, new ones belong to uid alone.
func (m *Machine) writeUpper(path string, raw []byte, mode os.FileMode, uid int) error {
	at, below := filepath.Join(m.dir, "upper"), m.lab.image
	dirs := strings.Split(filepath.Dir(path), "/")
	for _, name := range append([]string{""}, dirs...) {
		at, below = filepath.Join(at, name), filepath.Join(below, name)
		if exists(at) {
			continue
		}
		owner, group, bits := uid, uid, os.FileMode(0o700)
		if info, err := os.Lstat(below); err == nil {
			stat, _ := info.Sys().(*syscall.Stat_t)
			owner, group, bits = int(stat.Uid), int(stat.Gid), info.Mode().Perm()
		}
		if err := errors.Join(os.Mkdir(at, 0o700), os.Chmod(at, bits), os.Chown(at, owner, group)); err != nil {
			return err
		}
	}
	file := filepath.Join(m.dir, "upper", path)
	return errors.Join(os.WriteFile(file, raw, mode), os.Chmod(file, mode), os.Chown(file, uid, uid))
}

func pemOf(key any) ([]byte, error) {
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		return nil, fmt.Errorf("write the host key: %w", err)
	}
	return pem.EncodeToMemory(block), nil
}

// Boot starts a halted machine and returns when its systemd says that booting
// is finished. The disk is as it was when the machine stopped.
func (m *Machine) Boot(ctx context.Context) error {
	for try := 1; ; try++ {
		err := m.boot(ctx)
		if err == nil {
			return nil
		}
		console, _ := os.ReadFile(m.console())
		failure := errors.Join(fmt.Errorf("boot machine %s: %w\n%s", m.Name, err, tail(console)), m.PowerCut())
		if !errors.Is(err, errStopped) || try == bootTries {
			return failure
		}
		select {
		case <-ctx.Done():
			return failure
		case <-time.After(time.Duration(try) * 5 * time.Second):
		}
	}
}

// A systemd that finds no place left to watch files stops while it boots: the
// kernel has 128 for all machines of this host together. Places come back when
// other machines end.
const bootTries = 4

var errStopped = errors.New("it stopped while booting")

func (m *Machine) boot(ctx context.Context) error {
	notify := filepath.Join(m.dir, "notify")
	if err := os.RemoveAll(notify); err != nil {
		return err
	}
	ready, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: notify, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("listen for the end of booting: %w", err)
	}
	defer ready.Close()
	stage, gone, release, err := m.start()
	if err != nil {
		return err
	}
	defer release.Close()
	m.mu.Lock()
	m.stage, m.gone = stage, gone
	m.mu.Unlock()
	if err := plug(ctx, m.lab.bridge, m.veth, m.Addr, stage.Process.Pid); err != nil {
		return err
	}
	if _, err := release.Write([]byte{1}); err != nil {
		return fmt.Errorf("release the stage: %w", err)
	}
	if err := awaitReady(ctx, ready, gone); err != nil {
		return err
	}
	leader, err := childOf(stage.Process.Pid)
	if err != nil {
		return err
	}
	m.mu.Lock()
	m.leader = leader
	m.mu.Unlock()
	return nil
}

// start runs the stage in new namespaces, where it waits until it is released.
func (m *Machine) start() (*exec.Cmd, <-chan struct{}, *os.File, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, nil, nil, err
	}
	defer read.Close()
	console, err := os.OpenFile(m.console(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, nil, errors.Join(err, write.Close())
	}
	defer console.Close()
	cmd, err := stageCommand(m)
	if err != nil {
		return nil, nil, nil, errors.Join(err, write.Close())
	}
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = console, console, []*os.File{read}
	gone, err := Bind(cmd)
	if err != nil {
		return nil, nil, nil, errors.Join(fmt.Errorf("start the stage: %w", err), write.Close())
	}
	return cmd, gone, write, nil
}

// awaitReady waits for the READY=1 that systemd in the machine sends when its
// default target is reached.
func awaitReady(ctx context.Context, ready *net.UnixConn, gone <-chan struct{}) error {
	said := make(chan error, 1)
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := ready.Read(buf)
			if err != nil {
				said <- err
				return
			}
			for line := range strings.SplitSeq(string(buf[:n]), "\n") {
				if line == "READY=1" {
					said <- nil
					return
				}
			}
		}
	}()
	select {
	case err := <-said:
		return err
	case <-gone:
		return errStopped
	case <-ctx.Done():
		return fmt.Errorf("wait for it: %w", ctx.Err())
	}
}

// childOf finds the init of the machine: nspawn has this one child.
func childOf(pid int) (int, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return 0, fmt.Errorf("find the machine's init: %w", err)
	}
	children := strings.Fields(string(raw))
	if len(children) == 0 {
		return 0, errors.New("find the machine's init: it is gone")
	}
	return strconv.Atoi(children[0])
}

// PowerCut stops the machine as a pulled plug does: every process of it is
// killed at once. Boot starts it again. A halted machine stays halted.
func (m *Machine) PowerCut() error {
	m.mu.Lock()
	stage, gone := m.stage, m.gone
	m.stage, m.leader = nil, 0
	m.mu.Unlock()
	if stage == nil {
		return nil
	}
	if err := stage.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill machine %s: %w", m.Name, err)
	}
	<-gone
	return removeCgroups(m.cgroup())
}

// Shutdown halts the machine as `systemctl poweroff` does.
func (m *Machine) Shutdown(ctx context.Context) error { return m.leave(ctx, "poweroff") }

// Reboot shuts the machine down in order and boots it again.
func (m *Machine) Reboot(ctx context.Context) error {
	if err := m.leave(ctx, "reboot"); err != nil {
		return err
	}
	return m.Boot(ctx)
}

func (m *Machine) leave(ctx context.Context, verb string) error {
	m.mu.Lock()
	gone := m.gone
	m.mu.Unlock()
	// The answer of systemctl may be lost with the machine; what counts is that it ends.
	_, _ = m.enter(ctx, "/usr/bin/systemctl", "--no-block", verb)
	select {
	case <-gone:
		return m.PowerCut()
	case <-ctx.Done():
		return fmt.Errorf("%s machine %s: %w", verb, m.Name, ctx.Err())
	}
}

// Console is what the machine printed while it booted and ran.
func (m *Machine) Console() string {
	raw, _ := os.ReadFile(m.console())
	return string(raw)
}

func (m *Machine) console() string { return filepath.Join(m.dir, "console.log") }
func (m *Machine) cgroup() string  { return "assent-test-" + m.lab.id + "-" + m.Name }

func tail(raw []byte) string {
	const most = 3000
	if len(raw) > most {
		raw = raw[len(raw)-most:]
	}
	return string(raw)
}
