package privilege

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"github.com/assent-epm/assent/shared/sign"
)

// gateName is the argument that turns the agent's binary into the gate.
const gateName = "exec-gate"

// startTime bounds everything between the fork and the program's first
// instruction.
const startTime = 10 * time.Second

// job is what the gate is told over its pipe. Arguments and paths are bytes:
// they need not be text.
type job struct {
	Path      []byte   `cbor:"path"` // what is executed
	Argv      [][]byte `cbor:"argv"`
	Env       [][]byte `cbor:"env"`
	Cwd       []byte   `cbor:"cwd"`
	Requester identity `cbor:"requester"`
	RunAs     identity `cbor:"run_as"`
	Alone     bool     `cbor:"alone,omitempty"` // it starts no other program
}

type identity struct {
	UID    uint32   `cbor:"uid"`
	GID    uint32   `cbor:"gid"`
	Groups []uint32 `cbor:"groups"`
}

func (a Account) identity() identity { return identity{UID: a.UID, GID: a.GID, Groups: a.Groups} }

func (t *Trees) start(ctx context.Context, spec Spec) (*Running, error) {
	if os.Geteuid() != 0 {
		return nil, fmt.Errorf("%w: only root can become somebody else", ErrIdentity)
	}
	ref, err := t.Plan(string(spec.Grant), spec.Requester.UID)
	if err != nil {
		return nil, err
	}
	program, err := prepare(spec)
	if err != nil {
		return nil, err
	}
	defer program.close()
	std, err := standardFiles(spec)
	if err != nil {
		return nil, err
	}
	defer std.close()
	gate, err := openGate(std, program.memory)
	if err != nil {
		std.closeMaster()
		return nil, err
	}
	defer gate.pipe.Close()
	run := &Running{PID: gate.cmd.Process.Pid, done: make(chan struct{})}
	go run.reap(gate.cmd)
	ref, err = t.hold(ctx, gate, ref, spec, job{
		Path: []byte(program.path), Argv: InBytes(append([]string{spec.argv0()}, spec.Args...)),
		Env: InBytes(environment(spec, ref.Name)), Cwd: []byte(spec.Cwd),
		Requester: spec.Requester.identity(), RunAs: spec.RunAs.identity(), Alone: spec.Alone,
	})
	if err != nil {
		_ = run.Signal(unix.SIGKILL) // it holds nothing yet but itself
		<-run.done
		std.closeMaster()
		return nil, errors.Join(err, t.End(ctx, ref, 0))
	}
	run.Master, run.Tree = std.master, ref
	return run, nil
}

