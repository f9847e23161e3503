//go:build linux || darwin

package main

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

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
	for _, inForce := range []bool{true, false} {
		stop, err := startWatcher(exe, data)
		if err != nil {
			t.Fatal(err)
		}
		pid := 0
		for until := time.Now().Add(20 * time.Second); pid == 0 && time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
			raw, _ := os.ReadFile(data + ".pid")
			number, args, whole := strings.Cut(strings.TrimSuffix(string(raw), "\n"), " ")
			if !whole || !strings.HasSuffix(string(raw), "\n") {
				continue
			}
			if pid, err = strconv.Atoi(number); err != nil || args != "reap --watch --data "+data {
				t.Fatalf("it runs as %q", raw)
			}
		}
		if session, err := unix.Getsid(pid); pid == 0 || err != nil || session != pid {
			t.Errorf("process %d is in session %d: %v", pid, session, err)
		}
		stop(inForce)
		if err := syscall.Kill(pid, 0); (err == nil) != inForce {
			t.Errorf("with something in force: %v; it lives: %v", inForce, err)
		}
		if inForce {
			if err := errors.Join(syscall.Kill(pid, syscall.SIGKILL), os.Remove(data+".pid")); err != nil {
				t.Error(err)
			}
		}
	}
	if _, err := startWatcher(filepath.Join(dir, "missing"), data); err == nil {
		t.Error("a watcher that is not there was started")
	}
}
