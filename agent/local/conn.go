package local

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// conn reads and writes frames and descriptors. One goroutine reads; any number
// write.
type conn struct {
	c net.Conn
	// reads keeps the connection open after a write that failed: the other side may
	// have said its last word before it went.
	reads bool

	mu     sync.Mutex // held while a frame is written; guards the field below
	broken error      // of the write that failed
}

// passing is a connection that takes descriptors along with bytes. One that is not
// relays the standard streams in frames, see stream.go.
type passing interface {
	net.Conn
	// receive is Read, with the descriptors that came with the bytes.
	receive(p []byte) (n int, files []*os.File, err error)
	// send is Write, with descriptors.
	send(raw []byte, files []*os.File) error
}

// passes reports whether descriptors can be handed over.
func (c *conn) passes() bool {
	_, ok := c.c.(passing)
	return ok
}

// writes is write without descriptors.
func (c *conn) writes() sender {
	return func(k kind, body any) error { return c.write(k, body) }
}

// read reads one frame with at most the wanted number of descriptors, and waits
// for its first byte until idle is over (0 = for ever). Descriptors that are
// not wanted are closed and the frame refused.
func (c *conn) read(idle time.Duration, wanted int) (frame, []*os.File, error) {
	r := reader{c: c.c, wanted: wanted}
	f, err := c.readWith(&r, idle)
	if err == nil && len(r.files) != 0 && len(r.files) != wanted {
		err = fmt.Errorf("%w: %d descriptors", errFrame, len(r.files))
	}
	if err != nil {
		closeAll(r.files)
		return frame{}, nil, err
	}
	return f, r.files, nil
}

func (c *conn) readWith(r *reader, idle time.Duration) (frame, error) {
	if err := c.c.SetReadDeadline(in(idle)); err != nil {
		return frame{}, fmt.Errorf("read a frame: %w", err)
	}
	var head [4]byte
	if _, err := io.ReadFull(r, head[:1]); err != nil {
		return frame{}, fmt.Errorf("read a frame: %w", err)
	}
	if err := c.c.SetReadDeadline(in(frameWithin)); err != nil {
		return frame{}, fmt.Errorf("read a frame: %w", err)
	}
	if _, err := io.ReadFull(r, head[1:]); err != nil {
		return frame{}, fmt.Errorf("read a frame: %w", err)
	}
	n := binary.BigEndian.Uint32(head[:])
	if n == 0 || n > maxFrame {
		return frame{}, fmt.Errorf("%w: %d bytes", errFrame, n)
	}
	raw := make([]byte, n)
	if _, err := io.ReadFull(r, raw); err != nil {
		return frame{}, fmt.Errorf("read a frame: %w", err)
	}
	return unpack(raw)
}

func in(d time.Duration) time.Time {
	if d == 0 {
		return time.Time{}
	}
	return time.Now().Add(d)
}

// reader collects descriptors on the way.
type reader struct {
	c      net.Conn
	wanted int
	files  []*os.File
}

func (r *reader) Read(p []byte) (int, error) {
	c, ok := r.c.(passing)
	if !ok {
		return r.c.Read(p)
	}
	n, files, err := c.receive(p)
	r.files = append(r.files, files...)
	switch {
	case err != nil:
		return n, err
	case len(r.files) > r.wanted:
		return n, errUnasked
	case n == 0 && len(p) > 0:
		return 0, io.EOF
	}
	return n, nil
}

var errUnasked = fmt.Errorf("%w: descriptors that nobody asked for", errFrame)

// write sends one frame with descriptors. A peer that does not read for
// frameWithin loses the connection.
func (c *conn) write(k kind, body any, files ...*os.File) error {
	raw, err := pack(k, body)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken != nil {
		return c.broken
	}
	if err := c.c.SetWriteDeadline(in(frameWithin)); err != nil {
		return fmt.Errorf("write a frame: %w", err)
	}
	if to, ok := c.c.(passing); ok && len(files) > 0 {
		err = to.send(raw, files)
	} else if len(files) > 0 {
		return fmt.Errorf("write a frame: no descriptors go this way: %w", errors.ErrUnsupported)
	} else {
		_, err = c.c.Write(raw)
	}
	if err != nil {
		c.broken = fmt.Errorf("write a frame: %w", err) // half of it may be out
		if !c.reads {
			_ = c.c.Close()
		}
	}
	return c.broken
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close() // the program has its own copy, or nobody needs it
	}
}
