package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
)

// askTime bounds one question and its answer.
const askTime = 10 * time.Second

func (c Client) dial(ctx context.Context) (*conn, error) {
	var d net.Dialer
	raw, err := d.DialContext(ctx, "unix", c.Path)
	if err != nil {
		return nil, fmt.Errorf("%w at %s", ErrNoAgent, c.Path)
	}
	u, ok := raw.(*net.UnixConn)
	if !ok {
		return nil, errors.Join(ErrNoAgent, raw.Close())
	}
	return &conn{c: u}, nil
}

func (c Client) ask(ctx context.Context, q ask) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	con, err := c.dial(ctx)
	if err != nil {
		return answer{}, err
	}
	defer con.c.Close()
	stop := context.AfterFunc(ctx, func() { _ = con.c.Close() })
	defer stop()
	q.Version = Version
	if err := con.write(kAsk, q); err != nil {
		if errors.Is(err, errTooLarge) {
			return answer{}, fmt.Errorf("%w: it is too long", ErrInvalid)
		}
		return answer{}, errors.Join(ErrNoAgent, err)
	}
	f, _, err := con.read(askTime, 0)
	if err != nil {
		return answer{}, errors.Join(ErrNoAgent, err)
	}
	if f.Kind == kEnded {
		var e ended
		if err := f.into(&e); err != nil {
			return answer{}, err
		}
		return answer{}, errors.New(inert.Text(e.Text))
	}
	var a answer
	if err := f.into(&a); err != nil {
		return answer{}, err
	}
	switch a.Code {
	case "":
		return a, nil
	case "not_found":
		return a, ErrNotFound
	case "ambiguous":
		return a, ErrAmbiguous
	case "offline":
		return a, ErrOffline
	case "conflict":
		return a, because(ErrConflict, a.Error)
	case "invalid":
		return a, because(ErrInvalid, a.Error)
	}
	return a, errors.New(inert.Text(a.Error))
}

// because is a known error with the agent's explanation, which begins alike.
func because(known error, text string) error {
	why := strings.TrimPrefix(strings.TrimPrefix(text, known.Error()), ": ")
	if why == "" {
		return known
	}
	return fmt.Errorf("%w: %s", known, inert.Text(why))
}

// Run asks for the command, waits for the answer as opt says, and lends it this
// process's descriptors. It always returns an outcome; when the request was
// made, with its id.
func (c Client) Run(ctx context.Context, opt RunOptions, std Streams) Outcome {
	cwd, err := folder()
	if err != nil || !filepath.IsAbs(cwd) {
		return result(Invalid, "", "the working folder is not there any more", "change to another one")
	}
	con, err := c.dial(ctx)
	if err != nil {
		return result(Unreachable, "", err.Error(), "is assent-agent running? ASSENT_RUNTIME names its folder")
	}
	defer con.c.Close()
	s := &session{con: con, opt: opt, std: std, frames: make(chan received), over: make(chan struct{})}
	defer close(s.over)
	if s.tty, err = os.OpenFile("/dev/tty", os.O_RDWR, 0); err == nil {
		defer s.tty.Close()
	} else {
		s.tty = nil
	}
	q := s.attempt(cwd)
	if err := con.write(kRun, q); err != nil {
		if errors.Is(err, errTooLarge) {
			return result(Invalid, "", fmt.Sprintf("the command line is too long: %d bytes at most", maxFrame-4096))
		}
		return result(Unreachable, "", "the agent does not take the request")
	}
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, unix.SIGINT, unix.SIGTERM, unix.SIGQUIT, unix.SIGUSR1, unix.SIGUSR2, unix.SIGWINCH)
	defer signal.Stop(signals)
	go s.listen()
	return s.converse(ctx, signals)
}

type received struct {
	frame
	files []*os.File
}

// session is the client's side of one `assent run`. converse owns its fields.
type session struct {
	con    *conn
	opt    RunOptions
	std    Streams
	tty    *os.File // nil when nobody can be asked
	frames chan received
	over   chan struct{} // closed when Run returns: the reader stops

	line      waitLine
	request   elevation.RequestID
	withdrawn <-chan time.Time // set when a withdrawal was sent
	passed    bool             // the descriptors were handed over
	open      *openQuestion    // an approver's, nil = none
	relay     *relay
	drawn     string // the code that was drawn
}

func (s *session) attempt(cwd string) runAsk {
	q := runAsk{Version: Version, Command: []byte(s.opt.Command), Args: inBytes(s.opt.Args), Cwd: []byte(cwd), As: []byte(s.opt.As),
		Reason: s.opt.Reason, Ticket: s.opt.Ticket, For: s.opt.For, Priority: s.opt.Priority, Wait: s.opt.Wait, NoWait: s.opt.NoWait,
		Terminal: s.tty != nil && !s.opt.NoWait, Emergency: s.opt.Emergency}
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		switch {
		case name == "TERM", name == "COLORTERM", name == "TZ", name == "LANG", name == "LANGUAGE", strings.HasPrefix(name, "LC_"):
			q.Env = append(q.Env, []byte(v))
		}
	}
	if s.tty != nil {
		if w, h, err := term.GetSize(int(s.tty.Fd())); err == nil {
			q.Rows, q.Cols = uint16(h), uint16(w)
		}
	}
	return q
}

// listen passes on what the agent says, until the connection or Run ends.
func (s *session) listen() {
	defer close(s.frames)
	for {
		f, files, err := s.con.read(0, 1)
		if err != nil {
			return
		}
		select {
		case s.frames <- received{frame: f, files: files}:
		case <-s.over:
			closeAll(files)
			return
		}
	}
}

