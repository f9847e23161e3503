// Package durable puts files on the disk so that no crash can tear them: after
// one there is the old content or the new, and after a nil return the new one.
// What must survive a power cut is written through it: keys, ledger, outbox,
// rules for sudo. It never reads and never locks: a path has one writer at a
// time. What is built on it is best read in agent/grants.
package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// Unfinished is the end of the name of a file whose writing was interrupted.
const Unfinished = ".new"

// Replace writes path as a whole, readable by its owner only. It goes by way of
// path + [Unfinished], and leaves nothing there on error.
func Replace(path string, content []byte) error {
	if err := Create(path+Unfinished, content, 0o600); err != nil {
		return err
	}
	return Rename(path+Unfinished, path)
}

// Rename moves a file that [Create] made to its place in the same folder. On
// error it is gone.
func Rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return errors.Join(err, Remove(from))
	}
	return SyncDir(filepath.Dir(to))
}

// Create makes a new file with exactly this mode. What stands at path, left
// behind by a crash, is removed first and never written through. The name is
// durable only after [SyncDir]. On error nothing is left.
func Create(path string, content []byte, mode fs.FileMode) error {
	if err := Remove(path); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = errors.Join(f.Chmod(mode), f.Sync())
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, Remove(path))
	}
	return nil
}

// Remove removes a file; one that is not there is no error.
func Remove(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// SyncDir makes the names in a folder durable. Windows has no such call; there
// the file system's journal does it.
func SyncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
