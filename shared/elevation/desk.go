package elevation

import (
	"fmt"
	"slices"
	"time"
	"unicode/utf8"
)

// What people may write about one request, and how often.
const (
	MaxQuestions = 20
	MaxNotes     = 50
	ClaimTime    = 10 * time.Minute    // a claim is advice for this long
	MaxAhead     = 90 * 24 * time.Hour // a start may be this far in the future
)

// HighRisk reports whether an approval gives power over the whole machine:
// emergency access, administrator or session access, a shell, a program that can
// run anything without arguments that bound it, and whatever a rule wants the
// approver to be there for. An approval of it can not be undone, because an undo
// that comes late would be taken for safety.
func (r *Request) HighRisk() bool {
	s := r.Attempt.Subject
	return r.Emergency || r.Need.StepUp || r.Attempt.AccessType == Admin || r.Attempt.AccessType == Session ||
		s.HasMark(MarkShell) || s.HasMark(MarkUnbounded) && len(s.Args) == 0
}

// inQueue refuses what can only be done to a request that waits for an answer.
func (r *Request) inQueue(now time.Time) error {
	switch s := r.State(now); {
	case s == StatePending:
		return nil
	case r.Decision != nil:
		return ErrAlreadyDecided
	default:
		return fmt.Errorf("%w: it is %s", ErrNotPending, s)
	}
}

// needText is [CheckText] for text that must be there.
func needText(what, s string) error {
	if s == "" {
		return fmt.Errorf("%w: the %s is empty", ErrInvalid, what)
	}
	return CheckText(what, s, MaxComment)
}

// OpenQuestion is the index of the first question without an answer, -1 when
// there is none. Questions are answered in the order in which they were asked.
func (r *Request) OpenQuestion() int {
	return slices.IndexFunc(r.Questions, func(q Question) bool { return q.AnsweredAt.IsZero() })
}

// Ask puts a question back to the requester. The request keeps its place.
func (r Request) Ask(by Actor, text string, now time.Time) (Request, error) {
	if err := r.inQueue(now); err != nil {
		return r, err
	}
	if err := needText("question", text); err != nil {
		return r, err
	}
	if len(r.Questions) >= MaxQuestions {
		return r, fmt.Errorf("%w: %d questions were asked already", ErrLimit, len(r.Questions))
	}
	r.Questions = append(slices.Clone(r.Questions), Question{By: by, At: now, Text: text})
	return r, nil
}

// Answer replies to the first open question.
func (r Request) Answer(text string, now time.Time) (Request, error) {
	switch s := r.State(now); {
	case s != StatePending && s != StateHeld:
		return r, fmt.Errorf("%w: it is %s", ErrNotPending, s)
	case r.OpenQuestion() < 0:
		return r, fmt.Errorf("%w: no question is open", ErrNotPending)
	}
	if err := needText("answer", text); err != nil {
		return r, err
	}
	i := r.OpenQuestion()
	r.Questions = slices.Clone(r.Questions)
	r.Questions[i].Answer, r.Questions[i].AnsweredAt = text, now
	return r, nil
}

// AddNote keeps what approvers tell each other.
func (r Request) AddNote(by Actor, text string, now time.Time) (Request, error) {
	if err := needText("note", text); err != nil {
		return r, err
	}
	if len(r.Notes) >= MaxNotes {
		return r, fmt.Errorf("%w: there are %d notes already", ErrLimit, len(r.Notes))
	}
	r.Notes = append(slices.Clone(r.Notes), Note{By: by, At: now, Text: text})
	return r, nil
}

// ClaimedBy is who looks at the request now, nobody when no claim is in force.
func (r *Request) ClaimedBy(now time.Time) Actor {
	if now.Before(r.Claim.Until) && r.State(now) == StatePending {
		return r.Claim.By
	}
	return Actor{}
}

