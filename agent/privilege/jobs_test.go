package privilege

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// jobWorld is where jobs are, with processes.
type jobWorld struct {
	jobs
	name  string // of a job that is not there
	begin func() (pid int, end func())
}

// contractOfJobsAlone is what a system does with jobs and processes.
func contractOfJobsAlone(t *testing.T, w jobWorld) {
	fine := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	if _, err := w.open(w.name); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("a job that nobody made: %v", err)
	}
	pid, end := w.begin()
	defer end()
	job, err := w.make(w.name)
	fine("make a job", err)
	if _, err := w.make(w.name); !errors.Is(err, fs.ErrExist) {
		t.Errorf("make it again: %v", err)
	}
	process, err := w.process(pid, toContain)
	fine("hold a process", err)
	me, err := w.process(w.self(), toLook)
	fine("hold this one", err)
	began, err := w.started(me)
	fine("when this one began", err)
	if started, err := w.started(process); err != nil || started < began {
		t.Errorf("it began at %d, after %d: %v", started, began, err)
	}
	if in, err := w.in(process, job); in || err != nil {
		t.Errorf("it is in the job before it is put there: %v, %v", in, err)
	}
	fine("put it into the job", w.assign(job, process))
	if in, err := w.in(process, job); !in || err != nil {
		t.Errorf("it is not in the job: %v, %v", in, err)
	}
	if in, err := w.in(me, job); in || err != nil {
		t.Errorf("this one is in it: %v, %v", in, err)
	}
	if err := w.permanent(job); err != nil {
		t.Logf("only the system may have a name stay: %v", err)
		fine("have the process keep the name", w.keep(job, process))
	}
	w.close(job)
	job, err = w.open(w.name)
	fine("find the job", err)
	if pids, err := w.members(job); err != nil || !slices.Equal(pids, []int{pid}) {
		t.Errorf("in it are %v, %v", pids, err)
	}
	if names, err := w.names(); err != nil || !slices.Contains(names, w.name) {
		t.Errorf("the jobs are %v, %v", names, err)
	}
	if all, err := w.pids(); err != nil || !slices.Contains(all, pid) || !slices.Contains(all, w.self()) {
		t.Errorf("the processes are %v, %v", all, err)
	}
	mine, _, err := w.rights(me)
	fine("whose this one is", err)
	if user, _, err := w.rights(process); user != mine || err != nil {
		t.Errorf("it is of %q, want %q: %v", user, mine, err)
	}
	if path, err := w.image(process); path == "" || err != nil {
		t.Errorf("it runs %q, %v", path, err)
	}
	if ended, err := w.ended(process, 0); ended || err != nil {
		t.Errorf("it has ended: %v, %v", ended, err)
	}
	fine("end the job", w.terminate(job))
	if ended, err := w.ended(process, 10*time.Second); !ended || err != nil {
		t.Errorf("it has not ended with its job: %v, %v", ended, err)
	}
	if pids, err := w.members(job); err != nil || len(pids) > 0 {
		t.Errorf("in it are still %v, %v", pids, err)
	}
	w.close(process)
	end()
	soonGone(t, "the number of who has ended", func() (handle, error) { return w.process(pid, toLook) }, w.close)
	fine("let the name go", w.temporary(job))
	w.close(job)
	soonGone(t, "the name", func() (handle, error) { return w.open(w.name) }, w.close)
	w.close(me)
	pid, end = w.begin()
	defer end()
	process, err = w.process(pid, toEnd)
	fine("hold another one", err)
	defer w.close(process)
	fine("end it", w.end(process))
	if ended, err := w.ended(process, 10*time.Second); !ended || err != nil {
		t.Errorf("it has not ended: %v, %v", ended, err)
	}
}

// soonGone waits until nobody finds a thing: a system may hold it for a moment.
func soonGone(t *testing.T, what string, find func() (handle, error), let func(handle)) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; <-time.After(10 * time.Millisecond) {
		h, err := find()
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		if err != nil || time.Now().After(end) {
			t.Errorf("%s is still found: %v", what, err)
			return
		}
		let(h)
	}
}

