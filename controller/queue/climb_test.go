package queue

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/delegation"
	"github.com/assent-epm/assent/shared/elevation"
)

// staff changes who may answer.
func (b *bed) staff(change func(*store.Tx) error) {
	b.t.Helper()
	b.must(b.store.Update(context.Background(), func(tx *store.Tx) error {
		if err := change(tx); err != nil {
			return err
		}
		return tx.Append(audit.Event{At: day, Kind: audit.TeamChanged, Actor: system()})
	}))
}

func (b *bed) seen(id elevation.RequestID) View {
	b.t.Helper()
	v, err := b.Get(context.Background(), who("ada", auth.Administrator), id)
	b.must(err)
	return v
}

func (b *bed) sweeps() {
	b.t.Helper()
	_, _, err := b.Sweep(context.Background())
	b.must(err)
}

func TestTimeClimbsTheLadder(t *testing.T) {
	b := newBed(t, platformFirst).people()
	b.team("Lead", nil, "cy")
	b.team("Boss", nil, "ada")
	b.team("Platform", []delegation.Step{{After: time.Minute, Team: "team_lead"}, {After: time.Hour, Team: "team_boss"}}, "bo")
	id := b.submit("x")
	if at := b.seen(id).Request.EscalateAt; !at.Equal(day.Add(time.Minute)) {
		t.Fatalf("it climbs at %v", at)
	}
	b.pass(59 * time.Second)
	b.sweeps()
	if got := b.seen(id); len(got.Request.Escalations) != 0 {
		t.Errorf("too early: %+v", got.Request.Escalations)
	}
	b.pass(time.Second)
	b.sweeps()
	b.sweeps()
	v := b.seen(id)
	if e := v.Request.Escalations; len(e) != 1 || e[0].Name != "Lead" || e[0].Of != "team_platform" || e[0].By.Kind != elevation.BySystem || v.State != elevation.StatePending {
		t.Errorf("after a minute: %+v", e)
	}
	if !slices.Equal(v.CanAnswer, []string{"bo", "cy"}) || !v.Request.EscalateAt.Equal(day.Add(time.Hour)) {
		t.Errorf("%v, next at %v", v.CanAnswer, v.Request.EscalateAt)
	}
	// An answer ends the climbing.
	_, err := b.Review(context.Background(), who("cy"), id, ReviewIn{Verdict: elevation.Approved})
	b.must(err)
	b.pass(2 * time.Hour)
	b.sweeps()
	if v := b.seen(id); len(v.Request.Escalations) != 1 || !v.Request.EscalateAt.IsZero() {
		t.Errorf("after the answer: %+v", v.Request.Escalations)
	}
	if got := strings.Join(b.kinds(id), " "); strings.Count(got, "request.escalated") != 1 {
		t.Error(got)
	}
}

// TestClimbTakesEveryStepThatIsDue, and says when the sweep has to come again.
func TestClimbTakesEveryStepThatIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := elevation.Request{SubmittedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour), EscalateAt: time.Now().Add(time.Minute),
			Need: elevation.Need{Stages: []elevation.Stage{{Team: "a", Quorum: 1}}}}
		time.Sleep(time.Until(r.NextDue(time.Now())))
		p := delegation.Plan{Teams: []delegation.Team{{ID: "a", Name: "A", Escalate: []delegation.Step{{After: time.Minute, Team: "b"}, {After: time.Minute, Team: "c"}}},
			{ID: "b", Name: "B"}, {ID: "c", Name: "C"}}}
		c := &change{now: time.Now(), next: r}
		c.climb(p)
		if len(c.next.Escalations) != 2 || len(c.events) != 2 || c.touch || !c.next.EscalateAt.IsZero() || len(r.Escalations) != 0 {
			t.Errorf("%+v", c)
		}
		if due := c.next.NextDue(time.Now()); !due.Equal(r.ExpiresAt) {
			t.Errorf("due next at %v", due)
		}
	})
}

func TestANewLadderHoldsForWhatWaits(t *testing.T) {
	b := newBed(t, platformFirst).people()
	b.team("Lead", nil, "cy")
	b.team("Platform", nil, "bo")
	id := b.submit("x")
	b.sweeps()
	b.team("Platform", []delegation.Step{{After: time.Hour, Team: "team_lead"}}, "bo")
	b.pass(pruneEvery)
	b.sweeps()
	if at := b.seen(id).Request.EscalateAt; !at.Equal(day.Add(time.Hour)) {
		t.Errorf("it climbs at %v", at)
	}
	b.team("Platform", nil, "bo")
	b.pass(time.Hour)
	b.sweeps()
	if v := b.seen(id); len(v.Request.Escalations) != 0 || !v.Request.EscalateAt.IsZero() {
		t.Errorf("the ladder is gone: %+v", v.Request)
	}
}

