// Package store keeps everything the controller knows in one SQLite database:
// requests, grants, frames for endpoints, people, rules, settings and the audit
// log. It alone knows SQL and gorm; none of their types leave it.
//
// [Store.View] and, for what may take long, [Store.Browse] read one consistent
// state. [Store.Update] changes it in a transaction that is shared with others and
// answered after the commit is durable (WAL, synchronous=FULL). A change of what
// is audited does not commit without an audit event in the same call.
//
// Read writer.go for the group commit and requests.go for the queue; lists.go,
// page.go, listing.go and counters.go for how lists are found and counted; teams.go
// and links.go for the staff; audit.go for the log, retention.go for what goes.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/assent-epm/assent/shared/durable"
	"github.com/assent-epm/assent/shared/elevation"
)

// Errors of this package. What is not there is [elevation.ErrNotFound].
var (
	ErrStale   = errors.New("it was changed by somebody else meanwhile")
	ErrNoEvent = errors.New("a change without an audit event")
	ErrExists  = errors.New("it exists already")
	ErrBusy    = errors.New("the database has too much to do: try again later")
	ErrClosed  = errors.New("the database is closed")
	ErrCursor  = fmt.Errorf("%w: the cursor does not belong to this query", elevation.ErrInvalid)
)

// Fail points, see [Config.Fail].
const (
	FailBeforeCommit = "store.before_commit"
	FailAfterCommit  = "store.after_commit"
)

// Config says where the database is.
type Config struct {
	Path string // the file; its folder must exist
	Log  *slog.Logger

	Queue   int // callers of Update that may wait, 0 = 4096; more get [ErrBusy]
	Readers int // connections for View, 0 = 4

	// Lossy is for data that is thrown away: a commit need not be on disk when it
	// is answered.
	Lossy bool

	// Fail is for tests of crashes and lost answers: it is called at the named
	// points, and its error is what the callers of the commit get. Nil in
	// production.
	Fail func(point string) error
}

// Store is an open database. Its methods are safe for concurrent use.
type Store struct {
	cfg     Config
	db      *sql.DB
	writer  *writer
	keeper  *keeper
	readers chan *conn
	browses chan struct{} // as many as may browse at a time

	settings  atomic.Pointer[Settings]
	counts    counters
	tail      atomic.Int64 // about how many rows are behind it
	endpoints endpointCache
	staff     staffCache
	follow    atomic.Pointer[func(elevation.EndpointID, Frame)]
	numbers   frameNumbers // used by whoever writes
	reads     atomic.Uint64

	mu       sync.Mutex // guards the fields below
	appended chan struct{}
	closed   bool
}

// Open opens the database, makes it when it is not there (readable by its owner
// only), and brings it to the present schema. The caller closes it.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Queue <= 0 {
		cfg.Queue = 4096
	}
	if cfg.Readers <= 0 {
		cfg.Readers = 4
	}
	if err := makeFile(cfg.Path); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	place := dsn(cfg.Path)
	if cfg.Lossy {
		place = strings.Replace(place, "FULL", "OFF", 1)
	}
	db, err := sql.Open("sqlite", place)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	browses := make(chan struct{}, max(1, min(runtime.NumCPU(), cfg.Readers)/2))
	s := &Store{cfg: cfg, db: db, readers: make(chan *conn, cfg.Readers), browses: browses, appended: make(chan struct{})}
	if err := s.open(ctx); err != nil {
		db.Close()
		return nil, fmt.Errorf("open database: %w", err)
	}
	return s, nil
}

func (s *Store) open(ctx context.Context) error {
	c, err := newConn(ctx, s.db)
	if err != nil {
		return err
	}
	if err := migrate(ctx, c, s.cfg.Path); err != nil {
		return err
	}
	if err := s.fill(ctx, c); err != nil {
		return err
	}
	for range s.cfg.Readers {
		r, err := newConn(ctx, s.db)
		if err != nil {
			return err
		}
		if _, err := r.c.ExecContext(ctx, "PRAGMA query_only=1"); err != nil {
			return err
		}
		s.readers <- r
	}
	if err := s.warm(ctx); err != nil {
		return err
	}
	if _, err := c.c.ExecContext(ctx, "PRAGMA wal_autocheckpoint=0; PRAGMA cache_size=-98304"); err != nil { // the keeper does it
		return err
	}
	if s.keeper, err = newKeeper(ctx, s); err != nil {
		return err
	}
	s.writer = newWriter(s, c)
	return nil
}

