package setuid

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/e2e/testgroup"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// house answers as one policy for everybody.
type house struct {
	mu     sync.Mutex // guards the fields below
	stance elevation.Stance
	saw    []wire.SeenKind
}

func (h *house) Stance(elevation.Mechanism, intercept.Account) (elevation.Stance, wire.SeenKind) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.stance, wire.SeenObserved
}

func (h *house) Saw(kind wire.SeenKind, _ elevation.Attempt) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.saw = append(h.saw, kind)
}

// flow is an elevator that answers what the test says, and a desk where nobody is.
type flow struct {
	answer  error
	granted *elevation.Attempt
	spent   int
}

func (f *flow) Elevate(ctx context.Context, _ intercept.Ask, p intercept.Person) (intercept.Permit, error) {
	if f.answer == nil { // nobody answers
		<-ctx.Done()
		return intercept.Permit{}, context.Cause(ctx)
	}
	return intercept.Permit{}, f.answer
}

func (f *flow) Claim(a elevation.Attempt) (intercept.Permit, bool) {
	if f.granted == nil || !f.granted.Same(a) {
		return intercept.Permit{}, false
	}
	f.granted = nil
	return intercept.Permit{Grant: elevation.Grant{AccessType: a.AccessType, User: a.User, Subject: a.Subject, Uses: 1}}, true
}
func (f *flow) Release(elevation.GrantID)    {}
func (f *flow) Spend(intercept.Permit) error { f.spent++; return nil }
func (f *flow) AwaitReason(context.Context, elevation.Attempt, wire.Need) (string, string, error) {
	return "", "", intercept.ErrNobody
}

func watcher(t *testing.T, h *house, f *flow) *Watcher {
	t.Helper()
	w, err := New(Config{Elevator: f, Effects: f, House: h, Holds: func() bool { return h.stance == elevation.StanceAsk }, Desk: f, Salt: bytes.Repeat([]byte{1}, 32), Hold: time.Minute,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// program makes a program of its own that starts nothing, and opens it as an event
// has it.
func program(t *testing.T) (path string, e event) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "gain")
	raw, err := os.ReadFile("/bin/true")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, raw, 0o755); err != nil {
		t.Fatal(err)
	}
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	return path, event{fd: int32(fd), pid: os.Getpid()}
}

// TestDecide: only a denial keeps a program from starting where it asks, and only
// an approval lets it start where it is refused; an unknown stance refuses.
func TestDecide(t *testing.T) {
	for _, tt := range []struct {
		name   string
		stance elevation.Stance
		answer error
		grant  bool
		want   bool
		saw    int
	}{
		{"off", elevation.StanceOff, nil, false, true, 0},
		{"observed", elevation.StanceObserve, nil, false, true, 1},
		{"denied by policy", elevation.StanceDeny, nil, false, false, 0},
		{"unknown stance", "", nil, false, false, 0},
		{"denied by policy, approved", elevation.StanceDeny, nil, true, true, 0},
		{"asked, denied", elevation.StanceAsk, &intercept.Refused{By: "bo"}, false, false, 0},
		{"asked, approved ahead", elevation.StanceAsk, &intercept.Refused{By: "bo"}, true, true, 0},
		{"asked, nobody answers", elevation.StanceAsk, nil, false, true, 1},
		{"asked, controller away", elevation.StanceAsk, intercept.ErrUnreachable, false, true, 1},
		{"asked, no reason given", elevation.StanceAsk, intercept.ErrNobody, false, true, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h, f := &house{stance: tt.stance}, &flow{answer: tt.answer}
			w := watcher(t, h, f)
			if tt.answer == nil { // that somebody answers is not a matter of time
				w.cfg.Hold = 50 * time.Millisecond
			}
			path, e := program(t)
			if tt.grant {
				who, err := intercept.LookupUID(uint32(os.Getuid()))
				if err != nil {
					t.Fatal(err)
				}
				a, err := w.attempt(path, who)
				if err != nil {
					t.Fatal(err)
				}
				f.granted = &a
			}
			ctx, cancel := context.WithTimeout(t.Context(), w.cfg.Hold)
			defer cancel()
			if got := w.decide(ctx, e, uint32(os.Getuid())); got != tt.want {
				t.Errorf("goes on: %v", got)
			}
			if len(h.saw) != tt.saw || tt.grant && f.spent != 1 {
				t.Errorf("told of %v, spent %d", h.saw, f.spent)
			}
		})
	}
}

// asUser is a command of somebody without rights.
func asUser(path string) *exec.Cmd {
	cmd := exec.Command(path)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 54321, Gid: 54321}}
	return cmd
}

