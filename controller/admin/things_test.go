package admin

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules"
	"github.com/assent-epm/assent/shared/wire"
)

const idRule = `rules:
  - name: id
    match: {path: /usr/bin/id, args: []}
    then: approve
`

func TestApplyRules(t *testing.T) {
	d := newDesk(t)
	ctx := ctxOf(t)
	if r, err := d.Rules(ctx, d.chief); err != nil || r.Version != 0 || len(r.Rules) != 0 || r.YAML != "rules: []\n" || d.Set().Version() != 0 || d.force.Load().own != nil {
		t.Errorf("before the first: %+v %v", r, err)
	}
	var told []int64
	d.cfg.OnRules = func(s *rules.Set) { told = append(told, s.Version()) }
	before := d.count(t)
	r, faults, err := d.ApplyRules(ctx, d.chief, ApplyRules{YAML: idRule})
	if err != nil || r.Version != 1 || len(faults) != 0 || len(r.Rules) != 1 || d.Set().Version() != 1 {
		t.Fatalf("got %+v %v %v", r, faults, err)
	}
	if _, _, err := d.ApplyRules(ctx, d.chief, ApplyRules{YAML: idRule}); err != nil || d.Set().Version() != 1 {
		t.Errorf("the same again: version %d, %v", d.Set().Version(), err)
	}
	const more = `rules:
  - name: uptime
    match: {path: /usr/bin/uptime, args: []}
    then: approve
tests:
  - {attempt: {path: /usr/bin/uptime}, expect: approve}
  - {attempt: {path: /usr/bin/id}, expect: approve, rule: id}
`
	r, _, err = d.ApplyRules(ctx, d.chief, ApplyRules{YAML: more, Merge: true})
	if err != nil || r.Version != 2 || len(r.Rules) != 2 || r.Rules[0].Name != "id" {
		t.Fatalf("merge: %+v %v", r, err)
	}
	if r, _, err = d.ApplyRules(ctx, d.chief, ApplyRules{YAML: more, Merge: true}); err != nil || r.Version != 2 {
		t.Errorf("the same merge again: version %d, %v", r.Version, err)
	}
	kinds, e := d.events(t, before)
	if cmp.Diff([]string{"rule.changed", "rule.changed"}, kinds) != "" || e.Data["added"] != "uptime" || e.Data["version"] != "2" || e.Data["removed"] != "" {
		t.Errorf("logged %v %v", kinds, e.Data)
	}
	if d := cmp.Diff([]int64{1, 2}, told); d != "" {
		t.Error("told: " + d)
	}
	if again := d.reopen(t).Set(); again.Version() != 2 || len(own(again)) != 2 {
		t.Errorf("after a start: version %d with %d rules", again.Version(), again.Len())
	}
	if list, err := d.RuleVersions(ctx, d.reader); err != nil || len(list) != 2 || list[0].Version != 2 || list[0].By.Name != "chief" {
		t.Errorf("versions: %+v %v", list, err)
	}
	const team = "rules:\n- {name: a, match: {path: /usr/bin/id}, then: require, require: {stages: [{team: platform}]}}\n"
	if _, faults, err := d.ApplyRules(ctx, d.chief, ApplyRules{YAML: team}); err != nil || len(faults) != 1 || faults[0].Code != "unknown_team" {
		t.Errorf("an unknown team: %v %v", faults, err)
	}
	if _, _, err := d.ApplyRules(ctx, d.chief, ApplyRules{YAML: more[:strings.Index(more, "tests:")]}); err != nil {
		t.Fatal(err)
	}
	if one, err := d.Rule(ctx, d.bo, "uptime"); err != nil || !strings.Contains(one.YAML, "name: uptime") {
		t.Errorf("one rule: %+v %v", one, err)
	}
	_, err = d.Rule(ctx, d.bo, "none")
	want(t, err, elevation.ErrNotFound, "an unknown rule")
}

