package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// together runs the calls in this order in one transaction and returns their
// errors.
func together(t *testing.T, s *Store, calls ...func(*Tx) error) []error {
	t.Helper()
	release, first := held(t, s)
	var jobs []*job
	for _, fn := range calls {
		j := &job{fn: fn, done: make(chan error, 1)}
		if err := s.writer.send(j); err != nil {
			t.Fatal(err)
		}
		jobs = append(jobs, j)
	}
	before := s.Stats().Commits
	release()
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	var errs []error
	for _, j := range jobs {
		errs = append(errs, <-j.done)
	}
	if n := s.Stats().Commits - before; n != 2 {
		t.Fatalf("the calls took %d commits, want 1", n-1)
	}
	return errs
}

// decide stores what a decision by a rule stores.
func decide(id string) func(*Tx) error {
	return func(tx *Tx) error {
		r := pending(id, day, elevation.Low)
		seq, err := tx.Enqueue("ep_1", wire.TClosed, wire.Closed{Request: r.ID})
		if err != nil {
			return err
		}
		return errors.Join(tx.InsertGranted(&r, GrantRow{ID: "gr_1", Request: r.ID, Endpoint: "ep_1", FrameSeq: seq, Raw: []byte("signed")}, day),
			tx.Append(event(audit.RequestSubmitted, r.ID)))
	}
}

// What one call does wrong, however late it is noticed, takes nobody along.
func TestOneThatFailsTakesNobodyAlong(t *testing.T) {
	no := errors.New("no")
	after := func(do func(*Tx) error) func(*Tx) error {
		return func(tx *Tx) error { return errors.Join(decide("bad")(tx), do(tx), no) }
	}
	tests := []struct {
		name string
		bad  func(*Tx) error
		want error
	}{
		{"before it wrote", func(*Tx) error { return no }, no},
		{"with rows that wait", after(func(*Tx) error { return nil }), no},
		{"with rows that it read back", after(func(tx *Tx) error { _, err := tx.Request("req_bad"); return err }), no},
		{"after a statement", after(func(tx *Tx) error { return tx.Acked("ep_1", 1) }), no},
		{"after rows of administration", after(func(tx *Tx) error { return tx.InsertUser(User{ID: "usr_1", Login: "ada"}) }), no},
		{"an id that is taken in the same commit", decide("1"), ErrExists},
		{"an id that was taken before", decide("0"), ErrExists},
		{"no event", func(tx *Tx) error { r := pending("bad", day, elevation.Low); return tx.InsertRequest(&r, day) }, ErrNoEvent},
		{"a panic", after(func(*Tx) error { panic("broken") }), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := fresh(t)
			insertEndpoint(t, s, endpoint)
			update(t, s, decide("0"))
			errs := together(t, s, decide("1"), tt.bad, decide("2"), decide("3"))
			for i, err := range errs {
				if i != 1 && err != nil {
					t.Errorf("call %d: %v", i, err)
				}
			}
			if errs[1] == nil || tt.want != nil && !errors.Is(errs[1], tt.want) {
				t.Errorf("the bad one got %v, want %v", errs[1], tt.want)
			}
			view(t, s, func(tx *Tx) error { return whole(t, tx, "req_0", "req_1", "req_2", "req_3") })
			n, err := s.AuditWaiting(context.Background(), 100)
			if err != nil || len(n) != 4+1 { // one for the endpoint
				t.Errorf("%d events, %v", len(n), err)
			}
		})
	}
}

// whole checks that exactly these requests are there, each with its frame in the
// order of the numbers, and counted.
func whole(t *testing.T, tx *Tx, ids ...elevation.RequestID) error {
	t.Helper()
	frames, err := tx.Frames("ep_1", 0, 100)
	if err != nil {
		return err
	}
	for i, f := range frames {
		if f.Seq != uint64(i+1) {
			t.Errorf("frame %d has number %d", i+1, f.Seq)
		}
	}
	if len(frames) != len(ids) {
		t.Errorf("%d frames, want %d", len(frames), len(ids))
	}
	for _, id := range ids {
		g, err := tx.GrantOf(id)
		if err != nil {
			return err
		}
		if f, err := wire.Decode(frames[g.FrameSeq-1].Raw); err != nil || f.Seq != g.FrameSeq {
			t.Errorf("the frame of %s: %+v %v", id, f, err)
		}
	}
	n, err := tx.Counts(RequestFilter{List: ListTeam})
	if n[elevation.StatePending] != len(ids) {
		t.Errorf("counted %v, want %d", n, len(ids))
	}
	return err
}

