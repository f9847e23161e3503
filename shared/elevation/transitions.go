package elevation

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// What a caller can do wrong. A door maps each to its own words and codes.
var (
	ErrInvalid        = errors.New("not valid")                      // the input itself is wrong
	ErrNotPending     = errors.New("this can not be done now")       // too late or too early
	ErrAlreadyDecided = errors.New("the request is already decided") // somebody else was first
	ErrSelfApproval   = errors.New("nobody decides their own request")
	ErrNotAllowed     = errors.New("not allowed") // the actor may not do this
	ErrNotFound       = errors.New("not found")
	ErrLimit          = errors.New("limit reached")
	ErrConflict       = errors.New("conflict")                           // the input is good, but not now
	ErrStepUp         = errors.New("the approver must show to be there") // sign in again first
)

// Limits of what people and endpoints may send.
const (
	MaxJustification = 2000 // characters
	MaxComment       = 2000
	MaxTicket        = 200
	MaxArgs          = 4096
	MaxArgsBytes     = 128 << 10
	MaxPath          = 4096
	MaxName          = 1024 // bytes, of a user, a group or a program's publisher
)

// Times are the periods that a controller applies: its settings, or what it takes
// without any.
type Times struct {
	PendingTTL  time.Duration // unanswered requests expire
	UseWithin   time.Duration // first use after a decision
	RunCap      time.Duration // longest run
	SessionTime time.Duration // a session when nobody says how long
	AdminTime   time.Duration // administrator rights when nobody says how long
	AdminCap    time.Duration // longest session, and longest time as administrator
	MinDuration time.Duration // shortest
	Undo        time.Duration // hold of a decision made in a session
	DeliverBy   time.Duration // undelivered grants are dropped
}

// DefaultTimes are the times of a new installation.
func DefaultTimes() Times {
	return Times{PendingTTL: 8 * time.Hour, UseWithin: 4 * time.Hour, RunCap: 8 * time.Hour,
		SessionTime: 30 * time.Minute, AdminTime: 30 * time.Minute, AdminCap: 4 * time.Hour,
		MinDuration: time.Second, Undo: 3 * time.Second, DeliverBy: 24 * time.Hour}
}

// Valid checks what an endpoint claims to have seen: sizes, characters and the
// parts that must be there. It returns an error wrapping [ErrInvalid].
func (a Attempt) Valid() error {
	bad := func(what string) error { return fmt.Errorf("%w: %s", ErrInvalid, what) }
	if why := a.access(); why != "" {
		return bad(why)
	}
	s := a.Subject
	switch {
	case len(s.Path) > MaxPath || len(s.Cwd) > MaxPath || len(s.Parent) > MaxPath:
		return bad("a path is too long")
	case len(s.Args) > MaxArgs:
		return bad("too many arguments")
	case s.Size < 0 || a.Duration < 0:
		return bad("a negative size or duration")
	case s.RunAs == "" || a.User.UID == "" || a.User.Name == "":
		return bad("a user is missing")
	case a.Priority != "" && a.Priority.Rank() < 0:
		return bad("the priority is not known")
	case len(a.User.Groups) > 1024 || len(s.Marks) > 16:
		return bad("a list is too long")
	}
	n := 0
	for _, arg := range s.Args {
		n += len(arg)
	}
	if n > MaxArgsBytes {
		return bad("the arguments are too long")
	}
	names := append([]string{s.RunAs, a.User.Name, a.User.UID, a.User.Display, s.Publisher.Name, s.Publisher.Thumbprint, s.Product, s.Version,
		a.Mechanism}, a.User.Groups...)
	names = append(names, s.Marks...)
	for _, name := range names {
		if len(name) > MaxName {
			return bad("a name is too long")
		}
	}
	for _, t := range append(append(names, s.Path, s.Cwd, s.Parent), s.Args...) {
		if !utf8.ValidString(t) {
			return bad("text is not UTF-8")
		}
		for i := range len(t) {
			if t[i] == 0 {
				return bad("text has a NUL byte")
			}
		}
	}
	return nil
}

// CheckText refuses text of people that is too long, not UTF-8 or has a NUL.
func CheckText(what, s string, limit int) error {
	if !utf8.ValidString(s) {
		return fmt.Errorf("%w: the %s is not UTF-8 text", ErrInvalid, what)
	}
	if utf8.RuneCountInString(s) > limit {
		return fmt.Errorf("%w: the %s is longer than %d characters", ErrInvalid, what, limit)
	}
	for i := range len(s) {
		if s[i] == 0 {
			return fmt.Errorf("%w: the %s has a NUL byte", ErrInvalid, what)
		}
	}
	return nil
}

