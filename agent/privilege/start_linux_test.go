package privilege

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/assent-epm/assent/e2e/testgroup"
	"github.com/assent-epm/assent/shared/elevation"
)

func root() Account {
	return Account{Name: "root", Home: "/root", Shell: "/bin/sh", Groups: []uint32{0}}
}

// asker is a user of no account on this machine.
func asker() Account {
	return Account{Name: "alice", UID: 41000, GID: 41001, Groups: []uint32{41001, 41002}, Home: "/", Shell: "/bin/sh"}
}

func digest(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// open gives descriptors: nothing to read, and one pipe for both outputs.
func open(t *testing.T) (files [3]*os.File, out *os.File) {
	t.Helper()
	null, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	out, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { out.Close() })
	also, err := syscall.Dup(int(w.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	syscall.CloseOnExec(also)
	return [3]*os.File{null, w, os.NewFile(uintptr(also), "stderr")}, out
}

func newTrees(t *testing.T) *Trees {
	t.Helper()
	testgroup.Need(t, "root")
	trees, err := NewTrees(Config{Realm: Realm(t.TempDir())})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if trees.Kind() == TreeCgroup2 {
			_ = os.Remove(filepath.Join(trees.os.cg.v2, trees.os.base()))
		}
		trees.Close()
	})
	return trees
}

func spec(t *testing.T, path string, args ...string) (Spec, *os.File) {
	t.Helper()
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		t.Fatal(err)
	}
	files, out := open(t)
	return Spec{
		Grant: elevation.NewGrantID(time.Now()), Request: elevation.NewRequestID(time.Now()),
		Path: real, SHA256: digest(t, real), Args: args, Cwd: "/",
		Requester: asker(), RunAs: root(), Files: files, TTL: time.Minute,
	}, out
}

// run starts the spec and returns what it wrote and its exit code.
func run(t *testing.T, trees *Trees, s Spec, out *os.File) (string, int) {
	t.Helper()
	r, err := trees.Start(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	code, err := r.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if err := trees.End(t.Context(), r.Tree, 0); err != nil {
		t.Error(err)
	}
	return string(text), code
}

// refused starts the spec, wants the error, and makes sure that nothing ran.
func refused(t *testing.T, trees *Trees, s Spec, out *os.File, want error) {
	t.Helper()
	r, err := trees.Start(t.Context(), s)
	if err == nil {
		t.Fatalf("it runs as %d", r.PID)
	}
	if want != nil && !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
	if text, err := io.ReadAll(out); err != nil || len(text) > 0 {
		t.Errorf("it wrote %q, %v", text, err)
	}
	refs, err := trees.List()
	if err != nil || len(refs) > 0 {
		t.Errorf("trees are left: %+v, %v", refs, err)
	}
}

func TestStartGivesTheExitCode(t *testing.T) {
	trees := newTrees(t)
	for name, c := range map[string]struct {
		script string
		code   int
		text   string
	}{
		"success":                  {"echo hello", 0, "hello\n"},
		"its own code":             {"exit 37", 37, ""},
		"ended by a signal":        {"kill -9 $$", 137, ""},
		"ended by another signal":  {"kill -TERM $$", 143, ""},
		"arguments are kept apart": {`printf '<%s>' "$@"`, 0, "<a b><><*><\n><é\xff>"},
	} {
		t.Run(name, func(t *testing.T) {
			s, out := spec(t, "/bin/sh", "-c", c.script, "sh", "a b", "", "*", "\n", "é\xff")
			text, code := run(t, trees, s, out)
			if code != c.code || text != c.text {
				t.Errorf("wrote %q, exit %d; want %q, %d", text, code, c.text, c.code)
			}
		})
	}
}

func TestStartIdentity(t *testing.T) {
	trees := newTrees(t)
	const show = `grep -E '^(Uid|Gid|Groups|CapEff|SigIgn|SigBlk):' /proc/self/status | tr '\t' ' '; umask; ls /proc/self/fd | tr '\n' ' '; pwd; ps -o sid= -p $$ >/dev/null`
	user := Account{Name: "bob", UID: 42000, GID: 42001, Groups: []uint32{42001, 42005, 42003}, Home: "/", Shell: "/bin/sh"}
	for name, c := range map[string]struct {
		as   Account
		want []string
	}{
		"root": {root(), []string{"Uid: 0 0 0 0\n", "Gid: 0 0 0 0\n", "Groups: 0 \n", "SigIgn: 0000000000000000\n", "0022\n", "0 1 2 3 /"}},
		"a user": {user, []string{"Uid: 42000 42000 42000 42000\n", "Gid: 42001 42001 42001 42001\n",
			"Groups: 42001 42003 42005 \n", "CapEff: 0000000000000000\n", "0022\n"}},
		"root without groups": {Account{Name: "root", Home: "/", Shell: "/bin/sh"}, []string{"Groups:  \n"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, out := spec(t, "/bin/sh", "-c", show)
			s.RunAs = c.as
			text, code := run(t, trees, s, out)
			// Signal 32 is the C library's own: its posix_spawn, which make uses,
			// leaves it ignored for everything below, and no program can use it.
			text = strings.Replace(text, "SigIgn: 0000000080000000", "SigIgn: 0000000000000000", 1)
			for _, w := range c.want {
				if !strings.Contains(text, w) {
					t.Errorf("exit %d, no %q in\n%s", code, w, text)
				}
			}
		})
	}
}

func TestIsStatusRefuses(t *testing.T) {
	good := "Uid:\t5 5 5 5\nGid:\t6 6 6 6\nGroups:\t6 7 \nCapPrm:\t0000\nCapEff:\t0000\nCapAmb:\t0000\n"
	who := identity{UID: 5, GID: 6, Groups: []uint32{7, 6, 7}}
	if err := isStatus(good, who); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string][2]string{
		"effective user":   {"5 5 5 5", "5 0 5 5"},
		"saved user":       {"5 5 5 5", "5 5 0 5"},
		"file user":        {"5 5 5 5", "5 5 5 0"},
		"group":            {"6 6 6 6", "6 6 0 6"},
		"one group more":   {"6 7 \n", "0 6 7 \n"},
		"one group less":   {"6 7 \n", "6 \n"},
		"no groups line":   {"Groups", "Grapes"},
		"no users line":    {"Uid", "Did"},
		"a capability":     {"CapEff:\t0000", "CapEff:\t0001"},
		"no capabilities":  {"CapPrm:\t0000\n", ""},
		"empty status":     {good, ""},
		"ambient":          {"CapAmb:\t0000", "CapAmb:\t8000"},
		"more than needed": {"5 5 5 5", "5 5 5 5 5"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := isStatus(strings.Replace(good, change[0], change[1], 1), who); err == nil {
				t.Error("accepted")
			}
		})
	}
}

