package elevation

import "time"

// State is where a request is in its life. It is always derived.
type State string

// The states of a request.
const (
	StateDraft     State = "draft" // the agent has not completed it; approvers never see it
	StatePending   State = "pending"
	StateHeld      State = "held"     // decided, may still be undone; shown as pending
	StateApproved  State = "approved" // granted, its start is in the future
	StateAvailable State = "available"
	StateActive    State = "active"
	StateEnded     State = "ended"
	StateExpired   State = "expired"
	StateRevoked   State = "revoked"
	StateDenied    State = "denied"
	StateCancelled State = "cancelled"
)

// Final reports whether nothing but removal and review can follow.
func (s State) Final() bool {
	switch s {
	case StateEnded, StateExpired, StateRevoked, StateDenied, StateCancelled:
		return true
	}
	return false
}

// DraftTTL is how long an incomplete request is kept.
const DraftTTL = 10 * time.Minute

// State derives the state at now. Facts that time has made due but that no
// sweep has written yet count as written.
func (r *Request) State(now time.Time) State {
	switch {
	case !r.RevokedAt.IsZero():
		return StateRevoked
	case !r.CancelledAt.IsZero():
		return StateCancelled
	case r.Decision != nil && r.Decision.Verdict == Denied && !now.Before(r.Decision.HeldUntil):
		return StateDenied
	case !r.ExpiredAt.IsZero():
		return StateExpired
	case !r.Grant.EndedAt.IsZero() && r.Grant.EndReason == Deadline:
		return StateExpired
	case !r.Grant.EndedAt.IsZero():
		return StateEnded
	case !r.WindowEndedAt.IsZero():
		return StateExpired
	case r.Decision == nil && r.SubmittedAt.IsZero():
		if !now.Before(r.DraftedAt.Add(DraftTTL)) {
			return StateExpired
		}
		return StateDraft
	case r.Decision == nil:
		if due(r.ExpiresAt, now) {
			return StateExpired
		}
		return StatePending
	case now.Before(r.Decision.HeldUntil) && r.Grant.ID == "": // a clock that is set back undoes nothing
		return StateHeld
	case r.Decision.Verdict != Approved:
		return StateDenied // an unknown verdict is a denial
	case due(r.WindowEnd(), now):
		return StateExpired
	case !r.Grant.StartedAt.IsZero():
		return StateActive
	case now.Before(r.Granted.Start):
		return StateApproved
	default:
		return StateAvailable
	}
}

// WindowEnd is when the granted window is over whatever the endpoint says; the
// zero time while nothing is granted. With a start asked for it is absolute;
// otherwise first use must come within UseWithin and Duration counts from it.
func (r *Request) WindowEnd() time.Time {
	if r.Decision == nil || r.Decision.Verdict != Approved {
		return time.Time{}
	}
	if !r.Granted.Start.IsZero() {
		return r.Granted.Start.Add(r.Granted.Duration)
	}
	if !r.Grant.StartedAt.IsZero() {
		return r.Grant.StartedAt.Add(r.Granted.Duration)
	}
	at := r.Decision.At
	if r.Decision.HeldUntil.After(at) {
		at = r.Decision.HeldUntil
	}
	return at.Add(r.Granted.UseWithin)
}

// NextDue is the earliest time at which time alone changes the state or goes up
// a ladder, zero when there is none. Sweep asks for requests whose NextDue has come.
func (r *Request) NextDue(now time.Time) time.Time {
	switch r.State(now) {
	case StateDraft:
		return r.DraftedAt.Add(DraftTTL)
	case StatePending:
		if !r.EscalateAt.IsZero() && r.EscalateAt.Before(r.ExpiresAt) {
			return r.EscalateAt
		}
		return r.ExpiresAt
	case StateHeld:
		return r.Decision.HeldUntil
	case StateApproved:
		return r.Granted.Start
	case StateAvailable, StateActive:
		return r.WindowEnd()
	}
	return time.Time{}
}

// Delivery says how far the answer has come to the endpoint.
type Delivery string

// The steps of delivery.
const (
	NotDelivered Delivery = "none"
	Waiting      Delivery = "waiting"    // the endpoint is not connected
	Activating   Delivery = "activating" // sent, not acknowledged
	Delivered    Delivery = "delivered"
	Revoking     Delivery = "revoking"  // revoked or checked in, not confirmed
	Confirmed    Delivery = "confirmed" // the endpoint confirmed the end
)

// Delivery derives how far the answer has come. connected says whether the
// endpoint has a live session.
func (r *Request) Delivery(connected bool) Delivery {
	switch {
	case r.Grant.ID == "":
		return NotDelivered
	case !r.Grant.EndedAt.IsZero():
		return Confirmed
	case !r.RevokedAt.IsZero() || !r.CheckedInAt.IsZero():
		return Revoking
	case !r.Grant.DeliveredAt.IsZero():
		return Delivered
	case connected:
		return Activating
	default:
		return Waiting
	}
}

// ApprovalsNeeded and ApprovalsHave count votes over all stages; one person's
// vote counts in one stage only.
func (r *Request) ApprovalsNeeded() int {
	n := 0
	for _, s := range r.Need.Stages {
		n += s.Quorum
	}
	return n
}

// ApprovalsHave counts the approving votes that count.
func (r *Request) ApprovalsHave() int {
	n := 0
	for i := range r.Need.Stages {
		n += r.stageVotes(i)
	}
	return n
}

// StageOpen reports whether stage i still needs votes.
func (r *Request) StageOpen(i int) bool { return r.stageVotes(i) < r.Need.Stages[i].Quorum }

// stageVotes counts distinct approving people in stage i, at most its quorum.
func (r *Request) stageVotes(i int) int {
	seen := map[string]bool{}
	for _, v := range r.Reviews {
		if v.Verdict != Approved || seen[v.By.ID] || v.By.Kind != ByUser {
			continue
		}
		for _, t := range v.Stages {
			if t == r.Need.Stages[i].Team {
				seen[v.By.ID] = true
			}
		}
	}
	return min(len(seen), r.Need.Stages[i].Quorum)
}

func due(t, now time.Time) bool { return !t.IsZero() && !now.Before(t) }
