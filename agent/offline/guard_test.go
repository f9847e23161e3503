package offline

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/assent-epm/assent/agent/keep"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// mirror protects by turning each byte over, with a sign of the machine in front.
func mirror(machine byte) *Guard {
	turn := func(raw []byte) []byte {
		out := slices.Clone(raw)
		for i := range out {
			out[i] ^= 0xff
		}
		return out
	}
	return &Guard{
		Protect: func(raw []byte) ([]byte, error) { return append([]byte{machine}, turn(raw)...), nil },
		Reveal: func(raw []byte) ([]byte, error) {
			if len(raw) == 0 || raw[0] != machine {
				return nil, errors.New("it is of another machine")
			}
			return turn(raw[1:]), nil
		},
	}
}

// The key for codes does not stand in its file as it is: here with a fake, under
// Windows with the system's own protection.
func TestKeyIsProtected(t *testing.T) {
	guards := map[string]*Guard{"a fake": mirror(1)}
	if keep.Protects {
		guards["this system's"] = nil
	}
	for name, g := range guards {
		b := newBench(t)
		key := bytes.Repeat([]byte("k"), elevation.OfflineKeyLen)
		if !keep.Protects { // as an agent of before has kept it
			if err := b.SetSecret(wire.Secret{Epoch: 1, Key: key}); err != nil {
				t.Fatal(err)
			}
		} else if err := b.write(fileSecret, secret{Epoch: 1, Key: key, Received: b.now}); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(b.data, "offline", fileSecret)
		open := func() bool {
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			return bytes.Contains(raw, key)
		}
		if !open() {
			t.Errorf("%s: the test does not find the key where it stands", name)
		}
		if _, _, err := Kept(b.data); err != nil || !open() {
			t.Errorf("%s: whoever only looks has changed the file: %v", name, err)
		}
		b.guards = g
		for range 2 { // the first start protects it, the second reads it
			b.open()
			if err := b.Codes(); err != nil || open() {
				t.Errorf("%s: codes: %v; the key stands in the file: %v", name, err, open())
			}
		}
		if _, codes, err := Kept(b.data); err == nil && !codes {
			t.Errorf("%s: whoever looks at it sees no key", name)
		}
		next := bytes.Repeat([]byte("n"), elevation.OfflineKeyLen)
		if err := b.SetSecret(wire.Secret{Epoch: 2, Key: next}); err != nil {
			t.Fatal(err)
		}
		if raw, err := os.ReadFile(path); err != nil || bytes.Contains(raw, next) || bytes.Contains(raw, key) {
			t.Errorf("%s: a new key: %v", name, err)
		}
	}
}

// A file that was copied from another machine is damaged: codes stay off until the
// controller gives a new key.
func TestKeyOfAnotherMachine(t *testing.T) {
	b := newBench(t)
	b.guards = mirror(1)
	b.open()
	if err := b.SetSecret(wire.Secret{Epoch: 1, Key: make([]byte, elevation.OfflineKeyLen)}); err != nil {
		t.Fatal(err)
	}
	b.guards = mirror(2)
	b.open()
	if err := b.Codes(); !errors.Is(err, ErrDamaged) {
		t.Errorf("codes: %v", err)
	}
	if err := b.SetSecret(wire.Secret{Epoch: 2, Key: make([]byte, elevation.OfflineKeyLen)}); err != nil {
		t.Fatal(err)
	}
	if err := b.Codes(); err != nil {
		t.Errorf("with a new key: %v", err)
	}
}
