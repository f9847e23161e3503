package privilege

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/assent-epm/assent/e2e/testgroup"
)

// procTable is the table of processes of Linux, as far as macOS tells of them.
type procTable struct{}

func (procTable) all() (list []fact, err error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if p, session, group, err := procLook(pid); err == nil {
			list = append(list, fact{pid: pid, parent: p.parent, group: group, session: session, started: p.started, dead: p.zombie})
		}
	}
	return list, nil
}

func (procTable) signal(pid int, sig syscall.Signal) { _ = syscall.Kill(pid, sig) } // it may be gone

// procLook reads a process of Linux as one of macOS.
func procLook(pid int) (p macProcess, session, group int, err error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return p, 0, 0, err
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return p, 0, 0, err
	}
	f := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	number := func(at int) int { n, _ := strconv.Atoi(f[at]); return n }
	p = macProcess{pid: pid, zombie: f[0] == "Z", parent: number(1), leader: number(3), device: number(4), started: uint64(number(19))}
	for line := range strings.Lines(string(status)) {
		name, values, _ := strings.Cut(line, ":")
		switch name {
		case "Uid":
			_, err = fmt.Sscan(values, &p.real, &p.uid, &p.was)
		case "Gid":
			_, err = fmt.Sscan(values, &p.realGID, &p.gid, &p.wasGID)
		}
		if err != nil {
			return p, 0, 0, err
		}
	}
	return p, number(3), number(2), nil
}

func lookProc(pid int) (macProcess, error) { p, _, _, err := procLook(pid); return p, err }

// The gate is plain Unix: it is the real one here, but for what Linux says of it.
func TestContractOfGates(t *testing.T) {
	t.Run("of a Mac of memory", func(t *testing.T) { gateContract(t, &studio{}) })
	t.Run("of this program", func(t *testing.T) {
		testgroup.Need(t, "root")
		gateContract(t, execGates{lookProc})
	})
}

func TestContractOfTables(t *testing.T) { tableContract(t, procTable{}) }

// studio is a Mac of memory: it has gates and knows two programs.
type studio struct {
	mu    sync.Mutex // guards the fields below
	next  int
	ran   []string
	calls []string
	fails string              // the call that fails
	wrong func(p *macProcess) // what the kernel says otherwise
	live  map[int]*studioGate
}

type studioGate struct {
	s     *studio
	id    int
	is    macProcess
	out   *os.File
	ended chan struct{}
	code  int
}

var errStudio = errors.New("the studio is closed")

// call notes one; the lock is held.
func (s *studio) call(name string) error {
	if s.calls = append(s.calls, name); s.fails == name {
		return errStudio
	}
	return nil
}

func (s *studio) begin(spec Spec) (macGate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.call("begin"); err != nil {
		return nil, err
	}
	fd, err := syscall.Dup(int(spec.Files[1].Fd()))
	if err != nil {
		return nil, err
	}
	s.next++
	id := 100 + s.next
	g := &studioGate{s: s, id: id, out: os.NewFile(uintptr(fd), "out"), ended: make(chan struct{}), is: macProcess{pid: id, parent: 1, started: uint64(id) * 1000, leader: id,
		uid: spec.RunAs.UID, real: spec.RunAs.UID, was: spec.RunAs.UID, gid: spec.RunAs.GID, realGID: spec.RunAs.GID, wasGID: spec.RunAs.GID}}
	if s.live == nil {
		s.live = map[int]*studioGate{}
	}
	s.live[id] = g
	return g, nil
}

func (g *studioGate) pid() int { return g.id }

func (g *studioGate) look() (macProcess, error) {
	g.s.mu.Lock()
	defer g.s.mu.Unlock()
	if err := g.s.call("look"); err != nil {
		return macProcess{}, err
	}
	if g.s.live[g.id] == nil {
		return macProcess{}, syscall.ESRCH
	}
	is := g.is
	if g.s.wrong != nil {
		g.s.wrong(&is)
	}
	return is, nil
}

func (g *studioGate) become(p passage) error {
	g.s.mu.Lock()
	defer g.s.mu.Unlock()
	if err := g.s.call("become"); err != nil {
		return err
	}
	g.s.ran = append(g.s.ran, p.Path)
	switch p.Path {
	case "/bin/echo":
		fmt.Fprintln(g.out, strings.Join(p.Argv[1:], " "))
	case "/usr/bin/false":
		g.code = 1
	default:
		g.code = 126
	}
	g.over()
	return nil
}

// over is the end of a process; the lock is held.
func (g *studioGate) over() {
	if g.s.live[g.id] != nil {
		delete(g.s.live, g.id)
		g.out.Close()
		close(g.ended)
	}
}

func (g *studioGate) end() {
	g.s.mu.Lock()
	defer g.s.mu.Unlock()
	g.s.calls = append(g.s.calls, "end")
	g.over()
}

func (g *studioGate) wait() (int, error) {
	<-g.ended
	return g.code, nil
}

// start starts /bin/echo in the studio.
func (s *studio) start(t *testing.T, ctx context.Context, change func(*Spec)) (*Running, error) {
	t.Helper()
	spec, _ := gateSpec(t, "/bin/echo", "hello")
	defer closeFiles(spec.Files[:])
	if change != nil {
		change(&spec)
	}
	plan := func(name string, _ uint32) (TreeRef, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		return TreeRef{Kind: TreeSessions, Name: "assent-x-" + name}, s.call("plan")
	}
	stage := func(spec Spec) (string, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		return spec.Path, s.call("stage")
	}
	return macStart{gates: s, plan: plan, stage: stage}.start(ctx, spec)
}

