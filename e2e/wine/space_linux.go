package wine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/assent-epm/assent/e2e/machine"
)

// space is a mount and a process namespace with one root in it. Its first process
// does nothing; when it ends the kernel ends the others, and the mounts are gone.
type space struct {
	first *exec.Cmd
	gone  <-chan struct{}
	root  string // on the host; what is mounted below it is seen in the space alone
}

// environment is all that programs in a root see.
func environment() []string {
	return []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8", "WINEPREFIX=/prefix", "WINEDLLOVERRIDES=mscoree=;mshtml=", "WINEDEBUG=-all"}
}

// open makes a space with the given mounts, and those that every root needs.
func open(ctx context.Context, root string, mounts ...[]string) (*space, error) {
	cmd := exec.Command("sleep", "infinity")
	cmd.Env, cmd.Dir = environment(), "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID, Setsid: true}
	gone, err := machine.Bind(cmd)
	if err != nil {
		return nil, fmt.Errorf("make namespaces: %w", err)
	}
	s := &space{first: cmd, gone: gone, root: root}
	all := append([][]string{{"--make-rprivate", "/"}}, mounts...)
	all = append(all, []string{"-t", "proc", "proc", filepath.Join(root, "proc")}, []string{"--rbind", "/dev", filepath.Join(root, "dev")},
		[]string{"-t", "tmpfs", "tmpfs", filepath.Join(root, "tmp")})
	for _, args := range all {
		if err := must(s.beside(ctx, append([]string{"mount"}, args...)...)); err != nil {
			return nil, errors.Join(err, s.end())
		}
	}
	return s, nil
}

// beside is a program of the host in the space.
func (s *space) beside(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "nsenter", append([]string{"--target=" + strconv.Itoa(s.first.Process.Pid), "--mount", "--pid", "--"}, args...)...)
	cmd.Env, cmd.Dir = environment(), "/"
	return cmd
}

// inside is a program of the root.
func (s *space) inside(ctx context.Context, args ...string) *exec.Cmd {
	return s.beside(ctx, append([]string{"chroot", s.root}, args...)...)
}

// path is where the host finds a file of the root.
func (s *space) path(name string) string {
	return filepath.Join(fmt.Sprintf("/proc/%d/root", s.first.Process.Pid), s.root, name)
}

func (s *space) end() error {
	if err := s.first.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("end a root: %w", err)
	}
	<-s.gone
	return nil
}

func must(cmd *exec.Cmd) error {
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%v: %w\n%s", cmd.Args, err, out)
	}
	return nil
}

// quiet runs a program of Wine to its end. What it leaves in the background must not
// hold our pipes, so it gets none.
func quiet(cmd *exec.Cmd) error {
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%v: %w", cmd.Args, err)
	}
	return nil
}
