package privilege

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// village is a machine of memory: processes that begin and end, as the system counts
// them, and jobs that hold them. Numbers of who has ended are given again.
type village struct {
	mu     sync.Mutex // guards the fields below, once more than one goroutine uses them
	now    uint64
	all    map[int]*villager
	jobs   map[string]*fakeJob
	held   map[handle]any // *villager or *fakeJob
	last   handle
	system bool                // this program is the system
	fails  map[string]error    // calls that fail, by their name
	before map[string]func()   // what happens before a call, once
	seats  map[uint32]occupant // sessions with somebody in them
	states map[uint32]uint32   // of sessions
}

// villager is a process.
type villager struct {
	kin
	pid    int
	path   string
	admin  bool
	over   bool
	job    *fakeJob
	denies purpose // who asks for that gets nothing
	stays  bool    // it does not end
	early  int     // looks for which it is not made up yet
	atEnd  func()
}

// fakeJob is a job. Its name lasts as long as somebody holds it.
type fakeJob struct {
	permanent, foreign bool
	keeper             *villager
	ear                *jobEar // nil = nobody
}

// jobEar is who is told.
type jobEar struct {
	*village
	job   *fakeJob
	lines chan message
}

var (
	_ kinship   = &village{}
	_ jobs      = &village{}
	_ terminals = &village{}
)

func newVillage() *village {
	return &village{now: 100, system: true, all: map[int]*villager{}, jobs: map[string]*fakeJob{}, held: map[handle]any{}, fails: map[string]error{}, before: map[string]func(){}}
}

// begins starts a process of a parent as somebody, in a session and in the parent's job.
func (v *village) begins(pid, parent int, user string, session uint32) kin {
	var job *fakeJob
	if up := v.all[parent]; up != nil {
		job = up.job
	}
	return v.beginsIn(job, pid, parent, user, session, consolePath)
}

// consolePath is a program of a console.
const consolePath = `C:\shell.exe`

func (v *village) beginsIn(job *fakeJob, pid, parent int, user string, session uint32, path string) kin {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.now++
	one := &villager{kin: kin{parent: parent, started: v.now, user: user, session: session, leader: pid, tty: int(session)}, pid: pid, path: path}
	v.all[pid] = one
	if job != nil {
		v.joins(one, job)
	}
	return one.kin
}

func (v *village) joins(one *villager, job *fakeJob) {
	if one.job = job; job.ear != nil {
		job.ear.lines <- message{jobKey, jobNewProcess, one.pid}
	}
}

// ends ends a process, unless it can not be ended. It can be found for as long as
// somebody holds it.
func (v *village) ends(pid int) {
	v.mu.Lock()
	one := v.all[pid]
	if one == nil || one.stays || one.over {
		v.mu.Unlock()
		return
	}
	one.over = true
	if one.job != nil && one.job.ear != nil {
		one.job.ear.lines <- message{jobKey, 7, pid} // JOB_OBJECT_MSG_EXIT_PROCESS
	}
	v.settle()
	v.mu.Unlock()
	if one.atEnd != nil {
		one.atEnd()
	}
}

// settle forgets what nobody holds.
func (v *village) settle() {
	holds := slices.Collect(maps.Values(v.held))
	maps.DeleteFunc(v.all, func(_ int, one *villager) bool { return one.over && !slices.Contains(holds, any(one)) })
	maps.DeleteFunc(v.jobs, func(_ string, j *fakeJob) bool {
		return !j.permanent && !j.foreign && !slices.Contains(holds, any(j)) && (j.keeper == nil || j.keeper.over)
	})
}

// call is the begin of each call.
func (v *village) call(name string) error {
	v.mu.Lock()
	then := v.before[name]
	delete(v.before, name)
	v.mu.Unlock()
	if then != nil {
		then()
	}
	return v.fails[name]
}

// hold is a new handle of a thing.
func (v *village) hold(thing any) handle {
	v.last += 4
	v.held[v.last] = thing
	return v.last
}

func (v *village) close(h handle) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, is := v.held[h]; !is {
		panic(fmt.Sprintf("handle %d is closed twice, or none", h))
	}
	delete(v.held, h)
	v.settle()
}

func (v *village) look(pid int) (kin, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	one, ok := v.all[pid]
	if !ok || one.over {
		return kin{}, errors.New("nobody has that number")
	}
	return one.kin, nil
}

func (v *village) types(pid int) bool { return typesInto(v, pid) }

func (v *village) runs(pid int) (string, error) {
	if one := v.all[pid]; one != nil {
		return one.path, v.call("runs")
	}
	return "", errors.New("nobody has that number")
}

func (v *village) head(path string, _ int) ([]byte, error) {
	if strings.HasSuffix(path, `\shell.exe`) {
		return consoleProgram(), v.call("head")
	}
	return []byte("MZ, and windows"), v.call("head")
}

