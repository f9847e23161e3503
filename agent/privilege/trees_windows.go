package privilege

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// osTrees is the Windows side of [Trees].
type osTrees struct {
	jobTrees
	only func(path string) (bool, error) // in place of what access lists say; tests
}

func newOSTrees(Config) (osTrees, error) { return osTrees{jobTrees{processes{}}, rootOnly}, nil }

var _ jobs = processes{}

// jobAccess is who may look for a job and end it.
const jobAccess = "D:P(A;;GA;;;SY)(A;;GA;;;BA)"

// endedCode is the exit code of what is ended: 128 and the number that the kill
// signal has elsewhere.
const endedCode = 137

// objectName is seen from every session.
func objectName(name string) string { return `Global\` + name }

// No limit is set: nothing may break away, and nothing ends with this process.
func (processes) make(name string) (handle, error) {
	sd, err := windows.SecurityDescriptorFromString(jobAccess)
	if err != nil {
		return 0, err
	}
	path, err := windows.UTF16PtrFromString(objectName(name))
	if err != nil {
		return 0, err
	}
	sa := &windows.SecurityAttributes{Length: uint32(unsafe.Sizeof(windows.SecurityAttributes{})), SecurityDescriptor: sd}
	// Not by x/sys, which does not say whether the job was there.
	h, _, err := windows.NewLazySystemDLL("kernel32.dll").NewProc("CreateJobObjectW").Call(uintptr(unsafe.Pointer(sa)), uintptr(unsafe.Pointer(path)))
	switch {
	case h == 0:
		return 0, err
	case errors.Is(err, windows.ERROR_ALREADY_EXISTS):
		return 0, errors.Join(err, windows.CloseHandle(windows.Handle(h)))
	}
	return handle(h), nil
}

// jobAll are the rights to a job object: to put into it, to change what it tells, to
// look, to end it, and to let its name go.
const jobAll = 0x1 | 0x2 | jobQuery | 0x8 | windows.DELETE

const jobQuery = 0x4

func (processes) open(name string) (handle, error) {
	path, err := windows.UTF16PtrFromString(objectName(name))
	if err != nil {
		return 0, err
	}
	h, _, err := windows.NewLazySystemDLL("kernel32.dll").NewProc("OpenJobObjectW").Call(jobAll, 0, uintptr(unsafe.Pointer(path)))
	if h == 0 {
		return 0, err
	}
	return handle(h), nil
}

func (processes) assign(job, process handle) error {
	return windows.AssignProcessToJobObject(windows.Handle(job), windows.Handle(process))
}

func (processes) keep(job, process handle) error {
	var theirs windows.Handle
	return windows.DuplicateHandle(windows.CurrentProcess(), windows.Handle(job), windows.Handle(process), &theirs, jobQuery, false, 0)
}

// members asks again with more room.
func (processes) members(job handle) ([]int, error) {
	for room := 64; room <= 1<<16; room *= 4 {
		buf := make([]uintptr, 1+room) // two counts of 32 bits, then the process ids
		err := windows.QueryInformationJobObject(windows.Handle(job), windows.JobObjectBasicProcessIdList, uintptr(unsafe.Pointer(&buf[0])), uint32(len(buf)*int(unsafe.Sizeof(buf[0]))), nil)
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

func (processes) terminate(job handle) error {
	return windows.TerminateJobObject(windows.Handle(job), endedCode)
}

func (processes) process(pid int, to purpose) (handle, error) {
	access := map[purpose]uint32{toLook: 0, toEnd: windows.PROCESS_TERMINATE, toContain: windows.PROCESS_SET_QUOTA | windows.PROCESS_TERMINATE | windows.PROCESS_DUP_HANDLE}[to] | windows.SYNCHRONIZE
	h, err := windows.OpenProcess(access|windows.PROCESS_QUERY_INFORMATION, false, uint32(pid))
	if errors.Is(err, windows.ERROR_ACCESS_DENIED) { // a protected one lets so much be asked only; it is enough but for Wine
		h, err = windows.OpenProcess(access|windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(pid))
	}
	if errors.Is(err, windows.ERROR_INVALID_PARAMETER) {
		return 0, errors.Join(fs.ErrNotExist, err)
	}
	return handle(h), err
}

// started is when a process was made, as the system counts time.
func (processes) started(process handle) (uint64, error) {
	var made, ended, kernel, user windows.Filetime
	if err := windows.GetProcessTimes(windows.Handle(process), &made, &ended, &kernel, &user); err != nil {
		return 0, fmt.Errorf("look when the process began: %w", err)
	}
	return uint64(made.HighDateTime)<<32 | uint64(made.LowDateTime), nil
}

func (processes) ended(process handle, within time.Duration) (bool, error) {
	event, err := windows.WaitForSingleObject(windows.Handle(process), uint32(within.Milliseconds()))
	return event == windows.WAIT_OBJECT_0, err
}

func (processes) in(process, job handle) (bool, error) {
	var in int32
	ok, _, err := windows.NewLazySystemDLL("kernel32.dll").NewProc("IsProcessInJob").Call(uintptr(process), uintptr(job), uintptr(unsafe.Pointer(&in)))
	if ok == 0 {
		return false, err
	}
	return in != 0, nil
}

func (processes) image(process handle) (string, error) { return imageName(windows.Handle(process)) }

func (processes) rights(process handle) (user string, admin bool, err error) {
	var token windows.Token
	if err := windows.OpenProcessToken(windows.Handle(process), windows.TOKEN_QUERY, &token); err != nil {
		return "", false, err
	}
	defer token.Close()
	f, err := factsOf(token)
	return f.user, f.admin, err
}

func (processes) end(process handle) error {
	return windows.TerminateProcess(windows.Handle(process), endedCode)
}

func (processes) pids() ([]int, error) {
	snapshot, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPPROCESS, 0)
	if err != nil {
		return nil, err
	}
	defer windows.CloseHandle(snapshot)
	var all []int
	e := windows.ProcessEntry32{Size: uint32(unsafe.Sizeof(windows.ProcessEntry32{}))}
	for err = windows.Process32First(snapshot, &e); err == nil; err = windows.Process32Next(snapshot, &e) {
		all = append(all, int(e.ProcessID))
	}
	if !errors.Is(err, windows.ERROR_NO_MORE_FILES) {
		return nil, err
	}
	return all, nil
}

func (processes) self() int { return os.Getpid() }

func (processes) close(h handle) { _ = windows.CloseHandle(windows.Handle(h)) }

// imageName is the file that a process runs.
func imageName(process windows.Handle) (string, error) {
	buf := make([]uint16, 32<<10)
	n := uint32(len(buf))
	if err := windows.QueryFullProcessImageName(process, 0, &buf[0], &n); err != nil {
		return "", fmt.Errorf("look what runs: %w", err)
	}
	return windows.UTF16ToString(buf[:n]), nil
}
