package privilege

import (
	"encoding/binary"
	"errors"
	"slices"
	"testing"
)

// village is a machine of memory: processes that begin and end, as the system counts
// them. Numbers of who has ended are given again.
type village struct {
	now   uint64
	all   map[int]kin
	typed map[int]bool
}

func newVillage() *village { return &village{now: 100, all: map[int]kin{}, typed: map[int]bool{}} }

// begins starts a process of a parent as somebody, in a session.
func (v *village) begins(pid, parent int, user string, session uint32) kin {
	v.now++
	v.all[pid] = kin{parent: parent, started: v.now, user: user, session: session, leader: pid, tty: int(session)}
	v.typed[pid] = true
	return v.all[pid]
}

func (v *village) look(pid int) (kin, error) {
	k, ok := v.all[pid]
	if !ok {
		return kin{}, errors.New("nobody has that number")
	}
	return k, nil
}

func (v *village) types(pid int) bool { return v.typed[pid] }

// kinContract is what every system tells of its processes. begin starts a child of
// self, and gives what ends it.
func kinContract(t *testing.T, of kinship, self int, begin func() (pid int, end func())) {
	t.Helper()
	me, err := of.look(self)
	if err != nil || me.started == 0 || me.user == "" || me.session == 0 {
		t.Fatalf("of itself: %+v, %v", me, err)
	}
	pid, end := begin()
	child, err := of.look(pid)
	if err != nil || child.parent != self || child.started < me.started || child.user != me.user || child.session != me.session {
		t.Errorf("of a child: %+v, %v", child, err)
	}
	s, err := shellSeat(of, pid, child.started, me.user)
	if err != nil || s.Leader != self || s.Started != me.started {
		t.Errorf("where a child sits: %+v, %v", s, err)
	}
	if !descends(of, s, pid, child.started) || descends(of, s, pid, child.started+1) {
		t.Error("a child does not descend from its parent, or another process does")
	}
	for name, row := range map[string]struct {
		started uint64
		user    string
	}{"another start": {child.started + 1, me.user}, "another user": {child.started, "S-1-5-21-9-9-9-9"}, "nobody": {child.started, ""}} {
		if _, err := shellSeat(of, pid, row.started, row.user); !errors.Is(err, ErrSeat) {
			t.Errorf("%s: %v", name, err)
		}
	}
	end()
	if _, err := of.look(pid); err == nil {
		t.Error("a process that has ended is told of")
	}
	if descends(of, s, pid, child.started) {
		t.Error("one that has ended sits somewhere")
	}
}

func TestVillage(t *testing.T) {
	v := newVillage()
	v.begins(20, 10, windowsAlice, 2)
	kinContract(t, v, 20, func() (int, func()) {
		v.begins(30, 20, windowsAlice, 2)
		return 30, func() { delete(v.all, 30) }
	})
}

const (
	windowsAlice = "S-1-5-21-1-2-3-1001"
	windowsBob   = "S-1-5-21-1-2-3-1002"
)

func TestSeatInAShell(t *testing.T) {
	v := newVillage()
	v.begins(10, 4, windowsAlice, 2) // explorer
	v.typed[10] = false
	shell := v.begins(20, 10, windowsAlice, 2)
	me := v.begins(30, 20, windowsAlice, 2)
	s, err := shellSeat(v, 30, me.started, windowsAlice)
	if want := (Seat{Leader: 20, Started: shell.started, TTY: 2, Login: "2"}); err != nil || s != want {
		t.Fatalf("%+v, %v", s, err)
	}
	for name, row := range map[string]struct {
		change func(v *village)
		user   string
		leader int
		err    error
	}{
		"as it is":                            {func(*village) {}, windowsAlice, 20, nil},
		"somebody else":                       {func(*village) {}, windowsBob, 0, ErrSeat},
		"nobody":                              {func(*village) {}, "", 0, ErrSeat},
		"another process of the number":       {func(v *village) { v.begins(30, 20, windowsAlice, 2) }, windowsAlice, 0, ErrSeat},
		"in the session of services":          {func(v *village) { k := v.all[30]; k.session = 0; v.all[30] = k }, windowsAlice, 0, ErrSeat},
		"the shell is gone":                   {func(v *village) { delete(v.all, 20) }, windowsAlice, 0, nil},
		"the shell's number is another's":     {func(v *village) { v.begins(20, 10, windowsAlice, 2) }, windowsAlice, 0, nil},
		"called by a program with windows":    {func(v *village) { v.typed[20] = false }, windowsAlice, 0, nil},
		"called by somebody else":             {func(v *village) { k := v.all[20]; k.user = windowsBob; v.all[20] = k }, windowsAlice, 0, nil},
		"called out of another session":       {func(v *village) { k := v.all[20]; k.session = 3; v.all[20] = k }, windowsAlice, 0, nil},
		"nothing can be known of the process": {func(v *village) { delete(v.all, 30) }, windowsAlice, 0, ErrSeat},
	} {
		t.Run(name, func(t *testing.T) {
			v := &village{now: v.now, all: map[int]kin{10: v.all[10], 20: shell, 30: me}, typed: map[int]bool{20: true, 30: true}}
			row.change(v)
			s, err := shellSeat(v, 30, me.started, row.user)
			if !errors.Is(err, row.err) || s.Leader != row.leader {
				t.Errorf("%+v, %v", s, err)
			}
		})
	}
}

