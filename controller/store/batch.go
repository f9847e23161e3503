package store

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
)

// Callers that share a transaction run one after the other, and the rows that
// they only add (requests, frames, events) are held back and written together,
// some dozens with one statement. Whatever else a call reads or writes comes
// after the rows that were held back until then, so each call sees what those
// before it did, as if each had written at once.
//
// Savepoints cost more than the rows, and hardly any call fails after it has
// written. So none is made: a call that fails before it wrote anything is left
// out, and when one fails later, or rows that were held back can not be written,
// the whole transaction is rolled back and all calls run again, each in a
// savepoint and with its rows written at once. That is why fn may run again.

// errApart is why calls must run again, each by itself.
var errApart = errors.New("a call failed after it had written")

// batch is one transaction that callers share.
type batch struct {
	apart bool // each call has a savepoint, nothing is held back
	late  late // of calls that have returned
	err   error

	settings *Settings // as calls that have returned wrote them, nil = none did

	endpoints bool // one was written by [Tx.PutEndpoint]: what is in memory is older
}

// late are rows that wait to be written.
type late struct {
	requests []any // requestArgs values each
	frames   []any // two values each
}

func (l *late) add(o late) {
	l.requests = append(l.requests, o.requests...)
	l.frames = append(l.frames, o.frames...)
}

// write writes the rows with few statements and forgets them. A row that can not
// be written fails the transaction, so none keeps what is needed to undo only
// its statement.
func (l *late) write(c *conn) error {
	err := insertMany(c, insertRequest, requestArgs, l.requests)
	if err == nil {
		err = insertMany(c, insertFrame, frameArgs, l.frames)
	}
	*l = late{}
	return err
}

// maxBound is how many values a statement of insertMany has at most: the driver
// looks for each among all of them.
const maxBound = 256

// insertMany adds rows of n values each in chunks of fixed sizes, so that few
// statements are prepared.
func insertMany(c *conn, into string, n int, values []any) error {
	for len(values) > 0 {
		rows := maxBound / n
		for rows*n > len(values) {
			rows /= 2
		}
		row := "(" + marks(n) + "),"
		query := "INSERT OR FAIL INTO " + into + " VALUES " + strings.TrimSuffix(strings.Repeat(row, rows), ",")
		if err := c.exec(context.Background(), query, values[:rows*n]...); err != nil {
			return err
		}
		values = values[rows*n:]
	}
	return nil
}

// catchUp writes what was held back, so that the next statement sees it.
func (tx *Tx) catchUp() error {
	b := tx.batch
	if b == nil || len(b.late.requests)+len(b.late.frames)+len(tx.late.requests)+len(tx.late.frames) == 0 {
		return nil
	}
	tx.wrote = tx.wrote || len(tx.late.requests)+len(tx.late.frames) > 0
	b.late.add(tx.late)
	tx.late = late{}
	err := b.late.write(tx.c)
	if err != nil {
		b.err = err // whose row it was is not known
	}
	return err
}

// hold adds one row, at once or later.
func (tx *Tx) hold(into string, values []any, later *[]any) error {
	if tx.batch == nil || tx.batch.apart {
		tx.wrote = true
		return insertMany(tx.c, into, len(values), values)
	}
	*later = append(*later, values...)
	return nil
}

// transact runs the jobs in one transaction. Its error is that of all jobs that
// did not fail by themselves.
func (w *writer) transact(jobs []*job) error {
	if len(jobs) > 1 {
		if err := w.inOne(jobs, false); !errors.Is(err, errApart) {
			return err
		}
	}
	return w.inOne(jobs, true)
}

// inOne is one try of transact.
func (w *writer) inOne(jobs []*job, apart bool) error {
	bg := context.Background()
	if err := w.begin(jobs[0].later); err != nil {
		return err
	}
	committed := false
	defer func() {
		if committed {
			return
		}
		for _, j := range jobs {
			w.s.numbers.forget(j.tx)
		}
		if err := w.c.exec(bg, "ROLLBACK"); err != nil {
			w.s.cfg.Log.Error("roll back", "error", err)
		}
	}()
	b := &batch{apart: apart}
	good, err := w.runAll(jobs, b)
	if err != nil || good == 0 {
		return err
	}
	if b.late.write(w.c) != nil {
		return errApart
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
	w.s.keeper.note(w.c)
	w.publish(jobs)
	if len(events) > 0 {
		w.s.announce()
	}
	return w.fail(FailAfterCommit)
}

// runAll runs the jobs of a batch and says how many did not fail.
func (w *writer) runAll(jobs []*job, b *batch) (good int, err error) {
	people := false // the staff was changed in this transaction
	for _, j := range jobs {
		j.tx = &Tx{s: w.s, c: w.c, ctx: context.Background(), write: true, peopleBefore: people, batch: b}
		if b.apart {
			err = w.apart(j, len(jobs) > 1)
		} else {
			err = w.together(j, b)
		}
		if err != nil {
			return 0, err
		}
		if j.err == nil {
			good++
			people = people || j.tx.people
			if j.tx.settings != nil {
				b.settings = j.tx.settings
			}
		}
	}
	return good, nil
}

// together runs one job without a savepoint.
func (w *writer) together(j *job, b *batch) error {
	w.call(j)
	switch {
	case b.err != nil, j.err != nil && j.tx.wrote:
		return errApart
	case j.err != nil:
		w.s.numbers.undo(j.tx)
	default:
		b.late.add(j.tx.late)
	}
	return nil
}

// apart runs one job; what it did is undone when it fails. A job that is alone in
// its transaction needs no savepoint: the transaction is rolled back. The
// returned error is that of the connection, not of the job.
func (w *writer) apart(j *job, several bool) error {
	bg := context.Background()
	if several {
		if err := w.c.exec(bg, "SAVEPOINT caller"); err != nil {
			return err
		}
	}
	w.call(j)
	if j.err != nil {
		w.s.numbers.undo(j.tx)
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

// begin starts a transaction, and ends one that an earlier error left open. A job
// for later is always alone in its transaction.
func (w *writer) begin(later bool) error {
	bg := context.Background()
	if later != w.later {
		level := "FULL"
		if later {
			level = "NORMAL"
		}
		// SQLite takes this pragma when it is prepared.
		if _, err := w.c.c.ExecContext(bg, "PRAGMA synchronous="+level); err != nil {
			return err
		}
		w.later = later
	}
	err := w.c.exec(bg, "BEGIN IMMEDIATE")
	if err != nil && w.c.exec(bg, "ROLLBACK") == nil {
		err = w.c.exec(bg, "BEGIN IMMEDIATE")
	}
	return err
}

// call runs a job. A panic is its caller's error and does not end the writer.
func (w *writer) call(j *job) {
	defer func() {
		if p := recover(); p != nil {
			w.s.cfg.Log.Error("panic in a change of the database", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			j.err = fmt.Errorf("panic in a change of the database: %v", p)
		}
		j.tx.over = true
	}()
	j.err = j.fn(j.tx)
	if j.err == nil && j.tx.changed != "" && len(j.tx.events) == 0 {
		j.err = fmt.Errorf("%w: %s", ErrNoEvent, j.tx.changed)
	}
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
