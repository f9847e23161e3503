package grants

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"time"
)

// bootMark is a place that is empty after each start of the machine.
type bootMark interface {
	// read gives what is written there, "" for nothing.
	read() (string, error)
	// claim makes the place; one caller alone is told that it has made it.
	claim() (mine bool, err error)
	write(id string) error
}

// Who makes the place writes at once. After so many looks it must have died between.
const (
	bootLooks = 100
	bootLook  = 20 * time.Millisecond
)

// markedBoot is what stands in the place, which is another text after each start of
// the machine. Of several programs that look first, one alone writes it.
func markedBoot(m bootMark, wait func(time.Duration)) (string, error) {
	for range bootLooks {
		if id, err := m.read(); id != "" || err != nil {
			return id, err
		}
		mine, err := m.claim()
		if err != nil {
			return "", err
		}
		if mine {
			break
		}
		wait(bootLook)
	}
	var raw [16]byte
	rand.Read(raw[:])
	if err := m.write(hex.EncodeToString(raw[:])); err != nil {
		return "", err
	}
	id, err := m.read()
	if id == "" && err == nil {
		err = errors.New("this start of the machine could not be noted")
	}
	return id, err
}