// TakeUp says that by looks at it. It is advice: who did not claim may answer all
// the same. While another's claim is in force it is [ErrConflict].
func (r Request) TakeUp(by Actor, now time.Time) (Request, error) {
	if err := r.inQueue(now); err != nil {
		return r, err
	}
	if other := r.ClaimedBy(now); other.ID != "" && other.ID != by.ID {
		return r, fmt.Errorf("%w: %s looks at it until %s", ErrConflict, other.Name, r.Claim.Until.UTC().Format("15:04 UTC"))
	}
	r.Claim = Claim{By: by, Until: now.Add(ClaimTime)}
	return r, nil
}

// NextNudge is when the requester may remind again, with most reminders for one
// request; the zero time means now.
func (r *Request) NextNudge(every time.Duration, most int, now time.Time) time.Time {
	switch next := r.NudgedAt.Add(every); {
	case r.Nudges >= most:
		return r.ExpiresAt
	case r.Nudges > 0 && now.Before(next):
		return next
	}
	return time.Time{}
}

// Nudge is the requester's reminder.
func (r Request) Nudge(every time.Duration, most int, now time.Time) (Request, error) {
	if err := r.inQueue(now); err != nil {
		return r, err
	}
	if !r.NextNudge(every, most, now).IsZero() {
		return r, fmt.Errorf("%w: one reminder in %s, %d for one request", ErrLimit, FormatDuration(every), most)
	}
	r.Nudges, r.NudgedAt = r.Nudges+1, now
	return r, nil
}

// Escalate lets one more team answer in the stages of team e.Of, by default the
// first stage that is open.
func (r Request) Escalate(e Escalation, now time.Time) (Request, error) {
	if err := r.inQueue(now); err != nil {
		return r, err
	}
	if err := CheckText("reason", e.Why, MaxComment); err != nil {
		return r, err
	}
	for i, s := range r.Need.Stages {
		if e.Of == "" && r.StageOpen(i) {
			e.Of = s.Team
		}
	}
	switch {
	case e.Team == "" || e.Of == "" || e.By.Kind == "":
		return r, fmt.Errorf("%w: no team to escalate to", ErrInvalid)
	case e.Team == e.Of || slices.ContainsFunc(r.Escalations, func(x Escalation) bool { return x.Of == e.Of && x.Team == e.Team }):
		return r, fmt.Errorf("%w: %s answers it already", ErrConflict, e.Name)
	}
	e.At = now
	r.Escalations = append(slices.Clone(r.Escalations), e)
	return r, nil
}

// Prioritize changes the place in the queue.
func (r Request) Prioritize(p Priority, by Actor, now time.Time) (Request, error) {
	if err := r.inQueue(now); err != nil {
		return r, err
	}
	if p.Rank() < 0 {
		return r, fmt.Errorf("%w: the priority is low, normal, high or urgent", ErrInvalid)
	}
	r.Priority, r.PrioritySetBy = p, by
	return r, nil
}

// used reports whether there is something to look at afterwards.
func (r *Request) used() bool {
	return r.Decision != nil && r.Decision.Verdict == Approved && (r.Emergency || !r.Grant.StartedAt.IsZero())
}

// WantsReview reports whether the request is over, was used, and somebody must
// look at it who has not yet. The fact ReviewDueAt is written when it becomes true.
func (r *Request) WantsReview(now time.Time) bool {
	return (r.Need.AfterReview != "" || r.Emergency) && r.After == nil && r.used() && r.State(now).Final()
}

// LookBack is the review after use.
func (r Request) LookBack(by Actor, comment string, now time.Time) (Request, error) {
	switch {
	case r.After != nil:
		return r, fmt.Errorf("%w: %s has reviewed it", ErrConflict, r.After.By.Name)
	case !r.WantsReview(now):
		return r, fmt.Errorf("%w: nothing is to be reviewed; it is %s", ErrNotPending, r.State(now))
	case r.Need.AfterComment && utf8.RuneCountInString(comment) == 0:
		return r, fmt.Errorf("%w: this review needs a comment", ErrInvalid)
	}
	if err := CheckText("comment", comment, MaxComment); err != nil {
		return r, err
	}
	r.After = &AfterReview{By: by, At: now, Comment: comment}
	return r, nil
}
