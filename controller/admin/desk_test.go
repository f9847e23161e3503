package admin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules"
	"github.com/assent-epm/assent/shared/rules/packs"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
)

// Every verb that changes rules, packs or policies asks for its permission and
// for an account without limits; a refusal is logged and changes nothing.
func TestWhoChangesRulesAndPolicies(t *testing.T) {
	d := newDesk(t)
	ctx := ctxOf(t)
	if _, _, err := d.ApplyRules(ctx, d.chief, ApplyRules{YAML: idRule}); err != nil {
		t.Fatal(err)
	}
	verbs := map[string]func(auth.Actor) error{
		"rules.add": func(a auth.Actor) error {
			_, _, _, err := d.AddRule(ctx, a, EditRule{YAML: "{name: x, match: {path: /usr/bin/x}, then: deny}"})
			return err
		},
		"rules.change": func(a auth.Actor) error {
			_, _, _, err := d.ChangeRule(ctx, a, "id", EditRule{Mode: rules.Observe})
			return err
		},
		"rules.remove":    func(a auth.Actor) error { _, err := d.RemoveRule(ctx, a, "id", false); return err },
		"rules.rollback":  func(a auth.Actor) error { _, _, err := d.Rollback(ctx, a, 0, false); return err },
		"pack.enable":     func(a auth.Actor) error { _, err := d.SwitchPack(ctx, a, "network", packs.Enforce, false); return err },
		"pack.disable":    func(a auth.Actor) error { _, err := d.SwitchPack(ctx, a, "deny", packs.Off, false); return err },
		"rules.confirm":   func(a auth.Actor) error { _, _, err := d.ConfirmRules(ctx, a, "prp_x"); return err },
		"rules.reject":    func(a auth.Actor) error { _, err := d.RejectRules(ctx, a, "prp_x"); return err },
		"policies.change": func(a auth.Actor) error { _, err := d.PutPolicies(ctx, a, nil, nil); return err },
	}
	scoped := d.chief
	scoped.Scope = map[string]string{"role": "web"}
	narrow := d.chief
	narrow.Token, narrow.Session, narrow.Scopes = "tok_1", false, []string{auth.ScopeAuditRead}
	for what, verb := range verbs {
		for who, act := range map[string]auth.Actor{"an approver": d.bo, "an auditor": d.reader, "some endpoints": scoped, "a narrow token": narrow} {
			before, version := d.count(t), d.Set().Version()
			if err := verb(act); !errors.Is(err, elevation.ErrNotAllowed) {
				t.Errorf("%s by %s: %v", what, who, err)
			}
			kinds, e := d.events(t, before)
			if len(kinds) != 1 || kinds[0] != "auth.refused" || e.Data["act"] != what || d.Set().Version() != version {
				t.Errorf("%s by %s: logged %v %v, version %d", what, who, kinds, e.Data, d.Set().Version())
			}
		}
		if err := verb(auth.Actor{}); !errors.Is(err, auth.ErrUnauthenticated) {
			t.Errorf("%s by nobody: %v", what, err)
		}
	}
}