func TestCallsSeeThoseBeforeThem(t *testing.T) {
	s := fresh(t)
	insertEndpoint(t, s, endpoint)
	errs := together(t, s, decide("1"), func(tx *Tx) error {
		if _, err := tx.GrantOf("req_1"); err != nil {
			return err
		}
		frames, err := tx.Frames("ep_1", 0, 10)
		if len(frames) != 1 {
			return fmt.Errorf("%d frames: %v", len(frames), err)
		}
		page, err := tx.RequestPage(RequestFilter{})
		if len(page.Items) != 1 {
			return fmt.Errorf("%d on the list: %v", len(page.Items), err)
		}
		return tx.Acked("ep_1", 1)
	}, decide("2"))
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	view(t, s, func(tx *Tx) error {
		e, err := tx.Endpoint("ep_1")
		if e.Acked != 1 || e.NextSeq != 3 {
			t.Errorf("acknowledged %d, next %d", e.Acked, e.NextSeq)
		}
		return err
	})
}

// Settings that one call writes are those of the calls after it, and what a call
// wrote that failed is not.
func TestSettingsOfTheCallBefore(t *testing.T) {
	bad := errors.New("bad")
	set := func(change func(*Settings)) func(*Tx) error {
		return func(tx *Tx) error {
			next := tx.Settings()
			change(&next)
			return errors.Join(tx.PutSettings(next), tx.Append(event(audit.SettingsChanged, "")))
		}
	}
	first := set(func(s *Settings) {
		s.UseWithin = time.Minute
		s.HeadStart = elevation.HeadStarts{elevation.Urgent: time.Hour}
	})
	second := set(func(s *Settings) { s.Hold = time.Second })
	for _, fails := range []bool{false, true} {
		t.Run(fmt.Sprint("one fails: ", fails), func(t *testing.T) {
			s := fresh(t)
			insertEndpoint(t, s, endpoint)
			r := pending("1", day, elevation.Urgent)
			row, err := s.NewRequest(context.Background(), &r, day) // made ready before
			if err != nil {
				t.Fatal(err)
			}
			calls := []func(*Tx) error{first, second, func(tx *Tx) error {
				return errors.Join(tx.InsertNew(row, GrantRow{}), tx.Append(event(audit.RequestSubmitted, r.ID)))
			}}
			if fails {
				calls = append(calls, func(tx *Tx) error { return errors.Join(set(func(s *Settings) { s.Undo = time.Hour })(tx), bad) },
					set(func(s *Settings) { s.HistoryDays = 7 }))
			}
			for i, err := range together(t, s, calls...) {
				if (err != nil) != (i == 3) {
					t.Errorf("call %d: %v", i, err)
				}
			}
			got := s.Settings()
			if got.UseWithin != time.Minute || got.Hold != time.Second || got.Undo == time.Hour || fails && got.HistoryDays != 7 {
				t.Errorf("in memory: use within %s, hold %s, undo %s, %d days", got.UseWithin, got.Hold, got.Undo, got.HistoryDays)
			}
			view(t, s, func(tx *Tx) error {
				stored, err := tx.loadSettings()
				if stored.UseWithin != time.Minute || stored.Hold != time.Second || stored.Undo == time.Hour {
					t.Errorf("stored: use within %s, hold %s, undo %s", stored.UseWithin, stored.Hold, stored.Undo)
				}
				var key int64
				if err == nil {
					err = tx.row([]any{&key}, "SELECT sort_key FROM requests WHERE id = ?", string(r.ID))
				}
				if want := day.Add(-time.Hour).UnixMilli(); key != want {
					t.Errorf("the request stands at %d, want %d", key, want)
				}
				return err
			})
		})
	}
}

