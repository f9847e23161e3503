package held

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
	"github.com/assent-epm/assent/shared/wire"
)

// Serve opens the source of this system, and answers for what it holds until ctx ends.
// Where there is none, or when it ends by itself, that is said, and nothing else of the
// agent ends with it.
func Serve(ctx context.Context, open func() (Source, error), cfg Config) error {
	source, err := open()
	if err != nil {
		cfg.Log.Info("programs are not held as they start", "reason", err)
		return nil
	}
	cfg.Source = source
	w, err := New(cfg)
	if err != nil {
		return errors.Join(err, source.Close())
	}
	if err := w.Run(ctx); err != nil {
		cfg.Log.Error("programs are not held any more, and start as without Assent", "error", err)
	}
	return nil
}

// decide says whether a start goes on. named becomes true as soon as it is known that a
// deny rule, or the policy, names it.
func (w *Watcher) decide(ctx context.Context, s Start, named *atomic.Bool) (allow bool) {
	f := w.cfg.Flow
	who, err := w.cfg.Lookup(s.Who.RUID())
	if err != nil {
		w.cfg.Log.Warn("a start of somebody unknown goes on", "uid", s.Who.RUID(), "error", err)
		return true
	}
	stance, why := f.Stance(elevation.BySetuid, who)
	switch stance {
	case elevation.StanceOff:
		return true
	case elevation.StanceObserve:
		if attempt, err := w.observe(s); err == nil {
			f.Saw(around(why), attempt)
		}
		return true
	case elevation.StanceAsk:
		if _, denies := f.Denies(w.bare(s)); denies {
			named.Store(true)
		}
	default: // deny, and whatever is not known
		named.Store(true)
	}
	attempt, err := w.observe(s)
	if err != nil {
		w.cfg.Log.Warn("a start can not be asked for", "path", s.Path, "error", err)
		return !named.Load()
	}
	switch {
	case w.spend(ctx, attempt):
		return true
	case stance != elevation.StanceAsk:
		w.cfg.Log.Info("a start was refused", "path", s.Path, "user", who.Name)
		return false
	}
	if _, denies := f.Denies(attempt); denies {
		named.Store(true)
	}
	return w.ask(ctx, s, attempt, named)
}

// crowded is decide beside too many others: nobody is asked and no file is looked at,
// and what the policy or a rule refuses does not start all the same.
func (w *Watcher) crowded(_ context.Context, s Start, named *atomic.Bool) (allow bool) {
	_, denies := w.cfg.Flow.Denies(w.bare(s))
	named.Store(denies)
	who, err := w.cfg.Lookup(s.Who.RUID())
	if err != nil {
		return !denies
	}
	switch stance, _ := w.cfg.Flow.Stance(elevation.BySetuid, who); stance {
	case elevation.StanceOff, elevation.StanceObserve:
		return true
	case elevation.StanceAsk:
		return !denies
	}
	w.cfg.Log.Info("a start was refused", "path", s.Path, "user", who.Name)
	return false
}

// around says why a start was only seen.
func around(why wire.SeenKind) wire.SeenKind {
	if why == wire.SeenBreakGlass {
		return why
	}
	return wire.SeenAround
}

// observe is the attempt of a start. The file must be the one that the kernel holds.
func (w *Watcher) observe(s Start) (elevation.Attempt, error) {
	attempt, real, err := w.cfg.Observe(intercept.Raw{User: privilege.UserOf(s.Who.RUID()), PID: s.Who.PID(), Command: s.Path, Args: s.Args, Cwd: s.Cwd,
		Mechanism: string(elevation.BySetuid), Marks: []string{elevation.MarkUnbounded}, Salt: w.cfg.Salt, Mask: w.cfg.Masks()})
	if err == nil && (real.Dev != s.Dev || real.Ino != s.Ino) {
		err = errors.New("another file stands there by now")
	}
	return attempt, err
}

// spend uses an approval that waits for the attempt, unless the start was answered
// meanwhile.
func (w *Watcher) spend(ctx context.Context, attempt elevation.Attempt) bool {
	permit, ok := w.cfg.Flow.Claim(attempt)
	return ok && w.use(ctx, attempt, permit)
}

func (w *Watcher) use(ctx context.Context, attempt elevation.Attempt, permit intercept.Permit) bool {
	granted := elevation.Attempt{AccessType: permit.Grant.AccessType, User: permit.Grant.User, Subject: permit.Grant.Subject}
	if ctx.Err() != nil || !attempt.Same(granted) || permit.Grant.Uses < 1 || intercept.Unconditional(permit.Grant) != nil {
		w.cfg.Flow.Release(permit.Grant.ID)
		return false
	}
	if err := w.cfg.Flow.Spend(permit); err != nil {
		w.cfg.Log.Warn("an approval for a start was not used", "grant", permit.Grant.ID, "error", err)
		return false
	}
	w.cfg.Log.Info("an approved program starts", "grant", permit.Grant.ID, "path", attempt.Subject.Path)
	return true
}

// ask puts a held start to the controller. Only a denial keeps it from going on; where
// there is no answer, the rules that the agent keeps can deny.
func (w *Watcher) ask(ctx context.Context, s Start, attempt elevation.Attempt, named *atomic.Bool) bool {
	tell := func(line string) { w.cfg.Log.Info("a person is told", "user", attempt.User.Name, "text", line) }
	person := &intercept.Later{Desk: w.cfg.Flow, Attempt: attempt, Tell: tell, Held: true}
	permit, err := w.cfg.Flow.Elevate(ctx, intercept.Ask{Attempt: attempt, Wait: max(time.Until(s.Deadline)-w.cfg.Margin, time.Millisecond)}, person)
	if err == nil && w.use(ctx, attempt, permit) {
		return true
	}
	var refused *intercept.Refused
	if errors.As(err, &refused) {
		w.cfg.Log.Info("a start was denied", "path", s.Path, "user", attempt.User.Name, "by", inert.Text(refused.By))
		return false
	}
	if named.Load() {
		w.cfg.Log.Info("a start was denied by the rules that are kept here", "path", s.Path, "user", attempt.User.Name, "reason", err)
		return false
	}
	w.cfg.Log.Info("a start goes on without an answer", "path", s.Path, "user", attempt.User.Name, "reason", err)
	w.cfg.Flow.Saw(wire.SeenAround, attempt)
	return true
}
