package sudo

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/elevation"
)

func TestMatches(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the paths of this test are those of Linux")
	}
	real := intercept.Real{Found: "/bin/sh", Called: "sh", Args: []string{"a", "b"}, Cwd: "/tmp", RootOnly: true}
	var err error
	if real.Path, _, err = privilege.Resolve(real.Found); err != nil {
		t.Fatal(err)
	}
	id, err := intercept.Identify(real.Path)
	if err != nil {
		t.Fatal(err)
	}
	real.Dev, real.Ino, real.SHA256 = id.Dev, id.Ino, id.SHA256
	good := func() (*held, call) {
		h := &held{real: real, wanted: wanted{args: real.Args, cwd: "/tmp", path: "/usr/bin:/bin"}}
		q := call{stage: stageCheck, user: []string{"uid=1001", "cwd=/tmp"}, runArgv: []string{"sh", "a", "b"},
			info: []string{"command=/bin/sh", "runas_uid=0", "runas_gid=0"}, runEnv: []string{"PATH=/usr/bin:/bin", "TERM=xterm"}}
		return h, q
	}
	tests := []struct {
		name   string
		change func(h *held, q *call)
		ok     bool
	}{
		{"the same", func(*held, *call) {}, true},
		{"joined arguments", func(_ *held, q *call) { q.runArgv = []string{"sh", "a b"} }, false},
		{"split arguments", func(h *held, q *call) { h.args = []string{"a b"} }, false},
		{"one more", func(_ *held, q *call) { q.runArgv = append(q.runArgv, "c") }, false},
		{"one more, empty", func(_ *held, q *call) { q.runArgv = append(q.runArgv, "") }, false},
		{"one less", func(_ *held, q *call) { q.runArgv = q.runArgv[:2] }, false},
		{"another order", func(_ *held, q *call) { q.runArgv = []string{"sh", "b", "a"} }, false},
		{"another program", func(_ *held, q *call) { q.info[0] = "command=/bin/ls" }, false},
		{"no program", func(_ *held, q *call) { q.info[0] = "command=" }, false},
		{"the program under its other name", func(_ *held, q *call) { q.info[0] = "command=" + real.Path }, false},
		{"another user", func(_ *held, q *call) { q.info[1] = "runas_uid=1" }, false},
		{"no user", func(_ *held, q *call) { q.info[1] = "x=y" }, false},
		{"another group", func(_ *held, q *call) { q.info[2] = "runas_gid=1" }, false},
		{"another folder", func(_ *held, q *call) { q.info = append(q.info, "cwd=/") }, false},
		{"started elsewhere", func(_ *held, q *call) { q.user[1] = "cwd=/" }, false},
		{"another root", func(_ *held, q *call) { q.info = append(q.info, "chroot=/tmp") }, false},
		{"an editor", func(_ *held, q *call) { q.info = append(q.info, "sudoedit=true") }, false},
		{"loader variables", func(_ *held, q *call) { q.runEnv = append(q.runEnv, "LD_PRELOAD=/tmp/x") }, false},
		{"interpreter variables", func(_ *held, q *call) { q.runEnv = append(q.runEnv, "PYTHONPATH=/tmp") }, false},
		{"a function", func(_ *held, q *call) { q.runEnv = append(q.runEnv, "BASH_FUNC_ls%%=() { id; }") }, false},
		{"own PATH", func(_ *held, q *call) { q.runEnv = []string{"PATH=/tmp:/bin"} }, false},
		{"changed content", func(h *held, _ *call) { h.real.SHA256 = strings.Repeat("0", 64) }, false},
		{"another file", func(h *held, _ *call) { h.real.Ino++ }, false},
		{"another disk", func(h *held, _ *call) { h.real.Dev++ }, false},
		{"now a script", func(h *held, _ *call) { h.real.Script = true }, false},
		{"a login shell of bash", func(h *held, q *call) {
			h.typed.login, h.args = true, []string{"-c", "id"}
			q.runArgv = []string{"-sh", "--login", "-c", "id"}
		}, true},
		{"--login that was not added by sudo", func(h *held, q *call) { q.runArgv = []string{"sh", "--login", "a", "b"} }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, q := good()
			tt.change(h, &q)
			if err := h.matches(q); (err == nil) != tt.ok {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestFits(t *testing.T) {
	now := time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC)
	s := &Server{cfg: Config{Now: func() time.Time { return now }}}
	a := elevation.Attempt{AccessType: elevation.Run, User: elevation.User{UID: "1001"},
		Subject: elevation.Subject{Path: "/bin/x", SHA256: "aa", Cwd: "/", RunAs: "root", ArgsDigest: []byte("d")}}
	tests := []struct {
		name   string
		change func(g *elevation.Grant)
		ok     bool
	}{
		{"the same", func(*elevation.Grant) {}, true},
		{"nothing", func(g *elevation.Grant) { *g = elevation.Grant{} }, false},
		{"another user", func(g *elevation.Grant) { g.User.UID = "1002" }, false},
		{"another path", func(g *elevation.Grant) { g.Subject.Path = "/bin/y" }, false},
		{"another content", func(g *elevation.Grant) { g.Subject.SHA256 = "bb" }, false},
		{"other arguments", func(g *elevation.Grant) { g.Subject.ArgsDigest = []byte("e") }, false},
		{"another folder", func(g *elevation.Grant) { g.Subject.Cwd = "/tmp" }, false},
		{"another user to run as", func(g *elevation.Grant) { g.Subject.RunAs = "bob" }, false},
		{"another access", func(g *elevation.Grant) { g.AccessType = elevation.Session }, false},
		{"no use", func(g *elevation.Grant) { g.Uses = 0 }, false},
		{"over", func(g *elevation.Grant) { g.NotAfter = now.Add(-time.Second) }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := elevation.Grant{AccessType: a.AccessType, User: a.User, Subject: a.Subject, Uses: 1}
			tt.change(&g)
			if err := s.fits(&held{attempt: a}, g); (err == nil) != tt.ok {
				t.Errorf("got %v", err)
			}
		})
	}
}

// fakeChanges says what a test wants.
type fakeChanges struct{ changed, blind bool }

func (f *fakeChanges) Changed() (bool, bool) {
	c := f.changed
	f.changed = false
	return c, !f.blind
}

func (f *fakeChanges) Close() error { return nil }

func TestRightsRemember(t *testing.T) {
	now := time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC)
	asked, exit := 0, 0
	var fault error
	files := &fakeChanges{}
	r := &rights{now: func() time.Time { return now }, watch: files, known: map[[32]byte]answer{},
		run: func(_ context.Context, args []string) (string, int, error) { asked++; return "", exit, fault }}
	q := question{User: intercept.Account{Name: "alice", UID: 7}, RunAs: intercept.Account{Name: "root"}, Path: "/bin/x", Args: []string{"a", "b"}}
	look := func(q question) bool { // as the server does
		if allowed, known := r.Known(q); known {
			return allowed
		}
		allowed, err := r.Ask(t.Context(), q)
		return allowed && err == nil
	}
	step := func(what string, want bool, wantAsked int) {
		t.Helper()
		if got := look(q); got != want || asked != wantAsked {
			t.Errorf("%s: got %v after %d questions, want %v after %d", what, got, asked, want, wantAsked)
		}
	}
	step("first", true, 1)
	step("remembered", true, 1)
	q.Args = []string{"a b"}
	step("other arguments", true, 2)
	q.RunAs.UID = 1
	step("another user to run as", true, 3)
	q.User.UID = 8
	step("another user", true, 4)
	q.Group = "adm"
	step("another group", true, 5)
	exit = 1
	step("still remembered", true, 5)
	files.changed = true
	step("files changed", false, 6)
	step("no is remembered, too", false, 6)
	exit, now = 0, now.Add(rightsTime)
	step("too old", true, 7)
	now = now.Add(-2 * rightsTime)
	step("clock set back", true, 8)
	files.blind = true
	step("not watching", true, 9)
	step("not watching", true, 10)
	files.blind, exit = false, 2
	step("not known", false, 11)
	step("not known is not remembered", false, 12)
	exit, fault = 0, errors.New("no sudo")
	step("sudo can not be asked", false, 13)
	fault = nil
	step("well again", true, 14)
}

