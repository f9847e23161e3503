package intercept

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/e2e/testgroup"
	"github.com/assent-epm/assent/shared/elevation"
)

func TestObserve(t *testing.T) {
	raw := Raw{User: "0", PID: os.Getpid(), Command: "sh", Args: []string{"--password", "x"}, Cwd: "/", SearchPath: "relative:/nowhere:/usr/bin:/bin",
		Mechanism: "sudo", Salt: make([]byte, 32), Marks: []string{elevation.MarkShell}}
	a, real, err := Observe(raw)
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(content)
	path, err := filepath.EvalSymlinks("/usr/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	s := a.Subject
	if s.Path != path || s.SHA256 != hex.EncodeToString(sum[:]) || s.Size != int64(len(content)) || s.RunAs != "root" || s.Cwd != "/" {
		t.Errorf("subject %+v", s)
	}
	if !slices.Equal(s.Args, []string{"--password", "***"}) || !slices.Equal(real.Args, raw.Args) {
		t.Errorf("args %q, really %q", s.Args, real.Args)
	}
	if !s.HasMark(elevation.MarkShell) || !s.HasMark(elevation.MarkUnbounded) || s.HasMark(elevation.MarkUserWritable) || s.HasMark(elevation.MarkScript) {
		t.Errorf("marks %q", s.Marks)
	}
	if path != "/usr/bin/sh" && !s.HasMark(elevation.MarkCalledAs+"sh") {
		t.Errorf("%s is called as sh: %q", path, s.Marks)
	}
	if !real.RootOnly || real.Found != "/usr/bin/sh" || real.Called != "sh" || a.User.Name != "root" || a.User.UID != "0" || len(a.User.Groups) == 0 {
		t.Errorf("real %+v, user %+v", real, a.User)
	}
	if s.Parent == "" {
		t.Error("the test's own parent is not known")
	}
}

func TestObserveRefuses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	put(t, file, 0o644, "x")
	put(t, filepath.Join(dir, "exec"), 0o755, "#!/bin/sh\n")
	if err := unix.Mkfifo(filepath.Join(dir, "pipe"), 0o755); err != nil {
		t.Fatal(err)
	}
	loop := filepath.Join(dir, "loop")
	if err := os.Symlink(loop, loop); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		change func(*Raw)
		want   error
	}{
		{"not there", func(r *Raw) { r.Command = "no-such-program" }, ErrNoProgram},
		{"a folder", func(r *Raw) { r.Command = dir }, ErrNoProgram},
		{"not executable", func(r *Raw) { r.Command = file }, ErrNoProgram},
		{"a pipe", func(r *Raw) { r.Command = filepath.Join(dir, "pipe") }, ErrNoProgram},
		{"a loop", func(r *Raw) { r.Command = loop }, ErrNoProgram},
		{"only in the present folder", func(r *Raw) { r.Command, r.SearchPath, r.Cwd = "exec", ".::", dir }, ErrNoProgram},
		{"through /proc", func(r *Raw) { r.Command = "/proc/self/exe" }, elevation.ErrInvalid},
		{"through a folder of /proc", func(r *Raw) { r.Command = "/proc/self/root/bin/sh" }, elevation.ErrInvalid},
		{"nobody", func(r *Raw) { r.User = "4294000000" }, ErrNoUser},
		{"as nobody", func(r *Raw) { r.RunAs = "no-such-user" }, ErrNoUser},
		{"a folder that is no text", func(r *Raw) { r.Cwd = "/\xff" }, elevation.ErrInvalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			raw := Raw{User: "0", Command: "/bin/sh", Cwd: "/", SearchPath: "/usr/bin:/bin", Mechanism: "sudo", Salt: make([]byte, 32)}
			tt.change(&raw)
			if a, _, err := Observe(raw); !errors.Is(err, tt.want) {
				t.Errorf("got %v, %+v", err, a)
			}
		})
	}
}

func TestFeeds(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "x.sh"), 0o644, "id\n")
	observe := func(command string, args ...string) (elevation.Attempt, Real) {
		t.Helper()
		a, real, err := Observe(Raw{User: "0", Command: command, Args: args, Cwd: dir, SearchPath: "/usr/bin:/bin", Mechanism: "sudo", Salt: make([]byte, 32)})
		if err != nil {
			t.Fatal(err)
		}
		return a, real
	}
	if a, real := observe("cat", "x.sh"); len(real.Feeds) != 0 || a.Subject.HasMark(elevation.MarkUserWritable) {
		t.Errorf("cat runs nothing: %+v", real.Feeds)
	}
	if _, real := observe("sh", "/etc/passwd", "-x", "none", dir); len(real.Feeds) != 0 {
		t.Errorf("only root can change these: %+v", real.Feeds)
	}
	a, real := observe("sh", "-e", "x.sh")
	if len(real.Feeds) != 1 || real.Feeds[0].Path != filepath.Join(dir, "x.sh") || !a.Subject.HasMark(elevation.MarkUserWritable) {
		t.Fatalf("feeds %+v, marks %q", real.Feeds, a.Subject.Marks)
	}
	if err := real.FeedsUnchanged(); err != nil {
		t.Error(err)
	}
	put(t, filepath.Join(dir, "x.sh"), 0o644, "od\n")
	if err := real.FeedsUnchanged(); err == nil {
		t.Error("a changed file is not noticed")
	}
	if b, _ := observe("sh", "-e", "x.sh"); a.Same(b) {
		t.Error("an approval of one content would be used for another")
	}
	put(t, filepath.Join(dir, "x.sh"), 0o644, "id\n")
	if b, _ := observe("sh", "-e", "x.sh"); !a.Same(b) {
		t.Error("the same content is another attempt")
	}
	if err := os.Remove(filepath.Join(dir, "x.sh")); err != nil {
		t.Fatal(err)
	}
	if err := real.FeedsUnchanged(); err == nil {
		t.Error("a file that is gone is not noticed")
	}
}

