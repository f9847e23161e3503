package queue

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
	"github.com/google/go-cmp/cmp"
)

// TestManyActs does acts at random and then compares everything that is derived
// with the facts: counters, columns, events, frames.
func TestManyActs(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			b := newBed(t, `
rules:
  - {name: fine, match: {path: /usr/bin/id, args: [a]}, then: approve}
  - {name: never, match: {path: /usr/bin/id, args: [b]}, then: deny}
  - {name: two, match: {path: /usr/bin/id, args: [c]}, then: require, require: {stages: [{team: Approvers, quorum: 2}]}}
`).people()
			w := &walk{bed: b, rand: rand.New(rand.NewPCG(seed, 7))}
			for range 400 {
				if err := w.step(); err != nil && !lawful(err) {
					t.Fatal(err)
				}
			}
			_, _, err := b.Sweep(context.Background())
			b.must(err)
			w.check()
		})
	}
}

// lawful are the refusals that acts at random may get.
func lawful(err error) bool {
	for _, e := range []error{elevation.ErrNotPending, elevation.ErrAlreadyDecided, elevation.ErrNotAllowed, elevation.ErrSelfApproval} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

type walk struct {
	*bed
	rand *rand.Rand
	ids  []elevation.RequestID
	seq  uint64
}

func (w *walk) step() error {
	ctx := context.Background()
	if len(w.ids) == 0 || w.rand.IntN(4) == 0 {
		return w.attempt(ctx)
	}
	id := w.ids[w.rand.IntN(len(w.ids))]
	verdict := elevation.Approved
	if w.rand.IntN(3) == 0 {
		verdict = elevation.Denied
	}
	login := []string{"ada", "bo", "cy", "eve", "audrey"}[w.rand.IntN(5)]
	actor := who(login)
	if w.rand.IntN(2) == 0 {
		actor = session(login)
	}
	var err error
	switch w.rand.IntN(12) {
	case 0, 1, 2:
		_, err = w.Review(ctx, actor, id, ReviewIn{Verdict: verdict})
	case 3:
		_, err = w.Undo(ctx, actor, id)
	case 4:
		_, err = w.Cancel(ctx, actor, id)
	case 5:
		_, err = w.Revoke(ctx, actor, id, "stop", "")
	case 6:
		_, err = w.CheckIn(ctx, actor, id)
	case 7:
		_, err = w.Remove(ctx, actor, id)
	case 8:
		err = w.Withdraw(ctx, ep, wire.Withdraw{Request: id})
	case 9, 10:
		w.seq++
		kind := []elevation.ReportKind{elevation.ReportDelivered, elevation.ReportStarted, elevation.ReportEnded}[w.rand.IntN(3)]
		err = w.Report(ctx, ep, wire.Report{Seq: w.seq, Request: id, Grant: w.grantID(id), Kind: kind, Reason: elevation.Completed})
	case 11:
		w.pass([]time.Duration{time.Second, time.Minute, 3 * time.Hour}[w.rand.IntN(3)])
		_, _, err = w.Sweep(ctx)
	}
	return err
}

func (w *walk) attempt(ctx context.Context) error {
	in := attempt(string(rune('a' + w.rand.IntN(8))))
	in.AtTerminal = w.rand.IntN(2) == 0
	a, err := w.Draft(ctx, ep, in)
	if err != nil || a.Closed != nil {
		return err
	}
	if a.Need != nil && a.Need.Joined == "" {
		if w.rand.IntN(8) == 0 {
			return nil // never completed
		}
		if _, err := w.Complete(ctx, ep, wire.Complete{Request: in.Request, Justification: "because I must"}); err != nil {
			return err
		}
	}
	if a.Need == nil || a.Need.Joined == "" {
		w.ids = append(w.ids, in.Request)
	}
	return nil
}

func (w *walk) check() {
	t, ctx, now := w.t, context.Background(), w.now()
	counted := map[elevation.State]int{}
	waiting := 0
	for _, id := range w.ids {
		v, err := w.Get(ctx, who("ada", auth.Administrator), id)
		w.must(err)
		r := v.Request
		if v.State != elevation.StateDraft && r.RemovedByTeamAt.IsZero() {
			counted[v.State]++
		}
		if waits(r, now) {
			waiting++
		}
		w.checkEvents(r)
		if (r.Grant.ID != "") != (r.Decision != nil && r.Decision.Verdict == elevation.Approved && w.granted(id)) {
			t.Errorf("%s is %s, decision %+v, grant %q", id, v.State, r.Decision, r.Grant.ID)
		}
		page, err := w.List(ctx, who("ada", auth.Administrator), Filter{Status: []string{"pending", "available", "approved", "ended", "expired", "revoked", "denied", "cancelled"},
			Text: string(id)})
		w.must(err)
		if found := len(page.Items) == 1; found != r.RemovedByTeamAt.IsZero() {
			t.Errorf("%s is %s, found in the list: %v", id, v.State, found)
		}
	}
	w.must(w.store.View(ctx, func(tx *store.Tx) error {
		n, err := tx.Counts(store.RequestFilter{List: store.ListTeam})
		if d := cmp.Diff(counted, n); d != "" {
			t.Errorf("counters: %s", d)
		}
		user, _, err2 := tx.OpenCounts(ep, "1000")
		if user != waiting {
			t.Errorf("%d open, %d wait", user, waiting)
		}
		return errors.Join(err, err2)
	}))
	for i, f := range w.frames() {
		if f.Seq != uint64(i+1) {
			t.Fatalf("frame %d has number %d", i+1, f.Seq)
		}
	}
}

// granted reports whether a grant was issued according to the log.
func (w *walk) granted(id elevation.RequestID) bool {
	for _, k := range w.kinds(id) {
		if k == audit.GrantIssued.String() {
			return true
		}
	}
	return false
}

// checkEvents compares the log of a request with its facts.
func (w *walk) checkEvents(r elevation.Request) {
	n := map[string]int{}
	for _, k := range w.kinds(r.ID) {
		n[k]++
	}
	// A grant that was in use although nobody had heard of it ends a second time.
	byRule := r.Decision != nil && r.Decision.By.Kind == elevation.ByRule
	if n["request.approved"]+n["request.denied"] > 1 || n["grant.issued"] > n["request.approved"] || n["request.cancelled"] > 1 ||
		n["request.expired"] > 1+n["grant.started"] || n["grant.started"] > 1 || n["grant.ended"] > 1 {
		w.t.Errorf("%s has twice what happens once: %v", r.ID, n)
	}
	if byRule == (n["request.submitted"] == 1) {
		w.t.Errorf("%s by rule: %v, events %v", r.ID, byRule, n)
	}
	if n["request.reviewed"]-n["request.undone"] < len(r.Reviews) {
		w.t.Errorf("%s has %d votes, events %v", r.ID, len(r.Reviews), n)
	}
}
