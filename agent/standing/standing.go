// Package standing finds who can become root without Assent, takes such rights
// away on the controller's signed order, and puts them back.
//
// It reads sudoers with everything that it includes, the groups that are root by
// name or by another name, further accounts with uid 0, and what polkit allows
// without a question; on Windows and macOS, who is in the administrators' group. A right that is taken is edited out of the one line that
// gives it; what was there is kept in the agent's folder before anything changes,
// and a crash at any step is undone or finished by the next [Open]. It decides
// nothing: the caller has verified the order.
//
// Read rule.go and meaning.go for what sudoers give, people.go for groups, take.go
// and give.go for changes, ledger.go for what is kept.
package standing

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/assent-epm/assent/agent/localgroup"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
)

// MaxRights is how many rights one list has at most.
const MaxRights = 500

// maxTold is how many bytes one list has at most: two of them and the faults are
// one message.
const maxTold = 100 << 10

// ErrRefused is wrapped by every reason to leave a right as it is.
var ErrRefused = errors.New("left as it is")

// Config names what a [Standing] works with. Data must be set.
type Config struct {
	Data string // root-only folder; the ledger is made in it
	Root string // the machine's tree; "" = /
	// BreakGlass is the group of people who get in when everything else is down;
	// its name may change at any time. May be nil.
	BreakGlass func() string
	Now        func() time.Time                             // nil = time.Now
	Check      func(ctx context.Context, path string) error // checks a file of sudoers, or with "" all of them; nil = visudo
	// Lent reports whether a place in a group is only for a while, and ends by
	// itself: it is no standing right. The user is a SID where the group has SIDs. May
	// be nil.
	Lent   func(user, group string) bool
	Lookup func(name string) (uid uint32, err error) // accounts of other sources than files; may be nil
	Admins localgroup.Group                          // the administrators' group: set on Windows and macOS and nowhere else
	// People are the accounts and groups of macOS, which stand in no file. Set there
	// and nowhere else.
	People    func() ([]localgroup.Person, []localgroup.Gathering, error)
	FailPoint func(step string) // may be nil
	Log       *slog.Logger      // nil discards
}

// Standing knows the standing rights of one machine. Several processes may use
// one data folder: each change holds a lock. Its methods may be called from any
// goroutine.
type Standing struct {
	cfg Config
	mu  sync.Mutex // held by whoever works with the ledger
	// files is held while a file of sudo is locked: where the lock is of the process, it
	// is lost when somebody else in it closes that file. mu comes first.
	files sync.RWMutex
}

// Found is what a look at the machine has found.
type Found struct {
	Rights []elevation.Right
	Taken  []elevation.Right // removed by Assent, and can be given back
	More   int               // rights that did not fit
	Faults []string          // what could not be read
}

