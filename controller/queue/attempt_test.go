package queue

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
	"github.com/google/go-cmp/cmp"
)

func TestRuleApproves(t *testing.T) {
	b := newBed(t, approveID).people()
	in := attempt("x")
	for range 3 { // sent again it is the same attempt
		a, err := b.Draft(context.Background(), ep, in)
		b.must(err)
		if !a.Decided || a.Need != nil || a.Closed != nil {
			t.Fatalf("%+v", a)
		}
	}
	if d := cmp.Diff([]string{"request.approved", "grant.issued"}, b.kinds(in.Request)); d != "" {
		t.Error(d)
	}
	frames := b.frames()
	if len(frames) != 1 || frames[0].Type != wire.TDecision || frames[0].Seq != 1 {
		t.Fatalf("%+v", frames)
	}
	m := body[wire.Decision](t, frames[0])
	if m.Verdict != elevation.Approved || !m.Rule || m.By != "id-is-fine" || m.Request != in.Request {
		t.Errorf("%+v", m)
	}
	var g elevation.Grant
	b.must(b.keys.Open(sign.Grant, m.Grant, day, &g))
	raw, err := sign.Encode(in.Attempt)
	b.must(err)
	if digest := sha256.Sum256(raw); !bytes.Equal(g.RequestDigest, digest[:]) {
		t.Error("the grant is for another attempt")
	}
	if g.Cluster != "c1" || g.Endpoint != ep || g.Request != in.Request || g.Uses != 1 || g.Duration != time.Hour || g.ValidFor != 4*time.Hour ||
		g.Rule != "id-is-fine@3" || len(g.Nonce) != 16 || g.KeyEpoch != 1 || len(g.Approvers) != 1 || g.Approvers[0].Kind != elevation.ByRule {
		t.Errorf("%+v", g)
	}
	b.must(b.store.View(context.Background(), func(tx *store.Tx) error {
		row, err := tx.GrantOf(in.Request)
		if !bytes.Equal(row.Raw, m.Grant) || row.ID != g.ID || row.FrameSeq != 1 {
			t.Errorf("%+v", row)
		}
		return err
	}))
	if len(b.woken) != 1 || b.woken[0] != ep {
		t.Errorf("woken: %v", b.woken)
	}
	if s := b.state(in.Request); s != elevation.StateAvailable {
		t.Errorf("state %s", s)
	}
}

func TestRuleDenies(t *testing.T) {
	b := newBed(t, `{rules: [{name: no-id, match: {path: /usr/bin/id}, then: deny, message: {en: "Not here."}}]}`).people()
	in := attempt("x")
	a, err := b.Draft(context.Background(), ep, in)
	b.must(err)
	if !a.Decided {
		t.Fatalf("%+v", a)
	}
	if d := cmp.Diff([]string{"request.denied"}, b.kinds(in.Request)); d != "" {
		t.Error(d)
	}
	m := body[wire.Decision](t, b.frames()[0])
	if m.Verdict != elevation.Denied || m.Grant != nil || m.Text != "Not here." || !m.Rule {
		t.Errorf("%+v", m)
	}
}

func TestPersonIsAsked(t *testing.T) {
	b := newBed(t, "").people()
	ctx := context.Background()
	in := attempt("x")
	a, err := b.Draft(ctx, ep, in)
	b.must(err)
	want := &wire.Need{Request: in.Request, ReasonMin: 8, GoesTo: []string{"Approvers"}}
	if d := cmp.Diff(want, a.Need); d != "" {
		t.Fatal(d)
	}
	if _, err := b.Get(ctx, who("bo"), in.Request); err == nil {
		t.Error("an approver sees a draft")
	}
	a, err = b.Draft(ctx, ep, in)
	b.must(err)
	if d := cmp.Diff(want, a.Need); d != "" {
		t.Error("sent again: " + d)
	}
	for name, text := range map[string]string{"short": "no", "blanks": "            ", "long": strings.Repeat("é", 2001), "not UTF-8": "because\xff\xff", "NUL": "because \x00 of"} {
		_, err := b.Complete(ctx, ep, wire.Complete{Request: in.Request, Justification: text})
		wantErr(t, name, err, elevation.ErrInvalid)
	}
	_, err = b.Complete(ctx, "ep_other", wire.Complete{Request: in.Request, Justification: "because I must"})
	wantErr(t, "another endpoint completes", err, elevation.ErrNotFound)
	for range 2 { // sent again it is no error
		p, err := b.Complete(ctx, ep, wire.Complete{Request: in.Request, Justification: "because I must"})
		b.must(err)
		if d := cmp.Diff(wire.Progress{Request: in.Request, Position: 1, CanAnswer: []string{"ada", "bo", "cy"}, ApprovNeed: 1, Emergency: wire.EmergencyUnlinked,
			Code: b.code(in.Request)}, p); d != "" || p.Code == "" {
			t.Error(d)
		}
	}
	if d := cmp.Diff([]string{"request.submitted"}, b.kinds(in.Request)); d != "" {
		t.Error(d)
	}
	if len(b.frames()) != 0 {
		t.Error("a frame was sent before there was an answer")
	}
}

