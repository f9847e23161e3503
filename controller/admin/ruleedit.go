package admin

import (
	"context"
	"fmt"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules"
)

// EditRule is a change of one rule.
type EditRule struct {
	YAML              string     // one rule as a mapping; "" = as it is
	Mode              rules.Mode // "" = as it is
	AcknowledgeDenied bool
}

// AddRule adds one rule behind the others. [elevation.ErrConflict] when its name is taken.
func (a *Admin) AddRule(ctx context.Context, act auth.Actor, in EditRule) (rules.Rule, Ruleset, []rules.Fault, error) {
	var name elevation.RuleID
	r, faults, err := a.changeRules(ctx, act, "rules.add", in.AcknowledgeDenied, func(old store.Ruleset) (store.Ruleset, error) {
		text, err := rules.PutRule([]byte(old.YAML), "", in.YAML)
		if err != nil {
			return store.Ruleset{}, err
		}
		added, changed, _ := rules.Changes([]byte(old.YAML), text)
		if len(added) != 1 {
			return store.Ruleset{}, fmt.Errorf("%w: a rule of this name is there already: change it instead (%d)", elevation.ErrConflict, len(changed))
		}
		name = elevation.RuleID(added[0])
		if in.Mode != "" {
			text, err = rules.SetMode(text, name, in.Mode)
		}
		return store.Ruleset{YAML: string(text), Packs: old.Packs}, err
	})
	if err != nil {
		return rules.Rule{}, Ruleset{}, nil, err
	}
	rule, err := a.ruleOf(r, name)
	return rule, r, faults, err
}

// ChangeRule changes one rule; the rest of the text stays byte for byte.
func (a *Admin) ChangeRule(ctx context.Context, act auth.Actor, name elevation.RuleID, in EditRule) (rules.Rule, Ruleset, []rules.Fault, error) {
	next := name
	r, faults, err := a.changeRules(ctx, act, "rules.change", in.AcknowledgeDenied, func(old store.Ruleset) (store.Ruleset, error) {
		text, err := []byte(old.YAML), a.ownRule(name)
		if err != nil {
			return store.Ruleset{}, err
		}
		if in.YAML != "" {
			if text, err = rules.PutRule(text, name, in.YAML); err != nil {
				return store.Ruleset{}, err
			}
			if added, _, _ := rules.Changes([]byte(old.YAML), text); len(added) == 1 {
				next = elevation.RuleID(added[0]) // it got another name
			}
		}
		if in.Mode != "" {
			text, err = rules.SetMode(text, next, in.Mode)
		}
		return store.Ruleset{YAML: string(text), Packs: old.Packs}, err
	})
	if err != nil {
		return rules.Rule{}, Ruleset{}, nil, err
	}
	rule, err := a.ruleOf(r, next)
	return rule, r, faults, err
}

// RemoveRule takes one rule out; the rest of the text stays byte for byte.
func (a *Admin) RemoveRule(ctx context.Context, act auth.Actor, name elevation.RuleID, acknowledged bool) (Ruleset, error) {
	r, _, err := a.changeRules(ctx, act, "rules.remove", acknowledged, func(old store.Ruleset) (store.Ruleset, error) {
		if err := a.ownRule(name); err != nil {
			return store.Ruleset{}, err
		}
		text, err := rules.RemoveRule([]byte(old.YAML), name)
		return store.Ruleset{YAML: string(text), Packs: old.Packs}, err
	})
	return r, err
}

// ownRule says what to do instead when a rule belongs to a pack.
func (a *Admin) ownRule(name elevation.RuleID) error {
	force := a.force.Load()
	for _, r := range force.own.Rules() {
		if r.Name == name {
			return nil
		}
	}
	for _, r := range force.set.Rules() {
		if r.Name == name {
			return fmt.Errorf("%w: rule %s belongs to pack %s: switch the pack, or add a rule of the same name, which takes its place", elevation.ErrConflict, name, r.Pack)
		}
	}
	return fmt.Errorf("rule %s: %w", audit.Clip(string(name), 80), elevation.ErrNotFound)
}

