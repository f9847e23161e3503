package local

import (
	"errors"
	"net"
	"time"
)

// heard is a connection of which a byte was read to know who it is; who reads it
// gets that byte first. A pipe of Windows is one.
type heard struct {
	net.Conn
	first []byte
}

var errSilent = errors.New("nothing was said")

// hear reads the byte. Who says nothing for too long is nobody.
func (h *heard) hear() error {
	if err := h.SetReadDeadline(time.Now().Add(firstWithin)); err != nil {
		return err
	}
	var first [1]byte
	if n, err := h.Conn.Read(first[:]); n == 0 || err != nil {
		return errors.Join(errSilent, err)
	}
	h.first = first[:]
	return nil
}

func (h *heard) Read(p []byte) (int, error) {
	if len(h.first) > 0 && len(p) > 0 {
		n := copy(p, h.first)
		h.first = h.first[n:]
		return n, nil
	}
	return h.Conn.Read(p)
}
