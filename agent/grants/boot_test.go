package grants

import (
	"errors"
	"sync"
	"testing"
	"time"
)

// memoryMark is a place in memory; each step can be held up.
type memoryMark struct {
	mu      sync.Mutex // guards the fields below
	made    bool
	id      string
	writes  int
	claimed func() // called by who has made it, before it writes
	written func()
}

func (m *memoryMark) read() (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.id, nil
}

func (m *memoryMark) claim() (bool, error) {
	m.mu.Lock()
	mine := !m.made
	m.made = true
	m.mu.Unlock()
	if mine && m.claimed != nil {
		m.claimed()
	}
	return mine, nil
}

func (m *memoryMark) write(id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.id = id
	m.writes++
	if m.written != nil {
		m.written()
	}
	return nil
}

// markContract is what every place does that was never made.
func markContract(t *testing.T, m bootMark) {
	t.Helper()
	read := func(want string) {
		t.Helper()
		if id, err := m.read(); id != want || err != nil {
			t.Errorf("%q, %v, want %q", id, err, want)
		}
	}
	read("")
	for _, want := range []bool{true, false, false} {
		if mine, err := m.claim(); mine != want || err != nil {
			t.Errorf("made by this one: %v, %v", mine, err)
		}
	}
	read("") // it is made, and nothing is written
	for _, id := range []string{"one", "two"} {
		if err := m.write(id); err != nil {
			t.Error(err)
		}
		read(id)
	}
	if mine, err := m.claim(); mine || err != nil {
		t.Errorf("made again: %v, %v", mine, err)
	}
	read("two")
}

func TestMemoryMark(t *testing.T) { markContract(t, &memoryMark{}) }

// The agent and its reaper look for the first time at once: both have the same
// start of the machine, and what the one has noted is not overwritten.
func TestBootIsMarkedOnce(t *testing.T) {
	m := &memoryMark{}
	var second string
	var secondErr error
	var other sync.WaitGroup
	waits, written := make(chan struct{}, bootLooks), make(chan struct{})
	m.written = sync.OnceFunc(func() { close(written) })
	m.claimed = func() { // the place is made and still empty, and the second one comes
		other.Go(func() { second, secondErr = markedBoot(m, func(time.Duration) { waits <- struct{}{}; <-written }) })
		<-waits
	}
	first, err := markedBoot(m, func(time.Duration) { t.Error("who makes it does not wait") })
	other.Wait()
	if err := errors.Join(err, secondErr); err != nil || first == "" || first != second || m.writes != 1 {
		t.Errorf("%q and %q, written %d times: %v", first, second, m.writes, err)
	}
	if again, err := markedBoot(m, nil); again != first || err != nil {
		t.Errorf("later: %q, %v", again, err)
	}
}

// Who made the place died before it wrote: the next one writes, and does not wait
// for ever.
func TestBootWithoutItsMaker(t *testing.T) {
	m := &memoryMark{made: true}
	waited := time.Duration(0)
	id, err := markedBoot(m, func(d time.Duration) { waited += d })
	if id == "" || err != nil || waited != bootLooks*bootLook {
		t.Errorf("%q after %v: %v", id, waited, err)
	}
}

// brokenMark can not be read.
type brokenMark struct{ memoryMark }

func (*brokenMark) read() (string, error) { return "", errors.ErrUnsupported }

func TestBootThatCanNotBeRead(t *testing.T) {
	m := &brokenMark{}
	if id, err := markedBoot(m, nil); id != "" || !errors.Is(err, errors.ErrUnsupported) || m.writes != 0 {
		t.Errorf("%q, %v, written %d times", id, err, m.writes)
	}
}
