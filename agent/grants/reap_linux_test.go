package grants

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/e2e/testgroup"
	"github.com/assent-epm/assent/shared/elevation"
)

// field is a reaper over a ledger with real processes, and clocks that the test
// turns.
type field struct {
	*Reaper
	ledger  *Ledger
	sudoers string

	mu  sync.Mutex // guards the field below
	now Moment
}

func newField(t *testing.T) *field {
	t.Helper()
	testgroup.Need(t, "root")
	l, dir := ledger(t)
	trees, err := privilege.NewTrees(privilege.Config{Realm: privilege.Realm(dir)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(trees.Close)
	f := &field{ledger: l, sudoers: t.TempDir(), now: at(0)}
	f.Reaper = &Reaper{Dir: dir, Trees: trees, Sudoers: f.sudoers, Log: slog.New(slog.DiscardHandler), Clock: func() Moment {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.now
	}}
	return f
}

func (f *field) set(m Moment) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = m
}

// grow puts an entry in force: a process in a tree, a drop-in and a copy.
func (f *field) grow(t *testing.T) (Entry, *exec.Cmd) {
	t.Helper()
	e := armed(Effect{})
	tree, err := f.Trees.Plan(string(e.ID), e.UID)
	if err != nil {
		t.Fatal(err)
	}
	e.Effect = Effect{Dropin: filepath.Join(f.sudoers, DropinPrefix+"1000-"+string(e.ID)), Tree: tree}
	if err := f.ledger.Put(e); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/sleep", "300")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go cmd.Wait()
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // gone in most cases
	if e.Effect.Tree, err = f.Trees.Put(t.Context(), string(e.ID), e.UID, cmd.Process.Pid, time.Hour); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Trees.End(context.Background(), e.Effect.Tree, 0) }) // as above
	if err := os.WriteFile(e.Effect.Dropin, nil, 0o440); err != nil {
		t.Fatal(err)
	}
	e.State = Active
	if err := f.ledger.Put(e); err != nil {
		t.Fatal(err)
	}
	return e, cmd
}

// stands reports whether an entry's effects are there.
func (f *field) stands(t *testing.T, e Entry) bool {
	t.Helper()
	alive, err := f.Trees.Alive(e.Effect.Tree)
	if err != nil {
		t.Fatal(err)
	}
	_, err = os.Lstat(e.Effect.Dropin)
	if file := err == nil; file != alive {
		t.Errorf("the drop-in is there: %v, the tree lives: %v", file, alive)
	}
	return alive
}

func TestReap(t *testing.T) {
	for name, c := range map[string]struct {
		now  Moment
		ends bool
	}{
		"in time":                   {at(4 * time.Minute), false},
		"at its end":                {at(5 * time.Minute), true},
		"the wall clock set back":   {Moment{at(-1000 * time.Hour).Wall, at(5 * time.Minute).Boot, "boot-1"}, true},
		"the wall clock in future":  {Moment{at(1000 * time.Hour).Wall, at(time.Second).Boot, "boot-1"}, true},
		"slept for two hours":       {Moment{at(time.Minute).Wall, at(2 * time.Hour).Boot, "boot-1"}, true},
		"the machine started again": {Moment{at(time.Minute).Wall, time.Minute, "boot-2"}, true},
		"no clock":                  {Moment{}, true},
	} {
		t.Run(name, func(t *testing.T) {
			f := newField(t)
			e, _ := f.grow(t)
			f.set(c.now)
			ended, next, err := f.Reap(t.Context())
			if err != nil || (ended == 1) != c.ends || f.stands(t, e) == c.ends || next == 0 {
				t.Errorf("ended %d, next %v, %v; it stands: %v", ended, next, err, !c.ends)
			}
			if on, _ := f.ledger.Get(e.ID); on.State != Active {
				t.Error("the reaper wrote the ledger")
			}
			if _, _, err := f.Reap(t.Context()); err != nil {
				t.Errorf("a second pass: %v", err)
			}
		})
	}
}

func TestReapOfANewMachine(t *testing.T) {
	f := newField(t)
	if err := os.Remove(f.Dir); err != nil {
		t.Fatal(err)
	}
	if ended, next, err := f.Reap(t.Context()); ended != 0 || next != 0 || err != nil {
		t.Errorf("%d, %v, %v", ended, next, err)
	}
}

