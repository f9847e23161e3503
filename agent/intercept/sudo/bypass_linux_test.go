package sudo

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/shared/elevation"
)

// byRule approves exactly one command, as a rule with fixed arguments does, and
// nothing that carries a mark that rules refuse.
func byRule(path string, args ...string) func(context.Context, intercept.Ask, intercept.Person) (intercept.Permit, error) {
	return func(_ context.Context, ask intercept.Ask, _ intercept.Person) (intercept.Permit, error) {
		s := ask.Attempt.Subject
		if s.Path != path || !slices.Equal(s.Args, args) || s.CalledAs() != "" || s.HasMark(elevation.MarkUserWritable) || s.HasMark(elevation.MarkShell) {
			return intercept.Permit{}, intercept.ErrNeedsPerson
		}
		return approve(ask), nil
	}
}

// ran tells whether a program of the user's came to run, and forgets it.
func ran(t *testing.T) bool {
	t.Helper()
	_, err := os.Stat("/run/ran")
	must(t, errIfNot(os.Remove("/run/ran")))
	return err == nil
}

func errIfNot(err error) error {
	if os.IsNotExist(err) {
		return nil
	}
	return err
}

// Nothing of the caller's environment reaches an approved program, however often
// a variable is there.
func TestBypassEnvironment(t *testing.T) {
	if !inside(t) {
		return
	}
	installShim(t)
	serve(t, approveAll)
	write(t, "/home/alice/evil", 0o755, "#!/bin/sh\ntouch /run/ran\n")
	write(t, "/home/alice/id", 0o755, "#!/bin/sh\ntouch /run/ran\n")
	write(t, "/home/alice/evil.c", 0o644, "#include <stdlib.h>\n#include <fcntl.h>\n__attribute__((constructor)) static void f(void) { creat(\"/run/ran\", 0600); }\nunsigned la_version(unsigned v) { f(); return v; }\n")
	if out, err := exec.Command("/usr/bin/cc", "-shared", "-fPIC", "-o", "/home/alice/evil.so", "/home/alice/evil.c").CombinedOutput(); err != nil {
		t.Fatalf("compile: %v\n%s", err, out)
	}
	write(t, "/usr/local/bin/scripted", 0o755, "#!/bin/bash\nenv\nid -u\n")
	hostile := []string{
		"LD_PRELOAD=/home/alice/evil.so", "LD_AUDIT=/home/alice/evil.so", "LD_LIBRARY_PATH=/home/alice", "GCONV_PATH=/home/alice",
		"PYTHONPATH=/home/alice", "PYTHONSTARTUP=/home/alice/evil", "PERL5OPT=-Mevil", "PERL5LIB=/home/alice", "RUBYOPT=-revil", "NODE_OPTIONS=--require=/home/alice/evil",
		"BASH_ENV=/home/alice/evil", "ENV=/home/alice/evil", "SHELLOPTS=xtrace", "PS4=$(/home/alice/evil)", "IFS=/", "GLIBC_TUNABLES=glibc.malloc.check=1",
		"BASH_FUNC_id%%=() { /home/alice/evil; }", "MALLOC_TRACE=/run/ran", "PATH=/home/alice:/usr/bin", "TERMINFO=/home/alice", "HOSTALIASES=/home/alice/evil",
	}
	// A list that Go would tidy up: duplicates, and one without a name.
	raw := append(slices.Clone(hostile), "PATH=/usr/bin:/bin", "PATH=/home/alice", "=x", "NOEQUALS")
	out := filepath.Join(t.TempDir(), "out")
	f, err := os.Create(out)
	must(t, err)
	pid, err := syscall.ForkExec("/usr/bin/sudo", []string{"sudo", "scripted"}, &syscall.ProcAttr{Env: raw, Dir: "/usr", Files: []uintptr{0, f.Fd(), f.Fd()},
		Sys: &syscall.SysProcAttr{Setsid: true, Credential: &syscall.Credential{Uid: alice, Gid: alice}}})
	must(t, err)
	var status syscall.WaitStatus
	_, err = syscall.Wait4(pid, &status, 0, nil)
	must(t, err)
	b, err := os.ReadFile(out)
	must(t, err)
	text := string(b)
	if status.ExitStatus() != 0 || !strings.HasSuffix(text, "\n0\n") {
		t.Errorf("exit %d\n%s", status.ExitStatus(), text)
	}
	paths := 0
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		if name == "PATH" {
			paths++
			continue
		}
		for _, h := range hostile {
			if n, v, _ := strings.Cut(h, "="); n == name && v == value {
				t.Errorf("%s came through", line)
			}
		}
	}
	if paths != 1 || strings.Contains(text, "/home/alice:") || ran(t) {
		t.Errorf("PATH is there %d times, or something of alice's ran:\n%s", paths, text)
	}
}

