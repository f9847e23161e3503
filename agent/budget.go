package agent

import (
	"errors"
	"fmt"
	"time"

	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/shared/elevation"
)

// This file bounds how long one user has sessions and is administrator in a day,
// as the policy says. What was used is read off the ledger, which keeps what has
// ended for longer than a day, so nothing else can be lost or turned back.

// errBudget is wrapped by what a user is told.
var errBudget = errors.New("the time for today is used")

// use is what a user has used of a day.
type use struct {
	spent time.Duration
	times int       // sessions, times as administrator, and each time that one was made longer
	last  time.Time // when the last of them ended, zero = none did
	runs  bool      // one of them is in force
}

// useOf sums up the day in which now is, by the clock of this machine.
func useOf(all []grants.Entry, user string, now time.Time) use {
	var u use
	local := now.Local()
	midnight := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, local.Location())
	for _, e := range all {
		if e.User() != user || !e.Used || e.Parent != "" || !budgeted(e.Access) {
			continue
		}
		from, to := e.EndBy.Wall.Add(-e.Total), e.EndBy.Wall
		switch {
		case e.State != grants.Ended:
			to, u.runs = now, true
		case e.EndedAt.Before(to):
			to = e.EndedAt
		}
		if e.State == grants.Ended && to.After(u.last) {
			u.last = to
		}
		if from.Before(midnight) {
			from = midnight
		} else {
			u.times++
		}
		if to.After(from) {
			u.spent += to.Sub(from)
			u.times += len(e.Amendments)
		}
	}
	return u
}

func budgeted(a elevation.AccessType) bool { return a == elevation.Session || a == elevation.Admin }

// left is what is left of a budget, and when there is more: at midnight, or after
// the pause between two. An error says why nothing is.
func (u use) left(b elevation.Budget, now time.Time) (left time.Duration, limited bool, err error) {
	tomorrow := "again after midnight"
	if again := u.last.Add(b.Cooldown); !u.runs && !u.last.IsZero() && again.After(now) {
		return 0, true, fmt.Errorf("%w for the moment: there is a pause between two, again from %s", errBudget, intercept.ClockTime(again, now))
	}
	if b.Renewals > 0 && u.times > b.Renewals {
		return 0, true, fmt.Errorf("%w: you had it %d times, %s", errBudget, u.times, tomorrow)
	}
	if b.PerDay <= 0 {
		return 0, false, nil
	}
	if left = b.PerDay - u.spent; left < time.Second {
		return 0, true, fmt.Errorf("%w: %s of %s, %s", errBudget, intercept.Elapsed(u.spent), intercept.Elapsed(b.PerDay), tomorrow)
	}
	return left, true, nil
}

// budget is what a user has left now.
func (a *Agent) budget(user string) (left time.Duration, limited bool, err error) {
	now := a.now()
	return useOf(a.Ledger.All(), user, now).left(a.Policy().Budget, now)
}

// withinBudget refuses an attempt that a user has no time left for, and asks for
// no more than there is.
func (a *Agent) withinBudget(ask *intercept.Ask) error {
	if !budgeted(ask.Attempt.AccessType) {
		return nil
	}
	left, limited, err := a.budget(ask.Attempt.User.UID)
	if err != nil {
		return &intercept.Refused{By: "the policy", Rule: true, Text: err.Error()}
	}
	if limited && left > 0 && (ask.Attempt.Duration > left || ask.Attempt.Duration == 0 && left < usualSession) {
		ask.Attempt.Duration = left
	}
	return nil
}

// usualSession is how long a session and a time as administrator are when nobody
// says, see elevation's times.
const usualSession = 30 * time.Minute

// afford cuts what an entry that is about to be used may last to what its user
// has left.
func (a *Agent) afford(e *grants.Entry, access elevation.AccessType) error {
	if !budgeted(access) {
		return nil
	}
	left, limited, err := a.budget(e.User())
	if err != nil {
		return fmt.Errorf("%w: %w", errNotHere, err)
	}
	if limited && left > 0 && e.Total > left {
		e.EndBy = e.EndBy.Later(left - e.Total)
		e.Total = left
	}
	return nil
}

// mayRenew refuses more time for what is in use when the day has none left, and
// gives no more than there is.
func (a *Agent) mayRenew(e grants.Entry, more time.Duration) (time.Duration, error) {
	if !budgeted(e.Access) {
		return more, nil
	}
	left, limited, err := a.budget(e.User())
	if err != nil {
		return 0, fmt.Errorf("%w: %w", local.ErrConflict, err)
	}
	if !limited || left <= 0 {
		return more, nil
	}
	if left -= e.EndBy.Left(a.Clock()); left < time.Second {
		return 0, fmt.Errorf("%w: %w, and all of it is given", local.ErrConflict, errBudget)
	}
	return min(more, left), nil
}

// budgetStatus is what `assent status` shows, nil without a budget.
func (a *Agent) budgetStatus(user string) *local.Budget {
	b := a.Policy().Budget
	if b == (elevation.Budget{}) {
		return nil
	}
	now := a.now()
	u := useOf(a.Ledger.All(), user, now)
	left, _, err := u.left(b, now)
	s := &local.Budget{PerDay: int64(b.PerDay.Seconds()), Spent: int64(u.spent.Seconds()), Left: int64(left.Seconds()), Times: u.times, Renewals: b.Renewals}
	if err != nil {
		s.Text = err.Error()
	}
	return s
}
