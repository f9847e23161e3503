package store

import (
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
	"github.com/google/go-cmp/cmp"
)

var day = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func open(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(context.Background(), Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func fresh(t testing.TB) *Store { return open(t, filepath.Join(t.TempDir(), "assent.db")) }

func update(t testing.TB, s *Store, fn func(*Tx) error) {
	t.Helper()
	if err := s.Update(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

func view(t testing.TB, s *Store, fn func(*Tx) error) {
	t.Helper()
	if err := s.View(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

func event(kind audit.Kind, req elevation.RequestID) audit.Event {
	return audit.Event{At: day, Kind: kind, Actor: elevation.Actor{Kind: elevation.BySystem}, Request: req}
}

var endpoint = Endpoint{ID: "ep_1", Name: "web-1", SPKI: []byte("spki-1"), Labels: map[string]string{"role": "web"}, AcceptLabels: []string{},
	Mode: "ask", EnrolledAt: day, Facts: wire.Facts{Hostname: "web-1", Reported: map[string]string{"site": "a"}}}

func insertEndpoint(t testing.TB, s *Store, e Endpoint) {
	t.Helper()
	update(t, s, func(tx *Tx) error {
		if err := tx.InsertEndpoint(e); err != nil {
			return err
		}
		return tx.Append(audit.Event{At: day, Kind: audit.EndpointEnrolled, Actor: elevation.Actor{Kind: elevation.BySystem}, Endpoint: e.ID})
	})
}

func TestReopenKeepsEverything(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b?c#%41.db")
	s := open(t, path)
	insertEndpoint(t, s, endpoint)
	r := pending("1", day, elevation.Normal)
	update(t, s, func(tx *Tx) error {
		if err := tx.InsertRequest(&r, day); err != nil {
			return err
		}
		return tx.Append(event(audit.RequestSubmitted, r.ID))
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error("a second Close:", err)
	}
	if err := s.Update(context.Background(), func(*Tx) error { return nil }); !errors.Is(err, ErrClosed) {
		t.Error("Update after Close:", err)
	}
	if err := s.View(context.Background(), func(*Tx) error { return nil }); !errors.Is(err, ErrClosed) {
		t.Error("View after Close:", err)
	}
	s = open(t, path)
	view(t, s, func(tx *Tx) error {
		got, err := tx.Request(r.ID)
		if err != nil {
			return err
		}
		if d := cmp.Diff(r, got); d != "" {
			t.Error(d)
		}
		e, err := tx.Endpoint("ep_1")
		if err != nil {
			return err
		}
		want := endpoint
		want.NextSeq = 1
		if d := cmp.Diff(want, e); d != "" {
			t.Error(d)
		}
		n, err := tx.Counts(RequestFilter{List: ListTeam})
		if err != nil {
			return err
		}
		if d := cmp.Diff(map[elevation.State]int{elevation.StatePending: 1}, n); d != "" {
			t.Error(d)
		}
		return nil
	})
}

func TestPeople(t *testing.T) {
	s := fresh(t)
	u := User{ID: "usr_1", Login: "Ada", Name: "Ada L", Roles: []auth.Role{auth.Administrator}, Scope: map[string]string{"a": "b"}, CreatedAt: day}
	tok := APIToken{ID: "tok_1", Hash: []byte("h"), Name: "ci", Owner: "usr_1", Scopes: []string{"rules"}, ExpiresAt: day.Add(time.Hour), CreatedAt: day}
	enroll := EnrollToken{ID: "tok_2", Hash: []byte("e"), ExpiresAt: day.Add(time.Hour), MaxUses: 1, Labels: map[string]string{"x": "y"},
		AcceptLabels: []string{"site"}, Mode: "ask", CreatedBy: elevation.Actor{Kind: elevation.ByUser, ID: "usr_1"}, CreatedAt: day}
	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.InsertUser(u), tx.InsertAPIToken(tok), tx.InsertEnrollToken(enroll),
			tx.InsertWebSession(WebSession{Hash: []byte("w"), User: "usr_1", CreatedAt: day, LastSeenAt: day, ExpiresAt: day.Add(time.Hour)}),
			tx.InsertSignInLink(SignInLink{Hash: []byte("l"), User: "usr_1", ExpiresAt: day.Add(time.Hour)}, day),
			tx.Append(event(audit.UserCreated, "")))
	})
	err := s.Update(context.Background(), func(tx *Tx) error {
		v := u
		v.ID, v.Login = "usr_2", "ADA"
		return errors.Join(tx.Append(event(audit.UserCreated, "")), tx.InsertUser(v))
	})
	if !errors.Is(err, ErrExists) {
		t.Errorf("the same login in capitals: %v", err)
	}
	view(t, s, func(tx *Tx) error {
		got, err := tx.UserByLogin("ada")
		if d := cmp.Diff(u, got); d != "" || err != nil {
			t.Error(d, err)
		}
		gotTok, err := tx.APITokenByHash([]byte("h"))
		if d := cmp.Diff(tok, gotTok); d != "" || err != nil {
			t.Error(d, err)
		}
		gotEnroll, err := tx.EnrollTokens()
		if d := cmp.Diff([]EnrollToken{enroll}, gotEnroll); d != "" || err != nil {
			t.Error(d, err)
		}
		if _, err := tx.User("usr_9"); !errors.Is(err, elevation.ErrNotFound) {
			t.Error(err)
		}
		return nil
	})
	for i, want := range []error{nil, elevation.ErrNotFound} {
		err := s.Update(context.Background(), func(tx *Tx) error {
			if _, err := tx.ConsumeEnrollToken([]byte("e"), day); err != nil {
				return err
			}
			return tx.Append(event(audit.EndpointEnrolled, ""))
		})
		if !errors.Is(err, want) {
			t.Errorf("use %d of a token for one: %v", i+1, err)
		}
		err = s.Update(context.Background(), func(tx *Tx) error {
			_, err := tx.UseSignInLink([]byte("l"), day)
			return err
		})
		if !errors.Is(err, want) {
			t.Errorf("use %d of a one-time link: %v", i+1, err)
		}
	}
	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.DeleteUser("usr_1"), tx.Append(event(audit.UserDeleted, "")))
	})
	view(t, s, func(tx *Tx) error {
		if _, err := tx.WebSession([]byte("w")); !errors.Is(err, elevation.ErrNotFound) {
			t.Error("a session outlives its account:", err)
		}
		if _, err := tx.APITokenByHash([]byte("h")); !errors.Is(err, elevation.ErrNotFound) {
			t.Error("a token outlives its account:", err)
		}
		return nil
	})
}

func TestRulesetsAndSettings(t *testing.T) {
	s := fresh(t)
	if got := s.Settings(); got.PendingTTL != 8*time.Hour || got.Quota.PendingPerUser != 20 {
		t.Errorf("defaults: %+v", got)
	}
	view(t, s, func(tx *Tx) error {
		if _, err := tx.Ruleset(); !errors.Is(err, elevation.ErrNotFound) {
			t.Error(err)
		}
		return nil
	})
	for want := int64(1); want <= 2; want++ {
		update(t, s, func(tx *Tx) error {
			v, err := tx.PutRuleset(Ruleset{YAML: "rules: []", At: day})
			if v != want {
				t.Errorf("version %d, want %d", v, want)
			}
			return errors.Join(err, tx.Append(event(audit.RuleChanged, "")))
		})
	}
	set := s.Settings()
	set.Undo = time.Minute
	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.PutSettings(set), tx.Append(event(audit.SettingsChanged, "")))
	})
	if d := cmp.Diff(set, s.Settings()); d != "" {
		t.Error(d)
	}
}

