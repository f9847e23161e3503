package admin

import (
	"context"
	"fmt"
	"strings"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules"
)

// ProposalPrefix begins the ids of proposals.
const ProposalPrefix = "prp_"

// Bounds of proposals.
const (
	maxProposals = 200 // in a list
	maxOpen      = 50  // that wait at a time
)

// needsSecond says why a change of the rules waits for a second person, "" when
// it does not; told is what somebody who is alone is told instead.
func (a *Admin) needsSecond(ctx context.Context, act auth.Actor, next *rules.Set) (why, told string, err error) {
	set := a.cfg.Store.Settings()
	var alone string
	if set.BeneficiaryCheck || set.FourEyesRules {
		if alone, err = a.onlyForAuthor(ctx, act, next); err != nil {
			return "", "", err
		}
	}
	switch {
	case set.FourEyesRules:
		why = "every change of the rules needs a second person"
	case set.BeneficiaryCheck && alone != "":
		why = alone
	default:
		return "", "", nil
	}
	err = a.cfg.Store.View(ctx, func(tx *store.Tx) error {
		users, err := tx.Users()
		if err != nil {
			return err
		}
		for _, u := range users {
			other := auth.Actor{User: u.ID, Roles: u.Roles}
			if u.ID != act.User && u.DisabledAt.IsZero() && len(u.Scope) == 0 && other.Can(auth.RulesWrite) == nil {
				return nil
			}
		}
		why, told = "", why+"; nobody else may change rules, so it was done at once: add a second person"
		return nil
	})
	return why, told, err
}

// onlyForAuthor names an approving rule that is new and from which only its
// author gains; "" if there is none.
func (a *Admin) onlyForAuthor(ctx context.Context, act auth.Actor, next *rules.Set) (string, error) {
	mine := map[string]bool{strings.ToLower(act.Login): true}
	err := a.cfg.Store.View(ctx, func(tx *store.Tx) error {
		links, err := tx.Links()
		for _, l := range links {
			if l.User == act.User && l.Name != "" {
				mine[strings.ToLower(l.Name)] = true
			}
		}
		return err
	})
	if err != nil {
		return "", err
	}
	before := map[elevation.RuleID]string{}
	for _, r := range a.force.Load().own.Rules() {
		before[r.Name] = r.YAML
	}
	for _, r := range next.Rules() {
		if r.Then == rules.ThenApprove && r.Mode == rules.Enforce && before[r.Name] != r.YAML && onlyFor(r, mine) {
			return fmt.Sprintf("only its author gains from rule %q", r.Name), nil
		}
	}
	return "", nil
}

// onlyFor reports whether a rule names its users and they are all mine, in match
// or as a plain comparison in its condition.
func onlyFor(r rules.Rule, mine map[string]bool) bool {
	for _, u := range r.Match.Users {
		if !mine[strings.ToLower(u)] {
			return false
		}
	}
	if len(r.Match.Users) > 0 {
		return true
	}
	when := strings.ToLower(strings.NewReplacer(" ", "", `"`, "'").Replace(r.When))
	for name := range mine {
		if strings.Contains(when, "user.name=='"+name+"'") && !strings.Contains(when, "||") {
			return true
		}
	}
	return false
}

// propose stores a change that waits.
func (a *Admin) propose(ctx context.Context, act auth.Actor, what, why string, acknowledged bool, old, next store.Ruleset) (Ruleset, error) {
	p := store.Proposal{ID: elevation.NewID(ProposalPrefix, next.At), Base: old.Version, YAML: next.YAML, Packs: next.Packs, What: what, Why: why,
		By: next.By, Maker: act.MadeBy, At: next.At, Acknowledged: acknowledged, Comment: next.Comment}
	err := a.change(ctx, func(tx *store.Tx) (audit.Event, error) {
		data := ruleChange(old.Version, old, next)
		delete(data, "version")
		data["proposal"], data["what"], data["state"] = p.ID, what, "proposed"
		open, err := tx.Proposals(true, maxOpen)
		if err == nil && len(open) == maxOpen {
			err = fmt.Errorf("%w: %d changes of the rules wait already: confirm or reject some", elevation.ErrLimit, maxOpen)
		}
		if err != nil {
			return audit.Event{}, err
		}
		return a.event(act, audit.RuleChanged, data), tx.PutProposal(p)
	})
	if err != nil {
		return Ruleset{}, err
	}
	return Ruleset{Ruleset: old, Rules: a.force.Load().own.Rules(), Proposal: &p}, nil
}

// Proposals are the changes that wait for a second person, the newest first, and
// with all also those that were answered.
func (a *Admin) Proposals(ctx context.Context, act auth.Actor, all bool) (list []store.Proposal, err error) {
	if err := act.Can(auth.RulesRead); err != nil {
		return nil, err
	}
	err = a.cfg.Store.View(ctx, func(tx *store.Tx) error { list, err = tx.Proposals(!all, maxProposals); return err })
	return list, err
}

// Proposal is one of them, with the text that it changes.
func (a *Admin) Proposal(ctx context.Context, act auth.Actor, id string) (p store.Proposal, base string, err error) {
	if err := act.Can(auth.RulesRead); err != nil {
		return p, "", err
	}
	err = a.cfg.Store.View(ctx, func(tx *store.Tx) error {
		if p, err = tx.Proposal(id); err != nil {
			return err
		}
		all, err := tx.Rulesets()
		base = textOf(all, p.Base)
		return err
	})
	return p, base, err
}

