package queue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/keys"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/delegation"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules"
	"github.com/assent-epm/assent/shared/wire"
)

// This file lets an approver tell a code to somebody whose machine can not reach
// the controller. Telling it is an approval, under all the rules of one, and it is
// the whole approval: where more than one vote is needed there is no code. The code
// itself is in the answer alone, in no log, no event and no row.

// OfflineCodeIn is what an approver was told.
type OfflineCodeIn struct {
	Challenge string
	Comment   string
	Duration  time.Duration // 0 = the longest that a code can give
	// Of a request that never arrived: which endpoint, which of its users, and the
	// command line with the whole path of its program.
	Endpoint, User, Command string
}

// useCodeWithin is how long after it was told the use of a code is waited for: the
// challenge lasts half an hour, what it gives ten minutes more.
const useCodeWithin = 40 * time.Minute

// How many codes one account may tell: as many at once, and in an hour.
const (
	offlineCodeBurst = 10
	offlineCodeRate  = 20
)

// errOneVote refuses a code where one answer is not all.
var errOneVote = fmt.Errorf("%w: more than one approval is needed for this, so no code can be told", elevation.ErrNotAllowed)

// OfflineCode approves a request by a code, which it returns. id "" describes one
// that never arrived, and so does an id that is not known.
func (q *Queue) OfflineCode(ctx context.Context, a auth.Actor, id elevation.RequestID, in OfflineCodeIn) (v View, code string, err error) {
	if err := errors.Join(a.Can(auth.RequestsDecide), mayWrite(a)); err != nil {
		q.refused(ctx, a, loaded{}, id, "offline-code", err)
		return View{}, "", err
	}
	if wait := q.offlineCodes.TakeOrWait(string(a.User), q.now()); wait > 0 {
		return View{}, "", &auth.RateError{Wait: wait}
	}
	known := false
	if id != "" {
		err := q.cfg.Store.View(ctx, func(tx *store.Tx) error {
			_, err := tx.Request(id)
			known = err == nil
			if errors.Is(err, elevation.ErrNotFound) {
				return nil
			}
			return err
		})
		if err != nil {
			return View{}, "", err
		}
	}
	switch {
	case known:
		v, err = q.act(ctx, a, id, "offline-code", func(l loaded, c *change) error {
			given, err := in.check()
			if err == nil {
				code, err = q.tellCode(ctx, a, l, c, in, given)
			}
			return err
		})
	case id != "" && in.Endpoint == "" && in.User == "" && in.Command == "": // in the words for what the caller may not see
		err = fmt.Errorf("request %s: %w", id, elevation.ErrNotFound)
	default:
		var given time.Duration
		if given, err = in.check(); err == nil {
			v, code, err = q.describeOffline(ctx, a, id, in, given)
		}
	}
	if err != nil {
		return View{}, "", err
	}
	return v, code, nil
}

func (in *OfflineCodeIn) check() (given time.Duration, err error) {
	if in.Challenge, err = elevation.ReadCode(in.Challenge); err != nil {
		return 0, err
	}
	in.Comment, in.Command = strings.TrimSpace(in.Comment), strings.TrimSpace(in.Command)
	if err := errors.Join(elevation.CheckText("comment", in.Comment, elevation.MaxComment), elevation.CheckText("command", in.Command, 1000)); err != nil {
		return 0, err
	}
	buckets := elevation.OfflineBuckets()
	if in.Duration < 0 || in.Duration > buckets[len(buckets)-1] {
		return 0, fmt.Errorf("%w: a code gives %v at most", elevation.ErrInvalid, buckets[len(buckets)-1])
	}
	for _, b := range buckets {
		if given = b; in.Duration > 0 && in.Duration <= b {
			break
		}
	}
	return given, nil
}

