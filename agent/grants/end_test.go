package grants

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/elevation"
)

// wood is a set of trees that ends what the test lets it.
type wood struct {
	fails int // how many times ending fails
	ended []privilege.TreeRef
}

func (w *wood) Leave(m privilege.Membership) (string, error) { return m.Leave() }
func (w *wood) EndHolders(context.Context, privilege.Membership, time.Duration) error {
	return nil
}

func (w *wood) End(_ context.Context, ref privilege.TreeRef, _ time.Duration) error {
	if w.fails > 0 {
		w.fails--
		return privilege.ErrStillAlive
	}
	w.ended = append(w.ended, ref)
	return nil
}

// effects makes real files for an entry to undo.
func effects(t *testing.T) (Effect, Entry) {
	t.Helper()
	dir, e := t.TempDir(), held()
	f := Effect{Dropin: filepath.Join(dir, DropinPrefix+"1000-"+string(e.ID)), Stage: filepath.Join(dir, string(e.ID)),
		Tree: privilege.TreeRef{Kind: privilege.TreeCgroup2, Name: "assent-x-" + string(e.ID), Dir: "/x"}}
	for _, p := range []string{f.Dropin, f.Dropin + ".new"} {
		if err := os.WriteFile(p, nil, 0o440); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(f.Stage, "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	e.State, e.Used, e.EndBy, e.Effect = Armed, true, at(0).After(5*time.Minute), f
	return f, e
}

func left(f Effect) (names []string) {
	for _, p := range []string{f.Dropin, f.Dropin + ".new", f.Stage} {
		if _, err := os.Lstat(p); !errors.Is(err, os.ErrNotExist) {
			names = append(names, filepath.Base(p))
		}
	}
	return names
}

func TestEndUndoesEverything(t *testing.T) {
	for _, state := range []State{Armed, Active} {
		t.Run(string(state), func(t *testing.T) {
			l, dir := ledger(t)
			f, e := effects(t)
			e.State = state
			if err := l.Put(e); err != nil {
				t.Fatal(err)
			}
			w := &wood{}
			got, err := l.End(t.Context(), w, e, elevation.RevokedEnd)
			if err != nil || got.State != Ended || got.EndReason != elevation.RevokedEnd || got.EndedAt.IsZero() {
				t.Errorf("%+v, %v", got, err)
			}
			if len(left(f)) != 0 || len(w.ended) != 1 || w.ended[0] != f.Tree {
				t.Errorf("left %v, ended %+v", left(f), w.ended)
			}
			again, err := Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			if on, _ := again.Get(e.ID); on.State != Ended {
				t.Errorf("on disk it is %s", on.State)
			}
			if got, err = l.End(t.Context(), w, e, elevation.Completed); err != nil || got.EndReason != elevation.RevokedEnd || len(w.ended) != 1 {
				t.Errorf("a second end: %+v, %v", got, err)
			}
		})
	}
}

// The deadline, a revoke and the program's own end can come together: one end
// is stored, and all are told of that one.
func TestEndsAtTheSameTime(t *testing.T) {
	l, _ := ledger(t)
	_, e := effects(t)
	if err := l.Put(e); err != nil {
		t.Fatal(err)
	}
	w := &wood{}
	var callers sync.WaitGroup
	got := make([]Entry, 16)
	for i := range got {
		callers.Go(func() {
			var err error
			reason := []elevation.EndReason{elevation.Deadline, elevation.RevokedEnd, elevation.Completed}[i%3]
			if got[i], err = l.End(t.Context(), w, e, reason); err != nil {
				t.Error(err)
			}
		})
	}
	callers.Wait()
	for _, g := range got {
		if g.State != Ended || g.EndReason != got[0].EndReason || !g.EndedAt.Equal(got[0].EndedAt) {
			t.Errorf("%+v, others %+v", g, got[0])
		}
	}
	if len(w.ended) != 1 {
		t.Errorf("ended %d times", len(w.ended))
	}
}

func TestEndOfWhatNeverBegan(t *testing.T) {
	l, _ := ledger(t)
	e := held()
	if err := l.Put(e); err != nil {
		t.Fatal(err)
	}
	w := &wood{fails: 1}
	got, err := l.End(t.Context(), w, e, elevation.Deadline)
	if err != nil || got.State != Ended || w.fails != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

// A take-back that fails stays due and is tried again; only after the third
// time it is given up as abandoned, which is an alarm. Everything else is
// undone at once all the same.
func TestAFailedEndIsTriedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		fails  int
		reason elevation.EndReason
	}{"once": {1, elevation.Deadline}, "twice": {2, elevation.Deadline}, "for ever": {99, elevation.Abandoned}} {
		t.Run(name, func(t *testing.T) {
			l, _ := ledger(t)
			f, e := effects(t)
			if err := l.Put(e); err != nil {
				t.Fatal(err)
			}
			w := &wood{fails: c.fails}
			var got Entry
			var err error
			for try := 1; try <= 3; try++ {
				if got, err = l.End(t.Context(), w, e, elevation.Deadline); got.State == Ended {
					break
				}
				if !errors.Is(err, privilege.ErrStillAlive) || !got.Due(at(0)) || got.Usable(at(0)) || len(left(f)) != 0 {
					t.Fatalf("try %d: %+v, %v, left %v", try, got, err, left(f))
				}
			}
			if got.State != Ended || got.EndReason != c.reason || (err != nil) != (c.reason == elevation.Abandoned) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

// The reason of the first try is the one that counts.
func TestARetryKeepsTheReason(t *testing.T) {
	l, _ := ledger(t)
	_, e := effects(t)
	if err := l.Put(e); err != nil {
		t.Fatal(err)
	}
	w := &wood{fails: 1}
	if _, err := l.End(t.Context(), w, e, elevation.RevokedEnd); err == nil {
		t.Fatal("no error")
	}
	if got, err := l.End(t.Context(), w, e, elevation.Deadline); err != nil || got.EndReason != elevation.RevokedEnd {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestEndNeedsAReason(t *testing.T) {
	l, _ := ledger(t)
	e := held()
	if err := l.Put(e); err != nil {
		t.Fatal(err)
	}
	if _, err := l.End(t.Context(), &wood{}, e, "tired"); !errors.Is(err, ErrInvalid) {
		t.Error(err)
	}
}

// Nothing but our own files is ever removed, whatever an entry says.
func TestUndoRefusesForeignFiles(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "sudoers")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, e := range map[string]Entry{
		"a drop-in of somebody else": {Effect: Effect{Dropin: file}},
		"a relative drop-in":         {Effect: Effect{Dropin: DropinPrefix + "1-x"}},
		"a stage that is not ours":   {Effect: Effect{Stage: dir}},
		"a relative stage":           {Effect: Effect{Stage: "x"}},
	} {
		t.Run(name, func(t *testing.T) {
			if err := undo(t.Context(), &wood{}, e); err == nil {
				t.Error("no error")
			}
		})
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
}

func TestUndoOfADropinThatCanNotGo(t *testing.T) {
	path := filepath.Join(t.TempDir(), DropinPrefix+"1-x")
	if err := os.MkdirAll(filepath.Join(path, "full"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := undo(t.Context(), &wood{}, Entry{Effect: Effect{Dropin: path}}); err == nil {
		t.Error("no error")
	}
}
