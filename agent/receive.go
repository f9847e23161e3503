package agent

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
)

// errGrant is wrapped by every reason not to take a grant.
var (
	errGrant   = errors.New("the grant is refused")
	errNotHere = errors.New("not possible on this endpoint") // the grant is good, but not for this machine
)

// Receive is called by the link for every frame, one at a time and in order.
// For a durable frame nil means that it is stored and applied; an error makes
// it come again. A grant that is refused is stored as refused and not asked for
// again: only a failing disk is an error.
func (a *Agent) Receive(ctx context.Context, f wire.Frame) error {
	a.mute.Store(false)
	switch f.Type {
	case wire.TDecision:
		return receive(f, a.decided)
	case wire.TClosed:
		return receive(f, a.closed)
	case wire.TRevoke:
		return receive(f, func(m wire.Revoke) error { return a.revoked(ctx, m) })
	case wire.TLock:
		return receive(f, a.lock)
	case wire.TNeed:
		return receive(f, func(m wire.Need) error {
			a.tell(m.Request, func(h *holder) { h.need = &m })
			return nil
		})
	case wire.TProgress:
		return receive(f, a.progressed)
	case wire.TAccepted:
		return receive(f, a.accepted)
	case wire.TError:
		return receive(f, a.complained)
	case wire.TQuestion:
		return receive(f, a.questioned)
	case wire.TAmend:
		return receive(f, func(m wire.Signed) error { return a.amended(ctx, m) })
	case wire.TPolicy:
		return receive(f, a.adoptPolicy)
	case wire.TOrder:
		return receive(f, func(m wire.Signed) error { return a.order(ctx, m) })
	case wire.TBundle:
		return receive(f, a.takeBundle)
	case wire.TSecret:
		return receive(f, a.takeSecret)
	case wire.TConfirming:
		return receive(f, a.keys.told)
	case wire.TPortal:
		return receive(f, a.portals.told)
	case wire.TWho:
		return receive(f, a.who)
	case wire.TConfirmed:
		return receive(f, a.shownPasskey)
	case wire.TKeySet:
		a.Log.Info("a message of a later protocol is acknowledged and not acted on", "type", f.Type)
		return nil
	}
	return nil
}

// receive decodes the body strictly. One that does not decode is an error, so
// that a durable frame is never acknowledged by an agent that did not read it.
func receive[M any](f wire.Frame, apply func(M) error) error {
	var m M
	if err := f.Into(&m); err != nil {
		return err
	}
	return apply(m)
}

// complained takes the controller's word that it does not want a message. It
// ends an attempt that is not queued yet, and nothing else.
func (a *Agent) complained(m wire.Error) error {
	a.tell(m.Request, func(h *holder) { h.refusal = controllerError(m) })
	if m.Request == "" || m.Code == wire.CodeUnavailable || m.Code == wire.CodeRateLimited {
		return nil
	}
	return a.settleAnswers(m.Request)
}

func controllerError(m wire.Error) error {
	switch m.Code {
	case wire.CodeUnavailable:
		return intercept.ErrUnreachable
	default:
		return &intercept.Refused{By: "the controller", Rule: true, Text: m.Text}
	}
}

func (a *Agent) accepted(m wire.Accepted) error {
	if m.Request == "" {
		return nil
	}
	if n, ok := a.journal.get(m.Request); ok && n.Phase == phaseWithdrawing {
		return a.finish(m.Request, phaseClosed, func(n *note) { n.Why = string(wire.ClosedCancelled) }, intercept.ErrWithdrawn)
	}
	a.tell(m.Request, func(h *holder) { h.accepted, h.taken = true, h.taken+1 })
	return a.settleAnswers(m.Request)
}

// finish notes the end of a request and tells its holders.
func (a *Agent) finish(id elevation.RequestID, p phase, change func(*note), final error) error {
	a.forgetProgress(id)
	err := a.journal.update(id, a.now(), func(n *note) {
		n.Phase = p
		change(n)
		n.happened(a.now(), cmp.Or(n.Why, string(p)), n.By, n.Text)
	})
	a.tell(id, func(h *holder) { h.final = final })
	return err
}