// Open makes the ledger and undoes or finishes what a crash interrupted.
func Open(ctx context.Context, cfg Config) (*Standing, error) {
	if cfg.Data == "" {
		return nil, errors.New("open standing rights: no data folder")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.BreakGlass == nil {
		cfg.BreakGlass = func() string { return "" }
	}
	if cfg.FailPoint == nil {
		cfg.FailPoint = func(string) {}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Standing{cfg: cfg}
	if s.cfg.Check == nil {
		s.cfg.Check = s.visudo
	}
	if err := os.MkdirAll(s.dir(), 0o700); err != nil {
		return nil, fmt.Errorf("open standing rights: %w", err)
	}
	err := s.locked(func() error { return s.recover(ctx) })
	return s, err
}

func (s *Standing) dir() string { return filepath.Join(s.cfg.Data, "standing") }

// at is a path of the machine as this process opens it.
func (s *Standing) at(path string) string {
	if s.cfg.Root == "" {
		return path
	}
	return filepath.Join(s.cfg.Root, path)
}

// locked runs do while nobody else, in this process or another, changes anything.
func (s *Standing) locked(do func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	release, err := lockFile(filepath.Join(s.dir(), "lock"))
	if err != nil {
		return fmt.Errorf("lock the standing rights: %w", err)
	}
	defer release()
	return do()
}

// Scan looks at the machine. It never fails as a whole: what it can not read is
// among the faults.
func (s *Standing) Scan() (f Found) {
	err := s.locked(func() error {
		records, damaged := s.records()
		list, m := s.look(records)
		for _, r := range list {
			f.Rights = append(f.Rights, r.Right)
		}
		f.Faults = m.faults
		for _, r := range records {
			if r.State != stateGone {
				f.Taken = append(f.Taken, r.Right)
			}
		}
		f.Faults = append(f.Faults, damaged...)
		return nil
	})
	if err != nil {
		f.Faults = append(f.Faults, err.Error())
	}
	var cut int
	f.Rights, f.More = fitting(f.Rights)
	f.Taken, cut = fitting(f.Taken)
	f.More += cut
	if len(f.Faults) > 50 {
		f.Faults = f.Faults[:50]
	}
	for i, text := range f.Faults {
		f.Faults[i] = clip(text, 300)
	}
	return f
}

// fitting cuts a list to what can be told in one message.
func fitting(list []elevation.Right) (fit []elevation.Right, more int) {
	size := 0
	for i, r := range list {
		size += 120 + len(r.User) + len(r.Group) + len(r.Source) + len(r.Text) + len(r.Fixed)
		if i == MaxRights || size > maxTold {
			return list[:i], len(list) - i
		}
	}
	return list, 0
}

// Digest tells lists apart; equal ones have the same.
func (f Found) Digest() []byte {
	h := sha256.New()
	for _, list := range [][]elevation.Right{f.Rights, f.Taken} {
		for _, r := range list {
			sign.WriteParts(h, r.ID, r.Source, r.Fixed)
		}
		sign.WriteParts(h, "end of a list")
	}
	sign.WriteParts(h, append([]string{fmt.Sprint(f.More)}, f.Faults...)...)
	return h.Sum(nil)
}

// right is a right with what is needed to take it.
type right struct {
	elevation.Right
	file  string // of sudoers, "" = not there
	line  span   // of the rule in the file
	entry int    // in the list of users of the rule
	via   string // the account is reached through a list of another name: taken by an exception
	sid   string // in a group of Windows or macOS: whose it is
	off   bool   // as above: nobody can use it
}

// look finds everything, sorted. No id is that of a right that was taken.
func (s *Standing) look(taken []record) ([]right, *machine) {
	list, m := s.found()
	if s.cfg.Lent != nil {
		list = slices.DeleteFunc(list, func(r right) bool {
			return r.file == "" && r.User != "" && r.Group != "" && s.cfg.Lent(cmp.Or(r.sid, r.User), r.Group)
		})
	}
	seen, used := map[string]int{}, map[string]bool{}
	for _, r := range taken {
		used[r.Right.ID] = true
	}
	breakGlass := s.cfg.BreakGlass()
	for i := range list {
		r := &list[i]
		r.Text, r.User, r.Group, r.Source = clip(r.Text, 400), clip(r.User, 128), clip(r.Group, 128), clip(r.Source, 300)
		if r.Fixed == "" && breakGlass != "" && r.Group == breakGlass {
			r.Fixed = "it belongs to the break-glass group"
		}
		key := r.key()
		for r.ID = key; used[r.ID]; r.ID = rightID(r.Right, r.file, seen[key]) {
			seen[key]++
		}
		used[r.ID] = true
	}
	slices.SortStableFunc(list, func(a, b right) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.User, b.User), cmp.Compare(a.ID, b.ID))
	})
	return list, m
}

// found is what there is on this system.
func (s *Standing) found() ([]right, *machine) {
	switch {
	case s.cfg.People != nil:
		return s.macRights()
	case s.cfg.Admins != nil:
		return s.adminRights()
	}
	m := s.readMachine()
	list := m.sudoRights()
	list = append(list, m.groupRights()...)
	list = append(list, m.uid0()...)
	list = append(list, m.polkit()...)
	return append(list, m.doas()...), m
}

// key is what rights that say the same have in common.
func (r right) key() string { return rightID(r.Right, r.file, 0) }

// rightID is the same for as long as the right says the same: the line may move in
// its file. nth tells equal ones of a file apart.
func rightID(r elevation.Right, file string, nth int) string {
	h := sha256.New()
	source := file
	if source == "" {
		source, _, _ = strings.Cut(r.Source, ":")
	}
	sign.WriteParts(h, string(r.Kind), r.User, r.Group, source, r.Text, fmt.Sprint(r.NoAsk, r.All, nth))
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// clip makes text of files fit to be told.
func clip(s string, limit int) string {
	s = strings.ToValidUTF8(s, "?")
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}
