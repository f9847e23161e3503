package pipe

import (
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"sync"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Listener waits for clients. There is always one free end of the pipe, so that
// the name never belongs to nobody.
type Listener struct {
	name   string
	sd     *windows.SECURITY_DESCRIPTOR
	closed windows.Handle // event

	accepting sync.Mutex         // one Accept at a time
	waiting   windows.Overlapped // of that one; the kernel writes to it
	mu        sync.Mutex         // guards the fields below
	free      windows.Handle
	over      bool
}

const bufferSize = 64 << 10

// pipeMode refuses clients of other machines in the kernel.
const pipeMode = windows.PIPE_TYPE_BYTE | windows.PIPE_READMODE_BYTE | windows.PIPE_WAIT | windows.PIPE_REJECT_REMOTE_CLIENTS

// Listen makes the pipe. [ErrTaken] when somebody has the name: what they would be
// told is not for them, so nothing is shared with them.
func Listen(name string) (*Listener, error) {
	if err := checkName(name); err != nil {
		return nil, fmt.Errorf("listen on a pipe: %w", err)
	}
	self := windows.GetCurrentProcessToken()
	user, err := self.GetTokenUser()
	if err != nil {
		return nil, fmt.Errorf("listen on a pipe: %w", err)
	}
	sd, err := windows.SecurityDescriptorFromString(access(ownerFor(user.User.Sid.String(), self.IsElevated())))
	if err != nil {
		return nil, fmt.Errorf("listen on a pipe: %w", err)
	}
	l := &Listener{name: name, sd: sd}
	if there, err := exists(name); err != nil || there {
		return nil, errors.Join(fmt.Errorf("listen on %s: %w", name, ErrTaken), err)
	}
	if l.free, err = l.end(windows.FILE_FLAG_FIRST_PIPE_INSTANCE); err != nil {
		return nil, fmt.Errorf("listen on %s: %w", name, err)
	}
	if l.closed, err = windows.CreateEvent(nil, 1, 0, nil); err != nil {
		return nil, errors.Join(fmt.Errorf("listen on %s: %w", name, err), windows.CloseHandle(l.free))
	}
	return l, nil
}

// end makes one more end for a client.
func (l *Listener) end(flags uint32) (windows.Handle, error) {
	path, err := windows.UTF16PtrFromString(l.name)
	if err != nil {
		return windows.InvalidHandle, err
	}
	sa := &windows.SecurityAttributes{Length: uint32(unsafe.Sizeof(windows.SecurityAttributes{})), SecurityDescriptor: l.sd}
	h, err := windows.CreateNamedPipe(path, windows.PIPE_ACCESS_DUPLEX|windows.FILE_FLAG_OVERLAPPED|flags, pipeMode,
		windows.PIPE_UNLIMITED_INSTANCES, bufferSize, bufferSize, 0, sa)
	runtime.KeepAlive(l)
	if errors.Is(err, windows.ERROR_ACCESS_DENIED) && flags != 0 {
		return windows.InvalidHandle, ErrTaken
	}
	return h, err
}

// Accept waits for the next client. After Close it answers net.ErrClosed.
func (l *Listener) Accept() (*Conn, error) {
	l.accepting.Lock()
	defer l.accepting.Unlock()
	l.mu.Lock()
	h, over := l.free, l.over
	l.mu.Unlock()
	if over {
		return nil, net.ErrClosed
	}
	if err := l.connect(h); err != nil {
		return nil, err
	}
	next, err := l.end(0)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("accept on %s: %w", l.name, err), windows.DisconnectNamedPipe(h))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return nil, errors.Join(net.ErrClosed, windows.CloseHandle(next), windows.CloseHandle(h))
	}
	l.free = next
	return newConn(h, l.name), nil
}

// connect waits until a client has opened h or the listener is closed.
func (l *Listener) connect(h windows.Handle) error {
	event, err := windows.CreateEvent(nil, 1, 0, nil)
	if err != nil {
		return fmt.Errorf("accept on %s: %w", l.name, err)
	}
	defer windows.CloseHandle(event)
	o := &l.waiting
	*o = windows.Overlapped{HEvent: event}
	for {
		err = windows.ConnectNamedPipe(h, o)
		if !errors.Is(err, windows.ERROR_NO_DATA) {
			break
		}
		if err := windows.DisconnectNamedPipe(h); err != nil { // a client came and went
			return fmt.Errorf("accept on %s: %w", l.name, err)
		}
	}
	switch {
	case err == nil, errors.Is(err, windows.ERROR_PIPE_CONNECTED):
		return nil
	case !errors.Is(err, windows.ERROR_IO_PENDING):
		return fmt.Errorf("accept on %s: %w", l.name, err)
	}
	which, err := windows.WaitForMultipleObjects([]windows.Handle{event, l.closed}, false, windows.INFINITE)
	var n uint32
	if err != nil || which != windows.WAIT_OBJECT_0 {
		_ = windows.CancelIoEx(h, o)                    // it may have ended just now
		_ = windows.GetOverlappedResult(h, o, &n, true) // o is the kernel's until then
		return errors.Join(net.ErrClosed, err)
	}
	if err := windows.GetOverlappedResult(h, o, &n, true); err != nil {
		return fmt.Errorf("accept on %s: %w", l.name, err)
	}
	return nil
}

// Close ends the waiting. Clients that were accepted stay.
func (l *Listener) Close() error {
	l.mu.Lock()
	if l.over {
		l.mu.Unlock()
		return nil
	}
	l.over = true
	l.mu.Unlock()
	err := windows.SetEvent(l.closed)
	l.accepting.Lock() // whoever waited is out
	defer l.accepting.Unlock()
	return errors.Join(err, windows.CloseHandle(l.free), windows.CloseHandle(l.closed))
}

// Name is the pipe's.
func (l *Listener) Name() string { return l.name }

// address is the pipe's name in the words of package net.
type address string

func (a address) Network() string { return "pipe" }
func (a address) String() string  { return string(a) }

// Conn is one open pipe.
type Conn struct {
	*os.File
	name string

	mu   sync.Mutex // held while the handle is looked at, so that it is not closed
	gone bool
	h    windows.Handle
}

var _ net.Conn = (*Conn)(nil)

func newConn(h windows.Handle, name string) *Conn {
	return &Conn{File: os.NewFile(uintptr(h), name), h: h, name: name}
}

// Close closes this end. What was written before can still be read at the other.
func (c *Conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone = true
	return c.File.Close()
}

// LocalAddr is the pipe's name.
func (c *Conn) LocalAddr() net.Addr { return address(c.name) }

// RemoteAddr is the pipe's name.
func (c *Conn) RemoteAddr() net.Addr { return address(c.name) }
