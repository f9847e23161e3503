package elevation

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestHighRisk(t *testing.T) {
	for name, change := range map[string]func(*Request){
		"emergency":               func(r *Request) { r.Emergency = true },
		"a rule wants presence":   func(r *Request) { r.Need.StepUp = true },
		"session":                 func(r *Request) { r.Attempt.AccessType = Session },
		"administrator":           func(r *Request) { r.Attempt.AccessType = Admin },
		"shell":                   func(r *Request) { r.Attempt.Subject.Marks = []string{MarkShell} },
		"unbounded, no arguments": func(r *Request) { r.Attempt.Subject.Marks, r.Attempt.Subject.Args = []string{MarkUnbounded}, nil },
	} {
		r := pending(t)
		if r.HighRisk() {
			t.Fatal("an ordinary run is of high risk")
		}
		change(&r)
		if !r.HighRisk() {
			t.Errorf("%s is not of high risk", name)
		}
		v := vote("bo", Approved)
		v.Hold = time.Minute
		next, err := r.Review(v, DefaultTimes(), t0)
		if err != nil || !next.Decision.HeldUntil.IsZero() {
			t.Errorf("%s is held for undo: %+v %v", name, next.Decision, err)
		}
		if _, err := next.Undo(v.By, t0); err == nil {
			t.Errorf("%s can be undone", name)
		}
	}
}

func TestApproverSetsDurationAndStart(t *testing.T) {
	later := t0.Add(3 * time.Hour)
	tests := []struct {
		name      string
		asked     Window
		votes     []Vote
		want      Window
		wantedErr error
	}{
		{"as asked", Window{Duration: time.Hour}, []Vote{{}}, Window{Duration: time.Hour}, nil},
		{"shorter", Window{Duration: time.Hour}, []Vote{{Duration: time.Minute}}, Window{Duration: time.Minute}, nil},
		{"longer than asked", Window{Duration: time.Minute}, []Vote{{Duration: time.Hour}}, Window{Duration: time.Hour}, nil},
		{"longer than the rule", Window{Duration: time.Minute}, []Vote{{Duration: 4 * time.Hour}}, Window{Duration: 2 * time.Hour}, nil},
		{"one as asked, one longer", Window{Duration: time.Minute}, []Vote{{}, {Duration: time.Hour}}, Window{Duration: time.Minute}, nil},
		{"start", Window{Duration: time.Hour}, []Vote{{Start: later}}, Window{Start: later, Duration: time.Hour}, nil},
		{"start earlier than asked", Window{Start: later, Duration: time.Hour}, []Vote{{Start: t0}}, Window{Start: t0, Duration: time.Hour}, nil},
		{"the latest start", Window{Duration: time.Hour}, []Vote{{Start: later}, {Start: t0.Add(time.Hour)}}, Window{Start: later, Duration: time.Hour}, nil},
		{"start in the past", Window{}, []Vote{{Start: t0.Add(-2 * time.Minute)}}, Window{}, ErrInvalid},
		{"start too far ahead", Window{}, []Vote{{Start: t0.Add(MaxAhead + time.Second)}}, Window{}, ErrInvalid},
		{"a denial with a start", Window{}, []Vote{{Verdict: Denied, Start: later}}, Window{}, ErrInvalid},
	}
	for _, tt := range tests {
		r := pending(t)
		r.Requested, r.Need.MaxDuration = tt.asked, 2*time.Hour
		r.Need.Stages[0].Quorum = len(tt.votes)
		var err error
		for i, v := range tt.votes {
			v.By, v.Stages = Actor{Kind: ByUser, ID: string(rune('a' + i))}, []int{0}
			if v.Verdict == "" {
				v.Verdict = Approved
			}
			if r, err = r.Review(v, DefaultTimes(), t0); err != nil {
				break
			}
		}
		if !errors.Is(err, tt.wantedErr) {
			t.Errorf("%s: %v", tt.name, err)
		}
		if err == nil && (!r.Granted.Start.Equal(tt.want.Start) || r.Granted.Duration != tt.want.Duration) {
			t.Errorf("%s: got %v for %v", tt.name, r.Granted.Start, r.Granted.Duration)
		}
	}
}

