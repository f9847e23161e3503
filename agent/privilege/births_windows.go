package privilege

import (
	"errors"
	"fmt"
	"io"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// jobPort is where a job tells of its processes.
type jobPort struct{ port, job windows.Handle }

const (
	jobSet        = 0x2 // right to change what a job tells
	jobNewProcess = 6   // message: the job has one more process
	jobKey        = 1   // of the job's messages; another one is of stop
)

// jobTells is what a job is told of its port.
type jobTells struct {
	key  uintptr
	port windows.Handle
}

func (osTrees) births(ref TreeRef) (newcomers, error) {
	job, err := openJob(ref, jobQuery|jobSet)
	if err == nil && job == 0 {
		err = errors.New("the job has no name any more")
	}
	if err != nil {
		return nil, err
	}
	p := jobPort{job: job}
	if p.port, err = windows.CreateIoCompletionPort(windows.InvalidHandle, 0, 0, 1); err != nil {
		return nil, errors.Join(fmt.Errorf("make a port: %w", err), windows.CloseHandle(job))
	}
	_ = p.tells(jobTells{}) // an agent before this one may have had it told elsewhere; most often there is none
	if err := p.tells(jobTells{key: jobKey, port: p.port}); err != nil {
		p.close()
		return nil, fmt.Errorf("have the job tell: %w", err)
	}
	return p, nil
}

func (p jobPort) tells(to jobTells) error {
	_, err := windows.SetInformationJobObject(p.job, windows.JobObjectAssociateCompletionPortInformation, uintptr(unsafe.Pointer(&to)), uint32(unsafe.Sizeof(to)))
	return err
}

func (p jobPort) next(within time.Duration) (int, error) {
	wait := uint32(windows.INFINITE)
	if within > 0 {
		wait = uint32(within.Milliseconds())
	}
	for {
		var message uint32
		var key, pid uintptr // the number stands where others have an address
		err := windows.GetQueuedCompletionStatus(p.port, &message, &key, (**windows.Overlapped)(unsafe.Pointer(&pid)), wait)
		switch {
		case errors.Is(err, windows.WAIT_TIMEOUT):
			return 0, errQuiet
		case err != nil:
			return 0, fmt.Errorf("listen to the job: %w", err)
		case key != jobKey:
			return 0, io.EOF
		case message == jobNewProcess:
			return int(pid), nil
		}
	}
}

// look holds the process while it reads, so that its number stays its own.
func (p jobPort) look(pid int) (n newcomer, err error) {
	process, err := windows.OpenProcess(windows.PROCESS_QUERY_INFORMATION, false, uint32(pid))
	if err != nil { // a protected one lets so much be asked only; it is enough but for Wine
		process, err = windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(pid))
	}
	if err != nil {
		return n, fmt.Errorf("open process %d: %w", pid, err)
	}
	defer windows.CloseHandle(process)
	var in int32
	if ok, _, err := windows.NewLazySystemDLL("kernel32.dll").NewProc("IsProcessInJob").Call(uintptr(process), uintptr(p.job), uintptr(unsafe.Pointer(&in))); ok == 0 {
		return n, fmt.Errorf("look for process %d in its job: %w", pid, err)
	}
	if in == 0 {
		return n, fmt.Errorf("process %d is not of the job", pid)
	}
	if n.started, err = startedAt(process); err != nil {
		return n, err
	}
	n.path, err = imageName(process)
	return n, err
}

func (p jobPort) stop() { _ = windows.PostQueuedCompletionStatus(p.port, 0, 0, nil) } // fails for a port that is gone only

func (p jobPort) close() {
	_ = p.tells(jobTells{}) // or what it tells would be kept for nobody
	_, _ = windows.CloseHandle(p.port), windows.CloseHandle(p.job)
}

// imageName is the file that a process runs.
func imageName(process windows.Handle) (string, error) {
	buf := make([]uint16, 32<<10)
	n := uint32(len(buf))
	if err := windows.QueryFullProcessImageName(process, 0, &buf[0], &n); err != nil {
		return "", fmt.Errorf("look what runs: %w", err)
	}
	return windows.UTF16ToString(buf[:n]), nil
}
