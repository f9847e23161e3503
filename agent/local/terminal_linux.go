package local

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/shared/inert"
)

// prompt asks at the controlling terminal and writes to stderr.
type prompt struct {
	in   *os.File
	out  io.Writer
	stop *os.File // the prompt is taken away when its other end is closed; nil = never
}

// line reads one line. io.EOF says that the person ended it without an answer.
func (p prompt) line(text string) (string, error) {
	if p.in == nil {
		return "", os.ErrNotExist
	}
	fmt.Fprint(p.out, text)
	var got []byte
	var b [1]byte
	if err := p.typed(); err != nil {
		return "", err
	}
	for len(got) < 4096 { // byte by byte: what follows belongs to the command
		n, err := p.in.Read(b[:])
		if n == 0 || err != nil {
			fmt.Fprintln(p.out)
			return "", errors.Join(io.EOF, err)
		}
		if b[0] == '\n' || b[0] == '\r' {
			break
		}
		got = append(got, b[0])
	}
	return strings.TrimSpace(string(got)), nil
}

// reason asks for what the controller needs until it is long enough.
func (p prompt) reason(n need) (reason, error) {
	if n.Message != "" {
		fmt.Fprintln(p.out, inert.Text(n.Message))
	}
	if len(n.GoesTo) > 0 {
		fmt.Fprintf(p.out, "This needs an approval by %s.\n", inert.Text(strings.Join(n.GoesTo, ", ")))
	}
	var r reason
	var err error
	for !n.HasReason && n.ReasonMin > 0 {
		for i, preset := range n.Presets {
			fmt.Fprintf(p.out, "  %d  %s\n", i+1, inert.Text(preset))
		}
		if r.Justification, err = p.line("Reason: "); err != nil {
			return r, err
		}
		for i, preset := range n.Presets {
			if r.Justification == fmt.Sprint(i+1) {
				r.Justification = preset
			}
		}
		if utf8.RuneCountInString(r.Justification) >= n.ReasonMin {
			break
		}
		fmt.Fprintf(p.out, "Please give at least %d characters; Ctrl-C withdraws.\n", n.ReasonMin)
	}
	if n.Ticket != "" && !n.HasTicket {
		if r.Ticket, err = p.line("Ticket: "); err != nil {
			return r, err
		}
	}
	return r, nil
}

// waitLine is the one line that says what is waited for. On a terminal it is
// rewritten in place every second, elsewhere it is written once.
type waitLine struct {
	to     *os.File
	live   bool
	w      intercept.Waiting
	on     bool   // there is something to show
	hidden bool   // a question stands in its place
	out    bool   // the terminal shows it now
	last   string // what was written where nothing can be rewritten
}

func (l *waitLine) set(w intercept.Waiting) {
	l.w, l.on = w, true
	if l.live {
		l.show(time.Now())
		return
	}
	about := fmt.Sprint(w.Request, w.Offline, w.CanAnswerFrom)
	if about == l.last {
		return // where it can not be rewritten it is one line, not one per place in the queue
	}
	l.last, w.Since = about, time.Time{}
	fmt.Fprintln(l.to, w.Line(time.Time{}, 0))
}

func (l *waitLine) show(now time.Time) {
	if !l.on || !l.live || l.hidden {
		return
	}
	cols, _, err := term.GetSize(int(l.to.Fd()))
	if err != nil {
		cols = 0
	}
	fmt.Fprintf(l.to, "\r%s\x1b[K", l.w.Line(now, cols))
	l.out = true
}

func (l *waitLine) clear() {
	if l.out {
		fmt.Fprint(l.to, "\r\x1b[K")
		l.out = false
	}
}

// done leaves nothing of the line behind and shows it no more.
func (l *waitLine) done() {
	l.clear()
	l.on = false
}

// relay joins the user's terminal with the program's: keys in, text out.
type relay struct {
	master  *os.File
	in      *os.File
	size    *os.File // terminal whose size counts
	out     io.Writer
	restore func()
	ended   atomic.Bool
	copied  chan struct{} // closed when all text is out
}