func TestApplyRefuses(t *testing.T) {
	d := newDesk(t)
	if _, _, err := d.ApplyRules(ctxOf(t), d.chief, ApplyRules{YAML: idRule}); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, yaml, code string
		merge            bool
	}{
		{"nothing", "", "missing", false},
		{"bad yaml", "rules: [", "syntax", false},
		{"failing test", idRule + "tests:\n- {attempt: {path: /usr/bin/id}, expect: deny}\n", "test_failed", false},
		{"conflict after the merge", "rules:\n- {name: b, match: {path: /usr/bin/id, args: []}, then: deny}\n", "conflict", true},
		{"test of the others fails after the merge", "rules:\n- {name: b, match: {user: [x]}, then: deny}\ntests:\n- {attempt: {path: /usr/bin/id}, expect: deny}\n", "test_failed", true},
		{"merge of nonsense", "rules: 1", "wrong_type", true},
		{"condition of 1 MB", idRule + "    when: '" + strings.Repeat("a", 1<<20-len(idRule)-20) + "'\n", "too_large", false},
		{"condition that loops", idRule + "    when: subject.args.all(a, subject.args.all(b, subject.args.all(c, a + b == c)))\n", "when", false},
		{"over 2 MB", strings.Repeat("#", 2<<20+1), "too_large", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := d.count(t)
			_, _, err := d.ApplyRules(ctxOf(t), d.chief, ApplyRules{YAML: tt.yaml, Merge: tt.merge})
			var faults *FaultsError
			if !errors.As(err, &faults) || !errors.Is(err, elevation.ErrInvalid) {
				t.Fatalf("got %v", err)
			}
			if !slices.ContainsFunc(faults.Faults, func(f rules.Fault) bool { return f.Code == tt.code }) {
				t.Errorf("got %v, want code %s", faults.Faults, tt.code)
			}
			if d.Set().Version() != 1 || d.count(t) != before {
				t.Error("something changed")
			}
			if len(err.Error()) > 1000 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
		})
	}
	faults, err := d.CheckRules(ctxOf(t), d.reader, "rules:\n- {name: a, match: {path: bash}, then: approve}\n")
	if err != nil || !rules.Failed(faults) {
		t.Errorf("check: %v %v", faults, err)
	}
}

