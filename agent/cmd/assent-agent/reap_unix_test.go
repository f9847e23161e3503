//go:build linux || darwin

package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// A watcher goes on without the agent as long as something is in force, and is
// ended when nothing is.
func TestWatcher(t *testing.T) {
	dir := t.TempDir()
	exe, data := filepath.Join(dir, "program"), filepath.Join(dir, "data of assent")
	if err := os.WriteFile(exe, []byte("#!/bin/sh\necho \"$$ $*\" >\"$4.pid\"\nexec sleep 60\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(data+".pid", 0o600); err != nil {
		t.Fatal(err)
	}
	for _, inForce := range []bool{true, false} {
		stop, err := startWatcher(exe, data)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(data + ".pid") // once it is written
		if err != nil {
			t.Fatal(err)
		}
		number, args, _ := strings.Cut(strings.TrimSuffix(string(raw), "\n"), " ")
		pid, err := strconv.Atoi(number)
		if err != nil || args != "reap --watch --data "+data {
			t.Fatalf("it runs as %q", raw)
		}
		if session, err := unix.Getsid(pid); err != nil || session != pid {
			t.Errorf("process %d is in session %d: %v", pid, session, err)
		}
		stop(inForce)
		if err := syscall.Kill(pid, 0); (err == nil) != inForce {
			t.Errorf("with something in force: %v; it lives: %v", inForce, err)
		}
		if inForce {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Error(err)
			}
		}
	}
	if _, err := startWatcher(filepath.Join(dir, "missing"), data); err == nil {
		t.Error("a watcher that is not there was started")
	}
}
