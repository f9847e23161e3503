// Package admin is what administrators do: rules, packs, accounts, tokens,
// endpoints and their policies, teams, links, stand-ins and settings.
//
// Every verb checks the permission of its actor, checks its input, and writes
// the change together with its audit event in one transaction; a refused change
// is logged as auth.refused. It never touches requests and grants, which belong
// to queue, and recognises nobody, which is the work of auth.
//
// Read rules.go for the set of rules in force ([Admin.Set]), ruleedit.go, packs.go
// and proposals.go for what changes it, policies.go for what endpoints are told,
// teams.go, links.go and away.go for who may answer; the others tell their own.
package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules"
)

// Passwords turns a new password into what is stored; [auth.Accounts] does.
type Passwords interface {
	HashPassword(ctx context.Context, password string) (string, error)
}

// Config names what admin needs.
type Config struct {
	Store         *store.Store
	Passwords     Passwords
	Conditions    rules.Conditions // of `when`; nil refuses rules that have one
	CAFingerprint []byte           // of the agents' CA, for enrolment tokens
	OnRules       func(*rules.Set) // may be nil; called after a new set is in force
	// Denied holds a set against what people denied in the last days: how many of
	// that it would approve, the newest, and by which rule. Without it rules are
	// applied only by those who acknowledge that.
	Denied   func(ctx context.Context, set *rules.Set, days int) (n int, newest elevation.RequestID, rule string, err error)
	Policies PolicySigner               // nil: endpoints are sent no policies
	Cluster  string                     // needed with Policies
	Wake     func(elevation.EndpointID) // a policy waits for the endpoint; nil or must not block
	Channels ChannelKinds               // nil: there are no alerts
	Secrets  Secrets                    // nil: there are no hooks
	Now      func() time.Time
	Log      *slog.Logger // nil discards
}

// Admin does what administrators ask. Use [New].
type Admin struct {
	cfg      Config
	force    atomic.Pointer[inForce]        // the rules; never nil
	applying sync.Mutex                     // one set of rules is applied at a time, from reading to putting in force
	checks   chan struct{}                  // slots for reading large texts of rules
	checking atomic.Int32                   // texts that are read or wait to be
	policies atomic.Pointer[store.Policies] // never nil
	policing sync.Mutex                     // policies are changed and sent one at a time
	pauses   atomic.Pointer[[]store.Pause]  // that have not ended; never nil
	repause  chan struct{}                  // 1; pauses changed
	rebundle chan struct{}                  // 1; bundles of rules may differ from what was sent

	hookCalls *auth.Limiter // calls of one hook, and what is written of those that are refused
	hookTries *auth.Limiter // calls with a wrong signature from one address
}

// New reads the rules that are in force. Stored rules that this program can not
// read any more are no error, or nobody could correct them: they are logged,
// and until then no rule answers and every attempt asks a person.
func New(ctx context.Context, cfg Config) (*Admin, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	a := &Admin{cfg: cfg, checks: make(chan struct{}, 2), rebundle: make(chan struct{}, 1), repause: make(chan struct{}, 1),
		hookCalls: auth.NewLimiter(5, 50, 2*maxHooks), hookTries: auth.NewLimiter(1.0/3, 20, 10_000)}
	if err := a.loadRules(ctx); err != nil {
		return nil, fmt.Errorf("read rules: %w", err)
	}
	if err := a.loadPolicies(ctx); err != nil {
		return nil, fmt.Errorf("read policies: %w", err)
	}
	if err := a.loadPauses(ctx); err != nil {
		return nil, fmt.Errorf("read pauses: %w", err)
	}
	return a, nil
}

// localUser is the actor of [Local]; no account can have this id.
const localUser elevation.UserID = "local"

// Local is the actor of commands that are run on the controller's own machine,
// by somebody who can read its data folder anyway.
func Local() auth.Actor {
	return auth.Actor{User: localUser, Login: "local command", Name: "local command",
		Roles: []auth.Role{auth.Administrator}, Full: true}
}

// by is the actor as the audit log names it.
func by(act auth.Actor) elevation.Actor {
	if act.User == localUser {
		return elevation.Actor{Kind: elevation.BySystem, Name: act.Login}
	}
	return act.Elevation()
}

// may checks the permission for a change and logs a refusal.
func (a *Admin) may(ctx context.Context, act auth.Actor, p auth.Permission, what string) error {
	if err := act.Can(p); err != nil {
		return a.refuse(ctx, act, what, err)
	}
	return nil
}