// decided applies the answer to a request.
func (a *Agent) decided(m wire.Decision) error {
	if m.Verdict != elevation.Approved { // an unknown verdict is a denial
		refused := &intercept.Refused{By: m.By, Rule: m.Rule, Text: m.Text}
		return a.finish(m.Request, phaseDenied, func(n *note) { n.By, n.Text = m.By, m.Text }, refused)
	}
	if n, ok := a.journal.get(m.Request); ok && n.Extends != "" && len(m.Grant) == 0 {
		return a.journal.update(m.Request, a.now(), func(n *note) { n.By, n.Text = m.By, m.Text }) // its amendment follows
	}
	a.FailPoint("decision received")
	g, err := a.openGrant(m.Grant)
	if err == nil {
		if _, known := a.Ledger.Get(g.ID); known { // delivered again: applied once
			a.tell(g.Request, func(h *holder) { h.grant = g.ID })
			return nil
		}
		err = a.fits(g, m.Request)
	}
	if why := a.lockedBy(); err == nil && why != "" {
		err = fmt.Errorf("%w: %s", errNotHere, inert.Text(why))
	}
	if err != nil {
		return a.refuse(g, m, err)
	}
	return a.store(g, m)
}

// refuse says why a grant is not taken: to whoever waits, and to the controller
// when at least its signature was good.
func (a *Agent) refuse(g elevation.Grant, m wire.Decision, why error) error {
	a.Log.Error("a grant from the controller is refused", "request", m.Request, "error", why)
	text := "the grant does not verify; tell your administrator"
	if errors.Is(why, errNotHere) {
		text = why.Error()
	}
	var reported error
	if g.ID != "" && g.Request == m.Request {
		reported = a.Conn.Report(wire.Report{Request: g.Request, Grant: g.ID, Kind: elevation.ReportEnded, Reason: elevation.Failed,
			Text: inert.Clip(why.Error(), 500), At: a.now()})
	}
	return errors.Join(reported, a.finish(m.Request, phaseDenied, func(n *note) { n.By, n.Text = "this endpoint", why.Error() },
		&intercept.Refused{By: "this endpoint", Rule: true, Text: text}))
}

// store puts a verified grant into the ledger and reports its delivery.
func (a *Agent) store(g elevation.Grant, m wire.Decision) error {
	now := a.Clock()
	uid, sid, err := privilege.Owner(g.User.UID)
	if err != nil {
		return a.refuse(g, m, noUser(err))
	}
	e := grants.Entry{ID: g.ID, Request: g.Request, UID: uid, SID: sid, UserName: g.User.Name, Grant: m.Grant, State: grants.Held,
		Received: now, UseBy: now.After(g.ValidFor).NotAfter(g.NotAfter), Opens: g.NotBefore, Total: g.Duration}
	if wait := g.NotBefore.Sub(now.Wall); !g.NotBefore.IsZero() && wait > 0 {
		e.UseBy = now.After(wait + g.ValidFor).NotAfter(g.NotAfter)
	}
	n, known := a.journal.get(g.Request)
	withdrawn := known && (n.Phase == phaseWithdrawing || n.Phase == phaseClosed)
	if withdrawn {
		e.State, e.EndReason, e.EndedAt = grants.Ended, elevation.Failed, now.Wall
	}
	if err := a.Ledger.Put(e); err != nil {
		return fmt.Errorf("store grant %s: %w", g.ID, err)
	}
	a.FailPoint("grant stored")
	if err := a.Conn.Report(wire.Report{Request: g.Request, Grant: g.ID, Kind: elevation.ReportDelivered, At: now.Wall}); err != nil {
		return fmt.Errorf("report delivery: %w", err)
	}
	if withdrawn {
		return a.reportEnd(e, "withdrawn before it was used")
	}
	a.forgetProgress(g.Request)
	held, _ := a.heldAttempt(g.Request) // while it is: who is woken lets go
	wake := func() {
		a.tell(g.Request, func(h *holder) { h.grant, h.answer = g.ID, m })
		a.ledgerChanged()
	}
	if a.wantsConfirm(g) != elevation.ConfirmNone { // its person is asked at once, and looks it up
		err := a.noteApproval(g, m, held.Mechanism, now.Wall)
		wake()
		return err
	}
	wake()
	return a.noteApproval(g, m, held.Mechanism, now.Wall)
}