func TestRulesOnlyStoresNothing(t *testing.T) {
	b := newBed(t, "").people()
	in := attempt("x")
	in.RulesOnly = true
	a, err := b.Draft(context.Background(), ep, in)
	b.must(err)
	if a.Closed == nil || a.Closed.Why != wire.ClosedNeedsPerson {
		t.Errorf("%+v", a)
	}
	b.must(b.store.View(context.Background(), func(tx *store.Tx) error {
		_, err := tx.Request(in.Request)
		wantErr(t, "the request", err, elevation.ErrNotFound)
		return nil
	}))
}

func TestSameThingJoins(t *testing.T) {
	b := newBed(t, "").people()
	ctx := context.Background()
	late := attempt("x") // drafted before the first was queued
	a, err := b.Draft(ctx, ep, late)
	b.must(err)
	if a.Need == nil || a.Need.Joined != "" {
		t.Fatalf("%+v", a)
	}
	first := b.submit("x")
	second := attempt("x")
	a, err = b.Draft(ctx, ep, second)
	b.must(err)
	if a.Need == nil || a.Need.Joined != first {
		t.Errorf("%+v, want to join %s", a.Need, first)
	}
	p, err := b.Complete(ctx, ep, wire.Complete{Request: late.Request, Justification: "because I must"})
	b.must(err)
	if p.Request != first || p.Position != 1 {
		t.Errorf("the late draft got %+v, want %s", p, first)
	}
	if kinds := b.kinds(late.Request); len(kinds) != 0 {
		t.Errorf("events of a draft that was never queued: %v", kinds)
	}
	a, err = b.Draft(ctx, ep, wire.Attempt{Request: first, Attempt: second.Attempt})
	b.must(err)
	if a.Need == nil || a.Need.Joined != first {
		t.Errorf("the queued id again: %+v", a)
	}
	differ := map[string]func(*wire.Attempt){
		"arguments": func(a *wire.Attempt) { a.Attempt.Subject.ArgsDigest = bytes.Repeat([]byte("z"), 32) },
		"program":   func(a *wire.Attempt) { a.Attempt.Subject.SHA256 = fmt.Sprintf("%064x", 2) },
		"user":      func(a *wire.Attempt) { a.Attempt.User.UID = "1001" },
		"run as":    func(a *wire.Attempt) { a.Attempt.Subject.RunAs = "www" },
		"folder":    func(a *wire.Attempt) { a.Attempt.Subject.Cwd = "/tmp" },
	}
	for name, change := range differ {
		other := attempt("x")
		change(&other)
		a, err := b.Draft(ctx, ep, other)
		b.must(err)
		if a.Need == nil || a.Need.Joined != "" {
			t.Errorf("other %s joined: %+v", name, a)
		}
		other.Request = first
		_, err = b.Draft(ctx, ep, other)
		wantErr(t, "the id of a request with other "+name, err, elevation.ErrInvalid)
	}
	_, err = b.Review(ctx, who("bo"), first, ReviewIn{Verdict: elevation.Approved})
	b.must(err)
	a, err = b.Draft(ctx, ep, attempt("x"))
	b.must(err)
	if a.Need == nil || a.Need.Joined != "" {
		t.Errorf("joined one that is decided: %+v", a)
	}
}

func TestBadAttempts(t *testing.T) {
	b := newBed(t, approveID).people()
	tests := []struct {
		name   string
		change func(*wire.Attempt)
	}{
		{"no id", func(a *wire.Attempt) { a.Request = "" }},
		{"an id of something else", func(a *wire.Attempt) { a.Request = "gr_01932c5e-0000-7000-8000-000000000001" }},
		{"a path as id", func(a *wire.Attempt) { a.Request = "req_../../../../etc/passwd" }},
		{"no access type", func(a *wire.Attempt) { a.Attempt.AccessType = "" }},
		{"relative path", func(a *wire.Attempt) { a.Attempt.Subject.Path = "id" }},
		{"NUL", func(a *wire.Attempt) { a.Attempt.Subject.Args = []string{"a\x00b"} }},
		{"too many arguments", func(a *wire.Attempt) { a.Attempt.Subject.Args = make([]string, elevation.MaxArgs+1) }},
		{"no digest", func(a *wire.Attempt) { a.Attempt.Subject.ArgsDigest = nil }},
		{"nobody", func(a *wire.Attempt) { a.Attempt.User.UID = "" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := attempt("x")
			tt.change(&in)
			_, err := b.Draft(context.Background(), ep, in)
			wantErr(t, "attempt", err, elevation.ErrInvalid)
		})
	}
	_, err := b.Draft(context.Background(), "ep_unknown", attempt("x"))
	wantErr(t, "an unknown endpoint", err, elevation.ErrNotFound)
}

