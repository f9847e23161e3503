package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/agent/acl"
)

// aScheduler is that of Windows, in memory.
type aScheduler struct {
	fails map[string]error
	files map[string]string // definitions
	task  string            // what the scheduler has, "" = nothing
	owner string            // of the folder of the task
	allow []acl.Entry       // in it
}

func newScheduler() *aScheduler {
	return &aScheduler{fails: map[string]error{}, files: map[string]string{}, owner: "S-1-5-18"}
}

func (s *aScheduler) define(definition []byte) (string, error) {
	if err := s.fails["define"]; err != nil {
		return "", err
	}
	s.files["reap.xml"] = string(definition)
	return "reap.xml", nil
}

func (s *aScheduler) create(path string) error {
	if err := s.fails["create"]; err != nil {
		return err
	}
	if s.files[path] == "" {
		return errors.New("there is no definition")
	}
	s.task = s.files[path]
	return nil
}

func (s *aScheduler) forget(path string) error {
	delete(s.files, path)
	return s.fails["forget"]
}

func (s *aScheduler) folder() (acl.List, error) {
	return acl.List{Owner: s.owner, Allow: s.allow}, s.fails["folder"]
}

func (s *aScheduler) there() (bool, error) { return s.task != "", s.fails["there"] }

func (s *aScheduler) remove() error {
	if s.task == "" {
		return errors.New("there is no such task")
	}
	s.task = ""
	return nil
}

// contractOfTasks is what every scheduler of Windows is: a task takes the place of an
// older one, is there until it is removed, and leaves no definition. defined counts
// the definitions that lie about.
func contractOfTasks(t *testing.T, s tasks, defined func() int) {
	t.Helper()
	there := func(want bool) {
		t.Helper()
		if is, err := s.there(); err != nil || is != want {
			t.Errorf("the task is there: %v %v", is, err)
		}
	}
	there(false)
	for range 2 {
		path, err := s.define(wide(reapTask(`C:\Program Files\Assent\assent-agent.exe`, "reap --boot")))
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(s.create(path), s.forget(path)); err != nil {
			t.Fatal(err)
		}
		there(true)
		if n := defined(); n != 0 {
			t.Errorf("%d definitions are left", n)
		}
	}
	if list, err := s.folder(); err != nil || list.Owner == "" {
		t.Errorf("its folder is of %q: %v", list.Owner, err)
	}
	if err := s.remove(); err != nil {
		t.Error(err)
	}
	there(false)
}

func TestSchedulerInMemory(t *testing.T) {
	s := newScheduler()
	contractOfTasks(t, s, func() int { return len(s.files) })
}

func TestScheduleTask(t *testing.T) {
	no := errors.New("no")
	for name, c := range map[string]struct {
		fails, owner string
		users        uint32 // what users may do in the folder
		fail, told   bool
		scheduled    bool
	}{
		"ours":                        {owner: "S-1-5-18", scheduled: true},
		"users put theirs beside it":  {owner: "S-1-5-18", users: 0x120116, scheduled: true}, // as Windows has it
		"users remove what is there":  {owner: "S-1-5-18", users: 0x1f01ff, told: true, scheduled: true},
		"of administrators":           {owner: "S-1-5-32-544", scheduled: true},
		"of who runs this":            {owner: "S-1-5-21-1-2-3-500", scheduled: true},
		"a folder that somebody made": {owner: "S-1-5-21-1-2-3-1001", told: true, scheduled: true},
		"a folder of nobody known":    {owner: "", told: true, scheduled: true},
		"not looked at":               {owner: "S-1-5-18", fails: "folder", told: true, scheduled: true},
		"no definition":               {owner: "S-1-5-18", fails: "define", fail: true},
		"refused":                     {owner: "S-1-5-18", fails: "create", fail: true},
		"a definition that stays":     {owner: "S-1-5-18", fails: "forget", fail: true, scheduled: true},
	} {
		var said bytes.Buffer
		s := newScheduler()
		s.owner, s.fails[c.fails] = c.owner, no
		s.allow = []acl.Entry{{SID: "S-1-5-18", Mask: 0x1f01ff}, {SID: "S-1-5-11", Mask: c.users}}
		err := scheduleTask(s, `C:\x.exe`, "reap --boot", "S-1-5-21-1-2-3-500", slog.New(slog.NewTextHandler(&said, nil)))
		if (err != nil) != c.fail || (s.task != "") != c.scheduled || (said.Len() > 0) != c.told || len(s.files) != 0 {
			t.Errorf("%s: %v, scheduled %v, said %s, left %d", name, err, s.task != "", &said, len(s.files))
		}
	}
}

