package privilege

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"
)

// This file decides what is done with the jobs and the processes of Windows, where a
// tree is a job with a name. It runs everywhere; trees_windows.go has the calls.

// handle is a job or a process that is held: its number stays its own.
type handle uintptr

// purpose is what a process is held for.
type purpose string

// The purposes.
const (
	toLook    purpose = "look"
	toEnd     purpose = "end"
	toContain purpose = "contain"
)

// jobs is what Windows does with jobs and processes.
type jobs interface {
	// make makes a job that was not there: [fs.ErrExist].
	make(name string) (handle, error)
	// open finds a job, to do everything with it: [fs.ErrNotExist], or
	// [fs.ErrPermission] of one that does not let us.
	open(name string) (handle, error)
	names() ([]string, error) // of all jobs
	assign(job, process handle) error
	members(job handle) ([]int, error)
	terminate(job handle) error
	permanent(job handle) error     // its name outlives who holds it; only the system may
	temporary(job handle) error     // and no more
	keep(job, process handle) error // the process holds the job until it ends
	tells(job handle) (port, error) // in place of whoever was told before

	// process holds a process: [fs.ErrNotExist] when nobody has the number.
	process(pid int, to purpose) (handle, error)
	started(process handle) (uint64, error)
	ended(process handle, within time.Duration) (bool, error)
	in(process, job handle) (bool, error)
	image(process handle) (string, error)
	rights(process handle) (user string, admin bool, err error)
	end(process handle) error
	pids() ([]int, error) // of all processes
	self() int            // this one

	close(handle)
}

// jobTrees are trees that are jobs. The kernel forgets the name of a job when nobody
// holds it, so it is made permanent, and where that is not allowed (a program that is
// not the system) the first process holds it.
type jobTrees struct{ sys jobs }

func (jobTrees) usable(k TreeKind) error {
	if k != TreeJob {
		return fmt.Errorf("%q is not a kind of tree of Windows", k)
	}
	return nil
}

func (jobTrees) dir(TreeKind, string, uint32) string { return "" }

func (t jobTrees) put(_ context.Context, ref TreeRef, _ uint32, _ time.Duration) (TreeRef, error) {
	process, err := t.sys.process(ref.PID, toContain)
	if err != nil {
		return ref, fmt.Errorf("open process %d: %w", ref.PID, err)
	}
	defer t.sys.close(process)
	return t.contain(ref, process)
}

// contain makes the job, puts the process into it and reads back that it is there. A
// job that somebody made before is refused: it could be held open by them, and be used
// to end or to watch what is in it.
func (t jobTrees) contain(ref TreeRef, process handle) (TreeRef, error) {
	job, err := t.sys.make(ref.Name)
	if err != nil {
		return ref, fmt.Errorf("make the job %s: %w", ref.Name, err)
	}
	defer t.sys.close(job)
	if ref.Started, err = t.sys.started(process); err != nil {
		return ref, err
	}
	if err := t.sys.assign(job, process); err != nil {
		return ref, fmt.Errorf("put process %d into its job: %w", ref.PID, err)
	}
	if t.sys.permanent(job) != nil {
		if err := t.sys.keep(job, process); err != nil {
			return ref, fmt.Errorf("keep the job's name: %w", err)
		}
	}
	pids, err := t.sys.members(job)
	if err != nil {
		return ref, err
	}
	if !slices.Contains(pids, ref.PID) {
		return ref, fmt.Errorf("process %d is not in its job", ref.PID)
	}
	return ref, nil
}

func (t jobTrees) find(ref TreeRef) (handle, error) {
	if err := t.usable(ref.Kind); err != nil {
		return 0, err
	}
	job, err := t.sys.open(ref.Name)
	if err != nil {
		return 0, fmt.Errorf("open the job: %w", err)
	}
	return job, nil
}