func TestJobsOfTheVillage(t *testing.T) {
	for _, system := range []bool{true, false} {
		v := newVillage()
		v.system = system
		v.begins(20, 10, windowsAlice, 2)
		pid := 30
		contractOfJobsAlone(t, jobWorld{v, "assent-r-x", func() (int, func()) {
			pid++
			v.begins(pid, 20, windowsAlice, 2)
			mine := pid
			return mine, func() { v.ends(mine) }
		}})
		v.nothingHeld(t)
	}
}

func (v *village) nothingHeld(t *testing.T) {
	t.Helper()
	if len(v.held) > 0 {
		t.Errorf("still held: %v", v.held)
	}
}

// lives reports whether a process that began so goes on.
func (v *village) lives(pid int, began kin) bool {
	k, err := v.look(pid)
	return err == nil && k.started == began.started
}

// inJob begins a process and puts it into a tree of its own, with a child.
func inJob(t *testing.T, v *village) (trees jobTrees, ref TreeRef, first, child kin) {
	t.Helper()
	first = v.begins(40, 10, windowsAlice, 2)
	trees = jobTrees{v}
	ref, err := trees.put(t.Context(), TreeRef{Kind: TreeJob, Name: "assent-r-x", PID: 40}, 0, time.Minute)
	if err != nil || ref.Started != first.started {
		t.Fatalf("%+v, %v", ref, err)
	}
	return trees, ref, first, v.begins(44, 40, windowsAlice, 2)
}

var errBroken = errors.New("the system says no")

// Whatever fails, the process is not said to be contained, nothing stays held, and what
// is in the job all the same is found by its plan.
func TestContainFails(t *testing.T) {
	for _, step := range []string{"process to contain", "make", "started", "assign", "keep", "members"} {
		v := newVillage()
		v.system = step != "keep"
		v.begins(40, 10, windowsAlice, 2)
		v.fails[step] = errBroken
		plan := TreeRef{Kind: TreeJob, Name: "assent-r-x"}
		ref := plan
		ref.PID = 40
		if ref, err := (jobTrees{v}).put(t.Context(), ref, 0, time.Minute); !errors.Is(err, errBroken) {
			t.Errorf("%s: %+v, %v", step, ref, err)
		}
		v.nothingHeld(t)
		v.fails = map[string]error{}
		if named := v.jobs[plan.Name] != nil; named != (step == "members") {
			t.Errorf("%s: the job has a name: %v", step, named)
			continue
		}
		if err := (jobTrees{v}).end(plan); err != nil || v.all[40] == nil != (step == "members") {
			t.Errorf("%s: what was in the job goes on, or what was not has ended: %v", step, err)
		}
	}
	v := newVillage()
	v.begins(40, 10, windowsAlice, 2)
	v.before["members"] = func() { v.ends(40) }
	if ref, err := (jobTrees{v}).put(t.Context(), TreeRef{Kind: TreeJob, Name: "assent-r-x", PID: 40}, 0, time.Minute); err == nil {
		t.Errorf("one that is not in its job is contained: %+v", ref)
	}
	v.nothingHeld(t)
}

// A job that somebody made under the name is not used.
func TestPlantedJob(t *testing.T) {
	v := newVillage()
	me := v.begins(40, 10, windowsAlice, 2)
	theirs, err := v.make("assent-r-x")
	if err != nil {
		t.Fatal(err)
	}
	if ref, err := (jobTrees{v}).put(t.Context(), TreeRef{Kind: TreeJob, Name: "assent-r-x", PID: 40}, 0, time.Minute); !errors.Is(err, fs.ErrExist) {
		t.Errorf("%+v, %v", ref, err)
	}
	if pids, err := v.members(theirs); len(pids) > 0 || err != nil || !v.lives(40, me) {
		t.Errorf("in their job are %v, %v", pids, err)
	}
	v.close(theirs)
	v.nothingHeld(t)
}

