//go:build linux || darwin

package privilege

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// staged is a path whose file is the one that was approved and that only root can
// change: its own, or that of a copy in a folder of root's. macOS can start nothing by
// a descriptor, so that the path has to stay true until it runs. The copy goes with
// the grant; after an error there is none.
func staged(s Spec) (path string, err error) {
	fd, err := unix.Open(s.Path, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	f := os.NewFile(uintptr(fd), s.Path)
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return "", errors.Join(ErrChanged, err)
	}
	safe, err := RootOnly(s.Path)
	if err != nil {
		return "", err
	}
	if !safe && s.StageDir == "" {
		return "", ErrUnsafe
	}
	if safe {
		return s.Path, sameBytes(f, io.Discard, s.SHA256)
	}
	if err := os.MkdirAll(s.StageDir, 0o711); err != nil {
		return "", err
	}
	dir := StagePath(s.StageDir, s.Grant)
	if err := os.Mkdir(dir, 0o711); err != nil {
		return "", err // what is there already is of another run: a grant is used once
	}
	if path, err = stageInto(dir, f, s); err != nil {
		return "", errors.Join(fmt.Errorf("copy the program: %w", err), os.RemoveAll(dir))
	}
	return path, nil
}

func stageInto(dir string, f *os.File, s Spec) (string, error) {
	path := filepath.Join(dir, filepath.Base(s.Path))
	to, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o500)
	if err != nil {
		return "", err
	}
	defer to.Close()
	if err := sameBytes(f, to, s.SHA256); err != nil {
		return "", err
	}
	if err := errors.Join(to.Chmod(0o555), to.Close()); err != nil {
		return "", err
	}
	safe, err := RootOnly(path)
	if err == nil && !safe {
		err = ErrUnsafe // the folder of copies can be changed by others
	}
	return path, err
}

// sameBytes copies a file and makes sure that it is the one that was approved.
func sameBytes(f *os.File, to io.Writer, want string) error {
	h := sha256.New()
	if _, err := io.Copy(io.MultiWriter(h, to), f); err != nil {
		return err
	}
	if hex.EncodeToString(h.Sum(nil)) != want {
		return ErrChanged
	}
	return nil
}
