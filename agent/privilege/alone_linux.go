package privilege

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// alone is a filter of the kernel by which this process becomes one program and
// neither it nor anything it starts ever becomes another one. Programs can not
// take it off; root's other ways to have something run by somebody else (systemd,
// cron) are not its business.
//
// A filter has no memory, so the one start that is allowed carries a secret in
// the registers that execve does not use. It is gone with this process's memory.
type alone struct{ secret [3]uint64 }

// Where the kernel puts what a filter looks at (struct seccomp_data).
const (
	dataNumber = 0
	dataArch   = 4
	dataArgs   = 16
)

// calls are the numbers of execve and execveat under one kind of system calls.
type calls struct{ arch, execve, execveat uint32 }

// kinds are the native calls and those of 32-bit programs.
func kinds() (native, small calls, err error) {
	switch runtime.GOARCH {
	case "amd64":
		return calls{unix.AUDIT_ARCH_X86_64, unix.SYS_EXECVE, unix.SYS_EXECVEAT}, calls{unix.AUDIT_ARCH_I386, 11, 358}, nil
	case "arm64":
		return calls{unix.AUDIT_ARCH_AARCH64, unix.SYS_EXECVE, unix.SYS_EXECVEAT}, calls{unix.AUDIT_ARCH_ARM, 11, 387}, nil
	}
	return calls{}, calls{}, fmt.Errorf("hold back child programs: %w on %s", errors.ErrUnsupported, runtime.GOARCH)
}

// otherCalls is the bit by which x86-64 has a third set of calls.
const otherCalls = 0x40000000

// hold puts the filter on this thread, which must still be root, and reads back
// that it is there.
func (a *alone) hold() error {
	native, small, err := kinds()
	if err != nil {
		return err
	}
	var b [24]byte
	rand.Read(b[:])
	for i := range a.secret {
		a.secret[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	code := a.filter(native, small)
	prog := unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&prog))); errno != 0 {
		return fmt.Errorf("hold back child programs: %w", errno)
	}
	status, err := os.ReadFile("/proc/thread-self/status")
	if err != nil {
		return fmt.Errorf("hold back child programs: %w", err)
	}
	if !strings.Contains(string(status), "\nSeccomp:\t2\n") {
		return errors.New("hold back child programs: the kernel has not taken the filter")
	}
	return nil
}

// filter is the program for the kernel.
func (a *alone) filter(native, small calls) []unix.SockFilter {
	load := func(at uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: at}
	}
	answer := func(k uint32) unix.SockFilter { return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: k} }
	skip := func(k uint32, yes, no int) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: k, Jt: uint8(yes), Jf: uint8(no)}
	}
	deny := answer(unix.SECCOMP_RET_ERRNO | uint32(unix.EACCES))
	allow := answer(unix.SECCOMP_RET_ALLOW)
	code := []unix.SockFilter{
		load(dataArch),
		skip(native.arch, 7, 0),
		skip(small.arch, 1, 0),
		deny, // calls of a kind that this kernel does not have
		load(dataNumber),
		skip(small.execve, 2, 0),
		skip(small.execveat, 1, 0),
		allow,
		deny,
		load(dataNumber),
		{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, K: otherCalls, Jt: 2},
		skip(native.execve, 3, 0),
		skip(native.execveat, 0, 1),
		deny,
		allow,
	}
	for i, secret := range a.secret { // the registers behind those that execve reads
		at := uint32(dataArgs + 8*(3+i))
		for part, want := range []uint32{uint32(secret), uint32(secret >> 32)} {
			code = append(code, load(at+4*uint32(part)), skip(want, 1, 0), deny)
		}
	}
	return append(code, allow)
}

// exec becomes the program. It returns only when that did not work.
func (a *alone) exec(path string, argv, env []string) error {
	p, err := unix.BytePtrFromString(path)
	if err != nil {
		return err
	}
	args, err := syscall.SlicePtrFromStrings(argv)
	if err != nil {
		return err
	}
	vars, err := syscall.SlicePtrFromStrings(env)
	if err != nil {
		return err
	}
	_, _, errno := unix.RawSyscall6(unix.SYS_EXECVE, uintptr(unsafe.Pointer(p)), uintptr(unsafe.Pointer(&args[0])), uintptr(unsafe.Pointer(&vars[0])),
		uintptr(a.secret[0]), uintptr(a.secret[1]), uintptr(a.secret[2]))
	return errno
}