func textOf(all []store.Ruleset, version int64) string {
	for _, r := range all {
		if r.Version == version {
			return r.YAML
		}
	}
	return noRules
}

// ConfirmRules puts a proposal in force. Whoever made it, or could act as who
// made it, can not. [elevation.ErrConflict] when it was answered already or the rules have
// changed since.
func (a *Admin) ConfirmRules(ctx context.Context, act auth.Actor, id string) (Ruleset, []rules.Fault, error) {
	p, err := a.answerable(ctx, act, id, "rules.confirm")
	if err != nil {
		return Ruleset{}, nil, err
	}
	a.applying.Lock()
	defer a.applying.Unlock()
	if err := a.isSecond(ctx, act, p); err != nil {
		return Ruleset{}, nil, a.refuse(ctx, act, "rules.confirm", err)
	}
	old, err := a.stored(ctx)
	if err != nil {
		return Ruleset{}, nil, err
	}
	if old.Version != p.Base {
		return Ruleset{}, nil, fmt.Errorf("%w: the rules have changed since this was proposed; reject it and propose it again", elevation.ErrConflict)
	}
	own, faults := a.parse(p.YAML)
	if own == nil {
		return Ruleset{}, nil, &FaultsError{Faults: faults}
	}
	if !p.Acknowledged {
		whole, err := a.compose(own, p.Packs)
		if err != nil {
			return Ruleset{}, nil, err
		}
		if err := a.checkDenied(ctx, whole); err != nil {
			return Ruleset{}, nil, err
		}
	}
	p.DecidedBy, p.DecidedAt, p.Confirmed = by(act), a.cfg.Now(), true
	next := store.Ruleset{YAML: p.YAML, Packs: p.Packs, By: p.By, At: p.DecidedAt, Comment: p.Comment}
	if next.Version, err = a.putRules(ctx, act, old, next, &p); err != nil {
		return Ruleset{}, nil, err
	}
	if err := a.enforce(own, next); err != nil {
		return Ruleset{}, nil, err
	}
	return Ruleset{Ruleset: next, Rules: own.At(next.Version).Rules()}, faults, nil
}

// RejectRules ends a proposal. Its author may take it back this way.
func (a *Admin) RejectRules(ctx context.Context, act auth.Actor, id string) (store.Proposal, error) {
	p, err := a.answerable(ctx, act, id, "rules.reject")
	if err != nil {
		return p, err
	}
	a.applying.Lock()
	defer a.applying.Unlock()
	err = a.change(ctx, func(tx *store.Tx) (audit.Event, error) {
		if p, err = tx.Proposal(id); err != nil {
			return audit.Event{}, err
		}
		if !p.DecidedAt.IsZero() {
			return audit.Event{}, answered(p)
		}
		p.DecidedBy, p.DecidedAt = by(act), a.cfg.Now()
		return a.event(act, audit.RuleChanged, map[string]string{"proposal": p.ID, "state": "rejected"}), tx.PutProposal(p)
	})
	return p, err
}

// answerable is an open proposal that act may look at and change.
func (a *Admin) answerable(ctx context.Context, act auth.Actor, id, what string) (p store.Proposal, err error) {
	if err := a.may(ctx, act, auth.RulesWrite, what); err != nil {
		return p, err
	}
	if err := a.global(ctx, act, what); err != nil {
		return p, err
	}
	if err := a.cfg.Store.View(ctx, func(tx *store.Tx) error { p, err = tx.Proposal(id); return err }); err != nil {
		return p, err
	}
	if !p.DecidedAt.IsZero() {
		return p, answered(p)
	}
	return p, nil
}

func answered(p store.Proposal) error {
	said := "rejected"
	if p.Confirmed {
		said = "confirmed"
	}
	return fmt.Errorf("%w: this was %s by %s already", elevation.ErrConflict, said, p.DecidedBy.Name)
}

// isSecond refuses the author of a proposal in every shape, and looks again
// whether it is still open.
func (a *Admin) isSecond(ctx context.Context, act auth.Actor, p store.Proposal) error {
	return a.cfg.Store.View(ctx, func(tx *store.Tx) error {
		now, err := tx.Proposal(p.ID)
		if err != nil {
			return err
		}
		if !now.DecidedAt.IsZero() {
			return answered(now)
		}
		staff, err := tx.Staff()
		if err != nil {
			return err
		}
		author := elevation.UserID(p.By.ID)
		switch {
		case act.User == author || act.User == localUser:
			return fmt.Errorf("%w: you proposed this yourself: somebody else must confirm it", elevation.ErrSelfApproval)
		case act.MadeBy.ID == p.By.ID || heldBy(staff, act.User, author):
			return fmt.Errorf("%w: %s, who proposed this, made your token or password: confirm it with one of your own", elevation.ErrSelfApproval, p.By.Name)
		case heldBy(staff, author, act.User):
			return fmt.Errorf("%w: you made the account of %s, who proposed this, or set its password: somebody else must confirm it", elevation.ErrSelfApproval, p.By.Name)
		case p.Maker.ID != "" && p.Maker.ID == string(act.User):
			return fmt.Errorf("%w: it was proposed with a token that you made: somebody else must confirm it", elevation.ErrSelfApproval)
		}
		return nil
	})
}
