package local

import (
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/windows"
)

// openTerminal opens the console of this process, nil = there is none.
func openTerminal() *os.File {
	f, err := os.OpenFile("CONIN$", os.O_RDWR, 0)
	if err != nil {
		return nil
	}
	return f
}

// heardSignals are Ctrl-C, and the end of the console or of the session.
func heardSignals() []os.Signal { return []os.Signal{os.Interrupt, syscall.SIGTERM} }

func isResize(syscall.Signal) bool { return false }

// passedOn reports whether a client may send a signal to its program. There are no
// signals here: what should stop it ends it.
func passedOn(s syscall.Signal) bool { return ends(s) }

func folder() (string, error) { return os.Getwd() }

// terminalOf names where somebody sits: their session.
func terminalOf(p peer) string { return strconv.FormatUint(uint64(p.from.Session), 10) }

// endsLine are the bytes that end a line.
const endsLine = "\n"

// hideTyping keeps what is typed from being shown until show is called.
func hideTyping(tty *os.File) (show func(), err error) {
	h := windows.Handle(tty.Fd())
	var old uint32
	if err := windows.GetConsoleMode(h, &old); err != nil {
		return nil, err
	}
	if err := windows.FlushConsoleInputBuffer(h); err != nil { // what was typed before is no password
		return nil, err
	}
	hidden := old&^windows.ENABLE_ECHO_INPUT | windows.ENABLE_LINE_INPUT | windows.ENABLE_PROCESSED_INPUT
	if err := windows.SetConsoleMode(h, hidden); err != nil {
		return nil, err
	}
	return func() { _ = windows.SetConsoleMode(h, old) }, nil // nothing else can be done
}

// unlessStopped reads a line unless the prompt is taken away before.
func (p prompt) unlessStopped() (string, error) { return lineUnless(p.stop, p.read) }

// followTerminal follows nothing: no terminal comes through a pipe.
func followTerminal(master *os.File, _ Streams, _ *os.File, _ []byte) follower {
	_ = master.Close()
	return nil
}
