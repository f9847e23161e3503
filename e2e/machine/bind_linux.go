package machine

import (
	"os/exec"
	"runtime"
	"syscall"
)

// Bind starts a process that the kernel kills when this process ends, however
// that happens, and answers a channel that is closed when it has ended and was
// waited for. The thread that starts it is kept until then, because the kernel
// looks at the thread.
func Bind(cmd *exec.Cmd) (<-chan struct{}, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	started, gone := make(chan error, 1), make(chan struct{})
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the process
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in cmd.ProcessState
		}
		close(gone)
	}()
	return gone, <-started
}
