package queue

import (
	"context"
	"fmt"
	"slices"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// Where a rule or a policy wants the requester's passkey, the endpoint asks for
// it before it applies a grant: with a nonce that is good once. The requester,
// and nobody else, shows it in a session of theirs after the question was asked,
// and the endpoint gets the signed word of it.

// ConfirmFrom takes an endpoint's question. The newest one of a request counts.
func (q *Queue) ConfirmFrom(ctx context.Context, id elevation.EndpointID, in wire.Confirm) (wire.Confirming, error) {
	out := wire.Confirming{Request: in.Request, Grant: in.Grant}
	if len(in.Nonce) != elevation.ConfirmNonce || elevation.CheckID(elevation.RequestPrefix, string(in.Request)) != nil {
		return out, fmt.Errorf("confirm: %w", elevation.ErrInvalid)
	}
	err := q.cfg.Store.View(ctx, func(tx *store.Tx) error {
		l, err := ownOf(tx, id, in.Request, load)
		if err != nil {
			return err
		}
		account := l.account()
		if account == "" {
			out.Why = wire.ConfirmUnlinked
			return nil
		}
		keys, err := tx.Passkeys(account)
		if !slices.ContainsFunc(keys, func(k auth.Passkey) bool { return k.BlockedAt.IsZero() }) {
			out.Why = wire.ConfirmNoPasskey
		}
		return err
	})
	if err != nil || out.Why != wire.ConfirmPossible {
		return out, err
	}
	err = q.fromEndpoint(ctx, id, in.Request, func(l loaded, c *change) error {
		if l.r.Grant.ID == "" || l.r.Grant.ID != in.Grant || l.r.State(c.now) != elevation.StateAvailable {
			return fmt.Errorf("%w: there is nothing to confirm", elevation.ErrConflict)
		}
		c.next.Confirming = &elevation.Confirming{Nonce: in.Nonce, At: c.now, Until: c.now.Add(elevation.ConfirmTime)}
		c.event(audit.GrantWantsKey, endpointActor(l.ep), nil, nil)
		return nil
	})
	if err != nil {
		return out, fmt.Errorf("confirm %s: %w", in.Request, err)
	}
	out.Code = q.codes.of(in.Request, q.now())
	return out, nil
}

// Confirm is the requester's passkey for what their endpoint is about to run. It
// must have been shown after the endpoint asked: one that was shown for something
// else before does not count, and no password does.
func (q *Queue) Confirm(ctx context.Context, a auth.Actor, id elevation.RequestID) (View, error) {
	return q.act(ctx, a, id, "confirm", func(l loaded, c *change) error {
		ask := l.r.Confirming
		switch {
		case !l.own(a):
			return fmt.Errorf("%w: only its requester confirms it, with an account that an administrator linked", elevation.ErrNotAllowed)
		case ask != nil && !ask.Done.IsZero() && ask.By.ID == a.Elevation().ID:
			return errSame
		case !ask.Open(c.now) || l.r.State(c.now) != elevation.StateAvailable:
			return fmt.Errorf("%w: nothing waits for your passkey now; run the command again", elevation.ErrConflict)
		case !a.HasPasskey:
			return fmt.Errorf("%w: you have no passkey; add one to your account, then run the command again", elevation.ErrConflict)
		case a.SeenHow != auth.ByPasskey || a.SeenAt.Before(ask.At):
			return fmt.Errorf("%w: confirm with your passkey", elevation.ErrStepUp)
		}
		if err := a.Present(c.now); err != nil {
			return err
		}
		done := *ask
		done.By, done.Done = a.Elevation(), c.now
		c.next.Confirming = &done
		raw, err := q.cfg.Signer.SignConfirmation(elevation.Confirmation{Cluster: q.cfg.Cluster, Endpoint: l.r.Endpoint, Grant: l.r.Grant.ID,
			Request: l.r.ID, Nonce: ask.Nonce, By: signedBy(q.cfg.Store.Settings(), done.By), At: c.now, KeyEpoch: q.cfg.Signer.Epoch()})
		if err != nil {
			return fmt.Errorf("sign confirmation of %s: %w", l.r.ID, err)
		}
		c.event(audit.GrantConfirmed, done.By, nil, nil)
		c.send(wire.TConfirmed, wire.Signed{Raw: raw})
		return nil
	})
}
