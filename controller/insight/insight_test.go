package insight

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// bed is insight over a real database.
type bed struct {
	*Insight
	t     testing.TB
	store *store.Store
	now   time.Time
	text  string // of the rules in force
	set   *rules.Set
}

func newBed(t testing.TB) *bed {
	t.Helper()
	s, err := store.Open(context.Background(), store.Config{Path: filepath.Join(t.TempDir(), "assent.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	b := &bed{t: t, store: s, now: noon}
	b.Insight, err = New(Config{Store: s, Rules: func() *rules.Set { return b.set }, Now: func() time.Time { return b.now },
		Read: func(text string) (*rules.Set, error) {
			set, faults := rules.Parse([]byte(text))
			if set == nil {
				return nil, fmt.Errorf("%w: %s", elevation.ErrInvalid, faults[0].Text)
			}
			return set, nil
		},
		Text:       func(context.Context) (string, error) { return b.text, nil },
		Checkpoint: func() audit.Checkpoint { return audit.Checkpoint{} },
		Key:        func() string { return "" }, KeySet: func() []byte { return nil },
		Root: func() (string, ed25519.PublicKey) { return "", nil }})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var (
	chief   = auth.Actor{User: "usr_ada", Login: "ada", Roles: []auth.Role{auth.Administrator}}
	viewer  = auth.Actor{User: "usr_aud", Login: "aud", Roles: []auth.Role{auth.Auditor}}
	asker   = auth.Actor{User: "usr_rae", Login: "rae", Roles: []auth.Role{auth.Requester}}
	scoped  = auth.Actor{User: "usr_sue", Login: "sue", Roles: []auth.Role{auth.Auditor}, Scope: map[string]string{"role": "db"}}
	system  = elevation.Actor{Kind: elevation.BySystem}
	bo      = elevation.Actor{Kind: elevation.ByUser, ID: "usr_bo", Name: "bo"}
	aptOnly = "rules:\n  - name: apt-update\n    match: {path: /usr/bin/apt, args: [update]}\n    then: approve\n"
)

func (b *bed) endpoint(name string, labels map[string]string) elevation.EndpointID {
	b.t.Helper()
	id := elevation.EndpointID(elevation.NewID(elevation.EndpointPrefix, b.now))
	b.write(audit.EndpointEnrolled, func(tx *store.Tx) error {
		return tx.InsertEndpoint(store.Endpoint{ID: id, Name: name, SPKI: []byte(id), Labels: labels, AcceptLabels: []string{}, Mode: "ask", EnrolledAt: b.now})
	})
	return id
}

func (b *bed) write(k audit.Kind, fn func(*store.Tx) error) {
	b.t.Helper()
	err := b.store.Update(context.Background(), func(tx *store.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return tx.Append(audit.Event{At: b.now, Kind: k, Actor: system})
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// past makes a request as it is stored after it was asked at a time.
func past1(ep elevation.EndpointID, at time.Time, user string, argv ...string) *elevation.Request {
	return &elevation.Request{ID: elevation.NewRequestID(at), Origin: elevation.FromEndpoint, Endpoint: ep, DraftedAt: at, SubmittedAt: at, ExpiresAt: at.Add(8 * time.Hour),
		Justification: "restart after the update, INC-4821", Priority: elevation.Normal,
		Need: elevation.Need{Stages: []elevation.Stage{{Team: "team_approvers", Name: "Approvers", Quorum: 1}}},
		Attempt: elevation.Attempt{AccessType: elevation.Run, Mechanism: "sudo", User: elevation.User{Name: user, UID: "1000", Groups: []string{"users"}},
			Subject: elevation.Subject{Path: argv[0], Args: argv[1:], Cwd: "/", RunAs: "root", SHA256: fmt.Sprintf("%064x", len(argv[0])),
				ArgsDigest: make([]byte, 32), Marks: []string{}}}}
}

// answer is what a person said a while later.
func answer(r *elevation.Request, v elevation.Verdict, after time.Duration) *elevation.Request {
	at := r.SubmittedAt.Add(after)
	r.Decision = &elevation.Decision{Verdict: v, By: bo, At: at}
	r.Reviews = []elevation.Review{{By: bo, Verdict: v, At: at, Stages: []elevation.TeamID{"team_approvers"}}}
	r.Granted = elevation.Window{Duration: time.Hour, UseWithin: 4 * time.Hour}
	return r
}

func (b *bed) put(list ...*elevation.Request) {
	b.t.Helper()
	for len(list) > 0 {
		part := list[:min(len(list), 2000)]
		list = list[len(part):]
		err := b.store.Update(context.Background(), func(tx *store.Tx) error {
			for _, r := range part {
				if err := tx.InsertRequest(r, b.now); err != nil {
					return err
				}
			}
			return tx.Append(audit.Event{At: b.now, Kind: audit.RequestSubmitted, Actor: system, Request: part[0].ID})
		})
		if err != nil {
			b.t.Fatal(err)
		}
	}
}

func TestEveryVerbAsksForPermission(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	for name, call := range map[string]func(auth.Actor) error{
		"replay":      func(a auth.Actor) error { _, err := b.Replay(ctx, a, aptOnly, 0); return err },
		"suggestions": func(a auth.Actor) error { _, err := b.Suggestions(ctx, a, 0); return err },
		"reports":     func(a auth.Actor) error { _, err := b.Reports(ctx, a); return err },
		"report": func(a auth.Actor) error {
			_, err := b.Report(ctx, a, "coverage", time.Time{}, time.Time{})
			return err
		},
		"evidence":    func(a auth.Actor) error { _, err := b.Evidence(ctx, a, "req_1"); return err },
		"event proof": func(a auth.Actor) error { _, _, _, err := b.EventProof(ctx, a, "1"); return err },
	} {
		if err := call(auth.Actor{}); !errors.Is(err, auth.ErrUnauthenticated) {
			t.Errorf("%s by nobody: %v", name, err)
		}
		if err := call(asker); !errors.Is(err, elevation.ErrNotAllowed) {
			t.Errorf("%s by a requester: %v", name, err)
		}
		if err := call(viewer); errors.Is(err, elevation.ErrNotAllowed) || errors.Is(err, auth.ErrUnauthenticated) {
			t.Errorf("%s by an auditor: %v", name, err)
		}
	}
	if _, _, _, err := b.EventProof(ctx, scoped, "1"); !errors.Is(err, elevation.ErrNotAllowed) {
		t.Errorf("an event of the whole log for somebody with a scope: %v", err)
	}
	if got, err := b.Context(ctx, asker, *past1("ep_1", noon, "rae", "/usr/bin/id")); err != nil || len(got) != 0 {
		t.Errorf("a requester is told of others: %v %v", got, err)
	}
}

func TestEvidenceKeepsToTheScope(t *testing.T) {
	b := newBed(t)
	r := past1(b.endpoint("web-1", map[string]string{"role": "web"}), noon, "dina", "/usr/bin/id")
	b.put(r)
	draft := past1(r.Endpoint, noon, "dina", "/usr/bin/id")
	draft.SubmittedAt = time.Time{}
	b.put(draft)
	if _, err := b.Evidence(t.Context(), viewer, r.ID); err != nil {
		t.Errorf("inside: %v", err)
	}
	for what, id := range map[string]elevation.RequestID{"outside of the scope": r.ID, "that is not there": "req_x"} {
		if _, err := b.Evidence(t.Context(), scoped, id); !errors.Is(err, elevation.ErrNotFound) {
			t.Errorf("a request %s: %v", what, err)
		}
	}
	if _, err := b.Evidence(t.Context(), viewer, draft.ID); !errors.Is(err, elevation.ErrNotFound) {
		t.Errorf("a draft: %v", err)
	}
}

func TestReplayCountsAndBounds(t *testing.T) {
	b := newBed(t)
	web, db := b.endpoint("web-1", map[string]string{"role": "web"}), b.endpoint("db-1", map[string]string{"role": "db"})
	byRule := past1(web, noon.Add(-time.Hour), "dina", "/usr/bin/id")
	byRule.Decision = &elevation.Decision{Verdict: elevation.Approved, At: byRule.SubmittedAt, By: elevation.Actor{Kind: elevation.ByRule, ID: "old@1", Name: "old"}}
	gone := past1(web, noon.Add(-2*time.Hour), "dina", "/usr/bin/apt", "update")
	gone.CancelledAt = gone.SubmittedAt.Add(3 * time.Minute)
	more := past1(web, noon.Add(-time.Hour), "dina", "/usr/bin/apt", "update")
	more.Extends = "req_x"
	b.put(answer(past1(web, noon.Add(-48*time.Hour), "dina", "/usr/bin/apt", "update"), elevation.Approved, 20*time.Minute),
		answer(past1(db, noon.Add(-24*time.Hour), "eve", "/usr/bin/apt", "update"), elevation.Denied, 10*time.Minute),
		answer(past1(web, noon.Add(-40*24*time.Hour), "dina", "/usr/bin/apt", "update"), elevation.Approved, time.Hour), byRule, gone, more)
	got, err := b.Replay(t.Context(), chief, aptOnly, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got.Requests != 4 || got.Changed != 4 || got.NewlyApproved != 3 || got.NewlyAsked != 1 || got.HumanDenied != 1 || got.Saved != 33*time.Minute || got.Cut || got.Days != DefaultDays {
		t.Errorf("got %+v", got)
	}
	if len(got.Changes) != 4 || got.Changes[0].From != "approve: old" || got.Changes[0].To != "ask" || got.Changes[1].From != "ask: withdrawn" {
		t.Errorf("changes %+v", got.Changes)
	}
	if got, err := b.Replay(t.Context(), scoped, aptOnly, 30); err != nil || got.Requests != 1 || got.HumanDenied != 1 {
		t.Errorf("within a scope: %+v %v", got, err)
	}
	n, id, rule, err := b.Denied(t.Context(), b.parse(aptOnly), 30)
	if err != nil || n != 1 || rule != "apt-update" || id == "" {
		t.Errorf("denied: %d %s %s %v", n, id, rule, err)
	}
	if n, _, _, err := b.Denied(t.Context(), nil, 30); err != nil || n != 0 {
		t.Errorf("no rules at all: %d %v", n, err)
	}
	for _, days := range []int{-1, MaxDays + 1} {
		if _, err := b.Replay(t.Context(), chief, aptOnly, days); !errors.Is(err, elevation.ErrInvalid) {
			t.Errorf("%d days: %v", days, err)
		}
		if _, err := b.Suggestions(t.Context(), chief, days); !errors.Is(err, elevation.ErrInvalid) {
			t.Errorf("suggestions of %d days: %v", days, err)
		}
		if _, err := b.Hits(t.Context(), chief, days); !errors.Is(err, elevation.ErrInvalid) {
			t.Errorf("hits of %d days: %v", days, err)
		}
	}
	if _, err := b.Replay(t.Context(), chief, "rules: 7", 1); !errors.Is(err, elevation.ErrInvalid) {
		t.Errorf("rules with faults: %v", err)
	}
}

// TestReplayNeedsArguments leaves out requests whose arguments were forgotten:
// they look as if there had been none.
func TestReplayNeedsArguments(t *testing.T) {
	b := newBed(t)
	ep := b.endpoint("web-1", nil)
	b.put(past1(ep, noon.Add(-20*24*time.Hour), "dina", "/usr/bin/apt"), past1(ep, noon.Add(-time.Hour), "dina", "/usr/bin/apt", "update"))
	set := b.store.Settings()
	set.Retention.ArgumentsDays = 10
	b.write(audit.SettingsChanged, func(tx *store.Tx) error { return tx.PutSettings(set) })
	got, err := b.Replay(t.Context(), chief, "rules:\n  - name: bare\n    match: {path: /usr/bin/apt, args: []}\n    then: approve\n", 30)
	if err != nil || got.Requests != 1 || got.NewlyApproved != 0 || !got.Cut {
		t.Errorf("got %+v %v", got, err)
	}
}

func (b *bed) parse(text string) *rules.Set {
	b.t.Helper()
	set, faults := rules.Parse([]byte(text))
	if set == nil {
		b.t.Fatal(faults)
	}
	return set
}

// manyRules is a set of n rules: programs by path, some with groups and labels.
func manyRules(n int) string {
	var text strings.Builder
	text.WriteString("rules:\n")
	for i := range n {
		fmt.Fprintf(&text, "  - name: rule-%d\n    match: {path: /usr/bin/tool%d, args: [run, {regex: 'a.*%d'}]", i, i/2, i)
		if i%3 == 0 {
			text.WriteString(", endpoint: {labels: {role: web}}")
		}
		if i%5 == 0 {
			text.WriteString(", group: [users]")
		}
		fmt.Fprintf(&text, "}\n    then: %s\n", []string{"approve", "require"}[i%2])
	}
	return text.String()
}

// many puts n requests for such programs into the database.
func (b *bed) many(n int) {
	b.t.Helper()
	var eps []elevation.EndpointID
	for i := range 20 {
		eps = append(eps, b.endpoint(fmt.Sprintf("web-%d", i), map[string]string{"role": "web"}))
	}
	list := make([]*elevation.Request, 0, 2000)
	for i := range n {
		r := past1(eps[i%len(eps)], noon.Add(-time.Duration(n-i)*10*time.Second), fmt.Sprintf("user-%d", i%300), fmt.Sprintf("/usr/bin/tool%d", i%600), "run", fmt.Sprintf("ab%d", i%1000))
		if i%4 != 0 {
			answer(r, []elevation.Verdict{elevation.Approved, elevation.Denied}[i%2], time.Minute)
		}
		if list = append(list, r); len(list) == cap(list) {
			b.put(list...)
			list = list[:0]
		}
	}
	b.put(list...)
}

// BenchmarkReplay is the whole-set replay of the goal: 100,000 requests over
// 1,000 rules within 10 s.
func BenchmarkReplay(b *testing.B) {
	d := newBed(b)
	const requests = 100_000
	d.many(requests)
	text := manyRules(1000)
	for b.Loop() {
		begun := time.Now()
		got, err := d.Replay(b.Context(), chief, text, 30)
		if err != nil || got.Requests != requests {
			b.Fatalf("%d requests, %v", got.Requests, err)
		}
		if took := time.Since(begun); took > 10*time.Second {
			b.Errorf("it took %s", took)
		}
	}
}

func TestChangesAreBounded(t *testing.T) {
	b := newBed(t)
	ep := b.endpoint("web-1", nil)
	var list []*elevation.Request
	for i := range changesMost + 50 {
		list = append(list, past1(ep, noon.Add(-time.Duration(i)*time.Second), "dina", "/usr/bin/apt", "update"))
	}
	b.put(list...)
	got, err := b.Replay(t.Context(), chief, aptOnly, 1)
	if err != nil || got.Changed != changesMost+50 || len(got.Changes) != changesMost {
		t.Fatalf("%d changes, %d listed, %v", got.Changed, len(got.Changes), err)
	}
	for i := 1; i < len(got.Changes); i++ {
		if got.Changes[i].At.After(got.Changes[i-1].At) {
			t.Fatal("the changes are not the newest first")
		}
	}
	out, err := b.replay(t.Context(), chief, []trial{{set: b.parse(aptOnly)}}, store.Span{Since: noon.Add(-time.Hour), Most: 100})
	if err != nil || !out[0].Cut || out[0].Requests != 100 {
		t.Errorf("a bound of 100: %+v %v", out[0].Requests, err)
	}
}

// BenchmarkContexts is a page of 50 waiting requests over a history of 20,000,
// first looked up and then remembered.
func BenchmarkContexts(b *testing.B) {
	d := newBed(b)
	d.many(20_000)
	d.indexAll()
	var page []elevation.Request
	err := d.store.View(b.Context(), func(tx *store.Tx) error {
		p, err := tx.RequestPage(store.RequestFilter{States: []elevation.State{elevation.StatePending}, Sort: "newest", Limit: 50})
		page = p.Items
		return err
	})
	if err != nil || len(page) != 50 {
		b.Fatal(len(page), err)
	}
	for _, fresh := range []bool{true, false} {
		b.Run(map[bool]string{true: "new", false: "remembered"}[fresh], func(b *testing.B) {
			for b.Loop() {
				if fresh {
					clear(d.facts)
				}
				if _, err := d.Contexts(b.Context(), chief, page); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("one", func(b *testing.B) {
		for b.Loop() {
			if _, err := d.Context(b.Context(), chief, page[0]); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// indexAll takes requests into the index that were put without their events.
func (b *bed) indexAll() {
	b.t.Helper()
	var ids []elevation.RequestID
	if _, err := b.store.Each(b.t.Context(), store.Span{}, []func(*elevation.Request) error{func(r *elevation.Request) error {
		ids = append(ids, r.ID)
		return nil
	}}); err != nil {
		b.t.Fatal(err)
	}
	for len(ids) > 0 {
		part := ids[:min(len(ids), 1000)]
		ids = ids[len(part):]
		err := b.store.Update(b.t.Context(), func(tx *store.Tx) error {
			for _, id := range part {
				if err := tx.Append(audit.Event{At: b.now, Kind: audit.RequestSubmitted, Actor: system, Request: id}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.t.Fatal(err)
		}
	}
	b.catchUp()
}

// catchUp takes everything that is committed into the index.
func (b *bed) catchUp() {
	b.t.Helper()
	for more := true; more; {
		var err error
		if more, err = b.store.IndexHistory(b.t.Context()); err != nil {
			b.t.Fatal(err)
		}
	}
}
