package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
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

// What a service has to say before it serves is in the agent's log, also when there
// is none yet.
func TestServiceLog(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	for range 2 {
		log, done := serviceLog(data)
		log.Error("the folder of the task belongs to others")
		done()
	}
	raw, err := os.ReadFile(filepath.Join(data, logName))
	if n := strings.Count(string(raw), "belongs to others"); err != nil || n != 2 {
		t.Errorf("the log has %q, %v", raw, err)
	}
	if err := os.WriteFile(filepath.Join(data, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	log, done := serviceLog(filepath.Join(data, "file"))
	done()
	if log != slog.Default() {
		t.Error("a service without a folder has a log")
	}
}
