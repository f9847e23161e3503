package link

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

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
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil && sync {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	if !sync {
		return nil
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes names in a folder durable. Windows has no such call; there the
// file system's journal does it.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