// hold tells the gate its job, contains it while it waits, and lets it go.
func (t *Trees) hold(ctx context.Context, g *gate, plan TreeRef, spec Spec, j job) (TreeRef, error) {
	until := time.Now().Add(startTime)
	if err := g.pipe.SetDeadline(until); err != nil {
		return plan, err
	}
	stop := context.AfterFunc(ctx, func() { _ = g.pipe.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := sendJob(g.pipe, j); err != nil {
		return plan, err
	}
	ref, err := t.put(ctx, string(spec.Grant), spec.Requester.UID, g.cmd.Process.Pid, spec.TTL, false)
	if err != nil {
		_ = g.pipe.SetReadDeadline(time.Now().Add(killWait))
		return plan, errors.Join(err, gateSays(g.pipe, gateReady)) // it may have said why it is gone
	}
	if err := gateSays(g.pipe, gateReady); err != nil {
		return ref, err
	}
	if spec.Contained != nil {
		if err := spec.Contained(); err != nil {
			return ref, err
		}
	}
	if _, err := g.pipe.Write([]byte{gateGo}); err != nil {
		return ref, fmt.Errorf("let the program go: %w", err)
	}
	return ref, gateSays(g.pipe, 0)
}

// gateSays reads the gate's next word: the wanted byte, the end of the pipe
// when want is 0 (the gate became the program), or why it gave up.
func gateSays(pipe io.Reader, want byte) error {
	var b [1]byte
	_, err := io.ReadFull(pipe, b[:])
	switch {
	case err == io.EOF && want == 0:
		return nil
	case err == io.EOF:
		return errors.New("the new process ended before it was ready")
	case err != nil:
		return fmt.Errorf("wait for the new process: %w", err)
	case b[0] == want && want != 0:
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(pipe, 4096))
	if err != nil {
		return fmt.Errorf("read why the new process gave up: %w", err)
	}
	return gateError(b[0], string(text))
}

func sendJob(pipe io.Writer, j job) error {
	raw, err := sign.Encode(j)
	if err != nil {
		return fmt.Errorf("tell the new process its job: %w", err)
	}
	head := binary.BigEndian.AppendUint32(nil, uint32(len(raw)))
	if _, err := pipe.Write(append(head, raw...)); err != nil {
		return fmt.Errorf("tell the new process its job: %w", err)
	}
	return nil
}

type gate struct {
	cmd  *exec.Cmd
	pipe *os.File
}

// openGate starts this binary again as the gate: descriptor 3 is its pipe,
// descriptor 4 the program when it lies in memory.
func openGate(std *standard, memory *os.File) (*gate, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("make the pipe of the new process: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "gate"), os.NewFile(uintptr(pair[1]), "gate")
	defer theirs.Close()
	cmd := &exec.Cmd{
		Path: selfPath, Args: []string{"assent-agent", gateName}, Env: []string{"GODEBUG=", "GOGC=off"},
		Dir: "/", Stdin: std.child[0], Stdout: std.child[1], Stderr: std.child[2],
		ExtraFiles:  []*os.File{theirs},
		SysProcAttr: &syscall.SysProcAttr{Setsid: true, Setctty: std.master != nil, Ctty: std.control},
	}
	if memory != nil {
		cmd.ExtraFiles = append(cmd.ExtraFiles, memory)
	}
	if err := cmd.Start(); err != nil {
		_ = ours.Close()
		return nil, fmt.Errorf("make the new process: %w", err)
	}
	return &gate{cmd: cmd, pipe: ours}, nil
}

// selfPath is this binary, also after the file was replaced.
const selfPath = "/proc/self/exe"

// standard are the descriptors 0, 1 and 2 of the program.
type standard struct {
	child   [3]*os.File
	control int      // the child's descriptor that is the terminal
	master  *os.File // nil without a terminal
	slave   *os.File
}

// standardFiles replaces every terminal by one new pseudo terminal. Root never
// reads from or writes to the user's own: input could be put into it later.
func standardFiles(spec Spec) (*standard, error) {
	s := &standard{}
	var terminal [3]bool
	for i, f := range spec.Files {
		_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
		terminal[i] = err == nil
		s.child[i] = f
	}
	if terminal == [3]bool{} {
		return s, nil
	}
	var err error
	if s.master, s.slave, err = pty.Open(); err != nil {
		return nil, fmt.Errorf("open a pseudo terminal: %w", err)
	}
	if spec.Rows > 0 && spec.Cols > 0 {
		_ = pty.Setsize(s.master, &pty.Winsize{Rows: uint16(spec.Rows), Cols: uint16(spec.Cols)}) // only how it looks
	}
	if err := s.slave.Chown(int(spec.RunAs.UID), -1); err != nil {
		s.close()
		s.closeMaster()
		return nil, fmt.Errorf("give the pseudo terminal to %s: %w", spec.RunAs.Name, err)
	}
	if terminal[0] && !terminal[1] {
		quiet(s.slave) // the user's terminal echoes, it stays in line mode
	}
	s.control = -1
	for i := range terminal {
		if terminal[i] {
			s.child[i] = s.slave
			if s.control < 0 {
				s.control = i
			}
		}
	}
	return s, nil
}

func quiet(slave *os.File) {
	if mode, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS); err == nil {
		mode.Lflag &^= unix.ECHO
		_ = unix.IoctlSetTermios(int(slave.Fd()), unix.TCSETS, mode) // only how it looks
	}
}

func (s *standard) close() {
	if s.slave != nil {
		_ = s.slave.Close()
	}
}

func (s *standard) closeMaster() {
	if s.master != nil {
		_ = s.master.Close()
	}
}

func (r *Running) reap(cmd *exec.Cmd) {
	var info unix.Siginfo
	for { // the process stays a zombie, and its pid its own, until over is set
		err := unix.Waitid(unix.P_PID, r.PID, &info, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	r.mu.Lock()
	r.over = true
	r.mu.Unlock()
	err := cmd.Wait()
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
	code := status.ExitStatus()
	if status.Signaled() {
		code = 128 + int(status.Signal())
	}
	r.finish(code, nil)
}

// Signal sends sig to the program's process group. After the program's end it
// does nothing.
func (r *Running) Signal(sig syscall.Signal) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return nil
	}
	if err := unix.Kill(-r.PID, sig); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("signal the program: %w", err)
	}
	return nil
}

// HangUp tells the program that its terminal is gone.
func (r *Running) HangUp() error {
	r.hang()
	return errors.Join(r.Signal(unix.SIGHUP), r.Signal(unix.SIGCONT))
}

// Resize tells the program the size of its terminal, if it has one.
func (r *Running) Resize(rows, cols int) error {
	if r.Master == nil || rows <= 0 || cols <= 0 || rows > 0xffff || cols > 0xffff {
		return nil
	}
	if err := pty.Setsize(r.Master, &pty.Winsize{Rows: uint16(rows), Cols: uint16(cols)}); err != nil {
		return fmt.Errorf("resize the terminal: %w", err)
	}
	return nil
}
