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

// mitigations of a program with rights: libraries come from the system's folder
// first, never from another machine or a place of low trust, and nobody's hooks
// are loaded into it.
const mitigations = uint64(1)<<32 | 1<<52 | 1<<56 | 1<<60

// child is a process that was made and does not run yet.
type child struct{ process, thread windows.Handle }

func (c child) close() { _, _ = windows.CloseHandle(c.process), windows.CloseHandle(c.thread) }

// start makes the process stopped, puts it into its job, reads back what it is,
// and lets it go.
func (t *Trees) start(ctx context.Context, spec Spec) (*Running, error) {
	if spec.Alone {
		return nil, fmt.Errorf("%w: a program is not kept from starting others on Windows", ErrNotContained)
	}
	ref, err := t.Plan(string(spec.Grant), 0)
	if err != nil {
		return nil, err
	}
	held, err := t.os.holdImage(spec)
	if err != nil {
		return nil, err
	}
	defer held.close()
	token, err := tokenFor(spec)
	if err != nil {
		return nil, err
	}
	defer token.Close()
	c, pid, err := create(spec, held, token, ref)
	if err != nil {
		return nil, err
	}
	ref.PID = pid
	run := &Running{PID: pid, Tree: ref, done: make(chan struct{})}
	if err := t.release(ctx, spec, held, c, run); err != nil {
		_ = windows.TerminateProcess(c.process, endedCode) // it never ran; the tree is read below
		c.close()
		run.Births.Close()
		return nil, errors.Join(err, t.End(context.WithoutCancel(ctx), run.Tree, 0))
	}
	_ = windows.CloseHandle(c.thread)
	go run.reap(c.process)
	return run, nil
}

func (t *Trees) release(ctx context.Context, spec Spec, held *image, c child, run *Running) (err error) {
	if run.Tree, err = t.os.contain(run.Tree, handle(c.process)); err != nil {
		return fmt.Errorf("%w: %w", ErrNotContained, err)
	}
	if spec.Follow {
		if run.Births, err = t.Births(run.Tree); err != nil {
			return err
		}
	}
	if err := held.runs(c.process); err != nil {
		return err
	}
	var token windows.Token
	if err := windows.OpenProcessToken(c.process, windows.TOKEN_QUERY, &token); err != nil {
		return fmt.Errorf("%w: %w", ErrIdentity, err)
	}
	defer token.Close()
	facts, err := factsOf(token)
	if err == nil {
		err = spec.checkToken(facts)
	}
	if err != nil {
		return err
	}
	if !spec.Own {
		if err := guarded(c.process, c.thread); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if spec.Contained != nil {
		if err := spec.Contained(); err != nil {
			return err
		}
	}
	if _, err := windows.ResumeThread(c.thread); err != nil {
		return fmt.Errorf("let the program go: %w", err)
	}
	return nil
}

// wording is what a new process is told in text.
type wording struct {
	application, arguments, folder, desktop *uint16
	env                                     []uint16
}

func wordingOf(spec Spec, held *image, token windows.Token, ref TreeRef) (w wording, err error) {
	line, err := commandLine(append([]string{spec.argv0()}, spec.Args...))
	if err != nil {
		return w, err
	}
	facts, err := systemOf(token, held.temp)
	if err != nil {
		return w, err
	}
	cwd := spec.Cwd
	if !spec.Own { // libraries are also looked for where a program begins
		cwd = facts.Root + `\System32`
	}
	var errs [5]error
	w.application, errs[0] = windows.UTF16PtrFromString(held.path)
	w.arguments, errs[1] = windows.UTF16PtrFromString(line)
	w.folder, errs[2] = windows.UTF16PtrFromString(cwd)
	w.desktop, errs[3] = windows.UTF16PtrFromString(`winsta0\default`)
	w.env, errs[4] = environmentBlock(windowsEnvironment(spec, facts, ref.Name))
	return w, errors.Join(errs[:]...)
}

// create makes the process. It gets exactly the three files, or a window.
func create(spec Spec, held *image, token windows.Token, ref TreeRef) (child, int, error) {
	w, err := wordingOf(spec, held, token, ref)
	if err != nil {
		return child{}, 0, err
	}
	files, err := inherited(spec.Files)
	if err != nil {
		return child{}, 0, err
	}
	defer closeHandles(files)
	attributes, err := windows.NewProcThreadAttributeList(2)
	if err != nil {
		return child{}, 0, err
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
			return child{}, 0, fmt.Errorf("hand over the files: %w", err)
		}
	} else {
		flags |= windows.CREATE_NEW_CONSOLE
	}
	policy := mitigations
	if !spec.Own {
		if err := attributes.Update(windows.PROC_THREAD_ATTRIBUTE_MITIGATION_POLICY, unsafe.Pointer(&policy), unsafe.Sizeof(policy)); err != nil {
			return child{}, 0, fmt.Errorf("guard the program: %w", err)
		}
	}
	var guard *windows.SecurityAttributes
	if !spec.Own {
		if guard, err = guardedAttributes(); err != nil {
			return child{}, 0, err
		}
	}
	var made windows.ProcessInformation
	err = windows.CreateProcessAsUser(token, w.application, w.arguments, guard, guard, len(files) > 0, flags, &w.env[0], w.folder, &info.StartupInfo, &made)
	runtime.KeepAlive(&policy)
	runtime.KeepAlive(guard)
	runtime.KeepAlive(files)
	if err != nil {
		return child{}, 0, fmt.Errorf("make the process: %w", err)
	}
	return child{process: made.Process, thread: made.Thread}, int(made.ProcessId), nil
}

