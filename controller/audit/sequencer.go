package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
)

// Times of the Sequencer.
const (
	gather     = 5 * time.Millisecond // after a wake-up, so that one step takes a burst of commits
	SignEvery  = time.Second          // at least this often while there is news
	pollEvery  = time.Second          // the fallback when a wake-up was lost
	stopWithin = 5 * time.Second      // for the last step after Run was told to end
	maxBatch   = 512                  // rows of one step
	maxKnown   = 8192                 // hashes kept in memory
)

// ErrForked means that the stored tree is not the one that was signed: the
// database was changed or put back behind the log's back.
var ErrForked = errors.New("the stored audit log does not match its last signed checkpoint")

// Config is what a [Sequencer] is made of; all fields are needed.
type Config struct {
	Store   Store
	Signer  sign.Signer // the audit key, used for nothing else
	Cluster string      // the controller's name, in every checkpoint
	Now     func() time.Time
	Log     *slog.Logger
}

// Sequencer gives committed events their places in the Merkle log, one step at
// a time, and signs checkpoints. Exactly one may run over a database.
type Sequencer struct {
	cfg    Config
	signer noteSigner
	known  map[int64]tlog.Hash // recent tree hashes; used by the Run goroutine only
	size   uint64              // as known to the Run goroutine
	signed time.Time           // when the last checkpoint was signed
	dirty  bool                // events were placed since then

	mu     sync.Mutex // guards the fields below
	placed chan struct{}
	last   Checkpoint
}

// New reads the log's end and proves that it is the one last signed. It returns
// [ErrForked] when it is not.
func New(ctx context.Context, cfg Config) (*Sequencer, error) {
	if cfg.Store == nil || cfg.Now == nil || cfg.Log == nil || cfg.Cluster == "" {
		return nil, errors.New("open audit log: incomplete configuration")
	}
	signer, err := newNoteSigner(cfg.Signer)
	if err != nil {
		return nil, fmt.Errorf("open audit log: %w", err)
	}
	s := &Sequencer{cfg: cfg, signer: signer, known: map[int64]tlog.Hash{}, placed: make(chan struct{})}
	head, err := cfg.Store.AuditHead(ctx)
	if err != nil {
		return nil, fmt.Errorf("open audit log: %w", err)
	}
	s.size, s.last = head.Size, head.Checkpoint
	s.dirty = head.Size > head.Checkpoint.Size
	if head.Checkpoint.Size == 0 {
		return s, nil
	}
	if err := s.proveHead(ctx, head); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Sequencer) proveHead(ctx context.Context, head Head) error {
	if head.Checkpoint.Size > head.Size {
		return fmt.Errorf("%w: %d events were signed, %d are stored", ErrForked, head.Checkpoint.Size, head.Size)
	}
	// The key may have been replaced since; what counts here is the root.
	said, err := parseCheckpoint(head.Checkpoint.Note)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrForked, err)
	}
	root, err := tlog.TreeHash(int64(head.Checkpoint.Size), s.reader(ctx, nil))
	if err != nil {
		return fmt.Errorf("open audit log: %w", err)
	}
	if root != said.Root || said.Size != head.Checkpoint.Size {
		return ErrForked
	}
	return nil
}

// Key is the public key of the checkpoints in the form that [Verify] takes.
func (s *Sequencer) Key() string { return s.signer.verifierKey() }

// Checkpoint is the newest signed one; its Size is 0 before the first.
func (s *Sequencer) Checkpoint() Checkpoint {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

// Placed is closed when the next events get their places: ask for it, read the
// log, then wait.
func (s *Sequencer) Placed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.placed
}

// Run places and signs until ctx ends, then once more, and returns nil. Errors
// of the database are logged and tried again: the rows wait safely.
func (s *Sequencer) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		appended := s.cfg.Store.Appended()
		more, err := s.step(ctx, false)
		switch {
		case err != nil && ctx.Err() == nil:
			s.cfg.Log.Error("audit log is behind", "error", err)
		case more:
			continue
		}
		s.wait(ctx, appended, err != nil)
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	for {
		more, err := s.step(last, true)
		if err != nil {
			return fmt.Errorf("close audit log: %w", err)
		}
		if !more {
			return nil
		}
	}
}