// noteApproval has a grant in the story of its request.
func (a *Agent) noteApproval(g elevation.Grant, m wire.Decision, mechanism string, now time.Time) error {
	approved := func(n *note) {
		n.Accepted, n.Phase, n.Grant, n.By, n.Text = true, phaseApproved, g.ID, m.By, m.Text
		n.happened(now, "approved", m.By, m.Text)
	}
	if _, known := a.journal.get(g.Request); known {
		return a.journal.update(g.Request, now, approved)
	}
	// Answered at once, or not asked for from here.
	n := note{ID: g.Request, At: now, Attempt: elevation.Attempt{AccessType: g.AccessType, Mechanism: mechanism, User: g.User, Subject: g.Subject}}
	approved(&n)
	return a.journal.put(n, now)
}

func noUser(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: it is for no user of this machine: %w", errGrant, err)
}

// openGrant verifies the signature and everything that does not depend on a
// request: that it is for this endpoint and within what any grant may allow. A
// grant that comes with an error is signed and for this endpoint, but can not be
// used; its time may still be to come.
func (a *Agent) openGrant(raw []byte) (elevation.Grant, error) {
	var g elevation.Grant
	if err := a.Conn.KeySet().Open(sign.Grant, raw, a.now(), &g); err != nil {
		return elevation.Grant{}, fmt.Errorf("%w: %w", errGrant, err)
	}
	if g.Cluster != a.Cluster || g.Endpoint != a.Endpoint {
		return elevation.Grant{}, fmt.Errorf("%w: it is for another endpoint", errGrant)
	}
	if elevation.CheckID(elevation.GrantPrefix, string(g.ID)) != nil || elevation.CheckID(elevation.RequestPrefix, string(g.Request)) != nil {
		return elevation.Grant{}, fmt.Errorf("%w: its ids are not valid", errGrant)
	}
	bad := func(what string) (elevation.Grant, error) { return g, fmt.Errorf("%w: %s", errGrant, what) }
	now, limit := a.now(), elevation.DefaultTimes().Longest(g.AccessType)
	switch {
	case g.AccessType != elevation.Run && g.AccessType != elevation.Session && g.AccessType != elevation.Admin:
		return g, fmt.Errorf("%w: this agent can not give access of type %q, only run single programs, open sessions and make administrators for a while", errNotHere, inert.Text(string(g.AccessType)))
	case g.Uses != 1 || len(g.Nonce) < 16:
		return bad("its uses or its nonce are not served")
	case g.Duration <= 0 || g.Duration > limit || g.ValidFor <= 0 || g.ValidFor > 24*time.Hour:
		return bad("its times are not served")
	case g.NotBefore.After(now) && g.NotAfter.IsZero():
		return bad("its start has no end")
	case g.NotBefore.Sub(now) > farthestStart:
		return bad("its start is too far away")
	case !g.NotBefore.IsZero() && !g.NotAfter.IsZero() && (!g.NotBefore.Before(g.NotAfter) || g.NotAfter.Sub(g.NotBefore) > limit):
		return bad("its window is not served")
	case !g.NotAfter.IsZero() && !now.Before(g.NotAfter):
		return bad("its time is over")
	}
	return g, nil
}

// farthestStart is how far ahead a window may be asked for.
const farthestStart = 400 * 24 * time.Hour

// fits checks a grant against the request that this endpoint made. One that
// nobody asked for from here (the portal, an approver ahead or for somebody) is
// for a user who must exist under that number and name: a reused number is
// somebody else. When it is used, the attempt is compared as ever.
func (a *Agent) fits(g elevation.Grant, id elevation.RequestID) error {
	if g.Request != id {
		return fmt.Errorf("%w: it is for another request", errGrant)
	}
	n, ok := a.journal.get(id)
	attempt := n.Attempt
	if !ok {
		held, found := a.heldAttempt(id)
		if !found {
			return a.known(g)
		}
		attempt = held
	}
	if err := matches(g, attempt); err != nil || n.Previous != "" || n.Joined {
		return err // asked again, or from elsewhere: the controller has written the attempt anew
	}
	raw, err := sign.Encode(attempt)
	if err != nil {
		return fmt.Errorf("%w: %w", errGrant, err)
	}
	if digest := sha256.Sum256(raw); !bytes.Equal(digest[:], g.RequestDigest) {
		return fmt.Errorf("%w: it answers a changed request", errGrant)
	}
	return nil
}