func TestIdempotency(t *testing.T) {
	s := fresh(t)
	update(t, s, func(tx *Tx) error { return tx.IdempotentPut("k", "usr_1", []byte("b"), []byte("answer"), day) })
	view(t, s, func(tx *Tx) error {
		if got, ok, err := tx.IdempotentGet("k", "usr_1", []byte("b"), day); !ok || err != nil || string(got) != "answer" {
			t.Errorf("%q %v %v", got, ok, err)
		}
		if _, ok, err := tx.IdempotentGet("k", "usr_2", []byte("b"), day); ok || err != nil {
			t.Errorf("another actor: %v %v", ok, err)
		}
		if _, _, err := tx.IdempotentGet("k", "usr_1", []byte("c"), day); !errors.Is(err, ErrKeyReused) {
			t.Errorf("another body: %v", err)
		}
		if _, ok, err := tx.IdempotentGet("k", "usr_1", []byte("b"), day.Add(IdempotentFor)); ok || err != nil {
			t.Errorf("a day later: %v %v", ok, err)
		}
		return nil
	})
}

func TestFrames(t *testing.T) {
	s := fresh(t)
	insertEndpoint(t, s, endpoint)
	for want := uint64(1); want <= 3; want++ {
		update(t, s, func(tx *Tx) error {
			seq, err := tx.Enqueue("ep_1", wire.TClosed, wire.Closed{Request: "req_1", Why: wire.ClosedExpired})
			if seq != want {
				t.Errorf("frame %d, want %d", seq, want)
			}
			return err
		})
	}
	fails := []struct {
		name string
		fn   func(tx *Tx) error
	}{
		{"unknown endpoint", func(tx *Tx) error { _, err := tx.Enqueue("ep_2", wire.TClosed, wire.Closed{}); return err }},
		{"not durable", func(tx *Tx) error { _, err := tx.Enqueue("ep_1", wire.TNeed, wire.Need{}); return err }},
		{"acknowledged before it was sent", func(tx *Tx) error { return tx.Acked("ep_1", 4) }},
		{"rolled back", func(tx *Tx) error {
			_, err := tx.Enqueue("ep_1", wire.TClosed, wire.Closed{})
			return errors.Join(err, errors.New("no"))
		}},
	}
	for _, f := range fails {
		if err := s.Update(context.Background(), f.fn); err == nil {
			t.Error(f.name, "worked")
		}
	}
	update(t, s, func(tx *Tx) error { return tx.Acked("ep_1", 1) })
	update(t, s, func(tx *Tx) error { return tx.Acked("ep_1", 0) })
	update(t, s, func(tx *Tx) error {
		ok, err := tx.ReplaceFrame("ep_1", 2, wire.TClosed, wire.Closed{Request: "req_2", Why: wire.ClosedExpired})
		if !ok {
			t.Error("frame 2 is gone")
		}
		return err
	})
	view(t, s, func(tx *Tx) error {
		frames, err := tx.Frames("ep_1", 0, 10)
		if err != nil {
			return err
		}
		if len(frames) != 2 || frames[0].Seq != 2 || frames[1].Seq != 3 {
			t.Fatalf("%+v", frames)
		}
		f, err := wire.Decode(frames[0].Raw)
		if err != nil || f.Seq != 2 {
			t.Errorf("%+v %v", f, err)
		}
		e, err := tx.Endpoint("ep_1")
		if e.Acked != 1 || e.NextSeq != 4 {
			t.Errorf("acked %d, next %d", e.Acked, e.NextSeq)
		}
		return err
	})
}

