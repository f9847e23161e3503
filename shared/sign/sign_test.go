package sign

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/veraison/go-cose"
)

var t0 = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func key(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(append(make([]byte, 31), seed))
}

func signer() Signer { return Signer{KeyID: "grant-1", Key: key(1)} }

func keySet() KeySet {
	return KeySet{Cluster: "c", Epoch: 1, Keys: []PublicKey{{ID: "grant-1", Public: key(1).Public().(ed25519.PublicKey),
		NotBefore: t0.Add(-time.Hour), NotAfter: t0.Add(time.Hour)}}}
}

func grant() elevation.Grant {
	return elevation.Grant{Cluster: "c", Endpoint: "ep_1", ID: "gr_1", Request: "req_1", AccessType: elevation.Run, IssuedAt: t0,
		Uses: 1, Nonce: []byte{1, 2}, ValidFor: time.Hour, Duration: time.Hour,
		Subject: elevation.Subject{Path: "/usr/bin/id", Args: []string{"-u"}}}
}

func TestOpenReturnsWhatWasSigned(t *testing.T) {
	raw, err := signer().Sign(Grant, grant())
	if err != nil {
		t.Fatal(err)
	}
	var got elevation.Grant
	if err := keySet().Open(Grant, raw, t0, &got); err != nil {
		t.Fatal(err)
	}
	if got.Subject.Path != "/usr/bin/id" || !got.IssuedAt.Equal(t0) || got.Subject.Args[0] != "-u" {
		t.Errorf("got %+v", got)
	}
}

// TestEveryFlippedBitDenies changes each bit of a signed grant, one at a time.
func TestEveryFlippedBitDenies(t *testing.T) {
	raw, err := signer().Sign(Grant, grant())
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		for bit := range 8 {
			raw[i] ^= 1 << bit
			var got elevation.Grant
			if err := keySet().Open(Grant, raw, t0, &got); err == nil {
				t.Fatalf("byte %d bit %d: accepted", i, bit)
			}
			raw[i] ^= 1 << bit
		}
	}
	for n := range raw {
		var got elevation.Grant
		if keySet().Open(Grant, raw[:n], t0, &got) == nil {
			t.Fatalf("truncated to %d bytes: accepted", n)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	good, _ := signer().Sign(Grant, grant())
	foreign, _ := Signer{KeyID: "grant-1", Key: key(2)}.Sign(Grant, grant())
	unknown, _ := Signer{KeyID: "grant-2", Key: key(1)}.Sign(Grant, grant())
	otherKind, _ := signer().Sign(Revocation, grant())
	expired := keySet()
	expired.Keys[0].NotAfter = t0
	early := keySet()
	early.Keys[0].NotBefore = t0.Add(time.Second)
	rows := []struct {
		name string
		ks   KeySet
		raw  []byte
		want error
	}{
		{"nothing", keySet(), nil, ErrSize},
		{"too large", keySet(), make([]byte, MaxSize+1), ErrSize},
		{"another key under the same name", keySet(), foreign, ErrSignature},
		{"unknown key", keySet(), unknown, ErrKey},
		{"signed as another kind", keySet(), otherKind, ErrSignature},
		{"key is over", expired, good, ErrKey},
		{"key is not valid yet", early, good, ErrKey},
		{"empty key set", KeySet{}, good, ErrKey},
		{"bytes after the message", keySet(), append(good[:len(good):len(good)], 0), ErrEncoding},
		{"extra field", keySet(), signRaw(t, map[string]any{"cluster": "c", "more": 1}), ErrEncoding},
		{"duplicate key", keySet(), signPayload(t, []byte("\xa2\x67cluster\x61c\x67cluster\x61d")), ErrEncoding},
		{"case of a name", keySet(), signRaw(t, map[string]any{"Cluster": "c"}), ErrEncoding},
		{"missing fields", keySet(), signRaw(t, map[string]any{"cluster": "c"}), ErrEncoding},
		{"indefinite length", keySet(), signPayload(t, []byte{0xbf, 0xff}), ErrEncoding},
		{"not a map", keySet(), signPayload(t, []byte{0x01}), ErrEncoding},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			var got elevation.Grant
			if err := row.ks.Open(Grant, row.raw, t0, &got); !errors.Is(err, row.want) {
				t.Errorf("got %v, want %v", err, row.want)
			}
		})
	}
}

