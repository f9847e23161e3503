package local

import (
	"errors"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/agent/words"
	"github.com/assent-epm/assent/shared/elevation"
)

// explain turns the reason why nothing ran into what a person reads and what a
// script sees.
func explain(t words.Tongue, err error) (k OutcomeKind, text string, hints []string) {
	var refused *intercept.Refused
	var kept *intercept.Kept
	var unfit *intercept.Unfit
	switch {
	case errors.As(err, &refused):
		return Denied, refused.In(t), nil
	case errors.As(err, &kept):
		return Kept, t.Say("kept as %s, run the same command again", string(kept.Request)), []string{t.Say("the same command joins the request, or uses its approval")}
	case errors.Is(err, intercept.ErrWithdrawn):
		return Withdrawn, t.Say("withdrawn"), nil
	case errors.Is(err, intercept.ErrCancelled):
		return Cancelled, t.Say("the request was cancelled"), nil
	case errors.Is(err, intercept.ErrRemoved):
		return Cancelled, t.Say("nothing waits any more: Assent is being removed from this machine"), nil
	case errors.Is(err, intercept.ErrExpired):
		return Expired, t.Say("nobody answered in time"), []string{t.Say("run the command again to ask again")}
	case errors.Is(err, intercept.ErrWaitOver):
		return WaitOver, t.Say("waited long enough; the request goes on"), []string{t.Say("the same command joins it, or uses its approval")}
	case errors.Is(err, intercept.ErrUnreachable):
		return Unreachable, t.Say("the Assent controller can not be reached"), []string{t.Say("try again later; assent status shows the connection")}
	case errors.As(err, &unfit):
		return Invalid, unfit.In(t), []string{t.Say(`give what is needed: assent run --reason "why" --ticket T -- COMMAND`)}
	case errors.Is(err, intercept.ErrNobody):
		return Invalid, t.Say("a reason is needed and there is no terminal to ask for it"), []string{t.Say(`give one: assent run --reason "why" -- COMMAND`)}
	case errors.Is(err, intercept.ErrObserves), errors.Is(err, intercept.ErrOff):
		return Denied, err.Error(), []string{t.Say("sudo works here as it did before Assent; assent status says how long")}
	}
	return explainLocal(t, err)
}

// explainLocal is about what this endpoint itself can not do.
func explainLocal(t words.Tongue, err error) (k OutcomeKind, text string, hints []string) {
	switch {
	case errors.Is(err, intercept.ErrNeedsPerson):
		return Denied, t.Say("a person must approve this"), nil
	case errors.Is(err, intercept.ErrNoProgram):
		return NotFound, err.Error(), []string{t.Say("programs without a folder are looked for in the system's folders only")}
	case errors.Is(err, intercept.ErrNoUser):
		return Invalid, err.Error(), []string{t.Say("--as takes a user of this machine")}
	case errors.Is(err, intercept.ErrTooLong), errors.Is(err, privilege.ErrArguments), errors.Is(err, elevation.ErrInvalid), errors.Is(err, errFrame):
		return Invalid, err.Error(), nil
	case errors.Is(err, privilege.ErrSeat):
		return Failed, err.Error(), []string{"ask again from the terminal in which you need it"}
	case errors.Is(err, privilege.ErrChanged):
		return Failed, err.Error(), []string{t.Say("run the command again to ask for it as it is now")}
	case errors.Is(err, privilege.ErrUnsafe):
		return Failed, err.Error(), []string{t.Say("ask an administrator to install it where only root can write")}
	case errors.Is(err, privilege.ErrFolder):
		return Failed, err.Error(), []string{t.Say("change to a folder that you can enter")}
	}
	return Failed, err.Error(), []string{t.Say("the agent's log says more")}
}
