package agent

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

const (
	answerWithin   = 4 * time.Second // the controller answers an attempt by then, or counts as unreachable
	withdrawWithin = time.Second     // how long a withdrawal waits for its confirmation
	maxSkew        = 10 * time.Minute
)

// Elevate implements [intercept.Elevator]. What was allowed is confirmed by the
// person where that is wanted, before anything has an effect.
func (a *Agent) Elevate(ctx context.Context, ask intercept.Ask, p intercept.Person) (intercept.Permit, error) {
	permit, err := a.elevate(ctx, ask, p)
	if err != nil {
		return permit, err
	}
	if err := a.prove(ctx, permit, p, ask.Tongue); err != nil {
		a.unclaim(permit.Grant.ID)
		return intercept.Permit{}, err
	}
	a.lent.tongues.speaks(permit.Grant.ID, ask.Tongue)
	return permit, nil
}

// elevate uses a waiting grant, joins a waiting request, or puts the attempt to
// the controller.
func (a *Agent) elevate(ctx context.Context, ask intercept.Ask, p intercept.Person) (intercept.Permit, error) {
	if err := ask.Attempt.Valid(); err != nil {
		return intercept.Permit{}, &intercept.Refused{By: "Assent", Rule: true, Text: err.Error()}
	}
	if why := a.lockedBy(); why != "" {
		return intercept.Permit{}, &intercept.Refused{By: "an administrator", Text: why}
	}
	if permit, ok := a.claimWaiting(ask.Attempt); ok {
		return permit, nil
	}
	if err := errors.Join(a.mayAsk(ask.Attempt), a.withinBudget(&ask)); err != nil {
		return intercept.Permit{}, err
	}
	if a.gone() && ask.Inside == "" {
		if permit, done, err := a.byBundle(elevation.NewRequestID(a.now()), ask); done {
			return permit, err
		}
	}
	if opens := a.opensLater(ask.Attempt); !opens.IsZero() && !ask.RulesOnly {
		p.Say(ask.Tongue.Say("This is approved from %s on; this asks for now.", ask.Tongue.Clock(opens, a.now())))
	}
	if ask.RulesOnly {
		return a.follow(ctx, &wait{a: a, ask: ask, p: p, id: elevation.NewRequestID(a.now()), since: a.now()})
	}
	w := &wait{a: a, ask: ask, p: p, since: a.now()}
	if n, ok := a.journal.waitingSame(ask.Attempt); ok {
		w.id, w.stage, w.since = n.ID, stageFollow, n.At
		w.complete = wire.Complete{Request: n.ID, Justification: n.Justification, Ticket: n.Ticket}
		if !n.Accepted {
			w.stage = stageAttempt
			w.ask.Justification, w.ask.Ticket = cmp.Or(ask.Justification, n.Justification), cmp.Or(ask.Ticket, n.Ticket)
		}
	} else {
		w.id = elevation.NewRequestID(a.now())
	}
	return a.follow(ctx, w)
}

// stage is how far the conversation with the controller has come.
type stage int

const (
	stageAttempt  stage = iota // the attempt is to be answered
	stageComplete              // the reason is to be accepted
	stageFollow                // queued: only an answer is waited for
)

// wait is one held attempt on its way to an answer.
type wait struct {
	a        *Agent
	ask      intercept.Ask
	p        intercept.Person
	id       elevation.RequestID
	since    time.Time
	stage    stage
	sent     bool // the link has the message of this stage, and sends it until it is answered
	complete wire.Complete
	asking   *asking             // a question that the person has before them, nil = none
	put      int                 // questions of the request that were put to the person
	told     elevation.RequestID // whose way to emergency access the person was told
	goesTo   []string            // who is asked, as the controller said
	said     wire.Progress       // what the person was told of the last progress
}

