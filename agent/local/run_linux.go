package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// errGone is why an attempt ends whose client is gone: the request is kept.
var errGone = errors.New("the client is gone")

// talk is the agent's side of one `assent run`. One goroutine reads; the others
// get its frames.
type talk struct {
	c       *conn
	peer    peer
	ask     runAsk
	frames  chan talked
	replies chan reply          // to questions, holds one
	asked   int                 // questions so far; of the one goroutine that asks
	request elevation.RequestID // for the outcome, once it is known
	mu      sync.Mutex          // guards request
}

type talked struct {
	frame
	files []*os.File
}

func (s *Server) run(ctx context.Context, c *conn, p peer, f frame) error {
	t := &talk{c: c, peer: p, frames: make(chan talked), replies: make(chan reply, 1)}
	if err := f.into(&t.ask); err != nil {
		return errors.Join(err, t.end(Invalid, "the request can not be read"))
	}
	if t.ask.Version != Version {
		return t.end(Invalid, "assent and the agent are of different versions")
	}
	agent := ctx
	ctx, cancel := context.WithCancelCause(ctx)
	var reader sync.WaitGroup
	defer reader.Wait()
	defer c.c.Close()
	defer cancel(nil)
	reader.Go(func() { t.listen(ctx, cancel) })
	attempt, real, err := t.observe(s.cfg)
	if err != nil {
		return t.failed(err)
	}
	permit, late, err := s.elevate(ctx, t, attempt)
	if err != nil {
		return t.failed(err)
	}
	files, err := t.files(ctx, late)
	if err != nil {
		s.cfg.Runner.Release(permit.Grant.ID)
		return t.failed(err)
	}
	running, err := s.cfg.Runner.Run(ctx, permit, t.spec(real, files), t.Say)
	closeAll(files[:])
	if err != nil {
		s.cfg.Log.Warn("an approved program did not start", "grant", permit.Grant.ID, "error", err)
		return t.failed(err)
	}
	return t.follow(agent, running)
}

// listen reads until the client is gone. A withdrawal ends an attempt that
// waits; everything else goes to whoever waits for it.
func (t *talk) listen(ctx context.Context, cancel context.CancelCauseFunc) {
	defer close(t.frames)
	for {
		f, files, err := t.c.read(0, 3)
		if err != nil {
			cancel(errGone)
			return
		}
		if f.Kind == kWithdraw {
			cancel(intercept.ErrWithdrawn)
			closeAll(files)
			continue
		}
		if f.Kind == kReply {
			closeAll(files)
			t.take(f)
			continue
		}
		select {
		case t.frames <- talked{frame: f, files: files}:
		case <-ctx.Done(): // nobody takes frames any more
			closeAll(files)
			return
		}
	}
}

// take passes a reply on. One that nobody waits for any more stays there until
// the next question, which knows it by its number.
func (t *talk) take(f frame) {
	var r reply
	if err := f.into(&r); err != nil {
		return
	}
	select {
	case t.replies <- r:
	default: // more replies than questions
	}
}

func (t *talk) observe(cfg Config) (elevation.Attempt, intercept.Real, error) {
	args := inStrings(t.ask.Args)
	if err := privilege.CheckArguments(string(t.ask.Command), args); err != nil {
		return elevation.Attempt{}, intercept.Real{}, err
	}
	var masks intercept.Patterns
	if cfg.Masks != nil {
		masks = cfg.Masks()
	}
	a, real, err := intercept.Observe(intercept.Raw{
		UID: t.peer.uid, GID: t.peer.gid, PID: t.peer.pid, Command: string(t.ask.Command), Args: args,
		Cwd: string(t.ask.Cwd), SearchPath: privilege.SystemPath(), RunAs: string(t.ask.As), Mechanism: "assent", Salt: cfg.Salt, Mask: masks,
	})
	a.Duration, a.Priority = t.ask.For, t.ask.Priority
	return a, real, err
}

