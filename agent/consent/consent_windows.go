package consent

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Here is the Windows that this program runs on.
type Here struct{}

var _ System = Here{}

// Folder implements [System].
func (Here) Folder() (string, error) { return windows.GetSystemDirectory() }

// Processes implements [System].
func (Here) Processes() ([]Process, error) {
	snapshot, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPPROCESS, 0)
	if err != nil {
		return nil, err
	}
	defer windows.CloseHandle(snapshot)
	var list []Process
	e := windows.ProcessEntry32{Size: uint32(unsafe.Sizeof(windows.ProcessEntry32{}))}
	for err = windows.Process32First(snapshot, &e); err == nil; err = windows.Process32Next(snapshot, &e) {
		list = append(list, Process{PID: int(e.ProcessID), Parent: int(e.ParentProcessID), Name: windows.UTF16ToString(e.ExeFile[:])})
	}
	if !errors.Is(err, windows.ERROR_NO_MORE_FILES) {
		return nil, err
	}
	return list, nil
}

// Look implements [System].
func (Here) Look(pid int) (f Facts, err error) {
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(pid))
	if err != nil {
		return f, fmt.Errorf("open process %d: %w", pid, err)
	}
	defer windows.CloseHandle(h)
	name := make([]uint16, windows.MAX_LONG_PATH)
	size := uint32(len(name))
	if err := windows.QueryFullProcessImageName(h, 0, &name[0], &size); err != nil {
		return f, fmt.Errorf("read the image of process %d: %w", pid, err)
	}
	f.Image = windows.UTF16ToString(name[:size])
	if err := windows.ProcessIdToSessionId(uint32(pid), &f.Session); err != nil {
		return f, fmt.Errorf("read the session of process %d: %w", pid, err)
	}
	var began, ended, kernel, user windows.Filetime
	if err := windows.GetProcessTimes(h, &began, &ended, &kernel, &user); err != nil {
		return f, fmt.Errorf("read the start of process %d: %w", pid, err)
	}
	f.Started = began.Nanoseconds()
	f.Line = commandLine(h)
	return f, nil
}

// commandLine is that of a process, "" = the system does not tell it.
func commandLine(h windows.Handle) string {
	block := make([]uint64, 64<<10/8)
	var size uint32
	if windows.NtQueryInformationProcess(h, windows.ProcessCommandLineInformation, unsafe.Pointer(&block[0]), uint32(len(block)*8), &size) != nil {
		return ""
	}
	return (*windows.NTUnicodeString)(unsafe.Pointer(&block[0])).String()
}

// Memory implements [System].
func (Here) Memory(pid int, at uint64, n int) ([]byte, error) {
	h, err := windows.OpenProcess(windows.PROCESS_VM_READ, false, uint32(pid))
	if err != nil {
		return nil, fmt.Errorf("open process %d: %w", pid, err)
	}
	defer windows.CloseHandle(h)
	raw := make([]byte, n)
	var got uintptr
	if err := windows.ReadProcessMemory(h, uintptr(at), &raw[0], uintptr(n), &got); err != nil {
		return nil, fmt.Errorf("read of process %d: %w", pid, err)
	}
	return raw[:got], nil
}

// Split implements [System].
func (Here) Split(line string) ([]string, error) { return windows.DecomposeCommandLine(line) }

// Person implements [System].
func (Here) Person(session uint32) (string, error) {
	var token windows.Token
	if err := windows.WTSQueryUserToken(session, &token); err != nil {
		return "", fmt.Errorf("look who sits in session %d: %w", session, err)
	}
	defer token.Close()
	user, err := token.GetTokenUser()
	if err != nil {
		return "", fmt.Errorf("look who sits in session %d: %w", session, err)
	}
	return user.User.Sid.String(), nil
}
