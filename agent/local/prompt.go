package local

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/shared/inert"
)

// prompt asks at the controlling terminal and writes to stderr.
type prompt struct {
	in   *os.File
	out  io.Writer
	stop <-chan struct{} // the prompt is taken away when it is closed; nil = never
}

// line reads one line. io.EOF says that the person ended it without an answer.
func (p prompt) line(text string) (string, error) {
	got, err := p.exactly(text)
	return strings.TrimSpace(got), err
}

// exactly is line with blanks at both ends.
func (p prompt) exactly(text string) (string, error) {
	if p.in == nil {
		return "", os.ErrNotExist
	}
	fmt.Fprint(p.out, wrapped(p.out, text))
	if p.stop == nil {
		return p.read()
	}
	return p.unlessStopped()
}

// read reads up to the end of the line, byte by byte: what follows belongs to the
// command.
func (p prompt) read() (string, error) {
	var got []byte
	var b [1]byte
	for len(got) < 4096 {
		n, err := p.in.Read(b[:])
		if n == 0 || err != nil {
			fmt.Fprintln(p.out)
			return "", errors.Join(io.EOF, err)
		}
		if strings.IndexByte(endsLine, b[0]) >= 0 {
			break
		}
		got = append(got, b[0])
	}
	return strings.TrimSuffix(string(got), "\r"), nil
}

// lineUnless is a line that is read, unless stop is closed before one is there. The
// read of a console can not be called off: it takes the next line that is typed with it.
func lineUnless(stop <-chan struct{}, read func() (string, error)) (string, error) {
	type line struct {
		text string
		err  error
	}
	got := make(chan line, 1)
	go func() {
		text, err := read()
		got <- line{text, err}
	}()
	select {
	case l := <-got:
		return l.text, l.err
	case <-stop:
		return "", errStopped
	}
}

// secret is line without showing what is typed.
func (p prompt) secret(text string) (string, error) {
	if p.in == nil {
		return "", os.ErrNotExist
	}
	show, err := hideTyping(p.in)
	if err != nil {
		return "", err
	}
	defer show()
	got, err := p.exactly(text)
	fmt.Fprintln(p.out)
	return got, err
}

// say writes a line above what is asked.
func (p prompt) say(text string) { fmt.Fprintln(p.out, wrapped(p.out, text)) }

// reason asks for what the controller needs until it is long enough.
func (p prompt) reason(n need) (reason, error) {
	for _, line := range n.Intro.Lines {
		p.say(inert.Text(line))
	}
	var r reason
	for n.ReasonMin > 0 {
		typed, err := p.line(n.Tongue.Say("Reason: "))
		if err != nil {
			return r, err
		}
		r.Justification = n.Intro.Choose(typed)
		if utf8.RuneCountInString(r.Justification) >= n.ReasonMin {
			break
		}
		p.say(n.Tongue.Say("Please give at least %d characters; Ctrl-C withdraws.", n.ReasonMin))
	}
	if hint := n.Tongue.Weak(r.Justification); n.ReasonMin > 0 && hint != "" && !slices.Contains(n.Intro.Choices, r.Justification) {
		p.say(hint)
	}
	for range intercept.MaxAsk {
		if n.Ticket == "" {
			break
		}
		typed, err := p.line(n.Tongue.Say("Ticket: "))
		if err != nil {
			return r, err
		}
		if r.Ticket = typed; intercept.TicketFits(n.Ticket, typed) {
			break
		}
		p.say(n.Tongue.Say("A ticket like %s is needed; Ctrl-C withdraws.", inert.Clip(inert.Text(n.Ticket), 60)))
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
	mute   bool   // nothing is said at all
	out    bool   // the terminal shows it now
	last   string // what was written where nothing can be rewritten
}

func (l *waitLine) set(w intercept.Waiting) {
	if l.mute {
		return
	}
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

func isTerminal(f *os.File) bool { return f != nil && term.IsTerminal(int(f.Fd())) }