func TestUnscheduleTask(t *testing.T) {
	s := newScheduler()
	if err := unscheduleTask(s); err != nil {
		t.Errorf("nothing: %v", err)
	}
	s.task = "task"
	s.fails["there"] = errors.New("no")
	if err := unscheduleTask(s); err == nil || s.task == "" {
		t.Errorf("it is not known whether it is there: %v", err)
	}
	delete(s.fails, "there")
	if err := unscheduleTask(s); err != nil || s.task != "" {
		t.Errorf("it stays: %v", err)
	}
}

// aLaunchd is that of macOS, in memory.
type aLaunchd struct {
	fails        map[string]error
	file, loaded string
}

func (l *aLaunchd) write(plist []byte) error {
	if err := l.fails["write"]; err != nil {
		return err
	}
	l.file = string(plist)
	return nil
}

func (l *aLaunchd) load() error {
	if l.loaded != "" || l.file == "" {
		return errors.New("it is loaded already, or there is none")
	}
	if err := l.fails["load"]; err != nil {
		return err
	}
	l.loaded = l.file
	return nil
}

func (l *aLaunchd) unload() error {
	if l.loaded == "" {
		return errors.New("it is not loaded")
	}
	l.loaded = ""
	return nil
}

func (l *aLaunchd) remove() error {
	if err := l.fails["remove"]; err != nil {
		return err
	}
	l.file = ""
	return nil
}

// contractOfJobs is what every launchd is: a job is loaded once, from its file, and
// stays until it is unloaded. plist is one that does nothing.
func contractOfJobs(t *testing.T, l bootJobs, plist []byte) {
	t.Helper()
	if l.unload() == nil || l.load() == nil {
		t.Error("what is not there was loaded or unloaded")
	}
	if err := l.remove(); err != nil {
		t.Errorf("remove what is not there: %v", err)
	}
	for range 2 { // in place of an older one
		if err := l.write(plist); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.load(); err != nil {
		t.Fatal(err)
	}
	if l.load() == nil {
		t.Error("it was loaded twice")
	}
	if err := l.unload(); err != nil {
		t.Errorf("unload: %v", err)
	}
	if l.unload() == nil {
		t.Error("it was unloaded twice")
	}
	if err := l.remove(); err != nil {
		t.Errorf("remove: %v", err)
	}
	if l.load() == nil {
		t.Error("it was loaded without its file")
	}
}

func TestLaunchdInMemory(t *testing.T) {
	contractOfJobs(t, &aLaunchd{}, []byte("a job"))
}

func TestScheduleJob(t *testing.T) {
	l := &aLaunchd{fails: map[string]error{}}
	for _, exe := range []string{"/old", "/new"} {
		if err := scheduleJob(l, exe, "/data"); err != nil || !strings.Contains(l.loaded, "<string>"+exe+"</string>") {
			t.Fatalf("%v: %+v", err, l)
		}
	}
	for range 2 {
		if err := unscheduleJob(l); err != nil || l.file+l.loaded != "" {
			t.Errorf("%v: %+v", err, l)
		}
	}
	for _, step := range []string{"write", "load"} {
		l := &aLaunchd{fails: map[string]error{step: errors.New("no")}}
		if err := scheduleJob(l, "/x", "/data"); err == nil || l.loaded != "" {
			t.Errorf("%s fails: %v", step, err)
		}
	}
	l = &aLaunchd{fails: map[string]error{"remove": errors.New("no")}, file: "x", loaded: "x"}
	if err := unscheduleJob(l); err == nil || l.loaded != "" {
		t.Errorf("the file stays: %v: %+v", err, l)
	}
}

func TestSettleWith(t *testing.T) {
	no := errors.New("no")
	scheduled := false
	err := settleWith(t.Context(), func(after []time.Duration, forget time.Duration) error {
		if len(after) == 0 || slices.Contains(after, 0) || !slices.IsSorted(after) || forget < time.Hour {
			t.Errorf("it is started again after %v, counted anew after %v", after, forget)
		}
		return no
	}, func(context.Context) error { scheduled = true; return nil })
	if !errors.Is(err, no) || !scheduled {
		t.Errorf("%v, scheduled %v", err, scheduled)
	}
}
