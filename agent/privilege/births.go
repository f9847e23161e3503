package privilege

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Births tells which programs began in a tree besides its first one. Who has it
// calls Each or Close, once.
type Births struct {
	os    newcomers
	first TreeRef
}

// newcomers is how a system tells of new processes of one tree.
type newcomers interface {
	// next waits for a process, no longer than within if that is not 0: errQuiet,
	// which may also come sooner. After stop it hands out what was told before, and
	// then [io.EOF] once.
	next(within time.Duration) (pid int, err error)
	// look names a process of the tree. One that has ended is an error, as its
	// number may be somebody else's by now; so is one that is not made up yet.
	look(pid int) (newcomer, error)
	stop()
	close()
}

// port is where a job of Windows tells what becomes of it.
type port interface {
	hear(within time.Duration) (message, error) // see next of [newcomers]
	stop()                                      // it hears of that, too
	close()
}

// message is what a port has heard.
type message struct {
	key  uintptr // jobKey, or another one of stop
	what uint32
	pid  int
}

const (
	jobKey        = 1
	jobNewProcess = 6 // JOB_OBJECT_MSG_NEW_PROCESS: the job has one more process
)

// jobNews are the newcomers of a job.
type jobNews struct {
	port
	sys jobs
	job handle
}

func (t jobTrees) births(ref TreeRef) (newcomers, error) {
	job, err := t.find(ref) // one without a name tells nobody
	if err != nil {
		return nil, err
	}
	port, err := t.sys.tells(job)
	if err != nil {
		t.sys.close(job)
		return nil, fmt.Errorf("have the job tell: %w", err)
	}
	return jobNews{port, t.sys, job}, nil
}

func (n jobNews) next(within time.Duration) (int, error) {
	m, err := n.hear(within)
	switch {
	case err != nil:
		return 0, err
	case m.key != jobKey:
		return 0, io.EOF
	case m.what != jobNewProcess:
		return 0, errQuiet
	}
	return m.pid, nil
}

// look holds the process while it reads, so that its number stays its own.
func (n jobNews) look(pid int) (one newcomer, err error) {
	process, err := n.sys.process(pid, toLook)
	if err != nil {
		return one, fmt.Errorf("open process %d: %w", pid, err)
	}
	defer n.sys.close(process)
	in, err := n.sys.in(process, n.job)
	if err != nil {
		return one, fmt.Errorf("look for process %d in its job: %w", pid, err)
	}
	if !in {
		return one, fmt.Errorf("process %d is not of the job", pid)
	}
	if one.started, err = n.sys.started(process); err != nil {
		return one, err
	}
	one.path, err = n.sys.image(process)
	return one, err
}

func (n jobNews) close() {
	n.port.close()
	n.sys.close(n.job)
}

// newcomer is a process that has just begun.
type newcomer struct {
	path    string
	started uint64 // as in [TreeRef]
}

// What stands for programs that are not named one by one.
const (
	BornUnnamed = "a program that ended before it could be named"
	BornMore    = "and more"
)

// bornMost is how many programs of one tree are told.
const bornMost = 200

// A process that is not made up yet, or gone, is looked at again for a moment.
const (
	lookAgain  = 5 * time.Millisecond
	lookFor    = 300 * time.Millisecond
	lookAtMost = 256 // processes at a time
)

var errQuiet = errors.New("nothing is told")

// Births begins to tell what the tree starts from now on, in place of whoever did
// before. What runs in it already may be told as well. [errors.ErrUnsupported] is
// of systems that do not tell.
func (t *Trees) Births(ref TreeRef) (*Births, error) {
	os, err := t.by.births(ref)
	if err != nil {
		return nil, fmt.Errorf("follow what %s starts: %w", ref.Name, err)
	}
	return &Births{os: os, first: ref}, nil
}

// Close gives up what is not wanted; nil is nothing.
func (b *Births) Close() {
	if b != nil {
		b.os.close()
	}
}

// Each calls tell for each program until ctx ends, and then for those that began
// before. A program is told once, however often it begins, and after 200 of them
// [BornMore] stands for the others. An error means that what follows is not known.
func (b *Births) Each(ctx context.Context, tell func(program string)) error {
	stopped := make(chan struct{})
	undo := context.AfterFunc(ctx, func() { b.os.stop(); close(stopped) })
	defer func() {
		if !undo() {
			<-stopped
		}
		b.os.close()
	}()
	lines := make(chan string, bornMost+1) // all that can come: naming never waits for tell
	var err error
	go func() {
		defer close(lines)
		err = b.name(lines)
	}()
	for line := range lines {
		tell(line)
	}
	if err != nil {
		return fmt.Errorf("follow what %s starts: %w", b.first.Name, err)
	}
	return nil
}

// unnamed is a process that could not be looked at yet.
type unnamed struct {
	pid   int
	until time.Time
}

// naming is the state of one [Births.Each].
type naming struct {
	*Births
	lines   chan<- string
	said    map[string]bool
	met     map[int]uint64 // when the process that had a number last began
	waiting []unnamed      // the oldest first
}

func (b *Births) name(lines chan<- string) error {
	n := naming{Births: b, lines: lines, said: map[string]bool{}, met: map[int]uint64{}}
	for over := false; !over || len(n.waiting) > 0; {
		within := time.Duration(0)
		if len(n.waiting) > 0 {
			within = lookAgain
		}
		pid, err := b.os.next(within)
		switch {
		case errors.Is(err, io.EOF):
			over = true
		case errors.Is(err, errQuiet):
		case err != nil:
			return err
		default:
			n.waiting = append(n.waiting, unnamed{pid, time.Now().Add(lookFor)})
		}
		n.look()
	}
	return nil
}

// look names what can be named, and gives up what could not be for long.
func (n *naming) look() {
	now, left := time.Now(), n.waiting[:0]
	for i, w := range n.waiting {
		program, known := n.program(w.pid)
		switch {
		case known:
			n.tell(program)
		case now.After(w.until) || i+lookAtMost < len(n.waiting):
			n.tell(BornUnnamed)
		default:
			left = append(left, w)
		}
	}
	n.waiting = left
}

// program is the file that a new process runs, "" for the first of the tree. The
// same process twice means that a number went from one to another, and that the
// one before is gone.
func (n *naming) program(pid int) (path string, known bool) {
	begun, err := n.os.look(pid)
	if pid == n.first.PID && (err != nil || begun.started == n.first.Started) {
		return "", true
	}
	if err != nil || begun.path == "" {
		return "", false
	}
	if started, again := n.met[pid]; again && started == begun.started {
		return BornUnnamed, true
	}
	n.met[pid] = begun.started
	return begun.path, true
}

// tell says a program unless it was said, or is none.
func (n *naming) tell(program string) {
	key := strings.ToLower(program)
	if program == "" || n.said[key] || len(n.said) > bornMost {
		return
	}
	if n.said[key] = true; len(n.said) > bornMost {
		program = BornMore
	}
	n.lines <- program
}
