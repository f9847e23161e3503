package store

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
)

// Endpoint is an enrolled machine.
type Endpoint struct {
	ID           elevation.EndpointID
	Name         string
	SPKI         []byte            // SHA-256 of its public key: its identity
	Labels       map[string]string // from the enrolment token and administrators
	AcceptLabels []string          // keys that may be taken from Facts.Reported
	Facts        wire.Facts        // what it says of itself
	Mode         string            // "ask" or "observe"
	Capabilities []string          // what it said in its last hello that it can do
	EnrolledAt   time.Time
	LastSeen     time.Time
	CertNotAfter time.Time
	Locked       bool // nothing new is elevated on it
	Lock         Lock // when Locked
	Quarantined  bool
	DeletedAt    time.Time
	Ratchet      []byte
	PrevRatchet  []byte

	// Kept by Enqueue, Acked and Reported, never written by PutEndpoint.
	Acked     uint64 // last frame that it has stored
	NextSeq   uint64 // of the next frame
	ReportSeq uint64 // last report taken
}

// EffectiveLabels are those that scopes, teams and rules go by: the given ones,
// and of the reported ones those that may be taken.
func (e Endpoint) EffectiveLabels() map[string]string {
	return rules.Labels(e.Labels, e.AcceptLabels, e.Facts.Reported)
}

// ForRules is what rules see of it.
func (e Endpoint) ForRules() rules.Endpoint {
	return rules.Endpoint{ID: e.ID, Name: e.Name, OS: e.Facts.OS, OSVersion: e.Facts.OSVersion, Arch: e.Facts.Arch, IP: e.Facts.IP,
		Labels: e.EffectiveLabels(), Reported: e.Facts.Reported, Can: e.Capabilities}
}

// endpointRow is the row of an endpoint.
type endpointRow struct {
	ID           string `gorm:"primaryKey"`
	Name         string
	SPKI         []byte `gorm:"column:spki"`
	Labels       []byte
	AcceptLabels []byte
	Facts        []byte
	Mode         string
	EnrolledAt   int64
	LastSeen     int64
	CertNotAfter int64
	Locked       bool
	Quarantined  bool
	DeletedAt    int64
	Ratchet      []byte
	PrevRatchet  []byte
	Capabilities string // with commas
	LockFacts    []byte // nil = not locked

	Acked     int64 `gorm:"->"`
	NextSeq   int64 `gorm:"->"`
	ReportSeq int64 `gorm:"->"`
}

func (endpointRow) TableName() string { return "endpoints" }

func (e Endpoint) row() (endpointRow, error) {
	r := endpointRow{ID: string(e.ID), Name: e.Name, SPKI: e.SPKI, Mode: e.Mode, EnrolledAt: ms(e.EnrolledAt), LastSeen: ms(e.LastSeen),
		CertNotAfter: ms(e.CertNotAfter), Locked: e.Locked, Quarantined: e.Quarantined, DeletedAt: ms(e.DeletedAt),
		Ratchet: e.Ratchet, PrevRatchet: e.PrevRatchet, Capabilities: strings.Join(e.Capabilities, ",")}
	err := pack([]packing{{&r.Labels, e.Labels}, {&r.AcceptLabels, e.AcceptLabels}, {&r.Facts, e.Facts}})
	if err == nil && e.Locked {
		err = pack([]packing{{&r.LockFacts, e.Lock}})
	}
	return r, err
}

func (r endpointRow) endpoint() (Endpoint, error) {
	e := Endpoint{ID: elevation.EndpointID(r.ID), Name: r.Name, SPKI: r.SPKI, Mode: r.Mode, EnrolledAt: at(r.EnrolledAt), LastSeen: at(r.LastSeen),
		CertNotAfter: at(r.CertNotAfter), Locked: r.Locked, Quarantined: r.Quarantined, DeletedAt: at(r.DeletedAt),
		Ratchet: r.Ratchet, PrevRatchet: r.PrevRatchet, Acked: uint64(r.Acked), NextSeq: uint64(r.NextSeq), ReportSeq: uint64(r.ReportSeq)}
	if r.Capabilities != "" {
		e.Capabilities = strings.Split(r.Capabilities, ",")
	}
	err := unpack([]packing{{&r.Labels, &e.Labels}, {&r.AcceptLabels, &e.AcceptLabels}, {&r.Facts, &e.Facts}})
	if err == nil && len(r.LockFacts) > 0 {
		err = unpack([]packing{{&r.LockFacts, &e.Lock}})
	}
	return e, err
}

// packing pairs a column with what is kept in it as CBOR.
type packing struct {
	column *[]byte
	value  any
}

func pack(list []packing) error {
	for _, p := range list {
		raw, err := sign.Encode(p.value)
		if err != nil {
			return fmt.Errorf("encode a column: %w", err)
		}
		*p.column = raw
	}
	return nil
}