func TestIdentifyIsBounded(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "huge"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(1 << 40); err != nil {
		t.Skip("this file system has no file of 1 TiB: ", err)
	}
	if _, err := Identify(f.Name()); !errors.Is(err, elevation.ErrInvalid) {
		t.Errorf("got %v", err)
	}
}

func TestFindRelative(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "exec"), 0o755, "#!/bin/sh\n")
	got, err := Find("./exec", dir, "")
	if err != nil {
		t.Fatal(err)
	}
	if real, _, err := privilege.Resolve(got); real != filepath.Join(dir, "exec") || err != nil {
		t.Error(real, err)
	}
}

func TestRootOnly(t *testing.T) {
	testgroup.Need(t, "root")
	// The folder must hang below / by folders that are root's alone: /tmp is not.
	base, err := os.MkdirTemp("/var/lib", "assent-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	if err := os.Chmod(base, 0o755); err != nil {
		t.Fatal(err)
	}
	at := func(parts ...string) string { return filepath.Join(append([]string{base}, parts...)...) }
	put(t, at("good"), 0o755, "x")
	put(t, at("group"), 0o775, "x")
	put(t, at("all"), 0o757, "x")
	put(t, at("owned"), 0o755, "x")
	put(t, at("open", "prog"), 0o755, "x")
	put(t, at("sticky", "prog"), 0o755, "x")
	put(t, at("theirs", "prog"), 0o755, "x")
	for path, mode := range map[string]os.FileMode{at("open"): 0o777, at("sticky"): 0o777 | os.ModeSticky} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	for path, uid := range map[string]int{at("owned"): 65534, at("theirs"): 65534} {
		if err := os.Chown(path, uid, uid); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{"link": "good", "abs": at("good"), "toopen": "open/prog", "theirlink": "good",
		"viatheirs": "theirs/back", "theirs/back": "../good", "dot": "../" + filepath.Base(base) + "/./good"} {
		if err := os.Symlink(target, at(link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Lchown(at("theirlink"), 65534, 65534); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		path string
		want bool
	}{
		{"good", true}, {"link", true}, {"abs", true}, {"dot", true},
		{"group", false}, {"all", false}, {"owned", false}, {"open/prog", false}, {"sticky/prog", false}, {"theirs/prog", false},
		{"toopen", false}, {"theirlink", false}, {"viatheirs", false}, {"theirs/../good", false}, {"open/../good", false},
	}
	for _, tt := range tests {
		got, err := privilege.RootOnly(base + "/" + tt.path)
		if got != tt.want || err != nil {
			t.Errorf("%s: got %v, %v", tt.path, got, err)
		}
	}
	if ok, err := privilege.RootOnly("/proc/self/exe"); ok || err == nil {
		t.Error("/proc is root's alone")
	}
	if ok, err := privilege.RootOnly(at("nothing")); ok || err == nil {
		t.Error("what is not there is root's alone")
	}
	if ok, err := privilege.RootOnly("good"); ok || err == nil {
		t.Error("a relative path is root's alone")
	}
}

func TestIdentifyRefusesLinks(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "file"), 0o755, "#!/bin/sh\n")
	if err := os.Symlink("file", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	id, err := Identify(filepath.Join(dir, "file"))
	if err != nil || !id.Script || id.Size != 10 {
		t.Errorf("got %+v, %v", id, err)
	}
	for _, bad := range []string{"link", ".", "none"} {
		if id, err := Identify(filepath.Join(dir, bad)); err == nil {
			t.Errorf("%s: got %+v", bad, id)
		}
	}
	put(t, filepath.Join(dir, "empty"), 0o755, "")
	if id, err := Identify(filepath.Join(dir, "empty")); err != nil || id.Size != 0 || id.Script {
		t.Errorf("empty: got %+v, %v", id, err)
	}
}

func put(t *testing.T, path string, mode os.FileMode, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// People read this: how the system was asked is none of their business.
func TestNoSuchUserIsPlain(t *testing.T) {
	if _, err := LookupRunAs("no-such-user"); err == nil || err.Error() != "no such user: no-such-user" {
		t.Errorf("got %v", err)
	}
}