// A tree is found by its job, and without one by its first process and when that began.
func TestMembersOfJobs(t *testing.T) {
	v := newVillage()
	v.system = false
	trees, ref, first, _ := inJob(t, v)
	check := func(what string, ref TreeRef, want ...int) {
		t.Helper()
		if got, err := trees.members(ref); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v", what, got, err)
		}
	}
	check("a job", ref, 40, 44)
	check("by its plan", TreeRef{Kind: TreeJob, Name: ref.Name}, 40, 44)
	check("one that was never made", TreeRef{Kind: TreeJob, Name: "assent-r-y"})
	v.fails["open"] = errBroken
	if pids, err := trees.members(ref); !errors.Is(err, errBroken) {
		t.Errorf("a job that can not be opened: %v, %v", pids, err)
	}
	v.fails = map[string]error{}
	v.jobs[ref.Name].foreign = true
	if pids, err := trees.members(ref); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("a job that does not let us: %v, %v", pids, err)
	}
	delete(v.jobs, ref.Name)
	check("without a name", ref, 40)
	other := ref
	other.Started++
	check("another process of the number", other)
	for _, step := range []string{"process to look", "started", "ended"} {
		v.fails = map[string]error{step: errBroken}
		if pids, err := trees.members(ref); !errors.Is(err, errBroken) {
			t.Errorf("%s fails, and it is not there: %v, %v", step, pids, err)
		}
	}
	v.fails = map[string]error{}
	held, err := v.process(40, toLook)
	if err != nil {
		t.Fatal(err)
	}
	v.ends(40)
	check("ended, and held by somebody", ref)
	v.close(held)
	check("ended", ref)
	if k := v.begins(40, 10, windowsBob, 2); k == first {
		t.Fatal("it is the same process")
	}
	check("its number is somebody else's", ref)
	if _, err := trees.members(TreeRef{Kind: TreeScope, Name: ref.Name}); err == nil {
		t.Error("a scope is looked for on Windows")
	}
	v.nothingHeld(t)
}

// The front end is spared, and so is this process, and whoever has got a number since.
func TestKillOfJobs(t *testing.T) {
	v := newVillage()
	trees, ref, front, child := inJob(t, v)
	me := v.begins(v.self(), 40, windowsAlice, 2)
	v.begins(48, 44, windowsAlice, 2)
	var stranger kin
	v.before["process to end"] = func() {
		v.ends(44)
		stranger = v.begins(44, 10, windowsBob, 2)
	}
	trees.kill(ref, true)
	if !v.lives(40, front) || v.lives(44, child) || !v.lives(44, stranger) || v.all[48] != nil || !v.lives(v.self(), me) {
		t.Errorf("left: %v", v.all)
	}
	v.ends(v.self())
	trees.kill(ref, false)
	if v.lives(40, front) || !v.lives(44, stranger) {
		t.Errorf("left: %v", v.all)
	}
	v.nothingHeld(t)
}

// Without a job only the first process is known: it is ended, if it is that one, and
// spared as a front end.
func TestKillWithoutAJob(t *testing.T) {
	v := newVillage()
	trees, ref, front, child := inJob(t, v)
	delete(v.jobs, ref.Name)
	other := ref
	other.Started++
	trees.kill(other, false)
	trees.kill(TreeRef{Kind: TreeJob, Name: ref.Name}, false)
	ref.Front = true
	trees.ask(ref)
	if !v.lives(40, front) || !v.lives(44, child) {
		t.Error("somebody else was ended, or the front end")
	}
	self := v.begins(v.self(), 10, windowsAlice, 2)
	trees.kill(TreeRef{Kind: TreeJob, Name: ref.Name, PID: v.self(), Started: self.started}, false)
	ref.Front = false
	trees.ask(ref)
	if v.lives(40, front) || !v.lives(44, child) {
		t.Errorf("left: %v", v.all)
	}
	v.nothingHeld(t)
}

// A signal says that it was not possible to end something.
func TestEndOfJobsFails(t *testing.T) {
	for _, step := range []string{"open", "members"} {
		v := newVillage()
		trees, ref, _, _ := inJob(t, v)
		v.fails[step] = errBroken
		if err := trees.end(ref); !errors.Is(err, errBroken) {
			t.Errorf("%s: %v", step, err)
		}
		v.nothingHeld(t)
	}
}

// Only an empty job loses its name.
func TestRemoveOfJobs(t *testing.T) {
	v := newVillage()
	trees, ref, _, _ := inJob(t, v)
	gone := func(want bool, fails error) {
		t.Helper()
		if err := trees.remove(ref); !errors.Is(err, fails) || (v.jobs[ref.Name] == nil) != want {
			t.Errorf("%v, %v", v.jobs, err)
		}
	}
	gone(false, nil)
	trees.kill(ref, false)
	for _, step := range []string{"open", "members", "temporary"} {
		v.fails = map[string]error{step: errBroken}
		gone(false, errBroken)
	}
	v.fails = map[string]error{}
	gone(true, nil)
	gone(true, nil)
	v.nothingHeld(t)
}