// ruleOf is the rule after a change; for a proposal, as it would be.
func (a *Admin) ruleOf(r Ruleset, name elevation.RuleID) (rules.Rule, error) {
	list := r.Rules
	if r.Proposal != nil {
		if set, _ := a.read(r.Proposal.YAML); set != nil {
			list = set.Rules()
		}
	}
	for _, one := range list {
		if one.Name == name {
			return one, nil
		}
	}
	return rules.Rule{}, fmt.Errorf("rule %s: %w", audit.Clip(string(name), 80), elevation.ErrNotFound)
}

// RuleText is one rule in force as it was written.
func (a *Admin) RuleText(ctx context.Context, r rules.Rule) (string, error) {
	if r.Pack != "" {
		return r.YAML, nil
	}
	old, err := a.stored(ctx)
	if err != nil {
		return "", err
	}
	text, err := rules.RuleText([]byte(old.YAML), r.Name)
	if err != nil {
		return r.YAML, nil //nolint:nilerr // the parsed form says the same
	}
	return text, nil
}

// Rollback puts an earlier version in force again, as a new one.
func (a *Admin) Rollback(ctx context.Context, act auth.Actor, version int64, acknowledged bool) (Ruleset, []rules.Fault, error) {
	return a.changeRules(ctx, act, "rules.rollback", acknowledged, func(old store.Ruleset) (store.Ruleset, error) {
		was, err := a.version(ctx, version)
		return store.Ruleset{YAML: was.YAML, Packs: was.Packs}, err
	})
}

// version reads one version; 0 is the time before the first.
func (a *Admin) version(ctx context.Context, version int64) (store.Ruleset, error) {
	if version == 0 {
		return store.Ruleset{YAML: noRules}, nil
	}
	var all []store.Ruleset
	err := a.cfg.Store.View(ctx, func(tx *store.Tx) (err error) { all, err = tx.Rulesets(); return err })
	if err != nil {
		return store.Ruleset{}, err
	}
	for _, r := range all {
		if r.Version == version {
			return r, nil
		}
	}
	return store.Ruleset{}, fmt.Errorf("version %d of the rules: %w", version, elevation.ErrNotFound)
}

// RuleVersion is one version with its difference to another one, by default the
// one before; against < 0 means that.
func (a *Admin) RuleVersion(ctx context.Context, act auth.Actor, version, against int64) (r store.Ruleset, other int64, text, diff string, err error) {
	if err := act.Can(auth.RulesRead); err != nil {
		return r, 0, "", "", err
	}
	if other = against; other < 0 {
		other = max(version-1, 0)
	}
	old, err := a.version(ctx, other)
	if err == nil {
		r, err = a.version(ctx, version)
	}
	if err != nil {
		return r, 0, "", "", err
	}
	return r, other, old.YAML, rules.Diff(old.YAML, r.YAML, fmt.Sprintf("version %d", other), fmt.Sprintf("version %d", version)), nil
}

// MadeRule is a rule made from a request.
type MadeRule struct {
	Name   elevation.RuleID
	YAML   string // a file with the rule and its tests
	Faults []rules.Fault
}

// RuleFrom writes the narrowest rule that would have approved a request, with its
// tests, and what the linter says of it. Nothing is put in force.
func (a *Admin) RuleFrom(ctx context.Context, act auth.Actor, id elevation.RequestID) (MadeRule, error) {
	r, in, err := a.requestInput(ctx, act, id)
	if err != nil {
		return MadeRule{}, err
	}
	taken := map[elevation.RuleID]bool{}
	for _, one := range a.Set().Rules() {
		taken[one.Name] = true
	}
	longest := r.Granted.Duration
	if longest <= 0 {
		longest = r.Requested.Duration
	}
	about := fmt.Sprintf("From %s: what %s asked for on %s.", r.ID, r.Attempt.User.Name, in.Endpoint.Name)
	text, err := rules.Make(in, about, longest, func(n elevation.RuleID) bool { return taken[n] })
	if err != nil {
		return MadeRule{}, err
	}
	out := MadeRule{YAML: text}
	set, faults := a.parse(text)
	out.Faults = faults
	if set != nil {
		out.Name = set.Rules()[0].Name
	}
	return out, nil
}
