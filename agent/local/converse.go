package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/agent/words"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
)

// askTime bounds one question and its answer.
const askTime = 10 * time.Second

func (c Client) dial(ctx context.Context) (*conn, error) {
	open := c.dialer
	if open == nil {
		open = dial
	}
	raw, err := open(ctx, c.Path)
	if err != nil {
		return nil, fmt.Errorf("%w at %s", ErrNoAgent, c.Path)
	}
	return &conn{c: raw, reads: true}, nil
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
	said := con.write(kAsk, q)
	if errors.Is(said, errTooLarge) {
		return answer{}, fmt.Errorf("%w: it is too long", ErrInvalid)
	}
	f, _, err := con.read(askTime, 0) // who could not say it may have been told why
	if err != nil {
		return answer{}, errors.Join(ErrNoAgent, said, err)
	}
	if f.Kind == kEnded {
		return answer{}, turnedAway(f)
	}
	var a answer
	if err := f.into(&a); err != nil {
		return answer{}, err
	}
	return a, a.err()
}

// err is the error of [Flow] that the agent has answered with, nil for none.
func (a answer) err() error {
	switch a.Code {
	case "":
		return nil
	case "version":
		return ErrVersion
	case "lagged":
		return ErrLagged
	case "not_found":
		return ErrNotFound
	case "ambiguous":
		return ErrAmbiguous
	case "offline":
		return ErrOffline
	case "busy":
		return because(ErrBusy, a.Error)
	case "conflict":
		return because(ErrConflict, a.Error)
	case "invalid":
		return because(ErrInvalid, a.Error)
	}
	return errors.New(inert.Text(a.Error))
}

// turnedAway is why an agent ends a conversation before it has read a word.
func turnedAway(f frame) error {
	var e ended
	if err := f.into(&e); err != nil {
		return err
	}
	return because(ErrBusy, e.Text)
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
	s := &session{con: con, opt: opt, std: std, sudo: c.sudoer(), frames: make(chan received), over: make(chan struct{})}
	defer close(s.over)
	if s.tty = openTerminal(); s.tty != nil {
		defer s.tty.Close()
	}
	q, k := s.attempt(cwd), kRun
	if opt.Whole != nil {
		if k, err = s.whole(&q); err != nil {
			return result(Invalid, "", err.Error())
		}
	}
	switch err := con.write(k, q); {
	case errors.Is(err, errTooLarge):
		return result(Invalid, "", fmt.Sprintf("the command line is too long: %d bytes at most", maxFrame-4096))
	case errors.Is(err, os.ErrDeadlineExceeded):
		return result(Unreachable, "", "the agent does not take the request")
	} // after another error the agent has hung up; its last word is still to be read
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, heardSignals()...)
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
	sudo   sudoer
	tty    *os.File // nil when nobody can be asked
	frames chan received
	over   chan struct{} // closed when Run returns: the reader stops

	line      waitLine
	request   elevation.RequestID
	withdrawn <-chan time.Time // set when a withdrawal was sent
	passed    bool             // the descriptors were handed over
	open      *openQuestion    // an approver's, nil = none
	relay     follower         // of what runs, nil = nothing does that we follow
	drawn     string           // the code that was drawn
	keys      *keys            // watched while the line stands, nil = not
	hinted    bool             // the person was told of them
	ahead     []byte           // typed for the command meanwhile
	tongue    words.Tongue
}

// watch lets b leave the request alone; free stops that, for whoever needs the
// terminal next.
func (s *session) watch() {
	if s.keys == nil && s.line.live && s.open == nil {
		s.keys = watchKeys(s.tty)
	}
}

// hint tells once of the keys, below what is told of somebody who can answer: that
// comes with the first place in the queue, or not within a second.
func (s *session) hint() {
	if s.keys == nil || s.hinted {
		return
	}
	s.hinted = true
	s.line.clear()
	s.print("assent: " + s.tongue.Say("b leaves it waiting, Ctrl-C withdraws it"))
}

func (s *session) free() {
	s.ahead = append(s.ahead, s.keys.end()...)
	s.keys = nil
}

// leave ends the client; the request goes on without it.
func (s *session) leave() Outcome {
	s.line.clear()
	return result(Kept, s.request, s.tongue.Say("kept as %s, run the same command again", string(s.request)),
		s.tongue.Say("assent list shows it; once it is approved the same command uses it"))
}

