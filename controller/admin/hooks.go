package admin

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// Kinds of hooks.
const (
	HookNote   = "note"   // says something about one request
	HookTicket = "ticket" // says what became of a ticket
)

// Limits of hooks.
const (
	maxHooks   = 100
	hookWindow = 5 * time.Minute // between the time in a call and ours
	hookID     = 200             // bytes of the id of a call
)

// Secrets wraps what the database keeps and nobody may read in it.
type Secrets interface {
	Wrap(purpose string, plain []byte) ([]byte, error)
	Unwrap(purpose string, wrapped []byte) ([]byte, error)
}

// Hook is a hook as it is read, without what the database keeps of its secret.
type Hook struct {
	store.Hook
	Made string // the secret, when it was just made: shown once
}

func hookPurpose(id string) string { return "hook " + id }

func (a *Admin) mayHooks(ctx context.Context, act auth.Actor, what string) error {
	if a.cfg.Secrets == nil {
		return fmt.Errorf("%w: this controller has no hooks", elevation.ErrInvalid)
	}
	if err := a.may(ctx, act, auth.DirectoryWrite, what); err != nil {
		return err
	}
	return a.global(ctx, act, what)
}

// Hooks lists the hooks by name, without their secrets.
func (a *Admin) Hooks(ctx context.Context, act auth.Actor) (list []Hook, err error) {
	if err := a.mayHooks(ctx, act, "hook.list"); err != nil {
		return nil, err
	}
	err = a.cfg.Store.View(ctx, func(tx *store.Tx) error {
		all, err := tx.Hooks()
		list = nil
		for _, h := range all {
			h.Secret = nil
			list = append(list, Hook{Hook: h})
		}
		return err
	})
	return list, err
}

// AddHook makes a hook with a secret of its own. [elevation.ErrConflict] when its
// name is taken.
func (a *Admin) AddHook(ctx context.Context, act auth.Actor, name, kind string) (Hook, error) {
	if err := a.mayHooks(ctx, act, "hook.add"); err != nil {
		return Hook{}, err
	}
	if err := checkName("name of the hook", name, maxName); err != nil {
		return Hook{}, err
	}
	if kind != HookNote && kind != HookTicket {
		return Hook{}, fmt.Errorf("%w: a hook is of the kind note or ticket", elevation.ErrInvalid)
	}
	key := make([]byte, 32)
	rand.Read(key)
	h := Hook{Made: "whsec_" + base64.StdEncoding.EncodeToString(key)}
	h.ID, h.Name, h.Kind, h.By, h.MadeAt = elevation.NewID(store.HookPrefix, a.cfg.Now()), name, kind, by(act), a.cfg.Now()
	var err error
	if h.Secret, err = a.cfg.Secrets.Wrap(hookPurpose(h.ID), key); err != nil {
		return Hook{}, fmt.Errorf("keep the secret of a hook: %w", err)
	}
	err = a.change(ctx, func(tx *store.Tx) (audit.Event, error) {
		all, err := tx.Hooks()
		if err == nil && len(all) >= maxHooks {
			err = fmt.Errorf("%w: there are %d hooks", elevation.ErrLimit, len(all))
		}
		if err != nil {
			return audit.Event{}, err
		}
		if err := conflict(tx.AddHook(h.Hook), "the hook %s is there already", name); err != nil {
			return audit.Event{}, err
		}
		return a.event(act, audit.HookChanged, map[string]string{"hook": h.ID, "name": name, "kind": kind}), nil
	})
	h.Secret = nil
	return h, err
}

// DeleteHook deletes a hook, named by id or name.
func (a *Admin) DeleteHook(ctx context.Context, act auth.Actor, name string) error {
	if err := a.mayHooks(ctx, act, "hook.delete"); err != nil {
		return err
	}
	return a.change(ctx, func(tx *store.Tx) (audit.Event, error) {
		all, err := tx.Hooks()
		if err != nil {
			return audit.Event{}, err
		}
		h, err := called(all, "hook", name, func(h store.Hook) (id, name string) { return h.ID, h.Name })
		if err != nil {
			return audit.Event{}, err
		}
		return a.event(act, audit.HookChanged, map[string]string{"hook": h.ID, "name": h.Name, "deleted": "true"}), tx.DeleteHook(h.ID)
	})
}

