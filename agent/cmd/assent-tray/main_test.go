package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/assent-epm/assent/agent/tray"
)

// TestVerbs: help, version and completion work without a session; wrong usage is
// told like elsewhere.
func TestVerbs(t *testing.T) {
	for _, tt := range []struct {
		args string
		code int
		out  string
		errs string
	}{
		{"--help", 0, "beside the clock", ""},
		{"request --help", 0, "assent-tray request /usr/bin/gparted", ""},
		{"version", 0, "assent 0.0.0-dev (commit unknown, go", ""},
		{"version --format json", 0, `"protocol"`, ""},
		{"version --format xml", 2, "", "error: there is no format \"xml\"\nhint: formats: text, json\n"},
		{"completion bash", 0, "__start_assent-tray", ""},
		{"completion", 2, "", "hint: assent-tray completion --help shows what there is"},
		{"completion foo", 2, "", "hint: assent-tray completion --help shows what there is"},
		{"nothing", 2, "", "hint: assent-tray --help shows what there is"},
	} {
		var out, errs bytes.Buffer
		if code := execute(strings.Fields(tt.args), &out, &errs); code != tt.code || !strings.Contains(out.String(), tt.out) || !strings.Contains(errs.String(), tt.errs) {
			t.Errorf("%s: %d\n%s\n%s", tt.args, code, &out, &errs)
		}
	}
}

// TestOneForAPerson: the second one hands its wish to the first and ends; when the
// first has ended, the next one is.
func TestOneForAPerson(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "own")
	one, err := claim(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if one.l == nil { // a system without such sockets: a second one only ends
		if _, err := claim(dir, nil); !errors.Is(err, errOther) {
			t.Errorf("a second one without a wish: %v", err)
		}
		one.Close()
		return
	}
	got, done := make(chan tray.Wish, 4), make(chan struct{})
	go func() {
		defer close(done)
		one.serve(func(w tray.Wish) error {
			if got <- w; w.Path == "/refused" {
				return tray.ErrForms
			}
			return nil
		})
	}()
	if _, err := claim(dir, nil); err != errOther && (!errors.Is(err, errOther) || err.Error() != errOther.Error()) {
		t.Errorf("a second one without a wish: %v", err)
	}
	if _, err := claim(dir, &tray.Wish{Path: "/usr/bin/apt", Args: []string{"install", "a b"}}); !errors.Is(err, errOther) || err.Error() != errOther.Error() {
		t.Errorf("a second one: %v", err)
	}
	if w := <-got; w.Path != "/usr/bin/apt" || len(w.Args) != 2 || w.Args[1] != "a b" {
		t.Errorf("its wish arrived as %+v", w)
	}
	if _, err := claim(dir, &tray.Wish{Path: "/refused"}); err == nil || !strings.Contains(err.Error(), "too many forms") {
		t.Errorf("a wish that was refused: %v", err)
	}
	if err := one.Close(); err != nil {
		t.Fatal(err)
	}
	<-done
	next, err := claim(dir, nil)
	if err != nil {
		t.Fatalf("after the first has ended: %v", err)
	}
	next.Close()
}

// TestFolderOfOthers: what others could write in is no place to be found.
func TestFolderOfOthers(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows keeps others out of a profile by its access list, which Wine does not enforce")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := claim(dir, nil); err == nil {
		t.Error("listens in a folder of everybody")
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "assent-tray.lock")); err != nil {
		t.Fatal(err)
	}
	if _, err := claim(dir, nil); err == nil {
		t.Error("follows a link")
	}
}