func (t jobTrees) members(ref TreeRef) ([]int, error) {
	job, err := t.find(ref)
	if errors.Is(err, fs.ErrNotExist) {
		return t.firstAlone(ref)
	}
	if err != nil {
		return nil, err
	}
	defer t.sys.close(job)
	return t.sys.members(job)
}

// firstAlone is the first process where its job has no name any more. One that can not
// be looked at may live.
func (t jobTrees) firstAlone(ref TreeRef) ([]int, error) {
	if ref.PID == 0 {
		return nil, nil
	}
	process, err := t.sys.process(ref.PID, toLook)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open process %d: %w", ref.PID, err)
	}
	defer t.sys.close(process)
	started, err := t.sys.started(process)
	if err != nil || started != ref.Started {
		return nil, err
	}
	ended, err := t.sys.ended(process, 0)
	if err != nil || ended { // and is held by somebody
		return nil, err
	}
	return []int{ref.PID}, nil
}

// ask ends the tree: programs of another session can not be asked.
func (t jobTrees) ask(ref TreeRef) { t.kill(ref, ref.Front) }

// kill leaves it to the caller to read the tree again.
func (t jobTrees) kill(ref TreeRef, spareFront bool) {
	if !spareFront {
		_ = t.end(ref)
		return
	}
	job, err := t.find(ref)
	if err != nil {
		return // without a job nobody is known but the front
	}
	defer t.sys.close(job)
	pids, err := t.sys.members(job)
	if err != nil {
		return
	}
	for _, pid := range pids {
		if pid != ref.PID {
			t.endOne(pid, func(process handle) bool {
				in, err := t.sys.in(process, job)
				return err == nil && in
			})
		}
	}
}

// end ends all of a tree at once.
func (t jobTrees) end(ref TreeRef) error {
	job, err := t.find(ref)
	if errors.Is(err, fs.ErrNotExist) {
		t.endOne(ref.PID, t.began(ref.Started))
		return nil
	}
	if err != nil {
		return err
	}
	defer t.sys.close(job)
	return t.sys.terminate(job)
}

// endOne ends a process if it is that one once it is held: its number may be another's
// by then. This process is never ended, and it is found out by the caller whether the
// other one was.
func (t jobTrees) endOne(pid int, is func(process handle) bool) {
	if pid == 0 || pid == t.sys.self() {
		return
	}
	process, err := t.sys.process(pid, toEnd)
	if err != nil {
		return
	}
	defer t.sys.close(process)
	if is(process) {
		_ = t.sys.end(process)
	}
}

func (t jobTrees) began(at uint64) func(process handle) bool {
	return func(process handle) bool {
		started, err := t.sys.started(process)
		return err == nil && started == at
	}
}

// remove lets the name of an empty job go.
func (t jobTrees) remove(ref TreeRef) error {
	job, err := t.find(ref)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer t.sys.close(job)
	pids, err := t.sys.members(job)
	if err != nil || len(pids) > 0 {
		return err // alive: the caller finds and reports it
	}
	return t.sys.temporary(job)
}

func (jobTrees) extend(context.Context, TreeRef, time.Duration) error { return nil } // nothing but the ledger ends it

func (jobTrees) watch(TreeRef) watcher { return newSeldom() } // a job tells of its end to its maker only

// list lets the names of empty jobs go that a crash has left.
func (t jobTrees) list(prefix string) ([]TreeRef, error) {
	names, err := t.sys.names()
	var refs []TreeRef
	for _, name := range names {
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		ref := TreeRef{Kind: TreeJob, Name: name}
		pids, err := t.members(ref)
		switch {
		case errors.Is(err, fs.ErrPermission):
			continue // somebody's own, who has borrowed the name: ours let us in
		case err == nil && len(pids) == 0:
			_ = t.remove(ref) // nothing is in it: it can wait
			continue
		}
		refs = append(refs, ref)
	}
	return refs, err
}

func (jobTrees) close() {}

