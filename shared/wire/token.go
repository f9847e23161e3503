package wire

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
)

// EnrollTokenPrefix begins every enrolment token, so that scanners for leaked
// secrets and people recognise one.
const EnrollTokenPrefix = "asn1_"

// FingerprintSize is the length of the fingerprint of the agents' CA: SHA-256
// of its DER certificate.
const FingerprintSize = sha256.Size

const (
	tokenSecret   = 20 // 160 random bits
	tokenChecksum = 4
	tokenBytes    = tokenSecret + FingerprintSize + tokenChecksum
)

// ErrEnrollToken is returned for text that is no enrolment token. The error
// never repeats the text.
var ErrEnrollToken = errors.New("not a valid enrolment token")

// NewEnrollToken makes a token for the cluster whose agents' CA has the given
// fingerprint. plain is shown once; only hash is stored. It fails only for a
// fingerprint of the wrong length.
//
// The form is asn1_ and lower-case base32 of: 20 random bytes, the fingerprint,
// and the first 4 bytes of the SHA-256 of both, which catches a mistyped token
// before it is sent anywhere.
func NewEnrollToken(fingerprint []byte) (plain string, hash []byte, err error) {
	if len(fingerprint) != FingerprintSize {
		return "", nil, fmt.Errorf("make enrolment token: fingerprint has %d bytes", len(fingerprint))
	}
	raw := make([]byte, tokenSecret, tokenBytes)
	rand.Read(raw)
	raw = append(raw, fingerprint...)
	raw = append(raw, checksum(raw)...)
	plain = EnrollTokenPrefix + strings.ToLower(tokenText().EncodeToString(raw))
	return plain, hashToken(plain), nil
}

// ParseEnrollToken checks the form of a token and gives the fingerprint to pin
// and the hash under which the controller knows it. There is exactly one
// accepted spelling of each token; anything else wraps [ErrEnrollToken].
func ParseEnrollToken(plain string) (fingerprint, hash []byte, err error) {
	text, ok := strings.CutPrefix(plain, EnrollTokenPrefix)
	if !ok || len(text) != tokenText().EncodedLen(tokenBytes) {
		return nil, nil, fmt.Errorf("%w: it begins with %s and has %d characters", ErrEnrollToken,
			EnrollTokenPrefix, len(EnrollTokenPrefix)+tokenText().EncodedLen(tokenBytes))
	}
	if text != strings.ToLower(text) {
		return nil, nil, fmt.Errorf("%w: it is in lower case", ErrEnrollToken)
	}
	raw, err := tokenText().DecodeString(strings.ToUpper(text))
	if err != nil || len(raw) != tokenBytes ||
		strings.ToLower(tokenText().EncodeToString(raw)) != text { // spare bits must be zero
		return nil, nil, fmt.Errorf("%w: a character is wrong", ErrEnrollToken)
	}
	body, sum := raw[:tokenBytes-tokenChecksum], raw[tokenBytes-tokenChecksum:]
	if subtle.ConstantTimeCompare(checksum(body), sum) != 1 {
		return nil, nil, fmt.Errorf("%w: the checksum is wrong, copy it again", ErrEnrollToken)
	}
	return body[tokenSecret:], hashToken(plain), nil
}

func tokenText() *base32.Encoding { return base32.StdEncoding.WithPadding(base32.NoPadding) }

func checksum(b []byte) []byte {
	sum := sha256.Sum256(append([]byte("assent/enroll-token/v1"), b...))
	return sum[:tokenChecksum]
}

func hashToken(plain string) []byte {
	sum := sha256.Sum256([]byte(plain))
	return sum[:]
}
