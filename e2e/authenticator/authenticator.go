// Package authenticator is a passkey in software, for tests: it makes keys and
// answers ceremonies as a browser with a good authenticator does, in the JSON form
// that goes over REST.
//
// It is honest unless a test tells it to lie in one point, so that each refusal
// of the controller is tested by an answer that is right in everything else. It
// keeps its keys in memory and asks nobody. Browser tests use the browser's own
// virtual authenticator instead.
package authenticator

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// Key is one passkey.
type Key struct {
	ID    []byte
	RPID  string
	User  []byte // the handle of its owner
	Count uint32 // of the last answer

	private *ecdsa.PrivateKey
}

// Authenticator answers at one origin.
type Authenticator struct {
	Origin string // such as https://assent.example
	Keys   []*Key
}

// Lie is what an answer says that is not so. The zero value is the truth.
type Lie struct {
	Origin     string
	RPID       string
	Challenge  string // base64url
	Type       string // of the client data
	User       []byte // the owner that is claimed
	Key        *Key   // answers in the place of the right one
	Name       []byte // the id that is claimed for the key
	Count      *uint32
	Unverified bool // the person did not verify themself
	Absent     bool // the person was not there
	Forged     bool // the signature is of something else
	Cross      bool // the page stood in another one's frame
}

// The flags of authenticator data.
const (
	present  = 0x01
	verified = 0x04
	attested = 0x40
)

// Create makes a passkey for the options of navigator.credentials.create.
func (a *Authenticator) Create(options map[string]any, lie Lie) (map[string]any, error) {
	rp, _ := options["rp"].(map[string]any)
	user, _ := options["user"].(map[string]any)
	id, _ := rp["id"].(string)
	handle, err := decode(user["id"])
	if err != nil || id == "" {
		return nil, errors.New("make a passkey: the options name no site or no user")
	}
	excluded, err := listed(options["excludeCredentials"])
	if err != nil {
		return nil, err
	}
	for _, k := range a.Keys {
		if has(excluded, k.ID) {
			return nil, errors.New("make a passkey: one of this authenticator is there already")
		}
	}
	k := &Key{RPID: id, User: handle, ID: make([]byte, 32)}
	rand.Read(k.ID)
	if k.private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, fmt.Errorf("make a passkey: %w", err)
	}
	public, err := k.public()
	if err != nil {
		return nil, err
	}
	name := k.ID
	if lie.Name != nil {
		name = lie.Name
	}
	data := k.data(lie, attested)
	data = append(data, make([]byte, 16)...) // of no known make
	data = binary.BigEndian.AppendUint16(data, uint16(len(name)))
	data = append(append(data, name...), public...)
	object, err := cbor.Marshal(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": data})
	if err != nil {
		return nil, fmt.Errorf("make a passkey: %w", err)
	}
	client, err := a.clientData("webauthn.create", options, lie)
	if err != nil {
		return nil, err
	}
	a.Keys = append(a.Keys, k)
	return answer(name, map[string]any{"clientDataJSON": encode(client), "attestationObject": encode(object), "transports": []string{"internal"}}), nil
}

// Get answers the options of navigator.credentials.get with the newest fitting key.
func (a *Authenticator) Get(options map[string]any, lie Lie) (map[string]any, error) {
	allowed, err := listed(options["allowCredentials"])
	if err != nil {
		return nil, err
	}
	k := lie.Key
	for _, one := range a.Keys {
		if lie.Key == nil && one.RPID == options["rpId"] && (len(allowed) == 0 || has(allowed, one.ID)) {
			k = one
		}
	}
	if k == nil {
		return nil, errors.New("answer with a passkey: there is none for this site")
	}
	k.Count++
	data := k.data(lie, 0)
	client, err := a.clientData("webauthn.get", options, lie)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(client)
	digest := sha256.Sum256(append(bytes.Clone(data), sum[:]...))
	if lie.Forged {
		digest[0] ^= 1
	}
	signature, err := ecdsa.SignASN1(rand.Reader, k.private, digest[:])
	if err != nil {
		return nil, fmt.Errorf("answer with a passkey: %w", err)
	}
	user, name := k.User, k.ID
	if lie.User != nil {
		user = lie.User
	}
	if lie.Name != nil {
		name = lie.Name
	}
	return answer(name, map[string]any{"clientDataJSON": encode(client), "authenticatorData": encode(data),
		"signature": encode(signature), "userHandle": encode(user)}), nil
}

func answer(id []byte, response map[string]any) map[string]any {
	return map[string]any{"id": encode(id), "rawId": encode(id), "type": "public-key", "authenticatorAttachment": "platform",
		"clientExtensionResults": map[string]any{}, "response": response}
}

// data is the authenticator data up to the counter.
func (k *Key) data(lie Lie, more byte) []byte {
	id, count, flags := k.RPID, k.Count, present|verified|more
	if lie.RPID != "" {
		id = lie.RPID
	}
	if lie.Count != nil {
		count = *lie.Count
	}
	if lie.Unverified {
		flags &^= verified
	}
	if lie.Absent {
		flags &^= present
	}
	sum := sha256.Sum256([]byte(id))
	return binary.BigEndian.AppendUint32(append(sum[:], flags), count)
}

// public is the public key as COSE has it.
func (k *Key) public() ([]byte, error) {
	point, err := k.private.PublicKey.Bytes()
	if err != nil {
		return nil, fmt.Errorf("make a passkey: %w", err)
	}
	raw, err := cbor.Marshal(map[int]any{1: 2, 3: -7, -1: 1, -2: point[1:33], -3: point[33:65]})
	if err != nil {
		return nil, fmt.Errorf("make a passkey: %w", err)
	}
	return raw, nil
}

func (a *Authenticator) clientData(kind string, options map[string]any, lie Lie) ([]byte, error) {
	said := map[string]any{"type": kind, "challenge": options["challenge"], "origin": a.Origin, "crossOrigin": lie.Cross}
	for name, text := range map[string]string{"type": lie.Type, "challenge": lie.Challenge, "origin": lie.Origin} {
		if text != "" {
			said[name] = text
		}
	}
	raw, err := json.Marshal(said)
	if err != nil {
		return nil, fmt.Errorf("write client data: %w", err)
	}
	return raw, nil
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func decode(v any) ([]byte, error) {
	text, _ := v.(string)
	return base64.RawURLEncoding.DecodeString(text)
}

// listed reads the ids of a list of credentials.
func listed(v any) ([][]byte, error) {
	list, _ := v.([]any)
	var out [][]byte
	for _, one := range list {
		fields, _ := one.(map[string]any)
		id, err := decode(fields["id"])
		if err != nil {
			return nil, fmt.Errorf("read a list of passkeys: %w", err)
		}
		out = append(out, id)
	}
	return out, nil
}

func has(list [][]byte, id []byte) bool {
	for _, one := range list {
		if bytes.Equal(one, id) {
			return true
		}
	}
	return false
}
