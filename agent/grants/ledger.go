package grants

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/durable"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
)

// Ledger is the agent's record of the grants on this endpoint: one file per
// grant, replaced as a whole, on disk before Put returns. There is one Ledger
// per folder; the reaper only reads.
type Ledger struct {
	dir     string
	mu      sync.Mutex // guards the fields below
	all     map[elevation.GrantID]Entry
	damaged map[elevation.GrantID]error
	ending  map[elevation.GrantID]chan struct{} // closed when the End that goes on is over
}

// Damage is a file of the ledger that can not be read. Its grant can not be
// used any more; what it did is undone by [Reaper.Reap].
type Damage struct {
	ID  elevation.GrantID
	Err error
}

const (
	suffix       = ".grant"
	maxEntry     = sign.MaxSize + 64<<10
	entryVersion = 1
)

// envelope is the form of a file. Sum is the SHA-256 of Body.
type envelope struct {
	Version int    `cbor:"v"`
	Sum     []byte `cbor:"sum"`
	Body    []byte `cbor:"body"`
}

// Open reads the ledger in dir, which it makes if need be. A damaged file is no
// error, see [Ledger.Damaged]; a folder that others than its owner can write is.
func Open(dir string) (*Ledger, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open the ledger: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("open the ledger: %w", err)
	}
	// Windows has no modes: there the agent's folder, which this one is in, is claimed
	// at each start (package keep).
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o022 != 0 {
		return nil, fmt.Errorf("open the ledger: others can write %s", dir)
	}
	l := &Ledger{dir: dir, ending: map[elevation.GrantID]chan struct{}{}}
	if l.all, l.damaged, err = read(dir, nil); err != nil {
		return nil, fmt.Errorf("open the ledger: %w", err)
	}
	return l, nil
}

// read reads every entry in dir. keep may hold entries that need not be read
// again.
func read(dir string, keep func(fs.FileInfo) (Entry, bool)) (all map[elevation.GrantID]Entry, damaged map[elevation.GrantID]error, err error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, err
	}
	all, damaged = map[elevation.GrantID]Entry{}, map[elevation.GrantID]error{}
	for _, f := range files {
		name, ok := strings.CutSuffix(f.Name(), suffix)
		if !ok || elevation.CheckID(elevation.GrantPrefix, name) != nil {
			continue // also a half-written new file: the effect comes after the rename
		}
		id := elevation.GrantID(name)
		if keep != nil {
			if info, err := f.Info(); err == nil {
				if e, ok := keep(info); ok {
					all[id] = e
					continue
				}
			}
		}
		e, err := readEntry(dir, id)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			damaged[id] = err
		default:
			all[id] = e
		}
	}
	return all, damaged, nil
}

func path(dir string, id elevation.GrantID) string { return filepath.Join(dir, string(id)+suffix) }

func readEntry(dir string, id elevation.GrantID) (Entry, error) {
	info, err := os.Lstat(path(dir, id))
	if err != nil {
		return Entry{}, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxEntry {
		return Entry{}, fmt.Errorf("%w: it is no file of ours", ErrDamaged)
	}
	raw, err := os.ReadFile(path(dir, id))
	if err != nil {
		return Entry{}, err
	}
	e, err := decode(raw)
	if err == nil && e.ID != id {
		err = fmt.Errorf("%w: it is of grant %s", ErrDamaged, e.ID)
	}
	return e, err
}

func encode(e Entry) ([]byte, error) {
	body, err := sign.Encode(e)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body)
	return sign.Encode(envelope{Version: entryVersion, Sum: sum[:], Body: body})
}

