//go:build linux || darwin

package privilege

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// macGateName is the argument of this program when it is to become another one. It
// waits until it is in the ledger and has been looked at.
const macGateName = "assent-gate"

// execGates starts this program as gates; look tells what the kernel says of a
// process. Linux has a gate of its own: there it serves tests alone.
type execGates struct {
	look func(pid int) (macProcess, error)
}

type execGate struct {
	cmd *exec.Cmd
	job *os.File // where it is told what it becomes
	is  func(pid int) (macProcess, error)
}

func (g execGates) begin(spec Spec) (macGate, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(exe, macGateName)
	cmd.Dir, cmd.Env = spec.Cwd, []string{}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = spec.Files[0], spec.Files[1], spec.Files[2]
	cmd.ExtraFiles = []*os.File{r}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: &syscall.Credential{Uid: spec.RunAs.UID, Gid: spec.RunAs.GID, Groups: spec.RunAs.Groups}}
	err = cmd.Start()
	_ = r.Close() // the gate has it
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return &execGate{cmd, w, g.look}, nil
}

func (g *execGate) pid() int                  { return g.cmd.Process.Pid }
func (g *execGate) look() (macProcess, error) { return g.is(g.pid()) }

func (g *execGate) become(p passage) error {
	var job bytes.Buffer
	if err := gob.NewEncoder(&job).Encode(p); err != nil {
		return err
	}
	_, err := g.job.Write(job.Bytes())
	return errors.Join(err, g.job.Close())
}

func (g *execGate) end() {
	_ = g.cmd.Process.Kill() // it may have ended
	_ = g.cmd.Wait()         // as above
	_ = g.job.Close()        // nothing more is written to it
}

func (g *execGate) wait() (int, error) {
	err := g.cmd.Wait()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		return 0, err
	}
	status, ok := g.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok {
		return 0, errors.New("no status")
	}
	if status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return status.ExitStatus(), nil
}

// isMacGate reports whether this process was started to become a program.
func isMacGate(args []string) bool { return len(args) == 2 && args[1] == macGateName }

// macGateMain becomes the program once the agent has sent it. It returns only when
// that failed, or the agent changed its mind.
func macGateMain() int {
	pipe := os.NewFile(3, "job")
	var p passage
	err := gob.NewDecoder(pipe).Decode(&p)
	_ = pipe.Close() // nothing of it may reach the program
	if err != nil {
		return 1
	}
	unix.Umask(0o022)
	err = syscall.Exec(p.Path, p.Argv, p.Env)
	fmt.Fprintln(os.Stderr, "assent: the program can not be run:", err)
	return 126
}
