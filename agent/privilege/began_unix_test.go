//go:build linux || darwin

package privilege

import (
	"context"
	"errors"
	"os/exec"
	"testing"
	"time"
)

func TestBecomes(t *testing.T) {
	for name, row := range map[string]struct {
		script string
		want   error
	}{
		"begun":   {"read x; exec bash -c 'cat; true'", nil}, // until the input is closed
		"refused": {"read x; exec false", ErrNotBegun},
		"ended":   {"read x; sleep 0.01; exit 1", ErrNotBegun},
	} {
		cmd := exec.Command("sh", "-c", row.script)
		in, err := cmd.StdinPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		started, err := Started(cmd.Process.Pid)
		if err != nil {
			t.Fatal(err)
		}
		began, err := Becomes(cmd.Process.Pid, started)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Becomes(cmd.Process.Pid, started+1); !errors.Is(err, ErrNotBegun) {
			t.Errorf("another process of that number: %v", err)
		}
		over, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		if err := began(over); !errors.Is(err, ErrNotBegun) {
			t.Errorf("%s: before anything: %v", name, err)
		}
		cancel()
		if began, err = Becomes(cmd.Process.Pid, started); err != nil {
			t.Fatal(err)
		}
		if _, err := in.Write([]byte("\n")); err != nil {
			t.Fatal(err)
		}
		go func() { _ = cmd.Wait() }() // as its shell does
		if err := began(t.Context()); !errors.Is(err, row.want) {
			t.Errorf("%s: %v", name, err)
		}
		_ = in.Close() // it may have been closed behind a program that has ended
	}
}
