package offline

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/assent-epm/assent/agent/keep"
	"github.com/assent-epm/assent/shared/sign"
)

// Guard makes the key for codes unreadable to whoever has its file alone.
type Guard struct {
	Protect, Reveal func([]byte) ([]byte, error)
}

// guard is what protects the key, nil = the folder does it all.
func (o *Offline) guard() *Guard {
	if o.cfg.Guard == nil && keep.Protects {
		return &Guard{Protect: keep.Protect, Reveal: keep.Reveal}
	}
	return o.cfg.Guard
}

// guarded is the form of the key's file where it is protected. The name of its one
// field tells it from the key as it is.
type guarded struct {
	Protected []byte `cbor:"protected"`
}

func (o *Offline) writeSecret(s secret) error {
	g := o.guard()
	if g == nil {
		return o.write(fileSecret, s)
	}
	open, err := sign.Encode(s)
	if err != nil {
		return fmt.Errorf("keep %s: %w", fileSecret, err)
	}
	defer clear(open)
	raw, err := g.Protect(open)
	if err != nil {
		return fmt.Errorf("keep %s: %w", fileSecret, err)
	}
	return o.write(fileSecret, guarded{raw})
}

// takeSecret reads the key at start. One that an agent of before has kept as it is,
// is protected from now on.
func (o *Offline) takeSecret(into *secret) error {
	bare, err := o.readSecret(into)
	if err == nil && bare {
		return o.writeSecret(*into)
	}
	return err
}

// readSecret reads the key; bare says that it should be protected and is not.
func (o *Offline) readSecret(into *secret) (bare bool, err error) {
	g := o.guard()
	if g == nil {
		return false, o.read(fileSecret, into)
	}
	var sealed guarded
	err = o.read(fileSecret, &sealed)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, err
	case err != nil:
		return true, o.read(fileSecret, into)
	}
	open, err := g.Reveal(sealed.Protected)
	if err != nil {
		return false, fmt.Errorf("%w: %s: %w", ErrDamaged, fileSecret, err)
	}
	defer clear(open)
	if err := sign.Decode(open, into); err != nil {
		return false, fmt.Errorf("%w: %s: %w", ErrDamaged, fileSecret, err)
	}
	return false, nil
}
