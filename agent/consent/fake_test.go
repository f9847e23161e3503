package consent

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode/utf16"
)

// machine is a Windows of a few processes, which have files, sessions and memory.
type machine struct {
	mu        sync.Mutex // guards the fields below
	processes []Process
	facts     map[int]Facts
	memory    map[int]map[uint64][]byte
	people    map[uint32]string
	broken    error
}

const system32 = `C:\Windows\System32`

var errGone = errors.New("there is no such thing")

func newMachine() *machine {
	m := &machine{facts: map[int]Facts{}, memory: map[int]map[uint64][]byte{}, people: map[uint32]string{1: "S-1-5-21-1-2-3-1001", 2: "S-1-5-21-1-2-3-1002"}}
	m.start(Process{PID: 4, Name: "System"}, Facts{})
	m.start(Process{PID: 900, Parent: 4, Name: "svchost.exe"}, Facts{Image: system32 + `\svchost.exe`})
	return m
}

func (m *machine) start(p Process, f Facts) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.processes = append(m.processes, p)
	m.facts[p.PID] = f
}

// ask lets the service ask the person of a session about something.
func (m *machine) ask(pid int, session uint32, block []byte) {
	at := uint64(0x1f0_0000_0000 + pid*0x1000)
	m.mu.Lock()
	m.memory[900] = map[uint64][]byte{at: block}
	m.mu.Unlock()
	m.start(Process{PID: pid, Parent: 900, Name: "consent.exe"}, Facts{Image: `c:\windows\SYSTEM32\consent.exe`, Session: session, Started: int64(pid),
		Line: fmt.Sprintf("consent.exe 900 %d %016X", len(block), at)})
}

func (m *machine) end(pid int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.processes {
		if m.processes[i].PID == pid {
			m.processes = append(m.processes[:i:i], m.processes[i+1:]...)
			return
		}
	}
}

// breaks makes the list of processes fail; nil mends it.
func (m *machine) breaks(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.broken = err
}

func (m *machine) Folder() (string, error) { return system32, nil }

func (m *machine) Processes() ([]Process, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.processes), m.broken
}

func (m *machine) Look(pid int) (Facts, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f, ok := m.facts[pid]
	if !ok {
		return f, errGone
	}
	return f, nil
}

func (m *machine) Memory(pid int, at uint64, n int) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	raw, ok := m.memory[pid][at]
	if !ok || n > len(raw) {
		return nil, errGone
	}
	return raw[:n], nil
}

// Split knows quotes, which is all that the lines here have.
func (m *machine) Split(line string) ([]string, error) {
	var out []string
	for i, part := range strings.Split(line, `"`) {
		if i%2 == 1 {
			out = append(out, part)
			continue
		}
		out = append(out, strings.Fields(part)...)
	}
	return out, nil
}

func (m *machine) Person(session uint32) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	who, ok := m.people[session]
	if !ok {
		return "", errGone
	}
	return who, nil
}

// block is a question as the service might keep it: numbers, then texts.
func block(texts ...string) []byte {
	out := []byte{0x38, 1, 0, 0, 3, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}
	for _, t := range texts {
		for _, u := range append(utf16.Encode([]rune(t)), 0) {
			out = binary.LittleEndian.AppendUint16(out, u)
		}
	}
	return append(out, 0xde, 0xad, 0xbe)
}
