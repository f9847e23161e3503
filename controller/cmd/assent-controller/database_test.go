package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// call does one call of the program as a process of its own, with these variables
// beside its environment. A controller that serves, where it should have refused,
// is ended.
func call(t *testing.T, env map[string]string, args ...string) (code int, out, errOut string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), asProgram+"=1", "ASSENT_LISTEN=127.0.0.1:0", "ASSENT_AGENT_LISTEN=127.0.0.1:0")
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	var ended *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &ended) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), o.String(), e.String()
}

// finish ends a program that was started.
func finish(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// TestDatabaseElsewhere: the database may be a file outside of the data folder,
// and everything else that needs it finds it there.
func TestDatabaseElsewhere(t *testing.T) {
	dir := t.TempDir()
	data, file, fast := filepath.Join(dir, "data"), filepath.Join(dir, "backup.tar.gz"), filepath.Join(dir, "fast")
	if err := os.Mkdir(fast, 0o755); err != nil {
		t.Fatal(err)
	}
	db := filepath.Join(fast, "a?b.db")
	cmd, lines := program(t, data, "--db", "sqlite:"+db)
	line(t, lines, "console")
	if info, err := os.Stat(db); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the database: %v %v", info, err)
	}
	if _, err := os.Stat(filepath.Join(data, "assent.db")); err == nil {
		t.Error("there is one in the folder too")
	}
	if code, out, text := call(t, nil, "user", "add", "bo", "--data", data, "--token"); code != 0 || !strings.HasPrefix(out, "ast_") {
		t.Errorf("user add: %d %s", code, text)
	}
	if code, _, text := call(t, nil, "serve", "--data", filepath.Join(dir, "other"), "--db", "sqlite:"+db); code != 1 || !strings.Contains(text, "in use by another controller") {
		t.Errorf("a second controller on the database: %d %s", code, text)
	}
	if code, _, text := call(t, nil, "backup", file, "--data", data); code != 0 {
		t.Errorf("backup: %d %s", code, text)
	}
	finish(t, cmd)
	if code, _, text := call(t, nil, "serve", "--data", data); code != 1 || !strings.Contains(text, "give --db sqlite:"+db) {
		t.Errorf("serve without it: %d %s", code, text)
	}
	if code, _, text := call(t, nil, "serve", "--data", data, "--db", "sqlite:"+filepath.Join(fast, "typo.db")); code != 1 || !strings.Contains(text, "give --db sqlite:"+db) {
		t.Errorf("serve with another that is not there: %d %s", code, text)
	}
	if code, _, text := call(t, map[string]string{"ASSENT_DB": "sqlite:" + db}, "restore", file, "--data", filepath.Join(dir, "again")); code != 1 || !strings.Contains(text, "is there already") {
		t.Errorf("restore over a database: %d %s", code, text)
	}
	for name, place := range map[string]string{"beside": filepath.Join(fast, "again.db"), "inside": filepath.Join(dir, "inside", "mine.db")} {
		data := filepath.Join(dir, name)
		if code, _, text := call(t, map[string]string{"ASSENT_DB": "sqlite:" + place}, "restore", file, "--data", data); code != 0 {
			t.Fatalf("restore %s: %d %s", name, code, text)
		}
		cmd, lines = program(t, data, "--db", "sqlite:"+place)
		line(t, lines, "console")
		if code, _, text := call(t, nil, "user", "reset", "bo", "--data", data); code != 0 {
			t.Errorf("%s: who was backed up is not there: %d %s", name, code, text)
		}
		finish(t, cmd)
	}
	cmd, lines = program(t, filepath.Join(dir, "usual"))
	line(t, lines, "console")
	finish(t, cmd)
	if code, _, text := call(t, nil, "serve", "--data", filepath.Join(dir, "usual"), "--db", "sqlite:"+filepath.Join(fast, "new.db")); code != 1 || !strings.Contains(text, "or move it to "+filepath.Join(fast, "new.db")) {
		t.Errorf("a database is left behind: %d %s", code, text)
	}
}

// TestKeyFile: the key of the secrets in the database is kept elsewhere; a backup
// does not have it, and nothing starts with another or without it.
func TestKeyFile(t *testing.T) {
	dir := t.TempDir()
	data, file, again := filepath.Join(dir, "data"), filepath.Join(dir, "backup"), filepath.Join(dir, "again")
	key, other := filepath.Join(dir, "key"), filepath.Join(dir, "other")
	for path, text := range map[string]string{key: strings.Repeat("a1", 32), other: strings.Repeat("b2", 32)} {
		if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd, lines := program(t, data, "--key-file", key)
	line(t, lines, "console")
	if code, _, text := call(t, nil, "backup", file, "--data", data); code != 0 {
		t.Errorf("backup: %d %s", code, text)
	}
	finish(t, cmd)
	if code, _, text := call(t, nil, "restore", file, "--data", again); code != 0 {
		t.Fatalf("restore: %d %s", code, text)
	}
	for _, at := range []string{data, again} {
		if code, _, text := call(t, nil, "serve", "--data", at); code != 1 || !strings.Contains(text, "with --key-file") {
			t.Errorf("without it: %d %s", code, text)
		}
		if code, _, text := call(t, map[string]string{"ASSENT_KEY_FILE": other}, "serve", "--data", at); code != 1 || !strings.Contains(text, "another than that of before") {
			t.Errorf("with another: %d %s", code, text)
		}
		cmd, lines = program(t, at, "--key-file", key)
		line(t, lines, "console")
		finish(t, cmd)
	}
}

// TestDatabasePlaces: a path is relative to the working directory, wherever it
// was given, and what is no file on this machine is refused as wrong usage,
// without what may be a password.
func TestDatabasePlaces(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("c.toml", []byte("db = \"sqlite:from-file.db\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	// The folders are taken, so that nothing is served.
	if err := os.WriteFile("taken", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"postgres://bo:geheim@db/assent", "postgresql://bo:geheim@db/assent", "mysql://bo:geheim@db/x", "geheim.db", "sqlite:", "sqlite://geheim.db", "SQLITE:geheim"} {
		for _, args := range [][]string{{"serve"}, {"backup", "f"}, {"restore", "f"}, {"user", "add", "bo"}} {
			args = append(args, "--data", "taken/data")
			if code, out, text := call(t, nil, append(args, "--db", bad)...); code != 2 || !strings.Contains(text, "sqlite:PATH") || !strings.Contains(text, "hint: ") || strings.Contains(out+text, "geheim") {
				t.Errorf("%v --db %s: %d %s%s", args, bad, code, out, text)
			}
			if code, out, text := call(t, map[string]string{"ASSENT_DB": bad}, args...); code != 2 || strings.Contains(out+text, "geheim") {
				t.Errorf("%v with ASSENT_DB=%s: %d %s%s", args, bad, code, out, text)
			}
		}
	}
	if _, _, text := call(t, nil, "serve", "--db", "postgres://db/assent"); !strings.Contains(text, "PostgreSQL comes with several nodes") {
		t.Errorf("postgres: %s", text)
	}
	for _, way := range [][]string{{"--db", "sqlite:from-flag.db"}, {"--config", "c.toml"}} {
		cmd, lines := program(t, "data-"+way[0], way...)
		line(t, lines, "console")
		finish(t, cmd)
	}
	for _, name := range []string{"from-flag.db", "from-file.db"} {
		if _, err := os.Stat(name); err != nil {
			t.Error(err)
		}
	}
}
