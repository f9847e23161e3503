package privilege

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
)

// Grace is how long the processes of a tree have between being asked to end and
// being killed.
const Grace = 3 * time.Second

// Trees puts processes into trees and ends trees. A tree is a systemd scope
// below the slice of the user who asked, so that programs that open a login
// session of their own stay inside; without systemd it is a cgroup; without
// cgroups the sessions and process groups that can be found, as on macOS; on Windows it is a job.
//
// A tree stops what was left behind. It does not stop a hostile program that
// runs as root: root can always leave.
type Trees struct {
	cfg  Config
	kind TreeKind
	os   osTrees
	by   keeper // os; tests have others
}

// keeper is how a system holds trees together.
type keeper interface {
	usable(TreeKind) error
	dir(kind TreeKind, name string, uid uint32) string
	put(ctx context.Context, ref TreeRef, uid uint32, ttl time.Duration) (TreeRef, error)
	extend(ctx context.Context, ref TreeRef, ttl time.Duration) error
	members(TreeRef) ([]int, error)
	births(TreeRef) (newcomers, error)
	watch(TreeRef) watcher
	ask(TreeRef)
	kill(ref TreeRef, spareFront bool)
	remove(TreeRef) error
	list(prefix string) ([]TreeRef, error)
	close()
}

// watcher waits for a tree to change. It is only an alarm: whoever waits reads the
// tree again afterwards.
type watcher interface {
	wait(context.Context) error
	close()
}

// seldom looks again and again, more and more seldom, where nothing tells of changes.
type seldom struct{ pause time.Duration }

func newSeldom() *seldom { return &seldom{firstLook} }

func (*seldom) close() {}

