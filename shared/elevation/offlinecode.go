package elevation

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
	"time"
)

// OfflineKeyLen is the length of the key of an endpoint for offline codes, in bytes.
const OfflineKeyLen = 32

// offlineCodeLength is the number of characters of an offline code without dashes.
const offlineCodeLength = 12

// OfflineBuckets are the times that an offline code can give, the shortest first.
// The code says which one by what it is: an endpoint tries them.
func OfflineBuckets() []time.Duration { return []time.Duration{5 * time.Minute, 15 * time.Minute} }

// OfflineChallenge is what a person without a controller reads to an approver,
// like 7K2Q-M9XD: a hash over a nonce, which exists only in the memory of one
// agent, and over the digest of what is asked for. An approver who never saw the
// request does not know that digest; what they do know is bound by [OfflineCode].
func OfflineChallenge(nonce [16]byte, request []byte) string {
	h := sha256.New()
	h.Write([]byte("assent offline challenge v1"))
	h.Write(nonce[:])
	h.Write(request)
	return CodeOf([5]byte(h.Sum(nil)))
}

// OfflineCode is the answer to a challenge, like 7K2Q-M9XD-0ABC: 60 bits of an
// HMAC that only the controller and the endpoint can make. given is one of
// [OfflineBuckets]. Of the attempt its user and its program count, which both sides
// know by themselves: a code that an approver told for one person is no good for
// the challenge of another, their own above all.
func OfflineCode(key []byte, challenge string, a Attempt, given time.Duration) (string, error) {
	challenge, err := ReadCode(challenge)
	if err != nil {
		return "", err
	}
	if len(key) != OfflineKeyLen {
		return "", fmt.Errorf("%w: an offline key has %d bytes", ErrInvalid, OfflineKeyLen)
	}
	h := hmac.New(sha256.New, key)
	h.Write([]byte("assent offline code v2"))
	h.Write([]byte(challenge)) // always nine bytes
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(given)))
	for _, s := range []string{a.User.Name, a.Subject.Path} {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(s))))
		h.Write([]byte(s))
	}
	n := binary.BigEndian.Uint64(h.Sum(nil))
	var out strings.Builder
	for i := range offlineCodeLength {
		if i > 0 && i%4 == 0 {
			out.WriteByte('-')
		}
		out.WriteByte(codeAlphabet[n>>59])
		n <<= 5
	}
	return out.String(), nil
}

// ReadOfflineCode reads a code as a person types it, like [ReadCode].
func ReadOfflineCode(text string) (string, error) {
	bad := fmt.Errorf("%w: an offline code is twelve letters and digits, like 7K2Q-M9XD-0ABC", ErrInvalid)
	var out strings.Builder
	n := 0
	for _, c := range strings.ToUpper(text) {
		switch c {
		case '-', ' ':
			continue
		case 'O':
			c = '0'
		case 'I', 'L':
			c = '1'
		}
		if n == offlineCodeLength || c > 'Z' || strings.IndexByte(codeAlphabet, byte(c)) < 0 {
			return "", bad
		}
		if n > 0 && n%4 == 0 {
			out.WriteByte('-')
		}
		out.WriteByte(byte(c))
		n++
	}
	if n != offlineCodeLength {
		return "", bad
	}
	return out.String(), nil
}
