package machine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// ownerFile says whose lab a folder is: process id and start time.
const ownerFile = "owner"

// claim makes the folder of a lab and writes whose it is.
func claim(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	born, err := startTime(os.Getpid())
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, ownerFile), fmt.Appendf(nil, "%d %s", os.Getpid(), born), 0o600)
}

// heal removes the labs whose process is gone. Their machines are dead already,
// the kernel saw to that; what remains are folders, cgroups and bridges.
func heal(ctx context.Context, runs string) error {
	labs, err := os.ReadDir(runs)
	if err != nil {
		return err
	}
	var failures []error
	for _, lab := range labs {
		dir := filepath.Join(runs, lab.Name())
		if !owned(dir) {
			failures = append(failures, remove(ctx, dir))
		}
	}
	return errors.Join(failures...)
}

func owned(dir string) bool {
	raw, err := os.ReadFile(filepath.Join(dir, ownerFile))
	if err != nil {
		return false
	}
	var pid int
	var born string
	if n, err := fmt.Sscan(string(raw), &pid, &born); n != 2 || err != nil {
		return false
	}
	now, err := startTime(pid)
	return err == nil && now == born
}

// startTime is field 22 of /proc/PID/stat: with the process id it names a process.
func startTime(pid int) (string, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", err
	}
	_, rest, _ := strings.Cut(string(raw[strings.LastIndexByte(string(raw), ')'):]), " ")
	fields := strings.Fields(rest)
	if len(fields) < 20 {
		return "", fmt.Errorf("read /proc/%d/stat: too short", pid)
	}
	return fields[19], nil
}

// remove takes away everything that belongs to a lab whose machines are dead.
func remove(ctx context.Context, dir string) error {
	lab := filepath.Base(dir)
	var failures []error
	roots, err := hierarchies()
	failures = append(failures, err)
	for _, root := range roots {
		left, err := filepath.Glob(filepath.Join(root, "assent-test-"+lab+"-*"))
		failures = append(failures, err)
		for _, cgroup := range left {
			failures = append(failures, removeTree(cgroup))
		}
	}
	links, err := net.Interfaces()
	failures = append(failures, err)
	for _, link := range links {
		if link.Name == bridgeName(lab) || isVeth(lab, link.Name) {
			// A veth goes by itself with its machine, perhaps just now.
			if err := ip(ctx, "link", "delete", link.Name); err != nil && exists("/sys/class/net/"+link.Name) {
				failures = append(failures, err)
			}
		}
	}
	return errors.Join(append(failures, os.RemoveAll(dir))...)
}