func unpack(list []packing) error {
	for _, p := range list {
		if err := sign.Decode(*p.column, p.value); err != nil {
			return fmt.Errorf("decode a column: %w", err)
		}
	}
	return nil
}

// InsertEndpoint stores a newly enrolled endpoint; its first frame has number 1.
// [ErrExists] when the id or the key is taken.
func (tx *Tx) InsertEndpoint(e Endpoint) error {
	tx.audited("endpoint " + string(e.ID))
	tx.touched = append(tx.touched, e.ID)
	row, err := e.row()
	if err != nil {
		return err
	}
	if err := tx.create(&row); err != nil {
		return fmt.Errorf("insert endpoint %s: %w", e.ID, err)
	}
	if _, err := tx.exec("INSERT INTO endpoint_seqs(endpoint, next_seq, acked, report_seq) VALUES (?,1,0,0)", string(e.ID)); err != nil {
		return fmt.Errorf("insert endpoint %s: %w", e.ID, err)
	}
	return tx.putLabels(e)
}

// PutEndpoint writes all of an endpoint that must exist.
func (tx *Tx) PutEndpoint(e Endpoint) error {
	tx.audited("endpoint " + string(e.ID))
	tx.touched = append(tx.touched, e.ID)
	if tx.batch != nil {
		tx.batch.endpoints = true
	}
	if e.Locked || e.Quarantined || !e.DeletedAt.IsZero() { // it vouches for nobody any more
		if err := tx.endSeats(e.ID); err != nil {
			return err
		}
	}
	row, err := e.row()
	if err != nil {
		return err
	}
	if err := tx.change(&row); err != nil {
		return fmt.Errorf("write endpoint %s: %w", e.ID, err)
	}
	return tx.putLabels(e)
}

// SeenEndpoint writes what a session changes: Name, Facts, Capabilities, LastSeen,
// CertNotAfter and the ratchets. It is bookkeeping and needs no audit event.
func (tx *Tx) SeenEndpoint(e Endpoint) error {
	tx.touched = append(tx.touched, e.ID)
	row, err := e.row()
	if err != nil {
		return err
	}
	if err := tx.seenLabels(e); err != nil {
		return err
	}
	n, err := tx.exec("UPDATE endpoints SET name=?, facts=?, last_seen=?, cert_not_after=?, ratchet=?, prev_ratchet=?, capabilities=? WHERE id=?",
		row.Name, row.Facts, row.LastSeen, row.CertNotAfter, row.Ratchet, row.PrevRatchet, row.Capabilities, row.ID)
	if err == nil && n == 0 {
		err = elevation.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("write endpoint %s: %w", e.ID, err)
	}
	return nil
}

// seenLabels writes the labels of an endpoint anew when what it reports of itself
// has changed them.
func (tx *Tx) seenLabels(e Endpoint) error {
	if len(e.AcceptLabels) == 0 {
		return nil
	}
	old, err := tx.Endpoint(e.ID)
	if err != nil || maps.Equal(old.EffectiveLabels(), e.EffectiveLabels()) {
		return err
	}
	return tx.putLabels(e)
}

func (tx *Tx) putLabels(e Endpoint) error {
	if _, err := tx.exec("DELETE FROM endpoint_labels WHERE endpoint = ?", string(e.ID)); err != nil {
		return err
	}
	tx.labelled = true
	if !e.DeletedAt.IsZero() {
		return nil
	}
	for k, v := range e.EffectiveLabels() {
		if _, err := tx.exec("INSERT INTO endpoint_labels(key, value, endpoint) VALUES (?,?,?)", k, v, string(e.ID)); err != nil {
			return fmt.Errorf("label endpoint %s: %w", e.ID, err)
		}
	}
	return nil
}

const endpointQuery = `SELECT e.id, e.name, e.spki, e.labels, e.accept_labels, e.facts, e.mode, e.enrolled_at, e.last_seen, e.cert_not_after,
e.locked, e.quarantined, e.deleted_at, e.ratchet, e.prev_ratchet, e.capabilities, e.lock_facts, s.acked, ` + nextFrame + `, s.report_seq
FROM endpoints e JOIN endpoint_seqs s ON s.endpoint = e.id `

// Endpoint reads one endpoint, deleted ones too; [elevation.ErrNotFound] when
// there is none.
func (tx *Tx) Endpoint(id elevation.EndpointID) (Endpoint, error) {
	return tx.oneEndpoint("endpoint "+string(id), "WHERE e.id = ?", string(id))
}

// EndpointBySPKI finds the endpoint of a key, deleted ones too.
func (tx *Tx) EndpointBySPKI(hash []byte) (Endpoint, error) {
	return tx.oneEndpoint("endpoint of this key", "WHERE e.spki = ?", hash)
}