// known checks that a grant's user is a user of this machine, by both names.
func (a *Agent) known(g elevation.Grant) error {
	if _, _, err := privilege.Owner(g.User.UID); err != nil {
		return noUser(err)
	}
	account, err := a.Lookup(g.User.UID)
	switch {
	case errors.Is(err, intercept.ErrNoUser):
		return fmt.Errorf("%w: there is no user %s with the number %s here", errNotHere, inert.Text(g.User.Name), inert.Text(g.User.UID))
	case err != nil:
		return fmt.Errorf("%w: the user %s can not be looked up: %w", errNotHere, inert.Text(g.User.UID), err)
	case account.Name != g.User.Name || account.User() != g.User.UID:
		return fmt.Errorf("%w: the user with the number %s is %s here, not %s", errNotHere, g.User.UID, inert.Text(account.Name), inert.Text(g.User.Name))
	case len(g.Subject.ArgsDigest) == 0 && g.AccessType == elevation.Run:
		return fmt.Errorf("%w: it says nothing about arguments", errGrant)
	}
	return nil
}

// matches reports why g does not allow the attempt; nil when it does. The
// digest of the arguments is salted by this endpoint, so it also binds the
// grant to this installation.
func matches(g elevation.Grant, attempt elevation.Attempt) error {
	granted := elevation.Attempt{AccessType: g.AccessType, User: g.User, Subject: g.Subject}
	if !granted.Same(attempt) || g.User.Name != attempt.User.Name || g.Subject.Size != attempt.Subject.Size {
		return fmt.Errorf("%w: it is for something else", errGrant)
	}
	return nil
}

// closed ends a request that got no decision.
func (a *Agent) closed(m wire.Closed) error {
	if n, ok := a.journal.get(m.Request); ok {
		if e, granted := a.Ledger.Get(n.Grant); granted && e.Offline != "" {
			return nil // a code answered it here, before the controller could say so
		}
	}
	final := map[wire.CloseReason]error{
		wire.ClosedCancelled:   intercept.ErrCancelled,
		wire.ClosedExpired:     intercept.ErrExpired,
		wire.ClosedNeedsPerson: intercept.ErrNeedsPerson,
	}[m.Why]
	if final == nil {
		final = &intercept.Refused{By: cmp.Or(m.By, "the controller"), Text: m.Text}
	}
	return a.finish(m.Request, phaseClosed, func(n *note) { n.Why, n.By, n.Text = string(m.Why), m.By, m.Text }, final)
}

// revoked ends a grant on the signed order of the controller.
func (a *Agent) revoked(ctx context.Context, m wire.Revoke) error {
	var r elevation.Revocation
	if err := a.Conn.KeySet().Open(sign.Revocation, m.Signed, a.now(), &r); err != nil {
		a.Log.Error("a revocation does not verify", "grant", m.Grant, "error", err)
		return nil // never becomes valid; the grant still ends on time
	}
	if r.Cluster != a.Cluster || r.Endpoint != a.Endpoint || r.Grant != m.Grant {
		a.Log.Error("a revocation is for another grant or endpoint", "grant", m.Grant)
		return nil
	}
	reason := elevation.RevokedEnd
	if r.Reason == elevation.CheckedIn {
		reason = elevation.CheckedIn
	}
	a.tell(m.Request, func(h *holder) {
		h.grant, h.final = "", &intercept.Refused{By: r.By.Name, Text: cmp.Or(r.Comment, "revoked before it started")}
	})
	if err := a.noteRevocation(r, reason); err != nil {
		return err
	}
	return a.end(ctx, r.Grant, reason)
}
