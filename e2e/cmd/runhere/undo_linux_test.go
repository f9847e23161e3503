package main

import (
	"os/exec"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// The guardian's pipe was once closed by the garbage collector: two minutes
// after the start everything was undone, while somebody was trying it.
func TestTheGuardianOutlivesGarbage(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "/bin/cat")
	if err := outlived(cmd); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Wait() }() // ended by the context
	fd, err := unix.PidfdOpen(cmd.Process.Pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	runtime.GC()
	runtime.GC()
	if n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 300); n != 0 || err != nil {
		t.Errorf("it ended: %d, %v", n, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
}