// refuse logs that act was not allowed to do what, and returns why.
func (a *Admin) refuse(ctx context.Context, act auth.Actor, what string, why error) error {
	if act.User == "" {
		return why // nobody: the door counts those
	}
	e := a.event(act, audit.AuthRefused, map[string]string{"act": what, "why": audit.Clip(why.Error(), 500)})
	if err := a.cfg.Store.Update(ctx, func(tx *store.Tx) error { return tx.Append(e) }); err != nil {
		return fmt.Errorf("record a refusal: %w", err)
	}
	return why
}

// global refuses changes for all endpoints by somebody who may see only some.
func (a *Admin) global(ctx context.Context, act auth.Actor, what string) error {
	if len(act.Scope) == 0 {
		return nil
	}
	return a.refuse(ctx, act, what, fmt.Errorf("%w: your account is limited to some endpoints, and this is for all of them", elevation.ErrNotAllowed))
}

func (a *Admin) event(act auth.Actor, k audit.Kind, data map[string]string) audit.Event {
	return audit.Event{At: a.cfg.Now(), Kind: k, Actor: by(act), Data: data}
}

// change runs fn in one transaction and appends the event that it returns. An
// event of kind 0 means that nothing changed.
func (a *Admin) change(ctx context.Context, fn func(*store.Tx) (audit.Event, error)) error {
	return a.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		e, err := fn(tx)
		if err != nil || e.Kind == 0 {
			return err
		}
		return tx.Append(e)
	})
}

// look reads who may answer, and with it whatever do wants.
func (a *Admin) look(ctx context.Context, do func(*store.Tx, *store.Staff) error) error {
	return a.cfg.Store.View(ctx, func(tx *store.Tx) error {
		staff, err := tx.Staff()
		if err != nil {
			return err
		}
		return do(tx, staff)
	})
}

// changeStaff is change of who may answer. What fn does not allow is logged as a
// refusal of what.
func (a *Admin) changeStaff(ctx context.Context, act auth.Actor, what string, fn func(*store.Tx, *store.Staff) (audit.Event, error)) error {
	err := a.change(ctx, func(tx *store.Tx) (audit.Event, error) {
		staff, err := tx.Staff()
		if err != nil {
			return audit.Event{}, err
		}
		return fn(tx, staff)
	})
	if errors.Is(err, elevation.ErrNotAllowed) {
		return a.refuse(ctx, act, what, err)
	}
	return err
}

// conflict says with [elevation.ErrConflict] that something is there already.
func conflict(err error, format string, args ...any) error {
	if errors.Is(err, store.ErrExists) {
		return fmt.Errorf("%w: %s", elevation.ErrConflict, fmt.Sprintf(format, args...))
	}
	return err
}

// Limits of names and labels.
const (
	maxLabels     = 64
	maxLabelKey   = 63 // bytes
	maxLabelValue = 200
)

// checkName refuses names of things (logins, teams, tokens, values of labels)
// that are empty, longer than limit bytes, not text, or that have characters
// which separate names elsewhere (, ; : / \) or do not print.
func checkName(what, s string, limit int) error {
	switch {
	case s == "" || len(s) > limit:
		return fmt.Errorf("%w: the %s needs 1 to %d bytes", elevation.ErrInvalid, what, limit)
	case strings.ContainsAny(s, `,;:/\`):
		return fmt.Errorf(`%w: the %s may not have any of , ; : / \`, elevation.ErrInvalid, what)
	case strings.TrimSpace(s) != s:
		return fmt.Errorf("%w: the %s begins or ends with a space", elevation.ErrInvalid, what)
	}
	return elevation.CheckLine(what, s, limit)
}

// checkLabelKey allows letters, digits and . _ - after the first.
func checkLabelKey(k string) error {
	ok := k != "" && len(k) <= maxLabelKey
	for i, r := range k {
		plain := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		ok = ok && (plain || i > 0 && strings.ContainsRune("._-", r))
	}
	if !ok {
		return fmt.Errorf("%w: the name of a label has 1 to %d letters and digits, and . _ - after the first", elevation.ErrInvalid, maxLabelKey)
	}
	return nil
}

func checkLabels(labels map[string]string) error {
	if len(labels) > maxLabels {
		return fmt.Errorf("%w: more than %d labels", elevation.ErrInvalid, maxLabels)
	}
	for k, v := range labels {
		if err := checkLabelKey(k); err != nil {
			return err
		}
		if err := checkName("value of label "+k, v, maxLabelValue); err != nil {
			return err
		}
	}
	return nil
}

// within reports whether a scope is as narrow as that of the actor: it must
// have every label of it.
func within(act auth.Actor, scope map[string]string) bool { return act.Covers(scope) }
