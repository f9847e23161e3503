//go:build !linux

package sudo

import (
	"errors"
	"io"
	"net"
	"time"
)

// LockPath is the lock of the one agent that works with sudo on a machine.
const LockPath = ""

// ErrLocked is returned when another agent works with sudo here.
var ErrLocked = errors.New("another agent on this machine works with sudo")

// Lock is not supported on this system.
func Lock(string) (io.Closer, error) { return nil, errors.ErrUnsupported }

type peer struct {
	pid   int
	start uint64
}

const ticks = 100

func identify(*net.UnixConn) (*peer, error) { return nil, errors.ErrUnsupported }

func (p *peer) realUID() (uint32, error) { return 0, errors.ErrUnsupported }

func (p *peer) alive() bool { return false }

func (p *peer) ended(time.Duration) bool { return true }

func (p *peer) close() {}

func bootTicks() (uint64, error) { return 0, errors.ErrUnsupported }

func watchFiles() changes { return blind{} }

type blind struct{}

func (blind) Changed() (changed, ok bool) { return true, false }

func (blind) Close() error { return nil }

func rootOwned(string) error { return errors.ErrUnsupported }

func unseen(uint32, string) (int, error) { return 0, errors.ErrUnsupported }