func (s *session) attempt(cwd string) runAsk {
	q := runAsk{Version: Version, Command: []byte(s.opt.Command), Args: privilege.InBytes(s.opt.Args), Cwd: []byte(cwd), As: []byte(s.opt.As),
		Reason: s.opt.Reason, Ticket: s.opt.Ticket, For: s.opt.For, Priority: s.opt.Priority, Wait: s.opt.Wait, NoWait: s.opt.NoWait,
		Terminal: s.tty != nil && !s.opt.NoWait, Emergency: s.opt.Emergency, Menu: s.opt.Menu, Sudo: s.sudoes()}
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
	s.line = waitLine{to: s.std.Err, live: term.IsTerminal(int(s.std.Err.Fd())), mute: s.opt.Mute}
	defer s.line.clear()
	defer s.free()
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
			s.watch()
		case <-s.keys.leaving():
			return s.leave()
		case <-s.withdrawn:
			return result(Withdrawn, s.request, "withdrawn; the agent has not confirmed it")
		case <-tick.C:
			s.hint()
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
			s.waits(w)
		}
	case kSay:
		err = s.said(f.frame)
	case kQuestion:
		var q questioned
		if err = f.into(&q); err == nil {
			s.free()
			err = s.question(q)
		}
	case kEnough:
		s.endQuestion()
		s.watch()
	case kNeed:
		var n need
		if err = f.into(&n); err == nil {
			s.free()
			go s.answerNeed(n) // the terminal is read aside, so that signals are heard
		}
	case kConfirm:
		s.line.clear()
		s.free()
		go s.confirm(s.tongue)
	case kSecret:
		var m say
		if err = f.into(&m); err == nil {
			s.line.done()
			s.free()
			go s.secret(inert.Text(m.Text))
		}
	case kReady:
		s.line.done()
		s.free()
		err = s.handOver()
	case kSudo:
		return s.becomes(f.frame)
	case kOpened:
		return s.opened(f)
	case kStarted:
		f.files = s.begun(f.files)
	case kData, kTaken:
		err = s.streamed(f.frame)
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

func (s *session) said(f frame) error {
	var m say
	if err := f.into(&m); err != nil {
		return err
	}
	s.line.clear()
	s.print(inert.Text(m.Text))
	return nil
}

// streamed takes what a program wrote, or that it took what it was sent.
func (s *session) streamed(f frame) error {
	l, ok := s.relay.(*lender)
	if !ok {
		return nil
	}
	_, err := l.heard(f)
	return err
}

func (s *session) waits(w waiting) {
	s.request, s.tongue = w.Waiting.Request, w.Waiting.Tongue
	s.watch()
	s.beside(w.Waiting)
	if w.Waiting.Placed() {
		s.hint()
	}
	s.line.set(w.Waiting)
}

// begun follows the terminal of what has begun, if it has one, and gives back
// what is not taken.
func (s *session) begun(files []*os.File) []*os.File {
	s.passed = true // also what has its own window: a signal is for it from now on
	if len(files) != 1 {
		return files
	}
	s.relay = followTerminal(files[0], s.std, s.tty, s.ahead)
	return nil
}

func (s *session) ended(e ended) Outcome {
	s.line.clear()
	if s.relay != nil {
		s.relay.finish(true)
	}
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
	case isResize(n):
		if s.relay != nil {
			s.relay.resize()
		}
	case s.passed:
		_ = s.con.write(kSignal, signalled{Number: int(n)}) // a lost agent is noticed by the reader
	case n == syscall.SIGINT || n == syscall.SIGTERM || n == syscall.SIGQUIT:
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
	if !s.con.passes() {
		if err := s.con.write(kFiles, empty{}); err != nil {
			return err
		}
		s.relay = lend(context.Background(), s.std, s.ahead, s.con.writes())
		return nil
	}
	files := []*os.File{s.std.In, s.std.Out, s.std.Err}
	for i, f := range files {
		if f != nil {
			if _, err := f.Stat(); err == nil {
				continue
			}
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

func (s *session) confirm(t words.Tongue) {
	p := prompt{in: s.tty, out: s.std.Err}
	if _, err := p.line(t.Say("Approved. Press Enter to run it, Ctrl-C to leave it: ")); err != nil {
		_ = s.con.write(kWithdraw, empty{}) // as above
		return
	}
	_ = s.con.write(kGo, empty{}) // as above
}