func (s *seldom) wait(ctx context.Context) error {
	timer := time.NewTimer(s.pause)
	defer timer.Stop()
	s.pause = min(2*s.pause, seldomLook)
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// NewTrees finds the best kind of tree that this machine has. It fails when
// none of cfg.Kinds can be had.
func NewTrees(cfg Config) (*Trees, error) {
	if !plainName(cfg.Realm, 16) {
		return nil, fmt.Errorf("contain processes: realm %q is not 1 to 16 lower-case letters and digits", cfg.Realm)
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	kinds := cfg.Kinds
	if kinds == nil {
		kinds = []TreeKind{TreeScope, TreeCgroup2, TreeCgroup1, TreeSessions, TreeJob}
	}
	os, err := newOSTrees(cfg)
	if err != nil {
		return nil, fmt.Errorf("contain processes: %w", err)
	}
	t := &Trees{cfg: cfg, os: os, by: os}
	var last error
	for _, k := range kinds {
		if err := t.by.usable(k); err != nil {
			last = err
			continue
		}
		t.kind = k
		return t, nil
	}
	return nil, fmt.Errorf("contain processes: no way works here: %w", last)
}

// Kind is how new trees are held together.
func (t *Trees) Kind() TreeKind { return t.kind }

// Realm names the trees of the agent that keeps its data in dir.
func Realm(dir string) string {
	sum := sha256.Sum256([]byte(dir))
	return hex.EncodeToString(sum[:4])
}

// Plan names the tree that Put or Start will make for name (a grant's id) and
// the user uid, so that the ledger can have it first. The plan is enough to
// end the tree, except of [TreeSessions], which needs the finished reference.
func (t *Trees) Plan(name string, uid uint32) (TreeRef, error) {
	if name == "" || len(name) > 64 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") != "" {
		return TreeRef{}, fmt.Errorf("plan a tree: %q is not a plain name", name)
	}
	if uid == ^uint32(0) {
		return TreeRef{}, fmt.Errorf("plan a tree: %w: no user", ErrIdentity)
	}
	ref := TreeRef{Kind: t.kind, Name: t.prefix() + name}
	ref.Dir = t.by.dir(t.kind, ref.Name, uid)
	return ref, nil
}

func (t *Trees) prefix() string { return "assent-" + t.cfg.Realm + "-" }

// Put moves the front end pid, which the caller holds, and everything that it
// starts from now on into a tree of its own. ttl is how long the tree may live
// at most; systemd enforces it, elsewhere the reaper does. When Put returns
// without an error, pid was read back as a member.
//
// The front end is told to end only after everything else in the tree is gone,
// so that it can restore the terminal. The caller still has to make sure that
// pid is the process that it means: a pid can be reused.
func (t *Trees) Put(ctx context.Context, name string, uid uint32, pid int, ttl time.Duration) (TreeRef, error) {
	return t.put(ctx, name, uid, pid, ttl, true)
}

// Adopt is [Trees.Put] for a process that is the program itself: it is told to
// end together with everything that it started.
func (t *Trees) Adopt(ctx context.Context, name string, uid uint32, pid int, ttl time.Duration) (TreeRef, error) {
	return t.put(ctx, name, uid, pid, ttl, false)
}

// Holds reports whether a process is in the tree. [TreeSessions] are told by
// marks that anybody can make, so nobody counts as being in one.
func (t *Trees) Holds(ref TreeRef, pid int) (bool, error) {
	if !ref.Planned() || ref.Kind == TreeSessions || pid <= 1 {
		return false, nil
	}
	pids, err := t.by.members(ref)
	if err != nil {
		return false, fmt.Errorf("look at %s: %w", ref.Name, err)
	}
	return slices.Contains(pids, pid), nil
}

func (t *Trees) put(ctx context.Context, name string, uid uint32, pid int, ttl time.Duration, front bool) (TreeRef, error) {
	ref, err := t.Plan(name, uid)
	if err != nil {
		return TreeRef{}, err
	}
	if pid <= 1 || ttl <= 0 {
		return TreeRef{}, fmt.Errorf("contain %s: %w: pid %d, %v to live", name, ErrNotContained, pid, ttl)
	}
	ref.PID, ref.Front = pid, front
	if ref, err = t.by.put(ctx, ref, uid, ttl); err != nil {
		return TreeRef{}, fmt.Errorf("contain %s: %w: %w", name, ErrNotContained, err)
	}
	return ref, nil
}

// Extend lets a tree live for ttl, counted from when it was made, in place of
// what Put or Start was told. An error means that the old end may still hold.
func (t *Trees) Extend(ctx context.Context, ref TreeRef, ttl time.Duration) error {
	if !ref.Planned() || ttl <= 0 {
		return fmt.Errorf("extend %s: %w", ref.Name, ErrNotContained)
	}
	if err := t.by.extend(ctx, ref, ttl); err != nil {
		return fmt.Errorf("extend %s: %w", ref.Name, err)
	}
	return nil
}

// Alive reports whether any process of the tree lives. A tree that was planned
// and never made is not alive.
func (t *Trees) Alive(ref TreeRef) (bool, error) {
	if !ref.Planned() {
		return false, fmt.Errorf("look at a tree: %w: no reference", ErrNotContained)
	}
	pids, err := t.by.members(ref)
	if err != nil {
		return false, fmt.Errorf("look at %s: %w", ref.Name, err)
	}
	return len(pids) > 0, nil
}

// Gone waits until no process of the tree is left, or ctx ends.
func (t *Trees) Gone(ctx context.Context, ref TreeRef) error {
	watch := t.by.watch(ref)
	defer watch.close()
	for {
		alive, err := t.Alive(ref)
		if err != nil {
			return err
		}
		if !alive {
			return nil
		}
		if err := watch.wait(ctx); err != nil {
			return err
		}
	}
}

// End ends every process of the tree: they are asked to end, have grace (cut
// short when ctx ends) and are killed; the front end comes last. Nil means that
// the tree was read again and is empty. [ErrStillAlive] means that it is not:
// whatever runs there may still have rights.
func (t *Trees) End(ctx context.Context, ref TreeRef, grace time.Duration) error {
	alive, err := t.Alive(ref)
	if err != nil {
		return err
	}
	if alive {
		t.endAlive(ctx, ref, grace)
	}
	if err := t.by.remove(ref); err != nil {
		return fmt.Errorf("end %s: %w", ref.Name, err)
	}
	pids, err := t.by.members(ref)
	if err != nil {
		return fmt.Errorf("end %s: %w", ref.Name, err)
	}
	if len(pids) > 0 {
		return fmt.Errorf("end %s: %w: %d", ref.Name, ErrStillAlive, len(pids))
	}
	return nil
}

func (t *Trees) endAlive(ctx context.Context, ref TreeRef, grace time.Duration) {
	hard := context.WithoutCancel(ctx)
	if ref.Front && t.endBehindFront(ctx, ref, grace) {
		if t.goneWithin(hard, ref, frontGrace) {
			return
		}
		grace = frontGrace // what it held is gone, and it had its time
	}
	ref.Front = false
	t.by.ask(ref)
	if t.goneWithin(ctx, ref, grace) {
		return
	}
	for range killRounds {
		t.by.kill(ref, false)
		if t.goneWithin(hard, ref, killWait) {
			return
		}
	}
}

// endBehindFront ends everything but the front end. It reports whether there
// was anything: a front end may also have become the program itself.
func (t *Trees) endBehindFront(ctx context.Context, ref TreeRef, grace time.Duration) bool {
	if t.frontAlone(ref) {
		return false
	}
	t.by.ask(ref)
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	for pause := firstLook; ctx.Err() == nil && !t.frontAlone(ref); pause = min(2*pause, frontLook) {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
	t.by.kill(ref, true)
	return true
}

func (t *Trees) frontAlone(ref TreeRef) bool {
	pids, err := t.by.members(ref)
	return err == nil && (len(pids) == 0 || len(pids) == 1 && pids[0] == ref.PID)
}

// A killed process is gone at once unless the kernel holds it; the rounds are
// for those and for children made while the kill went on.
const (
	frontGrace = 500 * time.Millisecond
	frontLook  = 50 * time.Millisecond
	killWait   = 500 * time.Millisecond
	killRounds = 4
)

// Looks at a tree that can not tell of its changes come more and more seldom.
const (
	firstLook  = 2 * time.Millisecond
	seldomLook = 200 * time.Millisecond
)

func (t *Trees) goneWithin(ctx context.Context, ref TreeRef, d time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return t.Gone(ctx, ref) == nil
}

// List finds the trees of this realm that exist, whoever made them. The result
// is enough for Alive and End. [TreeSessions] can not be found again.
func (t *Trees) List() ([]TreeRef, error) {
	refs, err := t.by.list(t.prefix())
	if err != nil {
		return nil, fmt.Errorf("list trees: %w", err)
	}
	return refs, nil
}

// NameOf gives back the name that the tree was planned with, "" when it is not
// of this realm.
func (t *Trees) NameOf(ref TreeRef) string {
	name, ok := strings.CutPrefix(ref.Name, t.prefix())
	if !ok {
		return ""
	}
	return name
}

// Close gives up the connection to the service manager, if there is one.
func (t *Trees) Close() { t.by.close() }

func plainName(s string, longest int) bool {
	return s != "" && len(s) <= longest && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
}
