package privilege

import (
	"errors"
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// jobPort is where a job tells of its processes.
type jobPort struct{ port, job windows.Handle }

// jobTells is what a job is told of its port.
type jobTells struct {
	key  uintptr
	port windows.Handle
}

func (processes) tells(job handle) (port, error) {
	p := jobPort{job: windows.Handle(job)}
	var err error
	if p.port, err = windows.CreateIoCompletionPort(windows.InvalidHandle, 0, 0, 1); err != nil {
		return nil, fmt.Errorf("make a port: %w", err)
	}
	_ = p.tell(jobTells{}) // an agent before this one may have had it told elsewhere; most often there is none
	if err := p.tell(jobTells{key: jobKey, port: p.port}); err != nil {
		return nil, errors.Join(err, windows.CloseHandle(p.port))
	}
	return p, nil
}

func (p jobPort) tell(to jobTells) error {
	_, err := windows.SetInformationJobObject(p.job, windows.JobObjectAssociateCompletionPortInformation, uintptr(unsafe.Pointer(&to)), uint32(unsafe.Sizeof(to)))
	return err
}

func (p jobPort) hear(within time.Duration) (m message, err error) {
	wait := uint32(windows.INFINITE)
	if within > 0 {
		wait = uint32(within.Milliseconds())
	}
	var pid uintptr // the number stands where others have an address
	err = windows.GetQueuedCompletionStatus(p.port, &m.what, &m.key, (**windows.Overlapped)(unsafe.Pointer(&pid)), wait)
	if errors.Is(err, windows.WAIT_TIMEOUT) {
		return m, errQuiet
	}
	if err != nil {
		return m, fmt.Errorf("listen to the job: %w", err)
	}
	m.pid = int(pid)
	return m, nil
}

func (p jobPort) stop() { _ = windows.PostQueuedCompletionStatus(p.port, 0, 0, nil) } // fails for a port that is gone only

func (p jobPort) close() {
	_ = p.tell(jobTells{}) // or what it tells would be kept for nobody
	_ = windows.CloseHandle(p.port)
}
