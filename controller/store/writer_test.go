package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// held makes the writer wait inside one call, so that others gather behind it.
func held(t *testing.T, s *Store) (release func(), result <-chan error) {
	t.Helper()
	inside, let, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- s.Update(context.Background(), func(*Tx) error {
			close(inside)
			<-let
			return nil
		})
	}()
	<-inside
	return func() { close(let) }, done
}

// waitQueued returns when n calls wait for the writer.
func waitQueued(s *Store, n int) {
	for s.writer.waiting.Load() < int64(n) {
		runtime.Gosched()
	}
}

func TestCallersShareCommits(t *testing.T) {
	s := fresh(t)
	insertEndpoint(t, s, endpoint)
	before := s.Stats()
	release, first := held(t, s)
	const n = 100
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			errs[i] = s.Update(context.Background(), func(tx *Tx) error {
				if _, err := tx.Enqueue("ep_1", wire.TClosed, wire.Closed{Request: elevation.RequestID(fmt.Sprint("req_", i))}); err != nil {
					return err
				}
				switch i % 4 {
				case 1:
					return errors.New("refused")
				case 3:
					panic("broken")
				}
				return nil
			})
		})
	}
	waitQueued(s, n)
	release()
	wg.Wait()
	if err := <-first; err != nil {
		t.Error(err)
	}
	for i, err := range errs {
		switch i % 4 {
		case 0, 2:
			if err != nil {
				t.Errorf("call %d: %v", i, err)
			}
		case 1:
			if err == nil || err.Error() != "refused" {
				t.Errorf("call %d: %v", i, err)
			}
		case 3:
			if err == nil || !strings.Contains(err.Error(), "broken") {
				t.Errorf("call %d: %v", i, err)
			}
		}
	}
	after := s.Stats()
	if commits := after.Commits - before.Commits; commits != 2 {
		t.Errorf("%d calls took %d commits, want 2", n+1, commits)
	}
	if after.Largest != n {
		t.Errorf("the largest batch was %d, want %d", after.Largest, n)
	}
	view(t, s, func(tx *Tx) error {
		frames, err := tx.Frames("ep_1", 0, 1000)
		if len(frames) != n/2 {
			t.Errorf("%d frames, want %d", len(frames), n/2)
		}
		for i, f := range frames {
			if f.Seq != uint64(i+1) {
				t.Fatalf("frame %d has number %d: there is a gap", i+1, f.Seq)
			}
		}
		return err
	})
}

// Whoever is answered has waited for the disk, also right after requests were
// taken into the lists, which waits for nothing.
func TestOnlyTakingInDoesNotWaitForTheDisk(t *testing.T) {
	s := fresh(t)
	level := func(c *conn) (n int) {
		if err := c.c.QueryRowContext(context.Background(), "PRAGMA synchronous").Scan(&n); err != nil {
			t.Error(err)
		}
		return n
	}
	answered := func() {
		t.Helper()
		update(t, s, func(tx *Tx) error {
			if n := level(tx.c); n != 2 { // FULL
				t.Errorf("somebody's change is written with synchronous=%d", n)
			}
			return nil
		})
	}
	answered()
	for round := range 3 {
		for i := range listFrom {
			insert(t, s, pending(fmt.Sprint(round, "-", i), day.Add(time.Duration(i)*time.Second), elevation.Low))
		}
		for s.tail.Load() >= listFrom {
			runtime.Gosched()
		}
		s.writer.turn.Lock()
		if n := level(s.writer.c); n != 1 { // NORMAL
			t.Errorf("taken in with synchronous=%d", n)
		}
		s.writer.turn.Unlock()
		if round == 1 { // several at once
			release, first := held(t, s)
			var wg sync.WaitGroup
			for range 3 {
				wg.Go(answered)
			}
			waitQueued(s, 3)
			release()
			wg.Wait()
			if err := <-first; err != nil {
				t.Error(err)
			}
		}
		answered()
	}
}

