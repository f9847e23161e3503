//go:build linux || darwin

package standing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/assent-epm/assent/shared/durable"
)

const (
	visudoPath = "/usr/sbin/visudo"
	toolTime   = 15 * time.Second
)

// trusted returns nil when nobody but root can change what stands at path, nor put
// something else there.
func (s *Standing) trusted(path string) error {
	real, err := filepath.EvalSymlinks(s.at(path))
	if err != nil {
		return err
	}
	base := filepath.Clean(s.cfg.Root + "/")
	for p := real; ; p = filepath.Dir(p) {
		var st unix.Stat_t
		if err := unix.Lstat(p, &st); err != nil {
			return err
		}
		if st.Uid != 0 || st.Mode&0o002 != 0 || st.Mode&0o020 != 0 && st.Gid != 0 {
			return fmt.Errorf("%s can be changed by others than root: whoever can has every right", strings.TrimPrefix(p, strings.TrimSuffix(base, "/")))
		}
		if p == base || p == "/" {
			return nil
		}
	}
}

// openFile opens a file without waiting for what may be on its other side.
func openFile(path string) (*os.File, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

// lockFile waits for the one lock of a data folder.
func lockFile(path string) (release func(), err error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		if err = unix.Flock(fd, unix.LOCK_EX); !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	return func() { _ = unix.Close(fd) }, nil
}

// owned is who owns a file, and its mode.
type owned struct{ mode, uid, gid uint32 }

func (s *Standing) owned(path string) (o owned, err error) {
	var st unix.Stat_t
	if err := unix.Lstat(s.at(path), &st); err != nil {
		return o, &fs.PathError{Op: "look at", Path: path, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return o, fmt.Errorf("%w: %s is a link, or no file", ErrRefused, path)
	}
	return owned{mode: uint32(st.Mode) & 0o7777, uid: st.Uid, gid: st.Gid}, nil
}

// newPath is beside a file, under a name that sudo leaves alone because of its dot.
func (s *Standing) newPath(path string) string {
	return filepath.Join(filepath.Dir(s.at(path)), ownPrefix+"rights"+durable.Unfinished)
}

// replace puts other bytes into the place of a file that reads was, in one step,
// with the given owner and mode. check is asked about the new file before it
// counts. was nil means that there is no file.
func (s *Standing) replace(path string, was, is []byte, o owned, check func(string) error) error {
	if err := s.trusted(filepath.Dir(path)); err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	s.files.Lock()
	defer s.files.Unlock()
	unlock, err := s.unedited(path, was)
	if err != nil {
		return err
	}
	defer unlock()
	beside := s.newPath(path)
	if err := durable.Create(beside, is, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	err = os.Chown(beside, int(o.uid), int(o.gid))
	if err == nil {
		err = unix.Chmod(beside, o.mode)
	}
	if err == nil && was != nil {
		keepAttributes(s.at(path), beside)
	}
	if err == nil && check != nil {
		err = check(beside)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), durable.Remove(beside))
	}
	s.cfg.FailPoint("written")
	if err := durable.Rename(beside, s.at(path)); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// unedited makes sure that a file reads was and that nobody has it open in visudo.
func (s *Standing) unedited(path string, was []byte) (unlock func(), err error) {
	unlock, err = lockEdit(s.at(path), was, setLock)
	if errors.Is(err, unix.ENOENT) && was == nil {
		return func() {}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrRefused, path, err)
	}
	return unlock, nil
}

// lockEdit takes the lock of visudo on a file that reads was, and reads it by the same
// descriptor: where the lock is of the process (F_SETLK), it is lost as soon as any
// descriptor of the file is closed.
func lockEdit(path string, was []byte, how int) (unlock func(), err error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open it: %w", err)
	}
	f := os.NewFile(uintptr(fd), path)
	fail := func(err error) (func(), error) { return nil, errors.Join(err, f.Close()) }
	if err := unix.FcntlFlock(uintptr(fd), how, &unix.Flock_t{Type: unix.F_WRLCK}); err != nil {
		return fail(fmt.Errorf("somebody edits it at the moment: %w", err))
	}
	now, err := readFile(f, path, maxGroupFile)
	var held, there unix.Stat_t
	if err == nil {
		err = errors.Join(unix.Fstat(fd, &held), unix.Lstat(path, &there))
	}
	if err != nil || was == nil || !bytes.Equal(now, was) || held.Dev != there.Dev || held.Ino != there.Ino {
		return fail(errors.Join(errors.New("it has just been changed"), err))
	}
	return func() { _ = f.Close() }, nil
}

// visudo checks one file, or with "" everything that sudo reads. Of that it also
// looks at modes, about which sudo itself is less strict: where nothing else is
// wrong, the whole is good.
func (s *Standing) visudo(ctx context.Context, path string) error {
	if path != "" {
		return runVisudo(ctx, "-cf", path)
	}
	if s.cfg.Root == "" && runVisudo(ctx, "-c") == nil {
		return nil
	}
	main := s.at(sudoersPath)
	if _, err := os.Lstat(main); errors.Is(err, fs.ErrNotExist) {
		main = s.at(vendorPath)
	}
	return runVisudo(ctx, "-cf", main)
}

func runVisudo(ctx context.Context, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, toolTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, visudoPath, args...)
	cmd.Env, cmd.Dir = []string{"LC_ALL=C"}, "/"
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("visudo: %w: %s", err, clip(strings.TrimSpace(string(out)), 300))
	}
	return nil
}