// wait returns when there may be something to do.
func (s *Sequencer) wait(ctx context.Context, appended <-chan struct{}, failed bool) {
	pause := pollEvery
	if s.dirty && !failed {
		pause = min(pause, max(0, s.signed.Add(SignEvery).Sub(s.cfg.Now())))
	}
	if failed {
		appended = nil
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return
	case <-timer.C:
		return
	case <-appended:
	}
	timer.Reset(gather)
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// step places one batch. more says that rows are left.
func (s *Sequencer) step(ctx context.Context, final bool) (more bool, err error) {
	rows, err := s.cfg.Store.AuditWaiting(ctx, maxBatch)
	if err != nil {
		return false, fmt.Errorf("read waiting audit events: %w", err)
	}
	now := s.cfg.Now()
	due := now.Sub(s.signed) >= SignEvery || s.signed.After(now) || final
	if len(rows) == 0 && (!s.dirty || !due) {
		return false, nil
	}
	b := Batch{First: s.size + 1, IDs: make([]elevation.EventID, 0, len(rows))}
	fresh := map[int64]tlog.Hash{}
	for i, row := range rows {
		if err := s.grow(ctx, &b, fresh, s.size+uint64(i), row); err != nil {
			return false, err
		}
	}
	size := s.size + uint64(len(rows))
	if due {
		if b.Checkpoint, err = s.sign(ctx, size, fresh, now); err != nil {
			return false, err
		}
	}
	if err := s.cfg.Store.AuditPlace(ctx, b); err != nil {
		return false, fmt.Errorf("place audit events: %w", err)
	}
	s.settle(b, fresh, size, now)
	return len(rows) == maxBatch, nil
}

// grow adds row as number n (from 0) of the tree to b.
func (s *Sequencer) grow(ctx context.Context, b *Batch, fresh map[int64]tlog.Hash, n uint64, row Row) error {
	hashes, err := tlog.StoredHashes(int64(n), row.Leaf, s.reader(ctx, fresh))
	if err != nil {
		return fmt.Errorf("hash audit event %s: %w", row.ID, err)
	}
	at := tlog.StoredHashIndex(0, int64(n))
	for i, h := range hashes {
		fresh[at+int64(i)] = h
		b.Hashes = append(b.Hashes, StoredHash{Index: at + int64(i), Hash: h})
	}
	b.IDs = append(b.IDs, row.ID)
	return nil
}

func (s *Sequencer) sign(ctx context.Context, size uint64, fresh map[int64]tlog.Hash, now time.Time) (*Checkpoint, error) {
	root, err := tlog.TreeHash(int64(size), s.reader(ctx, fresh))
	if err != nil {
		return nil, fmt.Errorf("hash audit log of %d events: %w", size, err)
	}
	at := now.UTC().Truncate(time.Millisecond) // as databases keep it
	note, err := s.signer.checkpoint(statement{Cluster: s.cfg.Cluster, Size: size, Root: root, At: at})
	if err != nil {
		return nil, fmt.Errorf("sign audit checkpoint: %w", err)
	}
	return &Checkpoint{Size: size, At: at, Note: note}, nil
}

// settle takes over what the database now holds and wakes the followers.
func (s *Sequencer) settle(b Batch, fresh map[int64]tlog.Hash, size uint64, now time.Time) {
	if len(s.known) > maxKnown {
		clear(s.known)
	}
	for i, h := range fresh {
		s.known[i] = h
	}
	s.size = size
	s.dirty = b.Checkpoint == nil
	s.mu.Lock()
	defer s.mu.Unlock()
	if b.Checkpoint != nil {
		s.signed, s.last = now, *b.Checkpoint
	}
	if len(b.IDs) > 0 {
		close(s.placed)
		s.placed = make(chan struct{})
	}
}

// reader finds tree hashes in the batch, in memory, then in the database.
func (s *Sequencer) reader(ctx context.Context, fresh map[int64]tlog.Hash) tlog.HashReader {
	return tlog.HashReaderFunc(func(index []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(index))
		var ask []int64
		var put []int
		for i, x := range index {
			h, ok := fresh[x]
			if !ok {
				h, ok = s.known[x]
			}
			if ok {
				out[i] = h
				continue
			}
			ask, put = append(ask, x), append(put, i)
		}
		if len(ask) == 0 {
			return out, nil
		}
		got, err := s.cfg.Store.AuditHashes(ctx, ask)
		if err != nil {
			return nil, fmt.Errorf("read audit hashes: %w", err)
		}
		if len(got) != len(ask) {
			return nil, fmt.Errorf("read audit hashes: asked for %d, got %d", len(ask), len(got))
		}
		for i, h := range got {
			out[put[i]] = h
		}
		return out, nil
	})
}

// Proof shows that one event is in a signed log.
type Proof struct {
	Seq        uint64
	Leaf       []byte
	Path       tlog.RecordProof
	Checkpoint Checkpoint
}

// Prove makes the proof for the event at seq against the newest checkpoint.
// An event that is not signed yet is an error wrapping [ErrInvalid]; it is
// signed within a second. Safe for concurrent use.
func Prove(ctx context.Context, store Store, seq uint64) (Proof, error) {
	head, err := store.AuditHead(ctx)
	if err != nil {
		return Proof{}, fmt.Errorf("prove audit event %d: %w", seq, err)
	}
	if seq == 0 || seq > head.Checkpoint.Size {
		return Proof{}, fmt.Errorf("%w: event %d is not in a signed log", ErrInvalid, seq)
	}
	rows, err := store.AuditRows(ctx, seq-1, 1)
	if err != nil || len(rows) != 1 || rows[0].Seq != seq {
		return Proof{}, fmt.Errorf("prove audit event %d: its row can not be read: %w", seq, err)
	}
	path, err := tlog.ProveRecord(int64(head.Checkpoint.Size), int64(seq-1), tlog.HashReaderFunc(func(index []int64) ([]tlog.Hash, error) {
		return store.AuditHashes(ctx, index)
	}))
	if err != nil {
		return Proof{}, fmt.Errorf("prove audit event %d: %w", seq, err)
	}
	return Proof{Seq: seq, Leaf: rows[0].Leaf, Path: path, Checkpoint: head.Checkpoint}, nil
}

// Check proves p with the public key of the log.
func (p Proof) Check(key string) error {
	said, err := openCheckpoint(p.Checkpoint.Note, key)
	if err != nil {
		return err
	}
	if p.Seq == 0 {
		return fmt.Errorf("%w: no place in the log", ErrInvalid)
	}
	return tlog.CheckRecord(p.Path, int64(said.Size), said.Root, int64(p.Seq-1), tlog.RecordHash(p.Leaf))
}