func TestNoCommitWithoutEvent(t *testing.T) {
	s := fresh(t)
	insertEndpoint(t, s, endpoint)
	r := pending("1", day, elevation.Low)
	insert(t, s, r)
	r.Version = 1
	draft := pending("d", day, elevation.Low)
	draft.SubmittedAt = elevation.Request{}.SubmittedAt
	tests := []struct {
		name  string
		fn    func(tx *Tx) error
		quiet bool // bookkeeping: needs no event
	}{
		{"insert request", func(tx *Tx) error { p := pending("2", day, elevation.Low); return tx.InsertRequest(&p, day) }, false},
		{"change request", func(tx *Tx) error { p := r; return tx.PutRequest(&p, day) }, false},
		{"grant", func(tx *Tx) error {
			return tx.InsertGrant(GrantRow{ID: "gr_1", Request: "req_1", Endpoint: "ep_1", Raw: []byte("x")})
		}, false},
		{"endpoint", func(tx *Tx) error { e := endpoint; e.Locked = true; return tx.PutEndpoint(e) }, false},
		{"user", func(tx *Tx) error { return tx.InsertUser(User{ID: "usr_1", Login: "ada"}) }, false},
		{"token", func(tx *Tx) error { return tx.InsertAPIToken(APIToken{ID: "tok_1", Hash: []byte("h")}) }, false},
		{"enrolment token", func(tx *Tx) error { return tx.InsertEnrollToken(EnrollToken{ID: "tok_2", Hash: []byte("h")}) }, false},
		{"rules", func(tx *Tx) error { _, err := tx.PutRuleset(Ruleset{YAML: "x"}); return err }, false},
		{"settings", func(tx *Tx) error { return tx.PutSettings(Settings{}) }, false},
		{"draft", func(tx *Tx) error { d := draft; return tx.InsertRequest(&d, day) }, true},
		{"last seen", func(tx *Tx) error { e := endpoint; e.LastSeen = day; return tx.SeenEndpoint(e) }, true},
		{"session", func(tx *Tx) error { return tx.InsertWebSession(WebSession{Hash: []byte("h"), User: "usr_1"}) }, true},
		{"acknowledgement", func(tx *Tx) error { return tx.Acked("ep_1", 0) }, true},
		{"time passed", func(tx *Tx) error { p := r; return tx.TouchRequest(&p, day) }, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := s.Update(context.Background(), tt.fn)
			if tt.quiet && err != nil || !tt.quiet && !errors.Is(err, ErrNoEvent) {
				t.Errorf("got %v", err)
			}
		})
	}
	if got := s.Settings(); got.PendingTTL == 0 {
		t.Error("settings of a refused change are in force")
	}
	view(t, s, func(tx *Tx) error {
		if _, err := tx.Request("req_2"); !errors.Is(err, elevation.ErrNotFound) {
			t.Errorf("a request without event is there: %v", err)
		}
		n, err := tx.Counts(RequestFilter{List: ListTeam})
		if n[elevation.StatePending] != 1 {
			t.Errorf("counters moved without a commit: %v", n)
		}
		return err
	})
}

func TestEventThatCanNotBeSealedUndoesTheChange(t *testing.T) {
	s := fresh(t)
	err := s.Update(context.Background(), func(tx *Tx) error {
		if err := tx.InsertUser(User{ID: "usr_1", Login: "ada"}); err != nil {
			return err
		}
		return tx.Append(audit.Event{At: day, Kind: audit.UserCreated}) // nobody did it
	})
	if !errors.Is(err, audit.ErrInvalid) {
		t.Errorf("got %v", err)
	}
	view(t, s, func(tx *Tx) error {
		if _, err := tx.User("usr_1"); !errors.Is(err, elevation.ErrNotFound) {
			t.Errorf("the account is there: %v", err)
		}
		return nil
	})
}