// EndpointFilter narrows [Tx.Endpoints]. Zero fields do not narrow.
type EndpointFilter struct {
	Name    string            // exactly
	Text    string            // in the name
	Scope   map[string]string // labels it must have
	Deleted bool              // also deleted ones
	After   string            // id of the last one of the page before
	Limit   int               // 0 = all
}

// Endpoints lists endpoints in the order of their names, or page by page (Limit)
// in the order of their ids.
func (tx *Tx) Endpoints(f EndpointFilter) ([]Endpoint, error) {
	q := where{}
	if f.Name != "" {
		q.and("e.name = ?", f.Name)
	}
	if f.Text != "" {
		q.and("instr(lower(e.name), lower(?)) > 0", f.Text)
	}
	for k, v := range f.Scope {
		q.and("e.id IN (SELECT l.endpoint FROM endpoint_labels l WHERE l.key = ? AND l.value = ?)", k, v)
	}
	if !f.Deleted {
		q.and("e.deleted_at = 0")
	}
	if f.After != "" {
		q.and("e.id > ?", f.After)
	}
	limit := f.Limit
	if limit <= 0 {
		limit = -1
	}
	order := "e.name, e.id"
	if f.Limit > 0 {
		order = "e.id"
	}
	return tx.endpoints("WHERE "+q.sql()+" ORDER BY "+order+" LIMIT ?", append(q.args, limit)...)
}

func (tx *Tx) oneEndpoint(what, tail string, args ...any) (Endpoint, error) {
	list, err := tx.endpoints(tail, args...)
	if err == nil && len(list) == 0 {
		err = elevation.ErrNotFound
	}
	if err != nil {
		return Endpoint{}, fmt.Errorf("%s: %w", what, err)
	}
	return list[0], nil
}

func (tx *Tx) endpoints(tail string, args ...any) ([]Endpoint, error) {
	var out []Endpoint
	err := tx.rows(func(scan func(...any) error) error {
		var r endpointRow
		if err := scan(&r.ID, &r.Name, &r.SPKI, &r.Labels, &r.AcceptLabels, &r.Facts, &r.Mode, &r.EnrolledAt, &r.LastSeen, &r.CertNotAfter,
			&r.Locked, &r.Quarantined, &r.DeletedAt, &r.Ratchet, &r.PrevRatchet, &r.Capabilities, &r.LockFacts, &r.Acked, &r.NextSeq, &r.ReportSeq); err != nil {
			return err
		}
		e, err := r.endpoint()
		if err != nil {
			return err
		}
		out = append(out, e)
		return nil
	}, endpointQuery+tail, args...)
	return out, err
}

// maxCached bounds the endpoints that are kept in memory.
const maxCached = 50_000

// endpointCache keeps what is asked on every attempt. A commit that writes an
// endpoint makes it forget that one.
type endpointCache struct {
	mu      sync.Mutex // guards the fields below
	changes uint64     // commits that wrote endpoints
	all     map[elevation.EndpointID]Endpoint
}

func (c *endpointCache) get(id elevation.EndpointID) (e Endpoint, ok bool, changes uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok = c.all[id]
	return e, ok, c.changes
}

// put keeps what was read before any further change.
func (c *endpointCache) put(e Endpoint, changes uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes != changes {
		return
	}
	if c.all == nil || len(c.all) >= maxCached {
		c.all = map[elevation.EndpointID]Endpoint{}
	}
	c.all[e.ID] = e
}

func (c *endpointCache) forget(ids []elevation.EndpointID) {
	if len(ids) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	for _, id := range ids {
		delete(c.all, id)
	}
}

// KnownEndpoint is [Tx.Endpoint] from memory where it can be, without Acked,
// NextSeq and ReportSeq: for lists. Callers change nothing in what they get.
func (tx *Tx) KnownEndpoint(id elevation.EndpointID) (Endpoint, error) {
	if tx.write {
		return tx.Endpoint(id)
	}
	e, ok, _ := tx.s.endpoints.get(id)
	if ok {
		return e, nil
	}
	return tx.Endpoint(id)
}

// Endpoint is [Tx.Endpoint] without a transaction, from memory where it can be,
// and without Acked, NextSeq and ReportSeq, which change all the time. Callers
// change nothing in what they get.
func (s *Store) Endpoint(ctx context.Context, id elevation.EndpointID) (Endpoint, error) {
	e, ok, changes := s.endpoints.get(id)
	if ok {
		return e, nil
	}
	err := s.View(ctx, func(tx *Tx) (err error) { e, err = tx.Endpoint(id); return err })
	if err != nil {
		return Endpoint{}, err
	}
	e.Acked, e.NextSeq, e.ReportSeq = 0, 0, 0
	s.endpoints.put(e, changes)
	return e, nil
}
