package keys

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"

	"github.com/assent-epm/assent/shared/durable"
	"github.com/assent-epm/assent/shared/elevation"
)

// The key that secrets in the database are wrapped with. Its fingerprint is kept
// beside it, so that another key is never taken for it, and a lost one never made
// anew: what was wrapped could not be read any more.
const (
	fileWrap    = "wrap.key"
	fileWrapID  = "wrap.id"
	wrapKeyLen  = 32
	wrapVersion = 1 // first byte of what is wrapped: AES-256-GCM, nonce in front
)

// ErrUnwrap says that a wrapped secret is not one of this key and purpose.
var ErrUnwrap = errors.New("this secret was not wrapped with this controller's key")

// ErrWrapKey says that the key that secrets are wrapped with can not be had.
var ErrWrapKey = errors.New("the key of the secrets in the database can not be used")

// Wrap encrypts a secret for the database. The purpose, such as "totp usr_…",
// is bound to it: nothing wrapped for one purpose or row opens as another.
func (k *Keys) Wrap(purpose string, plain []byte) ([]byte, error) {
	if k.wrap == nil || purpose == "" {
		return nil, errors.New("wrap a secret: no key or no purpose")
	}
	return k.wrap.Seal([]byte{wrapVersion}, nil, plain, []byte(purpose)), nil
}

// Unwrap opens what [Keys.Wrap] made for the same purpose; anything else is
// [ErrUnwrap].
func (k *Keys) Unwrap(purpose string, wrapped []byte) ([]byte, error) {
	if k.wrap == nil || purpose == "" || len(wrapped) == 0 || wrapped[0] != wrapVersion {
		return nil, ErrUnwrap
	}
	plain, err := k.wrap.Open(nil, nil, wrapped[1:], []byte(purpose))
	if err != nil {
		return nil, ErrUnwrap
	}
	return plain, nil
}

// OfflinePurpose is what the key of an endpoint for offline codes is wrapped for.
func OfflinePurpose(id elevation.EndpointID) string { return "offline key of " + string(id) }

// openWrap takes the key from file, "" = the folder's own, which is made for a fresh
// folder alone.
func (k *Keys) openWrap(file string, fresh bool) error {
	known, err := k.wrapID()
	if err != nil {
		return err
	}
	key, err := k.ownWrap()
	missing := errors.Is(err, fs.ErrNotExist)
	switch {
	case file != "" && !missing:
		err = fmt.Errorf("%w: %s is there too, and whoever copies the folder has it; move that file away, and name it with --key-file if nothing else was used yet", ErrWrapKey, k.path(fileWrap))
	case file != "" && known == "" && !fresh:
		err = fmt.Errorf("%w: this folder does not say yet which key it was; put %s back, start once without --key-file, and move it then", ErrWrapKey, k.path(fileWrap))
	case file != "":
		key, err = readWrapFile(file)
	case missing && known != "":
		err = fmt.Errorf("%w: it is not in %s; give the file that has it with --key-file", ErrWrapKey, k.dir)
	case missing && fresh:
		key = make([]byte, wrapKeyLen)
		rand.Read(key)
		err = durable.Replace(k.path(fileWrap), []byte(hex.EncodeToString(key)+"\n"))
	}
	if err != nil {
		return err
	}
	id := wrapIDOf(key)
	if known != "" && known != id {
		return fmt.Errorf("%w: it is another than that of before; give the file that has that one with --key-file", ErrWrapKey)
	}
	if err := durable.Replace(k.path(fileWrapID), []byte(id+"\n")); err != nil {
		return err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return fmt.Errorf("open %s: %w", fileWrap, err)
	}
	if k.wrap, err = cipher.NewGCMWithRandomNonce(block); err != nil {
		return fmt.Errorf("open %s: %w", fileWrap, err)
	}
	return nil
}

// wrapID is the fingerprint of the key of before, "" = there was none.
func (k *Keys) wrapID() (string, error) {
	text, err := k.read(fileWrapID)
	if id := strings.TrimSpace(string(text)); err == nil && id == "" {
		return "", fmt.Errorf("%w: %s is empty", ErrDamaged, fileWrapID)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return id, err
	}
	key, err := k.ownWrap()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case err != nil:
		return "", err
	}
	return wrapIDOf(key), nil
}

func wrapIDOf(key []byte) string {
	sum := sha256.Sum256(append([]byte("assent wrap key "), key...))
	return hex.EncodeToString(sum[:8])
}

func (k *Keys) ownWrap() ([]byte, error) {
	text, err := k.read(fileWrap)
	if err != nil {
		return nil, err
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != wrapKeyLen {
		return nil, fmt.Errorf("%w: %s", ErrDamaged, fileWrap)
	}
	return key, nil
}

// readWrapFile reads a key that is kept elsewhere. A link is followed, and a group may
// read it: those who hand out secrets do that (systemd gives them as root's, 0440).
func readWrapFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w; it is a file with 64 hexadecimal digits, as openssl rand -hex 32 makes them", ErrWrapKey, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrWrapKey, err)
	}
	if !info.Mode().IsRegular() || runtime.GOOS != "windows" && info.Mode().Perm()&0o037 != 0 {
		return nil, fmt.Errorf("%w: %s must be a file that nobody but its owner can change and no others can read (mode 0600, 0400 or 0440)", ErrWrapKey, path)
	}
	text, err := io.ReadAll(io.LimitReader(f, 4*wrapKeyLen))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrWrapKey, err)
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != wrapKeyLen {
		return nil, fmt.Errorf("%w: %s does not have 64 hexadecimal digits, as openssl rand -hex 32 makes them", ErrWrapKey, path)
	}
	return key, nil
}
