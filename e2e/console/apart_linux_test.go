package console

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// apartMark tells the process that [apart] starts that it is the one.
const apartMark = "ASSENT_TEST_APART"

// apart runs these tests once more in a network of their own, which has a loopback
// and nothing else: a browser gives up what it reads whenever an interface of its
// machine comes or goes, as they do beside tests that boot machines. It needs root;
// without that the tests run where they are. done says that they have run.
func apart() (code int, done bool, err error) {
	if os.Getenv(apartMark) != "" {
		return 0, false, loopbackUp()
	}
	if os.Geteuid() != 0 {
		return 0, false, nil
	}
	runtime.LockOSThread() // the signal below goes with the thread
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), apartMark+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return max(exit.ExitCode(), 1), true, nil
	}
	if errors.Is(err, unix.EPERM) { // root of a container that may not
		return 0, false, nil
	}
	return 0, err == nil, err
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("bring up the loopback: %w", err)
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return fmt.Errorf("bring up the loopback: %w", err)
	}
	lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo); err != nil {
		return fmt.Errorf("bring up the loopback: %w", err)
	}
	return nil
}
