package store

import (
	"time"

	"github.com/assent-epm/assent/shared/elevation"
)

// schemaLock keeps who locked an endpoint, when and why.
const schemaLock = `ALTER TABLE endpoints ADD COLUMN lock_facts BLOB;`

// Lock says how an endpoint came to be locked.
type Lock struct {
	At  time.Time       `cbor:"at"`
	By  elevation.Actor `cbor:"by"`
	Why string          `cbor:"why"`
}

// EndpointLocked reports whether nothing new may be elevated on an endpoint, as it
// is in this transaction. It looks in memory where that can not be older: a
// statement would write what was held back, and this is asked for each grant.
func (tx *Tx) EndpointLocked(id elevation.EndpointID) (bool, error) {
	if tx.batch != nil && !tx.batch.endpoints {
		if e, ok, _ := tx.s.endpoints.get(id); ok {
			return e.Locked, nil
		}
	}
	e, err := tx.Endpoint(id)
	return e.Locked, err
}
