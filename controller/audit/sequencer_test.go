package audit

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func itoa(n uint64) string { return strconv.FormatUint(n, 10) }

// start runs a Sequencer; the returned function ends it.
func start(t testing.TB, m *memory, letter byte) (*Sequencer, func()) {
	t.Helper()
	s := newSequencer(t, m, testKey(letter), time.Now)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	return s, func() {
		t.Helper()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	}
}

func TestPlacedWithin20Milliseconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		s, stop := start(t, m, 'a')
		defer stop()
		for range 5 {
			placed := s.Placed()
			m.commit(t, event(1, time.Now()))
			begun := time.Now()
			<-placed
			if late := time.Since(begun); late > 20*time.Millisecond {
				t.Errorf("placed after %v, want at most 20ms", late)
			}
			time.Sleep(337 * time.Millisecond) // synctest: no real time passes
		}
	})
}

func TestSignsEverySecondWhileThereIsNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		s, stop := start(t, m, 'a')
		begun := time.Now()
		for time.Since(begun) < 10*time.Second {
			m.commit(t, event(1, time.Now()))
			time.Sleep(100 * time.Millisecond)
		}
		list := m.signed()
		if n := len(list); n < 9 || n > 12 {
			t.Errorf("%d checkpoints in 10 seconds, want about 10", n)
		}
		for i := 1; i < len(list); i++ {
			if gap := list[i].At.Sub(list[i-1].At); gap > SignEvery+20*time.Millisecond {
				t.Errorf("%v between checkpoints %d and %d", gap, i-1, i)
			}
		}
		time.Sleep(2 * time.Second)
		quiet := len(m.signed())
		time.Sleep(time.Minute)
		if len(m.signed()) != quiet {
			t.Error("signed without news")
		}
		stop()
		if c := s.Checkpoint(); c.Size != uint64(len(m.rows)) || c.Size != 100 {
			t.Errorf("newest checkpoint has %d of %d events", c.Size, len(m.rows))
		}
	})
}

func TestPlacesAndSignsOnTheWayOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		_, stop := start(t, m, 'a')
		m.commit(t, event(1, time.Now()))
		time.Sleep(100 * time.Millisecond)
		for i := range maxBatch + 10 {
			m.commit(t, event(i, time.Now()))
		}
		stop()
		if len(m.rows) != maxBatch+11 || len(m.waiting) != 0 {
			t.Errorf("%d placed, %d waiting", len(m.rows), len(m.waiting))
		}
		if last := m.checkpoints[len(m.checkpoints)-1]; last.Size != uint64(len(m.rows)) {
			t.Errorf("last checkpoint has %d of %d events", last.Size, len(m.rows))
		}
	})
}

func TestGoesOnAfterErrorsOfTheDatabase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		_, stop := start(t, m, 'a')
		m.mu.Lock()
		m.broken = errors.New("disk full")
		m.mu.Unlock()
		for i := range 10 {
			m.commit(t, event(i, time.Now()))
		}
		time.Sleep(3 * time.Second)
		m.mu.Lock()
		m.broken = nil
		m.mu.Unlock()
		time.Sleep(2 * time.Second)
		stop()
		if len(m.rows) != 10 {
			t.Errorf("%d placed, want 10", len(m.rows))
		}
	})
}

func TestManyWritersLoseNothing(t *testing.T) {
	m := newMemory()
	s, stop := start(t, m, 'a')
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 200 {
				m.commit(t, event(i, time.Now()))
			}
		})
	}
	wg.Wait()
	stop()
	if len(m.rows) != 1600 {
		t.Fatalf("%d placed, want 1600", len(m.rows))
	}
	for _, seq := range []uint64{1, 2, 777, 1600} {
		p, err := Prove(t.Context(), m, seq)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Check(s.Key()); err != nil {
			t.Errorf("event %d: %v", seq, err)
		}
		p.Leaf = append([]byte{}, p.Leaf...)
		p.Leaf[len(p.Leaf)-1] ^= 1
		if p.Check(s.Key()) == nil {
			t.Errorf("event %d: a changed leaf was proven", seq)
		}
	}
	if _, err := Prove(t.Context(), m, 1601); !errors.Is(err, ErrInvalid) {
		t.Errorf("an event that does not exist: got %v", err)
	}
}

// A database that was put back or edited while the controller was down must not
// be signed again as if nothing had happened.
func TestStartRefusesAForkedLog(t *testing.T) {
	fill := func(t *testing.T) *memory {
		m := newMemory()
		for i := range 20 {
			m.commit(t, event(i, time.Now()))
		}
		_, stop := start(t, m, 'a')
		stop()
		return m
	}
	open := func(m *memory) error {
		_, err := New(t.Context(), Config{Store: m, Signer: testKey('a'), Cluster: "test", Now: time.Now, Log: discard()})
		return err
	}
	m := fill(t)
	if err := open(m); err != nil {
		t.Errorf("untouched: %v", err)
	}
	flipped := fill(t)
	for i, h := range flipped.hashes {
		h[0] ^= 1
		flipped.hashes[i] = h
	}
	if err := open(flipped); !errors.Is(err, ErrForked) {
		t.Errorf("changed hashes: got %v, want %v", err, ErrForked)
	}
	short := fill(t)
	short.rows = short.rows[:10]
	if err := open(short); !errors.Is(err, ErrForked) {
		t.Errorf("cut off: got %v, want %v", err, ErrForked)
	}
}

func TestNewNeedsAKey(t *testing.T) {
	cfg := Config{Store: newMemory(), Cluster: "test", Now: time.Now, Log: discard()}
	if _, err := New(t.Context(), cfg); err == nil {
		t.Error("a log without a key was opened")
	}
}
