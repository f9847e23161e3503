package local

import (
	"errors"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/elevation"
)

// explain turns the reason why nothing ran into what a person reads and what a
// script sees.
func explain(err error) (k OutcomeKind, text string, hints []string) {
	var refused *intercept.Refused
	var kept *intercept.Kept
	switch {
	case errors.As(err, &refused):
		return Denied, refused.Error(), nil
	case errors.As(err, &kept):
		return Kept, kept.Error(), []string{"the same command joins the request, or uses its approval"}
	case errors.Is(err, intercept.ErrWithdrawn):
		return Withdrawn, "withdrawn", nil
	case errors.Is(err, intercept.ErrCancelled):
		return Cancelled, "the request was cancelled", nil
	case errors.Is(err, intercept.ErrExpired):
		return Expired, "nobody answered in time", []string{"run the command again to ask again"}
	case errors.Is(err, intercept.ErrWaitOver):
		return WaitOver, "waited long enough; the request goes on", []string{"the same command joins it, or uses its approval"}
	case errors.Is(err, intercept.ErrUnreachable):
		return Unreachable, "the Assent controller can not be reached", []string{"try again later; assent status shows the connection"}
	case errors.Is(err, intercept.ErrNobody):
		return Invalid, "a reason is needed and there is no terminal to ask for it", []string{`give one: assent run --reason "why" -- COMMAND`}
	}
	return explainLocal(err)
}

// explainLocal is about what this endpoint itself can not do.
func explainLocal(err error) (k OutcomeKind, text string, hints []string) {
	switch {
	case errors.Is(err, intercept.ErrNeedsPerson):
		return Denied, "a person must approve this", nil
	case errors.Is(err, intercept.ErrNoProgram):
		return NotFound, err.Error(), []string{"programs without a folder are looked for in the system's folders only"}
	case errors.Is(err, intercept.ErrNoUser):
		return Invalid, err.Error(), []string{"--as takes a user of this machine"}
	case errors.Is(err, intercept.ErrTooLong), errors.Is(err, privilege.ErrArguments), errors.Is(err, elevation.ErrInvalid), errors.Is(err, errFrame):
		return Invalid, err.Error(), nil
	case errors.Is(err, privilege.ErrChanged):
		return Failed, err.Error(), []string{"run the command again to ask for it as it is now"}
	case errors.Is(err, privilege.ErrUnsafe):
		return Failed, err.Error(), []string{"ask an administrator to install it where only root can write"}
	case errors.Is(err, privilege.ErrFolder):
		return Failed, err.Error(), []string{"change to a folder that you can enter"}
	}
	return Failed, err.Error(), []string{"the agent's log says more"}
}
