package grants

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/durable"
	"github.com/assent-epm/assent/shared/elevation"
)

// Reaper ends what is due without the agent. It reads the ledger's files
// without a lock and never writes them: the agent, when it lives again, finds
// what was ended and reports it.
type Reaper struct {
	Dir     string // the ledger
	Trees   *privilege.Trees
	Clock   Clock
	Sudoers string // folder of sudo's drop-ins, "" when this installation does not use sudo
	// All also removes every drop-in of Assent that no grant in force names,
	// whoever wrote it. For the start of the machine.
	All bool
	// Until is asked while nothing is in force; when it says yes, Watch returns.
	// nil never says yes.
	Until func() bool
	Log   *slog.Logger

	known map[string]seen
}

type seen struct {
	info  fs.FileInfo
	entry Entry
}

// Reap makes one pass. It returns how many entries it had to undo, and how long
// nothing will be due, 0 when nothing is in force. The error joins what could
// not be undone; the next pass tries again.
func (r *Reaper) Reap(ctx context.Context) (ended int, next time.Duration, err error) {
	// Trees are listed before the ledger is read: the ledger is written first,
	// so a tree that it does not know has no grant.
	trees, err := r.Trees.List()
	if err != nil {
		return 0, 0, fmt.Errorf("reap: %w", err)
	}
	all, damaged, err := read(r.Dir, r.remembered)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil // never used: nothing can be in force
	}
	if err != nil {
		return 0, 0, fmt.Errorf("reap: %w", err)
	}
	now := r.Clock()
	var errs []error
	for id, e := range all {
		r.remember(id, e)
		if !toUndo(e, now) {
			if e.State == Armed || e.State == Active {
				next = shorter(next, e.EndBy.Left(now))
			}
			continue
		}
		ended++
		next = time.Second
		if err := undo(ctx, r.Trees, e); err != nil {
			errs = append(errs, fmt.Errorf("reap grant %s: %w", id, err))
		}
	}
	for _, ref := range trees {
		id := elevation.GrantID(r.Trees.NameOf(ref))
		if e, ok := all[id]; ok && (e.State == Armed || e.State == Active) {
			continue // in force, or undone above
		}
		ended++
		r.Log.Warn("a tree without a grant in force is ended", "tree", ref.Name)
		errs = append(errs, r.Trees.End(ctx, ref, privilege.Grace))
	}
	errs = append(errs, r.reapDropins(all, damaged, now))
	return ended, next, errors.Join(errs...)
}

// toUndo says whether an entry may have effects that must not be.
func toUndo(e Entry, now Moment) bool {
	switch e.State {
	case Armed, Active:
		return e.Due(now)
	case Ended:
		return e.EndReason == elevation.Abandoned
	}
	return false // held: nothing was done yet
}

func shorter(a, b time.Duration) time.Duration {
	if a == 0 {
		return b
	}
	return min(a, b)
}

// reapDropins removes the drop-ins of damaged entries, whose names are all that
// is known of them, and with All every one that no grant in force names.
func (r *Reaper) reapDropins(all map[elevation.GrantID]Entry, damaged map[elevation.GrantID]error, now Moment) error {
	if r.Sudoers == "" {
		return nil
	}
	files, err := filepath.Glob(filepath.Join(r.Sudoers, DropinPrefix+"*"))
	if err != nil {
		return fmt.Errorf("reap: %w", err)
	}
	var errs []error
	for _, f := range files {
		id := dropinGrant(f)
		e, ok := all[id]
		_, bad := damaged[id]
		inForce := ok && (e.State == Armed || e.State == Active) && !e.Due(now)
		if bad || r.All && !inForce {
			r.Log.Warn("a rule for sudo without a grant in force is removed", "file", f)
			errs = append(errs, removeDropin(strings.TrimSuffix(f, durable.Unfinished)))
		}
	}
	return errors.Join(errs...)
}

// dropinGrant takes the grant's id out of zz-assent-<uid>-<id>.
func dropinGrant(path string) elevation.GrantID {
	name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), DropinPrefix), durable.Unfinished)
	_, id, _ := strings.Cut(name, "-")
	return elevation.GrantID(id)
}

func (r *Reaper) remembered(info fs.FileInfo) (Entry, bool) {
	s, ok := r.known[info.Name()]
	if !ok || !os.SameFile(s.info, info) || s.info.Size() != info.Size() || !s.info.ModTime().Equal(info.ModTime()) {
		return Entry{}, false
	}
	return s.entry, true
}

// remember keeps ended entries, which are many, from being read at every pass.
func (r *Reaper) remember(id elevation.GrantID, e Entry) {
	if e.State != Ended {
		return
	}
	name := string(id) + suffix
	if _, ok := r.known[name]; ok {
		return
	}
	info, err := os.Lstat(filepath.Join(r.Dir, name))
	if err != nil {
		return
	}
	if r.known == nil || len(r.known) > 10000 {
		r.known = map[string]seen{}
	}
	r.known[name] = seen{info: info, entry: e}
}

const (
	lookInForce = time.Second     // clocks may be set, the machine may have slept
	lookIdle    = 5 * time.Second // nothing is in force and the folder did not change
)

// Watch reaps until ctx ends or Until says so: at each deadline, whenever the ledger changes,
// and at least every second while something is in force.
func (r *Reaper) Watch(ctx context.Context) error {
	changes, stop := watchFolder(r.Dir)
	defer stop()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-changes:
		case <-timer.C:
		}
		_, next, err := r.Reap(ctx)
		if next == 0 && err == nil && r.Until != nil && r.Until() {
			return nil
		}
		wait := lookIdle
		if next > 0 {
			wait = max(min(next, lookInForce), 10*time.Millisecond)
		}
		if err != nil {
			r.Log.Error("take back what is due", "error", err)
			wait = lookInForce
		}
		timer.Reset(wait)
	}
}
