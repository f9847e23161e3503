package main

import (
	"bytes"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/creack/pty"
)

// TestRootKeyElsewhere: the root key goes into a file, and into nothing that
// could lose or show it; without it the controller serves.
func TestRootKeyElsewhere(t *testing.T) {
	dir := t.TempDir()
	data, out := filepath.Join(dir, "data"), filepath.Join(dir, "root.pem")
	root := filepath.Join(data, "keys", "root.key")
	if code, _, text := call(t, nil, "keys", "root", "export", "--data", data); code != 1 || !strings.Contains(text, "hint: --data names the folder") {
		t.Errorf("of no controller: %d %s", code, text)
	}
	cmd, lines := program(t, data)
	line(t, lines, "console")
	code, text, told := call(t, nil, "keys", "root", "export", "--data", data)
	if block, rest := pem.Decode([]byte(text)); code != 0 || block == nil || block.Type != "PRIVATE KEY" || len(rest) != 0 || told != "" {
		t.Errorf("beside a controller that runs: %d %s", code, told)
	}
	if code, text, told := call(t, nil, "keys", "root", "export", "--remove", "--data", data); code != 2 || text != "" || !strings.Contains(told, "wants a file") {
		t.Errorf("remove, into a pipe: %d %s", code, told)
	}
	into := func(mode os.FileMode) (int, string) {
		t.Helper()
		file, err := os.OpenFile(out, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if err := file.Chmod(mode); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), os.Args[0], "keys", "root", "export", "--remove", "--data", data)
		cmd.Env = append(os.Environ(), asProgram+"=1")
		var told bytes.Buffer
		cmd.Stdout, cmd.Stderr = file, &told
		_ = cmd.Run()
		return cmd.ProcessState.ExitCode(), told.String()
	}
	if code, told := into(0o600); code != 1 || !strings.Contains(told, "stop it first") {
		t.Errorf("remove beside a controller that runs: %d %s", code, told)
	}
	finish(t, cmd)
	was, err := os.ReadFile(root)
	if err != nil {
		t.Fatal(err)
	}
	code, told = into(0o644)
	if kept, err := os.ReadFile(out); code != 0 || err != nil || !bytes.Equal(kept, was) || !strings.Contains(told, "warning: others may read") ||
		!strings.Contains(told, "hint: ") || strings.Contains(told, "PRIVATE") {
		t.Errorf("remove: %d %s", code, told)
	}
	if _, err := os.Stat(root); err == nil {
		t.Error("it is there still")
	}
	if code, told := into(0o600); code != 1 || !strings.Contains(told, "it was removed before") {
		t.Errorf("once more: %d %s", code, told)
	}
	cmd, lines = program(t, data)
	line(t, lines, "console")
	if code, _, told := call(t, nil, "health", "--data", data); code != 0 {
		t.Errorf("without the key: %d %s", code, told)
	}
	finish(t, cmd)
}

// TestRootKeyOnATerminal: a terminal gets the key when that is asked for only.
func TestRootKeyOnATerminal(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	cmd, lines := program(t, data)
	line(t, lines, "console")
	finish(t, cmd)
	for _, row := range []struct {
		flag string
		code int
		key  bool
	}{{"--terminal=false", 2, false}, {"--terminal", 0, true}} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "keys", "root", "export", "--data", data, row.flag)
		cmd.Env = append(os.Environ(), asProgram+"=1")
		screen, err := pty.Start(cmd)
		if err != nil {
			t.Skip(err)
		}
		var seen bytes.Buffer
		_, _ = seen.ReadFrom(screen) // a terminal ends with an error
		_ = cmd.Wait()
		_ = screen.Close()
		if cmd.ProcessState.ExitCode() != row.code || strings.Contains(seen.String(), "PRIVATE KEY") != row.key {
			t.Errorf("%s: %d", row.flag, cmd.ProcessState.ExitCode())
		}
	}
}
