package machine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// What the image is made of. A change of anything here makes another image: the
// name of its folder is a hash over all of it.
const (
	suite    = "bookworm"
	recipe   = "2" // raised when prepareImage does something else
	packages = "systemd,systemd-sysv,dbus,sudo,openssh-server,libpam-systemd,iproute2,procps,passwd,login,ca-certificates,vim-tiny,less,polkitd,pkexec,libnss-extrausers"
	firstUID = 1001
)

func userNames() []string { return []string{Alice, Bob, Carol} }

// imageFiles are added to what the packages bring.
func imageFiles() map[string]string {
	return map[string]string{
		"etc/sudoers.d/carol":                "carol ALL=(ALL:ALL) NOPASSWD: ALL\n",
		"etc/ssh/sshd_config.d/test.conf":    "HostKey /etc/ssh/ssh_host_ed25519_key\nPermitRootLogin prohibit-password\nMaxStartups 200\nMaxSessions 200\nPrintMotd no\nPrintLastLog no\n",
		"etc/systemd/journald.conf.d/t.conf": "[Journal]\nStorage=volatile\nRateLimitIntervalSec=0\n",
		"etc/resolv.conf":                    "",
	}
}

// Units that a machine of a few minutes has no use for; booting is faster without.
func masked() []string {
	return []string{
		"apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "fstrim.timer", "e2scrub_all.timer", "e2scrub_reap.service",
		"systemd-tmpfiles-clean.timer", "console-getty.service", "getty@.service", "getty.target", "systemd-networkd-wait-online.service",
		"systemd-timesyncd.service", "systemd-pstore.service", "systemd-update-utmp.service", "systemd-update-utmp-runlevel.service",
	}
}

// prepareImage answers the folder with the image and builds it when it is not there.
func prepareImage(ctx context.Context, cache string) (string, error) {
	stamp := sha256.New()
	fmt.Fprintln(stamp, suite, recipe, packages, userNames(), imageFiles(), masked())
	dir := filepath.Join(cache, "debian12-"+hex.EncodeToString(stamp.Sum(nil))[:12])
	if exists(dir) {
		return dir, nil
	}
	old, err := filepath.Glob(filepath.Join(cache, "debian12-*"))
	if err != nil {
		return "", err
	}
	if labs, err := os.ReadDir(filepath.Join(cache, "run")); err != nil || len(labs) > 0 {
		old = nil // machines of another run stand on it
	}
	building := dir + ".new"
	for _, stale := range append(old, building) {
		if err := os.RemoveAll(stale); err != nil {
			return "", fmt.Errorf("remove an old image: %w", err)
		}
	}
	if err := build(ctx, building); err != nil {
		return "", errors.Join(err, os.RemoveAll(building))
	}
	return dir, os.Rename(building, dir)
}

func build(ctx context.Context, dir string) error {
	if err := must(ctx, mmdebstrapPath, "--quiet", "--variant=minbase", "--format=directory", "--include="+packages, suite, dir); err != nil {
		return err
	}
	for i, name := range userNames() {
		uid := strconv.Itoa(firstUID + i)
		if err := must(ctx, chrootPath, dir, "/usr/sbin/useradd", "--create-home", "--uid="+uid, "--user-group", "--shell=/bin/bash", name); err != nil {
			return err
		}
	}
	for path, text := range imageFiles() {
		path = filepath.Join(dir, path)
		mode := os.FileMode(0o644)
		if strings.Contains(path, "sudoers.d") {
			mode = 0o440
		}
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.RemoveAll(path), os.WriteFile(path, []byte(text), mode)); err != nil {
			return err
		}
	}
	for _, unit := range masked() {
		path := filepath.Join(dir, "etc/systemd/system", unit)
		if err := errors.Join(os.RemoveAll(path), os.Symlink("/dev/null", path)); err != nil {
			return err
		}
	}
	keys, err := filepath.Glob(filepath.Join(dir, "etc/ssh/ssh_host_*"))
	if err != nil {
		return err
	}
	for _, key := range keys {
		if err := os.Remove(key); err != nil {
			return err
		}
	}
	return nil
}

// lock waits until no other process prepares machines, and answers how to let go.
func lock(path string) (func(), error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock of the machines: %w", err)
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("lock the machines: %w", err), file.Close())
	}
	return func() { _ = file.Close() }, nil
}
