package privilege

import (
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// gateName is the argument of this program when it is to become another one. It
// waits until it is in the ledger and has been looked at.
const gateName = "assent-gate"

// passage is what the gate becomes.
type passage struct {
	Path string
	Argv []string
	Env  []string
}

func (t *Trees) start(_ context.Context, spec Spec) (*Running, error) {
	ref, err := t.Plan(string(spec.Grant), spec.Requester.UID)
	if err != nil {
		return nil, err
	}
	if spec.Alone {
		return nil, fmt.Errorf("%w: a program can not be kept from starting others on macOS", ErrNotContained)
	}
	path, err := staged(spec)
	if err != nil {
		return nil, err
	}
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer w.Close()
	cmd := exec.Command(exe, gateName)
	cmd.Dir, cmd.Env = spec.Cwd, []string{}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = spec.Files[0], spec.Files[1], spec.Files[2]
	cmd.ExtraFiles = []*os.File{r}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: &syscall.Credential{Uid: spec.RunAs.UID, Gid: spec.RunAs.GID, Groups: spec.RunAs.Groups}}
	err = cmd.Start()
	_ = r.Close() // the gate has it
	if err != nil {
		return nil, err
	}
	fail := func(err error) (*Running, error) {
		_ = cmd.Process.Kill() // it is still the gate
		_ = cmd.Wait()         // as above
		return nil, err
	}
	k, err := unix.SysctlKinfoProc("kern.proc.pid", cmd.Process.Pid)
	if err != nil {
		return fail(fmt.Errorf("%w: %w", ErrNotContained, err))
	}
	if k.Eproc.Ucred.Uid != spec.RunAs.UID {
		return fail(ErrIdentity)
	}
	ref.PID, ref.Started = cmd.Process.Pid, startOf(k)
	if spec.Contained != nil {
		if err := spec.Contained(); err != nil {
			return fail(err)
		}
	}
	var job bytes.Buffer
	if err := gob.NewEncoder(&job).Encode(passage{Path: path, Argv: append([]string{spec.argv0()}, spec.Args...), Env: environment(spec, ref.Name)}); err != nil {
		return fail(err)
	}
	if _, err := w.Write(job.Bytes()); err != nil {
		return fail(fmt.Errorf("%w: %w", ErrNotContained, err))
	}
	run := &Running{PID: ref.PID, Tree: ref, done: make(chan struct{})}
	go run.reap(cmd)
	return run, nil
}

// IsGate reports whether this process was started by [Trees.Start] to become the
// program.
func IsGate(args []string) bool { return len(args) == 2 && args[1] == gateName }

// Gate becomes the program once the agent has sent it. It returns only when that
// failed.
func Gate() int {
	pipe := os.NewFile(3, "job")
	var p passage
	err := gob.NewDecoder(pipe).Decode(&p)
	_ = pipe.Close() // nothing of it may reach the program
	if err != nil {
		return 1 // the agent changed its mind
	}
	unix.Umask(0o022)
	return failedExec(syscall.Exec(p.Path, p.Argv, p.Env))
}

func failedExec(err error) int {
	fmt.Fprintln(os.Stderr, "assent: the program can not be run:", err)
	return 126
}

func (r *Running) reap(cmd *exec.Cmd) {
	err := cmd.Wait()
	r.mu.Lock()
	r.over = true
	r.mu.Unlock()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		r.finish(0, fmt.Errorf("wait for process %d: %w", r.PID, err))
		return
	}
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok {
		r.finish(0, fmt.Errorf("wait for process %d: no status", r.PID))
		return
	}
	if status.Signaled() {
		r.finish(128+int(status.Signal()), nil)
		return
	}
	r.finish(status.ExitStatus(), nil)
}

// Signal sends one to the program and its group.
func (r *Running) Signal(sig syscall.Signal) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return nil
	}
	return unix.Kill(-r.PID, sig)
}

// HangUp tells the program that whoever started it is gone.
func (r *Running) HangUp() error {
	r.mu.Lock()
	r.hung = true
	r.mu.Unlock()
	return r.Signal(unix.SIGHUP)
}

// Resize has nothing to do: no terminal is handed over.
func (r *Running) Resize(_, _ int) error { return nil }
