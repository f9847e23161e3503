// Package sign puts and checks the signatures that endpoints act on: grants,
// revocations, amendments, rule bundles, policies and key sets.
//
// The envelope is COSE_Sign1 (RFC 9052) with Ed25519 and the external data
// "assent/<kind>/v1", so a signature for one kind is never valid for another.
// The body is deterministic CBOR. [KeySet.Open] checks, in this order: size,
// key, signature over the received bytes, strict decoding, and that encoding
// the result again gives the very bytes that were signed. Whatever fails, the
// answer is an error and the caller denies.
//
// Private keys live in controller/keys; this package never stores any.
package sign

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/veraison/go-cose"
)

// Kind says what a signed body is.
type Kind string

// The kinds of signed bodies.
const (
	Grant      Kind = "grant"
	Revocation Kind = "revocation"
	Amendment  Kind = "amendment"
	Bundle     Kind = "bundle"
	Policy     Kind = "policy"
	Keys       Kind = "keyset"
	Rights     Kind = "rights"

	Confirmation Kind = "confirmation"
)

// MaxSize is the largest signed message that is looked at, in bytes.
const MaxSize = 256 << 10

// Errors of [KeySet.Open] and [OpenKeySet]. All of them mean: do not act.
var (
	ErrSize      = errors.New("signed message has a wrong size")
	ErrKey       = errors.New("signed with a key that is not trusted for this")
	ErrSignature = errors.New("signature does not match")
	ErrEncoding  = errors.New("signed body is not in the one valid encoding")
	ErrEpoch     = errors.New("key set is older than one already seen")
)

var encMode, decMode = modes()

func modes() (cbor.EncMode, cbor.DecMode) {
	e := cbor.CoreDetEncOptions()
	e.Time = cbor.TimeRFC3339NanoUTC
	enc, err := e.EncMode()
	if err != nil {
		panic(err) // the options are constants of this file
	}
	dec, err := cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		MaxNestedLevels:   12,
		MaxArrayElements:  8192,
		MaxMapPairs:       256,
		UTF8:              cbor.UTF8RejectInvalid,
		FieldNameMatching: cbor.FieldNameMatchingCaseSensitive,
	}.DecMode()
	if err != nil {
		panic(err)
	}
	return enc, dec
}

// Encode gives the deterministic CBOR form of v (RFC 8949 section 4.2).
func Encode(v any) ([]byte, error) { return encMode.Marshal(v) }

// Decode reads strict CBOR: no unknown fields, no duplicate keys, no tags, no
// indefinite lengths, no invalid UTF-8, nothing after the value.
func Decode(raw []byte, into any) error { return decMode.Unmarshal(raw, into) }

// Signer is a private key with its name. The zero value signs nothing.
type Signer struct {
	KeyID string
	Key   crypto.Signer // Ed25519
}

// Sign encodes body and signs it as kind.
func (s Signer) Sign(kind Kind, body any) ([]byte, error) {
	if s.Key == nil || s.KeyID == "" {
		return nil, fmt.Errorf("sign %s: no key", kind)
	}
	payload, err := Encode(body)
	if err != nil {
		return nil, fmt.Errorf("sign %s: %w", kind, err)
	}
	signer, err := cose.NewSigner(cose.AlgorithmEdDSA, s.Key)
	if err != nil {
		return nil, fmt.Errorf("sign %s: %w", kind, err)
	}
	m := cose.NewSign1Message()
	m.Headers.Protected.SetAlgorithm(cose.AlgorithmEdDSA)
	m.Headers.Protected[cose.HeaderLabelKeyID] = []byte(s.KeyID)
	m.Payload = payload
	if err := m.Sign(rand.Reader, external(kind), signer); err != nil {
		return nil, fmt.Errorf("sign %s: %w", kind, err)
	}
	return m.MarshalCBOR()
}

// PublicKey is one trusted key of a key set.
type PublicKey struct {
	ID        string    `cbor:"id"`
	Public    []byte    `cbor:"public"` // 32 bytes
	NotBefore time.Time `cbor:"not_before"`
	NotAfter  time.Time `cbor:"not_after"`
}

// KeySet lists the grant keys of a cluster. It is signed by the root key that
// endpoints pinned at enrolment; Epoch only grows.
type KeySet struct {
	Cluster string      `cbor:"cluster"`
	Epoch   uint64      `cbor:"epoch"`
	Keys    []PublicKey `cbor:"keys"`
}

// OpenKeySet verifies a key set against the pinned root key. minEpoch is the
// highest epoch seen so far; an older set is refused with [ErrEpoch].
func OpenKeySet(raw []byte, rootKeyID string, root ed25519.PublicKey, minEpoch uint64) (KeySet, error) {
	var ks KeySet
	pick := func(id string) (ed25519.PublicKey, error) {
		if id != rootKeyID || len(root) != ed25519.PublicKeySize {
			return nil, ErrKey
		}
		return root, nil
	}
	if err := open(Keys, raw, pick, &ks); err != nil {
		return KeySet{}, err
	}
	if ks.Epoch < minEpoch || ks.Epoch == 0 {
		return KeySet{}, ErrEpoch
	}
	if len(ks.Keys) == 0 {
		return KeySet{}, ErrKey
	}
	return ks, nil
}

// Open verifies raw as kind with a key of the set that is valid at now, and
// decodes its body into the pointer into.
func (ks KeySet) Open(kind Kind, raw []byte, now time.Time, into any) error {
	return open(kind, raw, func(id string) (ed25519.PublicKey, error) {
		for _, k := range ks.Keys {
			if k.ID == id && id != "" && len(k.Public) == ed25519.PublicKeySize &&
				!now.Before(k.NotBefore) && now.Before(k.NotAfter) {
				return k.Public, nil
			}
		}
		return nil, ErrKey
	}, into)
}

func open(kind Kind, raw []byte, pick func(string) (ed25519.PublicKey, error), into any) error {
	if len(raw) == 0 || len(raw) > MaxSize {
		return ErrSize
	}
	m := cose.NewSign1Message()
	if err := m.UnmarshalCBOR(raw); err != nil {
		return fmt.Errorf("%w: %w", ErrEncoding, err)
	}
	id, ok := m.Headers.Protected[cose.HeaderLabelKeyID].([]byte)
	if !ok || len(m.Headers.Protected) != 2 || len(m.Headers.Unprotected) != 0 {
		return ErrKey
	}
	if alg, err := m.Headers.Protected.Algorithm(); err != nil || alg != cose.AlgorithmEdDSA {
		return ErrKey
	}
	public, err := pick(string(id))
	if err != nil {
		return err
	}
	verifier, err := cose.NewVerifier(cose.AlgorithmEdDSA, public)
	if err != nil {
		return ErrKey
	}
	if err := m.Verify(external(kind), verifier); err != nil {
		return ErrSignature
	}
	again, err := m.MarshalCBOR()
	if err != nil || !bytes.Equal(again, raw) {
		return ErrEncoding
	}
	if err := Decode(m.Payload, into); err != nil {
		return fmt.Errorf("%w: %w", ErrEncoding, err)
	}
	body, err := Encode(into)
	if err != nil || !bytes.Equal(body, m.Payload) {
		return ErrEncoding
	}
	return nil
}

func external(kind Kind) []byte { return []byte("assent/" + string(kind) + "/v1") }

// WriteParts hashes a list of texts, each behind its length in eight bytes, so
// that no two lists give the same sum.
func WriteParts(h hash.Hash, parts ...string) {
	for _, part := range parts {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write([]byte(part))
	}
}