func TestNothingWaitsOnDeletedEndpoints(t *testing.T) {
	b := newBed(t, "").people()
	id := b.submit("x")
	e, err := b.store.Endpoint(context.Background(), ep)
	b.must(err)
	e.DeletedAt = day
	b.staff(func(tx *store.Tx) error { return tx.PutEndpoint(e) })
	b.pass(pruneEvery)
	b.sweeps()
	if got := b.state(id); got != elevation.StateCancelled {
		t.Errorf("it is %s", got)
	}
	b.must(b.EndpointDeleted(context.Background()))
	if got := strings.Join(b.kinds(id), " "); got != "request.submitted request.cancelled" {
		t.Error(got)
	}
}

func TestHalfALinkLearnsTheOther(t *testing.T) {
	b := newBed(t, "").people()
	half := store.Link{ID: "link_1", Link: delegation.Link{User: "usr_cy", Endpoint: ep, UID: "1000"}, MadeAt: day}
	other := store.Link{ID: "link_2", Link: delegation.Link{User: "usr_bo", Endpoint: "ep_other", Name: "eve"}, MadeAt: day}
	dir := store.Link{ID: "link_3", Link: delegation.Link{User: "usr_bo", Directory: "corp", Name: "nobody"}, MadeAt: day}
	b.staff(func(tx *store.Tx) error {
		for _, l := range []store.Link{half, other, dir} {
			if err := tx.PutLink(l); err != nil {
				return err
			}
		}
		return nil
	})
	b.submit("x")
	var got []store.Link
	b.must(b.store.View(context.Background(), func(tx *store.Tx) (err error) { got, err = tx.Links(); return err }))
	if got[2].Name != "eve" || got[2].UID != "1000" || got[1].UID != "" || got[0].UID != "" {
		t.Errorf("%+v", got)
	}
}

// TestAVoteUnderAnOldStaff: who loses their place while they answer has not
// answered.
func TestAVoteUnderAnOldStaff(t *testing.T) {
	b := newBed(t, platformFirst).people()
	b.team("Platform", nil, "bo")
	id := b.submit("x")
	tries := 0
	_, err := b.act(context.Background(), who("bo"), id, "approve", func(l loaded, c *change) error {
		if tries++; tries == 1 {
			b.team("Platform", nil, "cy")
		}
		_, err := delegation.MayVote(l.plan, who("bo").Elevation(), &l.r, c.now)
		return err
	})
	wantErr(t, "review", err, elevation.ErrNotAllowed)
	if tries != 2 {
		t.Errorf("looked %d times", tries)
	}
}

func TestFourEyesOfAccounts(t *testing.T) {
	b := newBed(t, "").people()
	held := store.User{ID: "usr_fay", Login: "fay", Roles: []auth.Role{auth.Approver}, CreatedAt: day, HeldBy: elevation.Actor{Kind: elevation.ByUser, ID: "usr_cy", Name: "cy"}}
	b.staff(func(tx *store.Tx) error {
		if err := tx.PutLink(store.Link{ID: "link_1", Link: delegation.Link{User: "usr_cy", Endpoint: ep, Name: "eve"}, MadeAt: day}); err != nil {
			return err
		}
		return tx.InsertUser(held)
	})
	id := b.submit("x")
	_, err := b.Review(context.Background(), who("fay"), id, ReviewIn{Verdict: elevation.Approved})
	wantErr(t, "an account that the requester made", err, elevation.ErrSelfApproval)
	if v := b.seen(id); slices.Contains(v.CanAnswer, "fay") || slices.Contains(v.CanAnswer, "cy") {
		t.Errorf("can answer: %v", v.CanAnswer)
	}
	b.staff(func(tx *store.Tx) error {
		set := tx.Settings()
		set.FourEyesAccounts = false
		return tx.PutSettings(set)
	})
	_, err = b.Review(context.Background(), who("fay"), id, ReviewIn{Verdict: elevation.Approved})
	wantErr(t, "where that is allowed", err, nil)
}