// HookCall is a call of another system as it came.
type HookCall struct {
	Hook, Address            string
	ID, Timestamp, Signature string // of the headers webhook-id, webhook-timestamp, webhook-signature
	Body                     []byte
}

// KnownHook is the hook that a call is signed by. once remembers the call in the
// transaction of its effect: [elevation.ErrConflict] when it came before. Whatever
// is wrong with a call, the answer is [auth.ErrUnauthenticated].
func (a *Admin) KnownHook(ctx context.Context, c HookCall) (h Hook, once func(tx *store.Tx) error, err error) {
	now := a.cfg.Now()
	if wait := a.hookTries.Wait(auth.AddressKey(c.Address), now); wait > 0 {
		return h, nil, &auth.RateError{Wait: wait}
	}
	if h, err = a.signedBy(ctx, c, now); err != nil {
		a.hookTries.Take(auth.AddressKey(c.Address), now)
		if !errors.Is(err, auth.ErrUnauthenticated) {
			return h, nil, err
		}
		return h, nil, a.hookRefused(ctx, h, now, err)
	}
	if wait := a.hookCalls.TakeOrWait(h.ID, now); wait > 0 {
		return h, nil, &auth.RateError{Wait: wait}
	}
	return h, func(tx *store.Tx) error {
		return conflict(tx.TakeHookCall(h.ID, c.ID, now, now.Add(-3*hookWindow)), "this call came before")
	}, nil
}

// signedBy finds the hook of a call and checks signature and time. With the error
// the hook has its id when it is there.
func (a *Admin) signedBy(ctx context.Context, c HookCall, now time.Time) (out Hook, err error) {
	if a.cfg.Secrets == nil {
		return out, auth.ErrUnauthenticated
	}
	var h store.Hook
	err = a.cfg.Store.View(ctx, func(tx *store.Tx) (err error) { h, err = tx.Hook(c.Hook); return err })
	key := make([]byte, 32) // of nobody: the same work is done for a hook that is not there
	there := err == nil
	switch {
	case there:
		if key, err = a.cfg.Secrets.Unwrap(hookPurpose(h.ID), h.Secret); err != nil {
			return out, fmt.Errorf("read the secret of hook %s: %w", h.ID, err)
		}
	case !errors.Is(err, elevation.ErrNotFound):
		return out, err
	}
	out.ID, out.Name, out.Kind = h.ID, h.Name, h.Kind
	check, err := standardwebhooks.NewWebhookRaw(key)
	if err != nil {
		return out, fmt.Errorf("read the secret of hook %s: %w", h.ID, err)
	}
	head := http.Header{}
	head.Set(standardwebhooks.HeaderWebhookID, c.ID)
	head.Set(standardwebhooks.HeaderWebhookTimestamp, c.Timestamp)
	head.Set(standardwebhooks.HeaderWebhookSignature, c.Signature)
	signed := check.VerifyIgnoringTimestamp(c.Body, head) == nil
	seconds, err := strconv.ParseInt(c.Timestamp, 10, 64)
	if err != nil || seconds < 0 || seconds > 1<<40 {
		return out, auth.ErrUnauthenticated
	}
	if !there || !signed || c.ID == "" || len(c.ID) > hookID || now.Sub(time.Unix(seconds, 0)).Abs() > hookWindow {
		return out, auth.ErrUnauthenticated
	}
	return out, nil
}

// hookRefused writes that somebody called a hook who may not, not more often than
// the log can bear.
func (a *Admin) hookRefused(ctx context.Context, h Hook, now time.Time, why error) error {
	if h.ID == "" || a.hookCalls.TakeOrWait("refused "+h.ID, now) > 0 {
		return why
	}
	e := audit.Event{At: now, Kind: audit.AuthRefused, Actor: h.Speaker(),
		Data: map[string]string{"act": "hook.call", "why": "the signature or the time is wrong"}}
	if err := a.cfg.Store.Update(ctx, func(tx *store.Tx) error { return tx.Append(e) }); err != nil {
		return fmt.Errorf("record a refusal: %w", err)
	}
	return why
}

// Speaker is the hook as the one who says something.
func (h Hook) Speaker() elevation.Actor {
	return elevation.Actor{Kind: elevation.BySystem, ID: h.ID, Name: "hook " + h.Name}
}