func TestFullQueueRefuses(t *testing.T) {
	s, err := Open(context.Background(), Config{Path: filepath.Join(t.TempDir(), "a.db"), Queue: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	release, first := held(t, s)
	results := make(chan error, 2)
	for range 2 {
		go func() { results <- s.Update(context.Background(), func(*Tx) error { return nil }) }()
	}
	waitQueued(s, 2)
	if err := s.Update(context.Background(), func(*Tx) error { return nil }); !errors.Is(err, ErrBusy) {
		t.Errorf("the third one waiting: %v", err)
	}
	release()
	for _, c := range []<-chan error{first, results, results} {
		if err := <-c; err != nil {
			t.Error(err)
		}
	}
}

func TestCallerThatLeaves(t *testing.T) {
	s := fresh(t)
	release, first := held(t, s)
	ctx, cancel := context.WithCancel(context.Background())
	ran := false
	gone := make(chan error, 1)
	go func() { gone <- s.Update(ctx, func(*Tx) error { ran = true; return nil }) }()
	waitQueued(s, 1)
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("left while waiting: %v", err)
	}
	release()
	if err := <-first; err != nil {
		t.Error(err)
	}
	update(t, s, func(*Tx) error { return nil })
	if ran {
		t.Error("the call of a caller who left was run")
	}
	ctx, cancel = context.WithCancel(context.Background())
	if err := s.Update(ctx, func(*Tx) error { cancel(); return nil }); err != nil {
		t.Errorf("a call that had begun is answered with the truth: %v", err)
	}
}

func TestFailedCommits(t *testing.T) {
	boom := errors.New("boom")
	for _, tt := range []struct {
		point string
		kept  bool
	}{{FailBeforeCommit, false}, {FailAfterCommit, true}} {
		t.Run(tt.point, func(t *testing.T) {
			var armed bool
			s, err := Open(context.Background(), Config{Path: filepath.Join(t.TempDir(), "a.db"), Fail: func(point string) error {
				if armed && point == tt.point {
					return boom
				}
				return nil
			}})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			armed = true
			r := pending("1", day, elevation.Low)
			err = s.Update(context.Background(), func(tx *Tx) error {
				return errors.Join(tx.InsertRequest(&r, day), tx.Append(event(audit.RequestSubmitted, r.ID)))
			})
			if !errors.Is(err, boom) {
				t.Errorf("got %v", err)
			}
			armed = false
			view(t, s, func(tx *Tx) error {
				_, err := tx.Request(r.ID)
				if tt.kept != (err == nil) {
					t.Errorf("kept: %v", err)
				}
				n, err := tx.Counts(RequestFilter{List: ListTeam})
				if (n[elevation.StatePending] == 1) != tt.kept {
					t.Errorf("counted %v", n)
				}
				return err
			})
			update(t, s, func(tx *Tx) error { return nil })
		})
	}
}

func TestTxIsNotForLater(t *testing.T) {
	s := fresh(t)
	var kept *Tx
	update(t, s, func(tx *Tx) error { kept = tx; return nil })
	if _, err := kept.Request("req_1"); err == nil || errors.Is(err, elevation.ErrNotFound) {
		t.Errorf("read after the end: %v", err)
	}
	if err := kept.Append(event(audit.RequestSubmitted, "")); err == nil {
		t.Error("append after the end worked")
	}
	err := s.View(context.Background(), func(tx *Tx) error {
		return tx.PutSettings(DefaultSettings())
	})
	if err == nil {
		t.Error("a View wrote")
	}
}

func TestAppendedWakes(t *testing.T) {
	s := fresh(t)
	woken := s.Appended()
	update(t, s, func(tx *Tx) error { return nil })
	select {
	case <-woken:
		t.Error("woken by a commit without events")
	default:
	}
	update(t, s, func(tx *Tx) error { return tx.Append(event(audit.ControllerStarted, "")) })
	<-woken
	woken = s.Appended()
	s.Close()
	<-woken
}

func TestAuditOrder(t *testing.T) {
	s := fresh(t)
	ctx := context.Background()
	for range 5 {
		update(t, s, func(tx *Tx) error { return tx.Append(event(audit.ControllerStarted, "req_1")) })
		s.Update(ctx, func(tx *Tx) error {
			return errors.Join(tx.Append(event(audit.ControllerStarted, "req_2")), errors.New("undone"))
		})
	}
	rows, err := s.AuditWaiting(ctx, 3)
	if err != nil || len(rows) != 3 || rows[0].Seq != 0 {
		t.Fatal(rows, err)
	}
	place := func(first uint64, rows []audit.Row) error {
		b := audit.Batch{First: first}
		for _, r := range rows {
			b.IDs = append(b.IDs, r.ID)
		}
		return s.AuditPlace(ctx, b)
	}
	if err := place(2, rows); !errors.Is(err, ErrStale) {
		t.Errorf("a gap: %v", err)
	}
	if err := place(1, []audit.Row{rows[1], rows[0]}); !errors.Is(err, ErrStale) {
		t.Errorf("another order: %v", err)
	}
	if err := place(1, rows); err != nil {
		t.Fatal(err)
	}
	if err := place(1, rows); !errors.Is(err, ErrStale) {
		t.Errorf("twice: %v", err)
	}
	rest, err := s.AuditWaiting(ctx, 10)
	if err != nil || len(rest) != 2 {
		t.Fatal(rest, err)
	}
	if err := place(4, append(rest, audit.Row{ID: "ev_none"})); !errors.Is(err, ErrStale) {
		t.Errorf("one that is not there: %v", err)
	}
	head, err := s.AuditHead(ctx)
	if err != nil || head.Size != 3 {
		t.Fatal(head, err)
	}
	view(t, s, func(tx *Tx) error {
		placed, err := tx.Events(1, 10, EventFilter{Request: "req_1", Kinds: []audit.Kind{audit.ControllerStarted}})
		if len(placed) != 2 || placed[0].Seq != 2 || placed[1].Seq != 3 {
			t.Errorf("%+v", placed)
		}
		all, err2 := tx.EventsOf("req_1")
		if len(all) != 5 || all[4].Seq != 0 {
			t.Errorf("%+v", all)
		}
		return errors.Join(err, err2)
	})
}

// A full disk refuses changes whole, and they work again when there is room.
func TestFullDisk(t *testing.T) {
	s := fresh(t)
	limit := func(pages int) {
		t.Helper()
		update(t, s, func(tx *Tx) error { // a PRAGMA of the writing connection
			return tx.row([]any{new(int)}, fmt.Sprintf("PRAGMA max_page_count=%d", pages))
		})
	}
	limit(1) // SQLite takes the present size instead
	var kept, lost []elevation.RequestID
	for i := range 200 {
		r := pending(fmt.Sprint(i), day, elevation.Low)
		r.Justification = strings.Repeat("x", 2000)
		err := s.Update(context.Background(), func(tx *Tx) error {
			return errors.Join(tx.InsertRequest(&r, day), tx.Append(event(audit.RequestSubmitted, r.ID)))
		})
		if err != nil {
			lost = append(lost, r.ID)
		} else {
			kept = append(kept, r.ID)
		}
	}
	if len(lost) == 0 {
		t.Fatal("the disk was never full")
	}
	limit(1 << 20)
	insert(t, s, pending("after", day, elevation.Low))
	view(t, s, func(tx *Tx) error {
		for _, id := range kept {
			if events, err := tx.EventsOf(id); err != nil || len(events) != 1 {
				t.Errorf("%s was answered and has %d events: %v", id, len(events), err)
			}
		}
		for _, id := range lost {
			if _, err := tx.Request(id); !errors.Is(err, elevation.ErrNotFound) {
				t.Errorf("%s was refused and is there: %v", id, err)
			}
		}
		n, err := tx.Counts(RequestFilter{List: ListTeam})
		if n[elevation.StatePending] != len(kept)+1 {
			t.Errorf("counted %v, %d were kept", n, len(kept)+1)
		}
		return err
	})
}