// A commit that fails gives nobody anything: the next one begins where the last
// good one ended, and what is kept in memory has not moved.
func TestAFailedCommitGivesNumbersBack(t *testing.T) {
	broken, fails := errors.New("the disk is full"), atomic.Bool{}
	s, err := Open(context.Background(), Config{Path: filepath.Join(t.TempDir(), "a.db"), Fail: func(at string) error {
		if at == FailBeforeCommit && fails.Load() {
			return broken
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	insertEndpoint(t, s, endpoint)
	update(t, s, decide("0"))
	fails.Store(true)
	release, first := held(t, s)
	var jobs []*job
	for _, fn := range []func(*Tx) error{decide("1"), decide("2")} {
		j := &job{fn: fn, done: make(chan error, 1)}
		if err := s.writer.send(j); err != nil {
			t.Fatal(err)
		}
		jobs = append(jobs, j)
	}
	release()
	<-first
	for i, j := range jobs {
		if err := <-j.done; !errors.Is(err, broken) {
			t.Errorf("call %d: %v", i, err)
		}
	}
	fails.Store(false)
	for i, err := range together(t, s, decide("1"), decide("2")) {
		if err != nil {
			t.Errorf("call %d: %v", i, err)
		}
	}
	view(t, s, func(tx *Tx) error { return whole(t, tx, "req_0", "req_1", "req_2") })
}

// An endpoint that a failed call made is forgotten, also where its frames were to
// be: another one stands there now.
func TestAFailedEnrolmentLeavesNoPlace(t *testing.T) {
	s := fresh(t)
	insertEndpoint(t, s, endpoint)
	enrol := func(id elevation.EndpointID, err error) func(*Tx) error {
		return func(tx *Tx) error {
			e := endpoint
			e.ID, e.SPKI = id, []byte(id)
			made := errors.Join(tx.InsertEndpoint(e), tx.Append(event(audit.EndpointEnrolled, "")))
			_, sent := tx.Enqueue(id, wire.TClosed, wire.Closed{})
			return errors.Join(made, sent, err)
		}
	}
	bad := errors.New("bad")
	errs := together(t, s, enrol("ep_2", bad), enrol("ep_3", nil))
	if !errors.Is(errs[0], bad) || errs[1] != nil {
		t.Fatal(errs)
	}
	err := s.Update(context.Background(), func(tx *Tx) error {
		_, err := tx.Enqueue("ep_2", wire.TClosed, wire.Closed{})
		return err
	})
	if !errors.Is(err, elevation.ErrNotFound) {
		t.Errorf("a frame for an endpoint that there is not: %v", err)
	}
	view(t, s, func(tx *Tx) error {
		frames, err := tx.Frames("ep_3", 0, 10)
		if len(frames) != 1 {
			t.Errorf("the other endpoint has %d frames", len(frames))
		}
		return err
	})
}

// Who goes away while their call runs gets it all the same, also when it has to
// run again; who goes away before is left out of both runs.
func TestWhoGoesAwayInTheMiddle(t *testing.T) {
	s := fresh(t)
	insertEndpoint(t, s, endpoint)
	release, first := held(t, s)
	ctx, leave := context.WithCancel(context.Background())
	gone, goes := context.WithCancel(context.Background())
	runs, late := 0, errors.New("late")
	calls := []struct {
		ctx context.Context
		fn  func(*Tx) error
	}{
		{ctx, func(tx *Tx) error { runs++; leave(); return decide("1")(tx) }},
		{gone, decide("2")},
		{context.Background(), func(tx *Tx) error { return errors.Join(decide("3")(tx), tx.Acked("ep_1", 1), late) }},
	}
	var errs []chan error
	for i, c := range calls {
		done := make(chan error, 1)
		errs = append(errs, done)
		go func() { done <- s.Update(c.ctx, c.fn) }()
		waitQueued(s, i+1)
	}
	goes()
	if err := <-errs[1]; !errors.Is(err, context.Canceled) {
		t.Errorf("who went away before: %v", err)
	}
	release()
	<-first
	if err := <-errs[0]; err != nil || runs != 2 {
		t.Errorf("who went away in the middle: %v after %d runs", err, runs)
	}
	if err := <-errs[2]; !errors.Is(err, late) {
		t.Error(err)
	}
	view(t, s, func(tx *Tx) error { return whole(t, tx, "req_1") })
}

// Numbers of frames go on without a gap and are never given twice, also when all
// frames are gone and the controller begins anew.
func TestNumbersSurvive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	open := func() *Store {
		s, err := Open(context.Background(), Config{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	next := func(s *Store, want uint64) {
		t.Helper()
		update(t, s, func(tx *Tx) error {
			seq, err := tx.Enqueue("ep_1", wire.TClosed, wire.Closed{})
			if seq != want {
				t.Errorf("frame %d, want %d", seq, want)
			}
			return err
		})
	}
	s := open()
	insertEndpoint(t, s, endpoint)
	for seq := range uint64(3) {
		next(s, seq+1)
	}
	update(t, s, func(tx *Tx) error { return tx.Acked("ep_1", 2) })
	s.Close()
	s = open()
	if err := s.Update(context.Background(), func(tx *Tx) error { return tx.Acked("ep_1", 4) }); !errors.Is(err, elevation.ErrInvalid) {
		t.Errorf("a number that was never given: %v", err)
	}
	update(t, s, func(tx *Tx) error { return tx.Acked("ep_1", 3) })
	s.Close()
	s = open()
	view(t, s, func(tx *Tx) error {
		e, err := tx.Endpoint("ep_1")
		if e.NextSeq != 4 {
			t.Errorf("next %d", e.NextSeq)
		}
		return err
	})
	next(s, 4)
	next(s, 5)
}

// A log that is written all the time begins anew all the same.
func TestLogBeginsAnew(t *testing.T) {
	s := fresh(t)
	insertEndpoint(t, s, endpoint)
	body := strings.Repeat("x", 4000)
	for i := range keepMost {
		update(t, s, func(tx *Tx) error {
			_, err := tx.Enqueue("ep_1", wire.TClosed, wire.Closed{Request: elevation.RequestID(fmt.Sprint("req_", i)), Text: body})
			return err
		})
	}
	if err := s.keeper.carry(); err != nil {
		t.Fatal(err)
	}
	update(t, s, func(tx *Tx) error { return tx.Acked("ep_1", 1) })
	pages, err := s.keeper.pass()
	if err != nil || pages > keepMost/2 {
		t.Errorf("the log has %d pages after it was carried over: %v", pages, err)
	}
}