// follow drives w until there is a permit or an error.
func (a *Agent) follow(ctx context.Context, w *wait) (intercept.Permit, error) {
	h := a.hold(w.id, w.ask.Attempt)
	defer func() { a.release(w.id, h) }()
	defer w.endQuestion()
	patience := time.NewTimer(answerWithin)
	defer patience.Stop()
	var giveUp <-chan time.Time
	if w.ask.Wait > 0 {
		t := time.NewTimer(w.ask.Wait)
		defer t.Stop()
		giveUp = t.C
	}
	for {
		before := w.stage
		next, permit, err := w.step(ctx, h)
		if err != nil || permit.Grant.ID != "" {
			return permit, err
		}
		if next != "" { // the same thing waits under another id: follow that one
			a.release(w.id, h)
			w.id, w.put, w.said = next, 0, wire.Progress{}
			h = a.hold(next, w.ask.Attempt)
			continue
		}
		if before == stageAttempt && w.stage == stageComplete {
			patience.Reset(answerWithin) // the person took some time for the reason
		}
		w.question(ctx)
		select {
		case <-h.wake:
		case r := <-w.replies():
			w.asking.cancel()
			if w.asking = nil; errors.Is(r.err, intercept.ErrWithdrawn) {
				return intercept.Permit{}, a.giveUp(w)
			}
			w.replied(r)
			h.set(func(*holder) {}) // the waiting line goes on
		case <-patience.C:
			if w.stage != stageFollow {
				return a.unreachable(ctx, w)
			}
		case <-giveUp:
			return intercept.Permit{}, intercept.ErrWaitOver
		case <-ctx.Done():
			return intercept.Permit{}, a.leave(ctx, w)
		}
		if w.stage == stageComplete && !w.sent {
			patience.Reset(answerWithin)
		}
	}
}

// step looks at all the news and does what is due. It returns another id to
// follow, a permit, or the error that ends the wait.
func (w *wait) step(ctx context.Context, h *holder) (elevation.RequestID, intercept.Permit, error) {
	h.mu.Lock()
	need, progress, accepted, final, grant, refusal, answer := h.need, h.progress, h.accepted, h.final, h.grant, h.refusal, h.answer
	h.need, h.refusal = nil, nil
	h.mu.Unlock()
	switch {
	case grant != "":
		permit, ok := w.a.claim(grant)
		if ok {
			err := w.mine(permit)
			if err == nil {
				w.approved(permit.Grant, answer)
			}
			return "", permit, err
		}
		return "", permit, w.notMine(grant)
	case final != nil:
		return "", intercept.Permit{}, final
	case refusal != nil && w.stage != stageFollow:
		if !errors.Is(refusal, intercept.ErrUnreachable) {
			w.a.withdraw(w.id) // else the same command would join what nobody has
		}
		return "", intercept.Permit{}, refusal
	case refusal != nil: // of an answer or the like: the request goes on
		w.p.Say("That was not taken: " + refusal.Error())
	}
	switch {
	case need == nil:
	case need.Joined == w.id:
		accepted = true // sent again: it is queued already
	case need.Joined != "":
		return need.Joined, intercept.Permit{}, w.join(need.Joined)
	case w.stage == stageAttempt:
		if err := w.answerNeed(ctx, *need); err != nil {
			return "", intercept.Permit{}, err
		}
	}
	if w.stage != stageFollow && (accepted || progress != nil) {
		if err := w.queued(progress); err != nil {
			return "", intercept.Permit{}, err
		}
	}
	w.send()
	if w.stage == stageFollow {
		w.emergency(progress)
		w.tell(progress)
		if w.ask.NoWait {
			return "", intercept.Permit{}, &intercept.Kept{Request: w.id}
		}
		w.show(progress)
	}
	return "", intercept.Permit{}, nil
}

// notMine is why an approval that has come can not be used here.
func (w *wait) notMine(id elevation.GrantID) error {
	now := w.a.Clock()
	if e, ok := w.a.Ledger.Get(id); ok && e.OpensLater(now) {
		t := w.ask.Tongue
		w.p.Say(t.Say("This is approved from %s on; run the same command again then.", t.Clock(e.Opens, now.Wall)))
		return &intercept.Kept{Request: w.id}
	}
	return &intercept.Refused{By: "Assent", Rule: true, Text: "the approval was used by another terminal; run the command again"}
}

// mine makes sure that a permit is for what is held here, whatever request the
// controller said it was to join; one for something else is given back.
func (w *wait) mine(permit intercept.Permit) error {
	err := matches(permit.Grant, w.ask.Attempt)
	if err == nil {
		return nil
	}
	w.a.unclaim(permit.Grant.ID)
	w.a.Log.Error("a grant is not for the attempt that waited for it", "grant", permit.Grant.ID, "error", err)
	return &intercept.Refused{By: "this endpoint", Rule: true, Text: "the approval is for something else; run the command again"}
}

// send hands the message of the present stage to the link, once.
func (w *wait) send() {
	if w.sent || w.stage == stageFollow {
		return
	}
	var err error
	if w.stage == stageAttempt {
		err = w.a.Conn.Send(wire.TAttempt, wire.Attempt{Request: w.id, Attempt: w.ask.Attempt,
			AtTerminal: w.ask.AtTerminal && !w.ask.NoWait, RulesOnly: w.ask.RulesOnly, Inside: w.ask.Inside})
	} else {
		err = w.a.Conn.Send(wire.TComplete, w.complete)
	}
	w.sent = err == nil // offline: tried again when a session begins
}

