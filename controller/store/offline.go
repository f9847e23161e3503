package store

import (
	"errors"
	"fmt"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
)

// schemaOffline: the bundles that were sent to endpoints, their keys for codes,
// and the codes that were told. Keys are wrapped.
const schemaOffline = `
CREATE TABLE endpoint_bundles (
  endpoint TEXT PRIMARY KEY,
  number   INTEGER NOT NULL,
  digest   BLOB NOT NULL,
  sent_ms  INTEGER NOT NULL
);
CREATE TABLE offline_keys (
  endpoint TEXT PRIMARY KEY,
  epoch    INTEGER NOT NULL,
  key      BLOB NOT NULL,
  before   BLOB,
  frame    INTEGER NOT NULL
);
CREATE TABLE offline_codes (
  endpoint  TEXT NOT NULL,
  challenge TEXT NOT NULL,
  request   TEXT NOT NULL,
  given_s   INTEGER NOT NULL,
  described TEXT NOT NULL,
  made_by   BLOB NOT NULL,
  told_ms   INTEGER NOT NULL,
  grant_id  TEXT NOT NULL,
  PRIMARY KEY (endpoint, challenge)
) WITHOUT ROWID;
`

// SentBundle is what was last sent to an endpoint. Number 0 means nothing.
type SentBundle struct {
	Number uint64
	Digest []byte // of what it says, not of when
	At     time.Time
}

// SentBundle reads it.
func (tx *Tx) SentBundle(ep elevation.EndpointID) (SentBundle, error) {
	var b SentBundle
	var n, when int64
	err := tx.row([]any{&n, &b.Digest, &when}, "SELECT number, digest, sent_ms FROM endpoint_bundles WHERE endpoint = ?", string(ep))
	if errors.Is(err, elevation.ErrNotFound) {
		return SentBundle{}, nil
	}
	if err != nil {
		return b, fmt.Errorf("bundle of %s: %w", ep, err)
	}
	b.Number, b.At = uint64(n), at(when)
	return b, nil
}

// PutSentBundle notes what was sent. It is bookkeeping and needs no audit event.
func (tx *Tx) PutSentBundle(ep elevation.EndpointID, b SentBundle) error {
	if _, err := tx.exec(`INSERT INTO endpoint_bundles(endpoint, number, digest, sent_ms) VALUES (?,?,?,?)
ON CONFLICT(endpoint) DO UPDATE SET number = excluded.number, digest = excluded.digest, sent_ms = excluded.sent_ms`,
		string(ep), int64(b.Number), b.Digest, ms(b.At)); err != nil {
		return fmt.Errorf("bundle of %s: %w", ep, err)
	}
	return nil
}

// OfflineKey is the key of an endpoint for codes, wrapped, with the one before.
type OfflineKey struct {
	Epoch  uint64 // 0 = there is none
	Key    []byte
	Before []byte // nil = none
	Frame  uint64 // that carries Key; acknowledged, the endpoint has it
}

// OfflineKey reads it.
func (tx *Tx) OfflineKey(ep elevation.EndpointID) (OfflineKey, error) {
	var k OfflineKey
	var epoch, frame int64
	err := tx.row([]any{&epoch, &k.Key, &k.Before, &frame}, "SELECT epoch, key, before, frame FROM offline_keys WHERE endpoint = ?", string(ep))
	if errors.Is(err, elevation.ErrNotFound) {
		return OfflineKey{}, nil
	}
	if err != nil {
		return OfflineKey{}, fmt.Errorf("offline key of %s: %w", ep, err)
	}
	k.Epoch, k.Frame = uint64(epoch), uint64(frame)
	return k, nil
}

// PutOfflineKey writes it. It is bookkeeping and needs no audit event.
func (tx *Tx) PutOfflineKey(ep elevation.EndpointID, k OfflineKey) error {
	if _, err := tx.exec(`INSERT INTO offline_keys(endpoint, epoch, key, before, frame) VALUES (?,?,?,?,?)
ON CONFLICT(endpoint) DO UPDATE SET epoch = excluded.epoch, key = excluded.key, before = excluded.before, frame = excluded.frame`,
		string(ep), int64(k.Epoch), k.Key, k.Before, int64(k.Frame)); err != nil {
		return fmt.Errorf("offline key of %s: %w", ep, err)
	}
	return nil
}

// OfflineCode is a code that was told. The code itself is kept nowhere.
type OfflineCode struct {
	Endpoint  elevation.EndpointID
	Challenge string
	Request   elevation.RequestID
	Given     time.Duration
	Described string // the command as told to the approver, "" = the request had come by itself
	By        elevation.Actor
	At        time.Time
	Grant     elevation.GrantID // that it was used for, "" = not known
}

// OfflineCode reads the code that was told for a challenge;
// [elevation.ErrNotFound] when none was.
func (tx *Tx) OfflineCode(ep elevation.EndpointID, challenge string) (OfflineCode, error) {
	c := OfflineCode{Endpoint: ep, Challenge: challenge}
	var by []byte
	var request, grant string
	var given, when int64
	err := tx.row([]any{&request, &given, &c.Described, &by, &when, &grant},
		"SELECT request, given_s, described, made_by, told_ms, grant_id FROM offline_codes WHERE endpoint = ? AND challenge = ?", string(ep), challenge)
	if err == nil {
		err = unpack([]packing{{&by, &c.By}})
	}
	if err != nil {
		return OfflineCode{}, fmt.Errorf("offline code: %w", err)
	}
	c.Request, c.Given, c.At, c.Grant = elevation.RequestID(request), time.Duration(given)*time.Second, at(when), elevation.GrantID(grant)
	return c, nil
}

// PutOfflineCode writes that a code was told, or for what it was used.
func (tx *Tx) PutOfflineCode(c OfflineCode) error {
	tx.audited("offline code for " + string(c.Endpoint))
	var by []byte
	if err := pack([]packing{{&by, c.By}}); err != nil {
		return err
	}
	if _, err := tx.exec(`INSERT INTO offline_codes(endpoint, challenge, request, given_s, described, made_by, told_ms, grant_id) VALUES (?,?,?,?,?,?,?,?)
ON CONFLICT(endpoint, challenge) DO UPDATE SET grant_id = excluded.grant_id`,
		string(c.Endpoint), c.Challenge, string(c.Request), int64(c.Given/time.Second), c.Described, by, ms(c.At), string(c.Grant)); err != nil {
		return fmt.Errorf("offline code: %w", err)
	}
	return nil
}