func TestLockedEndpointGetsNothing(t *testing.T) {
	for name, change := range map[string]func(*store.Endpoint){
		"locked":      func(e *store.Endpoint) { e.Locked = true },
		"quarantined": func(e *store.Endpoint) { e.Quarantined = true },
		"deleted":     func(e *store.Endpoint) { e.DeletedAt = day },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, approveID).people()
			b.must(b.store.Update(context.Background(), func(tx *store.Tx) error {
				e, err := tx.Endpoint(ep)
				b.must(err)
				change(&e)
				b.must(tx.PutEndpoint(e))
				return tx.Append(audit.Event{At: day, Kind: audit.EndpointChanged, Actor: system()})
			}))
			a, err := b.Draft(context.Background(), ep, attempt("x"))
			b.must(err)
			if a.Closed == nil || a.Closed.Why != wire.ClosedRefused {
				t.Errorf("%+v", a)
			}
		})
	}
}

func TestFloods(t *testing.T) {
	b := newBed(t, "").people()
	ctx := context.Background()
	make := func(n int, uid string) Answer {
		t.Helper()
		in := attempt("x")
		in.Attempt.User.UID = uid
		in.Attempt.Subject.ArgsDigest = bytes.Repeat([]byte{byte(n)}, 32)
		a, err := b.Draft(ctx, ep, in)
		b.must(err)
		return a
	}
	for i := range 20 {
		if a := make(i, "1000"); a.Need == nil {
			t.Fatalf("request %d: %+v", i+1, a.Closed)
		}
	}
	if a := make(20, "1000"); a.Closed == nil || a.Closed.Why != wire.ClosedRefused || !strings.Contains(a.Closed.Text, "20 requests") {
		t.Errorf("the 21st of a user: %+v", a)
	}
	for i := 20; i < 200; i++ {
		if a := make(i, fmt.Sprint(1001+i/20)); a.Need == nil {
			t.Fatalf("request %d: %+v", i+1, a.Closed)
		}
	}
	if a := make(200, "5000"); a.Closed == nil || !strings.Contains(a.Closed.Text, "endpoint") {
		t.Errorf("the 201st of an endpoint: %+v", a)
	}
	b.pass(elevation.DraftTTL)
	if n, _, err := b.Sweep(ctx); n != 200 || err != nil {
		t.Errorf("swept %d, %v", n, err)
	}
	if a := make(20, "1000"); a.Need == nil {
		t.Errorf("after the drafts have gone: %+v", a)
	}
	page, err := b.List(ctx, who("bo"), Filter{})
	if len(page.Items) != 0 || page.Total != 0 || err != nil {
		t.Errorf("approvers see %d drafts that are over: %v", page.Total, err)
	}
}

func TestCooldownAfterDenial(t *testing.T) {
	b := newBed(t, "").people()
	ctx := context.Background()
	_, err := b.Review(ctx, who("bo"), b.submit("x"), ReviewIn{Verdict: elevation.Denied})
	b.must(err)
	b.pass(59 * time.Second)
	a, err := b.Draft(ctx, ep, attempt("x"))
	b.must(err)
	if a.Closed == nil || a.Closed.Why != wire.ClosedRefused || !strings.Contains(a.Closed.Text, "1 s") {
		t.Errorf("%+v", a)
	}
	if a, err := b.Draft(ctx, ep, attempt("y")); err != nil || a.Need == nil {
		t.Errorf("something else is refused: %+v %v", a, err)
	}
	b.pass(time.Second)
	if a, err := b.Draft(ctx, ep, attempt("x")); err != nil || a.Need == nil {
		t.Errorf("a minute later: %+v %v", a, err)
	}
}

