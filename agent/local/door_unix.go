//go:build linux || darwin

package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Address is where the agent with this runtime folder is spoken with.
func Address(runtime string) string { return filepath.Join(runtime, "agent.sock") }

// socket is the door on Unix: a socket that anybody may open.
type socket struct{ l *net.UnixListener }

// listen refuses a folder that others than root can write, and a socket at which
// another agent answers.
func listen(path string) (door, error) {
	if err := SafeFolder(filepath.Dir(path)); err != nil {
		return nil, err
	}
	if c, err := net.Dial("unix", path); err == nil {
		_ = c.Close() // only to see whether somebody is there
		return nil, fmt.Errorf("another agent answers at %s", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o666); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return socket{l}, nil
}

func (s socket) accept() (net.Conn, error) {
	c, err := s.l.AcceptUnix()
	if err != nil {
		return nil, err
	}
	return withStreams(c), nil
}

func (s socket) peer(c net.Conn) (peer, error) {
	u := socketOf(c)
	if u == nil {
		return peer{}, errors.ErrUnsupported
	}
	return peerOf(u)
}

func (socket) crowd(net.Conn) string { return "" }

func (s socket) Close() error { return s.l.Close() }

func dial(ctx context.Context, path string) (net.Conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		return nil, errors.Join(errors.ErrUnsupported, c.Close())
	}
	return withStreams(u), nil
}

// unixConn passes descriptors, relayedConn does not.
type (
	unixConn    struct{ *net.UnixConn }
	relayedConn struct{ *net.UnixConn }
)

// socketOf is the socket of a connection of this door, nil = it is of none.
func socketOf(c net.Conn) *net.UnixConn {
	switch u := c.(type) {
	case unixConn:
		return u.UnixConn
	case relayedConn:
		return u.UnixConn
	}
	return nil
}

func (c unixConn) receive(p []byte) (int, []*os.File, error) {
	oob := make([]byte, unix.CmsgSpace(4*4))
	n, on, flags, _, err := c.ReadMsgUnix(p, oob)
	var files []*os.File
	if on > 0 {
		var e error
		if files, e = descriptorsIn(oob[:on]); e != nil {
			return n, files, e
		}
	}
	if err == nil && flags&unix.MSG_CTRUNC != 0 {
		err = errUnasked
	}
	return n, files, err
}

func descriptorsIn(oob []byte) ([]*os.File, error) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errFrame, err)
	}
	var files []*os.File
	for i := range messages {
		fds, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			continue // credentials or the like: not asked for, without effect
		}
		for _, fd := range fds {
			unix.CloseOnExec(fd)
			files = append(files, os.NewFile(uintptr(fd), "passed"))
		}
	}
	return files, nil
}

func (c unixConn) send(raw []byte, files []*os.File) error {
	fds := make([]int, len(files))
	for i, f := range files {
		fds[i] = int(f.Fd())
	}
	n, _, err := c.WriteMsgUnix(raw, unix.UnixRights(fds...), nil)
	if err == nil && n < len(raw) {
		_, err = c.Write(raw[n:])
	}
	return err
}

// writeAtOnce writes what the other side takes without waiting. A deadline would
// not do, as a busy machine can let it pass before the write.
func writeAtOnce(c net.Conn, text []byte) {
	u := socketOf(c)
	if u == nil {
		return
	}
	if raw, err := u.SyscallConn(); err == nil {
		_ = raw.Write(func(fd uintptr) bool {
			_ = sendAtOnce(int(fd), text) // whether they hear it is up to them
			return true
		})
	}
}

// SafeFolder makes sure that nobody else can put something of theirs in the
// place of what we keep in a folder: it is ours alone, and so are those above
// it, or things in them can only be moved by their owners.
func SafeFolder(dir string) error {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return err
	}
	for p := dir; ; p = filepath.Dir(p) {
		var st unix.Stat_t
		if err := unix.Lstat(p, &st); err != nil {
			return fmt.Errorf("look at %s: %w", p, err)
		}
		mine := st.Uid == 0 || int(st.Uid) == os.Geteuid()
		open := st.Mode&0o022 != 0 && (p == dir || st.Mode&unix.S_ISVTX == 0)
		if !mine || open {
			return fmt.Errorf("others can change the folder %s: %w", p, fs.ErrPermission)
		}
		if p == "/" || p == "." {
			return nil
		}
	}
}