// Of a damaged entry only the name is left. That is enough to find everything
// it did.
func TestReapOfADamagedEntry(t *testing.T) {
	f := newField(t)
	e, _ := f.grow(t)
	other, _ := f.grow(t)
	if err := os.WriteFile(path(f.Dir, e.ID), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if ended, _, err := f.Reap(t.Context()); ended != 1 || err != nil {
		t.Errorf("%d, %v", ended, err)
	}
	if f.stands(t, e) || !f.stands(t, other) {
		t.Error("the wrong one was ended")
	}
}

// A tree without an entry: the ledger was lost, or the entry ended without it.
func TestReapOfAnUnknownTree(t *testing.T) {
	for name, forget := range map[string]func(f *field, e Entry) error{
		"its entry is gone": func(f *field, e Entry) error { return os.Remove(path(f.Dir, e.ID)) },
		"its entry has ended": func(f *field, e Entry) error {
			e.State, e.EndReason = Ended, elevation.Completed
			return f.ledger.Put(e)
		},
		"its entry was given up": func(f *field, e Entry) error {
			e.State, e.EndReason = Ended, elevation.Abandoned
			return f.ledger.Put(e)
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newField(t)
			f.All = true
			e, _ := f.grow(t)
			if err := forget(f, e); err != nil {
				t.Fatal(err)
			}
			if _, _, err := f.Reap(t.Context()); err != nil {
				t.Error(err)
			}
			if f.stands(t, e) {
				t.Error("it stands")
			}
		})
	}
}

// Another agent of the same machine has its own trees.
func TestReapLeavesOtherAgentsAlone(t *testing.T) {
	mine, theirs := newField(t), newField(t)
	e, _ := theirs.grow(t)
	if ended, _, err := mine.Reap(t.Context()); ended != 0 || err != nil {
		t.Errorf("%d, %v", ended, err)
	}
	if !theirs.stands(t, e) {
		t.Error("another agent's grant was ended")
	}
}

func TestReapOfDropins(t *testing.T) {
	f := newField(t)
	e, _ := f.grow(t)
	id := elevation.NewGrantID(time.Now())
	for name, after := range map[string]struct{ some, all bool }{
		DropinPrefix + "1000-" + string(id):          {true, false},
		DropinPrefix + "1001-" + string(id) + ".new": {true, false},
		DropinPrefix + "garbage":                     {true, false},
		"zz-somebody-else":                           {true, true},
		filepath.Base(e.Effect.Dropin):               {true, true},
		"x" + DropinPrefix + "1000-" + string(id):    {true, true},
	} {
		file := filepath.Join(f.sudoers, name)
		if err := os.WriteFile(file, nil, 0o440); err != nil {
			t.Fatal(err)
		}
		for _, all := range []bool{false, true} {
			f.All = all
			if _, _, err := f.Reap(t.Context()); err != nil {
				t.Fatal(err)
			}
			want := after.some
			if all {
				want = after.all
			}
			if _, err := os.Lstat(file); (err == nil) != want {
				t.Errorf("%s, all %v: %v", name, all, err)
			}
		}
	}
}

func TestWatchStaysWhileSomethingIsInForce(t *testing.T) {
	f := newField(t)
	e, cmd := f.grow(t)
	asked := make(chan bool, 100)
	f.Until = func() bool {
		asked <- true
		return true
	}
	watched := make(chan error, 1)
	go func() { watched <- f.Watch(t.Context()) }()
	e.EndBy = at(0).After(time.Minute) // the change is looked at
	if err := f.ledger.Put(e); err != nil {
		t.Fatal(err)
	}
	select {
	case <-asked:
		t.Error("asked while something is in force")
	case err := <-watched:
		t.Fatalf("left while something is in force: %v", err)
	case <-time.After(50 * time.Millisecond): // nothing is to come
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	e.State, e.EndReason = Ended, elevation.Completed
	if err := errors.Join(os.Remove(e.Effect.Dropin), f.ledger.Put(e)); err != nil {
		t.Fatal(err)
	}
	if err := <-watched; err != nil {
		t.Error(err)
	}
}

func TestWatchEndsInTime(t *testing.T) {
	f := newField(t)
	f.Clock = SystemClock
	ctx, cancel := context.WithCancel(t.Context())
	watched := make(chan error, 1)
	go func() { watched <- f.Watch(ctx) }()
	defer func() {
		cancel()
		if err := <-watched; err != nil {
			t.Error(err)
		}
	}()
	e := held()
	now := SystemClock()
	e.State, e.Used, e.Received, e.UseBy, e.EndBy = Armed, true, now, now.After(time.Hour), now.After(time.Hour)
	tree, err := f.Trees.Plan(string(e.ID), e.UID)
	if err != nil {
		t.Fatal(err)
	}
	e.Effect.Tree = tree
	if err := f.ledger.Put(e); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/sleep", "300")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Trees.Put(t.Context(), string(e.ID), e.UID, cmd.Process.Pid, time.Hour); err != nil {
		t.Fatal(errors.Join(err, cmd.Process.Kill()))
	}
	e.EndBy = SystemClock().After(300 * time.Millisecond) // only now: what is not there yet can not be ended
	if err := f.ledger.Put(e); err != nil {
		t.Fatal(errors.Join(err, cmd.Process.Kill()))
	}
	begin := time.Now()
	_ = cmd.Wait() // ended by the reaper
	if took := time.Since(begin); took > time.Minute {
		t.Errorf("ended after %v", took)
	}
}
