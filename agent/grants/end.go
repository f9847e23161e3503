package grants

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/durable"
	"github.com/assent-epm/assent/shared/elevation"
)

// DropinPrefix begins the name of every drop-in that Assent writes; nothing
// else is ever removed from sudo's folder.
const DropinPrefix = "zz-assent-"

// triesBeforeAlarm is how often a take-back is tried before the grant is given
// up as [elevation.Abandoned]. The reaper goes on trying.
const triesBeforeAlarm = 3

// Trees is what ending needs of containment and of groups; [privilege.Trees] has it.
type Trees interface {
	End(ctx context.Context, ref privilege.TreeRef, grace time.Duration) error
	Leave(m privilege.Membership) (kept string, err error)
	EndHolders(ctx context.Context, m privilege.Membership, grace time.Duration) error
}

// End takes back everything that e did, makes sure that it is gone, and stores
// the entry as ended with reason. Ending an ended entry does nothing; of several
// calls at once one does it and the others wait for it.
//
// When the take-back can not be confirmed the entry is stored as it was, due
// from now on, and the error says why: call End again. After the third time it
// is stored as ended with [elevation.Abandoned], still with an error: the alarm.
func (l *Ledger) End(ctx context.Context, trees Trees, e Entry, reason elevation.EndReason) (Entry, error) {
	done := l.begin(e.ID)
	defer done()
	if now, ok := l.Get(e.ID); ok {
		e = now
	}
	if e.State == Ended {
		return e, nil
	}
	if !reason.Valid() {
		return e, fmt.Errorf("end grant %s: %w: reason %q", e.ID, ErrInvalid, reason)
	}
	if e.EndReason != "" {
		reason = e.EndReason // the first try's
	}
	undone := undo(ctx, trees, e)
	if now, ok := l.Get(e.ID); ok {
		e = now // an exit code may have come meanwhile
	}
	e.EndReason = reason
	if undone != nil {
		e.EndTries++
	}
	if undone == nil || e.EndTries >= triesBeforeAlarm {
		e.State, e.EndedAt = Ended, time.Now().UTC().Round(0)
	}
	if undone != nil && e.State == Ended {
		e.EndReason = elevation.Abandoned
	}
	if err := l.Put(e); err != nil {
		return e, errors.Join(undone, err)
	}
	if undone != nil {
		return e, fmt.Errorf("end grant %s: %w", e.ID, undone)
	}
	return e, nil
}

// Retry tries again to take back what was given up as [elevation.Abandoned].
// When that works the entry says so: its end is no alarm any more.
func (l *Ledger) Retry(ctx context.Context, trees Trees, id elevation.GrantID) (Entry, error) {
	done := l.begin(id)
	defer done()
	e, ok := l.Get(id)
	if !ok || e.State != Ended || e.EndReason != elevation.Abandoned {
		return e, nil
	}
	if err := undo(ctx, trees, e); err != nil {
		return e, fmt.Errorf("end grant %s again: %w", id, err)
	}
	e.EndReason = elevation.Failed
	if err := l.Put(e); err != nil {
		return e, err
	}
	return e, nil
}

// Within are the entries of the commands inside of a session that are not over.
func (l *Ledger) Within(id elevation.GrantID) []Entry {
	var all []Entry
	for _, e := range l.All() {
		if e.Parent == id && e.State != Ended {
			all = append(all, e)
		}
	}
	return all
}

// begin waits until nobody else ends the entry and keeps others from it.
func (l *Ledger) begin(id elevation.GrantID) (done func()) {
	mine := make(chan struct{})
	for {
		l.mu.Lock()
		other, taken := l.ending[id]
		if !taken {
			l.ending[id] = mine
		}
		l.mu.Unlock()
		if !taken {
			break
		}
		<-other
	}
	return func() {
		l.mu.Lock()
		delete(l.ending, id)
		l.mu.Unlock()
		close(mine)
	}
}

// undo removes what an entry did: first the permission, then what runs with it,
// then what it ran from. Each part is tried even when another one fails.
func undo(ctx context.Context, trees Trees, e Entry) error {
	var errs []error
	if e.Effect.Dropin != "" {
		errs = append(errs, removeDropin(e.Effect.Dropin))
	}
	if e.Effect.Group != nil {
		_, err := trees.Leave(*e.Effect.Group)
		errs = append(errs, err)
	}
	if e.Effect.Tree.Planned() {
		errs = append(errs, trees.End(ctx, e.Effect.Tree, privilege.Grace))
	}
	if g := e.Effect.Group; g != nil {
		errs = append(errs, trees.EndHolders(ctx, *g, privilege.Grace))
	}
	if e.Effect.Stage != "" {
		errs = append(errs, removeStage(e.Effect.Stage))
	}
	return errors.Join(errs...)
}

// removeDropin removes a drop-in and its unfinished form and looks again.
func removeDropin(path string) error {
	if !filepath.IsAbs(path) || !strings.HasPrefix(filepath.Base(path), DropinPrefix) {
		return fmt.Errorf("remove %s: it is not one of ours", path)
	}
	for _, p := range []string{path, path + durable.Unfinished} {
		if err := durable.Remove(p); err != nil {
			return fmt.Errorf("remove the rule for sudo: %w", err)
		}
		if _, err := os.Lstat(p); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove the rule for sudo: %s is still there", p)
		}
	}
	if err := durable.SyncDir(filepath.Dir(path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the rule for sudo: %w", err)
	}
	return nil
}

func removeStage(dir string) error {
	if !filepath.IsAbs(dir) || elevation.CheckID(elevation.GrantPrefix, filepath.Base(dir)) != nil {
		return fmt.Errorf("remove %s: it is not one of ours", dir)
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("remove the copy of the program: %w", err)
	}
	return nil
}
