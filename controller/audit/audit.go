// Package audit is the log of everything that was decided, done or refused.
//
// An [Event] is sealed into a [Row] in the transaction that it tells of, so a
// change without its event does not commit. [Sequencer] then gives each row its
// place in one Merkle log and signs checkpoints over it; an export ([ExportZip])
// is proved by [Verify] without a controller, which names the first event that
// was changed, removed or moved. Nothing here ever changes an event: what
// people wrote is kept apart from the leaf, which holds only its salted hash.
//
// Kinds and their numbers are in kinds.go, what the log needs from a database
// is [Store], implemented by controller/store.
package audit

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
)

// Limits of one event. A larger one is refused by [Seal], and so is the change
// that it belongs to; callers shorten what strangers wrote with [Clip].
const (
	MaxEntries = 32       // of Data and of Text
	MaxKey     = 64       // bytes of a name in Data or Text
	MaxValue   = 4 << 10  // bytes of a value in Data
	MaxText    = 16 << 10 // bytes of a value in Text
	MaxLeaf    = 64 << 10 // bytes of the encoded leaf
)

// ErrInvalid is returned by [Seal] for an event that can not be logged.
var ErrInvalid = errors.New("invalid audit event")

// Event is one immutable line of the log.
//
// Data are facts that stay for ever. Text is what people wrote (justification,
// comment, question, answer) and what may hold a secret in spite of masking
// (arguments): it is stored apart, can be forgotten later, and the leaf proves
// it by a salted hash. A name is used in one of the two only.
type Event struct {
	Seq      uint64 // place in the log from 1; 0 until the Sequencer gave it
	ID       elevation.EventID
	At       time.Time // milliseconds, UTC
	Kind     Kind
	Actor    elevation.Actor
	Request  elevation.RequestID
	Grant    elevation.GrantID
	Endpoint elevation.EndpointID
	Data     map[string]string
	Text     map[string]string
}

// All is Data and Text together, as authorised readers see them.
func (e Event) All() map[string]string {
	all := make(map[string]string, len(e.Data)+len(e.Text))
	maps.Copy(all, e.Data)
	maps.Copy(all, e.Text)
	return all
}

// Row is a sealed event, as a database keeps it. Leaf is hashed and kept
// verbatim; Text may be deleted (nil) without hurting the proof; the other
// fields repeat what the leaf says, for indexes.
type Row struct {
	Seq      uint64 // 0 until sequenced
	ID       elevation.EventID
	At       time.Time
	Kind     Kind
	Request  elevation.RequestID
	Grant    elevation.GrantID
	Endpoint elevation.EndpointID
	Leaf     []byte // canonical CBOR
	Text     []byte // CBOR, nil if the event has none
}

// leafV1 is the encoded form. History: 1 of 2026-11-21, the first.
type leafV1 struct {
	V        uint8                `cbor:"v"`
	ID       elevation.EventID    `cbor:"id"`
	At       int64                `cbor:"at"` // milliseconds since 1970
	Kind     Kind                 `cbor:"kind"`
	Actor    elevation.Actor      `cbor:"actor"`
	Request  elevation.RequestID  `cbor:"request"`
	Grant    elevation.GrantID    `cbor:"grant"`
	Endpoint elevation.EndpointID `cbor:"endpoint"`
	Data     map[string]string    `cbor:"data"`
	Text     map[string][]byte    `cbor:"text"` // salted SHA-256 of each
}

// secret is one text with the salt of its hash.
type secret struct {
	Salt []byte `cbor:"salt"`
	Text string `cbor:"text"`
}

// Seal encodes e. An empty ID is made from the event's time; invalid UTF-8 is
// replaced. It returns an error wrapping [ErrInvalid] for an unknown kind, an
// actor without kind, no time, or anything over the limits.
func Seal(e Event) (Row, error) {
	if err := check(e); err != nil {
		return Row{}, err
	}
	if e.ID == "" {
		e.ID = elevation.EventID(elevation.NewID(elevation.EventPrefix, e.At))
	}
	l := leafV1{V: 1, ID: e.ID, At: e.At.UnixMilli(), Kind: e.Kind, Actor: e.Actor,
		Request: e.Request, Grant: e.Grant, Endpoint: e.Endpoint, Data: make(map[string]string, len(e.Data)), Text: make(map[string][]byte, len(e.Text))}
	l.Actor.Name = strings.ToValidUTF8(l.Actor.Name, "\uFFFD")
	for k, v := range e.Data {
		l.Data[k] = strings.ToValidUTF8(v, "\uFFFD")
	}
	secrets := make(map[string]secret, len(e.Text))
	for k, v := range e.Text {
		s := secret{Salt: make([]byte, 16), Text: strings.ToValidUTF8(v, "\uFFFD")}
		rand.Read(s.Salt)
		secrets[k], l.Text[k] = s, s.hash(k)
	}
	row := Row{ID: e.ID, At: time.UnixMilli(l.At).UTC(), Kind: e.Kind, Request: e.Request, Grant: e.Grant, Endpoint: e.Endpoint}
	var err error
	if row.Leaf, err = sign.Encode(l); err != nil {
		return Row{}, fmt.Errorf("seal audit event: %w", err)
	}
	if len(row.Leaf) > MaxLeaf {
		return Row{}, fmt.Errorf("%w: larger than %d bytes", ErrInvalid, MaxLeaf)
	}
	if len(secrets) > 0 {
		if row.Text, err = sign.Encode(secrets); err != nil {
			return Row{}, fmt.Errorf("seal audit event: %w", err)
		}
	}
	return row, nil
}

