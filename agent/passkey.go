package agent

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"sync"
	"time"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/words"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
)

// This file has people show their passkey before a grant is applied. The endpoint
// asks the controller with a nonce, the person shows it at the console, on any
// device of theirs, and only the controller's signed word with that nonce lets
// the grant go on. Nothing of it is kept: a restart asks anew.

// passkeys are the questions that are open.
type passkeys struct {
	mu   sync.Mutex // guards the field below
	open map[elevation.GrantID]*passkeyAsk
}

type passkeyAsk struct {
	nonce []byte
	where chan wire.Confirming // holds one
	shown chan struct{}        // closed once
}

// ask begins a question about a grant, nil = there is one already.
func (k *passkeys) ask(id elevation.GrantID) *passkeyAsk {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.open[id] != nil {
		return nil
	}
	if k.open == nil {
		k.open = map[elevation.GrantID]*passkeyAsk{}
	}
	q := &passkeyAsk{nonce: make([]byte, elevation.ConfirmNonce), where: make(chan wire.Confirming, 1), shown: make(chan struct{})}
	rand.Read(q.nonce)
	k.open[id] = q
	return q
}

func (k *passkeys) end(id elevation.GrantID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.open, id)
}

// told passes on where the passkey is to be shown.
func (k *passkeys) told(m wire.Confirming) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if q := k.open[m.Grant]; q != nil {
		select {
		case q.where <- m:
		default: // told twice
		}
	}
	return nil
}

// confirm takes a confirmation, once; false when its question is not open.
func (k *passkeys) confirm(c elevation.Confirmation) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	q := k.open[c.Grant]
	if q == nil || subtle.ConstantTimeCompare(q.nonce, c.Nonce) != 1 {
		return false
	}
	delete(k.open, c.Grant)
	close(q.shown)
	return true
}

// shownPasskey takes the controller's signed word. One that does not fit is told
// in the log and has no effect: it never becomes valid.
func (a *Agent) shownPasskey(m wire.Signed) error {
	var c elevation.Confirmation
	if err := a.Conn.KeySet().Open(sign.Confirmation, m.Raw, a.now(), &c); err != nil {
		a.Log.Error("a confirmation does not verify", "error", err)
		return nil
	}
	if c.Cluster != a.Cluster || c.Endpoint != a.Endpoint {
		a.Log.Error("a confirmation is for another endpoint")
		return nil
	}
	if e, ok := a.Ledger.Get(c.Grant); !ok || e.Request != c.Request || !a.keys.confirm(c) {
		a.Log.Warn("a confirmation is for nothing that waits for it", "grant", c.Grant)
		return nil
	}
	now := a.now()
	return a.journal.update(c.Request, now, func(n *note) { n.happened(now, "confirmed", c.By.Name, "") })
}

// provePasskey waits until the person has shown their passkey for a grant.
func (a *Agent) provePasskey(ctx context.Context, g elevation.Grant, p intercept.Person, t words.Tongue) error {
	no := func(text string) error {
		return &intercept.Refused{By: "the policy", Rule: true, Text: "it wants your passkey before anything runs" + text}
	}
	if _, ok := p.(intercept.Confirmer); !ok && !triesAgain(p) {
		return no(": run it with assent run")
	}
	q := a.keys.ask(g.ID)
	if q == nil {
		return no(", and another terminal waits for it")
	}
	defer a.keys.end(g.ID)
	defer a.Conn.Forget(g.Request) // a question that nobody waits for is not asked again
	if err := a.Conn.Send(wire.TConfirm, wire.Confirm{Request: g.Request, Grant: g.ID, Nonce: q.nonce}); err != nil {
		return no(", and the Assent controller can not be reached")
	}
	where, err := a.wherePasskey(ctx, q)
	if err != nil {
		return err
	}
	switch where.Why {
	case wire.ConfirmPossible:
	case wire.ConfirmNoPasskey:
		return no(", and your account has none: sign in at " + a.Conn.Console() + ", add one, and run the command again")
	default:
		return no(", and no account of the console is yours: ask an administrator to link it")
	}
	address := intercept.BesideAddress(a.Conn.Console(), where.Code)
	p.Say(intercept.PasskeyLine(t, address, where.Code))
	if n, ok := a.journal.get(g.Request); ok { // a desktop can open the page
		a.publish(n, happening{At: a.now(), Kind: "passkey", By: "Assent", Text: address})
	}
	p.Waiting(intercept.Waiting{Request: g.Request, Since: a.now(), Beside: address, Passkey: true})
	over := time.NewTimer(elevation.ConfirmTime)
	defer over.Stop()
	select {
	case <-q.shown:
		return nil
	case <-over.C:
		return no(", and nobody has shown it in time: run the command again")
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// wherePasskey waits for the controller's word on where the passkey is shown.
func (a *Agent) wherePasskey(ctx context.Context, q *passkeyAsk) (wire.Confirming, error) {
	late := time.NewTimer(answerWithin)
	defer late.Stop()
	select {
	case where := <-q.where:
		return where, nil
	case <-late.C:
		return wire.Confirming{}, &intercept.Refused{By: "the policy", Rule: true,
			Text: "it wants your passkey before anything runs, and the Assent controller can not be asked for it now"}
	case <-ctx.Done():
		return wire.Confirming{}, context.Cause(ctx)
	}
}
