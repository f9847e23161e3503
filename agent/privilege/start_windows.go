package privilege

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// checkPeople is what a spec says of people on this system.
func (s Spec) checkPeople() error { return s.checkSession() }

// start is that of [winStart].
func (t *Trees) start(ctx context.Context, spec Spec) (*Running, error) {
	return winStart{sys: windowsSystem{trees: t.os}, trees: t, only: t.os.only}.start(ctx, spec)
}

// windowsSystem is this machine.
type windowsSystem struct {
	windowsFiles
	trees osTrees
}

var _ winSystem = windowsSystem{}

// windowsChild is a process with its first thread.
type windowsChild struct {
	trees           osTrees
	process, thread windows.Handle
	id              int
}

func (c windowsChild) pid() int { return c.id }
func (c windowsChild) close()   { closeHandles([]windows.Handle{c.process, c.thread}) }

func (c windowsChild) contain(ref TreeRef) (TreeRef, error) {
	return c.trees.contain(ref, handle(c.process))
}

func (c windowsChild) image() (string, error) { return imageName(c.process) }

func (c windowsChild) token() (winToken, error) {
	var token windows.Token
	err := windows.OpenProcessToken(c.process, windows.TOKEN_QUERY, &token)
	return windowsToken{token}, err
}

func (c windowsChild) resume() error {
	_, err := windows.ResumeThread(c.thread)
	return err
}

func (c windowsChild) end() error { return windows.TerminateProcess(c.process, endedCode) }

func (c windowsChild) wait() error {
	_, err := windows.WaitForSingleObject(c.process, windows.INFINITE)
	return err
}

func (c windowsChild) code() (int, error) {
	var code uint32
	err := windows.GetExitCodeProcess(c.process, &code)
	return int(code), err
}

// wording is what a new process is told in text.
type wording struct {
	application, arguments, folder, desktop *uint16
	env                                     []uint16
}

func wordingOf(p winProcess) (w wording, err error) {
	var errs [5]error
	w.application, errs[0] = windows.UTF16PtrFromString(p.program)
	w.arguments, errs[1] = windows.UTF16PtrFromString(p.line)
	w.folder, errs[2] = windows.UTF16PtrFromString(p.folder)
	w.desktop, errs[3] = windows.UTF16PtrFromString(`winsta0\default`)
	w.env, errs[4] = environmentBlock(p.env)
	return w, errors.Join(errs[:]...)
}

// create makes the process. It gets exactly the files, or a window.
func (s windowsSystem) create(p winProcess) (winChild, error) {
	w, err := wordingOf(p)
	if err != nil {
		return nil, err
	}
	files, err := inherited(p.files)
	if err != nil {
		return nil, err
	}
	defer closeHandles(files)
	attributes, err := windows.NewProcThreadAttributeList(2)
	if err != nil {
		return nil, err
	}
	defer attributes.Delete()
	info := &windows.StartupInfoEx{ProcThreadAttributeList: attributes.List()}
	info.Cb, info.Desktop = uint32(unsafe.Sizeof(*info)), w.desktop
	flags := uint32(windows.CREATE_SUSPENDED | windows.CREATE_UNICODE_ENVIRONMENT | windows.EXTENDED_STARTUPINFO_PRESENT | windows.CREATE_NEW_PROCESS_GROUP)
	if len(files) > 0 {
		info.Flags = windows.STARTF_USESTDHANDLES
		info.StdInput, info.StdOutput, info.StdErr = files[0], files[1], files[2]
		flags |= windows.CREATE_NO_WINDOW
		if err := attributes.Update(windows.PROC_THREAD_ATTRIBUTE_HANDLE_LIST, unsafe.Pointer(&files[0]), uintptr(len(files))*unsafe.Sizeof(files[0])); err != nil {
			return nil, fmt.Errorf("hand over the files: %w", err)
		}
	} else {
		flags |= windows.CREATE_NEW_CONSOLE
	}
	policy := p.mitigations
	var guard *windows.SecurityAttributes
	if p.guard != "" {
		if guard, err = guardedAttributes(p.guard); err != nil {
			return nil, err
		}
		if err := attributes.Update(windows.PROC_THREAD_ATTRIBUTE_MITIGATION_POLICY, unsafe.Pointer(&policy), unsafe.Sizeof(policy)); err != nil {
			return nil, fmt.Errorf("guard the program: %w", err)
		}
	}
	var made windows.ProcessInformation
	err = windows.CreateProcessAsUser(p.token.(windowsToken).Token, w.application, w.arguments, guard, guard, len(files) > 0, flags, &w.env[0], w.folder, &info.StartupInfo, &made)
	runtime.KeepAlive(&policy)
	runtime.KeepAlive(guard)
	runtime.KeepAlive(files)
	if err != nil {
		return nil, fmt.Errorf("make the process: %w", err)
	}
	return windowsChild{trees: s.trees, process: made.Process, thread: made.Thread, id: int(made.ProcessId)}, nil
}

