package privilege

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// osTrees is the macOS side of [Trees]: sessions, told by the table of processes.
type osTrees struct{}

func newOSTrees(Config) (osTrees, error) { return osTrees{}, nil }

func (osTrees) usable(k TreeKind) error {
	if k != TreeSessions {
		return fmt.Errorf("%q is not a kind of tree of macOS", k)
	}
	return nil
}

func (osTrees) dir(TreeKind, string, uint32) string { return "" }

func (osTrees) members(ref TreeRef) ([]int, error) {
	list, err := unix.SysctlKinfoProcSlice("kern.proc.all")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	all := make([]fact, 0, len(list))
	for i := range list {
		all = append(all, factOf(&list[i]))
	}
	return tableMembers(ref, os.Getpid(), all), nil
}

// zombie is SZOMB of sys/proc.h.
const zombie = 5

func factOf(k *unix.KinfoProc) fact {
	pid := int(k.Proc.P_pid)
	f := fact{pid: pid, parent: int(k.Eproc.Ppid), group: int(k.Eproc.Pgid), started: startOf(k), dead: k.Proc.P_stat == zombie}
	if sid, err := unix.Getsid(pid); err == nil {
		f.session = sid
	}
	return f
}

func startOf(k *unix.KinfoProc) uint64 {
	t := k.Proc.P_starttime
	return uint64(t.Sec)*1e6 + uint64(t.Usec)
}

// put takes a process that somebody else started as the first of a tree: what comes
// of it from now on is told by its parents and sessions, as always here.
func (o osTrees) put(_ context.Context, ref TreeRef, _ uint32, _ time.Duration) (TreeRef, error) {
	k, err := unix.SysctlKinfoProc("kern.proc.pid", ref.PID)
	if err != nil {
		return TreeRef{}, err
	}
	if int(k.Proc.P_pid) != ref.PID || k.Proc.P_stat == zombie {
		return TreeRef{}, errors.New("the process is gone")
	}
	ref.Started = startOf(k)
	pids, err := o.members(ref)
	if err != nil {
		return TreeRef{}, err
	}
	if !slices.Contains(pids, ref.PID) {
		return TreeRef{}, errors.New("the process is gone")
	}
	return ref, nil
}

// extend has nothing to change: the reaper reads the ledger.
func (osTrees) extend(context.Context, TreeRef, time.Duration) error { return nil }

func (o osTrees) ask(ref TreeRef) { o.signal(ref, unix.SIGTERM, 0) }

func (o osTrees) kill(ref TreeRef, spareFront bool) {
	spared := 0
	if spareFront {
		spared = ref.PID
	}
	o.signal(ref, unix.SIGKILL, spared)
}

func (o osTrees) signal(ref TreeRef, sig unix.Signal, spared int) {
	pids, err := o.members(ref)
	if err != nil {
		return // the caller reads the tree again
	}
	for _, pid := range pids {
		if pid != spared {
			_ = unix.Kill(pid, sig) // it may be gone
		}
	}
}

func (osTrees) remove(TreeRef) error           { return nil }
func (osTrees) list(string) ([]TreeRef, error) { return nil, nil } // sessions have no names
func (osTrees) close()                         {}
func (osTrees) watch(TreeRef) watcher          { return newSeldom() } // nothing tells of the end of a session