// Who is in a session comes from its shell by parents that live, and nobody else is:
// no number that was given again, no process beside it, none of another session.
func TestWhoDescendsFromAShell(t *testing.T) {
	v := newVillage()
	v.begins(10, 4, windowsAlice, 2)
	shell := v.begins(20, 10, windowsAlice, 2)
	v.begins(25, 10, windowsAlice, 2) // another shell
	s := Seat{Leader: 20, Started: shell.started, TTY: 2, Login: "2"}
	v.begins(30, 20, windowsAlice, 2)
	v.begins(40, 30, windowsAlice, 2)
	v.begins(45, 25, windowsAlice, 2)
	v.begins(50, 40, windowsAlice, 3)
	check := func(name string, pid int, want bool) {
		t.Helper()
		if got := descends(v, s, pid, v.all[pid].started); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
	check("the shell itself", 20, true)
	check("a child", 30, true)
	check("a child of a child", 40, true)
	check("what another shell has started", 45, false)
	check("the parent of the shell", 10, false)
	check("what has gone to another session", 50, false)
	check("nobody", 99, false)
	if descends(v, s, 40, v.all[40].started+1) {
		t.Error("a number that was given again counts")
	}
	delete(v.all, 30)
	check("whose parent has ended", 40, false)
	v.begins(30, 20, windowsAlice, 2)
	check("whose parent's number is another's", 40, false)
	v.begins(20, 10, windowsAlice, 2)
	check("once the shell is another one", 30, false)
	last := 20
	v.begins(20, 10, windowsAlice, 2)
	s.Started = v.all[20].started
	for pid := 1000; pid < 1000+maxGenerations+2; pid++ {
		v.begins(pid, last, windowsAlice, 2)
		last = pid
		check("generation", pid, pid < 1000+maxGenerations-1)
	}
	v.all[3000] = kin{parent: 3000, started: 1, user: windowsAlice, session: 2}
	check("its own parent", 3000, false)
}

func TestSeatAtATerminal(t *testing.T) {
	v := newVillage()
	shell := v.begins(20, 1, "501", 7)
	me := v.begins(30, 20, "501", 7)
	me.leader = 20
	v.all[30] = me
	s, err := terminalSeat(v, 30, me.started, "501")
	if want := (Seat{Leader: 20, Started: shell.started, TTY: 7, Login: "501"}); err != nil || s != want {
		t.Fatalf("%+v, %v", s, err)
	}
	if !atTerminal(v, s, 30, me.started) || atTerminal(v, s, 30, me.started+1) {
		t.Error("the process does not sit there, or another one does")
	}
	for name, change := range map[string]func(k *kin){
		"a session of its own": func(k *kin) { k.leader = 30 },
		"another terminal":     func(k *kin) { k.tty = 8 },
		"no terminal":          func(k *kin) { k.tty = 0 },
	} {
		k := me
		change(&k)
		v.all[30] = k
		if atTerminal(v, s, 30, me.started) {
			t.Errorf("%s: it sits there", name)
		}
	}
	v.all[30] = me
	for _, user := range []string{"502", "", "0"} {
		if _, err := terminalSeat(v, 30, me.started, user); !errors.Is(err, ErrSeat) {
			t.Errorf("as %q: %v", user, err)
		}
	}
	delete(v.all, 20)
	if s, err := terminalSeat(v, 30, me.started, "501"); err != nil || s.Leader != 0 {
		t.Errorf("without a leader: %+v, %v", s, err)
	}
}

func TestConsoleProgram(t *testing.T) {
	head := make([]byte, 512)
	copy(head, "MZ")
	binary.LittleEndian.PutUint32(head[0x3c:], 128)
	copy(head[128:], "PE\x00\x00")
	binary.LittleEndian.PutUint16(head[128+24+68:], 3)
	if !isConsoleProgram(head) {
		t.Error("a program of a console is none")
	}
	for name, spoil := range map[string]func(b []byte) []byte{
		"one with windows": func(b []byte) []byte { b[128+24+68] = 2; return b },
		"no program":       func(b []byte) []byte { b[0] = 'X'; return b },
		"no header":        func(b []byte) []byte { b[128] = 'X'; return b },
		"a header outside": func(b []byte) []byte { binary.LittleEndian.PutUint32(b[0x3c:], 0xfffffff0); return b },
		"cut short":        func(b []byte) []byte { return b[:128+24+68+1] },
		"very short":       func(b []byte) []byte { return b[:10] },
		"nothing":          func([]byte) []byte { return nil },
	} {
		if isConsoleProgram(spoil(slices.Clone(head))) {
			t.Errorf("%s: it is one of a console", name)
		}
	}
}

func TestWhatBecomesOfLogins(t *testing.T) {
	alice := login{who: `PC7\alice`, since: 5}
	locked, again := alice, alice
	locked.locked, again.since = true, 9
	for name, row := range map[string]struct {
		was, is map[string]login
		want    []LoginEvent
	}{
		"nothing":            {map[string]login{"1": alice}, map[string]login{"1": alice}, nil},
		"somebody comes":     {nil, map[string]login{"1": alice}, nil},
		"locked":             {map[string]login{"1": alice}, map[string]login{"1": locked}, []LoginEvent{{Session: "1", Locked: true}}},
		"still locked":       {map[string]login{"1": locked}, map[string]login{"1": locked}, nil},
		"open again":         {map[string]login{"1": locked}, map[string]login{"1": alice}, nil},
		"locked at first":    {nil, map[string]login{"1": locked}, []LoginEvent{{Session: "1", Locked: true}}},
		"gone":               {map[string]login{"1": alice}, nil, []LoginEvent{{Session: "1"}}},
		"logged on anew":     {map[string]login{"1": alice}, map[string]login{"1": again}, []LoginEvent{{Session: "1"}}},
		"somebody else":      {map[string]login{"1": alice}, map[string]login{"1": {who: `PC7\bob`, since: 5}}, []LoginEvent{{Session: "1"}}},
		"of another session": {map[string]login{"1": alice, "2": alice}, map[string]login{"1": alice, "2": locked}, []LoginEvent{{Session: "2", Locked: true}}},
	} {
		if got := loginEvents(row.was, row.is); !slices.Equal(got, row.want) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// What is ended with a time as administrator is theirs, has the rights, and is
// nothing that Assent runs for them under a grant of its own.
func TestWhatKeepsLentRights(t *testing.T) {
	all := []holder{{pid: 4, user: windowsAlice}, {pid: 10, user: windowsAlice}, {pid: 11, user: windowsAlice, ours: true}, {pid: 12, user: windowsBob},
		{pid: 13, user: ""}, {pid: 14, user: windowsAlice}}
	if got := lentTo(all, windowsAlice, 14); !slices.Equal(got, []int{10}) {
		t.Errorf("%v", got)
	}
	if got := lentTo(all, "", 0); got != nil {
		t.Errorf("of nobody: %v", got)
	}
}

// A program of another machine is not opened by the system, which would log on there.
func TestOnlyProgramsOfThisMachineAreLookedAt(t *testing.T) {
	for path, want := range map[string]bool{`C:\Windows\cmd.exe`: true, `d:\x`: true, `\\evil\share\cmd.exe`: false, `\\?\C:\cmd.exe`: false,
		`\Device\Mup\evil\x.exe`: false, `C:x.exe`: false, `1:\x.exe`: false, ``: false, `C:\`: false} {
		if got := onDrive(path); got != want {
			t.Errorf("%q: %v", path, got)
		}
	}
}

// One session that can not be looked at hides no lock of another one, and counts as
// over; when none can be looked at nothing is known.
func TestSessionsThatCanNotBeLookedAt(t *testing.T) {
	broken := errors.New("it is gone")
	look := func(session uint32) (login, error) {
		switch session {
		case 1:
			return login{who: "mia", locked: true}, nil
		case 2:
			return login{}, nil
		}
		return login{}, broken
	}
	is, err := loginsIn([]uint32{1, 2, 65536}, look)
	if err != nil || len(is) != 1 || !is["1"].locked {
		t.Errorf("%+v, %v", is, err)
	}
	if events := loginEvents(map[string]login{"1": {who: "mia"}, "65536": {who: "bob"}}, is); len(events) != 2 {
		t.Errorf("%+v", events)
	}
	if is, err := loginsIn([]uint32{7, 8}, look); !errors.Is(err, broken) {
		t.Errorf("%+v, %v", is, err)
	}
	if is, err := loginsIn(nil, look); len(is) != 0 || err != nil {
		t.Errorf("nobody: %+v, %v", is, err)
	}
}