// inherited are handles of the files that the process gets.
func inherited(files []*os.File) ([]windows.Handle, error) {
	var out []windows.Handle
	self := windows.CurrentProcess()
	for _, f := range files {
		var h windows.Handle
		if err := windows.DuplicateHandle(self, windows.Handle(f.Fd()), self, &h, 0, true, windows.DUPLICATE_SAME_ACCESS); err != nil {
			closeHandles(out)
			return nil, fmt.Errorf("hand over the files: %w", err)
		}
		out = append(out, h)
	}
	return out, nil
}

func closeHandles(list []windows.Handle) {
	for _, h := range list {
		_ = windows.CloseHandle(h)
	}
}

func environmentBlock(env []string) ([]uint16, error) {
	var block []uint16
	for _, v := range env {
		one, err := windows.UTF16FromString(v)
		if err != nil {
			return nil, err
		}
		block = append(block, one...)
	}
	return append(block, 0), nil
}

// facts asks the system what the environment of a program tells.
func (windowsSystem) facts(of winToken) (f systemFacts, err error) {
	token := of.(windowsToken)
	if f.Root, err = windows.GetSystemWindowsDirectory(); err != nil {
		return f, fmt.Errorf("find the system's folder: %w", err)
	}
	for to, id := range map[*string]*windows.KNOWNFOLDERID{&f.Programs: windows.FOLDERID_ProgramFiles, &f.Data: windows.FOLDERID_ProgramData, &f.Public: windows.FOLDERID_Public} {
		if *to, err = windows.KnownFolderPath(id, windows.KF_FLAG_DONT_VERIFY); err != nil {
			return f, fmt.Errorf("find the system's folders: %w", err)
		}
	}
	f.Programs32, _ = windows.KnownFolderPath(windows.FOLDERID_ProgramFilesX86, windows.KF_FLAG_DONT_VERIFY) // there may be none
	if f.Profile, err = token.GetUserProfileDirectory(); err != nil {
		return f, fmt.Errorf("find the person's folder: %w", err)
	}
	user, err := token.GetTokenUser()
	if err != nil {
		return f, err
	}
	if f.User, f.Domain, _, err = user.User.Sid.LookupAccount(""); err != nil {
		return f, fmt.Errorf("find the account: %w", err)
	}
	if f.Computer, err = windows.ComputerName(); err != nil {
		return f, err
	}
	f.Processors, f.Machine = runtime.NumCPU(), map[string]string{"amd64": "AMD64", "arm64": "ARM64"}[runtime.GOARCH]
	return f, nil
}

// Signal ends the program and all that it started, whatever sig is: Windows has no
// signals for programs of another session. After the program's end it does nothing.
func (r *Running) Signal(syscall.Signal) error {
	return r.unlessOver(func() error { return (jobTrees{processes{}}).end(r.Tree) })
}

// HangUp ends the program because whoever it talked to is gone.
func (r *Running) HangUp() error {
	r.hang()
	return r.Signal(syscall.SIGHUP)
}

// Resize does nothing: no terminal is handed over on Windows.
func (r *Running) Resize(_, _ int) error { return nil }

// IsGate reports whether this process was started to become the program; never on
// Windows, where processes are made stopped.
func IsGate([]string) bool { return false }

// Gate is not needed on Windows.
func Gate() int { return 1 }
