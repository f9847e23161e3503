package consent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// watcher tells into a list.
func watcher(m *machine) (*Watcher, *[]Prompt) {
	told := &[]Prompt{}
	return &Watcher{System: m, Wanted: func() bool { return true }, Tell: func(p Prompt) { *told = append(*told, p) },
		Log: slog.New(slog.DiscardHandler), Now: time.Now}, told
}

func TestPromptIsToldOnce(t *testing.T) {
	m := newMachine()
	w, told := watcher(m)
	look := func() {
		t.Helper()
		if err := w.Look(); err != nil {
			t.Fatal(err)
		}
	}
	look()
	m.ask(1000, 1, block(`C:\Program Files\Tool\setup.exe`, `"C:\Program Files\Tool\setup.exe" /S --dir D:\x`, `C:\Users\mia`))
	look()
	look()
	want := []Prompt{{Person: "S-1-5-21-1-2-3-1001", Program: `C:\Program Files\Tool\setup.exe`, Args: []string{"/S", "--dir", `D:\x`}}}
	if diff := cmp.Diff(want, *told); diff != "" {
		t.Error(diff)
	}
	m.end(1000)
	look()
	m.facts[1000] = Facts{}
	m.ask(1000, 2, block("nothing here is a program")) // the number again
	look()
	want = append(want, Prompt{Person: "S-1-5-21-1-2-3-1002"})
	if diff := cmp.Diff(want, *told); diff != "" {
		t.Error(diff)
	}
}

func TestWhoeverIsNotOfWindowsIsNotBelieved(t *testing.T) {
	good := block(`C:\Windows\regedit.exe`)
	for name, change := range map[string]func(m *machine){
		"a copy of the prompt in a person's folder": func(m *machine) { m.alter(1000, func(f *Facts) { f.Image = `C:\Users\mia\consent.exe` }) },
		"in the session of services":                func(m *machine) { m.alter(1000, func(f *Facts) { f.Session = 0 }) },
		"nobody sits there":                         func(m *machine) { m.alter(1000, func(f *Facts) { f.Session = 9 }) },
		"it is gone":                                func(m *machine) { delete(m.facts, 1000) },
	} {
		m := newMachine()
		w, told := watcher(m)
		m.ask(1000, 1, good)
		change(m)
		if err := w.Look(); err != nil || len(*told) != 0 {
			t.Errorf("%s: %v, told %+v", name, err, *told)
		}
	}
}

func (m *machine) alter(pid int, change func(*Facts)) {
	f := m.facts[pid]
	change(&f)
	m.facts[pid] = f
}

// Where the question can not be read, people are still told that there is one.
func TestWithoutAProgram(t *testing.T) {
	for name, change := range map[string]func(m *machine){
		"its parent is a person's program":                         func(m *machine) { m.alter(900, func(f *Facts) { f.Image = `C:\Users\mia\svchost.exe` }) },
		"its parent came later, with a number that was free again": func(m *machine) { m.alter(900, func(f *Facts) { f.Started = 1001 }) },
		"its parent sits with a person":                            func(m *machine) { m.alter(900, func(f *Facts) { f.Session = 1 }) },
		"another parent than it says": func(m *machine) {
			m.alter(1000, func(f *Facts) { f.Line = strings.Replace(f.Line, " 900 ", " 4 ", 1) })
		},
		"no arguments": func(m *machine) { m.alter(1000, func(f *Facts) { f.Line = "consent.exe" }) },
		"a length that is too much": func(m *machine) {
			m.alter(1000, func(f *Facts) { f.Line = fmt.Sprintf("consent.exe 900 %d 1000", maxBlock+1) })
		},
		"a number below zero":         func(m *machine) { m.alter(1000, func(f *Facts) { f.Line = "consent.exe 900 -1 1000" }) },
		"an address that is none":     func(m *machine) { m.alter(1000, func(f *Facts) { f.Line = "consent.exe 900 100 xyz" }) },
		"memory that can not be read": func(m *machine) { m.memory = nil },
		"too many arguments":          func(m *machine) { m.question(block(`C:\a.exe`, `C:\a.exe `+strings.Repeat("x ", maxArgs))) },
	} {
		m := newMachine()
		w, told := watcher(m)
		m.ask(1000, 1, block(`C:\Windows\regedit.exe`))
		change(m)
		if err := w.Look(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff([]Prompt{{Person: "S-1-5-21-1-2-3-1001"}}, *told); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func (m *machine) question(raw []byte) {
	m.end(1000)
	m.ask(1000, 1, raw)
}

func TestBounds(t *testing.T) {
	m := newMachine()
	w, told := watcher(m)
	now := time.Unix(1e9, 0)
	w.Now = func() time.Time { return now }
	for i := range 3 * perPerson {
		m.ask(1000+i, 1, block(`C:\a.exe`))
		if err := w.Look(); err != nil {
			t.Fatal(err)
		}
		m.end(1000 + i)
	}
	if len(*told) != perPerson {
		t.Errorf("told %d times, want %d", len(*told), perPerson)
	}
	now = now.Add(while)
	m.ask(2000, 1, block(`C:\a.exe`))
	if err := w.Look(); err != nil || len(*told) != perPerson+1 {
		t.Errorf("after a while: %d, %v", len(*told), err)
	}
	for i := range maxPersons + 5 {
		w.may(fmt.Sprint("S-", i))
	}
	if len(w.told) > maxPersons {
		t.Errorf("%d people are remembered", len(w.told))
	}
	*told = nil
	for i := range 2 * maxAtOnce {
		m.people[uint32(100+i)] = fmt.Sprint("S-1-5-21-9-", i)
		m.ask(3000+i, uint32(100+i), block(`C:\a.exe`))
	}
	if err := w.Look(); err != nil || len(*told) > maxAtOnce {
		t.Errorf("%d at once, %v", len(*told), err)
	}
	m.processes = make([]Process, maxList+1)
	if w.Look() == nil {
		t.Error("a list without an end is looked at")
	}
}

// It looks only while somebody could be told, and says once what it can not do.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine()
		m.breaks(errors.New("no list"))
		w, told := watcher(m)
		var log strings.Builder
		w.Log = slog.New(slog.NewTextHandler(&log, nil))
		var wanted atomic.Bool
		w.Wanted = wanted.Load
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- w.Watch(ctx) }()
		<-time.After(time.Minute)
		synctest.Wait()
		if log.Len() != 0 {
			t.Errorf("nobody could be told, and it has looked: %s", log.String())
		}
		wanted.Store(true)
		<-time.After(time.Minute)
		synctest.Wait()
		if n := strings.Count(log.String(), "no list"); n != 1 {
			t.Errorf("it says %d times what it can not do", n)
		}
		m.breaks(nil)
		m.ask(1000, 1, block(`C:\a.exe`))
		<-time.After(2 * every)
		synctest.Wait()
		if len(*told) != 1 {
			t.Errorf("told %v", *told)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
