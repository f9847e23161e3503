package sudo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
)

func TestApprovedRunsOnce(t *testing.T) {
	if !inside(t) {
		return
	}
	installShim(t)
	m := serve(t, approveAll)
	sudo(t, alice, "show", "a b", "", "*", "ü").expect(t, 37, "/usr/local/bin/show 0:0 /usr\n<a b>\n<>\n<*>\n<ü>\n")
	sudo(t, alice, "id", "-u").expect(t, 0, "0\n")
	sudo(t, alice, "-u", "bob", "id", "-un").expect(t, 0, "bob\n")
	sudo(t, alice, "-s", "id", "-u").expect(t, 0, "0\n")
	sudo(t, alice, "-i", "id", "-u").expect(t, 0, "0\n")
	sudo(t, alice, "-i", "pwd").expect(t, 0, "/root\n")
	if got, want := strings.Join(m.effects.list(), " "), strings.TrimSpace(strings.Repeat("arm start ", 6)); got != want {
		t.Errorf("effects: got %s, want %s", got, want)
	}
	sudo(t, carol, "id", "-u").expect(t, 0, "0\n")
	sudo(t, alice, "-b", "sh", "-c", "id -u >/run/background").expect(t, 0)
	waitFor(t, "the program in the background", func() bool {
		b, _ := os.ReadFile("/run/background")
		return string(b) == "0\n"
	})
	sudo(t, alice, "-k", "id", "-u").expect(t, 0, "0\n")
	sudo(t, alice, "../bin/../bin/id", "-u").expect(t, 0, "0\n") // from /usr
	if n := m.elevator.asked(); n != 9 {
		t.Errorf("asked %d times, want 9", n)
	}
}

func TestDenied(t *testing.T) {
	if !inside(t) {
		return
	}
	installShim(t)
	m := serve(t, func(context.Context, intercept.Ask, intercept.Person) (intercept.Permit, error) {
		return intercept.Permit{}, &intercept.Refused{By: "bo", Text: "not\x1b[31m today\u202e"}
	})
	r := sudo(t, alice, "touch", "/run/ran")
	r.expect(t, 1, `denied by bo: not\x1b[31m today\u{202e}`)
	if _, err := os.Stat("/run/ran"); err == nil || strings.Contains(r.err, "\x1b") {
		t.Errorf("it ran, or the terminal got an escape: %v", r)
	}
	if len(m.effects.list()) > 0 {
		t.Errorf("effects: %v", m.effects.list())
	}
}

func TestRightsStayAsTheyAre(t *testing.T) {
	if !inside(t) {
		return
	}
	write(t, "/etc/sudoers.d/bob", 0o440, "bob ALL=(root) NOPASSWD: /usr/bin/id -u, sudoedit /etc/motd\n")
	installShim(t)
	m := serve(t, func(context.Context, intercept.Ask, intercept.Person) (intercept.Permit, error) {
		return intercept.Permit{}, &intercept.Refused{By: "nobody"}
	})
	long := strings.Repeat("x", 100_000)
	sudo(t, carol, "id", "-u").expect(t, 0, "0\n")
	sudo(t, carol, "-u", "bob", "-g", "carol", "id", "-un").expect(t, 0, "bob\n")
	sudo(t, carol, "-s", "echo", "a  b").expect(t, 0, "a  b\n")
	sudo(t, carol, "-E", "X=1", "printenv", "X").expect(t, 0, "1\n")
	sudo(t, carol, "show", "", long, long, long, long, long).expect(t, 37, "<>\n<"+long+">")
	sudo(t, bob, "id", "-u").expect(t, 0, "0\n")
	sudo(t, bob, "-n", "id", "-u").expect(t, 0, "0\n")
	for _, args := range [][]string{{"-l"}, {"-n", "-v"}, {"-k"}, {"-K"}, {"-V"}, {"-n", "-l", "id"}, {"--list"}, {"-h"}} {
		sudo(t, alice, args...)
		sudo(t, bob, args...)
	}
	sudo(t, 0, "id", "-u").expect(t, 0, "0\n")
	if n := m.elevator.asked(); n != 0 {
		t.Errorf("asked %d times, want never", n)
	}
	sudo(t, bob, "id", "-g").expect(t, 1, "denied by nobody")
	must(t, os.Remove("/etc/sudoers.d/bob")) // noticed at once
	sudo(t, bob, "id", "-u").expect(t, 1, "denied by nobody")
}

