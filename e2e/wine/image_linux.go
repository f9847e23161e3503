package wine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// What the image is made of. A change of anything here makes another image: the
// name of its folder is a hash over all of it.
const (
	suite    = "trixie"
	recipe   = "1" // raised when build does something else
	packages = "ca-certificates,wine,wine64,msitools,wixl"
)

// prefixSteps make the prefix that every lab begins with.
func prefixSteps() [][]string {
	return [][]string{{"wineboot", "--init"}, {"wineserver", "-w"}, {"wine", "winecfg", "-v", "win10"}, {"wineserver", "-w"}, {"test", "-f", "/prefix/system.reg"}}
}

// Image answers the folder with the image and makes it when it is not there,
// which takes some minutes once.
func Image(ctx context.Context) (string, error) {
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	stamp := sha256.Sum256(fmt.Append(nil, suite, recipe, packages, prefixSteps(), environment()))
	dir := filepath.Join(cache, "wine-"+hex.EncodeToString(stamp[:6]))
	if exists(dir) {
		return filepath.Join(dir, "root"), nil
	}
	unlock, err := lock(filepath.Join(cache, "wine.lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	if exists(dir) {
		return filepath.Join(dir, "root"), nil
	}
	if err := makeImage(ctx, cache, dir); err != nil {
		return "", fmt.Errorf("make the image of wine: %w", err)
	}
	return filepath.Join(dir, "root"), nil
}

func makeImage(ctx context.Context, cache, dir string) error {
	old, err := filepath.Glob(filepath.Join(cache, "wine-*"))
	if err != nil {
		return err
	}
	if labs, err := os.ReadDir(filepath.Join(cache, "wine.run")); err != nil || len(labs) > 0 {
		old = nil // labs of another run stand on it
	}
	building := dir + ".new"
	for _, stale := range append(old, building) {
		if err := os.RemoveAll(stale); err != nil {
			return fmt.Errorf("remove an old image: %w", err)
		}
	}
	if err := build(ctx, building); err != nil {
		return errors.Join(err, os.RemoveAll(building))
	}
	return os.Rename(building, dir)
}

func build(ctx context.Context, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root := filepath.Join(dir, "root")
	if err := must(exec.CommandContext(ctx, "mmdebstrap", "--quiet", "--variant=minbase", "--format=directory", "--include="+packages, suite, root)); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(root, "prefix"), 0o755); err != nil {
		return err
	}
	space, err := open(ctx, root)
	if err != nil {
		return err
	}
	for _, step := range prefixSteps() {
		if err := quiet(space.inside(ctx, step...)); err != nil {
			return errors.Join(err, space.end())
		}
	}
	return space.end()
}

func cacheDir() (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache folder: %w", err)
	}
	dir := filepath.Join(base, "assent-test")
	if err := os.MkdirAll(filepath.Join(dir, "wine.run"), 0o700); err != nil {
		return "", fmt.Errorf("make the cache folder: %w", err)
	}
	return dir, nil
}

// lock waits until no other process makes the image, and answers how to let go.
func lock(path string) (func(), error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock of wine's image: %w", err)
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("lock wine's image: %w", err), file.Close())
	}
	return func() { _ = file.Close() }, nil
}

// claim makes a lab's folder and removes those whose process is gone. A folder is
// held by a lock on the file in it: the kernel lets go of it with the process.
func claim() (dir string, held *os.File, err error) {
	cache, err := cacheDir()
	if err != nil {
		return "", nil, err
	}
	unlock, err := lock(filepath.Join(cache, "wine.lock"))
	if err != nil {
		return "", nil, err
	}
	defer unlock()
	runs := filepath.Join(cache, "wine.run")
	left, err := os.ReadDir(runs)
	if err != nil {
		return "", nil, err
	}
	for _, lab := range left {
		if err := removeLeft(filepath.Join(runs, lab.Name())); err != nil {
			return "", nil, err
		}
	}
	if dir, err = os.MkdirTemp(runs, "lab-"); err != nil {
		return "", nil, err
	}
	for _, sub := range []string{"upper", "work", "root"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			return "", nil, err
		}
	}
	if held, err = os.OpenFile(filepath.Join(dir, "held"), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return "", nil, err
	}
	return dir, held, unix.Flock(int(held.Fd()), unix.LOCK_EX)
}

func removeLeft(dir string) error {
	held, err := os.OpenFile(filepath.Join(dir, "held"), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return os.RemoveAll(dir) // its making was interrupted
	}
	if err != nil {
		return err
	}
	defer held.Close()
	if unix.Flock(int(held.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		return nil // somebody's
	}
	return os.RemoveAll(dir)
}

// exists answers false only when there is surely nothing.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
