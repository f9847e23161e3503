package machine

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// stageEnv carries the plan to the stage: this same program, started again.
const stageEnv = "ASSENT_MACHINE_STAGE"

// plan is what the stage does before it becomes systemd-nspawn.
type plan struct {
	Lower, Upper, Work, Root string
	Cgroups                  []string // folders to join, one per hierarchy
	Argv, Env                []string
}

// Stage must be the first call of main or TestMain in a program that uses this
// package; on an error the caller prints it and exits. In an ordinary process it
// does nothing. In the process that becomes a machine (started by Boot in new
// namespaces) it mounts the overlay, joins a cgroup of its own and becomes
// systemd-nspawn; there it returns only when that failed.
func Stage() error {
	raw := os.Getenv(stageEnv)
	if raw == "" {
		return nil
	}
	return enterStage(raw)
}

func enterStage(raw string) error {
	var p plan
	if err := json.Unmarshal([]byte(raw), &p); err != nil {
		return fmt.Errorf("read the plan: %w", err)
	}
	// One byte arrives when the network is plugged in.
	release := os.NewFile(3, "release")
	if _, err := io.ReadFull(release, make([]byte, 1)); err != nil {
		return fmt.Errorf("wait for the network: %w", err)
	}
	if err := release.Close(); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mount proc: %w", err)
	}
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", p.Lower, p.Upper, p.Work)
	if err := unix.Mount("overlay", p.Root, "overlay", 0, options); err != nil {
		return fmt.Errorf("mount the overlay: %w", err)
	}
	for _, dir := range p.Cgroups {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("make a cgroup: %w", err)
		}
		if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte("0"), 0); err != nil {
			return fmt.Errorf("join a cgroup: %w", err)
		}
	}
	// The kernel keeps the signal of Bind for the thread that it was set for, and
	// whoever calls exec goes on with what its own thread has: which thread that is
	// after the wait above is a matter of luck. So it is set for this one too.
	runtime.LockOSThread()
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("end with the run: %w", err)
	}
	return fmt.Errorf("become nspawn: %w", unix.Exec(p.Argv[0], p.Argv, p.Env))
}

// stageCommand is this program again, in namespaces of its own.
func stageCommand(m *Machine) (*exec.Cmd, error) {
	roots, err := hierarchies()
	if err != nil {
		return nil, err
	}
	p := plan{
		Lower: m.lab.image,
		Upper: filepath.Join(m.dir, "upper"),
		Work:  filepath.Join(m.dir, "work"),
		Root:  filepath.Join(m.dir, "root"),
		Env: []string{
			"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
			"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1",
			"NOTIFY_SOCKET=" + filepath.Join(m.dir, "notify"),
		},
	}
	for _, root := range roots {
		p.Cgroups = append(p.Cgroups, filepath.Join(root, m.cgroup()))
	}
	p.Argv = []string{
		nspawnPath, "--quiet", "--boot", "--directory=" + p.Root, "--machine=" + m.Name,
		"--register=no", "--keep-unit", "--network-namespace-path=/proc/self/ns/net",
		"--console=pipe", "--notify-ready=yes", "--resolv-conf=off", "--timezone=off", "--link-journal=no",
		"--capability=all", "--system-call-filter=fanotify_init fanotify_mark bpf memfd_create",
	}
	raw, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{stageEnv + "=" + string(raw)}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET,
		Setsid:     true,
	}
	return cmd, nil
}

// hierarchies finds where cgroup v2 is mounted and, on hosts that still have
// it, the old hierarchy of systemd. A machine needs its own folder in both: two
// that start in the same one would share it and each other's units.
func hierarchies() ([]string, error) {
	raw, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("find the cgroup mounts: %w", err)
	}
	var roots []string
	for line := range strings.Lines(string(raw)) {
		left, right, _ := strings.Cut(line, " - ")
		at, kind := strings.Fields(left), strings.Fields(right)
		if len(at) < 5 || len(kind) < 3 || !strings.HasPrefix(at[4], "/sys/fs/cgroup") {
			continue
		}
		if kind[0] == "cgroup2" || kind[0] == "cgroup" && strings.Contains(kind[2], "name=systemd") {
			roots = append(roots, at[4])
		}
	}
	if len(roots) == 0 {
		return nil, errors.New("find the cgroup mounts: there is neither cgroup2 nor name=systemd")
	}
	return roots, nil
}

// removeCgroups removes a machine's empty cgroups in every hierarchy.
func removeCgroups(name string) error {
	roots, err := hierarchies()
	if err != nil {
		return err
	}
	var failures []error
	for _, root := range roots {
		failures = append(failures, removeTree(filepath.Join(root, name)))
	}
	return errors.Join(failures...)
}

// removeTree removes folders from the leaves up; the files in a cgroup go with it.
func removeTree(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.IsDir() {
			if err := removeTree(filepath.Join(dir, entry.Name())); err != nil {
				return err
			}
		}
	}
	return unix.Rmdir(dir)
}
