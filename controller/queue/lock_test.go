package queue

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

func boss() auth.Actor { return who("ada", auth.Administrator) }

// TestLockStopsAnEndpoint: what was given is revoked, what waits can not be
// approved, nothing new is asked, and the unlock ends all of that.
func TestLockStopsAnEndpoint(t *testing.T) {
	b := newBed(t, approveID).people()
	ctx := context.Background()
	draft := attempt("n")
	draft.Attempt.Subject.Path = "/usr/bin/other"
	if a, err := b.Draft(ctx, ep, draft); err != nil || a.Need == nil {
		t.Fatal(a, err)
	}
	asked := func(arg string) elevation.RequestID {
		in := attempt(arg)
		in.Attempt.Subject.Path = "/usr/bin/passwd"
		_, err := b.Draft(ctx, ep, in)
		b.must(err)
		_, err = b.Complete(ctx, ep, wire.Complete{Request: in.Request, Justification: "because I must"})
		b.must(err)
		return in.Request
	}
	waits, given, held := asked("w"), asked("g"), asked("h")
	_, err := b.Review(ctx, who("bo"), given, ReviewIn{Verdict: elevation.Approved})
	b.must(err)
	_, err = b.Review(ctx, session("bo"), held, ReviewIn{Verdict: elevation.Approved})
	b.must(err)
	byRule := attempt("r")
	if a, err := b.Draft(ctx, ep, byRule); err != nil || !a.Decided {
		t.Fatal(a, err)
	}

	for range 2 { // the second one finds nothing to do
		b.must(b.Lock(ctx, boss(), ep, " stolen "))
	}
	for id, want := range map[elevation.RequestID]elevation.State{waits: elevation.StatePending, given: elevation.StateRevoked,
		held: elevation.StateRevoked, byRule.Request: elevation.StateRevoked} {
		if got := b.state(id); got != want {
			t.Errorf("%s is %s, want %s", id, got, want)
		}
		if n := len(slices.DeleteFunc(b.kinds(id), func(k string) bool { return k != "grant.revoked" })); (n == 1) != (want == elevation.StateRevoked) {
			t.Errorf("%s has %d grant.revoked", id, n)
		}
	}
	frames := b.frames()
	if last := frames[len(frames)-1]; last.Type != wire.TLock || body[wire.Lock](t, last) != (wire.Lock{Locked: true, Text: "stolen"}) {
		t.Errorf("the last frame is %+v", last)
	}
	e, err := b.store.Endpoint(ctx, ep)
	b.must(err)
	if !e.Locked || e.Lock.By.Name != "ada" || e.Lock.Why != "stolen" || !e.Lock.At.Equal(b.now()) {
		t.Errorf("%+v", e.Lock)
	}

	_, err = b.Review(ctx, who("bo"), waits, ReviewIn{Verdict: elevation.Approved})
	wantErr(t, "an approval", err, ErrLocked)
	wantErr(t, "an approval", err, elevation.ErrConflict)
	_, err = b.Complete(ctx, ep, wire.Complete{Request: draft.Request, Justification: "because I must"})
	wantErr(t, "a draft", err, ErrLocked)
	if a, err := b.Draft(ctx, ep, attempt("m")); err != nil || a.Closed == nil || !strings.Contains(a.Closed.Text, "locked") {
		t.Errorf("an attempt that a rule approves: %+v %v", a, err)
	}
	b.pass(time.Minute)
	_, _, err = b.Sweep(ctx)
	b.must(err)
	for _, f := range b.frames()[len(frames):] {
		if f.Type == wire.TDecision || f.Type == wire.TAmend {
			t.Errorf("a locked endpoint is sent %s", f.Type)
		}
	}
	b.must(b.Unlock(ctx, boss(), ep, "found"))
	b.must(b.Unlock(ctx, boss(), ep, ""))
	_, err = b.Review(ctx, who("bo"), waits, ReviewIn{Verdict: elevation.Approved})
	b.must(err)
	if a, err := b.Draft(ctx, ep, attempt("z")); err != nil || !a.Decided {
		t.Errorf("%+v %v", a, err)
	}
	locks := 0
	for _, f := range b.frames() {
		if f.Type == wire.TLock {
			locks++
		}
	}
	if locks != 2 {
		t.Errorf("%d lock frames, want one for the lock and one for the unlock", locks)
	}
}

// TestNoGrantAfterTheLock: whoever has looked at the endpoint before it was
// locked, and writes afterwards, gets nothing through.
func TestNoGrantAfterTheLock(t *testing.T) {
	b := newBed(t, "").people()
	ctx := context.Background()
	id := b.submit("x")
	var l loaded
	b.must(b.store.View(ctx, func(tx *store.Tx) (err error) { l, err = load(tx, id); return err }))
	next, err := l.r.Review(elevation.Vote{By: who("bo").Elevation(), Verdict: elevation.Approved, Stages: []int{0}}, l.settings.Times(), b.now())
	b.must(err)
	c := &change{now: b.now(), next: next}
	b.must(b.conclude(c))
	b.must(b.Lock(ctx, boss(), ep, ""))
	wantErr(t, "a late grant", b.commit(ctx, c), ErrLocked)
}

func TestWhoMayStopAnEndpoint(t *testing.T) {
	b := newBed(t, "").people()
	ctx := context.Background()
	id := b.granted("x")
	scoped := who("dee", auth.Administrator)
	scoped.Scope = map[string]string{"role": "db"}
	narrow := boss()
	narrow.Scopes = []string{auth.ScopeEndpoints}
	verbs := map[string]func(auth.Actor) error{
		"lock":   func(a auth.Actor) error { return b.Lock(ctx, a, ep, "") },
		"unlock": func(a auth.Actor) error { return b.Unlock(ctx, a, ep, "") },
		"revoke-grants": func(a auth.Actor) error {
			_, err := b.RevokeGrants(ctx, a, ep, "")
			return err
		},
	}
	for name, do := range verbs {
		wantErr(t, name+" by an auditor", do(who("audrey", auth.Auditor)), elevation.ErrNotAllowed)
		wantErr(t, name+" outside of the scope", do(scoped), elevation.ErrNotFound)
		wantErr(t, name+" by nobody", do(auth.Actor{}), auth.ErrUnauthenticated)
		if name != "revoke-grants" {
			wantErr(t, name+" by an approver", do(who("bo")), elevation.ErrNotAllowed)
		}
	}
	wantErr(t, "a long comment", b.Lock(ctx, boss(), ep, strings.Repeat("a", elevation.MaxComment+1)), elevation.ErrInvalid)
	if got := b.state(id); got == elevation.StateRevoked {
		t.Fatal("a refused act has revoked")
	}
	revoked, err := b.RevokeGrants(ctx, who("audrey", auth.SecurityAdmin), ep, "look into it")
	b.must(err)
	if !slices.Equal(revoked, []elevation.RequestID{id}) || b.state(id) != elevation.StateRevoked {
		t.Errorf("%v, %s", revoked, b.state(id))
	}
	b.must(b.Lock(ctx, narrow, ep, "")) // a token that may change endpoints needs no right to read requests
}
