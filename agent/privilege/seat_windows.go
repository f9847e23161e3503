package privilege

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// processes is what Windows says of its processes.
type processes struct{}

var _ kinship = processes{}

// errEnded: a process has ended and is only held by somebody.
var errEnded = errors.New("the process has ended")

func (processes) look(pid int) (k kin, err error) {
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION|windows.SYNCHRONIZE, false, uint32(pid))
	if err != nil {
		return k, err
	}
	defer windows.CloseHandle(h)
	if event, err := windows.WaitForSingleObject(h, 0); err != nil || event != uint32(windows.WAIT_TIMEOUT) {
		return k, errors.Join(errEnded, err)
	}
	var info windows.PROCESS_BASIC_INFORMATION
	if err := windows.NtQueryInformationProcess(h, windows.ProcessBasicInformation, unsafe.Pointer(&info), uint32(unsafe.Sizeof(info)), nil); err != nil {
		return k, err
	}
	k.parent = int(info.InheritedFromUniqueProcessId)
	if k.started, err = startedAt(h); err != nil {
		return k, err
	}
	var token windows.Token
	if err := windows.OpenProcessToken(h, windows.TOKEN_QUERY, &token); err != nil {
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

// types reads what the program of a process is made for.
func (processes) types(pid int) bool {
	path, err := imageOf(pid)
	if err != nil || !onDrive(path) {
		return false
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head, err := io.ReadAll(io.LimitReader(f, maxPE+4096))
	return err == nil && isConsoleProgram(head)
}

// imageOf is the program of a process.
func imageOf(pid int) (string, error) {
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(pid))
	if err != nil {
		return "", err
	}
	defer windows.CloseHandle(h)
	return imageName(h)
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

// seatLook is between two looks at whether the wait is still wanted.
const seatLook = time.Second

func (s Seat) gone(ctx context.Context) error {
	h, err := windows.OpenProcess(windows.SYNCHRONIZE|windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(s.Leader))
	if err != nil {
		if !s.alive() {
			return nil
		}
		return fmt.Errorf("watch process %d: %w", s.Leader, err)
	}
	defer windows.CloseHandle(h)
	if started, err := startedAt(h); err != nil || started != s.Started {
		return err // nil: another process has its number
	}
	for ctx.Err() == nil {
		event, err := windows.WaitForSingleObject(h, uint32(seatLook.Milliseconds()))
		if err != nil {
			return fmt.Errorf("watch process %d: %w", s.Leader, err)
		}
		if event == windows.WAIT_OBJECT_0 {
			return nil
		}
	}
	return ctx.Err()
}

// HasGroup is of systems whose groups have numbers.
func HasGroup(int, uint32) (bool, error) { return false, errors.ErrUnsupported }

// endHolders ends what somebody has started with the rights that they were lent,
// wherever: a token keeps them, whatever the group says by now. What Assent itself
// runs for them is in trees of its own, and has its own end.
func endHolders(ctx context.Context, m Membership, grace time.Duration, prefix string) error {
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	for round := 0; ; round++ {
		all, err := administratorsHere(prefix)
		if err != nil {
			return fmt.Errorf("end what was lent rights: %w", err)
		}
		pids := lentTo(all, m.SID, os.Getpid())
		switch {
		case len(pids) == 0:
			return nil
		case round > 0 && ctx.Err() != nil:
			return fmt.Errorf("end what was lent rights: %w: %d", ErrStillAlive, len(pids))
		}
		endEach(pids, 0)
		<-time.After(seldomLook / 4)
	}
}

// administratorsHere are the processes whose token has the rights of an
// administrator.
func administratorsHere(prefix string) ([]holder, error) {
	ours, err := oursNow(prefix)
	if err != nil {
		return nil, err
	}
	snapshot, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPPROCESS, 0)
	if err != nil {
		return nil, err
	}
	defer windows.CloseHandle(snapshot)
	var all []holder
	e := windows.ProcessEntry32{Size: uint32(unsafe.Sizeof(windows.ProcessEntry32{}))}
	for err = windows.Process32First(snapshot, &e); err == nil; err = windows.Process32Next(snapshot, &e) {
		if user, admin := rightsOf(e.ProcessID); admin {
			all = append(all, holder{pid: int(e.ProcessID), user: user, ours: ours[int(e.ProcessID)]})
		}
	}
	if !errors.Is(err, windows.ERROR_NO_MORE_FILES) {
		return nil, fmt.Errorf("list the processes: %w", err)
	}
	return all, nil
}

// rightsOf is whose a process is and whether it is an administrator's. What can not
// be looked at is the system's own.
func rightsOf(pid uint32) (user string, admin bool) {
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, pid)
	if err != nil {
		return "", false
	}
	defer windows.CloseHandle(h)
	var token windows.Token
	if err := windows.OpenProcessToken(h, windows.TOKEN_QUERY, &token); err != nil {
		return "", false
	}
	defer token.Close()
	f, err := factsOf(token)
	return f.user, err == nil && f.admin
}

// oursNow are the processes in jobs whose names begin so: those of this agent, not
// of one whose realm somebody made up.
func oursNow(prefix string) (map[int]bool, error) {
	names, err := jobNames()
	if err != nil {
		return nil, err
	}
	in := map[int]bool{}
	for _, name := range names {
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		pids, err := osTrees{}.members(TreeRef{Kind: TreeJob, Name: name})
		if err != nil {
			continue // somebody's own, who has borrowed the name
		}
		for _, pid := range pids {
			in[pid] = true
		}
	}
	return in, nil
}
