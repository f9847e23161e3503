package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

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
	streams *streams            // relayed, nil where descriptors are passed
	asked   int                 // questions so far; of the one goroutine that asks
	request elevation.RequestID // for the outcome, once it is known
	mu      sync.Mutex          // guards request

	speaks intercept.Speech
}

type talked struct {
	frame
	files []*os.File
}

// talking begins a conversation about an attempt, and goes on with do as long as
// the client is there; agent ends with the agent alone.
func (s *Server) talking(ctx context.Context, c *conn, p peer, f frame, do func(ctx, agent context.Context, t *talk) error) error {
	t := &talk{c: c, peer: p, frames: make(chan talked), replies: make(chan reply, 1)}
	if err := f.into(&t.ask); err != nil {
		return errors.Join(err, t.end(Invalid, "the request can not be read"))
	}
	if t.ask.Version != Version {
		return t.end(Invalid, ErrVersion.Error())
	}
	t.speaks = t.speech(s.cfg.Voice)
	agent := ctx
	ctx, cancel := context.WithCancelCause(ctx)
	var reader sync.WaitGroup
	defer reader.Wait()
	defer c.c.Close()
	defer cancel(nil)
	reader.Go(func() { t.listen(ctx, cancel) })
	return do(ctx, agent, t)
}

// run serves one `assent run`.
func (s *Server) run(ctx, agent context.Context, t *talk) error {
	attempt, real, err := t.observe(s.cfg)
	if err != nil {
		return t.failed(err)
	}
	permit, inside, err := s.inside(ctx, t, attempt)
	late := false
	if !inside {
		permit, late, err = s.elevate(ctx, t, attempt)
	}
	if err != nil {
		return t.failed(err)
	}
	if done, err := s.become(ctx, t, permit, real, &late); done {
		return err
	}
	files, err := t.files(ctx, late)
	if err != nil {
		s.cfg.Runner.Release(permit.Grant.ID)
		return t.failed(err)
	}
	defer t.streams.close()
	release, err := real.HoldFeeds() // the last look before it runs
	if err != nil {
		closeAll(files[:])
		s.cfg.Runner.Release(permit.Grant.ID)
		return t.failed(fmt.Errorf("%w: %w", privilege.ErrChanged, err))
	}
	defer release()
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
	args := privilege.InStrings(t.ask.Args)
	if err := privilege.CheckArguments(string(t.ask.Command), args); err != nil {
		return elevation.Attempt{}, intercept.Real{}, err
	}
	var masks intercept.Patterns
	if cfg.Masks != nil {
		masks = cfg.Masks()
	}
	a, real, err := intercept.Observe(intercept.Raw{
		User: t.peer.user, PID: t.peer.pid, Command: string(t.ask.Command), Args: args,
		Cwd: string(t.ask.Cwd), SearchPath: privilege.SystemPath(), RunAs: string(t.ask.As), Mechanism: t.ask.mechanism(), Salt: cfg.Salt, Mask: masks,
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
		Attempt: a, Justification: t.ask.Reason, Ticket: t.ask.Ticket, NoWait: t.ask.NoWait, Wait: wait, AtTerminal: t.ask.Terminal, Emergency: t.ask.Emergency, Tongue: t.speaks.Tongue,
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
		if err := t.confirmed(ctx); err != nil {
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
	if !t.c.passes() {
		files, streams, err := relayed(t.c.writes())
		t.streams = streams
		return files, err
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
		Requester: t.account(real.User), RunAs: t.account(real.RunAs), Env: privilege.InStrings(t.ask.Env),
		Files: files, Rows: t.ask.Rows, Cols: t.ask.Cols, Caller: t.peer.from.PID,
	}
}

// account is one of the program's; on Windows it has a place in the session of
// whoever asked.
func (t *talk) account(a intercept.Account) privilege.Account {
	p := account(a)
	p.Session = t.peer.from.Session
	return p
}

func account(a intercept.Account) privilege.Account {
	p := privilege.Account{Name: a.Name, UID: a.UID, GID: a.GID, Home: a.Home, Shell: a.Shell, SID: a.SID}
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
	if t.streams != nil {
		t.streams.begin(agent)
	}
	over, told := running.Done(), make(chan struct{})
	for {
		select {
		case <-over:
			if t.streams == nil {
				return t.over(running)
			}
			over = nil  // what it wrote comes first
			go func() { // ends with the streams, which the caller closes
				t.streams.drained(agent)
				close(told)
			}()
		case <-told:
			return t.over(running)
		case f, ok := <-t.frames:
			if ok {
				closeAll(f.files)
				if err := t.during(f, running); err != nil {
					_ = t.c.c.Close() // as above
				}
				continue
			}
			if agent.Err() != nil {
				return context.Cause(agent)
			}
			return errors.Join(errGone, running.HangUp())
		case <-agent.Done():
			return context.Cause(agent)
		}
	}
}

// over says how a program has ended.
func (t *talk) over(running *privilege.Running) error {
	code, err := running.Wait()
	if err != nil {
		return t.failed(err)
	}
	return t.c.write(kEnded, ended{Kind: Ran, Exit: code, Request: t.id()})
}

// during takes a frame while a program runs.
func (t *talk) during(f talked, running *privilege.Running) error {
	if t.streams != nil {
		if ours, err := t.streams.heard(f.frame); ours {
			return err
		}
	}
	return t.signal(f, running)
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
	if sig := syscall.Signal(s.Number); passedOn(sig) {
		return running.Signal(sig)
	}
	return fmt.Errorf("%w: signal %d is not passed on", errFrame, s.Number)
}

// Ask implements [intercept.Person].
func (t *talk) Ask(ctx context.Context, n wire.Need) (justification, ticket string, err error) {
	if !t.ask.Terminal {
		return "", "", intercept.ErrNobody
	}
	if err := t.c.write(kNeed, need{Intro: t.speaks.Introduce(n, time.Now()), ReasonMin: n.ReasonMin, Ticket: n.Ticket, Tongue: t.speaks.Tongue}); err != nil {
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
	if n.ReasonMin > 0 {
		t.speaks.Given(r.Justification, time.Now())
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
	w.Tongue = t.speaks.Tongue
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
	k, text, hints := explain(t.speaks.Tongue, err)
	hints = append(hints, t.speaks.Company...)
	var kept *intercept.Kept
	if errors.As(err, &kept) && kept.Request != "" {
		t.mu.Lock()
		t.request = kept.Request
		t.mu.Unlock()
	}
	return t.end(k, text, hints...)
}