func TestNotCovered(t *testing.T) {
	if !inside(t) {
		return
	}
	installShim(t)
	write(t, "/home/alice/own", 0o755, "#!/bin/sh\nid -u\n")
	write(t, "/usr/local/bin/new\nline", 0o755, "#!/bin/sh\nid -u\n")
	must(t, os.Symlink("/home/alice/own", "/usr/local/bin/linked"))
	must(t, os.Mkdir("/usr/local/open", 0o777))
	must(t, os.Chmod("/usr/local/open", 0o777))
	must(t, os.Symlink("/usr/lib", "/usr/local/way"))
	write(t, "/usr/local/open/prog", 0o755, "#!/bin/sh\nid -u\n")
	m := serve(t, approveAll)
	part := strings.Repeat("x", 100_000)
	var huge []string
	for range 19 {
		huge = append(huge, part)
	}
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"a single empty argument", []string{"show", ""}, "assent run"},
		{"a newline", []string{"show", "a\nb"}, "assent run"},
		{"a path sudoers can not say", []string{"/usr/local/bin/new\nline"}, "assent run"},
		{"own program", []string{"/home/alice/own"}, "assent run"},
		{"link to own program", []string{"linked"}, "assent run"},
		{"in an open folder", []string{"/usr/local/open/prog"}, "assent run"},
		{"keep the environment", []string{"-E", "show"}, "-E"},
		{"variables", []string{"FOO=1", "show"}, "the variable FOO"},
		{"variables that load code", []string{"LD_PRELOAD=/home/alice/own", "show"}, "the variable LD_PRELOAD"},
		{"another folder", []string{"-D", "/home/alice", "show"}, "-D"},
		{"another folder, relative", []string{"-D", "lib", "show"}, "-D"},
		{"another folder, through a link", []string{"-D", "/usr/local/way", "show"}, "-D"},
		{"another folder for a shell", []string{"-D", "/usr/lib", "-s", "id"}, "-D"},
		{"variables for a shell", []string{"LANG=C", "-s", "id"}, "variables for a shell"},
		{"a variable twice", []string{"LANG=C", "LANG=de_DE", "show"}, "the variable LANG"},
		{"a language that is a path", []string{"LANG=/home/alice/x", "show"}, "the variable LANG"},
		{"a time zone that is a path", []string{"TZ=/home/alice/x", "show"}, "the variable TZ"},
		{"a time zone that leads out", []string{"TZ=../../home/alice/x", "show"}, "the variable TZ"},
		{"another root", []string{"-R", "/home/alice", "show"}, "-R"},
		{"descriptors kept", []string{"-C", "5", "show"}, "-C"},
		{"a time limit", []string{"-T", "5", "show"}, "-T"},
		{"groups kept", []string{"-P", "show"}, "-P"},
		{"another group", []string{"-g", "daemon", "show"}, "-g"},
		{"arguments beyond a request", []string{"show", part, part}, "too long"},
		{"2 MB of arguments", append([]string{"show"}, huge...), "too long"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := sudo(t, alice, tt.args...)
			r.out, r.err = inert.Clip(r.out, 500), inert.Clip(r.err, 2000)
			r.expect(t, 1, "error: ", "hint: ", tt.want)
		})
	}
	sudo(t, alice, "-u", "nosuch", "id").expect(t, 1, "nosuch")
	sudo(t, alice, "nosuchprogram").expect(t, 1, "error: command not found: nosuchprogram\nhint: ")
	if n := m.elevator.asked(); n != 0 {
		t.Errorf("asked %d times, want never", n)
	}
}