// CheckLine refuses a text of one line, such as a name, that has more bytes than
// limit, is not UTF-8, or has characters that change how text around them looks.
func CheckLine(what, s string, limit int) error {
	switch {
	case len(s) > limit:
		return fmt.Errorf("%w: the %s is longer than %d bytes", ErrInvalid, what, limit)
	case !utf8.ValidString(s):
		return fmt.Errorf("%w: the %s is not UTF-8 text", ErrInvalid, what)
	case strings.ContainsFunc(s, unprintable):
		return fmt.Errorf("%w: the %s has a control character", ErrInvalid, what)
	}
	return nil
}

// unprintable is true for control characters, those of no width and those that
// turn the direction of text.
func unprintable(r rune) bool {
	return r < 0x20 || r >= 0x7f && r < 0xa0 || r >= 0x200b && r <= 0x200f || r >= 0x2028 && r <= 0x202e || r >= 0x2060 && r <= 0x206f || r == 0xfeff
}

func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// Submit turns a draft into a pending request with its reason.
func (r Request) Submit(justification, ticket string, t Times, now time.Time) (Request, error) {
	if s := r.State(now); s != StateDraft {
		return r, fmt.Errorf("%w: it is %s", ErrNotPending, s)
	}
	if err := CheckText("reason", justification, MaxJustification); err != nil {
		return r, err
	}
	if err := CheckText("ticket", ticket, MaxTicket); err != nil {
		return r, err
	}
	if n := utf8.RuneCountInString(justification); n < r.Need.ReasonMin {
		return r, fmt.Errorf("%w: the reason needs at least %d characters", ErrInvalid, r.Need.ReasonMin)
	}
	if len(r.Need.Stages) == 0 {
		return r, fmt.Errorf("%w: nobody is named to answer", ErrInvalid)
	}
	r.Justification, r.Ticket = justification, ticket
	r.SubmittedAt, r.ExpiresAt = now, now.Add(t.PendingTTL)
	return r, nil
}

// DecideByRule answers a draft without a person.
func (r Request) DecideByRule(v Verdict, rule Actor, text string, granted Window, t Times, now time.Time) (Request, error) {
	if s := r.State(now); s != StateDraft {
		return r, fmt.Errorf("%w: it is %s", ErrNotPending, s)
	}
	if rule.Kind != ByRule || rule.ID == "" {
		return r, fmt.Errorf("%w: not a rule", ErrNotAllowed)
	}
	r.SubmittedAt = now
	return r.decide(Decision{Verdict: v, By: rule, At: now, Comment: text, Rule: rule.ID}, granted, t)
}

// Vote is one person's answer to a pending request.
type Vote struct {
	By       Actor
	Stages   []int    // indexes of Need.Stages in which this person may vote (delegation says)
	For      []UserID // stage by stage the person in whose place they vote, "" = their own; nil = all their own
	Verdict  Verdict
	Comment  string
	Duration time.Duration // 0 = as asked
	Start    time.Time     // zero = as asked
	Hold     time.Duration // undo time if this vote decides; what is of high risk is never held
}

