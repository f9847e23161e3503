package privilege

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"

	"github.com/assent-epm/assent/agent/accounts"
	"github.com/assent-epm/assent/shared/durable"
)

// Where accounts, groups and the rules of sudo are.
const (
	GroupFile = "/etc/group"
	sudoPath  = "/usr/bin/sudo"

	maxAccounts = 16 << 20 // bytes of one file
	sudoTime    = 10 * time.Second
)

// readRootFile reads a file that only root can change; a missing one is empty
// unless it must be there.
func readRootFile(path string, must bool) (string, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) && !must {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return "", err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG || st.Size > maxAccounts || int(st.Uid) != os.Geteuid() || st.Mode&0o022 != 0 {
		return "", fmt.Errorf("%s is not a file of root alone", path)
	}
	raw, err := io.ReadAll(io.LimitReader(f, maxAccounts+1))
	return string(raw), err
}

// unfinishedFile is beside a file until the new one is whole.
const unfinishedFile = ".assent"

// replaceRootFile puts text in the place of a file that is there, with its owner,
// mode, labels and access lists, at once and durably.
func replaceRootFile(path, text string) error {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return fmt.Errorf("replace %s: %w", path, err)
	}
	beside := path + unfinishedFile
	if err := durable.Create(beside, []byte(text), 0o600); err != nil {
		return fmt.Errorf("replace %s: %w", path, err)
	}
	err := errors.Join(os.Lchown(beside, int(st.Uid), int(st.Gid)), os.Chmod(beside, fs.FileMode(st.Mode&0o777)))
	accounts.KeepAttributes(path, beside)
	if err == nil {
		err = durable.Rename(beside, path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("replace %s: %w", path, err), durable.Remove(beside))
	}
	return nil
}

// SudoAllows asks sudo whether a user may become root by it.
func SudoAllows(ctx context.Context, user string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, sudoTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, sudoPath, "-n", "-l", "-U", user, "-u", "root", "--", "/bin/sh")
	cmd.Env, cmd.Dir = []string{"LC_ALL=C", "PATH=" + systemPath}, "/"
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == 1 {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("ask sudo about %s: %w", user, err)
	}
	return true, nil
}
