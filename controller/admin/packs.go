package admin

import (
	"context"
	"fmt"
	"maps"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules"
	"github.com/assent-epm/assent/shared/rules/packs"
)

// Pack is a starter pack as it is in force.
type Pack struct {
	packs.Pack
	State    packs.State
	Rules    []rules.Rule
	Proposal *store.Proposal // the change was not made: it waits for a second person
}

// stateOf is the state of a pack in a version of the rules.
func stateOf(p packs.Pack, states map[string]string) packs.State {
	if s, ok := states[p.Name]; ok && p.Allows(packs.State(s)) {
		return packs.State(s)
	}
	return p.First
}

// onlyGuards are the states while the rules can not be read: what approves is
// off, because what denies may be missing.
func onlyGuards() map[string]string {
	out := map[string]string{}
	all, err := packs.All()
	if err != nil {
		return out
	}
	for _, p := range all {
		if !p.Guards {
			out[p.Name] = string(packs.Off)
		}
	}
	return out
}

// compose joins a set with the packs that are on.
func (a *Admin) compose(own *rules.Set, states map[string]string) (*rules.Set, error) {
	all, err := packs.All()
	if err != nil {
		return nil, err
	}
	var on []*rules.Set
	for _, p := range all {
		set, err := p.Set(stateOf(p, states), a.cfg.Conditions, a.zone())
		if err != nil && a.cfg.Conditions != nil {
			return nil, err
		}
		on = append(on, set)
	}
	return own.Join(on...), nil
}

// Packs are the starter packs.
func (a *Admin) Packs(_ context.Context, act auth.Actor) ([]Pack, error) {
	if err := act.Can(auth.RulesRead); err != nil {
		return nil, err
	}
	return a.packs()
}

func (a *Admin) packs() ([]Pack, error) {
	all, err := packs.All()
	if err != nil {
		return nil, err
	}
	force := a.force.Load()
	out := make([]Pack, 0, len(all))
	for _, p := range all {
		one := Pack{Pack: p, State: stateOf(p, force.packs)}
		if set, _ := rules.Parse([]byte(p.YAML), rules.WithConditions(a.cfg.Conditions)); set != nil {
			one.Rules = set.Rules()
		}
		out = append(out, one)
	}
	return out, nil
}

// SwitchPack puts a pack in a state: off, observe, enforce, or for the pack that
// guards ask. "" enforces. Its rules become a new version of all rules.
func (a *Admin) SwitchPack(ctx context.Context, act auth.Actor, name string, state packs.State, acknowledged bool) (Pack, error) {
	what := "pack.enable"
	if state == packs.Off {
		what = "pack.disable"
	}
	if state == "" {
		state = packs.Enforce
	}
	r, _, err := a.changeRules(ctx, act, what, acknowledged, func(old store.Ruleset) (store.Ruleset, error) {
		p, err := packNamed(name)
		if err != nil {
			return store.Ruleset{}, err
		}
		if !p.Allows(state) {
			return store.Ruleset{}, fmt.Errorf("%w: pack %s can be off, observe or enforce", elevation.ErrInvalid, p.Name)
		}
		next := store.Ruleset{YAML: old.YAML, Packs: maps.Clone(old.Packs)}
		if next.Packs == nil {
			next.Packs = map[string]string{}
		}
		if stateOf(p, old.Packs) != state || old.Version > 0 {
			next.Packs[p.Name] = string(state)
		}
		return next, nil
	})
	if err != nil {
		return Pack{}, err
	}
	all, err := a.packs()
	if err != nil {
		return Pack{}, err
	}
	for _, p := range all {
		if p.Name == name {
			p.Proposal = r.Proposal
			return p, nil
		}
	}
	return Pack{}, fmt.Errorf("pack %s: %w", audit.Clip(name, 80), elevation.ErrNotFound)
}

func packNamed(name string) (packs.Pack, error) {
	all, err := packs.All()
	if err != nil {
		return packs.Pack{}, err
	}
	for _, p := range all {
		if p.Name == name {
			return p, nil
		}
	}
	return packs.Pack{}, fmt.Errorf("pack %s: %w", audit.Clip(name, 80), elevation.ErrNotFound)
}