// holder is a process that has the rights of an administrator.
type holder struct {
	pid     int
	started uint64
	user    string // SID
	ours    bool   // it is in a tree of Assent's, which ends by itself
}

// lentTo are the processes of somebody who was administrator for a while and is
// none any more: what they started then still has the rights.
func lentTo(all []holder, user string, self int) (lent []holder) {
	for _, h := range all {
		if h.user == user && user != "" && !h.ours && h.pid > 4 && h.pid != self { // 4 is the kernel's
			lent = append(lent, h)
		}
	}
	return lent
}

// endHolders ends what somebody has started with the rights that they were lent,
// wherever: a token keeps them, whatever the group says by now. What Assent itself
// runs for them is in trees of its own, and has its own end.
func (t jobTrees) endHolders(ctx context.Context, user string, grace time.Duration, prefix string) error {
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	for round := 0; ; round++ {
		all, err := t.administrators(prefix)
		if err != nil {
			return fmt.Errorf("end what was lent rights: %w", err)
		}
		lent := lentTo(all, user, t.sys.self())
		switch {
		case len(lent) == 0:
			return nil
		case round > 0 && ctx.Err() != nil:
			return fmt.Errorf("end what was lent rights: %w: %d", ErrStillAlive, len(lent))
		}
		for _, h := range lent {
			t.endOne(h.pid, t.began(h.started))
		}
		<-time.After(seldomLook / 4)
	}
}

// administrators are the processes whose token has the rights of an administrator.
// Which of them are Assent's is asked last, of what it has started meanwhile too.
func (t jobTrees) administrators(prefix string) ([]holder, error) {
	pids, err := t.sys.pids()
	if err != nil {
		return nil, fmt.Errorf("list the processes: %w", err)
	}
	var all []holder
	for _, pid := range pids {
		if h, admin := t.rightsOf(pid); admin {
			all = append(all, h)
		}
	}
	ours, err := t.ours(prefix)
	if err != nil {
		return nil, err
	}
	for i := range all {
		all[i].ours = ours[all[i].pid]
	}
	return all, nil
}

// rightsOf is whose a process is and whether it is an administrator's. What can not
// be looked at is the system's own.
func (t jobTrees) rightsOf(pid int) (h holder, admin bool) {
	process, err := t.sys.process(pid, toLook)
	if err != nil {
		return h, false
	}
	defer t.sys.close(process)
	user, admin, err1 := t.sys.rights(process)
	started, err2 := t.sys.started(process)
	return holder{pid: pid, started: started, user: user}, admin && errors.Join(err1, err2) == nil
}

// ours are the processes in jobs whose names begin so: those of this agent, not of
// one whose realm somebody made up.
func (t jobTrees) ours(prefix string) (map[int]bool, error) {
	names, err := t.sys.names()
	if err != nil {
		return nil, err
	}
	in := map[int]bool{}
	for _, name := range names {
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		pids, err := t.members(TreeRef{Kind: TreeJob, Name: name})
		if err != nil {
			continue // somebody's own, who has borrowed the name
		}
		for _, pid := range pids {
			in[pid] = true
		}
	}
	return in, nil
}

// shellLook is between two looks at whether a wait for a shell is still wanted.
const shellLook = time.Second

// shellGone waits until the shell of a seat has ended, or ctx ends. One that can not
// be looked at is not there.
func (t jobTrees) shellGone(ctx context.Context, s Seat) error {
	process, err := t.sys.process(s.Leader, toLook)
	if err != nil {
		return nil
	}
	defer t.sys.close(process)
	if started, err := t.sys.started(process); err != nil || started != s.Started {
		return err // nil: another process has its number
	}
	for ctx.Err() == nil {
		ended, err := t.sys.ended(process, shellLook)
		if err != nil {
			return fmt.Errorf("watch process %d: %w", s.Leader, err)
		}
		if ended {
			return nil
		}
	}
	return ctx.Err()
}
