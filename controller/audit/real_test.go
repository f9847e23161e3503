package audit_test

import (
	"context"
	"crypto/ed25519"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
)

func key() sign.Signer {
	return sign.Signer{KeyID: "audit-test", Key: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))}
}

func open(t *testing.T, path string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{Path: path, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func config(s *store.Store) audit.Config {
	return audit.Config{Store: s, Signer: key(), Cluster: "test", Now: time.Now, Log: slog.New(slog.DiscardHandler)}
}

// run sequences until the returned function is called.
func run(t *testing.T, s *store.Store) (q *audit.Sequencer, stop func()) {
	t.Helper()
	q, err := audit.New(t.Context(), config(s))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- q.Run(ctx) }()
	return q, func() {
		t.Helper()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	}
}

func commit(t *testing.T, s *store.Store, n int) {
	t.Helper()
	err := s.Update(t.Context(), func(tx *store.Tx) error {
		return tx.Append(audit.Event{At: time.Now(), Kind: audit.RuleChanged, Actor: elevation.Actor{Kind: elevation.BySystem},
			Data: map[string]string{"number": fmt.Sprint(n)}, Text: map[string]string{"comment": "written by a person"}})
	})
	if err != nil {
		t.Error(err)
	}
}

// The log over the real database: many writers, a restart in the middle, and
// every event is placed once and proven.
func TestLogOverRealStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "assent.db")
	for round := range 2 {
		s := open(t, path)
		_, stop := run(t, s)
		var wg sync.WaitGroup
		for w := range 4 {
			wg.Go(func() {
				for i := range 50 {
					commit(t, s, w*50+i)
				}
			})
		}
		wg.Wait()
		stop()
		q, err := audit.New(t.Context(), config(s))
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(t.TempDir(), "log")
		if err := audit.ExportDir(t.Context(), s, q.Key(), dir); err != nil {
			t.Fatal(err)
		}
		got, err := audit.Verify(dir, audit.Options{Key: q.Key()})
		if want := uint64(200 * (round + 1)); err != nil || got.Events != want {
			t.Errorf("round %d: %d events, %v, want %d", round, got.Events, err, want)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// Somebody edits the database: the export names the event.
func TestEditedDatabaseIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "assent.db")
	s := open(t, path)
	_, stop := run(t, s)
	for i := range 30 {
		commit(t, s, i)
	}
	stop()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`UPDATE events SET leaf = (SELECT leaf FROM events WHERE pos = 18), text = (SELECT text FROM events WHERE pos = 18) WHERE pos = 17`); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	q, err := audit.New(t.Context(), config(s))
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "log")
	if err := audit.ExportDir(t.Context(), s, q.Key(), dir); err != nil {
		t.Fatal(err)
	}
	var f *audit.Fault
	if _, err := audit.Verify(dir, audit.Options{Key: q.Key()}); !errors.As(err, &f) || f.Seq != 17 {
		t.Errorf("got %v, want event 17 named", err)
	}
}