func decode(raw []byte) (Entry, error) {
	var env envelope
	if err := sign.Decode(raw, &env); err != nil {
		return Entry{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	sum := sha256.Sum256(env.Body)
	if env.Version != entryVersion || !bytes.Equal(sum[:], env.Sum) {
		return Entry{}, fmt.Errorf("%w: version %d, or its sum is wrong", ErrDamaged, env.Version)
	}
	var e Entry
	if err := sign.Decode(env.Body, &e); err != nil {
		return Entry{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if err := e.valid(); err != nil {
		return Entry{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return e, nil
}

func (e Entry) valid() error {
	if err := elevation.CheckID(elevation.GrantPrefix, string(e.ID)); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if uid, sid, err := privilege.Owner(e.User()); err != nil || uid != e.UID || sid != e.SID || len(e.Grant) == 0 || len(e.Grant) > sign.MaxSize {
		return fmt.Errorf("%w: no user or no grant", ErrInvalid)
	}
	if g := e.Effect.Group; g != nil && (g.Valid() != nil || g.UID != e.UID || g.User != e.UserName) {
		return fmt.Errorf("%w: a place in a group for somebody else, or for root", ErrInvalid)
	}
	switch e.State {
	case Held:
		if e.Effect != (Effect{}) || e.Used {
			return fmt.Errorf("%w: held with an effect", ErrInvalid)
		}
	case Armed, Active:
		if !e.Used || e.EndBy.IsZero() {
			return fmt.Errorf("%w: in force without an end", ErrInvalid)
		}
	case Ended:
		if !e.EndReason.Valid() {
			return fmt.Errorf("%w: ended without a reason", ErrInvalid)
		}
	default:
		return fmt.Errorf("%w: state %q", ErrInvalid, e.State)
	}
	return nil
}

func (s State) rank() int { return slices.Index([]State{Held, Armed, Active, Ended}, s) }

// follows refuses a change that would give more than before: a state that goes
// back, a use given back, a later end, another grant under the same id.
func (e Entry) follows(was Entry) error {
	switch {
	case e.State.rank() < was.State.rank():
		return fmt.Errorf("%w: from %s to %s", ErrBackward, was.State, e.State)
	case was.Used && !e.Used:
		return fmt.Errorf("%w: it was used", ErrBackward)
	case e.Request != was.Request || e.UID != was.UID || e.SID != was.SID || e.UserName != was.UserName || e.Offline != was.Offline || !bytes.Equal(e.Grant, was.Grant):
		return fmt.Errorf("%w: it is another grant", ErrBackward)
	case e.Total < was.Total || e.Total > was.Total && (was.State == Ended || len(e.Amendments) != len(was.Amendments)+1):
		return fmt.Errorf("%w: it lasts %v, not %v", ErrBackward, was.Total, e.Total)
	case e.Access != was.Access && was.State != Held || e.Parent != was.Parent:
		return fmt.Errorf("%w: it is for something else", ErrBackward)
	case !e.Opens.Equal(was.Opens) || e.later(was):
		return fmt.Errorf("%w: its time can not be made longer", ErrBackward)
	case was.State == Ended && e.EndReason != was.EndReason && was.EndReason != elevation.Abandoned:
		return fmt.Errorf("%w: it ended as %s", ErrBackward, was.EndReason)
	}
	return nil
}

// later reports whether e lasts longer than was by more than an amendment gave.
func (e Entry) later(was Entry) bool {
	grown := e.Total - was.Total
	if !was.EndBy.IsZero() && later(e.EndBy, was.EndBy.Later(grown)) {
		return true
	}
	if was.State == Held && e.State == Held && !was.Opens.IsZero() && e.UseBy.BootID == e.Received.BootID {
		return e.UseBy.Wall.After(was.UseBy.Wall) // carried into another boot
	}
	return later(e.UseBy, was.UseBy)
}

func later(d, was Deadline) bool {
	return d.BootID != was.BootID || d.Wall.After(was.Wall) || d.Boot > was.Boot
}

// Put stores e durably. An entry only moves forward; see [ErrBackward]. Whoever
// looked before an amendment came does not undo it.
func (l *Ledger) Put(e Entry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if was, ok := l.all[e.ID]; ok {
		e = e.amendedAs(was)
	}
	return l.putLocked(e)
}

func (l *Ledger) putLocked(e Entry) error {
	if err := e.valid(); err != nil {
		return fmt.Errorf("store grant %s: %w", e.ID, err)
	}
	raw, err := encode(e)
	if err != nil {
		return fmt.Errorf("store grant %s: %w", e.ID, err)
	}
	if _, bad := l.damaged[e.ID]; bad {
		return fmt.Errorf("store grant %s: %w", e.ID, ErrDamaged)
	}
	if was, ok := l.all[e.ID]; ok {
		if err := e.follows(was); err != nil {
			return fmt.Errorf("store grant %s: %w", e.ID, err)
		}
	}
	if err := durable.Replace(path(l.dir, e.ID), raw); err != nil {
		return fmt.Errorf("store grant %s: %w", e.ID, err)
	}
	l.all[e.ID] = e
	return nil
}

// Get returns the entry of id as it was last stored.
func (l *Ledger) Get(id elevation.GrantID) (Entry, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, ok := l.all[id]
	return e, ok
}

// All returns every entry, oldest grant first.
func (l *Ledger) All() []Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]Entry, 0, len(l.all))
	for _, e := range l.all {
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b Entry) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return all
}

// Damaged lists the grants whose files can not be read. They count as used.
func (l *Ledger) Damaged() []Damage {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []Damage
	for id, err := range l.damaged {
		all = append(all, Damage{ID: id, Err: err})
	}
	slices.SortFunc(all, func(a, b Damage) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return all
}

// Delete forgets an ended entry. Its grant could then be received again, so the
// caller keeps entries for longer than grants are delivered.
func (l *Ledger) Delete(id elevation.GrantID) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, ok := l.all[id]
	if !ok {
		return nil
	}
	if e.State != Ended {
		return fmt.Errorf("forget grant %s: %w", id, ErrNotEnded)
	}
	if err := durable.Remove(path(l.dir, id)); err != nil {
		return fmt.Errorf("forget grant %s: %w", id, err)
	}
	delete(l.all, id)
	return durable.SyncDir(l.dir)
}