// signRaw signs a body that our own types would never encode.
func signRaw(t *testing.T, body any) []byte {
	t.Helper()
	raw, err := signer().Sign(Grant, body)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// signPayload signs bytes as they are, valid CBOR or not.
func signPayload(t *testing.T, payload []byte) []byte {
	t.Helper()
	m := cose.NewSign1Message()
	m.Headers.Protected.SetAlgorithm(cose.AlgorithmEdDSA)
	m.Headers.Protected[cose.HeaderLabelKeyID] = []byte("grant-1")
	m.Payload = payload
	s, err := cose.NewSigner(cose.AlgorithmEdDSA, key(1))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Sign(rand.Reader, external(Grant), s); err != nil {
		t.Fatal(err)
	}
	raw, err := m.MarshalCBOR()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestUnprotectedHeadersAreRefused(t *testing.T) {
	raw, _ := signer().Sign(Grant, grant())
	m := cose.NewSign1Message()
	if err := m.UnmarshalCBOR(raw); err != nil {
		t.Fatal(err)
	}
	m.Headers.RawUnprotected = nil
	m.Headers.Unprotected[cose.HeaderLabelKeyID] = []byte("grant-1")
	changed, err := m.MarshalCBOR()
	if err != nil {
		t.Fatal(err)
	}
	var got elevation.Grant
	if err := keySet().Open(Grant, changed, t0, &got); !errors.Is(err, ErrKey) {
		t.Errorf("got %v", err)
	}
}

func TestKeySetEpochNeverGoesBack(t *testing.T) {
	root := Signer{KeyID: "root", Key: key(9)}
	raw, err := root.Sign(Keys, keySet())
	if err != nil {
		t.Fatal(err)
	}
	public := key(9).Public().(ed25519.PublicKey)
	if _, err := OpenKeySet(raw, "root", public, 1); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenKeySet(raw, "root", public, 2); !errors.Is(err, ErrEpoch) {
		t.Errorf("older epoch: %v", err)
	}
	if _, err := OpenKeySet(raw, "root", key(8).Public().(ed25519.PublicKey), 0); !errors.Is(err, ErrSignature) {
		t.Errorf("other root: %v", err)
	}
	if _, err := OpenKeySet(raw, "other", public, 0); !errors.Is(err, ErrKey) {
		t.Errorf("other root id: %v", err)
	}
	if _, err := OpenKeySet(raw, "root", nil, 0); !errors.Is(err, ErrKey) {
		t.Errorf("no root key: %v", err)
	}
	for name, ks := range map[string]KeySet{"epoch 0": {Cluster: "c", Keys: keySet().Keys}, "no keys": {Cluster: "c", Epoch: 3}} {
		raw, _ := root.Sign(Keys, ks)
		if _, err := OpenKeySet(raw, "root", public, 0); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestZeroSignerSignsNothing(t *testing.T) {
	if _, err := (Signer{}).Sign(Grant, grant()); err == nil {
		t.Error("signed without a key")
	}
}

// FuzzOpen: whatever arrives, nothing but the signed bytes themselves is accepted.
func FuzzOpen(f *testing.F) {
	good, _ := signer().Sign(Grant, grant())
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add([]byte{0xd2, 0x84})
	f.Fuzz(func(t *testing.T, raw []byte) {
		var got elevation.Grant
		if err := keySet().Open(Grant, raw, t0, &got); err == nil && string(raw) != string(good) {
			t.Fatalf("accepted other bytes: %x", raw)
		}
	})
}

// Digests of arguments and of texts in the audit log are made of this for ever.
func TestWriteParts(t *testing.T) {
	h := sha256.New()
	WriteParts(h, "", "ab")
	want := sha256.Sum256([]byte("\x00\x00\x00\x00\x00\x00\x00\x00" + "\x00\x00\x00\x00\x00\x00\x00\x02ab"))
	if got := h.Sum(nil); !bytes.Equal(got, want[:]) {
		t.Errorf("got %x, want %x", got, want)
	}
}
