package admin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/delegation"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules"
)

// FaultsError says what is wrong with a text of rules. It is an
// [elevation.ErrInvalid].
type FaultsError struct{ Faults []rules.Fault }

// Error is the first fault, with how many there are.
func (e *FaultsError) Error() string {
	var wrong []rules.Fault
	for _, f := range e.Faults {
		if f.Severity == rules.Error {
			wrong = append(wrong, f)
		}
	}
	if len(wrong) == 0 {
		return "the rules have faults"
	}
	text := fmt.Sprintf("line %d, column %d: %s", wrong[0].Line, wrong[0].Col, wrong[0].Text)
	if len(wrong) > 1 {
		text += fmt.Sprintf(" (and %d more)", len(wrong)-1)
	}
	return text
}

// Unwrap makes the error an [elevation.ErrInvalid].
func (e *FaultsError) Unwrap() error { return elevation.ErrInvalid }

// Ruleset is a stored set of rules. Version 0 means that there is none yet.
type Ruleset struct {
	store.Ruleset
	Rules []rules.Rule // in the order of the text
}

// Set is the set that is in force; nil, which asks for everything, when there
// is none or the stored one can not be read.
func (a *Admin) Set() *rules.Set { return a.set.Load() }

func (a *Admin) read(text string) (*rules.Set, []rules.Fault) {
	return rules.Parse([]byte(text), rules.WithConditions(a.cfg.Conditions),
		rules.WithTeams(delegation.ApproversName, string(delegation.ApproversID)))
}

// parse reads a text and runs its tests.
func (a *Admin) parse(text string) (*rules.Set, []rules.Fault) {
	set, faults := a.read(text)
	if set == nil {
		return nil, faults
	}
	if failed := set.Test(); len(failed) > 0 {
		return nil, append(faults, failed...)
	}
	return set, faults
}

func (a *Admin) loadRules(ctx context.Context) error {
	r, err := a.stored(ctx)
	if err != nil || r.Version == 0 {
		return err
	}
	set, faults := a.read(r.YAML)
	if set == nil {
		a.cfg.Log.Error("the stored rules can not be read: every attempt asks a person until new ones are applied",
			"version", r.Version, "error", &FaultsError{Faults: faults})
		return nil
	}
	a.set.Store(set.At(r.Version))
	return nil
}

// stored is the newest ruleset, the zero one if there is none.
func (a *Admin) stored(ctx context.Context) (r store.Ruleset, err error) {
	err = a.cfg.Store.View(ctx, func(tx *store.Tx) error { r, err = newest(tx); return err })
	return r, err
}

func newest(tx *store.Tx) (store.Ruleset, error) {
	r, err := tx.Ruleset()
	if errors.Is(err, elevation.ErrNotFound) {
		return store.Ruleset{}, nil
	}
	return r, err
}

// CheckRules reads a text as [Admin.ApplyRules] would and runs its tests. The
// faults are the answer; an error means that nothing was checked.
//
// Reading a large text takes seconds, so two are read at a time and the others
// wait.
func (a *Admin) CheckRules(ctx context.Context, act auth.Actor, text string) ([]rules.Fault, error) {
	if err := act.Can(auth.RulesRead); err != nil {
		return nil, err
	}
	select {
	case a.checks <- struct{}{}:
		defer func() { <-a.checks }()
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for other checks: %w", ctx.Err())
	}
	_, faults := a.parse(text)
	return faults, nil
}

// ApplyRules asks for new rules.
type ApplyRules struct {
	YAML              string
	Merge             bool // only the named rules are replaced or added
	AcknowledgeDenied bool // also when they would approve what a person denied
}

// ApplyRules puts rules in force and returns them with their warnings. The same
// text again changes nothing. It returns a *[FaultsError] for rules that can
// not be taken, a *[DeniedError] when they would approve what a person denied,
// and [ErrConflict] when somebody else was faster.
func (a *Admin) ApplyRules(ctx context.Context, act auth.Actor, in ApplyRules) (Ruleset, []rules.Fault, error) {
	if err := a.may(ctx, act, auth.RulesWrite, "rules.apply"); err != nil {
		return Ruleset{}, nil, err
	}
	if err := a.global(ctx, act, "rules.apply"); err != nil {
		return Ruleset{}, nil, err
	}
	a.applying.Lock()
	defer a.applying.Unlock()
	old, err := a.stored(ctx)
	if err != nil {
		return Ruleset{}, nil, fmt.Errorf("read rules: %w", err)
	}
	text, err := a.merged(old, in)
	if err != nil {
		return Ruleset{}, nil, err
	}
	set, faults := a.parse(text)
	if set == nil {
		return Ruleset{}, nil, &FaultsError{Faults: faults}
	}
	if old.Version > 0 && old.YAML == text && a.Set() != nil {
		return Ruleset{Ruleset: old, Rules: a.Set().Rules()}, faults, nil
	}
	if !in.AcknowledgeDenied {
		if err := a.checkDenied(ctx, set); err != nil {
			return Ruleset{}, nil, err
		}
	}
	next := store.Ruleset{YAML: text, By: by(act), At: a.cfg.Now()}
	if next.Version, err = a.putRules(ctx, act, old, next, set); err != nil {
		return Ruleset{}, nil, err
	}
	set = set.At(next.Version)
	a.set.Store(set)
	if a.cfg.OnRules != nil {
		a.cfg.OnRules(set)
	}
	return Ruleset{Ruleset: next, Rules: set.Rules()}, faults, nil
}