// Who has any right, however small, hears about a missing program from sudo
// itself, as without Assent; nobody else is asked for a password over it.
func TestProgramsThatAreNotThere(t *testing.T) {
	if !inside(t) {
		return
	}
	write(t, "/etc/sudoers.d/bob", 0o440, "bob ALL=(daemon) NOPASSWD: /usr/bin/id -u\n")
	installShim(t)
	m := serve(t, approveAll)
	ours := "error: command not found: "
	for _, command := range []string{"nosuch", "./nosuch", "/nosuch\x1b[31m", "/etc/passwd"} {
		r := sudo(t, alice, "-n", command)
		r.expect(t, 1, ours+inert.Text(command)+"\nhint: ")
		sudo(t, alice, "-n", "-u", "bob", "--", command, "x").expect(t, 1, ours)
		for _, uid := range []uint32{bob, carol} {
			if r := sudo(t, uid, "-n", command); r.code != 1 || strings.Contains(r.err, ours) || !strings.HasPrefix(r.err, "sudo: ") {
				t.Errorf("%d, %s: %v", uid, command, r)
			}
		}
	}
	sudo(t, alice, "id", "-u").expect(t, 0, "0\n")
	sudo(t, alice, "-n", "nosuch").expect(t, 1, ours) // a rule was in force between
	write(t, "/etc/sudoers.d/alice", 0o440, "alice ALL=(root) NOPASSWD: /usr/bin/true\n")
	if r := sudo(t, alice, "-n", "nosuch"); strings.Contains(r.err, ours) {
		t.Errorf("with a right: %v", r)
	}
	if n := m.elevator.asked(); n != 1 {
		t.Errorf("asked %d times, want 1", n)
	}
}

func TestSilent(t *testing.T) {
	if !inside(t) {
		return
	}
	installShim(t)
	id := elevation.NewRequestID(time.Now())
	m := serve(t, func(_ context.Context, ask intercept.Ask, _ intercept.Person) (intercept.Permit, error) {
		switch {
		case ask.RulesOnly && ask.Attempt.Subject.Path == "/usr/bin/id":
			return approve(ask), nil
		case ask.RulesOnly:
			return intercept.Permit{}, intercept.ErrNeedsPerson
		case ask.NoWait && ask.Justification == "because":
			return intercept.Permit{}, &intercept.Kept{Request: id}
		}
		return intercept.Permit{}, errors.New("asked in the wrong way")
	})
	sudo(t, alice, "-n", "id", "-u").expect(t, 0, "0\n")
	sudo(t, alice, "-n", "show").expect(t, 1, "error: ", "ASSENT_REASON")
	cmd := as(alice, "/usr/bin/sudo", "-n", "show")
	cmd.Env = append(cmd.Env, "ASSENT_REASON=because")
	if r := finish(t, cmd); r.err != "request "+string(id)+"\n" || r.out != "" || r.code != 1 {
		t.Errorf("got %v", r)
	}
	if n := m.elevator.asked(); n != 3 {
		t.Errorf("asked %d times, want 3", n)
	}
}

func TestChangedAfterTheRequest(t *testing.T) {
	if !inside(t) {
		return
	}
	installShim(t)
	script := "#!/bin/sh\ntouch /run/ran\n"
	binary, err := os.ReadFile("/usr/bin/touch")
	must(t, err)
	changes := []struct {
		name string
		act  func(path string)
	}{
		{"one byte in place", func(path string) {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			must(t, err)
			info, _ := f.Stat()
			f.WriteAt([]byte{'\n'}, info.Size()-1)
			f.WriteString("x")
			f.Close()
		}},
		{"rename over it", func(path string) {
			write(t, path+".2", 0o755, "#!/bin/sh\nid >/run/ran\n")
			must(t, os.Rename(path+".2", path))
		}},
		{"link over it", func(path string) {
			must(t, os.Remove(path))
			must(t, os.Symlink("/usr/bin/touch", path))
		}},
		{"folder swapped", func(path string) {
			dir := filepath.Dir(path)
			must(t, os.Rename(dir, dir+".old"))
			write(t, path, 0o755, "#!/bin/sh\nid >/run/ran\n")
		}},
		{"writable by all", func(path string) { must(t, os.Chmod(path, 0o777)) }},
		{"folder writable by all", func(path string) { must(t, os.Chmod(filepath.Dir(path), 0o777)) }},
	}
	n := 0
	for _, kind := range []string{"script", "binary"} {
		for _, when := range []string{"while it waits", "once it is armed"} {
			for _, c := range changes {
				t.Run(kind+" "+c.name+" "+when, func(t *testing.T) {
					n++
					path := fmt.Sprintf("/usr/local/d%d/prog", n)
					write(t, path, 0o755, script)
					if kind == "binary" {
						write(t, path, 0o755, string(binary))
					}
					act := func() { c.act(path) }
					m := serve(t, func(_ context.Context, ask intercept.Ask, _ intercept.Person) (intercept.Permit, error) {
						if when == "while it waits" {
							act()
						}
						return approve(ask), nil
					})
					if when != "while it waits" {
						m.effects.atArm(func(string, int) { act() })
					}
					sudo(t, alice, path, "/run/ran").expect(t, 1)
					if _, err := os.Stat("/run/ran"); err == nil {
						t.Error("it ran")
						os.Remove("/run/ran")
					}
					want := "fail"
					if when != "while it waits" {
						want = "arm fail"
					}
					waitFor(t, "the effects", func() bool { return strings.Join(m.effects.list(), " ") == want })
				})
			}
		}
	}
}

