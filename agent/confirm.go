package agent

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/agent/words"
	"github.com/assent-epm/assent/shared/elevation"
)

// This file has people show who they are before a grant is applied, where the
// grant or the policy wants that: whoever sits at somebody's open terminal gains
// nothing by an approval that comes in.

// Limits of wrong passwords.
const (
	confirmTries = 3                // at one prompt
	confirmWrong = 6                // of one user, then nothing is checked for a while
	confirmRest  = 10 * time.Minute // that long after the last wrong one
)

// proofs counts wrong passwords, and keeps who confirmed what they try again.
type proofs struct {
	mu    sync.Mutex         // guards the fields below
	wrong map[string]guesses // by the user
	shown map[elevation.GrantID]time.Time
}

type guesses struct {
	n    int
	last time.Time
}

// mayGuess reports whether another password of a user would be looked at.
func (p *proofs) mayGuess(user string, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.leftLocked(user, now)
}

func (p *proofs) leftLocked(user string, now time.Time) bool {
	g := p.wrong[user]
	return g.n < confirmWrong || now.Sub(g.last) > confirmRest
}

// guess counts a password as wrong before it is looked at, so that many prompts
// at once are no more tries; false = it is not looked at.
func (p *proofs) guess(user string, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.leftLocked(user, now) {
		return false
	}
	g := p.wrong[user]
	if now.Sub(g.last) > confirmRest {
		g.n = 0
	}
	if p.wrong == nil {
		p.wrong = map[string]guesses{}
	}
	p.wrong[user] = guesses{n: g.n + 1, last: now}
	return true
}

// right forgets the wrong ones.
func (p *proofs) right(user string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.wrong, user)
}

// keep notes that a grant was confirmed by somebody who tries again to use it.
func (p *proofs) keep(id elevation.GrantID, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for old, at := range p.shown {
		if !fresh(at, now) {
			delete(p.shown, old)
		}
	}
	if p.shown == nil {
		p.shown = map[elevation.GrantID]time.Time{}
	}
	p.shown[id] = now
}

// spend takes that confirmation, once; false = there is none, or it is too old.
func (p *proofs) spend(id elevation.GrantID, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, ok := p.shown[id]
	delete(p.shown, id)
	return ok && fresh(at, now)
}

// kept reports whether spend would.
func (p *proofs) kept(id elevation.GrantID, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, ok := p.shown[id]
	return ok && fresh(at, now)
}

func fresh(at, now time.Time) bool { return !now.Before(at) && now.Sub(at) <= elevation.ConfirmTime }

// wantsConfirm is the stricter of what the grant and the policy want.
func (a *Agent) wantsConfirm(g elevation.Grant) elevation.Confirm {
	for _, c := range []elevation.Confirm{elevation.ConfirmPasskey, elevation.ConfirmPassword} {
		if g.Confirm == c || a.Policy().Confirm == string(c) {
			return c
		}
	}
	for _, c := range []elevation.Confirm{g.Confirm, elevation.Confirm(a.Policy().Confirm)} {
		if c != "" && c != elevation.ConfirmNone {
			return elevation.ConfirmPasskey // of a later version: nothing here can show it
		}
	}
	return elevation.ConfirmNone
}

// unconfirmed is what has to be shown before a waiting grant is used, "" = nothing.
func (a *Agent) unconfirmed(e grants.Entry) string {
	g, err := a.openEntry(e)
	if err != nil || a.proofs.kept(e.ID, a.now()) {
		return ""
	}
	if c := a.wantsConfirm(g); c != elevation.ConfirmNone {
		return string(c)
	}
	return ""
}

// prove has the person confirm a permit that is about to be given out. After an
// error the permit is given back and may be used later.
func (a *Agent) prove(ctx context.Context, permit intercept.Permit, p intercept.Person, t words.Tongue) error {
	var err error
	switch a.wantsConfirm(permit.Grant) {
	case elevation.ConfirmNone:
		return nil
	case elevation.ConfirmPasskey:
		err = a.provePasskey(ctx, permit.Grant, p, t)
	default:
		err = a.provePassword(ctx, permit.Grant, p, t)
	}
	if err == nil && triesAgain(p) {
		a.proofs.keep(permit.Grant.ID, a.now())
	}
	return err
}

// triesAgain reports whether the person was refused for now, and uses an approval
// by doing the same again.
func triesAgain(p intercept.Person) bool {
	l, ok := p.(*intercept.Later)
	return ok && !l.Held
}

// provePassword waits until the person has typed their password for a grant.
func (a *Agent) provePassword(ctx context.Context, g elevation.Grant, p intercept.Person, t words.Tongue) (err error) {
	who := g.User.UID
	from := &secretSource{a: a, g: g, p: p, t: t}
	defer func() { from.end(err) }()
	tooMany := &intercept.Refused{By: "the policy", Rule: true, Text: fmt.Sprintf("too many wrong passwords; try again in %s", intercept.Elapsed(confirmRest))}
	for range confirmTries {
		if !a.proofs.mayGuess(who, a.now()) {
			return tooMany
		}
		typed, err := from.next(ctx)
		if err != nil {
			return noPassword(err, p)
		}
		if !a.proofs.guess(who, a.now()) {
			return tooMany
		}
		err = a.checkPassword(ctx, g.User, typed)
		switch {
		case err == nil:
			a.proofs.right(who)
			now := a.now()
			return a.journal.update(g.Request, now, func(n *note) { n.happened(now, "confirmed", g.User.Name, "") })
		case !errors.Is(err, privilege.ErrPassword):
			a.Log.Error("a password can not be checked", "uid", who, "error", err)
			return &intercept.Refused{By: "the policy", Rule: true, Text: "it wants your password before anything runs, and " + privilege.ErrNoPassword.Error()}
		}
		from.wrong()
	}
	return &intercept.Refused{By: "the policy", Rule: true, Text: fmt.Sprintf("it wants your password before anything runs, and %d were wrong", confirmTries)}
}

func noPassword(err error, p intercept.Person) error {
	if !errors.Is(err, intercept.ErrNobody) {
		return err
	}
	how := "run it at a terminal"
	if _, later := p.(*intercept.Later); later { // a terminal is no way for it: it asks nobody
		how = "use sudo or assent run at a terminal"
	}
	return &intercept.Refused{By: "the policy", Rule: true, Text: "it wants your password before anything runs: " + how}
}

func (a *Agent) checkPassword(ctx context.Context, who elevation.User, password string) error {
	user := who.Name
	if _, sid, err := privilege.Owner(who.UID); err != nil {
		return errors.Join(privilege.ErrNoPassword, err)
	} else if sid != "" { // a name of Windows can be another person's tomorrow
		user = sid
	}
	if a.Password != nil {
		return a.Password(ctx, user, password)
	}
	return privilege.Passwords{}.Check(ctx, user, password)
}