// A rule for a program by its path says nothing of the loader, an interpreter or
// a runner that is given that program.
func TestBypassLoaderAndInterpreters(t *testing.T) {
	if !inside(t) {
		return
	}
	installShim(t)
	serve(t, byRule("/usr/bin/id", "-u"))
	sudo(t, alice, "-n", "id", "-u").expect(t, 0, "0\n")
	write(t, "/home/alice/id", 0o755, "#!/bin/sh\ntouch /run/ran\n")
	must(t, os.Symlink("/usr/bin/touch", "/usr/local/bin/id"))
	for _, args := range [][]string{
		{"/lib64/ld-linux-x86-64.so.2", "/usr/bin/id", "-u"}, {"env", "id", "-u"}, {"bash", "-c", "id -u"}, {"sh", "-c", "id -u"}, {"nice", "id", "-u"},
		{"python3", "-c", "import os; os.system('id -u')"}, {"/home/alice/id", "-u"}, {"-s", "id", "-u"}, {"-i", "id", "-u"}, {"setpriv", "id", "-u"},
		{"/usr/local/bin/id", "-u"}, {"id", "-u"}, // touch under another name, found first in secure_path
	} {
		if r := sudo(t, alice, append([]string{"-n"}, args...)...); r.code == 0 || r.out != "" {
			t.Errorf("%v: %v", args, r)
		}
	}
	if ran(t) {
		t.Error("a program of alice's ran")
	}
}

// Arguments are compared one by one: nothing is joined, split, added or hidden.
func TestBypassArguments(t *testing.T) {
	if !inside(t) {
		return
	}
	installShim(t)
	write(t, "/etc/messages", 0o600, "messages\n")
	m := serve(t, byRule("/usr/bin/cat", "/etc/messages", "-n"))
	sudo(t, alice, "-n", "cat", "/etc/messages", "-n").expect(t, 0, "1\tmessages")
	for _, args := range [][]string{
		{"/etc/messages -n"}, {"/etc/messages", "-n", "/etc/shadow"}, {"/etc/messages /etc/shadow", "-n"}, {"/etc/messages", "-n", ""},
		{"", "/etc/messages", "-n"}, {"--", "/etc/messages", "-n"}, {"/etc/messages", "--", "-n"}, {"/etc/messages"}, {"-n", "/etc/messages"},
		{"/etc/messages\n", "-n"}, {"/etc/*", "-n"}, {"/etc/messages", "-n "}, {"../etc/messages", "-n"}, {"/etc/messages", "\x01-n"},
	} {
		r := sudo(t, alice, append([]string{"-n", "--", "cat"}, args...)...)
		if r.code == 0 || r.out != "" {
			t.Errorf("%q: %v", args, r)
		}
	}
	// While the rule for the good one is in force, its joined twin is tried.
	twins := make(chan result, 2)
	m.effects.atArm(func(string, int) {
		for _, args := range [][]string{{"/etc/messages -n"}, {"/etc/messages", "-n", "/etc/shadow"}} {
			go func() { twins <- sudo(t, alice, append([]string{"-n", "cat"}, args...)...) }()
		}
	})
	sudo(t, alice, "-n", "cat", "/etc/messages", "-n").expect(t, 0, "1\tmessages")
	for range 2 {
		if r := <-twins; r.code == 0 {
			t.Errorf("a twin: %v", r)
		}
	}
}

// An empty argv, a name with an equals sign, numbers that are no user: sudo or
// we refuse, and nothing runs.
func TestBypassNamesAndNumbers(t *testing.T) {
	if !inside(t) {
		return
	}
	installShim(t)
	m := serve(t, approveAll)
	for _, user := range []string{"#-1", "#4294967295", "#4294967296", "#0x0", "#+0", "# 0", "#2147483648", "#99999999999", "root\n", ""} {
		if r := sudo(t, alice, "-u", user, "touch", "/run/ran"); r.code == 0 {
			t.Errorf("-u %q: %v", user, r)
		}
	}
	for _, argv0 := range []string{"sudoedit", "A=B", "", "sudo\n", strings.Repeat("x", 5000)} {
		cmd := as(alice, "/usr/bin/sudo", "-n", "-u", "#-1", "touch", "/run/ran")
		cmd.Args[0] = argv0
		if r := finish(t, cmd); r.code == 0 {
			t.Errorf("argv[0] %q: %v", argv0, r)
		}
	}
	cmd := as(alice, "/usr/bin/sudo")
	cmd.Args = nil // the kernel puts an empty one there
	if r := finish(t, cmd); r.code == 0 {
		t.Errorf("without arguments: %v", r)
	}
	if ran(t) || m.elevator.asked() > 0 {
		t.Errorf("it ran, or was asked for: %+v, %q", m.elevator.asks, m.effects.list())
	}
	sudo(t, alice, "-u", fmt.Sprintf("#%d", bob), "id", "-un").expect(t, 0, "bob\n")
}

