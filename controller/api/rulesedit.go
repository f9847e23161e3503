package api

import (
	"context"
	"fmt"
	"net/http"

	"github.com/assent-epm/assent/controller/admin"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules"
	"github.com/assent-epm/assent/shared/rules/packs"
)

type newRuleInput struct{ Body client.EditRule }

type editRuleInput struct {
	ID   string `path:"id" maxLength:"200" example:"apt-update"`
	Body client.EditRule
}

type dropRuleInput struct {
	ID                string `path:"id" maxLength:"200" example:"apt-update"`
	AcknowledgeDenied bool   `query:"acknowledge_denied" doc:"Also when a person's denial would be approved without it."`
}

type versionInput struct {
	Version int64 `path:"version" minimum:"0" example:"3"`
	Against int64 `query:"against" minimum:"-1" default:"-1" doc:"Another version; default is the one before."`
}

type rollbackInput struct{ Body client.Rollback }

type proposalsInput struct {
	All bool `query:"all" doc:"Also those that were answered."`
}

type proposalInput struct {
	ID string `path:"id" maxLength:"200" example:"prp_019aa8d2-7777-7c41-9d10-3b1f0c5f2a77"`
}

type madeInput struct {
	ID string `path:"id" maxLength:"200" example:"req_019aa8d2-6f3e-7c41-9d10-3b1f0c5f2a77"`
}

type packInput struct {
	Name              string `path:"name" maxLength:"64" example:"deny"`
	AcknowledgeDenied bool   `query:"acknowledge_denied" doc:"Also when a person's denial would be approved without it."`
}

type switchInput struct {
	Name string `path:"name" maxLength:"64" example:"deny"`
	Body *client.SwitchPack
}

func (s *server) viewRule(ctx context.Context, a auth.Actor, in *ruleInput) (client.Rule, error) {
	r, err := s.cfg.Admin.Rule(ctx, a, elevation.RuleID(in.ID))
	if err != nil {
		return client.Rule{}, err
	}
	out := ruleOf(r)
	out.YAML, err = s.cfg.Admin.RuleText(ctx, r)
	return out, err
}

// edited is a rule after a change.
func (s *server) edited(ctx context.Context, r rules.Rule, set admin.Ruleset, faults []rules.Fault, err error) (client.Rule, error) {
	if err != nil {
		return client.Rule{}, err
	}
	out := ruleOf(r)
	out.Warnings, out.Proposal = faultsOf(faults), proposalOf(set.Proposal)
	if set.Proposal == nil {
		out.YAML, err = s.cfg.Admin.RuleText(ctx, r)
	}
	return out, err
}

func (s *server) addRule(ctx context.Context, a auth.Actor, in *newRuleInput) (client.Rule, error) {
	if in.Body.YAML == "" {
		return client.Rule{}, fmt.Errorf("%w: give the rule in yaml", elevation.ErrInvalid)
	}
	r, set, faults, err := s.cfg.Admin.AddRule(ctx, a, admin.EditRule{YAML: in.Body.YAML, Mode: rules.Mode(in.Body.Mode), AcknowledgeDenied: in.Body.AcknowledgeDenied})
	return s.edited(ctx, r, set, faults, err)
}

func (s *server) editRule(ctx context.Context, a auth.Actor, in *editRuleInput) (client.Rule, error) {
	r, set, faults, err := s.cfg.Admin.ChangeRule(ctx, a, elevation.RuleID(in.ID),
		admin.EditRule{YAML: in.Body.YAML, Mode: rules.Mode(in.Body.Mode), AcknowledgeDenied: in.Body.AcknowledgeDenied})
	return s.edited(ctx, r, set, faults, err)
}

func (s *server) removeRule(ctx context.Context, a auth.Actor, in *dropRuleInput) error {
	r, err := s.cfg.Admin.RemoveRule(ctx, a, elevation.RuleID(in.ID), in.AcknowledgeDenied)
	if err == nil && r.Proposal != nil {
		return fmt.Errorf("%w: it is not removed yet: %s waits for a second person (%s)", elevation.ErrConflict, r.Proposal.ID, r.Proposal.Why)
	}
	return err
}

type draftInput struct{ Body client.DraftRule }

func (s *server) draftRule(ctx context.Context, a auth.Actor, in *draftInput) (client.RuleDraft, error) {
	d, err := s.cfg.Admin.DraftRule(ctx, a, admin.DraftRule{Rule: elevation.RuleID(in.Body.Rule), YAML: in.Body.YAML, Fields: in.Body.Fields})
	if err != nil {
		return client.RuleDraft{}, err
	}
	return client.RuleDraft{Name: string(d.Rule.Name), YAML: d.YAML, Fields: d.Fields, What: d.Rule.What(), Terms: d.Rule.Terms(),
		OK: d.Whole != "" && !rules.Failed(d.Faults), Faults: faultsOf(d.Faults), Version: d.Version, Stored: d.Stored, Whole: d.Whole, Diff: d.Diff}, nil
}

func versionOf(r store.Ruleset, before string) client.RuleVersion {
	var added, changed, removed []string
	if before != r.YAML {
		added, changed, removed = rules.Changes([]byte(before), []byte(r.YAML))
	}
	return client.RuleVersion{Version: r.Version, AppliedBy: r.By.Name, AppliedAt: r.At.UTC(), YAML: r.YAML, Comment: r.Comment,
		Added: list(added), Changed: list(changed), Removed: list(removed)}
}