// Review adds a vote. One deny denies; approvals decide when every stage has
// its quorum of distinct people. It refuses a second vote by the same person,
// a vote of a person who belongs to no stage, and any vote once decided.
//
// Whether the voter is the requester is checked by delegation, which knows the
// links between accounts and local users.
func (r Request) Review(v Vote, t Times, now time.Time) (Request, error) {
	switch s := r.State(now); {
	case r.Decision != nil:
		return r, ErrAlreadyDecided
	case s != StatePending:
		return r, fmt.Errorf("%w: it is %s", ErrNotPending, s)
	case v.By.Kind != ByUser || v.By.ID == "" || len(v.Stages) == 0:
		return r, ErrNotAllowed
	case v.Verdict != Approved && v.Verdict != Denied:
		return r, fmt.Errorf("%w: the answer is neither approved nor denied", ErrInvalid)
	case v.Duration < 0 || v.Duration > t.Longest(r.Attempt.AccessType) || v.Duration != 0 && v.Duration < t.MinDuration:
		return r, fmt.Errorf("%w: the duration is outside %v to %v", ErrInvalid, t.MinDuration, t.Longest(r.Attempt.AccessType))
	case !v.Start.IsZero() && (v.Verdict != Approved || v.Start.Before(now.Add(-time.Minute)) || v.Start.After(now.Add(MaxAhead))):
		return r, fmt.Errorf("%w: the start is in the past, or more than %d days ahead", ErrInvalid, MaxAhead/(24*time.Hour))
	}
	if err := CheckText("comment", v.Comment, MaxComment); err != nil {
		return r, err
	}
	for _, old := range r.Reviews {
		if old.By.ID == v.By.ID {
			return r, fmt.Errorf("%w: you have voted already", ErrNotAllowed)
		}
	}
	review := Review{By: v.By, Verdict: v.Verdict, At: now, Comment: v.Comment, Duration: v.Duration, Start: v.Start.UTC()}
	for k, i := range v.Stages {
		if i < 0 || i >= len(r.Need.Stages) {
			return r, ErrNotAllowed
		}
		if v.Verdict == Denied || r.StageOpen(i) {
			review.Stages = append(review.Stages, r.Need.Stages[i].Team)
			if k < len(v.For) {
				review.For = v.For[k]
			}
			break // one person counts in one stage only
		}
	}
	if len(review.Stages) == 0 {
		return r, fmt.Errorf("%w: your part has been answered already", ErrNotAllowed)
	}
	r.Reviews = append(r.Reviews[:len(r.Reviews):len(r.Reviews)], review)
	if v.Verdict == Approved && r.ApprovalsHave() < r.ApprovalsNeeded() {
		return r, nil
	}
	d := Decision{Verdict: v.Verdict, By: v.By, At: now, Comment: v.Comment}
	if v.Hold > 0 && !r.AtTerminal && !r.HighRisk() {
		d.HeldUntil = now.Add(v.Hold)
	}
	return r.decide(d, r.grantedWindow(t), t)
}

// grantedWindow is what the votes give. Each approver gives what was asked or
// what they set; of several the shortest duration and the latest start count,
// and no vote exceeds what the rules allow.
func (r Request) grantedWindow(t Times) Window {
	asked := r.Requested.Duration
	if asked <= 0 {
		asked = t.Usual(r.Attempt.AccessType)
	}
	var w Window
	for _, v := range r.Reviews {
		if v.Verdict != Approved {
			continue
		}
		given, start := v.Duration, v.Start
		if given <= 0 {
			given = asked
		}
		if start.IsZero() {
			start = r.Requested.Start
		}
		if w.Duration == 0 || given < w.Duration {
			w.Duration = given
		}
		if start.After(w.Start) {
			w.Start = start
		}
	}
	for _, limit := range []time.Duration{t.Longest(r.Attempt.AccessType), r.Need.MaxDuration} {
		if limit > 0 {
			w.Duration = min(w.Duration, limit)
		}
	}
	return w
}

func (r Request) decide(d Decision, granted Window, t Times) (Request, error) {
	switch d.Verdict {
	case Denied:
	case Approved:
		if granted.Duration <= 0 {
			granted.Duration = t.Usual(r.Attempt.AccessType)
		}
		granted.Duration = min(granted.Duration, t.Longest(r.Attempt.AccessType))
		if granted.UseWithin <= 0 || granted.UseWithin > t.UseWithin {
			granted.UseWithin = t.UseWithin
		}
		r.Granted = granted
	default:
		return r, fmt.Errorf("%w: the answer is neither approved nor denied", ErrInvalid)
	}
	r.Decision = &d
	return r, nil
}

// Undo takes a held decision back; the votes go with it.
func (r Request) Undo(by Actor, now time.Time) (Request, error) {
	if r.State(now) != StateHeld {
		return r, fmt.Errorf("%w: the answer can not be taken back any more", ErrNotPending)
	}
	if by.ID != r.Decision.By.ID {
		return r, ErrNotAllowed
	}
	kept := make([]Review, 0, len(r.Reviews))
	for _, v := range r.Reviews {
		if v.By.ID != by.ID {
			kept = append(kept, v)
		}
	}
	r.Decision, r.Granted, r.Reviews = nil, Window{}, kept
	return r, nil
}

// Cancel is the requester's withdrawal, before anything has started.
func (r Request) Cancel(now time.Time) (Request, error) {
	if r.moreGiven() {
		return r, fmt.Errorf("%w: the time was given; check in %s instead", ErrNotPending, r.Extends)
	}
	switch r.State(now) {
	case StateDraft, StatePending, StateHeld, StateApproved, StateAvailable:
		r.CancelledAt = now
		return r, nil
	}
	return r, fmt.Errorf("%w: it is %s", ErrNotPending, r.State(now))
}

