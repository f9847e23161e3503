package store

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
)

// maxBatch is how many callers share one commit at most.
const maxBatch = 512

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
	state atomic.Int32
	done  chan error // 1

	tx  *Tx   // after it ran
	err error // its own
}

// writer is the one that writes. Its goroutine takes whoever waits, gives each a
// savepoint in one transaction, commits, and then answers all of them: the disk
// is waited for once, whatever their number. It never waits for more callers to
// come. A caller who finds nobody writing and nobody waiting writes by itself,
// which saves two changes between goroutines.
type writer struct {
	s       *Store
	c       *conn
	jobs    chan *job
	wg      sync.WaitGroup
	turn    sync.Mutex    // held by who writes; guards c
	waiting atomic.Int64  // callers that the goroutine has not answered
	idle    chan struct{} // 1; the tail is long

	commits, callers, largest atomic.Int64

	mu     sync.RWMutex // guards closed; held for reading while sending to jobs
	closed bool
}

func newWriter(s *Store, c *conn) *writer {
	w := &writer{s: s, c: c, jobs: make(chan *job, s.cfg.Queue), idle: make(chan struct{}, 1)}
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
		case <-w.idle:
			w.takeIn()
		}
	}
}

// takeIn takes requests of the tail into the lists, unless somebody waits and
// the tail can still grow.
func (w *writer) takeIn() {
	for n := w.s.tail.Load(); n >= listFrom && (w.waiting.Load() == 0 || n >= listAtLast); n = w.s.tail.Load() {
		limit := listBatch
		if n >= listAtLast {
			limit = listMany
		}
		if err := w.takeInSome(limit); err != nil {
			w.s.cfg.Log.Error("requests were not taken into the lists", "error", err)
			return
		}
	}
}

func (w *writer) takeInSome(limit int) error {
	w.turn.Lock()
	defer w.turn.Unlock()
	j := &job{done: make(chan error, 1), fn: func(tx *Tx) error { _, err := tx.takeInCounted(limit); return err }}
	w.commit([]*job{j})
	return <-j.done
}

// lookAtTail tells the goroutine when the tail is long.
func (w *writer) lookAtTail() {
	if w.s.tail.Load() < listFrom {
		return
	}
	select {
	case w.idle <- struct{}{}:
	default:
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

// transact runs the jobs in one transaction. Its error is that of all jobs that
// did not fail by themselves.
func (w *writer) transact(jobs []*job) error {
	bg := context.Background()
	if err := w.begin(); err != nil {
		return err
	}
	committed := false
	defer func() {
		if committed {
			return
		}
		if err := w.c.exec(bg, "ROLLBACK"); err != nil {
			w.s.cfg.Log.Error("roll back", "error", err)
		}
	}()
	good, people := 0, false
	for _, j := range jobs {
		if err := w.savepoint(j, len(jobs) > 1, people); err != nil {
			return err
		}
		if j.err == nil {
			good++
			people = people || j.tx.people
		}
	}
	if good == 0 {
		return nil
	}
	var events eventRows
	for _, j := range jobs {
		if j.err == nil {
			events = append(events, j.tx.events...)
		}
	}
	if err := events.insert(w.c); err != nil {
		return err
	}
	if err := w.fail(FailBeforeCommit); err != nil {
		return err
	}
	if err := w.c.exec(bg, "COMMIT"); err != nil {
		return err
	}
	committed = true
	w.commits.Add(1)
	w.publish(jobs)
	if len(events) > 0 {
		w.s.announce()
	}
	return w.fail(FailAfterCommit)
}

// begin starts a transaction, and ends one that an earlier error left open.
func (w *writer) begin() error {
	bg := context.Background()
	err := w.c.exec(bg, "BEGIN IMMEDIATE")
	if err != nil && w.c.exec(bg, "ROLLBACK") == nil {
		err = w.c.exec(bg, "BEGIN IMMEDIATE")
	}
	return err
}

// savepoint runs one job; what it did is undone when it fails. A job that is
// alone in its transaction needs no savepoint: the transaction is rolled back.
// The returned error is that of the connection, not of the job.
// people says that the staff was changed before it in the same transaction.
func (w *writer) savepoint(j *job, several, people bool) error {
	bg := context.Background()
	if several {
		if err := w.c.exec(bg, "SAVEPOINT caller"); err != nil {
			return err
		}
	}
	j.tx = &Tx{s: w.s, c: w.c, ctx: bg, write: true, peopleBefore: people}
	j.err = w.call(j)
	j.tx.over = true
	if j.err == nil && j.tx.changed != "" && len(j.tx.events) == 0 {
		j.err = fmt.Errorf("%w: %s", ErrNoEvent, j.tx.changed)
	}
	if !several {
		return nil
	}
	if j.err != nil {
		if err := w.c.exec(bg, "ROLLBACK TO caller"); err != nil {
			return err
		}
	}
	return w.c.exec(bg, "RELEASE caller")
}

// call runs fn. A panic is its caller's error and does not end the writer.
func (w *writer) call(j *job) (err error) {
	defer func() {
		if p := recover(); p != nil {
			w.s.cfg.Log.Error("panic in a change of the database", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = fmt.Errorf("panic in a change of the database: %v", p)
		}
	}()
	return j.fn(j.tx)
}

// publish brings what is kept in memory up to the commit.
func (w *writer) publish(jobs []*job) {
	for _, j := range jobs {
		if j.err != nil {
			continue
		}
		if j.tx.settings != nil {
			w.s.settings.Store(j.tx.settings)
		}
		w.s.counts.apply(j.tx.moved)
		w.s.tail.Add(j.tx.tailMoved)
		if j.tx.labelled {
			w.s.counts.relabelled()
		}
		w.s.endpoints.forget(j.tx.touched)
		if j.tx.people {
			w.s.staff.forget()
		}
		w.s.tellFrames(j.tx.frames)
	}
}

func (w *writer) fail(point string) error {
	if w.s.cfg.Fail == nil {
		return nil
	}
	return w.s.cfg.Fail(point)
}
