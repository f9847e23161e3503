package privilege

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// processes is what Windows says of its processes.
type processes struct{}

var _ kinship = processes{}

// errEnded: a process has ended and is only held by somebody.
var errEnded = errors.New("the process has ended")

func (p processes) look(pid int) (k kin, err error) {
	h, err := p.process(pid, toLook)
	if err != nil {
		return k, err
	}
	defer p.close(h)
	switch ended, err := p.ended(h, 0); {
	case err != nil:
		return k, err
	case ended:
		return k, errEnded
	}
	var info windows.PROCESS_BASIC_INFORMATION
	if err := windows.NtQueryInformationProcess(windows.Handle(h), windows.ProcessBasicInformation, unsafe.Pointer(&info), uint32(unsafe.Sizeof(info)), nil); err != nil {
		return k, err
	}
	k.parent = int(info.InheritedFromUniqueProcessId)
	if k.started, err = p.started(h); err != nil {
		return k, err
	}
	var token windows.Token
	if err := windows.OpenProcessToken(windows.Handle(h), windows.TOKEN_QUERY, &token); err != nil {
		return k, err
	}
	defer token.Close()
	user, err := token.GetTokenUser()
	if err != nil {
		return k, err
	}
	k.user = user.User.Sid.String()
	k.session, err = tokenNumber(token, windows.TokenSessionId)
	return k, err
}

func (p processes) types(pid int) bool { return typesInto(p, pid) }

func (p processes) runs(pid int) (string, error) {
	h, err := p.process(pid, toLook)
	if err != nil {
		return "", err
	}
	defer p.close(h)
	return p.image(h)
}

func (processes) head(path string, size int) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, int64(size)))
}

func seatOf(pid int, started uint64, user string) (Seat, error) {
	return shellSeat(processes{}, pid, started, user)
}

func seatBy(pid int) (Seat, bool) {
	k, err := processes{}.look(pid)
	if err != nil {
		return Seat{}, false
	}
	s, err := shellSeat(processes{}, pid, k.started, k.user)
	return s, err == nil
}

// Started is when a process was made; with its number that is one process and never
// another.
func Started(pid int) (uint64, error) {
	k, err := processes{}.look(pid)
	if err != nil {
		return 0, fmt.Errorf("look at process %d: %w", pid, err)
	}
	return k.started, nil
}

func (s Seat) holds(pid int, started uint64) bool { return descends(processes{}, s, pid, started) }

func (s Seat) alive() bool {
	_, ok := known(processes{}, s.Leader, s.Started)
	return ok
}

func (s Seat) gone(ctx context.Context) error { return jobTrees{processes{}}.shellGone(ctx, s) }

// HasGroup is of systems whose groups have numbers.
func HasGroup(int, uint32) (bool, error) { return false, errors.ErrUnsupported }

func endHolders(ctx context.Context, m Membership, grace time.Duration, prefix string) error {
	return jobTrees{processes{}}.endHolders(ctx, m.SID, grace, prefix)
}