// inherited are handles of the files that the process gets; none for none.
func inherited(files [3]*os.File) ([]windows.Handle, error) {
	var out []windows.Handle
	self := windows.CurrentProcess()
	for _, f := range files {
		if f == nil {
			continue
		}
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

// systemOf asks the system what the environment of a program tells.
func systemOf(token windows.Token, temp string) (f systemFacts, err error) {
	if f.Root, err = windows.GetSystemWindowsDirectory(); err != nil {
		return f, fmt.Errorf("find the system's folder: %w", err)
	}
	for to, id := range map[*string]*windows.KNOWNFOLDERID{&f.Programs: windows.FOLDERID_ProgramFiles, &f.Data: windows.FOLDERID_ProgramData, &f.Public: windows.FOLDERID_Public} {
		if *to, err = windows.KnownFolderPath(id, windows.KF_FLAG_DONT_VERIFY); err != nil {
			return f, fmt.Errorf("find the system's folders: %w", err)
		}
	}
	if path, err := windows.KnownFolderPath(windows.FOLDERID_ProgramFilesX86, windows.KF_FLAG_DONT_VERIFY); err == nil && path != f.Programs {
		f.Programs32 = path
	}
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
	if f.Temp = temp; temp == "" {
		f.Temp = f.Root + `\Temp`
	}
	return f, nil
}

func (r *Running) reap(process windows.Handle) {
	defer windows.CloseHandle(process)
	if _, err := windows.WaitForSingleObject(process, windows.INFINITE); err != nil {
		r.finish(0, fmt.Errorf("wait for process %d: %w", r.PID, err))
		return
	}
	r.mu.Lock()
	r.over = true
	r.mu.Unlock()
	var code uint32
	if err := windows.GetExitCodeProcess(process, &code); err != nil {
		r.finish(0, fmt.Errorf("wait for process %d: %w", r.PID, err))
		return
	}
	r.finish(int(code), nil)
}

// Signal ends the program and all that it started, whatever sig is: Windows has no
// signals for programs of another session. After the program's end it does nothing.
func (r *Running) Signal(syscall.Signal) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return nil
	}
	if err := (jobTrees{processes{}}).end(r.Tree); err != nil {
		return fmt.Errorf("end the program: %w", err)
	}
	return nil
}

// HangUp ends the program because whoever it talked to is gone.
func (r *Running) HangUp() error {
	r.mu.Lock()
	r.hung = !r.over
	r.mu.Unlock()
	return r.Signal(syscall.SIGHUP)
}

// Resize does nothing: no terminal is handed over on Windows.
func (r *Running) Resize(_, _ int) error { return nil }

// IsGate reports whether this process was started to become the program; never on
// Windows, where processes are made stopped.
func IsGate([]string) bool { return false }

// Gate is not needed on Windows.
func Gate() int { return 1 }