// Of the jobs of this realm those count that live, or of which that is not known.
// Somebody's own of such a name, which does not let us in, keeps nothing from ending.
func TestListOfJobs(t *testing.T) {
	v := newVillage()
	trees, ref, _, _ := inJob(t, v)
	for name, job := range map[string]*fakeJob{"assent-r-empty": {permanent: true}, "assent-r-theirs": {foreign: true}, "assent-other-x": {permanent: true}, "else": {permanent: true}} {
		v.jobs[name] = job
	}
	list, err := trees.list("assent-r-")
	if err != nil || len(list) != 1 || list[0] != (TreeRef{Kind: TreeJob, Name: ref.Name}) {
		t.Errorf("%+v, %v", list, err)
	}
	if v.jobs["assent-r-empty"] != nil || v.jobs["assent-other-x"] == nil || v.jobs["else"] == nil {
		t.Errorf("left: %v", v.jobs)
	}
	v.fails["members"] = errBroken
	if list, err := trees.list("assent-r-"); err != nil || len(list) != 1 {
		t.Errorf("one that can not be looked at is not there: %+v, %v", list, err)
	}
	v.fails = map[string]error{"names": errBroken}
	if _, err := trees.list("assent-r-"); !errors.Is(err, errBroken) {
		t.Errorf("%v", err)
	}
	if trees.usable(TreeJob) != nil || trees.usable(TreeCgroup2) == nil {
		t.Error("Windows has jobs, and nothing else")
	}
	v.nothingHeld(t)
}

// What is ended with a time as administrator is theirs, has the rights, and is
// nothing that Assent runs for them under a grant of its own.
func TestWhatKeepsLentRights(t *testing.T) {
	all := []holder{{pid: 4, user: windowsAlice}, {pid: 10, user: windowsAlice}, {pid: 11, user: windowsAlice, ours: true}, {pid: 12, user: windowsBob},
		{pid: 13, user: ""}, {pid: 14, user: windowsAlice}}
	if got := lentTo(all, windowsAlice, 14); len(got) != 1 || got[0].pid != 10 {
		t.Errorf("%v", got)
	}
	if got := lentTo(all, "", 0); got != nil {
		t.Errorf("of nobody: %v", got)
	}
}

// admin begins a process that has the rights of an administrator.
func (v *village) admin(pid int, user string) kin {
	k := v.begins(pid, 10, user, 2)
	v.all[pid].admin = true
	return k
}

