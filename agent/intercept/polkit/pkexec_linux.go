package polkit

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/shared/elevation"
)

const pkexecPath = "/usr/bin/pkexec"

// caller is the pkexec that waits for polkit.
type caller struct {
	pid     int
	started uint64
	args    []string // of the program, exact
	cwd     string   // of the program
	shell   bool     // no program was named: it is the shell of the user to run as
}

// still makes sure that the pid is the process that was looked at.
func (c *caller) still() error {
	p, err := intercept.ReadProcess(c.pid)
	if err == nil && p.Started != c.started {
		err = errors.New("it is another process now")
	}
	return err
}

// findPkexec finds the process behind a question. polkit tells its parent and the
// arguments joined by blanks, which several vectors can have made; pkexec itself
// waits for the answer, so it is among the children of that parent. Only when all
// children that fit are one is it certain which arguments would run.
func (s *Server) findPkexec(q question, who intercept.Account) (*caller, error) {
	program, err := os.Stat(s.cfg.pkexec)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errArgv, err)
	}
	pids, err := childrenOf(q.pid)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errArgv, err)
	}
	var found []*caller
	for _, p := range pids {
		exe, err := os.Stat("/proc/" + strconv.Itoa(p.PID) + "/exe")
		if err != nil || !os.SameFile(exe, program) {
			continue
		}
		if uid, err := intercept.RealUID(p.PID); err != nil || uid != who.UID {
			continue
		}
		c, err := readCaller(p, q)
		if errors.Is(err, errOther) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errArgv, err)
		}
		found = append(found, c)
	}
	switch len(found) {
	case 0:
		return nil, errArgv
	case 1:
		return found[0], nil
	}
	return nil, errSeveral
}

// childrenOf reads the whole of /proc: a process that lives is never left out,
// which the shorter lists of children do not promise.
func childrenOf(parent int) ([]intercept.Process, error) {
	if parent <= 1 {
		return nil, errors.New("no parent")
	}
	proc, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer proc.Close()
	names, err := proc.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var found []intercept.Process
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if p, err := intercept.ReadProcess(pid); err == nil && p.Parent == parent {
			found = append(found, p)
		}
	}
	return found, nil
}

// errOther says that a pkexec runs something else.
var errOther = errors.New("another command")

func readCaller(p intercept.Process, q question) (*caller, error) {
	dir := "/proc/" + strconv.Itoa(p.PID)
	raw, err := readBounded(dir+"/cmdline", 2*elevation.MaxArgsBytes)
	if err != nil {
		return nil, err
	}
	typed, err := parsePkexec(splitArgs(raw))
	if err != nil {
		return nil, errOther
	}
	if !typed.makes(q.lookup("program"), q.lookup("command_line")) {
		return nil, errOther
	}
	c := &caller{pid: p.PID, started: p.Started, args: typed.args, shell: typed.program == ""}
	runAs, err := intercept.LookupRunAs(q.lookup("user"))
	if err != nil {
		return nil, err
	}
	c.cwd = runAs.Home // where pkexec goes
	if typed.keepCwd {
		if c.cwd, err = os.Readlink(dir + "/cwd"); err != nil {
			return nil, err
		}
	}
	if !filepath.IsAbs(c.cwd) {
		c.cwd = "/"
	}
	return c, c.still() // all of it was about this one process
}

// typed is the command line of a pkexec.
type typed struct {
	program string // as typed, "" = none
	args    []string
	keepCwd bool
}

// parsePkexec reads a command line as pkexec does.
func parsePkexec(argv []string) (typed, error) {
	var t typed
	for i := 1; i < len(argv); i++ {
		switch argv[i] {
		case "--help", "--version":
			return typed{}, errOther
		case "--disable-internal-agent":
		case "--keep-cwd":
			t.keepCwd = true
		case "--user", "-u":
			if i++; i == len(argv) {
				return typed{}, errOther
			}
		default:
			t.program, t.args = argv[i], slices.Clone(argv[i+1:])
			return t, nil
		}
	}
	if len(argv) == 0 {
		return typed{}, errOther
	}
	return t, nil
}

// makes reports whether pkexec tells polkit of t by this program and line.
func (t typed) makes(program, line string) bool {
	switch {
	case t.program == "":
		return line == program
	case filepath.IsAbs(t.program) && t.program != program, filepath.Base(t.program) != filepath.Base(program):
		return false
	}
	return line == strings.Join(append([]string{program}, t.args...), " ")
}

// splitArgs splits what /proc has of a command line.
func splitArgs(raw []byte) []string {
	if len(raw) == 0 {
		return nil
	}
	var argv []string
	for _, a := range bytes.Split(bytes.TrimSuffix(raw, []byte{0}), []byte{0}) {
		argv = append(argv, string(a))
	}
	return argv
}

func readBounded(path string, most int) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close()
	raw := make([]byte, 0, 4<<10)
	buf := make([]byte, 16<<10)
	for {
		n, err := f.Read(buf)
		raw = append(raw, buf[:n]...)
		switch {
		case len(raw) > most:
			return nil, intercept.ErrTooLong
		case n == 0 || err != nil:
			return raw, nil
		}
	}
}
