package agent

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/agent/intercept/sudo"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/elevation"
)

// This file gives our own program, which sudo starts by a rule of a moment, what it is
// to become: once for each grant, to a process that comes from the one that asked, and
// only while the grant is in force. Nothing of it outlives the agent.

// errandDoor is the name of the door in the data folder.
const errandDoor = "errand.sock"

type errands struct {
	mu    sync.Mutex // guards the fields below
	open  bool       // the door can be asked
	waits map[elevation.GrantID]waitingErrand
}

type waitingErrand struct {
	errand  sudo.Errand
	pid     int // of the process that becomes sudo
	started uint64
	until   grants.Deadline
}

// ServeErrands answers at the door of errands until ctx ends. Without it no rule is
// lent.
func (a *Agent) ServeErrands(ctx context.Context) error {
	defer a.errands.opens(false)
	return sudo.Door{Path: a.lender().Door, Answer: a.errand, Log: a.Log}.Serve(ctx, func() { a.errands.opens(true) })
}

func (e *errands) opens(is bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.open = is
}

func (a *Agent) lender() sudo.Lender {
	program := a.SudoHelper
	if program == "" {
		program, _ = os.Executable() // "" is nobody's alone, and refused
	}
	return sudo.Lender{Dir: a.SudoDir, Program: program, Door: filepath.Join(a.Data, errandDoor)}
}

// lends reports whether rules can be lent now.
func (e *errands) lends() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.open
}

// await has an errand wait for its program.
func (e *errands) await(id elevation.GrantID, w waitingErrand, now grants.Moment) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.waits == nil {
		e.waits = map[elevation.GrantID]waitingErrand{}
	}
	for other, o := range e.waits {
		if o.until.Due(now) {
			delete(e.waits, other)
		}
	}
	e.waits[id] = w
}

func (e *errands) forget(id elevation.GrantID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.waits, id)
}

// errand gives out what a program is to become. It implements the answer of sudo.Door.
func (a *Agent) errand(id elevation.GrantID, pid int) (sudo.Errand, error) {
	fail := func(why string) (sudo.Errand, error) {
		return sudo.Errand{}, fmt.Errorf("grant %.100q: %w: %s", string(id), sudo.ErrErrand, why)
	}
	a.errands.mu.Lock()
	defer a.errands.mu.Unlock()
	w, ok := a.errands.waits[id]
	now := a.Clock()
	entry, known := a.Ledger.Get(id)
	switch {
	case !ok:
		return fail("there is none, or it was given out")
	case w.until.Due(now):
		delete(a.errands.waits, id)
		return fail("its time is over")
	case !known || entry.State != grants.Armed && entry.State != grants.Active || entry.EndBy.Due(now) || a.lockedBy() != "":
		delete(a.errands.waits, id)
		return fail("the grant is not in force")
	case !privilege.ComesFrom(pid, w.pid, w.started):
		return fail("another process asks for it")
	}
	delete(a.errands.waits, id)
	return w.errand, nil
}