// A program of macOS runs only after its gate was looked at and is written down; each
// step that fails leaves no process, and nothing has run.
func TestOrderOfAStartOnMacOS(t *testing.T) {
	s := &studio{}
	written := TreeRef{}
	run, err := s.start(t, t.Context(), func(spec *Spec) {
		spec.Contained = func() error {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.calls = append(s.calls, "written")
			return nil
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"plan", "stage", "begin", "look", "written", "become"}; !slices.Equal(s.calls, want) {
		t.Errorf("the order is %v", s.calls)
	}
	if code, err := run.Wait(); code != 0 || err != nil || run.Tree.PID != run.PID || run.Tree.Started != uint64(run.PID)*1000 || run.Tree == written {
		t.Errorf("exit %d, %v, %+v", code, err, run.Tree)
	}
	if err := run.unlessOver(func() error { return errStudio }); err != nil {
		t.Error("what has ended is signalled")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, row := range map[string]struct {
		ctx    context.Context
		fails  string
		wrong  func(*macProcess)
		change func(*Spec)
		want   error
	}{
		"no plan":                {fails: "plan", want: errStudio},
		"no copy":                {fails: "stage", want: errStudio},
		"no process":             {fails: "begin", want: errStudio},
		"not to be looked at":    {fails: "look", want: ErrNotContained},
		"not told":               {fails: "become", want: ErrNotContained},
		"it has ended":           {wrong: func(p *macProcess) { p.zombie = true }, want: ErrNotContained},
		"another's number":       {wrong: func(p *macProcess) { p.pid++ }, want: ErrNotContained},
		"another user":           {wrong: func(p *macProcess) { p.uid, p.real, p.was = 7, 7, 7 }, want: ErrIdentity},
		"another user, kept":     {wrong: func(p *macProcess) { p.was++ }, want: ErrIdentity},
		"another user, really":   {wrong: func(p *macProcess) { p.real++ }, want: ErrIdentity},
		"another group":          {wrong: func(p *macProcess) { p.gid++ }, want: ErrIdentity},
		"another group, kept":    {wrong: func(p *macProcess) { p.wasGID++ }, want: ErrIdentity},
		"another group, really":  {wrong: func(p *macProcess) { p.realGID++ }, want: ErrIdentity},
		"not written down":       {change: func(s *Spec) { s.Contained = func() error { return errStudio } }, want: errStudio},
		"not wanted any more":    {ctx: ended, want: context.Canceled},
		"to be kept from others": {change: func(s *Spec) { s.Alone = true }, want: ErrNotContained},
	} {
		s := &studio{fails: row.fails, wrong: row.wrong}
		if row.ctx == nil {
			row.ctx = t.Context()
		}
		if run, err := s.start(t, row.ctx, row.change); !errors.Is(err, row.want) || run != nil {
			t.Errorf("%s: %+v, %v", name, run, err)
		}
		if len(s.ran) > 0 || len(s.live) > 0 {
			t.Errorf("%s: ran %v, left %v", name, s.ran, s.live)
		}
	}
}

// Who is spared is spared, the agent is never ended by itself, and a table that can
// not be read ends nobody.
func TestSessionTrees(t *testing.T) {
	s := &sessionsOf{list: []fact{{100, 10, 100, 100, 50, false}, {101, 100, 100, 100, 51, false}, {7, 100, 100, 100, 52, false}, {200, 1, 200, 200, 60, false}}}
	trees := sessionTrees{of: s, self: 7}
	ref, err := trees.put(t.Context(), TreeRef{Kind: TreeSessions, PID: 100}, 0, 1)
	if err != nil || ref.Started != 50 {
		t.Fatalf("%+v, %v", ref, err)
	}
	trees.ask(ref)
	trees.kill(ref, true)
	trees.kill(ref, false)
	if want := []string{"100 terminated", "101 terminated", "101 killed", "100 killed", "101 killed"}; !slices.Equal(s.told, want) {
		t.Errorf("told %v", s.told)
	}
	for _, pid := range []int{1, 0, 300} {
		if ref, err := trees.put(t.Context(), TreeRef{Kind: TreeSessions, PID: pid}, 0, 1); err == nil {
			t.Errorf("process %d: %+v", pid, ref)
		}
	}
	s.list[0].dead = true
	if ref, err := trees.put(t.Context(), TreeRef{Kind: TreeSessions, PID: 100}, 0, 1); err == nil {
		t.Errorf("one that has ended: %+v", ref)
	}
	s.told, s.err = nil, errStudio
	trees.kill(ref, false)
	if _, err := trees.members(ref); !errors.Is(err, errStudio) || len(s.told) > 0 {
		t.Errorf("%v, told %v", err, s.told)
	}
	if trees.usable(TreeJob) == nil || trees.usable(TreeSessions) != nil {
		t.Error("macOS has sessions, and no jobs")
	}
}

type sessionsOf struct {
	list []fact
	err  error
	told []string
}

func (s *sessionsOf) all() ([]fact, error) { return s.list, s.err }

func (s *sessionsOf) signal(pid int, sig syscall.Signal) {
	s.told = append(s.told, fmt.Sprint(pid, " ", sig))
}

// What macOS does not tell of a tree is neither named nor listed, and costs nothing: the
// reaper goes by the ledger.
func TestSessionTreesTellNothing(t *testing.T) {
	var trees sessionTrees
	ref := TreeRef{Kind: TreeSessions, PID: 70}
	list, err := trees.list("assent")
	if err := errors.Join(err, trees.extend(t.Context(), ref, time.Hour), trees.remove(ref)); err != nil || len(list) != 0 || trees.dir(ref.Kind, "x", 501) != "" {
		t.Errorf("%v %v", list, err)
	}
	if trees.watch(ref) == nil {
		t.Error("its end is waited for by nothing")
	}
	trees.close()
}