func (v *village) make(name string) (handle, error) {
	if err := v.call("make"); err != nil {
		return 0, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.jobs[name] != nil {
		return 0, fs.ErrExist
	}
	v.jobs[name] = &fakeJob{}
	return v.hold(v.jobs[name]), nil
}

func (v *village) open(name string) (handle, error) {
	if err := v.call("open"); err != nil {
		return 0, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	switch j := v.jobs[name]; {
	case j == nil:
		return 0, fs.ErrNotExist
	case j.foreign:
		return 0, fs.ErrPermission
	default:
		return v.hold(j), nil
	}
}

func (v *village) names() ([]string, error) {
	err := v.call("names")
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Sorted(maps.Keys(v.jobs)), err
}

func (v *village) aJob(h handle) *fakeJob      { return v.held[h].(*fakeJob) }
func (v *village) aProcess(h handle) *villager { return v.held[h].(*villager) }

func (v *village) assign(job, process handle) error {
	if err := v.call("assign"); err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.joins(v.aProcess(process), v.aJob(job))
	return nil
}

func (v *village) members(job handle) (pids []int, err error) {
	if err := v.call("members"); err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for pid, one := range v.all {
		if one.job == v.aJob(job) && !one.over {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids, nil
}

func (v *village) terminate(job handle) error {
	pids, err := v.members(job)
	for _, pid := range pids {
		v.ends(pid)
	}
	return err
}

func (v *village) permanent(job handle) error {
	if err := v.call("permanent"); err != nil || !v.system {
		return errors.Join(fs.ErrPermission, err)
	}
	v.aJob(job).permanent = true
	return nil
}

func (v *village) temporary(job handle) error {
	if err := v.call("temporary"); err != nil {
		return err
	}
	v.aJob(job).permanent = false
	return nil
}

func (v *village) keep(job, process handle) error {
	if err := v.call("keep"); err != nil {
		return err
	}
	v.aJob(job).keeper = v.aProcess(process)
	return nil
}

func (v *village) process(pid int, to purpose) (handle, error) {
	if err := v.call("process to " + string(to)); err != nil {
		return 0, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	switch one := v.all[pid]; {
	case one == nil:
		return 0, fs.ErrNotExist
	case one.denies == to:
		return 0, fs.ErrPermission
	default:
		if one.early--; one.early >= 0 {
			return 0, errors.New("it is not made up yet")
		}
		return v.hold(one), nil
	}
}

func (v *village) started(process handle) (uint64, error) {
	err := v.call("started")
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.aProcess(process).started, err
}

func (v *village) ended(process handle, within time.Duration) (bool, error) {
	err := v.call("ended")
	for {
		v.mu.Lock()
		over := v.aProcess(process).over
		v.mu.Unlock()
		if over || within <= 0 || err != nil {
			return over, err
		}
		<-time.After(time.Millisecond)
		within -= time.Millisecond
	}
}

func (v *village) in(process, job handle) (bool, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.aProcess(process).job == v.aJob(job), v.fails["in"]
}

func (v *village) image(process handle) (string, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.aProcess(process).path, nil
}

func (v *village) rights(process handle) (string, bool, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.aProcess(process).user, v.aProcess(process).admin, v.fails["rights"]
}

func (v *village) end(process handle) error {
	err := v.call("end")
	v.mu.Lock()
	pid := v.aProcess(process).pid
	v.mu.Unlock()
	if pid == v.self() {
		panic("this process has ended itself")
	}
	v.ends(pid)
	return err
}

func (v *village) pids() ([]int, error) {
	err := v.call("pids")
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Sorted(maps.Keys(v.all)), err
}

// self is the agent.
func (v *village) self() int { return 20 }

func (v *village) tells(job handle) (port, error) {
	if err := v.call("tells"); err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	j := v.aJob(job)
	j.ear = &jobEar{v, j, make(chan message, 10_000)}
	for pid, one := range v.all {
		if one.job == j {
			j.ear.lines <- message{jobKey, jobNewProcess, pid}
		}
	}
	return j.ear, nil
}

func (e *jobEar) hear(within time.Duration) (message, error) {
	var quiet <-chan time.Time
	if within > 0 {
		quiet = time.After(within)
	}
	select {
	case m := <-e.lines:
		return m, nil
	case <-quiet:
		return message{}, errQuiet
	}
}

func (e *jobEar) stop() { e.lines <- message{} }

func (e *jobEar) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.job.ear == e {
		e.job.ear = nil
	}
}

func (v *village) sessions() (all []terminal, err error) {
	for number, state := range v.states {
		all = append(all, terminal{number, state})
	}
	return all, v.call("sessions")
}

func (v *village) occupant(session uint32) (occupant, error) {
	if _, is := v.states[session]; !is {
		return occupant{}, errors.New("there is no such session")
	}
	o := v.seats[session]
	o.state = v.states[session]
	return o, v.call("occupant")
}
