package elevation

import (
	"testing"
	"time"
)

var t0 = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func draft() Request {
	return Request{ID: NewRequestID(t0), Origin: FromEndpoint, DraftedAt: t0, Attempt: validAttempt(),
		Need: Need{ReasonMin: 8, Stages: []Stage{{Team: "team_approvers", Name: "Approvers", Quorum: 1}}}}
}

func pending(t *testing.T) Request {
	t.Helper()
	r, err := draft().Submit("printer driver", "", DefaultTimes(), t0)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func validAttempt() Attempt {
	return Attempt{AccessType: Run, Mechanism: "sudo", User: User{Name: "alice", UID: "1001"},
		Subject: Subject{Path: "/usr/bin/id", SHA256: hex64('a'), ArgsDigest: make([]byte, 32), RunAs: "root", Cwd: "/", Size: 3}}
}

func hex64(c byte) string {
	b := make([]byte, 64)
	for i := range b {
		b[i] = c
	}
	return string(b)
}

func vote(who string, v Verdict) Vote {
	return Vote{By: Actor{Kind: ByUser, ID: who, Name: who}, Stages: []int{0}, Verdict: v}
}

// TestStateIsDerived walks every state by its facts alone.
func TestStateIsDerived(t *testing.T) {
	approved := &Decision{Verdict: Approved, By: Actor{Kind: ByUser, ID: "bo"}, At: t0}
	held := &Decision{Verdict: Approved, By: Actor{Kind: ByUser, ID: "bo"}, At: t0, HeldUntil: t0.Add(3 * time.Second)}
	denied := &Decision{Verdict: Denied, By: Actor{Kind: ByUser, ID: "bo"}, At: t0}
	window := Window{Duration: time.Hour, UseWithin: 4 * time.Hour}
	base := Request{DraftedAt: t0, SubmittedAt: t0, ExpiresAt: t0.Add(8 * time.Hour)}
	with := func(change func(*Request)) Request { r := base; change(&r); return r }
	rows := []struct {
		name string
		r    Request
		at   time.Duration
		want State
	}{
		{"draft", Request{DraftedAt: t0}, time.Minute, StateDraft},
		{"draft forgotten", Request{DraftedAt: t0}, DraftTTL, StateExpired},
		{"pending", base, time.Minute, StatePending},
		{"pending until the last instant", base, 8*time.Hour - 1, StatePending},
		{"unanswered, unswept", base, 8 * time.Hour, StateExpired},
		{"unanswered, swept", with(func(r *Request) { r.ExpiredAt = t0.Add(time.Hour) }), time.Hour, StateExpired},
		{"held", with(func(r *Request) { r.Decision, r.Granted = held, window }), time.Second, StateHeld},
		{"hold over", with(func(r *Request) { r.Decision, r.Granted = held, window }), 3 * time.Second, StateAvailable},
		{"available", with(func(r *Request) { r.Decision, r.Granted = approved, window }), time.Second, StateAvailable},
		{"not used in time", with(func(r *Request) { r.Decision, r.Granted = approved, window }), 4 * time.Hour, StateExpired},
		{"start in the future", with(func(r *Request) {
			r.Decision, r.Granted = approved, Window{Start: t0.Add(time.Hour), Duration: time.Hour, UseWithin: time.Hour}
		}), time.Minute, StateApproved},
		{"asked-for start reached", with(func(r *Request) {
			r.Decision, r.Granted = approved, Window{Start: t0.Add(time.Hour), Duration: time.Hour, UseWithin: time.Hour}
		}), 90 * time.Minute, StateAvailable},
		{"absolute window over", with(func(r *Request) {
			r.Decision, r.Granted = approved, Window{Start: t0.Add(time.Hour), Duration: time.Hour, UseWithin: time.Hour}
		}), 2 * time.Hour, StateExpired},
		{"active", with(func(r *Request) { r.Decision, r.Granted, r.Grant.StartedAt = approved, window, t0 }), time.Minute, StateActive},
		{"duration ran out", with(func(r *Request) { r.Decision, r.Granted, r.Grant.StartedAt = approved, window, t0 }), time.Hour, StateExpired},
		{"ended", with(func(r *Request) {
			r.Decision, r.Granted, r.Grant.StartedAt, r.Grant.EndedAt, r.Grant.EndReason = approved, window, t0, t0, Completed
		}), 0, StateEnded},
		{"ended at the deadline", with(func(r *Request) {
			r.Decision, r.Granted, r.Grant.StartedAt, r.Grant.EndedAt, r.Grant.EndReason = approved, window, t0, t0, Deadline
		}), 0, StateExpired},
		{"denied", with(func(r *Request) { r.Decision = denied }), 0, StateDenied},
		{"unknown verdict denies", with(func(r *Request) { r.Decision = &Decision{At: t0} }), 0, StateDenied},
		{"cancelled", with(func(r *Request) { r.CancelledAt = t0 }), 0, StateCancelled},
		{"revoked beats ended", with(func(r *Request) {
			r.Decision, r.Granted, r.RevokedAt, r.Grant.EndedAt, r.Grant.EndReason = approved, window, t0, t0, RevokedEnd
		}), 0, StateRevoked},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			if got := row.r.State(t0.Add(row.at)); got != row.want {
				t.Errorf("got %s, want %s", got, row.want)
			}
		})
	}
}

