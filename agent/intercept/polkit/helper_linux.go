package polkit

import (
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// Times of the helper. polkitd answers nobody else meanwhile, so an agent that
// does not even greet, because it is stopped, costs little.
const (
	helloMillis  = 1500
	answerMillis = 6000
)

// IsHelper reports whether this process is to be the helper of the rule.
func IsHelper(argv []string) bool { return len(argv) > 2 && argv[1] == Verb }

// Help asks the agent and prints its answer for the rule: yes, no or pass. argv is
// that of the process. It returns the exit code; whatever fails is pass.
func Help(argv []string, out io.Writer) int {
	answer := pass
	if IsHelper(argv) {
		answer = askAgent(argv[2], argv[3:])
	}
	if _, err := fmt.Fprintln(out, answer.word()); err != nil {
		return 1
	}
	return 0
}

// askAgent puts one question. It uses plain system calls: the program starts, asks
// and ends within a few milliseconds.
func askAgent(socket string, parts []string) reply {
	frame, err := appendFrame(nil, parts)
	if err != nil {
		return pass
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return pass
	}
	defer unix.Close(fd)
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: socket}); err != nil {
		return pass // also when too many wait already
	}
	if !rootsSocket(fd) || readByte(fd, helloMillis) != 'H' || !writeAll(fd, frame) {
		return pass
	}
	switch b := reply(readByte(fd, answerMillis)); b {
	case yes, no:
		return b
	case pass:
	}
	return pass
}

// rootsSocket makes sure that root listens: a yes of anybody else is none.
func rootsSocket(fd int) bool {
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	return err == nil && cred.Uid == 0
}

func readByte(fd, millis int) byte {
	if !ready(fd, unix.POLLIN, millis) {
		return 0
	}
	var b [1]byte
	if n, err := unix.Read(fd, b[:]); err != nil || n != 1 {
		return 0
	}
	return b[0]
}

func writeAll(fd int, b []byte) bool {
	for len(b) > 0 {
		if !ready(fd, unix.POLLOUT, answerMillis) {
			return false
		}
		n, err := unix.SendmsgN(fd, b, nil, nil, unix.MSG_NOSIGNAL)
		if err != nil && err != unix.EAGAIN && err != unix.EINTR {
			return false
		}
		b = b[max(n, 0):]
	}
	return true
}

func ready(fd int, events int16, millis int) bool {
	for range 3 { // a signal must not shorten it to nothing, nor lengthen it for ever
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: events}}, millis)
		if err == unix.EINTR {
			continue
		}
		return err == nil && n > 0
	}
	return false
}
