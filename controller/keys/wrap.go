package keys

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/assent-epm/assent/shared/durable"
	"github.com/assent-epm/assent/shared/elevation"
)

// The key that secrets in the database are wrapped with. A folder from before it
// existed gets one when it is opened.
const (
	fileWrap    = "wrap.key"
	wrapKeyLen  = 32
	wrapVersion = 1 // first byte of what is wrapped: AES-256-GCM, nonce in front
)

// ErrUnwrap says that a wrapped secret is not one of this key and purpose.
var ErrUnwrap = errors.New("this secret was not wrapped with this controller's key")

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

func (k *Keys) openWrap() error {
	if _, err := os.Lstat(k.path(fileWrap)); errors.Is(err, fs.ErrNotExist) {
		key := make([]byte, wrapKeyLen)
		rand.Read(key)
		if err := durable.Replace(k.path(fileWrap), []byte(hex.EncodeToString(key)+"\n")); err != nil {
			return err
		}
	}
	text, err := k.read(fileWrap)
	if err != nil {
		return err
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != wrapKeyLen {
		return fmt.Errorf("%w: %s", ErrDamaged, fileWrap)
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