// Settings of the desk are bounded, each with a text that says how.
func TestDeskSettings(t *testing.T) {
	d := newDesk(t)
	ctx := ctxOf(t)
	many := make([]string, maxMasks+1)
	for i := range many {
		many[i] = fmt.Sprintf("x%d", i)
	}
	for what, tt := range map[string]struct {
		edit func(*store.Settings)
		say  string
	}{
		"no zone":            {func(s *store.Settings) { s.TimeZone = "" }, "time_zone"},
		"the machine's zone": {func(s *store.Settings) { s.TimeZone = "Local" }, "Europe/Berlin"},
		"a path as zone":     {func(s *store.Settings) { s.TimeZone = "../../etc/passwd" }, "time_zone"},
		"no such role":       {func(s *store.Settings) { s.Emergency.Roles = []string{"god"} }, "god"},
		"a quota below zero": {func(s *store.Settings) { s.Emergency.DailyQuota = -1 }, "emergency.daily_quota"},
		"no address":         {func(s *store.Settings) { s.TicketValidator.URL = "ftp://x" }, "ticket_validator.url"},
		"a password in it":   {func(s *store.Settings) { s.TicketValidator.URL = "https://a:b@x/" }, "password"},
		"no time to answer":  {func(s *store.Settings) { s.TicketValidator.Timeout = 0 }, "timeout_seconds"},
		"days below zero":    {func(s *store.Settings) { s.Retention.ArgumentsDays = -1 }, "retention.arguments_days"},
		"nudges below zero":  {func(s *store.Settings) { s.Nudge.Most = -1 }, "nudge.most"},
		"nobody approves":    {func(s *store.Settings) { s.UnlinkedRiskyApprovers = 0 }, "unlinked_risky_approvers"},
		"six approve":        {func(s *store.Settings) { s.UnlinkedRiskyApprovers = 6 }, "unlinked_risky_approvers"},
		"no expression":      {func(s *store.Settings) { s.MaskPatterns = []string{"ok", "("} }, "number 2"},
		"all of it":          {func(s *store.Settings) { s.MaskPatterns = []string{"a*"} }, "every argument"},
		"too long":           {func(s *store.Settings) { s.MaskPatterns = []string{strings.Repeat("a", maxMask+1)} }, "500"},
		"too large":          {func(s *store.Settings) { s.MaskPatterns = []string{"((a{100}){100}){100}"} }, "number 1"},
		"too many":           {func(s *store.Settings) { s.MaskPatterns = many }, "64"},
	} {
		before := d.store.Settings()
		if _, err := d.EditSettings(ctx, d.chief, tt.edit); !errors.Is(err, elevation.ErrInvalid) || !strings.Contains(err.Error(), tt.say) {
			t.Errorf("%s: %v", what, err)
		}
		if d.store.Settings().TimeZone != before.TimeZone || len(d.store.Settings().MaskPatterns) != 0 {
			t.Errorf("%s: it was kept", what)
		}
	}
	set, err := d.EditSettings(ctx, d.chief, func(s *store.Settings) { s.MaskPatterns, s.FourEyesRules = []string{"k-[0-9]+"}, true })
	if err != nil || set.MaskPatterns[0] != "k-[0-9]+" || !set.FourEyesRules || set.TimeZone != "UTC" || !set.ShowApprovers || set.Emergency.DailyQuota != 3 {
		t.Errorf("%+v %v", set, err)
	}
}

// Whom a rule is for is read from match and from plain conditions.
func TestOnlyForItsAuthor(t *testing.T) {
	mine := map[string]bool{"rita": true, "rita2": true}
	for want, list := range map[bool][]rules.Rule{
		true: {{Match: rules.Match{Users: []string{"Rita"}}}, {Match: rules.Match{Users: []string{"rita", "rita2"}}}, {When: `user.name == "rita"`},
			{When: `ticket != '' && user.name=='Rita'`}},
		false: {{}, {Match: rules.Match{Users: []string{"rita", "bo"}}}, {When: `user.name == "bo"`}, {When: `user.name == "rita" || user.name == "bo"`},
			{Match: rules.Match{Groups: []string{"rita"}}}},
	} {
		for _, r := range list {
			if got := onlyFor(r, mine); got != want {
				t.Errorf("%+v %q: %v", r.Match, r.When, got)
			}
		}
	}
}

