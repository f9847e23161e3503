package privilege

import (
	"context"
	"syscall"

	"golang.org/x/sys/unix"
)

func (t *Trees) start(ctx context.Context, spec Spec) (*Running, error) {
	return macStart{gates: execGates{lookMac}, plan: t.Plan, stage: staged}.start(ctx, spec)
}

// lookMac is what the kernel says of a process.
func lookMac(pid int) (macProcess, error) {
	p, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil {
		return macProcess{}, err
	}
	leader, err := unix.Getsid(pid)
	if err != nil {
		return macProcess{}, err
	}
	is := macProcess{pid: int(p.Proc.P_pid), parent: int(p.Eproc.Ppid), zombie: hasEnded(p.Proc.P_stat), started: startOf(p), leader: leader, device: int(p.Eproc.Tdev)}
	is.uid, is.real, is.was = p.Eproc.Ucred.Uid, p.Eproc.Pcred.P_ruid, p.Eproc.Pcred.P_svuid
	is.gid, is.realGID, is.wasGID = p.Eproc.Ucred.Groups[0], p.Eproc.Pcred.P_rgid, p.Eproc.Pcred.P_svgid
	return is, nil
}

// IsGate reports whether this process was started by [Trees.Start] to become the
// program.
func IsGate(args []string) bool { return isMacGate(args) }

// Gate becomes the program once the agent has sent it. It returns only when that
// failed.
func Gate() int { return macGateMain() }

// Signal sends one to the program and its group.
func (r *Running) Signal(sig syscall.Signal) error {
	return r.unlessOver(func() error { return unix.Kill(-r.PID, sig) })
}

// HangUp tells the program that whoever started it is gone.
func (r *Running) HangUp() error {
	r.hang()
	return r.Signal(unix.SIGHUP)
}

// Resize has nothing to do: no terminal is handed over.
func (r *Running) Resize(_, _ int) error { return nil }