func TestParseInfo(t *testing.T) {
	good := "Sudo version 1.9.13p3\nSudoers policy plugin version 1.9.13p3\nDefault user to run commands as: admin\nValue to override user's $PATH with: /usr/bin:/bin\n"
	got, err := parseInfo(good)
	if want := (sudoInfo{Version: "1.9.13p3", RunAs: "admin", SecurePath: "/usr/bin:/bin"}); got != want || err != nil {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, bad := range []string{"", "sudo-rs 0.2.3\n", "Sudo version 1.8.31\n"} {
		if got, err := parseInfo(bad); err == nil {
			t.Errorf("%q gave %+v", bad, got)
		}
	}
}

func TestRecent(t *testing.T) {
	for version, want := range map[string]bool{"1.9.13p3": true, "1.9.2": true, "1.10.0": true, "2.0": true, "1.9.1": false, "1.9": false, "1.8.31p2": false, "": false, "x": false} {
		if got := recent(version); got != want {
			t.Errorf("%s: got %v", version, got)
		}
	}
}

func TestIncluded(t *testing.T) {
	for text, want := range map[string]bool{
		"root ALL=(ALL) ALL\n@includedir /etc/sudoers.d\n": true, "#includedir /etc/sudoers.d": true, "@includedir \"/etc/sudoers.d/\"": true,
		"": false, "# @includedir /etc/sudoers.d": false, "@includedir /etc/other.d": false, "@include /etc/sudoers.d": false,
	} {
		if got := included(text); got != want {
			t.Errorf("%q: got %v", text, got)
		}
	}
}

func TestMeteredStops(t *testing.T) {
	for name, before := range map[string][2]int64{"all together": {maxBytes - 10, 0}, "of one user": {0, maxOfBytes - 10}} {
		var sum, own atomic.Int64
		sum.Store(before[0])
		own.Store(before[1])
		m := &metered{r: strings.NewReader(strings.Repeat("x", 20)), sum: &sum, own: &own}
		if _, err := io.ReadAll(m); !errors.Is(err, errFrame) {
			t.Errorf("%s: got %v", name, err)
		}
		m.release()
		if sum.Load() != before[0] || own.Load() != before[1] {
			t.Errorf("%s: %d and %d bytes are still counted", name, sum.Load(), own.Load())
		}
	}
}

func TestWithoutBlock(t *testing.T) {
	p := Plugin{Socket: "/run/assent/plugin.sock"}.withDefaults()
	rest := "# a comment\nSet disable_coredump false\nPlugin sudoers_policy sudoers.so\n"
	tests := []struct{ name, text string }{
		{"nothing of ours", rest},
		{"the block", p.block() + rest},
		{"twice", p.block() + p.block() + rest},
		{"below", rest + p.block()},
		{"without its end", strings.TrimSuffix(p.block(), blockEnd+"\n") + rest},
		{"only a line", "  Plugin   assent_approval /old/place.so\n" + rest},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := withoutBlock(tt.text); got != rest {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestDropins(t *testing.T) {
	dir := t.TempDir()
	for _, bad := range []elevation.GrantID{"", "x", "gr_../../etc", "req_01a20002-de52-7f6c-8f51-715688a28732"} {
		if path, err := dropinPath(dir, 7, bad); err == nil {
			t.Errorf("%q gave %s", bad, path)
		}
	}
	path, err := dropinPath(dir, 7, "gr_01a20002-de52-7f6c-8f51-715688a28732")
	if err != nil || path != filepath.Join(dir, "zz-assent-7-gr_01a20002-de52-7f6c-8f51-715688a28732") {
		t.Fatal(path, err)
	}
	if err := removeDropin(path); err != nil {
		t.Errorf("removing what is not there: %v", err)
	}
	put := func(path string) {
		if err := os.WriteFile(path, nil, 0o440); err != nil {
			t.Fatal(err)
		}
	}
	put(path)
	put(path + ".new")
	put(filepath.Join(dir, "admins"))
	put(filepath.Join(dir, "zz-assent-77-x"))
	if !dropinLeft(dir, 7) || !dropinLeft(dir, 77) || dropinLeft(dir, 8) || !dropinLeft(filepath.Join(dir, "admins"), 8) || dropinLeft(filepath.Join(dir, "none"), 8) {
		t.Error("wrong about what is left")
	}
	removed, err := CleanDropins(dir)
	if len(removed) != 3 || err != nil {
		t.Errorf("removed %v, %v", removed, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "admins")); err != nil {
		t.Error("somebody else's rules are gone")
	}
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []Config{{}, {Socket: "/x"}} {
		if _, err := New(c); err == nil {
			t.Errorf("took %+v", c)
		}
	}
}