func TestPriorities(t *testing.T) {
	b := newBed(t, `{rules: [{name: later, match: {path: /usr/bin/id, args: [l]}, then: require, set_priority: low}]}`).people()
	for _, tt := range []struct {
		name, arg string
		asked     elevation.Priority
		want      elevation.Priority
	}{
		{"not asked", "a", "", elevation.Normal},
		{"asked", "b", elevation.Low, elevation.Low},
		{"over the cap", "c", elevation.Urgent, elevation.High},
		{"set by a rule", "l", elevation.Urgent, elevation.Low},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := attempt(tt.arg)
			in.Attempt.Priority = tt.asked
			_, err := b.Draft(context.Background(), ep, in)
			b.must(err)
			_, err = b.Complete(context.Background(), ep, wire.Complete{Request: in.Request, Justification: "because I must"})
			b.must(err)
			v, err := b.Get(context.Background(), who("bo"), in.Request)
			b.must(err)
			if v.Request.Priority != tt.want {
				t.Errorf("got %s, want %s", v.Request.Priority, tt.want)
			}
		})
	}
}

func TestTicketGivesARuleItsAnswer(t *testing.T) {
	b := newBed(t, `{rules: [{name: with-ticket, match: {path: /usr/bin/id}, then: approve, require: {ticket: 'INC-\d+'}}]}`).people()
	ctx := context.Background()
	in := attempt("x")
	a, err := b.Draft(ctx, ep, in)
	b.must(err)
	if a.Need == nil || a.Need.Ticket != `INC-\d+` || a.Need.ReasonMin != 0 {
		t.Fatalf("%+v", a)
	}
	_, err = b.Complete(ctx, ep, wire.Complete{Request: in.Request, Ticket: "INC-x"})
	wantErr(t, "a wrong ticket", err, elevation.ErrInvalid)
	p, err := b.Complete(ctx, ep, wire.Complete{Request: in.Request, Ticket: "INC-7"})
	b.must(err)
	if p.Request != "" {
		t.Errorf("%+v", p)
	}
	if d := cmp.Diff([]string{"request.approved", "grant.issued"}, b.kinds(in.Request)); d != "" {
		t.Error(d)
	}
}

func TestWithdraw(t *testing.T) {
	b := newBed(t, "").people()
	ctx := context.Background()
	id := b.submit("x")
	wantErr(t, "unknown", b.Withdraw(ctx, ep, wire.Withdraw{Request: "req_none"}), nil)
	wantErr(t, "of another endpoint", b.Withdraw(ctx, "ep_other", wire.Withdraw{Request: id}), nil)
	if s := b.state(id); s != elevation.StatePending {
		t.Fatalf("withdrawn by another endpoint: %s", s)
	}
	for range 2 {
		b.must(b.Withdraw(ctx, ep, wire.Withdraw{Request: id}))
	}
	if d := cmp.Diff([]string{"request.submitted", "request.cancelled"}, b.kinds(id)); d != "" {
		t.Error(d)
	}
	_, err := b.Review(ctx, who("bo"), id, ReviewIn{Verdict: elevation.Approved})
	wantErr(t, "approve what was withdrawn", err, elevation.ErrNotPending)
	in := attempt("d")
	_, err = b.Draft(ctx, ep, in)
	b.must(err)
	b.must(b.Withdraw(ctx, ep, wire.Withdraw{Request: in.Request}))
	a, err := b.Draft(ctx, ep, in)
	b.must(err)
	if a.Closed == nil || a.Closed.Why != wire.ClosedCancelled {
		t.Errorf("a withdrawn draft sent again: %+v", a)
	}
}

func TestAnswerNeedsAQuestion(t *testing.T) {
	b := newBed(t, "").people()
	ctx := context.Background()
	id := b.submit("x")
	wantErr(t, "no question", b.Answer(ctx, ep, wire.Answer{Request: id, Text: "yes"}), elevation.ErrNotPending)
	wantErr(t, "too long", b.Answer(ctx, ep, wire.Answer{Request: id, Text: strings.Repeat("a", 2001)}), elevation.ErrInvalid)
	b.must(b.store.Update(ctx, func(tx *store.Tx) error {
		r, err := tx.Request(id)
		b.must(err)
		r.Questions = []elevation.Question{{By: who("bo").Elevation(), At: day, Text: "why?"}}
		b.must(tx.PutRequest(&r, day))
		return tx.Append(audit.Event{At: day, Kind: audit.RequestAsked, Actor: who("bo").Elevation(), Request: id})
	}))
	b.must(b.Answer(ctx, ep, wire.Answer{Request: id, Text: "to update"}))
	v, err := b.Get(ctx, who("bo"), id)
	b.must(err)
	if got := v.Request.Questions[0].Answer; got != "to update" {
		t.Errorf("answer %q", got)
	}
}