// TestGroupHolds is the kernel's part: a marked program is held for people and for
// nobody else, the replaced one only when it is marked again, and a closed group
// holds nobody.
func TestGroupHolds(t *testing.T) {
	if err := Usable(); err != nil {
		t.Skip("this machine has no fanotify for us:", err)
	}
	path, _ := program(t)
	for dir := filepath.Dir(path); len(dir) > len(os.TempDir()); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	g, err := newGroup(true)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		done <- g.read(func(e event) {
			_, person := starter(e.pid)
			_ = g.answer(e, !person)
		})
	}()
	want := []Found{{Path: path, Setuid: true}}
	if err := g.mark(want); err != nil {
		t.Fatal(err)
	}
	if err := asUser(path).Run(); !errors.Is(err, syscall.EPERM) {
		t.Errorf("a person's start: %v", err)
	}
	if err := exec.Command(path).Run(); err != nil {
		t.Errorf("root's start: %v", err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(path+".new", raw, 0o755), os.Rename(path+".new", path)); err != nil {
		t.Fatal(err)
	}
	if err := asUser(path).Run(); err != nil {
		t.Errorf("a replaced one without a mark: %v", err)
	}
	if err := g.mark(want); err != nil {
		t.Fatal(err)
	}
	if err := asUser(path).Run(); !errors.Is(err, syscall.EPERM) {
		t.Errorf("a replaced one: %v", err)
	}
	if err := g.mark(nil); err != nil {
		t.Fatal(err)
	}
	if err := asUser(path).Run(); err != nil {
		t.Errorf("without a mark: %v", err)
	}
	if err := g.mark(want); err != nil {
		t.Fatal(err)
	}
	g.close()
	g.close()
	if err := <-done; err == nil {
		t.Error("reading goes on")
	}
	if err := asUser(path).Run(); err != nil {
		t.Errorf("after the end: %v", err)
	}
}

// TestSeenGroupHoldsNobody: a start that is only told of does not wait for a reader.
func TestSeenGroupHoldsNobody(t *testing.T) {
	if err := Usable(); err != nil {
		t.Skip("this machine has no fanotify for us:", err)
	}
	path, _ := program(t)
	g, err := newGroup(false)
	if err != nil {
		t.Fatal(err)
	}
	defer g.close()
	if err := g.mark([]Found{{Path: path}}); err != nil {
		t.Fatal(err)
	}
	if err := exec.Command(path).Run(); err != nil { // nobody reads yet
		t.Fatal(err)
	}
	seen := make(chan string, 1)
	go func() {
		_ = g.read(func(e event) {
			p, _ := e.path()
			e.close()
			select {
			case seen <- p:
			default:
			}
		})
	}()
	if got := <-seen; got != path {
		t.Errorf("seen %s", got)
	}
}

// TestFoldersByTheirOwnName: a link to a folder is not watched beside it, or
// everything in it would be new under another name.
func TestFoldersByTheirOwnName(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	real, link := filepath.Join(dir, "real"), filepath.Join(dir, "link")
	if err := errors.Join(os.Mkdir(real, 0o755), os.Symlink("real", link)); err != nil {
		t.Fatal(err)
	}
	f, err := watchFolders()
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	f.watch([]Found{{Path: filepath.Join(link, "su")}, {Path: filepath.Join(real, "su")}, {Path: filepath.Join(dir, "none", "su")}})
	if !f.dirs[real] || f.dirs[link] || f.dirs[filepath.Join(dir, "none")] {
		t.Errorf("watched are %v", f.dirs)
	}
	if info, err := os.Lstat("/bin"); err == nil && info.Mode().Type() == os.ModeSymlink && f.dirs["/bin"] {
		t.Error("/bin is watched beside what it is a link to")
	}
}

func TestWalkFindsAndForgets(t *testing.T) {
	testgroup.Need(t, "root")
	dir := t.TempDir()
	deep := filepath.Join(dir, "a", "b")
	if err := os.MkdirAll(deep, 0o755); err != nil {
		t.Fatal(err)
	}
	gain, plain := filepath.Join(deep, "gain"), filepath.Join(deep, "plain")
	for path, mode := range map[string]os.FileMode{gain: 0o755 | os.ModeSetuid, plain: 0o755} {
		if err := errors.Join(os.WriteFile(path, nil, 0o755), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/", filepath.Join(deep, "loop")); err != nil {
		t.Fatal(err)
	}
	w := &walker{ctx: t.Context()}
	if err := w.tree(dir); err != nil {
		t.Fatal(err)
	}
	if len(w.found) != 1 || w.found[0].Path != gain || !w.found[0].Setuid {
		t.Errorf("found %+v", w.found)
	}
	if got := flat(map[string]bool{deep: true, dir: true, filepath.Join(dir, "none"): true}); !slices.Equal(got, w.found) {
		t.Errorf("found in the folder %+v", got)
	}
	if got := merged(nil, w.found); !slices.Equal(got, w.found) {
		t.Errorf("kept %+v", got)
	}
	if err := os.Chmod(gain, 0o755); err != nil {
		t.Fatal(err)
	}
	if got := merged(nil, w.found); len(got) > 0 {
		t.Errorf("kept %+v", got)
	}
	w = &walker{ctx: t.Context(), entries: maxEntries}
	if err := w.tree(dir); !errors.Is(err, errEnough) {
		t.Errorf("too many files: %v", err)
	}
}
