package audit

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/assent-epm/assent/shared/sign"
)

// maxNote is the largest checkpoint that is looked at, in bytes.
const maxNote = 4 << 10

// ErrKey means a checkpoint is not signed by the key that was expected.
var ErrKey = errors.New("the checkpoint is not signed by the audit key")

// statement is what a checkpoint says. Its text follows the usual form of
// transparency logs: origin, size, root hash, and one line of our own, the time.
type statement struct {
	Cluster string
	Size    uint64
	Root    tlog.Hash
	At      time.Time
}

const originPrefix = "assent-audit/"

func (s statement) text() string {
	return fmt.Sprintf("%s%s\n%d\n%s\n%s\n", originPrefix, s.Cluster, s.Size, s.Root, s.At.UTC().Format(time.RFC3339Nano))
}

func parseStatement(text string) (statement, error) {
	bad := func(what string) (statement, error) {
		return statement{}, fmt.Errorf("%w: checkpoint with a bad %s", ErrInvalid, what)
	}
	lines := strings.Split(text, "\n")
	if len(lines) != 5 || lines[4] != "" {
		return bad("number of lines")
	}
	cluster, ok := strings.CutPrefix(lines[0], originPrefix)
	if !ok || cluster == "" {
		return bad("origin")
	}
	size, err := strconv.ParseUint(lines[1], 10, 63)
	if err != nil || strconv.FormatUint(size, 10) != lines[1] {
		return bad("size")
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return bad("root hash")
	}
	at, err := time.Parse(time.RFC3339Nano, lines[3])
	if err != nil {
		return bad("time")
	}
	return statement{Cluster: cluster, Size: size, Root: root, At: at}, nil
}

// parseCheckpoint reads a checkpoint without proving its signature.
func parseCheckpoint(raw []byte) (statement, error) {
	if len(raw) > maxNote {
		return statement{}, fmt.Errorf("%w: checkpoint larger than %d bytes", ErrInvalid, maxNote)
	}
	text, _, ok := strings.Cut(string(raw), "\n\n")
	if !ok {
		return statement{}, fmt.Errorf("%w: checkpoint without a signature", ErrInvalid)
	}
	return parseStatement(text + "\n")
}

// openCheckpoint proves the signature with a public key and reads it.
func openCheckpoint(raw []byte, key string) (statement, error) {
	if len(raw) > maxNote {
		return statement{}, fmt.Errorf("%w: checkpoint larger than %d bytes", ErrInvalid, maxNote)
	}
	v, err := note.NewVerifier(strings.TrimSpace(key))
	if err != nil {
		return statement{}, fmt.Errorf("%w: not a public key of an audit log", ErrInvalid)
	}
	n, err := note.Open(raw, note.VerifierList(v))
	if err != nil {
		return statement{}, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return parseStatement(n.Text)
}

// noteSigner lets an Ed25519 key that may live outside this process sign notes.
type noteSigner struct {
	name   string
	public ed25519.PublicKey
	key    crypto.Signer
}

func newNoteSigner(s sign.Signer) (noteSigner, error) {
	if s.Key == nil || s.KeyID == "" || strings.ContainsAny(s.KeyID, " +\n\t") {
		return noteSigner{}, errors.New("no audit key")
	}
	public, ok := s.Key.Public().(ed25519.PublicKey)
	if !ok {
		return noteSigner{}, errors.New("the audit key is not an Ed25519 key")
	}
	return noteSigner{name: s.KeyID, public: public, key: s.Key}, nil
}

// ed25519Note is the algorithm byte of Ed25519 in signed notes.
const ed25519Note = 1

func (n noteSigner) Name() string { return n.name }

func (n noteSigner) KeyHash() uint32 {
	h := sha256.New()
	h.Write([]byte(n.name + "\n"))
	h.Write([]byte{ed25519Note})
	h.Write(n.public)
	return binary.BigEndian.Uint32(h.Sum(nil))
}

func (n noteSigner) Sign(msg []byte) ([]byte, error) {
	return n.key.Sign(rand.Reader, msg, crypto.Hash(0))
}

func (n noteSigner) verifierKey() string {
	encoded := base64.StdEncoding.EncodeToString(append([]byte{ed25519Note}, n.public...))
	return fmt.Sprintf("%s+%08x+%s", n.name, n.KeyHash(), encoded)
}

func (n noteSigner) checkpoint(s statement) ([]byte, error) {
	return note.Sign(&note.Note{Text: s.text()}, n)
}