// What has rights that were lent ends, whatever it does, and nothing else.
func TestEndHolders(t *testing.T) {
	for name, row := range map[string]struct {
		there func(v *village)
		err   error
		left  []int // of what there is besides
	}{
		"nothing":        {func(*village) {}, nil, nil},
		"one":            {func(v *village) { v.admin(40, windowsAlice) }, nil, nil},
		"several":        {func(v *village) { v.admin(40, windowsAlice); v.admin(44, windowsAlice) }, nil, nil},
		"of others":      {func(v *village) { v.admin(40, windowsBob) }, nil, []int{40}},
		"without rights": {func(v *village) { v.begins(40, 10, windowsAlice, 2) }, nil, []int{40}},
		"the kernel":     {func(v *village) { v.admin(4, windowsAlice) }, nil, []int{4}},
		"this process":   {func(v *village) { v.admin(v.self(), windowsAlice) }, nil, []int{20}},
		"it begins again": {func(v *village) {
			pid := 40
			var again func()
			again = func() {
				if pid++; pid < 44 {
					v.admin(pid, windowsAlice)
					v.all[pid].atEnd = again
				}
			}
			v.admin(40, windowsAlice)
			v.all[40].atEnd = again
		}, nil, nil},
		"it begins again and again": {func(v *village) {
			var again func()
			again = func() {
				v.admin(40, windowsAlice)
				v.all[40].atEnd = again
			}
			again()
		}, ErrStillAlive, []int{40}},
		"it does not end": {func(v *village) {
			v.admin(40, windowsAlice)
			v.all[40].stays = true
			v.admin(44, windowsAlice)
		}, ErrStillAlive, []int{40}},
		"it does not let us end it": {func(v *village) {
			v.admin(40, windowsAlice)
			v.all[40].denies = toEnd
		}, ErrStillAlive, []int{40}},
		"of the system, which lets nobody look": {func(v *village) {
			v.admin(40, windowsAlice)
			v.all[40].denies = toLook
		}, nil, []int{40}},
		"its number is somebody else's by then": {func(v *village) {
			v.admin(40, windowsAlice)
			v.before["process to end"] = func() {
				v.ends(40)
				v.admin(40, windowsBob)
			}
		}, nil, []int{40}},
		"in a tree of ours": {func(v *village) {
			v.admin(40, windowsAlice)
			v.jobs["assent-r-x"] = &fakeJob{permanent: true}
			v.all[40].job = v.jobs["assent-r-x"]
		}, nil, []int{40}},
		"put into a tree of ours meanwhile": {func(v *village) {
			v.admin(40, windowsAlice)
			v.before["names"] = func() {
				v.jobs["assent-r-x"] = &fakeJob{permanent: true}
				v.all[40].job = v.jobs["assent-r-x"]
			}
		}, nil, []int{40}},
		"in a tree of another realm": {func(v *village) {
			v.admin(40, windowsAlice)
			v.jobs["assent-other-x"] = &fakeJob{permanent: true}
			v.all[40].job = v.jobs["assent-other-x"]
		}, nil, nil},
		"in a job that has borrowed our name": {func(v *village) {
			v.admin(40, windowsAlice)
			v.jobs["assent-r-x"] = &fakeJob{foreign: true}
			v.all[40].job = v.jobs["assent-r-x"]
		}, nil, nil},
		"the processes are not told": {func(v *village) { v.fails["pids"] = errBroken }, errBroken, nil},
		"the jobs are not told":      {func(v *village) { v.fails["names"] = errBroken }, errBroken, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := newVillage()
				row.there(v)
				begun := time.Now()
				err := jobTrees{v}.endHolders(t.Context(), windowsAlice, time.Second, "assent-r-")
				if !errors.Is(err, row.err) {
					t.Errorf("%v, want %v", err, row.err)
				}
				v.fails = map[string]error{}
				if left, _ := v.pids(); !slices.Equal(left, row.left) {
					t.Errorf("left: %v, want %v", left, row.left)
				}
				if took := time.Since(begun); took > time.Second+seldomLook || errors.Is(err, ErrStillAlive) && took < time.Second {
					t.Errorf("it took %v", took)
				}
				v.nothingHeld(t)
			})
		})
	}
}

// Whoever has no time at all has one try.
func TestEndHoldersAtOnce(t *testing.T) {
	over, cancel := context.WithCancel(t.Context())
	cancel()
	v := newVillage()
	v.admin(40, windowsAlice)
	if err := (jobTrees{v}).endHolders(over, windowsAlice, time.Second, "assent-r-"); err != nil || v.all[40] != nil {
		t.Errorf("%v, %v", v.all, err)
	}
}

// A shell is waited for as long as it is that one.
func TestShellIsGone(t *testing.T) {
	for name, row := range map[string]struct {
		happens func(v *village)
		err     error
		after   time.Duration
	}{
		"it goes on":                {func(*village) {}, context.DeadlineExceeded, 10 * time.Second},
		"it ends":                   {func(v *village) { time.AfterFunc(3*time.Second, func() { v.ends(40) }) }, nil, 3 * time.Second},
		"it has ended":              {func(v *village) { v.ends(40) }, nil, 0},
		"it is another one":         {func(v *village) { v.begins(40, 10, windowsAlice, 2) }, nil, 0},
		"it can not be looked at":   {func(v *village) { v.all[40].denies = toLook }, nil, 0},
		"when it began is not told": {func(v *village) { v.fails["started"] = errBroken }, errBroken, 0},
		"its end is not told":       {func(v *village) { v.fails["ended"] = errBroken }, errBroken, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := newVillage()
				shell := v.begins(40, 10, windowsAlice, 2)
				row.happens(v)
				short, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				begun := time.Now()
				err := jobTrees{v}.shellGone(short, Seat{Leader: 40, Started: shell.started, TTY: 2})
				if took := time.Since(begun); !errors.Is(err, row.err) || took < row.after || took > row.after+shellLook {
					t.Errorf("%v after %v", err, took)
				}
				v.nothingHeld(t)
			})
		})
	}
}