// elevate asks for the permit. late says that it took so long that somebody
// should be asked whether they are still there.
func (s *Server) elevate(ctx context.Context, t *talk, a elevation.Attempt) (p intercept.Permit, late bool, err error) {
	wait := t.ask.Wait
	if !t.ask.Terminal && wait == 0 {
		wait = s.cfg.Hold
	}
	begin := time.Now()
	p, err = s.cfg.Elevator.Elevate(ctx, intercept.Ask{
		Attempt: a, Justification: t.ask.Reason, Ticket: t.ask.Ticket, NoWait: t.ask.NoWait, Wait: wait, AtTerminal: t.ask.Terminal, Emergency: t.ask.Emergency,
	}, t)
	if errors.Is(err, intercept.ErrWaitOver) && t.ask.Wait == 0 {
		err = &intercept.Kept{Request: t.id()} // nobody said how long: it goes on without us
	}
	return p, t.ask.Terminal && time.Since(begin) > s.cfg.Hold, err
}

// files asks for the caller's descriptors, after a yes if it is late.
func (t *talk) files(ctx context.Context, late bool) ([3]*os.File, error) {
	var none [3]*os.File
	if late {
		if err := t.c.write(kConfirm, empty{}); err != nil {
			return none, err
		}
		if _, err := t.expect(ctx, kGo, 0); err != nil {
			return none, err
		}
	}
	if err := t.c.write(kReady, empty{}); err != nil {
		return none, err
	}
	f, err := t.expect(ctx, kFiles, filesWithin)
	if err != nil {
		return none, err
	}
	if len(f.files) != 3 {
		closeAll(f.files)
		return none, fmt.Errorf("%w: %d descriptors", errFrame, len(f.files))
	}
	return [3]*os.File(f.files), nil
}

// expect waits for one frame of the wanted kind; another one is an error.
func (t *talk) expect(ctx context.Context, want kind, within time.Duration) (talked, error) {
	var late <-chan time.Time
	if within > 0 {
		timer := time.NewTimer(within)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case f, ok := <-t.frames:
		if !ok {
			return talked{}, context.Cause(ctx)
		}
		if f.Kind != want {
			closeAll(f.files)
			return talked{}, fmt.Errorf("%w: %q in place of %q", errFrame, clip(string(f.Kind)), want)
		}
		return f, nil
	case <-late:
		return talked{}, errGone
	case <-ctx.Done():
		return talked{}, context.Cause(ctx)
	}
}

func (t *talk) spec(real intercept.Real, files [3]*os.File) privilege.Spec {
	return privilege.Spec{
		Path: real.Path, SHA256: real.SHA256, Args: real.Args, Called: real.Called, Cwd: real.Cwd,
		Requester: account(real.User), RunAs: account(real.RunAs), Env: inStrings(t.ask.Env),
		Files: files, Rows: t.ask.Rows, Cols: t.ask.Cols,
	}
}

func account(a intercept.Account) privilege.Account {
	p := privilege.Account{Name: a.Name, UID: a.UID, GID: a.GID, Home: a.Home, Shell: a.Shell}
	for _, g := range a.Groups {
		p.Groups = append(p.Groups, g.GID)
	}
	return p
}

// follow passes signals to the program until it ends and says how. A client
// that goes away hangs the program up; its terminal, if it has one, is gone
// with the client's descriptor anyway. When the agent stops, the program goes
// on.
func (t *talk) follow(agent context.Context, running *privilege.Running) error {
	if err := t.tell(running); err != nil {
		_ = t.c.c.Close() // the reader notices, and the program is hung up
	}
	for {
		select {
		case <-running.Done():
			code, err := running.Wait()
			if err != nil {
				return t.failed(err)
			}
			return t.c.write(kEnded, ended{Kind: Ran, Exit: code, Request: t.id()})
		case f, ok := <-t.frames:
			if ok {
				closeAll(f.files)
				if err := t.signal(f, running); err != nil {
					_ = t.c.c.Close() // as above
				}
				continue
			}
			if agent.Err() != nil {
				return context.Cause(agent)
			}
			return errors.Join(errGone, running.Signal(unix.SIGHUP), running.Signal(unix.SIGCONT))
		case <-agent.Done():
			return context.Cause(agent)
		}
	}
}