func TestQuestions(t *testing.T) {
	bo := Actor{Kind: ByUser, ID: "bo"}
	r := pending(t)
	_, err := r.Answer("x", t0)
	is(t, "an answer without a question", err, ErrNotPending)
	first, err := r.Ask(bo, "which?", t0)
	is(t, "ask", err, nil)
	second, err := first.Ask(bo, "why?", t0)
	is(t, "ask again", err, nil)
	if second.State(t0) != StatePending || len(r.Questions) != 0 || len(first.Questions) != 1 {
		t.Error("the request left the queue, or an older value was changed")
	}
	answered, err := second.Answer("web-3", t0.Add(time.Second))
	is(t, "answer", err, nil)
	if q := answered.Questions; q[0].Answer != "web-3" || q[1].Answer != "" || answered.OpenQuestion() != 1 {
		t.Errorf("%+v", q)
	}
	_, err = r.Ask(bo, "", t0)
	is(t, "nothing asked", err, ErrInvalid)
	_, err = r.Ask(bo, strings.Repeat("a", MaxComment+1), t0)
	is(t, "a long question", err, ErrInvalid)
	for range MaxQuestions - 2 {
		if answered, err = answered.Ask(bo, "?", t0); err != nil {
			t.Fatal(err)
		}
	}
	_, err = answered.Ask(bo, "?", t0)
	is(t, "one more", err, ErrLimit)
	_, err = answered.Ask(bo, "?", answered.ExpiresAt)
	is(t, "too late", err, ErrNotPending)
}

func TestNotes(t *testing.T) {
	r := pending(t)
	var err error
	for range MaxNotes {
		if r, err = r.AddNote(Actor{Kind: ByUser, ID: "bo"}, "n", t0); err != nil {
			t.Fatal(err)
		}
	}
	_, err = r.AddNote(Actor{Kind: ByUser, ID: "bo"}, "n", t0)
	is(t, "one more", err, ErrLimit)
	_, err = pending(t).AddNote(Actor{}, "", t0)
	is(t, "an empty one", err, ErrInvalid)
}

func TestTakeUp(t *testing.T) {
	bo, cy := Actor{Kind: ByUser, ID: "bo", Name: "bo"}, Actor{Kind: ByUser, ID: "cy", Name: "cy"}
	r, err := pending(t).TakeUp(bo, t0)
	is(t, "claim", err, nil)
	_, err = r.TakeUp(cy, t0.Add(ClaimTime-1))
	is(t, "while it is claimed", err, ErrConflict)
	again, err := r.TakeUp(bo, t0.Add(time.Minute))
	is(t, "again", err, nil)
	if !again.Claim.Until.Equal(t0.Add(ClaimTime + time.Minute)) {
		t.Error(again.Claim.Until)
	}
	_, err = r.TakeUp(cy, t0.Add(ClaimTime))
	is(t, "when the claim is over", err, nil)
	v := vote("cy", Approved)
	decided, err := r.Review(v, DefaultTimes(), t0)
	is(t, "an answer of somebody else", err, nil)
	_, err = decided.TakeUp(bo, t0)
	is(t, "a claim of what is decided", err, ErrAlreadyDecided)
	if decided.ClaimedBy(t0) != (Actor{}) {
		t.Error("a claim outlives the answer")
	}
}

func TestNudge(t *testing.T) {
	const every, most = 15 * time.Minute, 4
	r, now := pending(t), t0
	var err error
	for i := range most {
		if r, err = r.Nudge(every, most, now); err != nil {
			t.Fatalf("%d: %v", i, err)
		}
		_, err = r.Nudge(every, most, now.Add(every-1))
		is(t, "too soon", err, ErrLimit)
		now = now.Add(every)
	}
	_, err = r.Nudge(every, most, now)
	is(t, "one more", err, ErrLimit)
	if !r.NextNudge(every, most, now).Equal(r.ExpiresAt) {
		t.Error(r.NextNudge(every, most, now))
	}
}

