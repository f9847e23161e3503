package setuid

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/shared/durable"
	"github.com/assent-epm/assent/shared/elevation"
)

// Effects is what the flow does with what is approved already.
type Effects interface {
	// Claim gives out a permit that waits for an attempt; it asks nobody.
	Claim(attempt elevation.Attempt) (intercept.Permit, bool)
	// Release gives back a permit that was not used.
	Release(grant elevation.GrantID)
	// Spend takes the one use of a permit for something that is over at once.
	Spend(permit intercept.Permit) error
}

// Config is what a [Watcher] needs.
type Config struct {
	Known    string // file that remembers what was found before
	Elevator intercept.Elevator
	Effects  Effects
	House    intercept.House
	// Holds reports whether the policy wants programs held at all.
	Holds func() bool
	Desk  intercept.Desk
	Salt  []byte // of this endpoint
	Log   *slog.Logger
	// Hold is how long a start waits for an answer. Default 20 s.
	Hold time.Duration
	// On is called once programs are watched; nil = nobody wants to know.
	On func()
}

const (
	stanceEvery = 2 * time.Second // how soon a policy makes holding begin and end
	walkAfter   = 2 * time.Minute // the machine has started by then
	walkEvery   = time.Hour
	settleTime  = 300 * time.Millisecond // a package replaces several files
	maxDirs     = 512                    // that are watched for changes
)

// Watcher watches the setuid programs of this machine.
type Watcher struct {
	cfg  Config
	work sync.WaitGroup

	mu    sync.Mutex // guards the fields below
	found []Found
	seen  *group
	held  *group // nil while nothing is held
	holds map[uint32]int
	all   int
	said  map[sighting]time.Time
}

type sighting struct {
	uid  uint32
	path string
}

// New makes a watcher; nothing is touched before [Watcher.Run].
func New(cfg Config) (*Watcher, error) {
	if cfg.Elevator == nil || cfg.Effects == nil || cfg.House == nil || cfg.Holds == nil || cfg.Desk == nil || cfg.Log == nil || len(cfg.Salt) < 16 {
		return nil, errors.New("setuid: the configuration is incomplete")
	}
	if cfg.Hold <= 0 {
		cfg.Hold = 20 * time.Second
	}
	return &Watcher{cfg: cfg, holds: map[uint32]int{}, said: map[sighting]time.Time{}}, nil
}

// Usable says why programs can not be watched on this machine, nil = they can.
func Usable() error {
	for _, holds := range []bool{false, true} {
		g, err := newGroup(holds)
		if err != nil {
			return err
		}
		g.close()
	}
	return nil
}

// Run watches until ctx ends. What is held at that moment goes on.
func (w *Watcher) Run(ctx context.Context) error {
	found, err := quickly(ctx)
	if err != nil {
		return err
	}
	seen, err := newGroup(false)
	if err != nil {
		return err
	}
	w.mu.Lock()
	w.found, w.seen = found, seen
	w.mu.Unlock()
	w.remember(found)
	defer w.work.Wait()
	defer w.closeGroups()
	changes, err := watchFolders()
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	stop := context.AfterFunc(ctx, func() {
		w.closeGroups()
		changes.close()
	})
	defer stop()
	w.remark()
	if w.cfg.On != nil {
		w.cfg.On()
	}
	w.cfg.Log.Info("setuid programs are watched", "programs", len(w.marked()))
	g.Go(func() error { return ended(ctx, seen.read(func(e event) { w.sees(ctx, e) })) })
	g.Go(func() error { return ended(ctx, w.follow(ctx, changes)) })
	g.Go(func() error { return w.walks(ctx) })
	g.Go(func() error { return w.stances(ctx) })
	return g.Wait()
}

func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (w *Watcher) closeGroups() {
	w.mu.Lock()
	seen, held := w.seen, w.held
	w.held = nil
	w.mu.Unlock()
	if seen != nil {
		seen.close()
	}
	if held != nil {
		held.close()
	}
}

func (w *Watcher) marked() []Found {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []Found
	for _, f := range w.found {
		if f.marked() {
			list = append(list, f)
		}
	}
	return list
}

// remark brings the marks in step with what was found.
func (w *Watcher) remark() {
	list := w.marked()
	w.mu.Lock()
	groups := []*group{w.seen, w.held}
	w.mu.Unlock()
	for _, g := range groups {
		if g == nil {
			continue
		}
		if err := g.mark(list); err != nil {
			w.cfg.Log.Warn("some setuid programs can not be watched", "error", err)
		}
	}
}