// tell gives the terminal's other end to the client and keeps no copy.
func (t *talk) tell(running *privilege.Running) error {
	if running.Master == nil {
		return t.c.write(kStarted, started{})
	}
	defer running.Master.Close()
	return t.c.write(kStarted, started{Terminal: true}, running.Master)
}

func (t *talk) signal(f talked, running *privilege.Running) error {
	var s signalled
	if f.Kind != kSignal {
		return fmt.Errorf("%w: %q while a program runs", errFrame, clip(string(f.Kind)))
	}
	if err := f.into(&s); err != nil {
		return err
	}
	switch sig := syscall.Signal(s.Number); sig {
	case unix.SIGINT, unix.SIGTERM, unix.SIGQUIT, unix.SIGHUP, unix.SIGUSR1, unix.SIGUSR2, unix.SIGCONT, unix.SIGWINCH:
		return running.Signal(sig)
	}
	return fmt.Errorf("%w: signal %d is not passed on", errFrame, s.Number)
}

// Ask implements [intercept.Person].
func (t *talk) Ask(ctx context.Context, n wire.Need) (justification, ticket string, err error) {
	if !t.ask.Terminal {
		return "", "", intercept.ErrNobody
	}
	if err := t.c.write(kNeed, need{ReasonMin: n.ReasonMin, Presets: n.Presets, Ticket: n.Ticket, GoesTo: n.GoesTo,
		Message: n.Message, HasReason: t.ask.Reason != "", HasTicket: t.ask.Ticket != ""}); err != nil {
		return "", "", err
	}
	f, err := t.expect(ctx, kReason, 0)
	if err != nil {
		return "", "", err
	}
	var r reason
	if err := f.into(&r); err != nil {
		return "", "", err
	}
	if r.Nobody {
		return "", "", intercept.ErrNobody
	}
	if t.ask.Reason != "" {
		r.Justification = t.ask.Reason
	}
	if t.ask.Ticket != "" {
		r.Ticket = t.ask.Ticket
	}
	return r.Justification, r.Ticket, nil
}

// Question implements [intercept.Person]: the client asks beside the waiting.
func (t *talk) Question(ctx context.Context, q intercept.Question) (string, error) {
	if !t.ask.Terminal {
		return "", intercept.ErrNobody
	}
	t.asked++
	if err := t.c.write(kQuestion, questioned{N: t.asked, By: q.By, Text: q.Text}); err != nil {
		return "", err
	}
	for {
		select {
		case r := <-t.replies:
			switch {
			case r.N != t.asked: // to one that was over when it was typed
			case r.Nobody:
				return "", intercept.ErrNobody
			default:
				return r.Text, nil
			}
		case <-ctx.Done():
			return "", errors.Join(context.Cause(ctx), t.c.write(kEnough, empty{}))
		}
	}
}

// Waiting implements [intercept.Person].
func (t *talk) Waiting(w intercept.Waiting) {
	t.mu.Lock()
	t.request = w.Request
	t.mu.Unlock()
	_ = t.c.write(kWaiting, waiting{Waiting: w}) // a client that is gone is noticed by the reader
}

// Say implements [intercept.Person].
func (t *talk) Say(text string) {
	_ = t.c.write(kSay, say{Text: text}) // as above
}

func (t *talk) id() elevation.RequestID {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.request
}

func (t *talk) end(k OutcomeKind, text string, hints ...string) error {
	return t.c.write(kEnded, ended{Kind: k, Exit: k.ExitCode(), Request: t.id(), Text: text, Hints: hints})
}

// failed says why nothing ran.
func (t *talk) failed(err error) error {
	k, text, hints := explain(err)
	var kept *intercept.Kept
	if errors.As(err, &kept) && kept.Request != "" {
		t.mu.Lock()
		t.request = kept.Request
		t.mu.Unlock()
	}
	return t.end(k, text, hints...)
}