// converse follows the agent from question to end.
func (s *session) converse(ctx context.Context, signals <-chan os.Signal) Outcome {
	s.line = waitLine{to: s.std.Err, live: term.IsTerminal(int(s.std.Err.Fd()))}
	defer s.line.clear()
	defer s.endQuestion()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case f, ok := <-s.frames:
			if !ok {
				return s.lost()
			}
			if out, end := s.hear(f); end {
				return out
			}
		case sig := <-signals:
			s.signal(sig)
		case <-s.open.over():
			s.endQuestion()
		case <-s.withdrawn:
			return result(Withdrawn, s.request, "withdrawn; the agent has not confirmed it")
		case <-tick.C:
			s.line.show(time.Now())
		case <-ctx.Done():
			return result(Failed, s.request, "interrupted")
		}
	}
}

// hear acts on one frame. end says that the outcome is known.
func (s *session) hear(f received) (out Outcome, end bool) {
	var err error
	switch f.Kind {
	case kWaiting:
		var w waiting
		if err = f.into(&w); err == nil {
			s.request = w.Waiting.Request
			s.beside(w.Waiting)
			s.line.set(w.Waiting)
		}
	case kSay:
		var m say
		if err = f.into(&m); err == nil {
			s.line.clear()
			s.print(inert.Text(m.Text))
		}
	case kQuestion:
		var q questioned
		if err = f.into(&q); err == nil {
			err = s.question(q)
		}
	case kEnough:
		s.endQuestion()
	case kNeed:
		var n need
		if err = f.into(&n); err == nil {
			go s.answerNeed(n) // the terminal is read aside, so that signals are heard
		}
	case kConfirm:
		s.line.clear()
		go s.confirm()
	case kReady:
		s.line.done()
		if s.withdrawn == nil {
			s.passed = true
			err = s.pass()
		}
	case kStarted:
		if len(f.files) == 1 {
			s.relay = newRelay(f.files[0], s.std, s.tty)
			f.files = nil
		}
	case kEnded:
		var e ended
		if err = f.into(&e); err == nil {
			return s.ended(e), true
		}
	}
	closeAll(f.files)
	if err != nil {
		return result(Failed, s.request, inert.Text(err.Error())), true
	}
	return Outcome{}, false
}

func (s *session) ended(e ended) Outcome {
	s.line.clear()
	s.relay.finish(true)
	if e.Request == "" {
		e.Request = s.request
	}
	out := Outcome{Kind: e.Kind, Exit: e.Exit, Request: e.Request, Text: inert.Text(e.Text)}
	for _, h := range e.Hints {
		out.Hints = append(out.Hints, inert.Text(h))
	}
	return out
}

// lost is the end without a word: the agent died or stopped. A request that was
// made goes on; a program under a terminal is followed to its end.
func (s *session) lost() Outcome {
	s.line.clear()
	switch {
	case s.relay != nil:
		s.relay.finish(false)
		return result(Unreachable, s.request, "the agent is gone; the exit code of the command is not known")
	case s.passed:
		return result(Unreachable, s.request, "the agent is gone; the command may go on, its exit code is not known")
	case s.request != "":
		return result(Kept, s.request, "the agent is gone; kept as "+string(s.request), "run the same command again")
	}
	return result(Unreachable, "", "the agent is gone")
}

func (s *session) signal(sig os.Signal) {
	n, ok := sig.(syscall.Signal)
	switch {
	case !ok:
	case n == unix.SIGWINCH:
		s.relay.resize()
	case s.passed:
		_ = s.con.write(kSignal, signalled{Number: int(n)}) // a lost agent is noticed by the reader
	case n == unix.SIGINT || n == unix.SIGTERM || n == unix.SIGQUIT:
		if s.withdrawn == nil {
			s.withdrawn = time.After(withdrawTime)
			_ = s.con.write(kWithdraw, empty{}) // as above
		}
	}
}

// withdrawTime is how long the agent has to confirm a withdrawal.
const withdrawTime = 1500 * time.Millisecond

// pass hands the three descriptors over. A closed one is replaced by nothing
// to read from and nowhere to write to.
func (s *session) pass() error {
	files := []*os.File{s.std.In, s.std.Out, s.std.Err}
	for i, f := range files {
		var st unix.Stat_t
		if f != nil && unix.Fstat(int(f.Fd()), &st) == nil {
			continue
		}
		null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		defer null.Close()
		files[i] = null
	}
	return s.con.write(kFiles, empty{}, files...)
}

func (s *session) answerNeed(n need) {
	p := prompt{in: s.tty, out: s.std.Err}
	r, err := p.reason(n)
	switch {
	case err == nil:
		err = s.con.write(kReason, r)
	case errors.Is(err, io.EOF):
		err = s.con.write(kWithdraw, empty{})
	default:
		err = s.con.write(kReason, reason{Nobody: true})
	}
	_ = err // a lost agent is noticed by the reader
}

func (s *session) confirm() {
	p := prompt{in: s.tty, out: s.std.Err}
	if _, err := p.line("Approved. Press Enter to run it, Ctrl-C to leave it: "); err != nil {
		_ = s.con.write(kWithdraw, empty{}) // as above
		return
	}
	_ = s.con.write(kGo, empty{}) // as above
}

// folder is the working folder without any link in it: the environment's idea
// of it may have some.
func folder() (string, error) {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Getcwd(buf)
	if err != nil || n < 2 {
		return "", errors.Join(err, os.ErrNotExist)
	}
	return string(buf[:n-1]), nil
}