// answerNeed tells the controller what it wants to know, as far as the person
// gave it or does so now.
func (w *wait) answerNeed(ctx context.Context, need wire.Need) error {
	need = w.a.policyNeed(need)
	w.goesTo = need.GoesTo
	reason, ticket, err := w.reason(ctx, need)
	if err != nil {
		w.a.withdraw(w.id)
		return err
	}
	w.complete = wire.Complete{Request: w.id, Justification: reason, Ticket: ticket}
	w.stage, w.sent = stageComplete, false
	w.since = w.a.now()
	n := note{ID: w.id, Attempt: w.ask.Attempt, Justification: reason, Ticket: ticket, Phase: phaseWaiting, At: w.since}
	n.happened(n.At, "asked", n.Attempt.User.Name, n.Justification)
	return w.a.journal.put(n, n.At)
}

// reason is what need demands: what was given beforehand and does, else what the
// person says now.
func (w *wait) reason(ctx context.Context, need wire.Need) (reason, ticket string, err error) {
	reason, ticket = strings.TrimSpace(w.ask.Justification), strings.TrimSpace(w.ask.Ticket)
	if utf8.RuneCountInString(reason) >= need.ReasonMin {
		need.ReasonMin = 0
	}
	if intercept.TicketFits(need.Ticket, ticket) {
		need.Ticket = ""
	}
	if need.ReasonMin == 0 && need.Ticket == "" {
		return reason, ticket, nil
	}
	typed, number, err := w.p.Ask(ctx, need)
	if errors.Is(err, intercept.ErrNobody) && !w.ask.NoWait {
		typed, number, err = w.a.askDesktop(ctx, w, need)
	}
	if errors.Is(err, intercept.ErrNobody) && reason+ticket != "" {
		err = &intercept.Unfit{ReasonMin: need.ReasonMin, Ticket: need.Ticket}
	}
	if need.ReasonMin > 0 {
		reason = strings.TrimSpace(typed)
	}
	if need.Ticket != "" {
		ticket = strings.TrimSpace(number)
	}
	return reason, ticket, err
}

// queued notes that the controller has the request.
func (w *wait) queued(progress *wire.Progress) error {
	w.stage = stageFollow
	w.a.FailPoint("accepted")
	return w.a.journal.update(w.id, w.a.now(), func(n *note) {
		if !n.Accepted {
			n.happened(w.a.now(), "queued", "", sentTo(w.goesTo, progress))
		}
		n.Accepted = true
	})
}

// join follows the request under which the same thing already waits.
func (w *wait) join(id elevation.RequestID) error {
	w.stage, w.sent = stageFollow, true
	err := w.a.journal.update(w.id, w.a.now(), func(n *note) { n.Phase, n.Why = phaseClosed, string(wire.ClosedCancelled) })
	if err != nil {
		return err
	}
	if _, known := w.a.journal.get(id); known {
		return nil
	}
	now := w.a.now()
	return w.a.journal.put(note{ID: id, Attempt: w.ask.Attempt, Phase: phaseWaiting, Accepted: true, Joined: true, At: now}, now)
}

// emergency tells the person once how to go on at once: when they want that, or
// when nobody can answer now. The endpoint can not grant it: it needs presence
// at the console.
func (w *wait) emergency(progress *wire.Progress) {
	switch {
	case w.told == w.id || w.asking != nil: // said, or a question stands there
		return
	case w.ask.NoWait && !w.ask.Emergency || progress == nil && !w.ask.NoWait:
		return
	}
	p := wire.Progress{}
	if progress != nil {
		p = *progress
	}
	if line := intercept.EmergencyLine(w.ask.Tongue, w.id, p, w.a.Conn.Console(), w.ask.Emergency, w.a.now()); line != "" {
		w.told = w.id
		w.p.Say(line)
	}
}

func (w *wait) show(progress *wire.Progress) {
	line := intercept.Waiting{Request: w.id, Since: w.since, Offline: !w.a.Conn.Connected()}
	if progress != nil {
		line.Position, line.UsualWait, line.CanAnswer = progress.Position, progress.UsualWait, progress.CanAnswer
		line.CanAnswerFrom = progress.CanAnswerFrom
		line.Code, line.Beside = progress.Code, intercept.BesideAddress(w.a.Conn.Console(), progress.Code)
		if line.Code == w.said.Code {
			line.Code = "" // it stands in a line of its own above
		}
	}
	w.p.Waiting(line)
}

