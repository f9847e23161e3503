package audit

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
)

// memory is a small working Store.
type memory struct {
	mu          sync.Mutex // guards the fields below
	waiting     []Row
	rows        []Row
	hashes      map[int64]tlog.Hash
	checkpoints []Checkpoint
	appended    chan struct{}
	broken      error // AuditPlace fails with it
}

func newMemory() *memory {
	return &memory{hashes: map[int64]tlog.Hash{}, appended: make(chan struct{})}
}

func (m *memory) commit(t testing.TB, e Event) Row {
	t.Helper()
	row, err := Seal(e)
	if err != nil {
		t.Fatal(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.waiting = append(m.waiting, row)
	close(m.appended)
	m.appended = make(chan struct{})
	return row
}

func (m *memory) Appended() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.appended
}

func (m *memory) AuditHead(context.Context) (Head, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	h := Head{Size: uint64(len(m.rows))}
	if n := len(m.checkpoints); n > 0 {
		h.Checkpoint = m.checkpoints[n-1]
	}
	return h, nil
}

func (m *memory) AuditWaiting(_ context.Context, limit int) ([]Row, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]Row{}, m.waiting[:min(limit, len(m.waiting))]...), nil
}

func (m *memory) AuditPlace(_ context.Context, b Batch) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken != nil {
		return m.broken
	}
	if b.First != uint64(len(m.rows))+1 {
		return fmt.Errorf("place at %d of %d", b.First, len(m.rows))
	}
	for i, id := range b.IDs {
		if m.waiting[i].ID != id {
			return errors.New("out of order")
		}
		row := m.waiting[i]
		row.Seq = b.First + uint64(i)
		m.rows = append(m.rows, row)
	}
	m.waiting = m.waiting[len(b.IDs):]
	for _, h := range b.Hashes {
		m.hashes[h.Index] = h.Hash
	}
	if b.Checkpoint != nil {
		m.checkpoints = append(m.checkpoints, *b.Checkpoint)
	}
	return nil
}

func (m *memory) AuditHashes(_ context.Context, index []int64) ([]tlog.Hash, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []tlog.Hash
	for _, x := range index {
		h, ok := m.hashes[x]
		if !ok {
			return nil, fmt.Errorf("no hash %d", x)
		}
		out = append(out, h)
	}
	return out, nil
}

func (m *memory) AuditRows(_ context.Context, after uint64, limit int) ([]Row, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	rest := m.rows[min(after, uint64(len(m.rows))):]
	return append([]Row{}, rest[:min(limit, len(rest))]...), nil
}

func (m *memory) AuditCheckpoints(_ context.Context, after uint64, limit int) ([]Checkpoint, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []Checkpoint
	for _, c := range m.checkpoints {
		if c.Size > after && len(out) < limit {
			out = append(out, c)
		}
	}
	return out, nil
}

func (m *memory) signed() []Checkpoint {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]Checkpoint{}, m.checkpoints...)
}

// testKey is the audit key of tests: always the same for the same letter.
func testKey(letter byte) sign.Signer {
	seed := make([]byte, ed25519.SeedSize)
	for i := range seed {
		seed[i] = letter
	}
	return sign.Signer{KeyID: "audit-1", Key: ed25519.NewKeyFromSeed(seed)}
}

func newSequencer(t testing.TB, m *memory, key sign.Signer, now func() time.Time) *Sequencer {
	t.Helper()
	s, err := New(t.Context(), Config{Store: m, Signer: key, Cluster: "test", Now: now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func event(n int, at time.Time) Event {
	return Event{At: at, Kind: RequestSubmitted, Actor: elevation.Actor{Kind: elevation.ByEndpoint, ID: "ep_1", Name: "host"},
		Request: elevation.NewRequestID(at), Data: map[string]string{"number": fmt.Sprint(n)},
		Text: map[string]string{"justification": fmt.Sprintf("because of <%d>", n)}}
}