func TestStartFolder(t *testing.T) {
	trees := newTrees(t)
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for p := base; p != "/"; p = filepath.Dir(p) { // the test's folder is closed to others
		if info, err := os.Stat(p); err == nil && info.Mode().Perm()&1 == 0 {
			if err := os.Chmod(p, info.Mode().Perm()|0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	secret, shared := filepath.Join(base, "secret"), filepath.Join(base, "shared")
	for dir, mode := range map[string]os.FileMode{secret: 0o700, shared: 0o770} {
		if err := os.Mkdir(dir, mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Chmod(shared, 0o770), os.Chown(shared, 0, 41002)); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(shared, filepath.Join(base, "link")); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		dir string
		ok  bool
	}{
		"open to all":             {base, true},
		"open to a group of mine": {shared, true},
		"closed to me":            {secret, false},
		"by a link":               {filepath.Join(base, "link"), false},
		"not there":               {filepath.Join(base, "none"), false},
		"a file":                  {"/etc/passwd", false},
		"relative":                {"tmp", false},
		"empty":                   {"", false},
		"not clean":               {base + "/../x", false},
	} {
		t.Run(name, func(t *testing.T) {
			s, out := spec(t, "/bin/pwd")
			s.Cwd = c.dir
			if !c.ok {
				refused(t, trees, s, out, ErrFolder)
				return
			}
			if text, code := run(t, trees, s, out); text != c.dir+"\n" || code != 0 {
				t.Errorf("ran in %q, exit %d", text, code)
			}
		})
	}
}

func TestStartRefusesBadSpecs(t *testing.T) {
	trees := newTrees(t)
	for name, c := range map[string]struct {
		change func(*Spec)
		want   error
	}{
		"no digest":              {func(s *Spec) { s.SHA256 = "" }, ErrChanged},
		"another digest":         {func(s *Spec) { s.SHA256 = strings.Repeat("0", 64) }, ErrChanged},
		"NUL in an argument":     {func(s *Spec) { s.Args = []string{"a\x00b"} }, ErrArguments},
		"NUL in the path":        {func(s *Spec) { s.Path += "\x00" }, ErrArguments},
		"no path":                {func(s *Spec) { s.Path = "" }, ErrArguments},
		"relative path":          {func(s *Spec) { s.Path = "sh" }, ErrArguments},
		"path by a link":         {func(s *Spec) { s.Path = "/proc/1/root" + s.Path }, nil},
		"a folder":               {func(s *Spec) { s.Path = "/usr" }, nil},
		"a device":               {func(s *Spec) { s.Path = "/dev/null" }, nil},
		"not executable":         {func(s *Spec) { s.Path = "/etc/passwd"; s.SHA256 = digest(t, s.Path) }, nil},
		"2 MB of arguments":      {func(s *Spec) { s.Args = slices.Repeat([]string{strings.Repeat("x", 1024)}, 2048) }, ErrArguments},
		"one argument too long":  {func(s *Spec) { s.Args = []string{strings.Repeat("x", maxArgument+1)} }, ErrArguments},
		"no user to run as":      {func(s *Spec) { s.RunAs = Account{} }, ErrIdentity},
		"uid -1 to run as":       {func(s *Spec) { s.RunAs = Account{Name: "x", UID: ^uint32(0)} }, ErrIdentity},
		"gid -1 to run as":       {func(s *Spec) { s.RunAs = Account{Name: "x", UID: 5, GID: ^uint32(0)} }, ErrIdentity},
		"another uid 0":          {func(s *Spec) { s.RunAs = Account{Name: "toor"} }, ErrIdentity},
		"uid -1 asks":            {func(s *Spec) { s.Requester.UID = ^uint32(0) }, ErrIdentity},
		"no grant":               {func(s *Spec) { s.Grant = "" }, nil},
		"a grant that is a path": {func(s *Spec) { s.Grant = "gr_../../etc" }, nil},
		"no time":                {func(s *Spec) { s.TTL = 0 }, ErrNotContained},
	} {
		t.Run(name, func(t *testing.T) {
			s, out := spec(t, "/bin/echo", "ran")
			c.change(&s)
			refused(t, trees, s, out, c.want)
		})
	}
	t.Run("a missing descriptor", func(t *testing.T) {
		s, _ := spec(t, "/bin/echo")
		s.Files[2].Close()
		s.Files[2] = nil
		if _, err := trees.Start(t.Context(), s); !errors.Is(err, ErrArguments) {
			t.Error(err)
		}
	})
	t.Run("a context that is over", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		s, _ := spec(t, "/bin/echo", "ran")
		if _, err := trees.Start(ctx, s); err == nil {
			t.Error("it runs")
		}
	})
}

// The program holds the only copies of the pipe: its reader sees the end when
// the program ends, whatever the agent does.
func TestStartClosesItsCopies(t *testing.T) {
	trees := newTrees(t)
	s, out := spec(t, "/bin/echo", "x")
	r, err := trees.Start(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(out); err != nil || string(text) != "x\n" {
		t.Errorf("read %q, %v", text, err)
	}
	if _, err := r.Wait(); err != nil {
		t.Error(err)
	}
	if _, err := s.Files[1].Write([]byte("x")); !errors.Is(err, os.ErrClosed) {
		t.Errorf("the agent's copy is open: %v", err)
	}
}

func TestStartUnderATerminal(t *testing.T) {
	trees := newTrees(t)
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	s, _ := spec(t, "/bin/sh", "-c", `stty size; tty; stat -c "owner %u" $(tty); [ -t 0 ] && [ -t 1 ] && echo yes; read x; echo "got $x"`)
	closeFiles(s.Files[:])
	for i := range s.Files {
		fd, err := syscall.Dup(int(slave.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		s.Files[i] = os.NewFile(uintptr(fd), "tty")
	}
	users := slave.Name()
	slave.Close()
	s.Rows, s.Cols, s.RunAs = 33, 77, asker()
	r, err := trees.Start(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Master.Close()
	if _, err := r.Master.Write([]byte("word\n")); err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(r.Master) // ends with EIO when the other end is closed
	code, err := r.Wait()
	if err != nil || code != 0 {
		t.Errorf("exit %d, %v", code, err)
	}
	for _, want := range []string{"33 77", "owner 41000", "yes", "got word"} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("no %q in %q", want, text)
		}
	}
	if bytes.Contains(text, []byte(users+"\r")) {
		t.Errorf("it runs on the user's own terminal %s", users)
	}
	if err := trees.End(t.Context(), r.Tree, 0); err != nil {
		t.Error(err)
	}
}

// When the last holder of the master goes away the program is hung up, like
// after a lost connection: no orphan is left.
func TestALostTerminalHangsUp(t *testing.T) {
	trees := newTrees(t)
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	s, _ := spec(t, "/bin/sh", "-c", "sleep 300; sleep 300")
	for i := range s.Files {
		s.Files[i].Close()
		fd, err := syscall.Dup(int(slave.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		s.Files[i] = os.NewFile(uintptr(fd), "tty")
	}
	slave.Close()
	r, err := trees.Start(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	r.Master.Close()
	if code, err := r.Wait(); err != nil || code != 128+int(syscall.SIGHUP) {
		t.Errorf("exit %d, %v", code, err)
	}
	if err := trees.Gone(t.Context(), r.Tree); err != nil {
		t.Error(err)
	}
	if err := trees.End(t.Context(), r.Tree, 0); err != nil {
		t.Error(err)
	}
}

func TestSignalReachesTheProgram(t *testing.T) {
	trees := newTrees(t)
	s, out := spec(t, "/bin/sh", "-c", `trap 'echo told; exit 9' INT; echo ready; sleep 300 & wait`)
	r, err := trees.Start(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	ready := make([]byte, 6)
	if _, err := io.ReadFull(out, ready); err != nil {
		t.Fatal(err)
	}
	if err := r.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code, err := r.Wait(); err != nil || code != 9 {
		t.Errorf("exit %d, %v", code, err)
	}
	if err := r.Signal(syscall.SIGINT); err != nil {
		t.Errorf("a signal after the end: %v", err)
	}
	if err := trees.End(t.Context(), r.Tree, time.Second); err != nil {
		t.Error(err)
	}
}

// The agent protects itself from the kernel's choice when memory runs out, and
// has limits of its own. Neither goes to the programs.
func TestTheProgramIsOrdinary(t *testing.T) {
	trees := newTrees(t)
	t.Run("files", func(t *testing.T) {
		s, out := spec(t, "/bin/sh", "-c", "ulimit -n")
		if text, _ := run(t, trees, s, out); text != "1024\n" {
			t.Errorf("%q", text)
		}
	})
	t.Run("memory", func(t *testing.T) {
		const adjust = "/proc/self/oom_score_adj"
		before, err := os.ReadFile(adjust)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(adjust, []byte("-500"), 0); err != nil {
			t.Skipf("this container may not lower oom_score_adj: %v", err)
		}
		defer os.WriteFile(adjust, bytes.TrimSpace(before), 0)
		s, out := spec(t, "/bin/cat", adjust)
		if text, _ := run(t, trees, s, out); text != "0\n" {
			t.Errorf("%q", text)
		}
	})
}

// The gate has no rights of its own: started by a user it stays that user.
func TestTheGateAloneDoesNothing(t *testing.T) {
	testgroup.Need(t, "root")
	cmd := exec.Command("/proc/self/exe", gateName)
	if err := cmd.Run(); err == nil || cmd.ProcessState.ExitCode() != 126 {
		t.Errorf("the gate without a job: %v", err)
	}
	if IsGate([]string{"x"}) || IsGate([]string{"x", gateName, "y"}) || !IsGate([]string{"x", gateName}) {
		t.Error("IsGate")
	}
}

func TestRealm(t *testing.T) {
	if a, b := Realm("/a"), Realm("/b"); a == b || !plainName(a, 16) {
		t.Errorf("Realm = %q, %q", a, b)
	}
	for _, bad := range []string{"", "A", "a-b", "../x", strings.Repeat("a", 17)} {
		if _, err := NewTrees(Config{Realm: bad}); err == nil {
			t.Errorf("realm %s accepted", strconv.Quote(bad))
		}
	}
}

// TestNotLetGo: when what must be there before the program is not, it never runs.
func TestNotLetGo(t *testing.T) {
	testgroup.Need(t, "root")
	trees := newTrees(t)
	proof := filepath.Join(t.TempDir(), "proof")
	s, _ := spec(t, "/usr/bin/touch", proof)
	s.Contained = func() error { return errors.New("no timer") }
	if _, err := trees.Start(t.Context(), s); err == nil || !strings.Contains(err.Error(), "no timer") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(proof); err == nil {
		t.Error("it ran")
	}
}