// warm reads what is kept in memory: settings and counters.
func (s *Store) warm(ctx context.Context) error {
	return s.View(ctx, func(tx *Tx) error {
		set, err := tx.loadSettings()
		if err != nil {
			return err
		}
		s.settings.Store(&set)
		n, err := tx.warmCounts()
		if err != nil {
			return fmt.Errorf("read the counters: %w", err)
		}
		s.tail.Store(int64(n))
		return nil
	})
}

// Close waits for running calls, closes the database, and may be called again.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	close(s.appended)
	s.mu.Unlock()
	s.keeper.stop()
	s.writer.stop()
	for range s.cfg.Readers {
		(<-s.readers).close()
	}
	close(s.readers)
	return errors.Join(s.db.Close(), s.keeper.file.Close())
}

// View runs fn on one consistent state of the database. fn may not write, keeps
// nothing of tx, and calls no other View or Browse, which could wait for itself.
func (s *Store) View(ctx context.Context, fn func(*Tx) error) error {
	select {
	case c, ok := <-s.readers:
		if !ok {
			return ErrClosed
		}
		defer func() { s.readers <- c }()
		return s.view(ctx, c, fn)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Browse is View for lists, searches and reports. Fewer run at a time than there
// are connections or processors, so that decisions never wait for their end.
func (s *Store) Browse(ctx context.Context, fn func(*Tx) error) error {
	select {
	case s.browses <- struct{}{}:
		defer func() { <-s.browses }()
		return s.View(ctx, fn)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Reads is how many times something was read with [Store.View] or [Store.Browse].
func (s *Store) Reads() uint64 { return s.reads.Load() }

func (s *Store) view(ctx context.Context, c *conn, fn func(*Tx) error) error {
	s.reads.Add(1)
	_, staffAt := s.staff.get()
	if err := c.exec(context.Background(), "BEGIN"); err != nil {
		return fmt.Errorf("begin to read: %w", err)
	}
	tx := &Tx{s: s, c: c, ctx: ctx, staffAt: staffAt}
	defer func() {
		tx.over = true
		if err := c.exec(context.Background(), "ROLLBACK"); err != nil {
			s.cfg.Log.Error("end of reading", "error", err)
		}
	}()
	return fn(tx)
}

// Update runs fn in a shared transaction and returns after that is durable. When
// fn fails or panics nothing of it is kept and the others are not touched. fn does
// no I/O of its own, keeps nothing of tx, and calls neither View nor Update. It may
// run on another goroutine, and again after what it did was undone: it sets
// whatever it leaves outside of tx anew each time.
//
// It returns fn's error, [ErrNoEvent], [ErrBusy] when too many wait, [ErrClosed],
// ctx's error when that ended before fn began, or why the commit failed.
func (s *Store) Update(ctx context.Context, fn func(*Tx) error) error {
	return s.writer.submit(ctx, fn)
}

// Appended returns a channel that is closed by the next commit that appends
// audit events, or by [Store.Close]. A follower takes the channel, reads what is
// there, then waits.
func (s *Store) Appended() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.appended
}

func (s *Store) announce() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	close(s.appended)
	s.appended = make(chan struct{})
}

// Tx is one View or one Update. It is used by one goroutine, until fn returns.
type Tx struct {
	s     *Store
	c     *conn
	ctx   context.Context // of the one call, for queries
	write bool
	over  bool

	batch    *batch // of an Update
	late     late   // rows of this call that wait in it
	wrote    bool   // it has done what only a rollback undoes
	events   eventRows
	numbered []numbered
	changed  string // what was changed that needs an event
	seen     map[elevation.RequestID]place
	moved    []move                 // counters, applied after the commit
	settings *Settings              // written by this call
	frames   []newFrame             // told to the follower after the commit
	touched  []elevation.EndpointID // endpoints written by this call
	labelled bool                   // it wrote labels

	asked int                                    // calls of QueuePosition
	heads map[string]map[elevation.RequestID]int // of queues, by team

	tailMoved    int64  // requests that came into the tail or left it
	people       bool   // the staff was written by this call
	peopleBefore bool   // the staff was written by an earlier call of the same transaction
	staffAt      uint64 // changes of the staff before it began
}

// audited notes a change that must not commit without an event.
func (tx *Tx) audited(what string) { tx.changed = what }

func makeFile(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(path))
}

// Times are kept as milliseconds since 1970, the zero time as 0.
func ms(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// upMS is ms rounded up: a deadline is never found before it is due.
func upMS(t time.Time) int64 {
	n := ms(t)
	if t.After(at(n)) {
		n++
	}
	return n
}

func at(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
