package main

import (
	"os"
	"path/filepath"
	"testing"
)

// A log is written on, begins anew once it is too long, and keeps one before; who
// looks at stderr has it there.
func TestLogTo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.log")
	if out, _, err := logTo(path, false, true); err != nil || out != os.Stderr {
		t.Errorf("in the foreground: %v %v", out, err)
	}
	write := func(quietly bool, text string) {
		t.Helper()
		out, done, err := logTo(path, quietly, quietly)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := out.WriteString(text); err != nil {
			t.Fatal(err)
		}
		done()
	}
	write(true, "a")  // nobody sees stderr
	write(false, "b") // nobody has stderr
	holds := func(path, want string) {
		t.Helper()
		if raw, err := os.ReadFile(path); err != nil || string(raw) != want {
			t.Errorf("%s has %q, want %q: %v", filepath.Base(path), raw[:min(len(raw), 20)], want, err)
		}
	}
	holds(path, "ab")
	for _, text := range []string{"c", "d"} {
		if err := os.Truncate(path, maxLog+1); err != nil {
			t.Fatal(err)
		}
		write(true, text)
		holds(path, text)
	}
	if info, err := os.Stat(path + ".1"); err != nil || info.Size() != maxLog+1 {
		t.Errorf("the one before: %v %v", info, err)
	}
	if err := os.Truncate(path, maxLog); err != nil { // at the limit
		t.Fatal(err)
	}
	write(true, "e")
	if info, err := os.Stat(path); err != nil || info.Size() != maxLog+1 {
		t.Errorf("at the limit: %v %v", info, err)
	}
}