// tellCode approves the request in l, which may have been described just now, and
// makes the code. The same person gets the same code for the same challenge again.
func (q *Queue) tellCode(ctx context.Context, a auth.Actor, l loaded, c *change, in OfflineCodeIn, given time.Duration) (string, error) {
	if l.ep.Locked || l.ep.Quarantined || !l.ep.DeletedAt.IsZero() {
		return "", ErrLocked
	}
	if !c.insert {
		code, again, err := q.toldBefore(ctx, a, l, in.Challenge)
		switch {
		case err != nil:
			return "", err
		case again:
			return code, errSame
		}
	}
	me := a.Elevation()
	seats, err := l.mayTell(a, c.now)
	if err != nil {
		return "", err
	}
	vote := elevation.Vote{By: me, Verdict: elevation.Approved, Comment: in.Comment, Duration: given}
	for _, s := range seats {
		vote.Stages, vote.For = append(vote.Stages, s.Stage), append(vote.For, s.For)
	}
	if c.next, err = l.r.Review(vote, l.settings.Times(), c.now); err != nil {
		return "", l.late(err)
	}
	if c.next.Decision == nil {
		return "", errOneVote
	}
	c.gives = true
	c.next.Granted.UseWithin, c.next.Granted.Start = useCodeWithin, time.Time{}
	c.reviewed(a, ReviewIn{Verdict: elevation.Approved, Comment: in.Comment, Duration: given})
	data, text := map[string]string{"verdict": string(elevation.Approved), "offline": "true"}, map[string]string{}
	put(text, "comment", in.Comment)
	c.event(audit.RequestApproved, me, data, text)
	told := map[string]string{"challenge": in.Challenge, "duration": given.String()}
	put(told, "token", string(a.Token))
	c.event(audit.OfflineCode, me, told, nil)
	row := store.OfflineCode{Endpoint: l.ep.ID, Challenge: in.Challenge, Request: c.next.ID, Given: given, By: me, At: c.now}
	if c.insert {
		row.Described = described(c.next.Attempt)
	} else { // what waits there is answered; the endpoint makes its own grant
		c.send(wire.TClosed, wire.Closed{Request: c.next.ID, Why: wire.ClosedCancelled, By: nameFor(l.settings, me), Text: "answered by an offline code"})
	}
	c.also = append(c.also, func(tx *store.Tx) error {
		if _, err := tx.OfflineCode(row.Endpoint, row.Challenge); !errors.Is(err, elevation.ErrNotFound) {
			return errors.Join(err, fmt.Errorf("%w: a code was told for this challenge already", elevation.ErrConflict))
		}
		return tx.PutOfflineCode(row)
	})
	return q.codeFor(ctx, l, in.Challenge, given)
}

// mayTell says in which stages the actor may vote for the request by a code.
func (l loaded) mayTell(a auth.Actor, now time.Time) ([]delegation.Seat, error) {
	seats, err := delegation.Seats(l.plan, a.Elevation(), &l.r, now)
	if err != nil {
		return nil, err
	}
	if err := l.impartial(a); err != nil {
		return nil, err
	}
	if l.raised(a, now) {
		return nil, fmt.Errorf("%w: you let this team answer; somebody else of it must", elevation.ErrNotAllowed)
	}
	if err := present(a, l, elevation.Approved, now); err != nil {
		return nil, err
	}
	if l.r.Attempt.AccessType != elevation.Run || l.r.Extends != "" {
		return nil, fmt.Errorf("%w: a code is for one program", elevation.ErrConflict)
	}
	if l.r.ApprovalsNeeded() != 1 {
		return nil, errOneVote
	}
	return seats, nil
}

// toldBefore is the code that the same person told for the same challenge.
func (q *Queue) toldBefore(ctx context.Context, a auth.Actor, l loaded, challenge string) (code string, again bool, err error) {
	var row store.OfflineCode
	err = q.cfg.Store.View(ctx, func(tx *store.Tx) (err error) { row, err = tx.OfflineCode(l.ep.ID, challenge); return err })
	if errors.Is(err, elevation.ErrNotFound) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	if row.Request != l.r.ID || row.By.ID != a.Elevation().ID || row.Grant != "" {
		return "", false, fmt.Errorf("%w: a code was told for this challenge already", elevation.ErrConflict)
	}
	code, err = q.codeFor(ctx, l, challenge, row.Given)
	return code, err == nil, err
}

// codeFor makes the code with the key that the endpoint is known to have. It is good
// for the user and the program of the request alone.
func (q *Queue) codeFor(ctx context.Context, l loaded, challenge string, given time.Duration) (string, error) {
	ep := l.ep.ID
	var k store.OfflineKey
	var row store.Endpoint
	err := q.cfg.Store.View(ctx, func(tx *store.Tx) (err error) {
		if k, err = tx.OfflineKey(ep); err == nil {
			row, err = tx.Endpoint(ep)
		}
		return err
	})
	if err != nil {
		return "", err
	}
	wrapped := k.Key
	if row.Acked < k.Frame && len(k.Before) > 0 {
		wrapped = k.Before // whether the new one has arrived is not known; there both are good
	}
	if k.Epoch == 0 || q.cfg.Unwrap == nil {
		return "", fmt.Errorf("%w: this endpoint has no key for codes; they are switched on by its policy (offline.codes)", elevation.ErrConflict)
	}
	key, err := q.cfg.Unwrap(keys.OfflinePurpose(ep), wrapped)
	if err != nil {
		return "", fmt.Errorf("the key of %s for codes: %w", ep, err)
	}
	return elevation.OfflineCode(key, challenge, l.r.Attempt, given)
}

