//go:build unix

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// errNoSockets never comes: every Unix has them.
const errNoSockets = unix.EAFNOSUPPORT

// fromMenu is how a request by the verb came here: a terminal, or a menu.
const fromMenu = false

// ownFolder is a folder that is this person's alone.
func ownFolder() (string, error) {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) && private(dir) == nil {
		return dir, nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a folder of your own: %w", err)
	}
	return filepath.Join(dir, "assent"), nil
}

// private refuses a folder that is not this person's alone.
func private(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("look at %s: %w", dir, err)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || info.Mode().Perm()&0o077 != 0 || !ok || int(st.Uid) != os.Getuid() {
		return fmt.Errorf("%s is not yours alone", dir)
	}
	return nil
}

// hold takes a lock until it is closed or the program ends.
func hold(path string) (io.Closer, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
	}
	return f, nil
}

// apart starts this program again without a terminal, and waits for it: what is
// run for a form must not find one. True = this one has nothing more to do.
func apart() (bool, int) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return false, 0
	}
	_ = tty.Close() // it was only looked for
	self, err := os.Executable()
	if err != nil {
		return false, 0
	}
	p, err := os.StartProcess(self, os.Args, &os.ProcAttr{Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}, Sys: &syscall.SysProcAttr{Setsid: true}})
	if err != nil {
		return false, 0
	}
	stop := forward(p)
	defer stop()
	state, err := p.Wait()
	if err != nil {
		return true, exitFailed
	}
	return true, max(0, state.ExitCode())
}