// stances begins and ends holding as the policy says. Each start asks again for
// the person, so what is late here holds nobody who is not to be held.
func (w *Watcher) stances(ctx context.Context) error {
	t := time.NewTicker(stanceEvery)
	defer t.Stop()
	for {
		if err := w.obey(ctx); err != nil {
			w.cfg.Log.Error("hold setuid programs", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

func (w *Watcher) obey(ctx context.Context) error {
	wanted := w.cfg.Holds()
	w.mu.Lock()
	was := w.held
	w.mu.Unlock()
	switch {
	case wanted == (was != nil) || ctx.Err() != nil:
		return nil
	case !wanted:
		w.mu.Lock()
		w.held = nil
		w.mu.Unlock()
		was.close()
		w.cfg.Log.Info("setuid programs are not held any more")
		return nil
	}
	g, err := newGroup(true)
	if err != nil {
		return err
	}
	w.mu.Lock()
	w.held = g
	w.mu.Unlock()
	w.work.Go(func() { // before the first mark: nothing waits for a reader that is not there
		if err := g.read(func(e event) { w.asked(ctx, g, e) }); !errors.Is(err, os.ErrClosed) && ctx.Err() == nil {
			w.cfg.Log.Error("read the starts of setuid programs", "error", err)
			g.close() // an unread event would wait for ever
		}
	})
	w.remark()
	w.cfg.Log.Info("setuid programs are held now")
	return nil
}

// walks looks everywhere some time after the start and every hour from then on.
func (w *Watcher) walks(ctx context.Context) error {
	wait := walkAfter
	for {
		pause(ctx, wait)
		if ctx.Err() != nil {
			return nil
		}
		found, err := everywhere(ctx)
		if err != nil {
			w.cfg.Log.Warn("not everything was looked at for setuid programs", "error", err)
		}
		if ctx.Err() != nil {
			return nil
		}
		w.take(merged(found, w.present()))
		wait = walkEvery
	}
}

func (w *Watcher) present() []Found {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.found)
}

// take goes on with a new list of programs.
func (w *Watcher) take(found []Found) {
	w.mu.Lock()
	w.found = found
	w.mu.Unlock()
	w.remark()
	w.remember(found)
}

// remember keeps the list and tells of what was not there before. On the first
// run of a machine nothing is new.
func (w *Watcher) remember(found []Found) {
	if w.cfg.Known == "" {
		return
	}
	raw, err := os.ReadFile(w.cfg.Known)
	first := errors.Is(err, fs.ErrNotExist)
	if err != nil && !first {
		w.cfg.Log.Error("read the list of setuid programs", "error", err)
		return
	}
	before := strings.Split(strings.TrimSuffix(string(raw), "\x00"), "\x00")
	if !first {
		for _, path := range fresh(found, before) {
			w.cfg.Log.Warn("a new program runs as root for anybody", "path", path)
		}
	}
	var paths []string
	for _, f := range found {
		if f.elevates() {
			paths = append(paths, f.Path)
		}
	}
	if text := strings.Join(paths, "\x00"); text != string(raw) {
		if err := durable.Replace(w.cfg.Known, []byte(text)); err != nil {
			w.cfg.Log.Error("keep the list of setuid programs", "error", err)
		}
	}
}

// follow looks again at the folders with such programs when something changes in
// them. What is new elsewhere is found by the next walk.
func (w *Watcher) follow(ctx context.Context, changes *folders) error {
	for {
		changes.watch(w.present())
		if err := changes.wait(); err != nil {
			return err
		}
		pause(ctx, settleTime)
		if ctx.Err() != nil {
			return nil
		}
		w.take(merged(flat(changes.dirs), w.present()))
	}
}

// folders notices changes in the folders in which setuid programs lie.
type folders struct {
	fd   int
	file *os.File
	dirs map[string]bool
}

func watchFolders() (*folders, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("watch folders: %w", err)
	}
	return &folders{fd: fd, file: os.NewFile(uintptr(fd), "inotify"), dirs: map[string]bool{}}, nil
}

// watch adds the folders of what was found and the usual ones themselves, each by
// its own name: what lies in /usr/bin is not found once more in /bin.
func (f *folders) watch(found []Found) {
	dirs := usual()
	for _, x := range found {
		dirs = append(dirs, filepath.Dir(x.Path))
	}
	for _, dir := range dirs {
		if f.dirs[dir] || len(f.dirs) >= maxDirs {
			continue
		}
		if real, err := filepath.EvalSymlinks(dir); err != nil || real != dir {
			continue
		}
		const mask = unix.IN_CREATE | unix.IN_MOVED_TO | unix.IN_ATTRIB | unix.IN_CLOSE_WRITE | unix.IN_ONLYDIR
		if _, err := unix.InotifyAddWatch(f.fd, dir, mask); err == nil {
			f.dirs[dir] = true
		}
	}
}

// wait returns after a change; all that happened until then are one.
func (f *folders) wait() error {
	buf := make([]byte, 64<<10)
	if _, err := f.file.Read(buf); err != nil {
		return fmt.Errorf("watch folders: %w", err)
	}
	return nil
}

func (f *folders) close() { _ = f.file.Close() }

// Survey lists the programs in the usual folders that are watched, by name, and how
// many give more rights to whoever starts them.
func Survey(ctx context.Context) (watched []string, all int, err error) {
	found, err := quickly(ctx)
	for _, f := range found {
		if f.marked() {
			watched = append(watched, filepath.Base(f.Path))
		}
	}
	slices.Sort(watched)
	return slices.Compact(watched), len(found), err
}