// Root may stop the program's name from being what it is: a bind mount in a
// namespace of the user's own changes nothing for sudo, which does not see it.
func TestBypassMounts(t *testing.T) {
	if !inside(t) {
		return
	}
	installShim(t)
	m := serve(t, approveAll)
	write(t, "/home/alice/evil", 0o755, "#!/bin/sh\ntouch /run/ran\n")
	cmd := as(alice, "/usr/bin/unshare", "-Urm", "/bin/sh", "-c", "mount --bind /home/alice/evil /usr/bin/id && echo mounted; /usr/bin/sudo -n /usr/bin/id -u")
	if r := finish(t, cmd); r.code == 0 || ran(t) {
		t.Errorf("in a user namespace: %v", r)
	}
	// Root's own mount namespace, which somebody else may have left open.
	other := as(0, "/usr/bin/unshare", "-m", "/bin/sh", "-c",
		"mount --bind /home/alice/evil /usr/bin/id && exec setpriv --reuid 61501 --regid 61501 --clear-groups sudo /usr/bin/id -u")
	finish(t, other).expect(t, 1, askedForPassword)
	if n := m.elevator.asked(); n != 0 || ran(t) {
		t.Errorf("asked %d times", n)
	}
}

// A descriptor that the user opened before is no way in: approved programs get
// the three standard ones, and a writer of the program makes it another program.
func TestBypassDescriptors(t *testing.T) {
	if !inside(t) {
		return
	}
	installShim(t)
	m := serve(t, approveAll)
	sudo(t, alice, "/usr/local/bin/show").expect(t, 37)
	kept := as(alice, "/bin/sh", "-c", "exec 7</home; exec sudo ls -l /proc/self/fd")
	if r := finish(t, kept); r.code != 0 || strings.Contains(r.out, "/home") {
		t.Errorf("%v", r)
	}
	// A hard link to the program, open for writing since before the approval.
	write(t, "/usr/local/bin/tool", 0o755, "#!/bin/sh\nexit 0\n")
	writer, err := os.OpenFile("/usr/local/bin/tool", os.O_WRONLY, 0)
	must(t, err)
	defer writer.Close()
	m.effects.atArm(func(string, int) {
		_, err := writer.WriteAt([]byte("#!/bin/sh\ntouch /run/ran\n"), 0)
		must(t, err)
	})
	if r := sudo(t, alice, "tool"); r.code == 0 || ran(t) {
		t.Errorf("rewritten in place: %v", r)
	}
}

// -S and -A have sudo read a password where it is asked something: no reason is
// asked then, so none becomes known as one.
func TestBypassPasswordAsReason(t *testing.T) {
	if !inside(t) {
		return
	}
	installShim(t)
	id := elevation.NewRequestID(time.Now())
	m := serve(t, asking(id, nil))
	write(t, "/home/alice/askpass", 0o755, "#!/bin/sh\necho hunter2-is-secret\n")
	for _, option := range []string{"-S", "-A", "-kS"} {
		cmd := as(alice, "/usr/bin/sudo", option, "id", "-u")
		cmd.Env = append(cmd.Env, "SUDO_ASKPASS=/home/alice/askpass")
		x := onTerminal(t, cmd)
		x.typed("hunter2-is-secret\r")
		if code, _ := x.end(); code != 1 || !strings.Contains(x.seen, "there is no terminal") && !strings.Contains(x.seen, "ASSENT_REASON") {
			t.Errorf("%s: exit %d, %q", option, code, x.seen)
		}
	}
	for _, ask := range m.elevator.asks {
		if strings.Contains(ask.Justification, "hunter2") {
			t.Errorf("the password went out as %q", ask.Justification)
		}
	}
}

// What is covered beyond a plain command works, and the approver reads it.
func TestCovered(t *testing.T) {
	if !inside(t) {
		return
	}
	installShim(t)
	m := serve(t, approveAll)
	must(t, os.Mkdir("/usr/local/work", 0o755))
	sudo(t, alice, "-D", "/usr/local/work", "pwd").expect(t, 0, "/usr/local/work\n")
	sudo(t, alice, "--chdir=/usr/local/work", "-u", "bob", "pwd").expect(t, 0, "/usr/local/work\n")
	sudo(t, alice, "DEBIAN_FRONTEND=noninteractive", "TZ=Europe/Berlin", "printenv", "DEBIAN_FRONTEND", "TZ").expect(t, 0, "noninteractive\nEurope/Berlin\n")
	with := as(alice, "/usr/bin/sudo", "printenv")
	with.Env = append(with.Env, "DEBIAN_FRONTEND=noninteractive", "NEEDRESTART_MODE=a") // only what is typed is given
	if r := finish(t, with); strings.Contains(r.out, "DEBIAN_FRONTEND") || strings.Contains(r.out, "NEEDRESTART") {
		t.Errorf("%v", r)
	}
	m.elevator.mu.Lock()
	defer m.elevator.mu.Unlock()
	a, b, c := m.elevator.asks[0].Attempt.Subject, m.elevator.asks[2].Attempt.Subject, m.elevator.asks[3].Attempt.Subject
	if a.Cwd != "/usr/local/work" || !b.HasMark("sets:DEBIAN_FRONTEND=noninteractive") || !b.HasMark("sets:TZ=Europe/Berlin") {
		t.Errorf("asked for %+v and %+v", a, b)
	}
	if string(b.ArgsDigest) == string(c.ArgsDigest) {
		t.Error("the variables are not bound")
	}
}
