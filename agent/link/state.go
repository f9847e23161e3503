package link

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/assent-epm/assent/shared/durable"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
)

// errState says that the link's state can not be believed.
var errState = errors.New("the state of the link is damaged; enrol this endpoint again with --force")

// state is what a link must not forget. LastSeq and Epoch only grow, except
// that the controller may restart the sequence.
type state struct {
	LastSeq    uint64 `cbor:"last_seq"` // highest durable frame stored and applied
	Ratchet    []byte `cbor:"ratchet"`  // of the last welcome
	Epoch      uint64 `cbor:"epoch"`    // of the newest key set
	KeySet     []byte `cbor:"keyset"`   // signed
	Checkpoint []byte `cbor:"checkpoint"`
}

const fileState = "state"

// stateDir belongs to one identity, so that a new one starts from nothing.
func stateDir(dir string, ep elevation.EndpointID) string {
	return filepath.Join(dir, "link", string(ep))
}

func writeState(dir string, s state, sync bool) error {
	body, err := sign.Encode(s)
	if err != nil {
		return fmt.Errorf("store the state of the link: %w", err)
	}
	if err := replaceFile(filepath.Join(dir, fileState), seal(body), sync); err != nil {
		return fmt.Errorf("store the state of the link: %w", err)
	}
	return nil
}

func readState(dir string) (state, error) {
	raw, err := readPrivate(filepath.Join(dir, fileState))
	if err != nil {
		return state{}, fmt.Errorf("%w: %w", errState, err)
	}
	body, err := unseal(raw)
	if err != nil {
		return state{}, fmt.Errorf("%w: %w", errState, err)
	}
	var s state
	if err := sign.Decode(body, &s); err != nil {
		return state{}, fmt.Errorf("%w: %w", errState, err)
	}
	return s, nil
}

// seal puts a checksum before a body, against torn and rotten files.
func seal(body []byte) []byte {
	sum := sha256.Sum256(body)
	return append(sum[:], body...)
}

func unseal(raw []byte) ([]byte, error) {
	if len(raw) < sha256.Size {
		return nil, errors.New("file is cut")
	}
	body := raw[sha256.Size:]
	if sum := sha256.Sum256(body); !bytes.Equal(sum[:], raw[:sha256.Size]) {
		return nil, errors.New("checksum does not match")
	}
	return body, nil
}

// replaceFile replaces a file as a whole, mode 0600; with sync it is on the disk
// when the function returns nil.
func replaceFile(path string, data []byte, sync bool) error {
	if sync {
		return durable.Replace(path, data)
	}
	if err := os.WriteFile(path+durable.Unfinished, data, 0o600); err != nil {
		return err
	}
	return os.Rename(path+durable.Unfinished, path)
}