func check(e Event) error {
	switch {
	case e.Kind.String() == "":
		return fmt.Errorf("%w: unknown kind %d", ErrInvalid, e.Kind)
	case e.Actor.Kind == "":
		return fmt.Errorf("%w: nobody did it", ErrInvalid)
	case e.At.IsZero():
		return fmt.Errorf("%w: no time", ErrInvalid)
	case len(e.Data) > MaxEntries || len(e.Text) > MaxEntries:
		return fmt.Errorf("%w: more than %d entries", ErrInvalid, MaxEntries)
	case len(e.Actor.ID) > MaxValue || len(e.Actor.Name) > MaxValue:
		return fmt.Errorf("%w: the actor is too long", ErrInvalid)
	}
	for k, v := range e.Data {
		if err := checkEntry(k, v, MaxValue); err != nil {
			return err
		}
	}
	for k, v := range e.Text {
		if err := checkEntry(k, v, MaxText); err != nil {
			return err
		}
		if _, twice := e.Data[k]; twice {
			return fmt.Errorf("%w: %q is both data and text", ErrInvalid, k)
		}
	}
	return nil
}

func checkEntry(key, value string, limit int) error {
	if key == "" || len(key) > MaxKey || !utf8.ValidString(key) {
		return fmt.Errorf("%w: bad entry name", ErrInvalid)
	}
	if len(value) > limit {
		return fmt.Errorf("%w: %q is longer than %d bytes", ErrInvalid, key, limit)
	}
	return nil
}

// Open is the event of a row. Texts that were forgotten are left out; a text
// that does not match the hash in the leaf is an error, as is a leaf that is
// not in its one valid encoding.
func (r Row) Open() (Event, error) {
	l, err := openLeaf(r.Leaf)
	if err != nil {
		return Event{}, err
	}
	e := Event{Seq: r.Seq, ID: l.ID, At: time.UnixMilli(l.At).UTC(), Kind: l.Kind, Actor: l.Actor,
		Request: l.Request, Grant: l.Grant, Endpoint: l.Endpoint, Data: l.Data, Text: map[string]string{}}
	secrets, err := openText(l, r.Text)
	if err != nil {
		return Event{}, err
	}
	for k, s := range secrets {
		e.Text[k] = s.Text
	}
	return e, nil
}

func openLeaf(raw []byte) (leafV1, error) {
	var l leafV1
	if len(raw) > MaxLeaf {
		return l, fmt.Errorf("%w: larger than %d bytes", ErrInvalid, MaxLeaf)
	}
	if err := sign.Decode(raw, &l); err != nil {
		return l, fmt.Errorf("read audit event: %w", err)
	}
	if l.V != 1 {
		return l, fmt.Errorf("%w: version %d is not known", ErrInvalid, l.V)
	}
	again, err := sign.Encode(l)
	if err != nil || string(again) != string(raw) {
		return l, fmt.Errorf("%w: not in the one valid encoding", ErrInvalid)
	}
	return l, nil
}

func openText(l leafV1, raw []byte) (map[string]secret, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	var secrets map[string]secret
	if err := sign.Decode(raw, &secrets); err != nil {
		return nil, fmt.Errorf("read the texts of audit event %s: %w", l.ID, err)
	}
	for k, s := range secrets {
		if want, ok := l.Text[k]; !ok || string(want) != string(s.hash(k)) {
			return nil, fmt.Errorf("%w: text %q does not match its hash", ErrInvalid, k)
		}
	}
	return secrets, nil
}

// ForgetText leaves those texts of an event out for which drop says so. What is
// left is nil when there is none; the leaf stays as it is and still verifies.
func ForgetText(raw []byte, drop func(name string) bool) ([]byte, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	var secrets map[string]secret
	if err := sign.Decode(raw, &secrets); err != nil {
		return nil, fmt.Errorf("read the texts of an event: %w", err)
	}
	before := len(secrets)
	maps.DeleteFunc(secrets, func(name string, _ secret) bool { return drop(name) })
	switch len(secrets) {
	case before:
		return raw, nil
	case 0:
		return nil, nil
	}
	return sign.Encode(secrets)
}

// hash binds name, salt and text; lengths keep the parts apart.
func (s secret) hash(name string) []byte {
	h := sha256.New()
	sign.WriteParts(h, "assent/audit-text/v1", name, string(s.Salt), s.Text)
	return h.Sum(nil)
}

// Clip shortens s to at most limit bytes at a character boundary and marks the
// cut with an ellipsis.
func Clip(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	const mark = "…"
	if limit < len(mark) {
		return ""
	}
	cut := limit - len(mark)
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + mark
}
