package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"github.com/assent-epm/assent/shared/elevation"
)

// The cost of one password: two passes over 64 MiB. Stored hashes name their
// own cost, and nothing but this cost is accepted when they are read.
const (
	argonTime   = 2
	argonMemory = 64 << 10 // KiB
	argonLanes  = 1
	saltLen     = 16
	keyLen      = 32

	MinPassword = 10  // characters
	MaxPassword = 256 // bytes; longer ones only cost time
)

// hasher bounds how many passwords are hashed at once, because each takes 64
// MiB, and how many callers may wait for that.
type hasher struct {
	slots   chan struct{}
	waiting atomic.Int64
	most    int64
	derive  func(password, salt []byte) []byte // argon2id
}

func newHasher(atOnce int, waiting int64) *hasher {
	return &hasher{slots: make(chan struct{}, atOnce), most: waiting, derive: func(password, salt []byte) []byte {
		return argon2.IDKey(password, salt, argonTime, argonMemory, argonLanes, keyLen)
	}}
}

func (h *hasher) key(ctx context.Context, password string, salt []byte) ([]byte, error) {
	if h.waiting.Add(1) > h.most {
		h.waiting.Add(-1)
		return nil, &RateError{}
	}
	defer h.waiting.Add(-1)
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
		return h.derive([]byte(password), salt), nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for a password check: %w", ctx.Err())
	}
}

// verify reports whether stored is the hash of password. Anything that is not a
// hash of our own making is false.
func (h *hasher) verify(ctx context.Context, stored, password string) (bool, error) {
	salt, want, ok := decodeHash(stored)
	if !ok || len(password) > MaxPassword {
		return false, nil
	}
	got, err := h.key(ctx, password, salt)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}

// CheckPassword refuses a password that is too short, too long or not text.
func CheckPassword(password string) error {
	switch {
	case !utf8.ValidString(password) || strings.ContainsRune(password, 0):
		return fmt.Errorf("%w: the password is not text", elevation.ErrInvalid)
	case utf8.RuneCountInString(password) < MinPassword:
		return fmt.Errorf("%w: a password has at least %d characters", elevation.ErrInvalid, MinPassword)
	case len(password) > MaxPassword:
		return fmt.Errorf("%w: a password has at most %d bytes", elevation.ErrInvalid, MaxPassword)
	}
	return nil
}

// HashPassword checks a new password and returns what to store of it: argon2id
// with a random salt in the PHC format. It takes tens of milliseconds and 64
// MiB, so it is called outside of any transaction.
func (a *Accounts) HashPassword(ctx context.Context, password string) (string, error) {
	if err := CheckPassword(password); err != nil {
		return "", err
	}
	salt := make([]byte, saltLen)
	rand.Read(salt) // never fails: crypto/rand documents that it ends the program instead
	key, err := a.hashes.key(ctx, password, salt)
	if err != nil {
		return "", err
	}
	return encodeHash(salt, key), nil
}

func hashPrefix() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$", argon2.Version, argonMemory, argonTime, argonLanes)
}

func encodeHash(salt, key []byte) string {
	e := base64.RawStdEncoding
	return hashPrefix() + e.EncodeToString(salt) + "$" + e.EncodeToString(key)
}

func decodeHash(s string) (salt, key []byte, ok bool) {
	rest, ok := strings.CutPrefix(s, hashPrefix())
	if !ok {
		return nil, nil, false
	}
	a, b, ok := strings.Cut(rest, "$")
	if !ok {
		return nil, nil, false
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(a)
	key, err2 := base64.RawStdEncoding.DecodeString(b)
	return salt, key, err1 == nil && err2 == nil && len(salt) == saltLen && len(key) == keyLen
}
