package privilege

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// osTrees is the Windows side of [Trees]: every tree is a job object with a name,
// which nothing in it can leave. The kernel forgets a name when nobody holds the
// object, so it is made permanent, and where that is not allowed (a program that
// is not the system) the first process holds it.
type osTrees struct {
	only func(path string) (bool, error) // in place of what access lists say; tests
}

// Rights to a job object.
const (
	jobAssign    = 0x1
	jobQuery     = 0x4
	jobTerminate = 0x8
)

// jobAccess is who may look for a job and end it.
const jobAccess = "D:P(A;;GA;;;SY)(A;;GA;;;BA)"

// endedCode is the exit code of what is ended: 128 and the number that the kill
// signal has elsewhere.
const endedCode = 137

func newOSTrees(Config) (osTrees, error) { return osTrees{only: rootOnly}, nil }

func (osTrees) usable(k TreeKind) error {
	if k != TreeJob {
		return fmt.Errorf("%q is not a kind of tree of Windows", k)
	}
	return nil
}

func (osTrees) dir(TreeKind, string, uint32) string { return "" }

// objectName is seen from every session.
func objectName(ref TreeRef) string { return `Global\` + ref.Name }

func (o osTrees) put(_ context.Context, ref TreeRef, _ uint32, _ time.Duration) (TreeRef, error) {
	process, err := windows.OpenProcess(windows.PROCESS_SET_QUOTA|windows.PROCESS_TERMINATE|windows.PROCESS_DUP_HANDLE|windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(ref.PID))
	if err != nil {
		return ref, fmt.Errorf("open process %d: %w", ref.PID, err)
	}
	defer windows.CloseHandle(process)
	return o.contain(ref, process)
}

// contain makes the job, puts the process into it and reads back that it is there.
func (o osTrees) contain(ref TreeRef, process windows.Handle) (TreeRef, error) {
	job, err := makeJob(ref)
	if err != nil {
		return ref, err
	}
	defer windows.CloseHandle(job)
	if ref.Started, err = startedAt(process); err != nil {
		return ref, err
	}
	if err := windows.AssignProcessToJobObject(job, process); err != nil {
		return ref, fmt.Errorf("put process %d into its job: %w", ref.PID, err)
	}
	if err := makePermanent(job); err != nil {
		var theirs windows.Handle
		if err := windows.DuplicateHandle(windows.CurrentProcess(), job, process, &theirs, jobQuery, false, 0); err != nil {
			return ref, fmt.Errorf("keep the job's name: %w", err)
		}
	}
	pids, err := jobMembers(job)
	if err != nil {
		return ref, err
	}
	for _, pid := range pids {
		if pid == ref.PID {
			return ref, nil
		}
	}
	return ref, fmt.Errorf("process %d is not in its job", ref.PID)
}

// makeJob makes a job that was not there: one that somebody made before could be
// held open by them, and be used to end or to watch what is in it.
func makeJob(ref TreeRef) (windows.Handle, error) {
	sd, err := windows.SecurityDescriptorFromString(jobAccess)
	if err != nil {
		return 0, err
	}
	name, err := windows.UTF16PtrFromString(objectName(ref))
	if err != nil {
		return 0, err
	}
	sa := &windows.SecurityAttributes{Length: uint32(unsafe.Sizeof(windows.SecurityAttributes{})), SecurityDescriptor: sd}
	// Not by x/sys, which does not say whether the job was there.
	h, _, err := windows.NewLazySystemDLL("kernel32.dll").NewProc("CreateJobObjectW").Call(uintptr(unsafe.Pointer(sa)), uintptr(unsafe.Pointer(name)))
	job := windows.Handle(h)
	switch {
	case h == 0:
		return 0, fmt.Errorf("make a job: %w", err)
	case errors.Is(err, windows.ERROR_ALREADY_EXISTS):
		return 0, errors.Join(fmt.Errorf("a job %s is there already", ref.Name), windows.CloseHandle(job))
	}
	// No limit is set: nothing may break away, and nothing ends with this process.
	return job, nil
}

// openJob finds a job by its name; 0 when there is none.
func openJob(ref TreeRef, access uint32) (windows.Handle, error) {
	if ref.Kind != TreeJob {
		return 0, fmt.Errorf("%q is not a kind of tree of Windows", ref.Kind)
	}
	name, err := windows.UTF16PtrFromString(objectName(ref))
	if err != nil {
		return 0, err
	}
	h, _, err := windows.NewLazySystemDLL("kernel32.dll").NewProc("OpenJobObjectW").Call(uintptr(access), 0, uintptr(unsafe.Pointer(name)))
	if h == 0 && errors.Is(err, windows.ERROR_FILE_NOT_FOUND) {
		return 0, nil
	}
	if h == 0 {
		return 0, fmt.Errorf("open the job: %w", err)
	}
	return windows.Handle(h), nil
}

func (osTrees) members(ref TreeRef) ([]int, error) {
	job, err := openJob(ref, jobQuery)
	if err != nil {
		return nil, err
	}
	if job == 0 {
		return firstAlone(ref), nil
	}
	defer windows.CloseHandle(job)
	return jobMembers(job)
}

// firstAlone is the first process where its job has no name any more.
func firstAlone(ref TreeRef) []int {
	if ref.PID == 0 {
		return nil
	}
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION|windows.SYNCHRONIZE, false, uint32(ref.PID))
	if err != nil {
		return nil
	}
	defer windows.CloseHandle(h)
	started, err := startedAt(h)
	if err != nil || started != ref.Started {
		return nil
	}
	if event, err := windows.WaitForSingleObject(h, 0); err == nil && event == windows.WAIT_OBJECT_0 {
		return nil // it has ended and is held by somebody
	}
	return []int{ref.PID}
}

// jobMembers reads the processes of a job, asking again with more room.
func jobMembers(job windows.Handle) ([]int, error) {
	for room := 64; room <= 1<<16; room *= 4 {
		buf := make([]uintptr, 1+room) // two counts of 32 bits, then the process ids
		err := windows.QueryInformationJobObject(job, windows.JobObjectBasicProcessIdList, uintptr(unsafe.Pointer(&buf[0])), uint32(len(buf)*int(unsafe.Sizeof(buf[0]))), nil)
		if errors.Is(err, windows.ERROR_MORE_DATA) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list the job: %w", err)
		}
		counts := (*[2]uint32)(unsafe.Pointer(&buf[0]))
		if counts[1] < counts[0] {
			continue
		}
		var pids []int
		for _, pid := range buf[1 : 1+counts[1]] {
			pids = append(pids, int(pid))
		}
		return pids, nil
	}
	return nil, errors.New("list the job: it has too many processes")
}

// ask ends the tree: programs of another session can not be asked.
func (o osTrees) ask(ref TreeRef) { o.kill(ref, ref.Front) }

func (o osTrees) kill(ref TreeRef, spareFront bool) {
	job, err := openJob(ref, jobTerminate|jobQuery)
	if err != nil {
		return // the caller reads the tree again and reports
	}
	if job == 0 {
		endEach(firstAlone(ref), 0)
		return
	}
	defer windows.CloseHandle(job)
	if !spareFront {
		_ = windows.TerminateJobObject(job, endedCode) // the tree is read again
		return
	}
	if pids, err := jobMembers(job); err == nil {
		endEach(pids, ref.PID)
	}
}

func endEach(pids []int, spare int) {
	for _, pid := range pids {
		if pid == spare || pid == os.Getpid() {
			continue
		}
		if h, err := windows.OpenProcess(windows.PROCESS_TERMINATE, false, uint32(pid)); err == nil {
			_ = windows.TerminateProcess(h, endedCode) // the tree is read again
			_ = windows.CloseHandle(h)
		}
	}
}

// remove lets the name of an empty job go.
func (osTrees) remove(ref TreeRef) error {
	job, err := openJob(ref, jobQuery|windows.DELETE)
	if err != nil || job == 0 {
		return err
	}
	defer windows.CloseHandle(job)
	pids, err := jobMembers(job)
	if err != nil || len(pids) > 0 {
		return err // alive: the caller finds and reports it
	}
	return makeTemporary(job)
}

func (osTrees) extend(context.Context, TreeRef, time.Duration) error { return nil } // nothing but the ledger ends it

// list lets the names of empty jobs go that a crash has left.
func (o osTrees) list(prefix string) ([]TreeRef, error) {
	names, err := jobNames()
	var refs []TreeRef
	for _, name := range names {
		ref := TreeRef{Kind: TreeJob, Name: name}
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		pids, err := o.members(ref)
		switch {
		case errors.Is(err, windows.ERROR_ACCESS_DENIED):
			continue // somebody's own, who has borrowed the name: ours let us in
		case err == nil && len(pids) == 0:
			_ = o.remove(ref) // nothing is in it: it can wait
			continue
		}
		refs = append(refs, ref)
	}
	return refs, err
}

func (osTrees) close() {}

// treeWatch looks again and again, more and more seldom: a job tells of its end to
// its maker only.
type treeWatch struct{ pause time.Duration }

func (osTrees) watch(TreeRef) *treeWatch { return &treeWatch{pause: firstLook} }
func (*treeWatch) close()                {}

func (w *treeWatch) wait(ctx context.Context) error {
	timer := time.NewTimer(w.pause)
	defer timer.Stop()
	w.pause = min(2*w.pause, seldomLook)
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// startedAt is when a process was made, as the system counts time.
func startedAt(process windows.Handle) (uint64, error) {
	var made, ended, kernel, user windows.Filetime
	if err := windows.GetProcessTimes(process, &made, &ended, &kernel, &user); err != nil {
		return 0, fmt.Errorf("look when the process began: %w", err)
	}
	return uint64(made.HighDateTime)<<32 | uint64(made.LowDateTime), nil
}
