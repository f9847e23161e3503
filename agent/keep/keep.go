// Package keep puts a value into a file of its own together with its checksum,
// so that a damaged file is never taken for what was written: the lock, the
// policy, the standing rights that were taken. It does not say what a damaged
// file means; whoever keeps something decides that. The sum guards against
// accidents: who can write the file can write the sum. The ledger of what is in
// force has a form with a version, see agent/grants.
package keep

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"os"

	"github.com/assent-epm/assent/shared/durable"
	"github.com/assent-epm/assent/shared/sign"
)

// ErrDamaged says that a file is not as it was written.
var ErrDamaged = errors.New("the file is damaged")

// sealed is the form of a file. Sum is the SHA-256 of Body.
type sealed struct {
	Sum  []byte `cbor:"sum"`
	Body []byte `cbor:"body"`
}

// Write keeps v at path in place of what was there. After it returns nil, v
// outlives a power cut.
func Write(path string, v any) error {
	body, err := sign.Encode(v)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	raw, err := sign.Encode(sealed{Sum: sum[:], Body: body})
	if err != nil {
		return err
	}
	return durable.Replace(path, raw)
}

// Read reads what [Write] has written: fs.ErrNotExist when there is nothing,
// [ErrDamaged] when the sum is wrong. On error nothing in into counts.
func Read(path string, into any) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return Open(raw, into)
}

// Open is [Read] of a file's content.
func Open(raw []byte, into any) error {
	var s sealed
	if err := sign.Decode(raw, &s); err != nil {
		return err
	}
	if sum := sha256.Sum256(s.Body); !bytes.Equal(sum[:], s.Sum) {
		return ErrDamaged
	}
	return sign.Decode(s.Body, into)
}