// newRelay takes the master over. With both ends of the conversation on the
// terminal it is put into raw mode: the program's own terminal does everything.
// When only the input is a terminal, lines are passed on as they are typed.
func newRelay(master *os.File, std Streams, tty *os.File) *relay {
	r := &relay{master: poller(master), in: std.In, restore: func() {}, copied: make(chan struct{})}
	inTTY, outTTY := isTerminal(std.In), isTerminal(std.Out)
	switch {
	case outTTY:
		r.out, r.size = std.Out, std.Out
	case isTerminal(std.Err):
		r.out, r.size = std.Err, std.Err
	case tty != nil:
		r.out, r.size = tty, tty
	default:
		r.out = io.Discard
	}
	r.resize()
	keys := r.takeKeys(inTTY, outTTY) // before anything is shown: whoever sees text may type to the program
	go r.copyOut()
	if keys != nil {
		go keys() // ends with the process: a read of a terminal can not be called off
	}
	return r
}

// takeKeys makes the person's terminal ready for the program and returns what
// passes on what is typed, nil when nothing is.
func (r *relay) takeKeys(inTTY, outTTY bool) func() {
	switch {
	case !inTTY || !foreground(r.in):
		return nil
	case !outTTY:
		return r.copyLines
	}
	if old, err := term.MakeRaw(int(r.in.Fd())); err == nil {
		r.restore = func() { _ = term.Restore(int(r.in.Fd()), old) } // nothing else can be done at the end
	}
	return r.copyKeys
}

func isTerminal(f *os.File) bool { return f != nil && term.IsTerminal(int(f.Fd())) }

// foreground reports whether the terminal is ours to change: a job in the
// background would be stopped.
func foreground(f *os.File) bool {
	group, err := unix.IoctlGetInt(int(f.Fd()), unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

// poller makes reads of f obey deadlines.
func poller(f *os.File) *os.File {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return f
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return f
	}
	_ = f.Close() // its other descriptor is used from now on
	return os.NewFile(uintptr(fd), "terminal")
}

func (r *relay) resize() {
	if r == nil || r.size == nil {
		return
	}
	if size, err := unix.IoctlGetWinsize(int(r.size.Fd()), unix.TIOCGWINSZ); err == nil {
		r.control(func(fd int) { _ = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, size) }) // only how it looks
	}
}

// control uses the descriptor without taking it out of the poller.
func (r *relay) control(f func(fd int)) {
	if raw, err := r.master.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { f(int(fd)) })
	}
}

// drainTime is how long the terminal may be silent after the program's end
// before nothing more is expected: processes in the background can hold it open.
const drainTime = 50 * time.Millisecond

func (r *relay) copyOut() {
	defer close(r.copied)
	buf := make([]byte, 32<<10)
	for {
		if r.ended.Load() {
			_ = r.master.SetReadDeadline(time.Now().Add(drainTime))
		}
		n, err := r.master.Read(buf)
		if n > 0 {
			if _, err := r.out.Write(buf[:n]); err != nil {
				r.out = io.Discard // nobody looks; the program goes on
			}
		}
		if err != nil && !(errors.Is(err, os.ErrDeadlineExceeded) && n > 0) {
			return // the other end is closed, or silent after the end
		}
	}
}

func (r *relay) copyKeys() {
	_, _ = io.Copy(r.master, r.in) // ends when either side is gone
}

// copyLines passes typed lines on. While another program on the same terminal
// has taken it out of line mode (a pager at the end of the pipe), the keys are
// that program's.
func (r *relay) copyLines() {
	fd := int(r.in.Fd())
	buf := make([]byte, 4096)
	for !r.ended.Load() {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 200)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
		mode, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		if n <= 0 || err != nil || mode.Lflag&unix.ICANON == 0 {
			if n > 0 {
				time.Sleep(50 * time.Millisecond) // not ours: do not spin on it
			}
			continue
		}
		got, err := r.in.Read(buf)
		if got == 0 || err != nil {
			_, _ = r.master.Write([]byte{4}) // the terminal's end of file
			return
		}
		if _, err := r.master.Write(bytes.Clone(buf[:got])); err != nil {
			return
		}
	}
}

// finish waits for the last text and gives the terminal back. With told the
// program's end is known; otherwise its terminal's end is waited for.
func (r *relay) finish(told bool) {
	if r == nil {
		return
	}
	if told {
		r.ended.Store(true)
		_ = r.master.SetReadDeadline(time.Now().Add(drainTime)) // wakes a read that waits
	}
	<-r.copied
	r.ended.Store(true)
	r.restore()
	_ = r.master.Close() // hangs up what is left of it
}
