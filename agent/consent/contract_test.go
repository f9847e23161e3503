package consent

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// own is a process that a contract looks at, and what is known of it.
type own struct {
	Process
	Facts
	person string
	at     uint64 // where text stands in its memory
	text   string
	noLine bool // Wine does not tell command lines
}

// nobody is the number of no process.
const nobody = 1 << 30

// contract is what every system does.
func contract(t *testing.T, s System, o own) {
	t.Helper()
	if dir, err := s.Folder(); err != nil || !strings.HasSuffix(strings.ToLower(dir), `\system32`) {
		t.Errorf("Windows is in %q, %v", dir, err)
	}
	list, err := s.Processes()
	if err != nil || !slices.Contains(list, o.Process) || slices.ContainsFunc(list, func(p Process) bool { return p.PID == nobody }) {
		t.Errorf("%+v is not in the list, or what is not there: %+v, %v", o.Process, list, err)
	}
	f, err := s.Look(o.PID)
	if o.noLine {
		f.Line = o.Line
	}
	if err != nil || !strings.EqualFold(f.Image, o.Image) || f.Session != o.Session || f.Line != o.Line || f.Started != o.Started {
		t.Errorf("it is %+v, %v, want %+v", f, err, o.Facts)
	}
	if f, err := s.Look(nobody); err == nil {
		t.Errorf("what is not there is %+v", f)
	}
	if raw, err := s.Memory(o.PID, o.at, len(o.text)); string(raw) != o.text || err != nil {
		t.Errorf("its memory: %q, %v", raw, err)
	}
	if raw, err := s.Memory(o.PID, 0x10, 16); err == nil {
		t.Errorf("memory that is not there: %q", raw)
	}
	if raw, err := s.Memory(nobody, o.at, len(o.text)); err == nil {
		t.Errorf("memory of what is not there: %q", raw)
	}
	args, err := s.Split(`a.exe /x "a b"  c`)
	if diff := cmp.Diff([]string{"a.exe", "/x", "a b", "c"}, args); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if who, err := s.Person(o.Session); who != o.person || err != nil {
		t.Errorf("in session %d sits %q, %v", o.Session, who, err)
	}
}

func TestMachine(t *testing.T) {
	m := newMachine()
	o := own{Process: Process{PID: 7, Parent: 4, Name: "x.exe"}, Facts: Facts{Image: `C:\x.exe`, Session: 1, Started: 70, Line: "x.exe 1"},
		person: "S-1-5-21-1-2-3-1001", at: 0x1000, text: "a question"}
	m.start(o.Process, o.Facts)
	m.memory[7] = map[uint64][]byte{o.at: []byte(o.text)}
	contract(t, m, o)
}