func (s *server) ruleVersion(ctx context.Context, a auth.Actor, in *versionInput) (client.RuleDiff, error) {
	r, against, old, diff, err := s.cfg.Admin.RuleVersion(ctx, a, in.Version, in.Against)
	if err != nil {
		return client.RuleDiff{}, err
	}
	return client.RuleDiff{RuleVersion: versionOf(r, old), Against: against, Diff: diff}, nil
}

func (s *server) rollback(ctx context.Context, a auth.Actor, in *rollbackInput) (client.Ruleset, error) {
	r, faults, err := s.cfg.Admin.Rollback(ctx, a, in.Body.Version, in.Body.AcknowledgeDenied)
	if err != nil {
		return client.Ruleset{}, err
	}
	return s.rulesetOf(ctx, a, r, faults)
}

func proposalOf(p *store.Proposal) *client.Proposal {
	if p == nil {
		return nil
	}
	out := &client.Proposal{ID: p.ID, Base: p.Base, What: p.What, Why: p.Why, ProposedBy: p.By.Name, ProposedAt: p.At.UTC(), State: "open",
		DecidedBy: p.DecidedBy.Name, DecidedAt: moment(p.DecidedAt), Comment: p.Comment, Acknowledged: p.Acknowledged}
	switch {
	case p.Confirmed:
		out.State = "confirmed"
	case !p.DecidedAt.IsZero():
		out.State = "rejected"
	}
	return out
}

func (s *server) proposals(ctx context.Context, a auth.Actor, in *proposalsInput) (client.List[client.Proposal], error) {
	out := client.List[client.Proposal]{Items: []client.Proposal{}}
	all, err := s.cfg.Admin.Proposals(ctx, a, in.All)
	if err != nil || len(all) == 0 {
		return out, err
	}
	versions, err := s.cfg.Admin.RuleVersions(ctx, a)
	before := map[int64]string{}
	for _, v := range versions {
		before[v.Version] = v.YAML
	}
	budget := maxCompared
	for _, p := range all {
		one := *proposalOf(&p)
		if budget -= len(p.YAML) + len(before[p.Base]); budget > 0 {
			one.Added, one.Changed, one.Removed = rules.Changes([]byte(before[p.Base]), []byte(p.YAML))
		}
		out.Items = append(out.Items, one)
	}
	out.Total = int64(len(out.Items))
	return out, err
}

func (s *server) proposal(ctx context.Context, a auth.Actor, in *proposalInput) (client.Proposal, error) {
	p, base, err := s.cfg.Admin.Proposal(ctx, a, in.ID)
	if err != nil {
		return client.Proposal{}, err
	}
	out := *proposalOf(&p)
	out.Diff = rules.Diff(base, p.YAML, fmt.Sprintf("version %d", p.Base), "proposed")
	out.Added, out.Changed, out.Removed = rules.Changes([]byte(base), []byte(p.YAML))
	out.YAML = p.YAML
	return out, nil
}

func (s *server) confirm(ctx context.Context, a auth.Actor, in *proposalInput) (client.Ruleset, error) {
	r, faults, err := s.cfg.Admin.ConfirmRules(ctx, a, in.ID)
	if err != nil {
		return client.Ruleset{}, err
	}
	return s.rulesetOf(ctx, a, r, faults)
}

func (s *server) reject(ctx context.Context, a auth.Actor, in *proposalInput) (client.Proposal, error) {
	p, err := s.cfg.Admin.RejectRules(ctx, a, in.ID)
	if err != nil {
		return client.Proposal{}, err
	}
	return *proposalOf(&p), nil
}

func (s *server) ruleFrom(ctx context.Context, a auth.Actor, in *madeInput) (client.MadeRule, error) {
	m, err := s.cfg.Admin.RuleFrom(ctx, a, elevation.RequestID(in.ID))
	return client.MadeRule{Name: string(m.Name), YAML: m.YAML, Faults: faultsOf(m.Faults)}, err
}

func (s *server) addPacks() {
	handle(s, route{method: http.MethodGet, path: "/packs", id: "pack-list", tag: "rules", summary: "Starter packs of rules"},
		func(ctx context.Context, a auth.Actor, in *OrderedInput) (client.List[client.Pack], error) {
			var out []client.Pack
			all, err := s.cfg.Admin.Packs(ctx, a)
			for _, p := range all {
				out = append(out, packOf(p))
			}
			if err != nil {
				return client.List[client.Pack]{}, err
			}
			return ordered(out, in, "packs", func(p client.Pack) string { return p.Name })
		})
	handle(s, route{method: http.MethodPost, path: "/packs/{name}/enable", id: "pack-enable", tag: "rules", summary: "Put a pack in force"},
		func(ctx context.Context, a auth.Actor, in *switchInput) (client.Pack, error) {
			body := client.SwitchPack{}
			if in.Body != nil {
				body = *in.Body
			}
			p, err := s.cfg.Admin.SwitchPack(ctx, a, in.Name, packs.State(body.Mode), body.AcknowledgeDenied)
			return packOf(p), err
		})
	handle(s, route{method: http.MethodPost, path: "/packs/{name}/disable", id: "pack-disable", tag: "rules", summary: "Switch a pack off"},
		func(ctx context.Context, a auth.Actor, in *packInput) (client.Pack, error) {
			p, err := s.cfg.Admin.SwitchPack(ctx, a, in.Name, packs.Off, in.AcknowledgeDenied)
			return packOf(p), err
		})
}

func packOf(p admin.Pack) client.Pack {
	out := client.Pack{Name: p.Name, Version: p.Version, Title: p.Title, State: string(p.State), Rules: []client.Rule{}, YAML: p.YAML, Proposal: proposalOf(p.Proposal)}
	for _, r := range p.Rules {
		out.Rules = append(out.Rules, ruleOf(r))
	}
	return out
}