// describeOffline makes the request that an approver was told of, and approves it.
func (q *Queue) describeOffline(ctx context.Context, a auth.Actor, id elevation.RequestID, in OfflineCodeIn, given time.Duration) (v View, code string, err error) {
	if in.Endpoint == "" || in.User == "" || in.Command == "" {
		return View{}, "", fmt.Errorf("%w: no such request has arrived: say its endpoint, its user and the command as you were told", elevation.ErrInvalid)
	}
	if id == "" {
		id = elevation.NewRequestID(q.now())
	}
	if err := elevation.CheckID(elevation.RequestPrefix, string(id)); err != nil {
		return View{}, "", fmt.Errorf("request: %w", elevation.ErrNotFound)
	}
	var l loaded
	err = retry(ctx, func() error {
		c := &change{now: q.now(), insert: true}
		set := q.rules()
		l = loaded{}
		err := q.cfg.Store.View(ctx, func(tx *store.Tx) (err error) { l, err = q.toldOf(tx, a, id, in, set, c); return err })
		if err != nil {
			return err
		}
		if code, err = q.tellCode(ctx, a, l, c, in, given); err != nil {
			return err
		}
		c.settle()
		if err := c.ready(ctx, q.cfg.Store); err != nil {
			return err
		}
		err = q.cfg.Store.Update(ctx, func(tx *store.Tx) error {
			if q.rules() != set || !tx.StaffIs(l.staff) {
				return store.ErrStale
			}
			return c.write(tx)
		})
		if err == nil {
			q.committed(c)
		}
		return err
	})
	if err != nil {
		l.r.ID = "" // it is not there
		q.refused(ctx, a, l, "", "offline-code", err)
		return View{}, "", err
	}
	v, err = q.Get(ctx, a, id)
	return v, code, err
}

// toldOf makes the pending request that an approver describes.
func (q *Queue) toldOf(tx *store.Tx, a auth.Actor, id elevation.RequestID, in OfflineCodeIn, set *rules.Set, c *change) (l loaded, err error) {
	f := filing{actor: a, by: a.Elevation()}
	l.settings = tx.Settings()
	if l.ep, l.plan, err = q.reach(tx, a, in.Endpoint); err != nil {
		return l, err
	}
	if !a.Covers(l.ep.EffectiveLabels()) {
		return l, fmt.Errorf("endpoint: %w", elevation.ErrNotFound)
	}
	if l.staff, err = tx.Staff(); err != nil {
		return l, err
	}
	f.loaded = l
	user, err := f.named(tx, in.User, elevation.User{})
	if s := (*stranger)(nil); errors.As(err, &s) {
		return l, fmt.Errorf("%w: nothing is known of %s of this endpoint: they must have asked for something there once, or be linked by name and uid", s.kind, s.who())
	}
	if err != nil {
		return l, err
	}
	words := strings.Fields(in.Command)
	if words[0][0] != '/' {
		return l, fmt.Errorf("%w: give the program with its whole path, as `assent offline` shows it", elevation.ErrInvalid)
	}
	s := elevation.Subject{Path: words[0], Args: words[1:], RunAs: "root", Marks: []string{}}
	if elevation.Unbounded(s.Path) {
		s.Marks = append(s.Marks, elevation.MarkUnbounded)
	}
	l.r = elevation.Request{ID: id, Origin: elevation.FromOffline, Endpoint: l.ep.ID, Priority: elevation.Normal, PrioritySetBy: f.by, DraftedAt: c.now,
		Attempt: elevation.Attempt{AccessType: elevation.Run, User: user, Mechanism: string(elevation.FromOffline), Subject: s}}
	out := set.Evaluate(input(l.ep, l.r.Attempt, "", "", l.r.Priority), c.now)
	if out.Kind == rules.Deny {
		return l, fmt.Errorf("%w: rule %q denies it", elevation.ErrNotAllowed, out.Name)
	}
	l.r.Need = q.demand(out, l.ep)
	l.r.Need.Stages = stagesFor(l.plan, l.settings, l.ep, &l.r, out.Need.Stages)
	l.r.Need.ReasonMin, l.r.Need.Ticket = 0, "" // nobody can be asked for them now
	l.r.Need.Caution = append(l.r.Need.Caution, elevation.Caution{Reason: cautionDescribed,
		Fact: "described by the approver " + a.Login + ": " + user.Name + ": " + described(l.r.Attempt)})
	if l.r, err = l.r.Submit("described by the approver "+a.Login, "", l.times(&l.r, c.now), c.now); err != nil {
		return l, err
	}
	c.next = l.r
	data, text := map[string]string{"offline": "true"}, map[string]string{}
	describe(l.r, data, text)
	c.event(audit.RequestSubmitted, f.by, data, text)
	return l, nil
}
