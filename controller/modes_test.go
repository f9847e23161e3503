package controller

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/admin"
	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
)

// agent makes an endpoint whose agent obeys modes.
func (b *bed) agent(name string, labels map[string]string) elevation.EndpointID {
	b.t.Helper()
	id := b.endpoint(name, labels)
	err := b.store.Update(b.t.Context(), func(tx *store.Tx) error {
		e, err := tx.Endpoint(id)
		if err != nil {
			return err
		}
		e.Capabilities = []string{"run", "observe"}
		if err := tx.PutEndpoint(e); err != nil {
			return err
		}
		return tx.Append(audit.Event{At: time.Now(), Kind: audit.EndpointChanged, Actor: elevation.Actor{Kind: elevation.BySystem}, Endpoint: id})
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return id
}

// sent is the newest policy on its way to an endpoint, and how many there were.
func (b *bed) sent(id elevation.EndpointID) (p elevation.Policy, n int) {
	b.t.Helper()
	var raws [][]byte
	err := b.store.View(b.t.Context(), func(tx *store.Tx) error {
		list, err := tx.Frames(id, 0, 1000)
		for _, f := range list {
			raws = append(raws, f.Raw)
		}
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, raw := range raws {
		f, err := wire.Decode(raw)
		if err != nil {
			b.t.Fatal(err)
		}
		if f.Type != wire.TPolicy {
			continue
		}
		var s wire.Signed
		if err := f.Into(&s); err != nil {
			b.t.Fatal(err)
		}
		rootID, root := b.keys.Root()
		set, err := sign.OpenKeySet(b.keys.KeySet(), rootID, root, 0)
		if err != nil {
			b.t.Fatal(err)
		}
		p = elevation.Policy{}
		if err := set.Open(sign.Policy, s.Raw, time.Now(), &p); err != nil {
			b.t.Fatal(err)
		}
		n++
	}
	return p, n
}

// within waits until cond holds.
func (b *bed) within(d time.Duration, what string, cond func() bool) {
	b.t.Helper()
	over := time.NewTimer(d)
	defer over.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-over.C:
			b.t.Fatalf("not within %v: %s", d, what)
		case <-tick.C:
		}
	}
}

func (b *bed) modeOf(id elevation.EndpointID) client.Endpoint {
	b.t.Helper()
	return must[client.Endpoint](b.t)(client.Get[client.Endpoint](b.t.Context(), b.admin, "/endpoints/"+string(id), nil))
}

func (b *bed) kinds(kind string) (n int) {
	b.t.Helper()
	page := must[client.AuditPage](b.t)(client.Get[client.AuditPage](b.t.Context(), b.admin, "/audit", url.Values{"kind": {kind}, "limit": {"500"}}))
	return len(page.Items)
}

// A pause makes endpoints observe at once, ends by itself, and is ended by hand;
// each is told in the log and by a signed policy, and nothing else is.
func TestD11PauseAndResume(t *testing.T) {
	b := start(t)
	ctx := t.Context()
	web, db := b.agent("web-1", map[string]string{"role": "web"}), b.agent("db-1", map[string]string{"role": "db"})
	old := b.endpoint("old-1", map[string]string{"role": "web"}) // of before modes
	p := must[client.Pause](t)(b.admin.Pause(ctx, client.NewPause{Labels: map[string]string{"role": "web"}, DurationSeconds: 3600, Comment: "outage"}))
	if p.State != "active" || p.CreatedBy != "admin" || p.Until.Before(time.Now().Add(59*time.Minute)) {
		t.Errorf("%+v", p)
	}
	b.within(10*time.Second, "the policy with the pause", func() bool {
		got, _ := b.sent(web)
		return got.Paused != nil && got.Paused.By == "admin" && got.Paused.Reason == "outage" && got.Paused.Until.Equal(p.Until)
	})
	if e := b.modeOf(web); e.Mode != "observe" || e.PausedUntil == nil {
		t.Errorf("%s until %v", e.Mode, e.PausedUntil)
	}
	if e := b.modeOf(db); e.Mode != "ask" || e.PausedUntil != nil {
		t.Errorf("another label: %s until %v", e.Mode, e.PausedUntil)
	}
	if _, n := b.sent(db); n != 0 {
		t.Errorf("another label was sent %d policies", n)
	}
	if got, _ := b.sent(old); got.Paused != nil {
		t.Error("an agent that knows no pauses was sent one")
	}
	one := must[client.Pause](t)(b.admin.PauseEndpoint(ctx, string(db), client.PauseEndpoint{DurationSeconds: 1, Comment: "short"}))
	b.within(10*time.Second, "the pause of one", func() bool { got, n := b.sent(db); return n >= 1 && (got.Paused != nil || n == 2) })
	b.within(10*time.Second, "its end by itself", func() bool { got, n := b.sent(db); return n == 2 && got.Paused == nil })
	if err := b.admin.Resume(ctx, p.ID); err != nil {
		t.Fatal(err)
	}
	b.within(10*time.Second, "the end by hand", func() bool { got, n := b.sent(web); return n == 2 && got.Paused == nil })
	if err := b.admin.Resume(ctx, p.ID); err != nil {
		t.Errorf("ended again: %v", err)
	}
	b.within(10*time.Second, "the events", func() bool { return b.kinds("endpoint.paused") == 2 && b.kinds("endpoint.resumed") == 2 })
	all := must[[]client.Pause](t)(b.admin.Pauses(ctx, false))
	i := slices.IndexFunc(all, func(x client.Pause) bool { return x.ID == one.ID })
	if len(all) != 2 || i < 0 || all[i].State != "ended" || all[i].EndedBy != "" {
		t.Errorf("%+v", all)
	}
	if left := must[[]client.Pause](t)(b.admin.Pauses(ctx, true)); len(left) != 0 {
		t.Errorf("still there: %+v", left)
	}
}

// Nobody pauses beyond their scope, without a reason, for ever, or by a session
// whose owner may be elsewhere.
func TestD11PauseIsBounded(t *testing.T) {
	b := start(t)
	ctx := t.Context()
	web, db := b.agent("web-1", map[string]string{"role": "web"}), b.agent("db-1", map[string]string{"role": "db", "site": "a"})
	dee := b.client(b.person("dee", map[string]string{"role": "db"}, "administrator").Token)
	for name, c := range map[string]struct {
		err  error
		code string
	}{
		"the fleet":       {call(dee.Pause(ctx, client.NewPause{DurationSeconds: 60, Comment: "x"})), "forbidden"},
		"another label":   {call(dee.Pause(ctx, client.NewPause{Labels: map[string]string{"role": "web"}, DurationSeconds: 60, Comment: "x"})), "forbidden"},
		"a wider label":   {call(dee.Pause(ctx, client.NewPause{Labels: map[string]string{"site": "a"}, DurationSeconds: 60, Comment: "x"})), "forbidden"},
		"another machine": {call(dee.PauseEndpoint(ctx, string(web), client.PauseEndpoint{DurationSeconds: 60, Comment: "x"})), "not_found"},
		"no reason":       {call(b.admin.Pause(ctx, client.NewPause{DurationSeconds: 60, Comment: " "})), "invalid"},
		"for ever":        {call(b.admin.Pause(ctx, client.NewPause{DurationSeconds: 604801, Comment: "x"})), "invalid"},
		"no end":          {call(b.admin.Pause(ctx, client.NewPause{Comment: "x"})), "invalid"},
		"both":            {call(b.admin.Pause(ctx, client.NewPause{DurationSeconds: 60, Until: new(time.Now().Add(time.Hour)), Comment: "x"})), "invalid"},
		"long ago":        {call(b.admin.Pause(ctx, client.NewPause{Until: new(time.Now().Add(-time.Hour)), Comment: "x"})), "invalid"},
		"until for ever":  {call(b.admin.Pause(ctx, client.NewPause{Until: new(time.Now().Add(8 * 24 * time.Hour)), Comment: "x"})), "invalid"},
	} {
		if codeOf(c.err) != c.code {
			t.Errorf("%s: %v, not %s", name, c.err, c.code)
		}
	}
	narrow := must[client.Pause](t)(dee.Pause(ctx, client.NewPause{Labels: map[string]string{"role": "db", "site": "a"}, DurationSeconds: 60, Comment: "mine"}))
	wide := must[client.Pause](t)(b.admin.Pause(ctx, client.NewPause{DurationSeconds: 600, Comment: "all"}))
	other := must[client.Pause](t)(b.admin.Pause(ctx, client.NewPause{Labels: map[string]string{"role": "web"}, DurationSeconds: 600, Comment: "theirs"}))
	if err := dee.Resume(ctx, wide.ID); codeOf(err) != "forbidden" {
		t.Errorf("end what reaches beyond: %v", err)
	}
	if err := dee.Resume(ctx, other.ID); codeOf(err) != "not_found" {
		t.Errorf("end what is elsewhere: %v", err)
	}
	if got := must[[]client.Pause](t)(dee.Pauses(ctx, true)); len(got) != 2 {
		t.Errorf("sees %d", len(got))
	}
	if err := dee.Resume(ctx, narrow.ID); err != nil {
		t.Error(err)
	}
	if e := b.modeOf(db); e.Mode != "observe" || e.PausedUntil == nil || !e.PausedUntil.Equal(wide.Until) {
		t.Errorf("the wide one stands: %+v", e.PausedUntil)
	}
	session := auth.Actor{User: "usr_x", Login: "x", Roles: []auth.Role{auth.Administrator}, Session: true, SeenAt: time.Now().Add(-time.Hour), SeenHow: auth.ByPassword}
	if _, err := b.Controller.admin.Pause(ctx, session, admin.NewPause{Duration: time.Hour, Comment: "x"}); !errors.Is(err, elevation.ErrStepUp) {
		t.Errorf("a session of an hour ago: %v", err)
	}
	session.SeenAt = time.Now()
	if _, err := b.Controller.admin.Pause(ctx, session, admin.NewPause{Duration: time.Hour, Comment: "x"}); err != nil {
		t.Errorf("a session with presence: %v", err)
	}
}

func call[T any](_ T, err error) error { return err }

// Policies carry what endpoints do without the controller, budgets and words; what
// is no text, no address or no bound is refused; and the list says whom it reaches.
func TestD11PolicyFieldsAndRings(t *testing.T) {
	b := start(t)
	ctx := t.Context()
	first, second := b.agent("ring-1", map[string]string{"role": "laptop", "ring": "1"}), b.agent("ring-2", map[string]string{"role": "laptop"})
	b.agent("stray", map[string]string{"role": "kiosk"})
	full := client.Policy{Name: "ring one", Labels: map[string]string{"role": "laptop", "ring": "1"}, Mode: "ask", BreakGlass: "rescue",
		Offline: &client.PolicyOffline{Rules: true, Codes: true}, Budget: &client.PolicyBudget{PerDaySeconds: 7200, Renewals: 3, CooldownSeconds: 60},
		Words: &client.PolicyWords{Company: "Example Ltd", Help: "ext. 100", Link: "https://example.com/rights", Language: "de"}}
	rest := client.Policy{Name: "the rest", Labels: map[string]string{"role": "laptop"}, Mode: "observe"}
	put := func(list ...client.Policy) (p client.Policies, err error) {
		err = b.admin.Call(ctx, http.MethodPut, "/policies", nil, client.PutPolicies{Items: list}, &p)
		return p, err
	}
	got, err := put(full, rest)
	if err != nil {
		t.Fatal(err)
	}
	var reach []string
	for _, r := range got.Reach {
		reach = append(reach, fmt.Sprint(r.Policy, " ", r.Endpoints, " ", strings.Join(r.Names, ",")))
	}
	if want := []string{"ring one 1 ring-1", "the rest 1 ring-2", " 1 stray"}; !slices.Equal(reach, want) {
		t.Errorf("%q", reach)
	}
	if p := got.Items[0]; *p.Offline != *full.Offline || *p.Budget != *full.Budget || *p.Words != *full.Words || got.Items[1].Words != nil {
		t.Errorf("%+v", got.Items)
	}
	p, _ := b.sent(first)
	if p.Budget.PerDay != 2*time.Hour || p.Budget.Cooldown != time.Minute || !p.Offline.Codes || p.Words.Link != "https://example.com/rights" || p.BreakGlass != "rescue" {
		t.Errorf("%+v", p)
	}
	if p, _ := b.sent(second); p.Mode != elevation.ModeObserve {
		t.Errorf("%+v", p)
	}
	if e := b.modeOf(second); e.Mode != "observe" || e.Policy == nil || *e.Policy != "the rest" {
		t.Errorf("%+v", e)
	}
	for name, change := range map[string]func(*client.Policy){
		"http":               func(p *client.Policy) { p.Words.Link = "http://example.com" },
		"a script":           func(p *client.Policy) { p.Words.Link = "javascript:alert(1)" },
		"a password in it":   func(p *client.Policy) { p.Words.Link = "https://a:b@example.com" },
		"two lines":          func(p *client.Policy) { p.Words.Company = "a\nb" },
		"colours":            func(p *client.Policy) { p.Words.Help = "\x1b[31mcall me" },
		"too long":           func(p *client.Policy) { p.Words.Help = strings.Repeat("ä", 101) },
		"a language":         func(p *client.Policy) { p.Words.Language = "fr" },
		"two days":           func(p *client.Policy) { p.Budget.PerDaySeconds = 172800 },
		"less than nothing":  func(p *client.Policy) { p.Budget.CooldownSeconds = -1 },
		"a numbered group":   func(p *client.Policy) { p.BreakGlass = "0" },
		"too many renewals":  func(p *client.Policy) { p.Budget.Renewals = 1001 },
		"an unknown mode":    func(p *client.Policy) { p.Mode = "soon" },
		"a mechanism's word": func(p *client.Policy) { p.Mechanisms = map[string]string{"sudo": "perhaps"} },
	} {
		bad, w, g := full, *full.Words, *full.Budget
		bad.Words, bad.Budget = &w, &g
		change(&bad)
		if _, err := put(bad, rest); codeOf(err) != "invalid" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Authorization rights of macOS go, signed, to the endpoints that set them and to no
// other, and are taken back by the next policy; what can not be set is refused with
// the policy and the right that it is about.
func TestPolicySetsAuthorizationRights(t *testing.T) {
	b := start(t)
	ctx := t.Context()
	mac, other := b.agent("mac-1", nil), b.agent("web-1", nil)
	err := b.store.Update(ctx, func(tx *store.Tx) error {
		e, err := tx.Endpoint(mac)
		if err != nil {
			return err
		}
		e.Capabilities = append(e.Capabilities, elevation.CanAuthorizationRights)
		if err := tx.PutEndpoint(e); err != nil {
			return err
		}
		return tx.Append(audit.Event{At: time.Now(), Kind: audit.EndpointChanged, Actor: elevation.Actor{Kind: elevation.BySystem}, Endpoint: mac})
	})
	if err != nil {
		t.Fatal(err)
	}
	put := func(rights map[string]string) (p client.Policies, err error) {
		err = b.admin.Call(ctx, http.MethodPut, "/policies", nil, client.PutPolicies{Items: []client.Policy{{Name: "first", Labels: map[string]string{"a": "b"}},
			{Name: "everybody", AuthorizationRights: rights}}}, &p)
		return p, err
	}
	got, err := put(map[string]string{"system.preferences.network": "user"})
	if err != nil || got.Items[1].AuthorizationRights["system.preferences.network"] != "user" || got.Items[0].AuthorizationRights != nil {
		t.Fatalf("%+v, %v", got, err)
	}
	if p, n := b.sent(mac); n != 1 || p.Rights["system.preferences.network"] != elevation.RightUser {
		t.Errorf("%d: %+v", n, p)
	}
	if p, n := b.sent(other); n != 1 || p.Rights != nil {
		t.Errorf("%d: %+v", n, p)
	}
	for right, level := range map[string]string{"system.preferences.network": "all", "system.privilege.admin": "nobody", "system.preferences.security": "user", "x": "admin"} {
		if _, err := put(map[string]string{right: level}); codeOf(err) != "invalid" || !strings.Contains(err.Error(), "policy number 2") || !strings.Contains(err.Error(), fmt.Sprintf("authorization_rights %q", right)) {
			t.Errorf("%s: %v", right, err)
		}
	}
	if _, err := put(nil); err != nil {
		t.Fatal(err)
	}
	if p, n := b.sent(mac); n != 2 || p.Rights != nil {
		t.Errorf("%d: %+v", n, p)
	}
	if _, n := b.sent(other); n != 1 {
		t.Errorf("nothing is another for it, and it was sent %d", n)
	}
}

// What endpoints only saw is history: replay answers it, coverage counts it, often
// enough it is suggested, and it is never taken for a person's approval.
func TestD11SeenIsHistory(t *testing.T) {
	b := start(t)
	ctx := t.Context()
	seen := func(ep elevation.EndpointID, n uint64, kind wire.SeenKind, user, path string, times int, args ...string) {
		t.Helper()
		now := time.Now()
		m := wire.Seen{Report: n, ID: elevation.NewRequestID(now), Kind: kind, Times: times, At: now.Add(-time.Hour),
			Attempt: elevation.Attempt{AccessType: elevation.Run, Mechanism: "sudo", User: elevation.User{Name: user, UID: "1" + user, Groups: []string{"dev"}},
				Subject: elevation.Subject{Path: path, Args: args, ArgsDigest: make([]byte, 32), Cwd: "/", RunAs: "root", SHA256: fmt.Sprintf("%064x", 7), Marks: []string{}}}}
		if err := b.queue.Seen(ctx, ep, m); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 4 {
		ep := b.agent(fmt.Sprint("web-", i), map[string]string{"role": "web"})
		seen(ep, 1, wire.SeenObserved, "eve", "/usr/bin/apt", 9, "update")
		seen(ep, 2, wire.SeenOwn, "eve", "/usr/bin/systemctl", 1, "restart", "nginx")
		seen(ep, 3, wire.SeenBreakGlass, "ray", "/usr/bin/apt", 50, "update")
	}
	yaml := "rules:\n  - name: apt-update\n    match: {path: /usr/bin/apt, args: [update]}\n    then: approve\n"
	r := must[client.Replay](t)(client.Post[client.Replay](ctx, b.admin, "/rules/replay", client.ReplayRules{YAML: yaml}))
	if r.Observed != 40 || r.ObservedApproved != 36 || r.ObservedAsked != 4 || r.NewlyApproved != 0 || r.Requests != 0 {
		t.Errorf("%+v", r)
	}
	list := must[client.List[client.Suggestion]](t)(client.Get[client.List[client.Suggestion]](ctx, b.admin, "/rules/suggestions", nil)).Items
	if len(list) != 1 || list[0].Approvals != 0 || list[0].Observed != 36 || len(list[0].RequestIDs)+len(list[0].Approvers) != 0 ||
		!strings.Contains(list[0].Sentence, "Nobody approved it") || !strings.Contains(list[0].YAML, "mode: observe") {
		t.Errorf("%+v", list)
	}
	must[client.RuleVersion](t)(client.Post[client.RuleVersion](ctx, b.admin, "/rules/apply", client.ApplyRules{YAML: yaml}))
	report := func(q url.Values) (string, string) {
		t.Helper()
		r := must[client.Report](t)(client.Get[client.Report](ctx, b.admin, "/reports/coverage", q))
		for _, row := range r.Rows {
			if row[0] == "covered by the rules in force" {
				return r.Notes[0], row[1] + " " + row[2]
			}
		}
		return r.Notes[0], ""
	}
	if note, row := report(nil); row != "36 90.0 %" || !strings.HasSuffix(note, " rules cover 90.0 % of 40 attempts; people would be asked 4 times a day.") {
		t.Errorf("%s\n%s", row, note)
	}
	if note, _ := report(url.Values{"labels": {"role=db"}}); note != "Nothing was asked for or seen in this time." {
		t.Error(note)
	}
	if err := call(client.Get[client.Report](ctx, b.admin, "/reports/coverage", url.Values{"labels": {"role"}})); codeOf(err) != "invalid" {
		t.Errorf("labels without a value: %v", err)
	}
	all := must[[]client.SeenAttempt](t)(client.All[client.SeenAttempt](ctx, b.admin, "/attempts", url.Values{"kind": {"break_glass"}, "endpoint": {"web-2"}}, 0))
	if len(all) != 1 || all[0].User.Name != "ray" || all[0].Times != 50 || all[0].Endpoint != "web-2" {
		t.Errorf("%+v", all)
	}
	b.within(5*time.Second, "broken glass in the log", func() bool { return b.kinds("break_glass.used") == 4 && b.kinds("attempt.observed") == 8 })
}

// A pause of the whole fleet is signed for each of a thousand endpoints at once,
// and so is its end.
func TestD11PauseReachesAFleet(t *testing.T) {
	b := start(t)
	const fleet = 1000
	now := time.Now()
	err := b.store.Update(t.Context(), func(tx *store.Tx) error {
		for i := range fleet {
			id := elevation.EndpointID(elevation.NewID(elevation.EndpointPrefix, now))
			if err := tx.InsertEndpoint(store.Endpoint{ID: id, Name: fmt.Sprint("sim-", i), SPKI: []byte(id), Mode: "ask", EnrolledAt: now,
				Capabilities: []string{"observe"}}); err != nil {
				return err
			}
		}
		return tx.Append(audit.Event{At: now, Kind: audit.EndpointEnrolled, Actor: elevation.Actor{Kind: elevation.BySystem}})
	})
	if err != nil {
		t.Fatal(err)
	}
	ids := must[[]client.Endpoint](t)(client.All[client.Endpoint](t.Context(), b.admin, "/endpoints", nil, 0))
	sent := func(version uint64) bool {
		n := 0
		err := b.store.View(t.Context(), func(tx *store.Tx) error {
			for _, e := range ids {
				v, _, err := tx.SentPolicy(elevation.EndpointID(e.ID))
				if err != nil {
					return err
				}
				if v == version {
					n++
				}
			}
			return nil
		})
		return err == nil && n == fleet
	}
	p := must[client.Pause](t)(b.admin.Pause(t.Context(), client.NewPause{DurationSeconds: 600, Comment: "outage"}))
	b.within(10*time.Second, "the pause for all", func() bool { return sent(1) })
	if err := b.admin.Resume(t.Context(), p.ID); err != nil {
		t.Fatal(err)
	}
	b.within(10*time.Second, "its end for all", func() bool { return sent(2) })
}
