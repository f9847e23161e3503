package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/privilege"
)

// lends is a machine whose sudo is lent rules; err is what it says.
type lends struct {
	err    error
	caller Caller
	spec   privilege.Spec
}

func (l *lends) BySudo(_ context.Context, _ intercept.Permit, caller Caller, spec privilege.Spec) ([]string, error) {
	l.caller, l.spec = caller, spec
	return []string{"/opt/our own", "errand", "gr_1"}, l.err
}

// showSudo is a program that says how it was called, and by whom it was.
func showSudo(t *testing.T) string {
	t.Helper()
	f, err := os.CreateTemp("", "assent-sudo-")
	if err != nil {
		t.Fatal(err)
	}
	path := f.Name()
	t.Cleanup(func() { _ = os.Remove(path) })
	_, err = f.WriteString("#!/bin/sh\necho \"pid $$ and\"; for a; do echo \"<$a>\"; done; test -t 0 && test -t 1 && echo at a terminal; exit 9\n")
	if err := errors.Join(err, f.Close(), os.Chmod(path, 0o755)); err != nil {
		t.Fatal(err)
	}
	return path
}

// At a terminal the client becomes sudo, with exactly what was approved, in the same
// process and in the person's own terminal.
func TestTheClientBecomesSudo(t *testing.T) {
	l := &lends{}
	d := &desk{}
	t.Setenv("BECOMES", showSudo(t))
	master, cmd := terminal(t, openWith(t, d, book{}, func(cfg *Config) { cfg.BySudo = l }), "id", "-u", "a b")
	text, _ := io.ReadAll(master) // it ends with an error when the terminal is closed
	if code := exitCode(t, cmd, cmd.Wait()); code != 9 {
		t.Errorf("exit %d", code)
	}
	got := strings.ReplaceAll(string(text), "\r\n", "\n")
	want := fmt.Sprintf("pid %d and\n<-n>\n<-u>\n<#0>\n<-->\n</opt/our own>\n<errand>\n<gr_1>\nat a terminal\n", cmd.Process.Pid)
	if !strings.HasSuffix(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if started := l.caller.Started; l.caller.PID != cmd.Process.Pid || started == 0 || l.spec.Requester.UID != uint32(os.Getuid()) || l.spec.Files != [3]*os.File{} || len(l.spec.Args) != 2 || l.spec.Args[1] != "a b" {
		t.Errorf("%+v %+v", l.caller, l.spec)
	}
	if _, runs, _ := d.count(); runs != 0 {
		t.Errorf("it ran %d times besides", runs)
	}
}

// A script that its person can change is looked at right before it runs: it is not
// lent to sudo, which begins later.
func TestWhatAProgramIsFedIsNotLent(t *testing.T) {
	t.Setenv("BECOMES", showSudo(t))
	script := filepath.Join(t.TempDir(), "install.sh")
	if err := os.WriteFile(script, []byte("exit 7\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(script, 0o666); err != nil {
		t.Fatal(err)
	}
	d, l := &desk{}, &lends{}
	master, cmd := terminal(t, openWith(t, d, book{}, func(cfg *Config) { cfg.BySudo = l }), "sh", script)
	_, _ = io.ReadAll(master) // as above
	code := exitCode(t, cmd, cmd.Wait())
	if _, runs, _ := d.count(); code != 7 || runs != 1 || l.caller.PID != 0 {
		t.Errorf("exit %d, ran %d times, %+v", code, runs, l.caller)
	}
}

// What sudo can not run runs as ever; what went wrong runs nowhere; without a terminal
// nobody becomes sudo.
func TestTheClientDoesNotBecomeSudo(t *testing.T) {
	t.Setenv("BECOMES", showSudo(t))
	for name, row := range map[string]struct {
		err      error
		terminal bool
		code     int
		runs     int
	}{
		"sudo can not":  {fmt.Errorf("%w: it is called by another name", ErrNotBySudo), true, 7, 1},
		"it went wrong": {errors.New("the folder of rules is gone"), true, 1, 0},
		"no terminal":   {errors.New("asked"), false, 7, 1},
	} {
		d, l := &desk{}, &lends{err: row.err}
		path := openWith(t, d, book{}, func(cfg *Config) { cfg.BySudo = l })
		cmd := client(path, "sh", "-c", "exit 7")
		if row.terminal {
			var master *os.File
			master, cmd = terminal(t, path, "sh", "-c", "exit 7")
			_, _ = io.ReadAll(master) // as above
		} else if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		code := exitCode(t, cmd, cmd.Wait())
		if _, runs, _ := d.count(); code != row.code || runs != row.runs || !row.terminal && l.caller.PID != 0 {
			t.Errorf("%s: exit %d, ran %d times, %+v", name, code, runs, l.caller)
		}
	}
}