// unreachable ends an attempt that the controller has not answered in time. If
// the request was made it is kept, otherwise nothing is.
//
// Then the endpoint answers by itself, under a new id, as far as it may.
func (a *Agent) unreachable(ctx context.Context, w *wait) (intercept.Permit, error) {
	if w.stage == stageComplete && w.sent {
		return intercept.Permit{}, &intercept.Kept{Request: w.id} // it may have arrived; the journal joins it again
	}
	a.mute.Store(true)
	a.withdraw(w.id)
	if w.ask.Inside != "" {
		return intercept.Permit{}, intercept.ErrUnreachable
	}
	id := elevation.NewRequestID(a.now())
	if permit, done, err := a.byBundle(id, w.ask); done {
		return permit, err
	}
	return a.offerCode(ctx, w, id)
}

// leave ends the wait of a client that is gone or gave up.
func (a *Agent) leave(ctx context.Context, w *wait) error {
	cause := context.Cause(ctx)
	if !errors.Is(cause, intercept.ErrWithdrawn) {
		if w.stage == stageAttempt {
			a.withdraw(w.id)
			return intercept.ErrWithdrawn // the reason was never given: there is nothing to keep
		}
		return &intercept.Kept{Request: w.id}
	}
	return a.giveUp(w)
}

// giveUp takes the request of w back, unless somebody else waits for it too.
func (a *Agent) giveUp(w *wait) error {
	if others := a.holdersOf(w.id); others > 1 {
		return intercept.ErrWithdrawn // somebody else still waits for the same request
	}
	a.withdraw(w.id)
	a.confirmWithdrawal(w.id)
	return intercept.ErrWithdrawn
}

func (a *Agent) holdersOf(id elevation.RequestID) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.holders[id])
}

// withdraw takes a request back, now or as soon as the controller is reached.
func (a *Agent) withdraw(id elevation.RequestID) {
	a.Conn.Forget(id)
	err := a.journal.update(id, a.now(), func(n *note) {
		if n.open() {
			n.Phase = phaseWithdrawing
		}
	})
	if err != nil {
		a.Log.Error("note the withdrawal", "request", id, "error", err)
	}
	if err := a.Conn.Send(wire.TWithdraw, wire.Withdraw{Request: id}); err != nil {
		a.Log.Info("the withdrawal waits for the controller", "request", id)
	}
}

// confirmWithdrawal waits a moment for the controller's word, so that the
// person's screen is not ahead of the approver's.
func (a *Agent) confirmWithdrawal(id elevation.RequestID) {
	n, ok := a.journal.get(id)
	if !ok {
		return
	}
	h := a.hold(id, n.Attempt)
	defer a.release(id, h)
	over := time.NewTimer(withdrawWithin)
	defer over.Stop()
	for {
		if n, ok := a.journal.get(id); !ok || !n.open() {
			return
		}
		select {
		case <-h.wake:
		case <-over.C:
			return
		}
	}
}

// claimWaiting finds an unused grant for the same user and subject.
func (a *Agent) claimWaiting(attempt elevation.Attempt) (intercept.Permit, bool) {
	for _, e := range a.Ledger.All() {
		if e.State != grants.Held {
			continue
		}
		if g, err := a.openEntry(e); err == nil && matches(g, attempt) == nil {
			if permit, ok := a.claim(e.ID); ok {
				return permit, true
			}
		}
	}
	return intercept.Permit{}, false
}

// opensLater is when a grant for the attempt opens that can not be used yet.
func (a *Agent) opensLater(attempt elevation.Attempt) time.Time {
	now := a.Clock()
	for _, e := range a.Ledger.All() {
		if !e.OpensLater(now) {
			continue
		}
		if g, err := a.openEntry(e); err == nil && matches(g, attempt) == nil {
			return e.Opens
		}
	}
	return time.Time{}
}

// claim gives a held grant out, to one caller only.
func (a *Agent) claim(id elevation.GrantID) (intercept.Permit, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	e, ok := a.Ledger.Get(id)
	if !ok || a.locked != "" || a.claimed[id] || !e.Usable(a.Clock()) {
		return intercept.Permit{}, false
	}
	if skew := a.Conn.Skew(); !e.Opens.IsZero() && skew.Abs() > maxSkew {
		a.Log.Warn("a window in the future is not opened: this clock is not the controller's", "grant", id, "skew", skew)
		return intercept.Permit{}, false
	}
	g, err := a.openEntry(e)
	if err != nil {
		a.Log.Warn("a stored grant does not verify", "grant", id, "error", err)
		return intercept.Permit{}, false
	}
	a.claimed[id] = true
	return intercept.Permit{Grant: g, Raw: e.Grant}, true
}

// unclaim gives a permit back that was never armed.
func (a *Agent) unclaim(id elevation.GrantID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.claimed, id)
}
