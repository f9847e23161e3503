package privilege

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"
)

// fact is one process in the table of a system that has nothing better to hold
// processes together than their sessions.
type fact struct {
	pid, parent, group, session int
	started                     uint64 // in microseconds since 1970 on macOS
	dead                        bool   // it only waits to be asked how it ended
}

// tableMembers are the processes of a tree whose first one opened a session of its
// own: those below it, in its session or group, and in sessions that one of them
// opened. One that leaves its session and its parents at once is missed. When somebody
// began is told by the clock of the machine, which can be set back: nobody leaves a
// session by that whose leader lives.
func tableMembers(ref TreeRef, self int, all []fact) []int {
	if ref.PID <= 1 {
		return nil // planned and never started
	}
	in := map[int]bool{}
	for _, p := range all {
		if p.pid == ref.PID && p.started == ref.Started {
			in[p.pid] = true
		}
	}
	leads := func(id int) bool { return id > 1 && (in[id] || id == ref.PID) }
	for grown := true; grown; {
		grown = false
		for _, p := range all {
			if in[p.pid] || p.pid == self || p.pid <= 1 || p.pid == ref.PID {
				continue
			}
			if in[p.session] || in[p.group] || p.started >= ref.Started && (in[p.parent] || leads(p.session) || leads(p.group)) {
				in[p.pid], grown = true, true
			}
		}
	}
	var pids []int
	for _, p := range all {
		if in[p.pid] && !p.dead {
			pids = append(pids, p.pid)
		}
	}
	return pids
}

// processTable is what macOS says of its processes, and what is done to them.
type processTable interface {
	all() ([]fact, error)
	signal(pid int, sig syscall.Signal)
}

// sessionTrees holds trees together by their sessions (macOS). Nothing tells of their
// end, they have no names, and the reaper reads the ledger.
type sessionTrees struct {
	of   processTable
	self int // this process
}

func (sessionTrees) usable(k TreeKind) error {
	if k != TreeSessions {
		return fmt.Errorf("%q is not a kind of tree of macOS", k)
	}
	return nil
}

func (sessionTrees) dir(TreeKind, string, uint32) string { return "" }

func (t sessionTrees) members(ref TreeRef) ([]int, error) {
	all, err := t.of.all()
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	return tableMembers(ref, t.self, all), nil
}

// put takes a process that somebody else started as the first of a tree: what comes
// of it from now on is told by its parents and sessions, as always here.
func (t sessionTrees) put(_ context.Context, ref TreeRef, _ uint32, _ time.Duration) (TreeRef, error) {
	all, err := t.of.all()
	if err != nil {
		return TreeRef{}, fmt.Errorf("list processes: %w", err)
	}
	for _, p := range all {
		if p.pid == ref.PID {
			ref.Started = p.started
		}
	}
	if !slices.Contains(tableMembers(ref, t.self, all), ref.PID) {
		return TreeRef{}, errors.New("the process is gone")
	}
	return ref, nil
}

func (sessionTrees) extend(context.Context, TreeRef, time.Duration) error { return nil }

func (t sessionTrees) ask(ref TreeRef) { t.signal(ref, syscall.SIGTERM, 0) }

func (t sessionTrees) kill(ref TreeRef, spareFront bool) {
	spared := 0
	if spareFront {
		spared = ref.PID
	}
	t.signal(ref, syscall.SIGKILL, spared)
}

func (t sessionTrees) signal(ref TreeRef, sig syscall.Signal, spared int) {
	pids, err := t.members(ref)
	if err != nil {
		return // the caller reads the tree again
	}
	for _, pid := range pids {
		if pid != spared {
			t.of.signal(pid, sig)
		}
	}
}

func (sessionTrees) watch(TreeRef) watcher          { return newSeldom() }
func (sessionTrees) remove(TreeRef) error           { return nil }
func (sessionTrees) list(string) ([]TreeRef, error) { return nil, nil }
func (sessionTrees) close()                         {}
