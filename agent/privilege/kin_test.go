package privilege

import (
	"encoding/binary"
	"errors"
	"slices"
	"testing"
)

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
		return 30, func() { v.ends(30) }
	})
}

const (
	windowsAlice = "S-1-5-21-1-2-3-1001"
	windowsBob   = "S-1-5-21-1-2-3-1002"
)

func TestSeatInAShell(t *testing.T) {
	settle := func() (v *village, shell, me kin) {
		v = newVillage()
		v.begins(10, 4, windowsAlice, 2) // explorer
		v.all[10].path = `C:\explorer.exe`
		return v, v.begins(20, 10, windowsAlice, 2), v.begins(30, 20, windowsAlice, 2)
	}
	v, shell, me := settle()
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
		"in the session of services":          {func(v *village) { v.all[30].session = 0 }, windowsAlice, 0, ErrSeat},
		"the shell is gone":                   {func(v *village) { delete(v.all, 20) }, windowsAlice, 0, nil},
		"the shell's number is another's":     {func(v *village) { v.begins(20, 10, windowsAlice, 2) }, windowsAlice, 0, nil},
		"called by a program with windows":    {func(v *village) { v.all[20].path = `C:\explorer.exe` }, windowsAlice, 0, nil},
		"called by one of another machine":    {func(v *village) { v.all[20].path = `\\evil\share\shell.exe` }, windowsAlice, 0, nil},
		"its program is not told":             {func(v *village) { v.fails["runs"] = errBroken }, windowsAlice, 0, nil},
		"its program can not be read":         {func(v *village) { v.fails["head"] = errBroken }, windowsAlice, 0, nil},
		"called by somebody else":             {func(v *village) { v.all[20].user = windowsBob }, windowsAlice, 0, nil},
		"called out of another session":       {func(v *village) { v.all[20].session = 3 }, windowsAlice, 0, nil},
		"nothing can be known of the process": {func(v *village) { delete(v.all, 30) }, windowsAlice, 0, ErrSeat},
	} {
		t.Run(name, func(t *testing.T) {
			v, _, me := settle()
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
		k, _ := v.look(pid) // nobody is none
		if got := descends(v, s, pid, k.started); got != want {
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
	v.all[3000] = &villager{kin: kin{parent: 3000, started: 1, user: windowsAlice, session: 2}}
	check("its own parent", 3000, false)
}

func TestSeatAtATerminal(t *testing.T) {
	v := newVillage()
	shell := v.begins(20, 1, "501", 7)
	me := v.begins(30, 20, "501", 7)
	me.leader = 20
	v.all[30].kin = me
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
		v.all[30].kin = k
		if atTerminal(v, s, 30, me.started) {
			t.Errorf("%s: it sits there", name)
		}
	}
	v.all[30].kin = me
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

// consoleProgram is how a program of a console begins.
func consoleProgram() []byte {
	head := make([]byte, 512)
	copy(head, "MZ")
	binary.LittleEndian.PutUint32(head[0x3c:], 128)
	copy(head[128:], "PE\x00\x00")
	binary.LittleEndian.PutUint16(head[128+24+68:], 3)
	return head
}

func TestConsoleProgram(t *testing.T) {
	head := consoleProgram()
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

// A program of another machine is not opened by the system, which would log on there.
func TestOnlyProgramsOfThisMachineAreLookedAt(t *testing.T) {
	for path, want := range map[string]bool{`C:\Windows\cmd.exe`: true, `d:\x`: true, `\\evil\share\cmd.exe`: false, `\\?\C:\cmd.exe`: false,
		`\Device\Mup\evil\x.exe`: false, `C:x.exe`: false, `1:\x.exe`: false, ``: false, `C:`: false, `C:\`: true} {
		if got := ofThisMachine(path); got != want {
			t.Errorf("%q: %v", path, got)
		}
	}
}
