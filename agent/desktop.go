package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/shared/wire"
)

// This file is about people who can not be asked where an attempt happens, and
// who sit at a desktop: a program of theirs (`assent desktop`) watches and asks
// them. It gives no right: whoever is that user could give the reason anyway.

// desktopWithin is how long somebody may take for the reason while their program
// is held. Without an answer it ends as if there were no desktop.
const desktopWithin = 3 * time.Minute

// Sits implements local's Flow.
func (a *Agent) Sits(who string) (gone func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.sitting == nil {
		a.sitting = map[string]int{}
	}
	a.sitting[who]++
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.sitting[who]--; a.sitting[who] <= 0 {
			delete(a.sitting, who)
		}
	}
}

// sits reports whether a user can be asked at a desktop.
func (a *Agent) sits(who string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.sitting[who] > 0
}

// Sitting reports whether a program of a user's desktop holds the door.
func (a *Agent) Sitting(who string) bool { return a.sits(who) }

// askDesktop has the person asked at their desktop, for what could not be asked
// where it happens. [intercept.ErrNobody] when there is none, or no answer.
func (a *Agent) askDesktop(ctx context.Context, w *wait, need wire.Need) (reason, ticket string, err error) {
	if !a.sits(w.ask.Attempt.User.UID) {
		return "", "", intercept.ErrNobody
	}
	need.Request = w.id
	w.p.Say(w.ask.Tongue.Say("The reason is asked for on your desktop."))
	ctx, cancel := context.WithTimeoutCause(ctx, desktopWithin, intercept.ErrNobody)
	defer cancel()
	reason, ticket, err = a.AwaitReason(ctx, w.ask.Attempt, need)
	if errors.Is(err, intercept.ErrWithdrawn) && ctx.Err() == nil {
		w.p.Say(w.ask.Tongue.Say("It was taken back at your desktop."))
	}
	if err != nil {
		return "", "", fmt.Errorf("ask at the desktop: %w", err)
	}
	return reason, ticket, nil
}
