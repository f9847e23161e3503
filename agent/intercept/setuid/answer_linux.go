package setuid

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
	"github.com/assent-epm/assent/shared/wire"
)

const (
	firstPerson = 1000 // below are root and the accounts of services
	nobodyUID   = 65534

	maxOfUser = 8  // starts of one person that are held at once
	maxHeld   = 64 // of everybody

	againTime = time.Second // a shell that tries along PATH is one start
	maxSaid   = 4096
)

// starter is who starts a program, by what the kernel says of the process. ok is
// false for root, services, other containers and whoever can not be told: they are
// let go on at once, so that no log-in ever waits for us.
func starter(pid int) (uid uint32, ok bool) {
	if pid <= 1 || pid == os.Getpid() {
		return 0, false
	}
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0, false
	}
	return person(string(raw))
}

// person reads the real user of a process, who must be the effective one, too:
// what runs as somebody else already, such as sshd or login, gains nothing.
func person(status string) (uid uint32, ok bool) {
	for line := range strings.Lines(status) {
		f := strings.Fields(line)
		if len(f) != 5 || f[0] != "Uid:" {
			continue
		}
		n, err := strconv.ParseUint(f[1], 10, 32)
		if err != nil || f[2] == "0" || n < firstPerson || n == nobodyUID || n == 1<<32-1 {
			return 0, false
		}
		return uint32(n), true
	}
	return 0, false
}

// sees takes a start that nobody waits for.
func (w *Watcher) sees(ctx context.Context, e event) {
	path, err := e.path()
	e.close()
	if err != nil {
		return
	}
	uid, ok := seenStarter(e.pid)
	if !ok {
		return
	}
	w.mu.Lock()
	held, busy := w.held != nil, w.all >= maxHeld
	again := w.againLocked(sighting{uid, path}, time.Now())
	if !held && !busy && !again {
		w.all++
	}
	w.mu.Unlock()
	if held || busy || again { // where it is held, its answer is told
		return
	}
	w.work.Go(func() {
		defer w.let()
		who, err := intercept.LookupUID(uid)
		if err != nil {
			w.cfg.Log.Info("somebody unknown started a setuid program", "uid", uid, "path", path)
			return
		}
		stance, why := w.cfg.House.Stance(elevation.BySetuid, who)
		if stance == elevation.StanceOff || ctx.Err() != nil {
			return
		}
		if attempt, err := w.attempt(path, who); err == nil {
			w.cfg.House.Saw(around(why), attempt)
		}
	})
}

// seenStarter is starter for somebody whose program runs already: it may have
// become root by that, but not another real user.
func seenStarter(pid int) (uint32, bool) {
	uid, err := intercept.RealUID(pid)
	return uid, err == nil && uid >= firstPerson && uid != nobodyUID && uid != ^uint32(0)
}

func (w *Watcher) let() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all--
}

// againLocked reports whether the same was told of a moment ago.
func (w *Watcher) againLocked(s sighting, now time.Time) bool {
	if len(w.said) > maxSaid {
		clear(w.said)
	}
	again := now.Sub(w.said[s]) < againTime
	w.said[s] = now
	return again
}

// around says why a start was only seen: for those of the break-glass group that
// they are, for all others that it went on.
func around(why wire.SeenKind) wire.SeenKind {
	if why == wire.SeenBreakGlass {
		return why
	}
	return wire.SeenAround
}

// asked answers a start that the kernel holds. The quick answers are given at
// once, one after the other; what takes time has a goroutine, and nobody has many.
func (w *Watcher) asked(ctx context.Context, g *group, e event) {
	uid, ok := starter(e.pid)
	if !ok {
		w.answer(g, e, true)
		return
	}
	w.mu.Lock()
	mine, full := w.holds[uid] >= maxOfUser, w.all >= maxHeld
	if !mine && !full {
		w.holds[uid]++
		w.all++
	}
	w.mu.Unlock()
	switch {
	case mine: // more of the same person wait already
		w.answer(g, e, false)
		return
	case full:
		w.cfg.Log.Warn("too many setuid programs are held: one goes on unasked", "uid", uid)
		w.answer(g, e, true)
		return
	}
	w.work.Go(func() {
		defer func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.all--
			if w.holds[uid]--; w.holds[uid] == 0 {
				delete(w.holds, uid)
			}
		}()
		ctx, cancel := context.WithTimeout(ctx, w.cfg.Hold)
		defer cancel()
		w.answer(g, e, w.decide(ctx, e, uid))
	})
}

func (w *Watcher) answer(g *group, e event, allow bool) {
	if err := g.answer(e, allow); err != nil {
		w.cfg.Log.Error("answer the start of a setuid program", "error", err)
	}
}

