// Package fakeheld is a system that holds programs as they start, for tests: what is
// started waits for an answer, an answer that comes late ends the client and lets
// everything go on, and each start is answered once.
package fakeheld

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/assent-epm/assent/agent/intercept/held"
)

// System implements [held.Source]. The zero value can not be used: see [New].
type System struct {
	line chan held.Start

	mu     sync.Mutex // guards the fields below
	next   uint64
	waits  map[uint64]chan bool
	killed bool // the client missed a deadline
	closed bool
	over   chan struct{}
}

// New is a system that holds nothing yet.
func New() *System {
	return &System{line: make(chan held.Start), waits: map[uint64]chan bool{}, over: make(chan struct{})}
}

// Start starts a program, and reports whether it ran. Without a client, or with one that
// is late, everything runs.
func (s *System) Start(x held.Start) (ran bool) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return true
	}
	s.next++
	x.ID = s.next
	answer := make(chan bool, 1)
	s.waits[x.ID] = answer
	s.mu.Unlock()
	late := time.NewTimer(time.Until(x.Deadline))
	defer late.Stop()
	select {
	case s.line <- x:
	case <-s.over:
		return true
	case <-late.C:
		s.end(true)
		return true
	}
	select {
	case ran = <-answer:
		return ran
	case <-late.C:
		s.end(true)
		return true
	}
}

// Killed reports whether the system has ended the client for being late.
func (s *System) Killed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.killed
}

// end lets everything go on.
func (s *System) end(late bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.killed = s.killed || late && !s.closed
	if s.closed {
		return
	}
	s.closed = true
	close(s.over)
	for id, w := range s.waits {
		w <- true
		delete(s.waits, id)
	}
}

// Next implements [held.Source].
func (s *System) Next(ctx context.Context) (held.Start, error) {
	select {
	case x := <-s.line:
		return x, nil
	case <-s.over:
		return held.Start{}, held.ErrClosed
	case <-ctx.Done():
		return held.Start{}, context.Cause(ctx)
	}
}

// Answer implements [held.Source].
func (s *System) Answer(x held.Start, allow bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	w, ok := s.waits[x.ID]
	if !ok {
		return fmt.Errorf("start %d: it does not wait for an answer", x.ID)
	}
	delete(s.waits, x.ID)
	w <- allow
	return nil
}

// Close implements [held.Source].
func (s *System) Close() error {
	s.end(false)
	return nil
}

var _ held.Source = (*System)(nil)