// merged is the whole text that shall be in force.
func (a *Admin) merged(old store.Ruleset, in ApplyRules) (string, error) {
	if !in.Merge {
		return in.YAML, nil
	}
	// The new part is read alone first, so that faults have its line numbers.
	// Its tests may need the other rules and are not run yet.
	if part, faults := a.read(in.YAML); part == nil {
		return "", &FaultsError{Faults: faults}
	}
	text, err := rules.Merge([]byte(old.YAML), []byte(in.YAML))
	if err != nil {
		return "", err
	}
	return string(text), nil
}

func (a *Admin) putRules(ctx context.Context, act auth.Actor, old, next store.Ruleset, set *rules.Set) (version int64, err error) {
	err = a.change(ctx, func(tx *store.Tx) (audit.Event, error) {
		now, err := newest(tx)
		if err != nil {
			return audit.Event{}, err
		}
		if now.Version != old.Version {
			return audit.Event{}, fmt.Errorf("%w: the rules were changed meanwhile; look at version %d and apply again", ErrConflict, now.Version)
		}
		if version, err = tx.PutRuleset(next); err != nil {
			return audit.Event{}, err
		}
		return a.event(act, audit.RuleChanged, a.ruleChange(version, next, set)), nil
	})
	return version, err
}

// ruleChange is what the event tells: which rules were added, changed, removed.
func (a *Admin) ruleChange(version int64, next store.Ruleset, set *rules.Set) map[string]string {
	sum := sha256.Sum256([]byte(next.YAML))
	data := map[string]string{"version": strconv.FormatInt(version, 10), "rules": strconv.Itoa(set.Len()), "sha256": hex.EncodeToString(sum[:])}
	before := map[elevation.RuleID]string{}
	for _, r := range a.Set().Rules() {
		before[r.Name] = r.YAML
	}
	var added, changed, removed []string
	for _, r := range set.Rules() {
		was, ok := before[r.Name]
		switch {
		case !ok:
			added = append(added, string(r.Name))
		case was != r.YAML:
			changed = append(changed, string(r.Name))
		}
		delete(before, r.Name)
	}
	for name := range before {
		removed = append(removed, string(name))
	}
	slices.Sort(removed)
	for k, names := range map[string][]string{"added": added, "changed": changed, "removed": removed} {
		if len(names) > 0 {
			data[k] = audit.Clip(strings.Join(names, ", "), 1000)
		}
	}
	return data
}

// Rules are the rules in force with their text.
func (a *Admin) Rules(ctx context.Context, act auth.Actor) (Ruleset, error) {
	if err := act.Can(auth.RulesRead); err != nil {
		return Ruleset{}, err
	}
	r, err := a.stored(ctx)
	if err != nil {
		return Ruleset{}, fmt.Errorf("read rules: %w", err)
	}
	if r.Version == 0 {
		r.YAML = "rules: []\n"
	}
	return Ruleset{Ruleset: r, Rules: a.Set().Rules()}, nil
}

// Rule is one rule in force, by its name.
func (a *Admin) Rule(_ context.Context, act auth.Actor, name elevation.RuleID) (rules.Rule, error) {
	if err := act.Can(auth.RulesRead); err != nil {
		return rules.Rule{}, err
	}
	for _, r := range a.Set().Rules() {
		if r.Name == name {
			return r, nil
		}
	}
	return rules.Rule{}, fmt.Errorf("rule %s: %w", audit.Clip(string(name), 80), elevation.ErrNotFound)
}

// RuleVersions are all versions of the rules, the newest first.
func (a *Admin) RuleVersions(ctx context.Context, act auth.Actor) (list []store.Ruleset, err error) {
	if err := act.Can(auth.RulesRead); err != nil {
		return nil, err
	}
	err = a.cfg.Store.View(ctx, func(tx *store.Tx) error { list, err = tx.Rulesets(); return err })
	return list, err
}

// Evaluate says what the rules in force would answer to an attempt, without
// doing anything.
func (a *Admin) Evaluate(_ context.Context, act auth.Actor, in rules.Input) (rules.Outcome, error) {
	if err := act.Can(auth.RulesRead); err != nil {
		return rules.Outcome{}, err
	}
	return a.Set().Evaluate(in, a.cfg.Now()), nil
}

// EvaluateRequest says what the rules in force would answer to a request if it
// came now.
func (a *Admin) EvaluateRequest(ctx context.Context, act auth.Actor, id elevation.RequestID) (rules.Outcome, error) {
	for _, p := range []auth.Permission{auth.RulesRead, auth.RequestsRead} {
		if err := act.Can(p); err != nil {
			return rules.Outcome{}, err
		}
	}
	var in rules.Input
	err := a.cfg.Store.View(ctx, func(tx *store.Tx) error {
		r, err := tx.Request(id)
		if err != nil {
			return err
		}
		ep, err := tx.Endpoint(r.Endpoint)
		if err != nil {
			return err
		}
		in = input(r, ep)
		if !act.Covers(in.Endpoint.Labels) {
			return fmt.Errorf("request %s: %w", id, elevation.ErrNotFound)
		}
		return nil
	})
	if err != nil {
		return rules.Outcome{}, err
	}
	return a.Set().Evaluate(in, a.cfg.Now()), nil
}

// input is what rules see of a request of an endpoint.
func input(r elevation.Request, ep store.Endpoint) rules.Input {
	return rules.Input{Attempt: r.Attempt, Justification: r.Justification, Ticket: r.Ticket, Priority: r.Priority, Endpoint: ep.ForRules()}
}