// TestNextDueIsWhenTheStateChanges: just before NextDue the state is the same,
// at NextDue it is another one.
func TestNextDueIsWhenTheStateChanges(t *testing.T) {
	approve := func(hold time.Duration) Request {
		v := vote("bo", Approved)
		v.Hold = hold
		r, err := pending(t).Review(v, DefaultTimes(), t0)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	active := approve(0)
	active.Grant.StartedAt = t0
	for name, r := range map[string]Request{"draft": draft(), "pending": pending(t), "held": approve(3 * time.Second),
		"available": approve(0), "active": active} {
		due := r.NextDue(t0)
		if due.IsZero() {
			t.Fatalf("%s: no due time", name)
		}
		if before, at := r.State(due.Add(-1)), r.State(due); before != r.State(t0) || at == before {
			t.Errorf("%s: %s just before %v, %s then", name, before, due, at)
		}
	}
}

func TestSweepWritesWhatTimeMadeTrue(t *testing.T) {
	r := pending(t)
	if _, changed := r.Sweep(r.ExpiresAt.Add(-1)); changed {
		t.Error("swept before it was due")
	}
	swept, changed := r.Sweep(r.ExpiresAt)
	if !changed || swept.ExpiredAt.IsZero() {
		t.Error("not swept when due")
	}
	if _, again := swept.Sweep(r.ExpiresAt.Add(time.Hour)); again {
		t.Error("swept twice")
	}
}

func TestQueueKeyNeverChangesOrder(t *testing.T) {
	h := DefaultHeadStarts()
	old, young := h.SortKey(t0, Low), h.SortKey(t0.Add(9*time.Minute), Normal)
	if young >= old {
		t.Error("a normal request nine minutes younger must come before a low one")
	}
	if h.SortKey(t0.Add(11*time.Minute), Normal) <= old {
		t.Error("a low request that waited eleven minutes longer must come first")
	}
}

// What the endpoint uses while the controller takes it for unused can be revoked
// again as soon as the endpoint says so, swept or not.
func TestLateStartIsInUse(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for _, swept := range []bool{true, false} {
		r := Request{SubmittedAt: now, ExpiresAt: now.Add(time.Hour), Decision: &Decision{Verdict: Approved, At: now},
			Granted: Window{Duration: time.Hour, UseWithin: time.Hour}, Grant: GrantFacts{ID: "gr_1"}}
		late := now.Add(90 * time.Minute)
		if swept {
			r, _ = r.Sweep(late)
			r, _ = r.RemoveByTeam(late)
		}
		if s := r.State(late); s != StateExpired {
			t.Fatalf("not used in time: %s", s)
		}
		next, _, err := r.Report(ReportStarted, "gr_1", "", nil, late, late)
		if err != nil || next.State(late) != StateActive {
			t.Errorf("swept %v: in use it is %s (%v)", swept, next.State(late), err)
		}
		if !next.RemovedByTeamAt.IsZero() { // what runs is on every list again
			t.Errorf("swept %v: what is in use is on no approver's list", swept)
		}
		if _, err := next.Revoke(Actor{Kind: ByUser, ID: "usr_1"}, "", late); err != nil {
			t.Errorf("swept %v: %v", swept, err)
		}
		if s := next.State(late.Add(time.Hour)); s != StateExpired {
			t.Errorf("swept %v: after its time it is %s", swept, s)
		}
	}
}
