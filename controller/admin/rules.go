package admin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

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
	Rules    []rules.Rule    // in the order of the text, without those of packs
	Proposal *store.Proposal // the change was not made: it waits for a second person
}

// Set is the set that is in force, with the packs that are on. When the stored
// text can not be read, only the pack that guards is in it.
func (a *Admin) Set() *rules.Set { return a.force.Load().set }

// inForce are the rules of one version.
type inForce struct {
	own   *rules.Set // nil: there are none, or they can not be read
	set   *rules.Set // with the packs
	packs map[string]string
}

// zone is where hours without a zone are.
func (a *Admin) zone() *time.Location {
	if z, err := time.LoadLocation(a.cfg.Store.Settings().TimeZone); err == nil {
		return z
	}
	return time.UTC
}

func (a *Admin) read(text string) (*rules.Set, []rules.Fault) {
	return rules.Parse([]byte(text), rules.WithConditions(a.cfg.Conditions), rules.WithZone(a.zone()), rules.WithTeams(a.teamNames()...))
}

// teamNames are the teams that rules may name.
func (a *Admin) teamNames() []string {
	names := []string{delegation.ApproversName, string(delegation.ApproversID)}
	err := a.cfg.Store.View(context.Background(), func(tx *store.Tx) error {
		teams, err := tx.Teams()
		for _, t := range teams {
			names = append(names, t.Name, string(t.ID))
		}
		return err
	})
	if err != nil {
		return nil // no names, no warnings
	}
	return names
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

// loadRules puts the stored rules in force.
func (a *Admin) loadRules(ctx context.Context) error {
	r, err := a.stored(ctx)
	if err != nil {
		return err
	}
	var own *rules.Set
	if r.Version > 0 {
		var faults []rules.Fault
		if own, faults = a.read(r.YAML); own == nil {
			a.cfg.Log.Error("the stored rules can not be read: every attempt asks a person until new ones are applied",
				"version", r.Version, "error", &FaultsError{Faults: faults})
			r.Packs = onlyGuards()
		}
	}
	return a.enforce(own, r)
}

// enforce puts a version in force.
func (a *Admin) enforce(own *rules.Set, r store.Ruleset) error {
	set, err := a.compose(own, r.Packs)
	if err != nil {
		return err
	}
	set = set.At(r.Version)
	a.force.Store(&inForce{own: own.At(r.Version), set: set, packs: r.Packs})
	a.bundlesChanged()
	if a.cfg.OnRules != nil {
		a.cfg.OnRules(set)
	}
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

// maxChecks is how many texts are read or wait to be.
const maxChecks = 10

// reading waits until a text may be read: that takes seconds for a large one, so
// two are read at a time, some wait, and more are told to come again.
func (a *Admin) reading(ctx context.Context) (done func(), err error) {
	if a.checking.Add(1) > maxChecks {
		a.checking.Add(-1)
		return nil, &auth.RateError{Wait: 5 * time.Second}
	}
	select {
	case a.checks <- struct{}{}:
		return func() { <-a.checks; a.checking.Add(-1) }, nil
	case <-ctx.Done():
		a.checking.Add(-1)
		return nil, fmt.Errorf("wait for other checks: %w", ctx.Err())
	}
}

// CheckRules reads a text as [Admin.ApplyRules] would and runs its tests. The
// faults are the answer; an error means that nothing was checked.
func (a *Admin) CheckRules(ctx context.Context, act auth.Actor, text string) ([]rules.Fault, error) {
	if err := act.Can(auth.RulesRead); err != nil {
		return nil, err
	}
	done, err := a.reading(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	_, faults := a.parse(text)
	return faults, nil
}

// ApplyRules asks for new rules.
type ApplyRules struct {
	YAML              string
	Merge             bool   // only the named rules are replaced or added
	AcknowledgeDenied bool   // also when they would approve what a person denied
	Base              int64  // the version that was changed, 0 = whatever is in force
	Comment           string // why
}

// ApplyRules puts rules in force and returns them with their warnings. The same
// text again changes nothing. It returns a *[FaultsError] for rules that can
// not be taken, a *[DeniedError] when they would approve what a person denied,
// and [elevation.ErrConflict] when somebody else was faster.
func (a *Admin) ApplyRules(ctx context.Context, act auth.Actor, in ApplyRules) (Ruleset, []rules.Fault, error) {
	return a.changeRules(ctx, act, "rules.apply", in.AcknowledgeDenied, func(old store.Ruleset) (store.Ruleset, error) {
		if in.Base > 0 && in.Base != old.Version {
			return store.Ruleset{}, fmt.Errorf("%w: the rules were changed meanwhile; look at version %d and apply again", elevation.ErrConflict, old.Version)
		}
		text, err := a.merged(old, in)
		return store.Ruleset{YAML: text, Packs: old.Packs, Comment: in.Comment}, err
	})
}

// changeRules is the one way in which rules change: edit makes the next text and
// packs of the present ones. Where a second person is needed, it becomes a
// proposal.
func (a *Admin) changeRules(ctx context.Context, act auth.Actor, what string, acknowledged bool, edit func(store.Ruleset) (store.Ruleset, error)) (Ruleset, []rules.Fault, error) {
	if err := a.may(ctx, act, auth.RulesWrite, what); err != nil {
		return Ruleset{}, nil, err
	}
	if err := a.global(ctx, act, what); err != nil {
		return Ruleset{}, nil, err
	}
	a.applying.Lock()
	defer a.applying.Unlock()
	old, err := a.stored(ctx)
	if err != nil {
		return Ruleset{}, nil, fmt.Errorf("read rules: %w", err)
	}
	if old.Version == 0 {
		old.YAML = noRules
	}
	next, err := edit(old)
	if err != nil {
		return Ruleset{}, nil, err
	}
	own, faults := a.parse(next.YAML)
	if own == nil {
		return Ruleset{}, nil, &FaultsError{Faults: faults}
	}
	if force := a.force.Load(); old.Version > 0 && old.YAML == next.YAML && maps.Equal(old.Packs, next.Packs) && force.own != nil {
		return Ruleset{Ruleset: old, Rules: force.own.Rules()}, faults, nil
	}
	if !acknowledged {
		whole, err := a.compose(own, next.Packs)
		if err != nil {
			return Ruleset{}, nil, err
		}
		if err := a.checkDenied(ctx, whole); err != nil {
			return Ruleset{}, nil, err
		}
	}
	next.By, next.At = by(act), a.cfg.Now()
	why, told, err := a.needsSecond(ctx, act, own)
	if err != nil {
		return Ruleset{}, nil, err
	}
	if why != "" {
		r, err := a.propose(ctx, act, what, why, acknowledged, old, next)
		return r, faults, err
	}
	if told != "" {
		faults = append(faults, rules.Fault{Line: 1, Col: 1, Severity: rules.Warning, Code: "alone", Text: told})
	}
	if next.Version, err = a.putRules(ctx, act, old, next, nil); err != nil {
		return Ruleset{}, nil, err
	}
	if err := a.enforce(own, next); err != nil {
		return Ruleset{}, nil, err
	}
	return Ruleset{Ruleset: next, Rules: own.At(next.Version).Rules()}, faults, nil
}

// noRules is the text before there is any.
const noRules = "rules: []\n"

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

// putRules stores the next version. from is the proposal that it comes from, nil
// for none.
func (a *Admin) putRules(ctx context.Context, act auth.Actor, old, next store.Ruleset, from *store.Proposal) (version int64, err error) {
	err = a.change(ctx, func(tx *store.Tx) (audit.Event, error) {
		now, err := newest(tx)
		if err != nil {
			return audit.Event{}, err
		}
		if now.Version != old.Version {
			return audit.Event{}, fmt.Errorf("%w: the rules were changed meanwhile; look at version %d and apply again", elevation.ErrConflict, now.Version)
		}
		if version, err = tx.PutRuleset(next); err != nil {
			return audit.Event{}, err
		}
		data := ruleChange(version, old, next)
		if from != nil {
			data["proposal"], data["proposed_by"] = from.ID, from.By.Name
			if err := tx.PutProposal(*from); err != nil {
				return audit.Event{}, err
			}
		}
		for _, name := range slices.Sorted(maps.Keys(next.Packs)) {
			if old.Packs[name] == next.Packs[name] {
				continue
			}
			if err := tx.Append(a.event(act, audit.PackChanged, map[string]string{"pack": name, "state": next.Packs[name], "version": data["version"]})); err != nil {
				return audit.Event{}, err
			}
		}
		return a.event(act, audit.RuleChanged, data), nil
	})
	return version, err
}

// ruleChange is what the event tells: which rules were added, changed, removed.
func ruleChange(version int64, old, next store.Ruleset) map[string]string {
	sum := sha256.Sum256([]byte(next.YAML))
	data := map[string]string{"version": strconv.FormatInt(version, 10), "sha256": hex.EncodeToString(sum[:])}
	added, changed, removed := rules.Changes([]byte(old.YAML), []byte(next.YAML))
	if next.Comment != "" {
		data["comment"] = audit.Clip(next.Comment, 1000)
	}
	for k, names := range map[string][]string{"added": added, "changed": changed, "removed": removed} {
		if len(names) > 0 {
			data[k] = audit.Clip(strings.Join(names, ", "), 1000)
		}
	}
	for name, state := range next.Packs {
		if old.Packs[name] != state {
			data["pack."+name] = state
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
		r.YAML = noRules
	}
	return Ruleset{Ruleset: r, Rules: a.force.Load().own.Rules()}, nil
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
	_, in, err := a.requestInput(ctx, act, id)
	if err != nil {
		return rules.Outcome{}, err
	}
	return a.Set().Evaluate(in, a.cfg.Now()), nil
}

// WhyNot says of one rule in force whether it matches an attempt, and else the
// first condition that does not hold.
func (a *Admin) WhyNot(_ context.Context, act auth.Actor, name elevation.RuleID, in rules.Input) (elevation.TraceLine, error) {
	if err := act.Can(auth.RulesRead); err != nil {
		return elevation.TraceLine{}, err
	}
	return a.Set().WhyNot(name, in, a.cfg.Now())
}

// WhyNotRequest is [Admin.WhyNot] of a request as it came.
func (a *Admin) WhyNotRequest(ctx context.Context, act auth.Actor, name elevation.RuleID, id elevation.RequestID) (elevation.TraceLine, error) {
	_, in, err := a.requestInput(ctx, act, id)
	if err != nil {
		return elevation.TraceLine{}, err
	}
	return a.Set().WhyNot(name, in, a.cfg.Now())
}

// requestInput is what rules see of a request inside the actor's scope.
func (a *Admin) requestInput(ctx context.Context, act auth.Actor, id elevation.RequestID) (r elevation.Request, in rules.Input, err error) {
	for _, p := range []auth.Permission{auth.RulesRead, auth.RequestsRead} {
		if err := act.Can(p); err != nil {
			return r, in, err
		}
	}
	err = a.cfg.Store.View(ctx, func(tx *store.Tx) error {
		if r, err = tx.Request(id); err != nil {
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
	return r, in, err
}

// input is what rules see of a request of an endpoint.
func input(r elevation.Request, ep store.Endpoint) rules.Input {
	return rules.Input{Attempt: r.Attempt, Justification: r.Justification, Ticket: r.Ticket, Priority: r.Priority, Endpoint: ep.ForRules()}
}
