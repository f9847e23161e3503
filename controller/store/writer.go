package store

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// maxBatch is how many callers share one commit at most.
const maxBatch = 512

// DiskWaiters is how many goroutines of a store wait for the disk at a time: who
// writes, and the keeper of the log. Go notices that a call of the system takes
// long only after up to ten milliseconds, and runs nothing else on that processor
// until then, so a program that must answer fast lets it use as many more.
const DiskWaiters = 2

// Stats count what the writer did since the start.
type Stats struct {
	Commits int64 // transactions committed
	Callers int64 // calls of Update that ran
	Largest int64 // most callers in one transaction
}

// Stats says how well callers share commits.
func (s *Store) Stats() Stats {
	w := s.writer
	return Stats{Commits: w.commits.Load(), Callers: w.callers.Load(), Largest: w.largest.Load()}
}

// The life of a job. A caller whose context ends takes back a job that is still
// waiting; once it runs, its caller waits for the truth.
const (
	jobWaits int32 = iota
	jobRuns
	jobLeft
)

// job is one call of Update.
type job struct {
	fn    func(*Tx) error
	later bool // may be lost when the power goes, until somebody else commits
	state atomic.Int32
	done  chan error // 1

	tx  *Tx   // after it ran
	err error // its own
}

// writer is the one that writes. Its goroutine takes whoever waits, runs all of
// them in one transaction (batch.go), commits, and then answers: the disk is
// waited for once, whatever their number. It never waits for more callers to
// come. A caller who finds nobody writing and nobody waiting writes by itself,
// which saves two changes between goroutines.
type writer struct {
	s       *Store
	c       *conn
	jobs    chan *job
	wg      sync.WaitGroup
	turn    sync.Mutex   // held by who writes; guards c
	later   bool         // the connection does not wait for the disk; guarded by turn
	waiting atomic.Int64 // callers that the goroutine has not answered
	quiet   *time.Timer  // runs out when the tail is long and nobody has written for a while

	commits, callers, largest atomic.Int64

	mu     sync.RWMutex // guards closed; held for reading while sending to jobs
	closed bool
}

func newWriter(s *Store, c *conn) *writer {
	w := &writer{s: s, c: c, jobs: make(chan *job, s.cfg.Queue), quiet: time.NewTimer(quietFor)}
	w.wg.Go(w.run)
	return w
}

func (w *writer) stop() {
	w.mu.Lock()
	w.closed = true
	close(w.jobs)
	w.mu.Unlock()
	w.wg.Wait()
	w.c.close()
}

func (w *writer) submit(ctx context.Context, fn func(*Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	j := &job{fn: fn, done: make(chan error, 1)}
	if alone, err := w.alone(j); alone {
		return err
	}
	if err := w.send(j); err != nil {
		return err
	}
	select {
	case err := <-j.done:
		return err
	case <-ctx.Done():
		if j.state.CompareAndSwap(jobWaits, jobLeft) {
			return ctx.Err()
		}
		return <-j.done
	}
}

// alone writes j on the caller's goroutine if nobody else wants to write.
func (w *writer) alone(j *job) (bool, error) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return true, ErrClosed
	}
	if w.waiting.Load() > 0 || !w.turn.TryLock() {
		return false, nil
	}
	defer w.turn.Unlock()
	w.commit([]*job{j})
	return true, <-j.done
}

func (w *writer) send(j *job) error {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return ErrClosed
	}
	if w.waiting.Add(1) > int64(cap(w.jobs)) {
		w.waiting.Add(-1)
		return ErrBusy
	}
	w.jobs <- j // has room: at most as many wait as it holds
	return nil
}

func (w *writer) run() {
	batch := make([]*job, 0, maxBatch)
	for {
		select {
		case j, ok := <-w.jobs:
			if !ok {
				return
			}
			batch = w.batch(append(batch[:0], j))
			w.waiting.Add(-int64(len(batch)))
		case <-w.quiet.C:
			w.takeIn()
		}
	}
}

// takeIn takes some requests of the tail into the lists. Nothing is answered by
// it, and what is lost is done again, so it does not wait for the disk: the next
// commit that does has the whole log written before it. It is done when nobody has
// written for a while, so that many who come at once find the disk to themselves.
// When the tail can not grow any more, whoever waits does so for as many as came
// since.
func (w *writer) takeIn() {
	n, limit := w.s.tail.Load(), int64(listBatch)
	switch {
	case n >= listAtLast:
		limit = min(listMany, n-listAtLast+listBatch)
	case n < listFrom || w.waiting.Load() > 0:
		return
	}
	if err := w.takeInSome(int(limit)); err != nil {
		w.s.cfg.Log.Error("requests were not taken into the lists", "error", err)
		w.quiet.Reset(listAgain)
	}
}

func (w *writer) takeInSome(limit int) error {
	w.turn.Lock()
	defer w.turn.Unlock()
	j := &job{later: true, done: make(chan error, 1), fn: func(tx *Tx) error { _, err := tx.takeInCounted(limit); return err }}
	w.commit([]*job{j})
	return <-j.done
}

// lookAtTail tells the goroutine when the tail is long.
func (w *writer) lookAtTail() {
	switch n := w.s.tail.Load(); {
	case n >= listAtLast:
		w.quiet.Reset(0)
	case n >= listFrom:
		w.quiet.Reset(quietFor)
	}
}

// batch writes the given jobs and all that wait by the time it is their turn.
func (w *writer) batch(jobs []*job) []*job {
	w.turn.Lock()
	defer w.turn.Unlock()
	for len(jobs) < maxBatch {
		select {
		case j, ok := <-w.jobs:
			if ok {
				jobs = append(jobs, j)
				continue
			}
		default:
		}
		break
	}
	w.commit(slices.Clone(jobs))
	return jobs
}

// commit runs a batch and answers it.
func (w *writer) commit(batch []*job) {
	live := batch[:0]
	for _, j := range batch {
		if j.state.CompareAndSwap(jobWaits, jobRuns) {
			live = append(live, j)
		}
	}
	if len(live) == 0 {
		return
	}
	err := w.transact(live)
	good := 0
	for _, j := range live {
		switch {
		case j.err != nil:
			j.done <- j.err
		case err != nil:
			j.done <- fmt.Errorf("commit: %w", err)
		default:
			good++
			j.done <- nil
		}
	}
	w.lookAtTail()
	w.callers.Add(int64(len(live)))
	w.largest.Store(max(w.largest.Load(), int64(len(live))))
}
