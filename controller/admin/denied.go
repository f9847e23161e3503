package admin

import (
	"context"
	"errors"
	"fmt"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules"
)

// deniedDays is how far back new rules are held against what people denied.
const deniedDays = 30

// DeniedError says that new rules would approve what a person denied. It is an
// [elevation.ErrConflict]; the caller may acknowledge it.
type DeniedError struct {
	Count   int
	Request elevation.RequestID // the newest of them
	Rule    string              // that would approve it
}

// Error says how many and what to do.
func (e *DeniedError) Error() string {
	return fmt.Sprintf("rule %q would approve %s, which a person denied (%d such requests in %d days): make it narrower, or acknowledge it",
		e.Rule, e.Request, e.Count, deniedDays)
}

// Unwrap makes the error an [elevation.ErrConflict].
func (e *DeniedError) Unwrap() error { return elevation.ErrConflict }

// errNoHistory means that this program can not look at what was denied, so rules
// may only be applied with that acknowledged.
var errNoHistory = errors.New("what people denied can not be looked at here")

// checkDenied asks the replay whether the set would approve what a person denied.
func (a *Admin) checkDenied(ctx context.Context, set *rules.Set) error {
	if a.cfg.Denied == nil {
		return errNoHistory
	}
	n, newest, rule, err := a.cfg.Denied(ctx, set, deniedDays)
	if err != nil {
		return err
	}
	if n > 0 {
		return &DeniedError{Count: n, Request: newest, Rule: rule}
	}
	return nil
}

// ReadRules reads a text of rules as [Admin.ApplyRules] would and joins the packs
// that are on, without the text's tests and for whoever may look at it already: it
// changes nothing. The error of a text with faults is a *[FaultsError].
func (a *Admin) ReadRules(text string) (*rules.Set, error) {
	own, faults := a.read(text)
	if own == nil {
		return nil, &FaultsError{Faults: faults}
	}
	return a.compose(own, a.force.Load().packs)
}

// RulesText is the text of the rules in force, "" when there are none.
func (a *Admin) RulesText(ctx context.Context) (string, error) {
	r, err := a.stored(ctx)
	return r.YAML, err
}
