package audit

import (
	"context"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/assent-epm/assent/shared/elevation"
)

// Store is what the log needs from a database. controller/store implements it;
// every method is safe for concurrent use, but only one Sequencer writes.
type Store interface {
	// AuditHead is where the log ends: 0 and nil for a new one.
	AuditHead(ctx context.Context) (Head, error)

	// AuditWaiting returns at most limit committed rows that have no place in
	// the log yet, in the order of their commits.
	AuditWaiting(ctx context.Context, limit int) ([]Row, error)

	// AuditPlace writes one batch in one transaction, or nothing. It fails when
	// the log's size is not b.First-1.
	AuditPlace(ctx context.Context, b Batch) error

	// AuditHashes reads tree hashes by their storage index, in the order
	// asked; one that is missing is an error.
	AuditHashes(ctx context.Context, index []int64) ([]tlog.Hash, error)

	// AuditRows returns placed rows with Seq > after in ascending order.
	AuditRows(ctx context.Context, after uint64, limit int) ([]Row, error)

	// AuditCheckpoints returns signed checkpoints with Size > after in
	// ascending order.
	AuditCheckpoints(ctx context.Context, after uint64, limit int) ([]Checkpoint, error)

	// Appended gives a value, or is closed and made anew, after commits that
	// appended rows. It is a hint: it may be late or doubled, never lost for a
	// reader that asks for the channel before it reads the rows.
	Appended() <-chan struct{}
}

// Head is the end of the log.
type Head struct {
	Size       uint64     // events placed
	Checkpoint Checkpoint // the newest one; Size 0 when there is none
}

// Batch is what one step of the Sequencer writes: row i gets the place First+i.
type Batch struct {
	First      uint64 // from 1
	IDs        []elevation.EventID
	Hashes     []StoredHash // new tree hashes
	Checkpoint *Checkpoint  // nil if none was signed in this step
}

// StoredHash is one hash of the tree at its tlog storage index.
type StoredHash struct {
	Index int64
	Hash  tlog.Hash
}

// Checkpoint is a signed statement: the log had Size events and this root.
type Checkpoint struct {
	Size uint64
	At   time.Time
	Note []byte // signed note with origin, size, root hash and time
}