// Revoke is an approver's order to end what was granted.
func (r Request) Revoke(by Actor, comment string, now time.Time) (Request, error) {
	if err := CheckText("comment", comment, MaxComment); err != nil {
		return r, err
	}
	if r.moreGiven() {
		return r, fmt.Errorf("%w: the time was given; revoke %s instead", ErrNotPending, r.Extends)
	}
	switch r.State(now) {
	case StateHeld, StateApproved, StateAvailable, StateActive:
		if r.Decision.Verdict != Approved {
			return r, fmt.Errorf("%w: it was denied", ErrNotPending)
		}
		r.RevokedAt, r.RevokedBy, r.RevokeComment = now, by, comment
		return r, nil
	}
	return r, fmt.Errorf("%w: it is %s", ErrNotPending, r.State(now))
}

// CheckIn is the requester's giving back of something in use; the endpoint ends
// it and confirms.
func (r Request) CheckIn(now time.Time) (Request, error) {
	if r.Extends != "" {
		return r, fmt.Errorf("%w: it asked for more time; check in %s instead", ErrNotPending, r.Extends)
	}
	switch r.State(now) {
	case StateAvailable, StateActive:
		r.CheckedInAt = now
		return r, nil
	}
	return r, fmt.Errorf("%w: it is %s", ErrNotPending, r.State(now))
}

// Remove takes an ended request off its requester's list.
func (r Request) Remove(now time.Time) (Request, error) {
	if !r.State(now).Final() {
		return r, fmt.Errorf("%w: it is %s; cancel it or check it in first", ErrNotPending, r.State(now))
	}
	r.RemovedAt = now
	return r, nil
}

// RemoveByTeam clears a request from approvers' lists; a pending one closes
// unanswered.
func (r Request) RemoveByTeam(now time.Time) (Request, error) {
	switch s := r.State(now); {
	case s == StatePending:
		r.ExpiredAt = now
	case !s.Final():
		return r, fmt.Errorf("%w: it is %s; revoke it first", ErrNotPending, s)
	}
	r.RemovedByTeamAt = now
	return r, nil
}

// ReportKind is what an endpoint says of a grant.
type ReportKind string

// The kinds of report.
const (
	ReportDelivered ReportKind = "delivered"
	ReportStarted   ReportKind = "started"
	ReportListed    ReportKind = "listed" // a program that ran inside a session or a tree
	ReportEnded     ReportKind = "ended"
)

// Report records what the endpoint says happened. The endpoint is the witness
// of what ran on it, so its word is taken also after a revocation; a repeated
// report changes nothing and gives no error.
func (r Request) Report(kind ReportKind, grant GrantID, reason EndReason, exit *int, at, now time.Time) (next Request, changed bool, err error) {
	if r.Grant.ID == "" || grant != r.Grant.ID {
		return r, false, fmt.Errorf("%w: the request has no such grant", ErrNotFound)
	}
	if at.IsZero() || at.After(now) {
		at = now
	}
	switch kind {
	case ReportDelivered:
		if !r.Grant.DeliveredAt.IsZero() {
			return r, false, nil
		}
		r.Grant.DeliveredAt = at
		if r.Extends != "" { // all that it gave is there
			r.Grant.EndedAt, r.Grant.EndReason = at, Completed
		}
	case ReportStarted:
		if !r.Grant.StartedAt.IsZero() {
			return r, false, nil
		}
		r.Grant.StartedAt = at
		r.RemovedAt, r.RemovedByTeamAt = time.Time{}, time.Time{} // a late start: what runs is on every list
		if r.Grant.DeliveredAt.IsZero() {
			r.Grant.DeliveredAt = at
		}
		if r.Granted.Start.IsZero() {
			// The endpoint counts from when the grant came. What was taken for not
			// used in time is in use, and somebody must be able to end it.
			r.WindowEndedAt = time.Time{}
		}
	case ReportEnded:
		if !r.Grant.EndedAt.IsZero() {
			return r, false, nil
		}
		if !reason.Valid() {
			return r, false, fmt.Errorf("%w: unknown end reason", ErrInvalid)
		}
		r.Grant.EndedAt, r.Grant.EndReason, r.Grant.ExitCode = at, reason, exit
	case ReportListed:
		return r, false, nil
	default:
		return r, false, fmt.Errorf("%w: unknown report", ErrInvalid)
	}
	return r, true, nil
}

// Sweep writes the facts that passing time has made true. changed is false when
// there is nothing to write.
func (r Request) Sweep(now time.Time) (next Request, changed bool) {
	if r.State(now) != StateExpired || !r.ExpiredAt.IsZero() || !r.WindowEndedAt.IsZero() || !r.Grant.EndedAt.IsZero() {
		return r, false
	}
	if r.Decision == nil {
		r.ExpiredAt = now
	} else {
		r.WindowEndedAt = now
	}
	return r, true
}