// A reader who leaves in the middle of a long query gives a working connection
// back.
func TestReaderThatLeaves(t *testing.T) {
	s := fresh(t)
	for range 2 * s.cfg.Readers {
		ctx, cancel := context.WithCancel(context.Background())
		err := s.View(ctx, func(tx *Tx) error {
			time.AfterFunc(5*time.Millisecond, cancel)
			var n int
			return tx.row([]any{&n}, "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 1000000000) SELECT count(*) FROM c")
		})
		if err == nil {
			t.Fatal("the query ran to its end")
		}
		cancel()
	}
	for range 2 * s.cfg.Readers {
		view(t, s, func(tx *Tx) error {
			_, err := tx.Counts(RequestFilter{User: "cy"})
			return err
		})
	}
}

// However many lists are read, there are connections for what can not wait; and
// whoever waits to read a list can leave.
func TestBrowsingLeavesRoom(t *testing.T) {
	s := fresh(t)
	var group sync.WaitGroup
	defer group.Wait()
	hold := make(chan struct{})
	defer close(hold)
	for range cap(s.readers) {
		group.Go(func() {
			if err := s.Browse(context.Background(), func(*Tx) error { <-hold; return nil }); err != nil {
				t.Error(err)
			}
		})
	}
	for len(s.browses) < cap(s.browses) {
		runtime.Gosched()
	}
	for range cap(s.readers) - cap(s.browses) {
		inside := make(chan struct{})
		group.Go(func() {
			if err := s.View(context.Background(), func(*Tx) error { close(inside); <-hold; return nil }); err != nil {
				t.Error(err)
			}
		})
		select {
		case <-inside:
		case <-time.After(30 * time.Second):
			t.Fatal("lists have taken every connection")
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Browse(ctx, func(*Tx) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("who left has %v", err)
	}
}