func TestChangedScriptOfAnInterpreter(t *testing.T) {
	if !inside(t) {
		return
	}
	installShim(t)
	m := serve(t, func(_ context.Context, ask intercept.Ask, _ intercept.Person) (intercept.Permit, error) {
		if ask.Justification == "swap" {
			write(t, "/home/alice/x.sh", 0o644, "touch /run/ran\n")
		}
		return approve(ask), nil
	})
	write(t, "/home/alice/x.sh", 0o644, "echo good\n")
	sudo(t, alice, "bash", "/home/alice/x.sh").expect(t, 0, "good")
	cmd := as(alice, "/usr/bin/sudo", "bash", "/home/alice/x.sh")
	cmd.Env = append(cmd.Env, "ASSENT_REASON=swap")
	finish(t, cmd).expect(t, 1, "has changed")
	if _, err := os.Stat("/run/ran"); err == nil {
		t.Error("it ran")
	}
	waitFor(t, "the effects", func() bool { return strings.Join(m.effects.list(), " ") == "arm start fail" })
}

func TestRuleHelpsNobodyElse(t *testing.T) {
	if !inside(t) {
		return
	}
	installShim(t)
	var first atomic.Bool
	m := serve(t, func(_ context.Context, ask intercept.Ask, _ intercept.Person) (intercept.Permit, error) {
		if first.CompareAndSwap(false, true) {
			return approve(ask), nil
		}
		return intercept.Permit{}, &intercept.Refused{By: "bo", Text: "once only"}
	})
	// While the first is armed and before its rule is written, others try the
	// same, joined arguments, one more argument, and another user.
	others := [][]string{{"show", "a", "b"}, {"show", "a b"}, {"show", "a", "b", "c"}}
	results := make(chan result, 10)
	m.effects.atArm(func(string, int) {
		for _, args := range others {
			go func() { results <- sudo(t, alice, args...) }()
		}
		go func() { results <- sudo(t, bob, "show", "a", "b") }()
	})
	sudo(t, alice, "show", "a", "b").expect(t, 37, "<a>\n<b>\n")
	for range len(others) + 1 {
		r := <-results
		if r.code == 37 || strings.Contains(r.out, "<a") {
			t.Errorf("somebody else ran it: %v", r)
		}
	}
	sudo(t, alice, "show", "a", "b").expect(t, 1, "once only")
	if got := strings.Join(m.effects.list(), " "); got != "arm start" {
		t.Errorf("effects: %s", got)
	}
	// A rule that lies around, however it came there, is of no use to anybody
	// without rights, and takes nothing from those who have them.
	for _, uid := range []int{alice, carol} {
		rule, err := sudoRule{UID: uint32(uid), NotAfter: time.Now().Add(time.Hour), Path: "/usr/local/bin/show", Args: []string{"c", "d"}}.Text()
		must(t, err)
		write(t, "/etc/sudoers.d/zz-assent-"+strconv.Itoa(uid)+"-left", 0o440, rule)
	}
	sudo(t, alice, "show", "c d").expect(t, 1, "error: another approval")
	sudo(t, alice, "show", "c", "d").expect(t, 1, "error: another approval")
	removed, err := CleanDropins(sudoersDir)
	if len(removed) != 2 || err != nil {
		t.Errorf("removed %v, %v", removed, err)
	}
	sudo(t, carol, "show", "a", "b").expect(t, 37)
}

func TestManyAtOnce(t *testing.T) {
	if !inside(t) {
		return
	}
	installShim(t)
	m := serve(t, approveAll)
	const each = 12
	results := make(chan result, 3*each)
	for range each {
		go func() { results <- sudo(t, alice, "id", "-u") }()
		go func() { results <- sudo(t, bob, "id", "-u") }()
		go func() { results <- sudo(t, carol, "id", "-u") }()
	}
	for range 3 * each {
		r := <-results
		r.expect(t, 0, "0\n")
	}
	if got := strings.Join(m.effects.list(), " "); strings.Count(got, "arm") != 2*each || strings.Count(got, "start") != 2*each {
		t.Errorf("effects: %s", got)
	}
}
