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

	"golang.org/x/sys/unix"
)

// conn reads and writes frames and descriptors. One goroutine reads; any number
// write.
type conn struct {
	c  *net.UnixConn
	mu sync.Mutex // held while a frame is written
}

// read reads one frame with at most the wanted number of descriptors, and waits
// for its first byte until idle is over (0 = for ever). Descriptors that are
// not wanted are closed and the frame refused.
func (c *conn) read(idle time.Duration, wanted int) (frame, []*os.File, error) {
	r := reader{c: c.c, wanted: wanted}
	f, err := c.readWith(&r, idle)
	if err != nil || len(r.files) != 0 && len(r.files) != wanted {
		closeAll(r.files)
		return frame{}, nil, errors.Join(err, orNil(err == nil, errFrame))
	}
	return f, r.files, nil
}

func orNil(is bool, err error) error {
	if is {
		return err
	}
	return nil
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
	c      *net.UnixConn
	wanted int
	files  []*os.File
}

func (r *reader) Read(p []byte) (int, error) {
	oob := make([]byte, unix.CmsgSpace(4*4))
	n, on, flags, _, err := r.c.ReadMsgUnix(p, oob)
	if on > 0 {
		if e := r.take(oob[:on]); e != nil {
			return n, e
		}
	}
	if err != nil {
		return n, err
	}
	if flags&unix.MSG_CTRUNC != 0 || len(r.files) > r.wanted {
		return n, fmt.Errorf("%w: descriptors that nobody asked for", errFrame)
	}
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (r *reader) take(oob []byte) error {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return fmt.Errorf("%w: %w", errFrame, err)
	}
	for i := range messages {
		fds, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			continue // credentials or the like: not asked for, without effect
		}
		for _, fd := range fds {
			r.files = append(r.files, os.NewFile(uintptr(fd), "passed"))
		}
	}
	return nil
}

// write sends one frame with descriptors. A peer that does not read for
// frameWithin loses the connection.
func (c *conn) write(k kind, body any, files ...*os.File) error {
	raw, err := pack(k, body)
	if err != nil {
		return err
	}
	var rights []byte
	if len(files) > 0 {
		fds := make([]int, len(files))
		for i, f := range files {
			fds[i] = int(f.Fd())
		}
		rights = unix.UnixRights(fds...)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.c.SetWriteDeadline(in(frameWithin)); err != nil {
		return fmt.Errorf("write a frame: %w", err)
	}
	n, _, err := c.c.WriteMsgUnix(raw, rights, nil)
	if err == nil && n < len(raw) {
		_, err = c.c.Write(raw[n:])
	}
	if err != nil {
		_ = c.c.Close() // half a frame may be out
		return fmt.Errorf("write a frame: %w", err)
	}
	return nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close() // the program has its own copy, or nobody needs it
	}
}