// decide says whether a held start goes on. Within the time of ctx a person or a
// rule may deny it; without an answer the system decides as it does without us.
func (w *Watcher) decide(ctx context.Context, e event, uid uint32) (allow bool) {
	path, err := e.path()
	who, lookupErr := intercept.LookupUID(uid)
	if err := errors.Join(err, lookupErr); err != nil {
		w.cfg.Log.Warn("a start of a setuid program could not be looked at and goes on", "uid", uid, "error", err)
		return true
	}
	stance, why := w.cfg.House.Stance(elevation.BySetuid, who)
	if stance == elevation.StanceOff {
		return true
	}
	terminal := intercept.TerminalOf(e.pid, uid)
	tell := func(line string) {
		if err := terminal.Tell(line); err != nil {
			w.cfg.Log.Debug("a person could not be told", "error", err)
		}
	}
	attempt, err := w.attempt(path, who)
	switch {
	case stance == elevation.StanceObserve:
		if err == nil {
			w.cfg.House.Saw(around(why), attempt)
		}
		return true
	case err != nil:
		w.cfg.Log.Warn("a setuid program can not be asked for", "path", path, "error", err)
		return stance == elevation.StanceAsk
	case w.spend(attempt):
		return true
	case stance != elevation.StanceAsk: // deny, and whatever is not known
		tell("assent: " + inert.Text(path) + " is not allowed here; ask for the command itself: assent run -- COMMAND")
		w.cfg.Log.Info("a setuid program was refused", "path", path, "user", who.Name)
		return false
	}
	return w.ask(ctx, e, attempt, tell)
}

// spend uses an approval that waits for the attempt.
func (w *Watcher) spend(attempt elevation.Attempt) bool {
	permit, ok := w.cfg.Effects.Claim(attempt)
	if !ok {
		return false
	}
	return w.use(attempt, permit)
}

func (w *Watcher) use(attempt elevation.Attempt, permit intercept.Permit) bool {
	granted := elevation.Attempt{AccessType: permit.Grant.AccessType, User: permit.Grant.User, Subject: permit.Grant.Subject}
	if !attempt.Same(granted) || permit.Grant.Uses < 1 || intercept.Unconditional(permit.Grant) != nil {
		w.cfg.Effects.Release(permit.Grant.ID)
		return false
	}
	if err := w.cfg.Effects.Spend(permit); err != nil {
		w.cfg.Log.Warn("an approval for a setuid program was not used", "grant", permit.Grant.ID, "error", err)
		return false
	}
	w.cfg.Log.Info("an approved setuid program goes on", "grant", permit.Grant.ID, "path", attempt.Subject.Path)
	return true
}

// ask puts a held start to the controller. Only a denial keeps it from going on.
func (w *Watcher) ask(ctx context.Context, e event, attempt elevation.Attempt, tell func(string)) bool {
	reason, ticket := intercept.Wish(e.pid)
	person := &intercept.Later{Desk: w.cfg.Desk, Attempt: attempt, Tell: tell, Held: true}
	permit, err := w.cfg.Elevator.Elevate(ctx, intercept.Ask{Attempt: attempt, Justification: strings.TrimSpace(reason), Ticket: strings.TrimSpace(ticket),
		Wait: w.cfg.Hold}, person)
	if err == nil && w.use(attempt, permit) {
		return true
	}
	var refused *intercept.Refused
	if errors.As(err, &refused) {
		text := "denied by " + inert.Text(refused.By)
		if refused.Text != "" {
			text += ": " + inert.Clip(inert.Text(refused.Text), 300)
		}
		tell("assent: " + inert.Text(attempt.Subject.Path) + " is " + text)
		return false
	}
	w.cfg.Log.Info("a setuid program goes on without an answer", "path", attempt.Subject.Path, "user", attempt.User.Name, "reason", err)
	w.cfg.House.Saw(wire.SeenAround, attempt)
	return true
}

// attempt is the start of a program with whatever arguments it has.
func (w *Watcher) attempt(path string, who intercept.Account) (elevation.Attempt, error) {
	id, err := intercept.Identify(path)
	if err != nil {
		return elevation.Attempt{}, fmt.Errorf("look at %s: %w", inert.Text(path), err)
	}
	a := elevation.Attempt{AccessType: elevation.Run, User: who.AsUser(), Mechanism: string(elevation.BySetuid), Subject: elevation.Subject{
		Path: path, ArgsDigest: intercept.ArgsDigest(w.cfg.Salt, "setuid", []string{elevation.MarkAnyArguments}), Cwd: "/", RunAs: "root",
		SHA256: id.SHA256, Size: id.Size, Marks: []string{elevation.MarkAnyArguments, elevation.MarkUnbounded}}}
	return a, a.Valid()
}