// Twenty people apply different rules at once: each of the sets was in force, in
// the order of the versions, and the last one is.
func TestApplyAtOnce(t *testing.T) {
	d := newDesk(t)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			text := strings.Replace(idRule, "name: id", "name: id"+string(rune('a'+i)), 1)
			if _, _, err := d.ApplyRules(ctxOf(t), d.chief, ApplyRules{YAML: text}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	r, err := d.Rules(ctxOf(t), d.chief)
	if err != nil || r.Version != 20 || d.Set().Version() != 20 || string(d.Set().Rules()[0].Name) != string(r.Rules[0].Name) {
		t.Errorf("version %d stored, %d in force, %v", r.Version, d.Set().Version(), err)
	}
}

func TestUnreadableStoredRulesAskForEverything(t *testing.T) {
	d := newDesk(t)
	ctx := ctxOf(t)
	err := d.store.Update(ctx, func(tx *store.Tx) error {
		if _, err := tx.PutRuleset(store.Ruleset{YAML: "rules: [nonsense]", At: d.now, By: by(d.chief)}); err != nil {
			return err
		}
		return tx.Append(d.event(d.chief, audit.RuleChanged, nil))
	})
	if err != nil {
		t.Fatal(err)
	}
	a := d.reopen(t)
	if len(own(a.Set())) != 0 || a.Set().Len() == 0 {
		t.Error("there are rules beside the guard")
	}
	if r, _, err := a.ApplyRules(ctx, d.chief, ApplyRules{YAML: idRule}); err != nil || r.Version != 2 {
		t.Errorf("it can not be corrected: %+v %v", r, err)
	}
}

// deniedRequest stores a request that a person denied.
func (d *desk) deniedRequest(t *testing.T) elevation.RequestID {
	t.Helper()
	ep := d.endpoint(t, "web-1", map[string]string{"role": "web"})
	r := elevation.Request{ID: elevation.NewRequestID(d.now), Endpoint: ep.ID, Origin: elevation.FromEndpoint, Priority: elevation.Normal, DraftedAt: d.now,
		Attempt: elevation.Attempt{AccessType: elevation.Run, User: elevation.User{Name: "dina", UID: "1001"},
			Subject: elevation.Subject{Path: "/usr/bin/id", SHA256: strings.Repeat("a", 64), ArgsDigest: make([]byte, 32), RunAs: "root"}},
		Need: elevation.Need{Stages: []elevation.Stage{{Team: "team_approvers", Name: "Approvers", Quorum: 1}}}}
	r, err := r.Submit("because", "", elevation.DefaultTimes(), d.now)
	if err != nil {
		t.Fatal(err)
	}
	r, err = r.Review(elevation.Vote{By: by(d.bo), Stages: []int{0}, Verdict: elevation.Denied}, elevation.DefaultTimes(), d.now)
	if err != nil {
		t.Fatal(err)
	}
	err = d.store.Update(ctxOf(t), func(tx *store.Tx) error {
		if err := tx.InsertRequest(&r, d.now); err != nil {
			return err
		}
		return tx.Append(audit.Event{At: d.now, Kind: audit.RequestDenied, Actor: by(d.bo), Request: r.ID})
	})
	if err != nil {
		t.Fatal(err)
	}
	return r.ID
}

func (d *desk) endpoint(t *testing.T, name string, labels map[string]string) store.Endpoint {
	t.Helper()
	e := store.Endpoint{ID: elevation.EndpointID(elevation.NewID(elevation.EndpointPrefix, d.now)), Name: name, SPKI: []byte(name), Labels: labels,
		Facts: wire.Facts{Hostname: name, OS: "linux"}, Mode: "ask", EnrolledAt: d.now}
	err := d.store.Update(ctxOf(t), func(tx *store.Tx) error {
		if err := tx.InsertEndpoint(e); err != nil {
			return err
		}
		return tx.Append(audit.Event{At: d.now, Kind: audit.EndpointEnrolled, Actor: elevation.Actor{Kind: elevation.BySystem}, Endpoint: e.ID})
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// denied is the replay in small; the real one is insight's.
func (d *desk) denied(ctx context.Context, set *rules.Set, days int) (n int, newest elevation.RequestID, rule string, err error) {
	span := store.Span{Since: d.now.Add(-time.Duration(days) * 24 * time.Hour), Denied: true}
	_, err = d.store.Each(ctx, span, []func(*elevation.Request) error{func(r *elevation.Request) error {
		if o := set.Evaluate(rules.Input{Attempt: r.Attempt}, r.SubmittedAt); o.Kind == rules.Approve {
			n, newest, rule = n+1, r.ID, string(o.Name)
		}
		return nil
	}})
	return n, newest, rule, err
}

// own are the rules that come from no pack.
func own(set *rules.Set) (list []rules.Rule) {
	for _, r := range set.Rules() {
		if r.Pack == "" {
			list = append(list, r)
		}
	}
	return list
}

func TestRulesNeedTheirHistory(t *testing.T) {
	d := newDesk(t)
	d.cfg.Denied = nil
	if _, _, err := d.ApplyRules(ctxOf(t), d.chief, ApplyRules{YAML: idRule}); !errors.Is(err, errNoHistory) || len(own(d.Set())) != 0 {
		t.Errorf("rules were applied without a look at what was denied: %v", err)
	}
}

func TestRulesAgainstDenials(t *testing.T) {
	d := newDesk(t)
	ctx := ctxOf(t)
	id := d.deniedRequest(t)
	_, _, err := d.ApplyRules(ctx, d.chief, ApplyRules{YAML: idRule})
	var denied *DeniedError
	if !errors.As(err, &denied) || !errors.Is(err, elevation.ErrConflict) || denied.Request != id || denied.Count != 1 || denied.Rule != "id" {
		t.Fatalf("got %v", err)
	}
	if len(own(d.Set())) != 0 {
		t.Error("the rules are in force")
	}
	if _, _, err := d.ApplyRules(ctx, d.chief, ApplyRules{YAML: strings.Replace(idRule, "then: approve", "then: require", 1)}); err != nil {
		t.Errorf("rules that approve nothing: %v", err)
	}
	if _, _, err := d.ApplyRules(ctx, d.chief, ApplyRules{YAML: idRule, AcknowledgeDenied: true}); err != nil {
		t.Errorf("acknowledged: %v", err)
	}
	o, err := d.EvaluateRequest(ctx, d.bo, id)
	if err != nil || o.Kind != rules.Approve || o.Rule != "id@2" {
		t.Errorf("evaluate: %+v %v", o, err)
	}
	outside := d.bo
	outside.Scope = map[string]string{"role": "db"}
	_, err = d.EvaluateRequest(ctx, outside, id)
	want(t, err, elevation.ErrNotFound, "outside of the scope")
	d.now = d.now.Add((deniedDays + 1) * 24 * time.Hour)
	if _, _, err := d.ApplyRules(ctx, d.chief, ApplyRules{YAML: idRule + "# later\n"}); err != nil {
		t.Errorf("after a month: %v", err)
	}
}

func TestEvaluate(t *testing.T) {
	d := newDesk(t)
	if _, _, err := d.ApplyRules(ctxOf(t), d.chief, ApplyRules{YAML: idRule}); err != nil {
		t.Fatal(err)
	}
	in := rules.Input{Attempt: elevation.Attempt{AccessType: elevation.Run, Subject: elevation.Subject{Path: "/usr/bin/id"}}}
	if o, err := d.Evaluate(ctxOf(t), d.bo, in); err != nil || o.Kind != rules.Approve {
		t.Errorf("got %+v %v", o, err)
	}
	_, err := d.Evaluate(ctxOf(t), auth.Actor{User: "usr_x", Roles: []auth.Role{auth.Requester}}, in)
	want(t, err, elevation.ErrNotAllowed, "a requester")
}

func TestTokens(t *testing.T) {
	d := newDesk(t)
	ctx := ctxOf(t)
	before := d.count(t)
	tok, text, err := d.AddToken(ctx, d.bo, NewToken{Name: "mine", Scopes: []string{auth.ScopeRequestsRead}})
	if err != nil || !strings.HasPrefix(text, auth.TokenPrefix) || tok.Owner != d.bo.User || tok.ExpiresAt != d.now.Add(auth.DefaultTokenTTL) || tok.Full {
		t.Fatalf("got %+v %v", tok, err)
	}
	kinds, e := d.events(t, before)
	if cmp.Diff([]string{"token.created"}, kinds) != "" || strings.Contains(strings.Join(values(e.Data), " "), text) || e.Data["scopes"] != auth.ScopeRequestsRead {
		t.Errorf("logged %v %v", kinds, e.Data)
	}
	others, _, err := d.AddToken(ctx, d.chief, NewToken{Name: "for bo", User: "bo", TTL: time.Hour})
	if err != nil || others.Owner != d.bo.User {
		t.Fatalf("for somebody else: %+v %v", others, err)
	}
	mine, _, err := d.AddToken(ctx, d.chief, NewToken{Name: "chief's"})
	want(t, err, nil, "for oneself")
	_, _, err = d.AddToken(ctx, d.bo, NewToken{Name: "x", User: "chief"})
	want(t, err, elevation.ErrNotAllowed, "an approver for the administrator")
	_, _, err = d.AddToken(ctx, d.bo, NewToken{Name: "x", User: "nobody"})
	want(t, err, elevation.ErrNotAllowed, "an approver for nobody") // does not tell who exists
	_, _, err = d.AddToken(ctx, d.chief, NewToken{Name: "x", User: "nobody"})
	want(t, err, elevation.ErrNotFound, "for nobody")
	for name, in := range map[string]NewToken{
		"no name":       {},
		"bad name":      {Name: "a\nb"},
		"unknown scope": {Name: "x", Scopes: []string{"root"}},
		"scope twice":   {Name: "x", Scopes: []string{"rules", "rules"}},
		"negative ttl":  {Name: "x", TTL: -1},
		"short ttl":     {Name: "x", TTL: time.Millisecond},
		"long ttl":      {Name: "x", TTL: auth.MaxTokenTTL + 1},
	} {
		_, _, err := d.AddToken(ctx, d.chief, in)
		want(t, err, elevation.ErrInvalid, name)
	}
	if list, err := d.Tokens(ctx, d.bo); err != nil || len(list) != 2 {
		t.Errorf("bo sees %d tokens, %v", len(list), err)
	} else {
		for _, kept := range list { // who made it is stored: such a token never decides its maker's requests
			if byChief := kept.MadeBy.ID == string(d.chief.User); byChief != (kept.ID == others.ID) {
				t.Errorf("token %q is made by %+v", kept.Name, kept.MadeBy)
			}
		}
	}
	if list, err := d.Tokens(ctx, d.chief); err != nil || len(list) != 3 {
		t.Errorf("chief sees %d tokens, %v", len(list), err)
	}
	want(t, d.DeleteToken(ctx, d.bo, mine.ID), elevation.ErrNotFound, "somebody else's")
	want(t, d.DeleteToken(ctx, d.bo, tok.ID), nil, "one's own")
	want(t, d.DeleteToken(ctx, d.bo, tok.ID), elevation.ErrNotFound, "again")
	want(t, d.DeleteToken(ctx, d.chief, others.ID), nil, "as administrator")
}

func TestTokenQuota(t *testing.T) {
	d := newDesk(t)
	for range auth.MaxTokens {
		if _, _, err := d.AddToken(ctxOf(t), d.bo, NewToken{Name: "x"}); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err := d.AddToken(ctxOf(t), d.bo, NewToken{Name: "x"})
	want(t, err, elevation.ErrLimit, "one more")
}

func TestEnrollTokens(t *testing.T) {
	d := newDesk(t)
	ctx := ctxOf(t)
	before := d.count(t)
	tok, text, err := d.AddEnrollToken(ctx, d.chief, NewEnrollToken{Labels: map[string]string{"role": "web"}, AcceptLabels: []string{"site"}, MaxUses: 5, TTL: time.Hour, Mode: "observe"})
	if err != nil {
		t.Fatal(err)
	}
	_, hash, err := wire.ParseEnrollToken(text)
	if err != nil || string(hash) != string(tok.Hash) || tok.ExpiresAt != d.now.Add(time.Hour) || tok.CreatedBy.Name != "chief" {
		t.Errorf("got %+v %v", tok, err)
	}
	kinds, e := d.events(t, before)
	if cmp.Diff([]string{"enrollment_token.created"}, kinds) != "" || strings.Contains(strings.Join(values(e.Data), " "), text) || e.Data["labels"] != "role=web" {
		t.Errorf("logged %v %v", kinds, e.Data)
	}
	plain, _, err := d.AddEnrollToken(ctx, d.chief, NewEnrollToken{})
	if err != nil || plain.MaxUses != 1 || plain.Mode != "" || plain.ExpiresAt != d.now.Add(24*time.Hour) {
		t.Errorf("defaults: %+v %v", plain, err)
	}
	for name, in := range map[string]NewEnrollToken{
		"negative ttl":       {TTL: -time.Hour},
		"long ttl":           {TTL: 400 * 24 * time.Hour},
		"negative uses":      {MaxUses: -1},
		"many uses":          {MaxUses: maxEnrollUses + 1},
		"unknown mode":       {Mode: "off"},
		"bad label":          {Labels: map[string]string{"a b": "c"}},
		"empty label":        {Labels: map[string]string{"a": ""}},
		"label with a comma": {Labels: map[string]string{"a": "b,c"}},
		"label of 1 MB":      {Labels: map[string]string{"a": strings.Repeat("x", 1<<20)}},
		"accepted and given": {Labels: map[string]string{"a": "b"}, AcceptLabels: []string{"a"}},
		"accepted twice":     {AcceptLabels: []string{"a", "a"}},
		"bad accepted":       {AcceptLabels: []string{"*"}},
		"many accepted":      {AcceptLabels: make([]string, maxLabels+1)},
	} {
		_, _, err := d.AddEnrollToken(ctx, d.chief, in)
		want(t, err, elevation.ErrInvalid, name)
	}
	if list, err := d.EnrollTokens(ctx, d.chief); err != nil || len(list) != 2 {
		t.Errorf("%d tokens, %v", len(list), err)
	}
	db := d.chief
	db.Scope = map[string]string{"role": "db"}
	if list, err := d.EnrollTokens(ctx, db); err != nil || len(list) != 0 {
		t.Errorf("outside of the scope: %d tokens, %v", len(list), err)
	}
	want(t, d.DeleteEnrollToken(ctx, db, tok.ID), elevation.ErrNotFound, "outside of the scope")
	want(t, d.DeleteEnrollToken(ctx, d.chief, tok.ID), nil, "delete")
	want(t, d.DeleteEnrollToken(ctx, d.chief, tok.ID), elevation.ErrNotFound, "delete again")
	want(t, d.DeleteEnrollToken(ctx, d.chief, "nonsense"), elevation.ErrNotFound, "delete nonsense")
}

func TestEndpoints(t *testing.T) {
	d := newDesk(t)
	ctx := ctxOf(t)
	web := d.endpoint(t, "web-1", map[string]string{"role": "web"})
	d.endpoint(t, "db-1", map[string]string{"role": "db"})
	scoped := d.bo
	scoped.Scope = map[string]string{"role": "db"}
	for _, tt := range []struct {
		name   string
		act    auth.Actor
		filter store.EndpointFilter
		want   int
	}{
		{"all", d.bo, store.EndpointFilter{}, 2},
		{"by name", d.bo, store.EndpointFilter{Name: "web-1"}, 1},
		{"in a scope", scoped, store.EndpointFilter{}, 1},
		{"asking beyond the scope", scoped, store.EndpointFilter{Scope: map[string]string{"role": "web"}}, 0},
		{"asking within the scope", scoped, store.EndpointFilter{Scope: map[string]string{"role": "db"}}, 1},
	} {
		if list, err := d.Endpoints(ctx, tt.act, tt.filter); err != nil || len(list) != tt.want {
			t.Errorf("%s: %d, %v", tt.name, len(list), err)
		}
	}
	_, err := d.Endpoint(ctx, scoped, web.ID)
	want(t, err, elevation.ErrNotFound, "outside of the scope")
	admin := d.chief
	admin.Scope = scoped.Scope
	want(t, d.DeleteEndpoint(ctx, admin, web.ID), elevation.ErrNotFound, "delete outside of the scope")
	want(t, d.DeleteEndpoint(ctx, d.bo, web.ID), elevation.ErrNotAllowed, "delete as approver")
	before := d.count(t)
	want(t, d.DeleteEndpoint(ctx, d.chief, web.ID), nil, "delete")
	kinds, e := d.events(t, before)
	if cmp.Diff([]string{"endpoint.deleted"}, kinds) != "" || e.Endpoint != web.ID || e.Data["name"] != "web-1" {
		t.Errorf("logged %v %v", kinds, e)
	}
	want(t, d.DeleteEndpoint(ctx, d.chief, web.ID), elevation.ErrNotFound, "delete again")
	_, err = d.Endpoint(ctx, d.chief, web.ID)
	want(t, err, elevation.ErrNotFound, "a deleted one")
	if list, _ := d.Endpoints(ctx, d.chief, store.EndpointFilter{Deleted: true}); len(list) != 1 {
		t.Errorf("a deleted one is listed: %d", len(list))
	}
	banned := store.Endpoint{}
	if err := d.store.View(ctx, func(tx *store.Tx) error { banned, err = tx.EndpointBySPKI([]byte("web-1")); return err }); err != nil || banned.DeletedAt.IsZero() {
		t.Errorf("the key is not banned: %+v %v", banned, err)
	}
}

func TestSettings(t *testing.T) {
	d := newDesk(t)
	ctx := ctxOf(t)
	before := d.count(t)
	s, err := d.EditSettings(ctx, d.chief, func(s *store.Settings) {
		s.PendingTTL = time.Hour
		s.HeadStart[elevation.High] = 2 * time.Hour
	})
	if err != nil || s.PendingTTL != time.Hour || s.HeadStart[elevation.High] != 2*time.Hour {
		t.Fatalf("got %+v %v", s, err)
	}
	kinds, e := d.events(t, before)
	if d := cmp.Diff(map[string]string{"pending_ttl_seconds": "28800 → 3600", "head_start_seconds.high": "3600 → 7200"}, e.Data); len(kinds) != 1 || d != "" {
		t.Error(kinds, d)
	}
	if got, err := d.Settings(ctx, d.reader); err != nil || cmp.Diff(s, got) != "" {
		t.Errorf("read back: %v %s", err, cmp.Diff(s, got))
	}
	before = d.count(t)
	if _, err := d.EditSettings(ctx, d.chief, func(*store.Settings) {}); err != nil || d.count(t) != before {
		t.Errorf("nothing changed: %v", err)
	}
	for name, edit := range map[string]func(*store.Settings){
		"pending 0":         func(s *store.Settings) { s.PendingTTL = 0 },
		"pending negative":  func(s *store.Settings) { s.PendingTTL = -time.Hour },
		"pending two years": func(s *store.Settings) { s.PendingTTL = 2 * year },
		"use within 0":      func(s *store.Settings) { s.UseWithin = 0 },
		"hold negative":     func(s *store.Settings) { s.Hold = -time.Second },
		"undo a day":        func(s *store.Settings) { s.Undo = 24 * time.Hour },
		"quota negative":    func(s *store.Settings) { s.Quota.PendingPerUser = -1 },
		"cooldown negative": func(s *store.Settings) { s.Quota.Cooldown = -time.Second },
		"no history":        func(s *store.Settings) { s.HistoryDays = 0 },
		"min duration 0":    func(s *store.Settings) { s.MinDuration = 0 },
		"min beyond cap":    func(s *store.Settings) { s.MinDuration = 9 * time.Hour },
		"unknown priority":  func(s *store.Settings) { s.MaxRequesterPriority = "top" },
		"no priority":       func(s *store.Settings) { s.MaxRequesterPriority = "" },
		"head start extra":  func(s *store.Settings) { s.HeadStart["top"] = time.Hour },
		"head start gone":   func(s *store.Settings) { delete(s.HeadStart, elevation.Low) },
		"head start bad":    func(s *store.Settings) { s.HeadStart[elevation.Low] = -time.Second },
	} {
		_, err := d.EditSettings(ctx, d.chief, edit)
		want(t, err, elevation.ErrInvalid, name)
	}
	if got, _ := d.Settings(ctx, d.chief); cmp.Diff(s, got) != "" || d.count(t) != before {
		t.Error("a refused edit left something: " + cmp.Diff(s, got))
	}
}