// No more changes wait than somebody can look at.
func TestProposalsAreBounded(t *testing.T) {
	d := newDesk(t)
	ctx := ctxOf(t)
	if _, err := d.AddUser(ctx, Local(), NewUser{Login: "rita", Roles: []auth.Role{auth.RuleAuthor}}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.EditSettings(ctx, d.chief, func(s *store.Settings) { s.FourEyesRules = true }); err != nil {
		t.Fatal(err)
	}
	for i := range maxOpen + 1 {
		r, _, err := d.ApplyRules(ctx, d.chief, ApplyRules{YAML: fmt.Sprintf("# %d\n%s", i, idRule)})
		switch {
		case i < maxOpen && (err != nil || r.Proposal == nil || r.Version != 0):
			t.Fatalf("number %d: %+v %v", i, r, err)
		case i == maxOpen && !errors.Is(err, elevation.ErrLimit):
			t.Errorf("one more: %v", err)
		}
	}
}

// pen signs policies.
type pen struct {
	signed  []elevation.Policy
	bundles []elevation.Bundle
}

func (p *pen) SignPolicy(x elevation.Policy) ([]byte, error) {
	p.signed = append(p.signed, x)
	return sign.Encode(x)
}

func (p *pen) SignBundle(x elevation.Bundle) ([]byte, error) {
	p.bundles = append(p.bundles, x)
	return sign.Encode(x)
}

func (p *pen) Epoch() uint64 { return 7 }

// A policy goes to an endpoint once, when it is another one; what could not be
// sent is sent when the endpoint connects.
func TestPoliciesAreSentOnce(t *testing.T) {
	d := newDesk(t)
	ctx := ctxOf(t)
	p := &pen{}
	d.cfg.Policies, d.cfg.Cluster = p, "c"
	var woken []elevation.EndpointID
	d.cfg.Wake = func(ep elevation.EndpointID) { woken = append(woken, ep) }
	web := d.plain(t, "web-1", map[string]string{"role": "web"})
	if err := d.SendPolicy(ctx, web); err != nil || len(p.signed) != 0 {
		t.Errorf("without a policy: %v %v", p.signed, err)
	}
	entry := store.PolicyEntry{Name: "web", Labels: map[string]string{"role": "web"}, ReasonMin: 9}
	got, err := d.PutPolicies(ctx, d.chief, nil, []store.PolicyEntry{entry})
	if err != nil || got.Version != 1 || len(p.signed) != 1 || len(woken) != 1 {
		t.Fatalf("%+v %v, signed %v", got, err, p.signed)
	}
	if s := p.signed[0]; s.Cluster != "c" || s.Endpoint != web || s.Version != 1 || s.KeyEpoch != 7 || s.Mode != elevation.ModeAsk || s.Confirm != "none" || s.ReasonMin != 9 {
		t.Errorf("signed %+v", s)
	}
	before := d.count(t)
	if got, err = d.PutPolicies(ctx, d.chief, nil, []store.PolicyEntry{entry}); err != nil || got.Version != 1 || d.count(t) != before {
		t.Errorf("the same again: %+v %v", got, err)
	}
	if err := d.SendPolicy(ctx, web); err != nil || len(p.signed) != 1 {
		t.Errorf("sent twice: %v", err)
	}
	fresh := d.plain(t, "web-2", map[string]string{"role": "web"})
	if err := d.SendPolicy(ctx, fresh); err != nil || len(p.signed) != 2 || p.signed[1].Endpoint != fresh {
		t.Errorf("a new endpoint: %v", err)
	}
	if _, err := d.PutPolicies(ctx, d.chief, nil, nil); err != nil || len(p.signed) != 4 || p.signed[2].Name != "" || p.signed[2].Version != 2 {
		t.Errorf("taken away: %v %+v", err, p.signed[2:])
	}
	if again := d.reopen(t); again.policies.Load().Version != 2 || again.PolicyFor(map[string]string{"role": "web"}).Name != "" {
		t.Error("after a start")
	}
	err = d.store.View(ctx, func(tx *store.Tx) error {
		frames, err := tx.Frames(web, 0, 10)
		if err != nil || len(frames) != 2 {
			return fmt.Errorf("%d frames, %w", len(frames), err)
		}
		f, err := wire.Decode(frames[0].Raw)
		if err != nil || f.Type != wire.TPolicy {
			return fmt.Errorf("frame %s, %w", f.Type, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// plain stores an endpoint.
func (d *desk) plain(t *testing.T, name string, labels map[string]string) elevation.EndpointID {
	t.Helper()
	id := elevation.EndpointID(elevation.NewID(elevation.EndpointPrefix, d.now))
	err := d.store.Update(context.Background(), func(tx *store.Tx) error {
		if err := tx.InsertEndpoint(store.Endpoint{ID: id, Name: name, SPKI: []byte(id), Labels: labels, Mode: "ask", EnrolledAt: d.now}); err != nil {
			return err
		}
		return tx.Append(audit.Event{At: d.now, Kind: audit.EndpointEnrolled, Actor: elevation.Actor{Kind: elevation.BySystem}, Endpoint: id})
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}