func TestEscalate(t *testing.T) {
	bo := Actor{Kind: ByUser, ID: "bo"}
	r, err := pending(t).Escalate(Escalation{Team: "team_b", Name: "B", By: bo, Why: "urgent"}, t0)
	is(t, "escalate", err, nil)
	if len(r.Escalations) != 1 || r.Escalations[0].Team != "team_b" || !r.Escalations[0].At.Equal(t0) || r.State(t0) != StatePending {
		t.Errorf("%+v", r.Escalations)
	}
	for team, want := range map[TeamID]error{"team_b": ErrConflict, r.Need.Stages[0].Team: ErrConflict, "": ErrInvalid, "team_c": nil} {
		_, err := r.Escalate(Escalation{Team: team, By: bo}, t0)
		is(t, "to "+string(team), err, want)
	}
	_, err = r.Escalate(Escalation{Team: "team_c"}, t0)
	is(t, "by nobody", err, ErrInvalid)
}

func TestPrioritize(t *testing.T) {
	bo := Actor{Kind: ByUser, ID: "bo"}
	r, err := pending(t).Prioritize(Urgent, bo, t0)
	is(t, "prioritize", err, nil)
	if r.Priority != Urgent || r.PrioritySetBy != bo {
		t.Errorf("%+v", r)
	}
	_, err = pending(t).Prioritize("now", bo, t0)
	is(t, "an unknown one", err, ErrInvalid)
	_, err = pending(t).Prioritize(Low, bo, pending(t).ExpiresAt)
	is(t, "too late", err, ErrNotPending)
}

func TestLookBack(t *testing.T) {
	bo := Actor{Kind: ByUser, ID: "bo"}
	ended := func() Request {
		r := pending(t)
		r.Need.AfterReview = "team_audit"
		r, err := r.Review(vote("cy", Approved), DefaultTimes(), t0)
		if err != nil {
			t.Fatal(err)
		}
		r.Grant = GrantFacts{ID: "gr_1", StartedAt: t0, EndedAt: t0.Add(time.Minute), EndReason: Completed}
		return r
	}
	now := t0.Add(2 * time.Minute)
	r, err := ended().LookBack(bo, "", now)
	is(t, "review", err, nil)
	_, err = r.LookBack(Actor{Kind: ByUser, ID: "cy"}, "", now)
	is(t, "a second review", err, ErrConflict)
	for name, tt := range map[string]struct {
		change  func(*Request)
		comment string
		want    error
	}{
		"no review is wanted":     {func(r *Request) { r.Need.AfterReview = "" }, "", ErrNotPending},
		"emergency":               {func(r *Request) { r.Need.AfterReview, r.Emergency = "", true }, "", nil},
		"emergency, never used":   {func(r *Request) { r.Emergency, r.Grant.StartedAt = true, time.Time{} }, "", nil},
		"never used":              {func(r *Request) { r.Grant.StartedAt = time.Time{} }, "", ErrNotPending},
		"still running":           {func(r *Request) { r.Grant.EndedAt = time.Time{} }, "", ErrNotPending},
		"without the comment":     {func(r *Request) { r.Need.AfterComment = true }, "", ErrInvalid},
		"with the comment":        {func(r *Request) { r.Need.AfterComment = true }, "seen", nil},
		"with a comment too long": {func(*Request) {}, strings.Repeat("a", MaxComment+1), ErrInvalid},
	} {
		r := ended()
		tt.change(&r)
		_, err := r.LookBack(bo, tt.comment, now)
		is(t, name, err, tt.want)
	}
}

func is(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) || want == nil && got != nil {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
