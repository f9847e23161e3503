package keep

import (
	"errors"
	"fmt"
)

// Folder makes the folder in which the agent keeps what it knows, for itself alone.
// On Windows it is claimed at each start: one that somebody else made is refused,
// and rights of others in it are taken off (package acl).
func Folder(path string) error {
	if err := folder(path); err != nil {
		return fmt.Errorf("keep things in %s: %w", path, err)
	}
	return nil
}

// Protects reports whether [Protect] does anything on this system.
const Protects = protects

// Protect makes a secret unreadable to whoever has the file alone, as a disk taken
// out or a copy of it: on Windows it can be read on this machine only. What keeps
// others on this machine from it is the folder. Elsewhere the folder does it all.
func Protect(secret []byte) ([]byte, error) { return protected(vault{}, secret) }

// Reveal is the secret that [Protect] was given. One of another machine, or a
// changed one, is an error.
func Reveal(raw []byte) ([]byte, error) { return revealed(vault{}, raw) }

// protector is what a system does to secrets. It is never given nothing.
type protector interface {
	protect(secret []byte) ([]byte, error)
	reveal(raw []byte) ([]byte, error)
}

var errEmpty = errors.New("there is none")

func protected(by protector, secret []byte) ([]byte, error) {
	if len(secret) == 0 {
		return nil, fmt.Errorf("protect a secret: %w", errEmpty)
	}
	raw, err := by.protect(secret)
	if err != nil {
		return nil, fmt.Errorf("protect a secret: %w", err)
	}
	return raw, nil
}

func revealed(by protector, raw []byte) ([]byte, error) {
	if len(raw) == 0 {
		return nil, fmt.Errorf("read a protected secret: %w", errEmpty)
	}
	secret, err := by.reveal(raw)
	if err != nil {
		return nil, fmt.Errorf("read a protected secret: %w", err)
	}
	return secret, nil
}
