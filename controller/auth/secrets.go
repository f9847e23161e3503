package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/assent-epm/assent/shared/elevation"
)

// Prefixes of the secrets. Those of sessions and links are never shown apart
// from where they are used.
const (
	TokenPrefix   = "ast_"
	sessionPrefix = "ses_"
	linkPrefix    = "lnk_"
	secretLen     = 32 // bytes
)

// MaxTokens is how many API tokens one account has at most.
const MaxTokens = 200

// NewToken makes an API token: the row to store and the text to show once.
func NewToken(owner elevation.UserID, name string, ttl time.Duration, now time.Time) (Token, string) {
	text, hash := newSecret(TokenPrefix)
	return Token{ID: elevation.TokenID(elevation.NewID(elevation.TokenPrefix, now)), Hash: hash, Name: name,
		Owner: owner, ExpiresAt: now.Add(ttl), CreatedAt: now}, text
}

// newSecret makes prefix + 256 random bits + a checksum that lets a typing
// mistake, and a scanner for leaked secrets, be told without the database.
func newSecret(prefix string) (text string, hash []byte) {
	b := make([]byte, secretLen)
	rand.Read(b) // never fails: crypto/rand documents that it ends the program instead
	text = prefix + base64.RawURLEncoding.EncodeToString(append(b, checksum(prefix, b)...))
	h := sha256.Sum256([]byte(text))
	return text, h[:]
}

// hashSecret returns what a secret is stored under; ok is false when it can not
// be one of that kind.
func hashSecret(prefix, text string) (hash []byte, ok bool) {
	body, ok := strings.CutPrefix(text, prefix)
	if !ok || len(body) != base64.RawURLEncoding.EncodedLen(secretLen+4) {
		return nil, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(body)
	if err != nil || string(b[secretLen:]) != string(checksum(prefix, b[:secretLen])) {
		return nil, false
	}
	h := sha256.Sum256([]byte(text))
	return h[:], true
}

func checksum(prefix string, b []byte) []byte {
	h := sha256.Sum256(append([]byte("assent checksum "+prefix), b...))
	return h[:4]
}

// CheckLogin refuses a login that is empty, long, or has characters that could
// be mistaken in a list or a command.
func CheckLogin(login string) error {
	if login == "" || utf8.RuneCountInString(login) > MaxLogin {
		return fmt.Errorf("%w: a login has 1 to %d characters", elevation.ErrInvalid, MaxLogin)
	}
	for i, r := range login {
		letter := r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r))
		if !letter && (i == 0 || !strings.ContainsRune("._-@+\\", r)) {
			return fmt.Errorf("%w: a login has letters and digits, and . _ - @ + \\ after the first", elevation.ErrInvalid)
		}
	}
	for _, p := range []string{elevation.UserPrefix, elevation.TeamPrefix} {
		if strings.HasPrefix(login, p) {
			return fmt.Errorf("%w: a login does not begin like an id", elevation.ErrInvalid)
		}
	}
	return nil
}

// clip makes text of a stranger fit for the audit log.
func clip(s string) string {
	s = strings.ToValidUTF8(s, "?")
	if len(s) > MaxLogin {
		s = strings.ToValidUTF8(s[:MaxLogin], "")
	}
	return strings.ReplaceAll(s, "\x00", "?")
}
