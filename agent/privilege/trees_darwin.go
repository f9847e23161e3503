package privilege

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// osTrees is the macOS side of [Trees]: sessions, told by the table of processes.
type osTrees struct{ sessionTrees }

func newOSTrees(Config) (osTrees, error) {
	return osTrees{sessionTrees{of: macTable{}, self: os.Getpid()}}, nil
}

// macTable is the kernel's table of processes.
type macTable struct{}

func (macTable) all() ([]fact, error) {
	list, err := unix.SysctlKinfoProcSlice("kern.proc.all")
	if err != nil {
		return nil, err
	}
	all := make([]fact, 0, len(list))
	for i := range list {
		all = append(all, factOf(&list[i]))
	}
	return all, nil
}

func (macTable) signal(pid int, sig syscall.Signal) { _ = unix.Kill(pid, sig) } // it may be gone

func factOf(k *unix.KinfoProc) fact {
	pid := int(k.Proc.P_pid)
	f := fact{pid: pid, parent: int(k.Eproc.Ppid), group: int(k.Eproc.Pgid), started: startOf(k), dead: hasEnded(k.Proc.P_stat)}
	if sid, err := unix.Getsid(pid); err == nil {
		f.session = sid
	}
	return f
}

func startOf(k *unix.KinfoProc) uint64 {
	t := k.Proc.P_starttime
	return uint64(t.Sec)*1e6 + uint64(t.Usec)
}
