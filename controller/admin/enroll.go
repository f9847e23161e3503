package admin

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// NewEnrollToken asks for an enrolment token.
type NewEnrollToken struct {
	TTL          time.Duration     // 0 = 24 hours
	MaxUses      int               // 0 = 1
	Labels       map[string]string // that its endpoints get
	AcceptLabels []string          // that its endpoints may say of themselves
	Mode         string            // "ask" or "observe"; "" = observe for endpoints that a package enrols, ask for others
}

// Limits of enrolment tokens.
const (
	defaultEnrollTTL = 24 * time.Hour
	maxEnrollTTL     = 366 * 24 * time.Hour
	maxEnrollUses    = 1_000_000
	maxEnrollTokens  = 1000
)

// AddEnrollToken makes an enrolment token and returns its text, which is stored
// nowhere.
func (a *Admin) AddEnrollToken(ctx context.Context, act auth.Actor, in NewEnrollToken) (store.EnrollToken, string, error) {
	none := store.EnrollToken{}
	if err := a.may(ctx, act, auth.EnrollTokenWrite, "enrollment_token.add"); err != nil {
		return none, "", err
	}
	if !within(act, in.Labels) {
		return none, "", a.refuse(ctx, act, "enrollment_token.add",
			fmt.Errorf("%w: your account is limited to endpoints with %s: the token must give these labels", elevation.ErrNotAllowed, labelList(act.Scope)))
	}
	if err := checkEnroll(&in); err != nil {
		return none, "", err
	}
	text, hash, err := wire.NewEnrollToken(a.cfg.CAFingerprint)
	if err != nil {
		return none, "", fmt.Errorf("make enrolment token: %w", err)
	}
	now := a.cfg.Now()
	t := store.EnrollToken{ID: elevation.TokenID(elevation.NewID(elevation.TokenPrefix, now)), Hash: hash, ExpiresAt: now.Add(in.TTL),
		MaxUses: in.MaxUses, Labels: in.Labels, AcceptLabels: in.AcceptLabels, Mode: in.Mode, CreatedBy: by(act), CreatedAt: now}
	err = a.change(ctx, func(tx *store.Tx) (audit.Event, error) {
		all, err := tx.EnrollTokens()
		if err != nil {
			return audit.Event{}, err
		}
		if len(all) >= maxEnrollTokens {
			return audit.Event{}, fmt.Errorf("%w: there are %d enrolment tokens; delete some", elevation.ErrLimit, len(all))
		}
		if err := tx.InsertEnrollToken(t); err != nil {
			return audit.Event{}, err
		}
		return a.event(act, audit.EnrollTokenCreated, enrollData(t)), nil
	})
	if err != nil {
		return none, "", err
	}
	return t, text, nil
}

func checkEnroll(in *NewEnrollToken) error {
	if in.TTL == 0 {
		in.TTL = defaultEnrollTTL
	}
	if in.MaxUses == 0 {
		in.MaxUses = 1
	}
	switch {
	case in.TTL < time.Second || in.TTL > maxEnrollTTL:
		return fmt.Errorf("%w: an enrolment token lives from one second to %s", elevation.ErrInvalid, elevation.FormatDuration(maxEnrollTTL))
	case in.MaxUses < 1 || in.MaxUses > maxEnrollUses:
		return fmt.Errorf("%w: an enrolment token is for 1 to %d endpoints", elevation.ErrInvalid, maxEnrollUses)
	case in.Mode != "" && in.Mode != "ask" && in.Mode != "observe":
		return fmt.Errorf("%w: the mode is ask or observe", elevation.ErrInvalid)
	case len(in.AcceptLabels) > maxLabels:
		return fmt.Errorf("%w: more than %d accepted labels", elevation.ErrInvalid, maxLabels)
	}
	for i, k := range in.AcceptLabels {
		if err := checkLabelKey(k); err != nil {
			return err
		}
		if _, given := in.Labels[k]; given || slices.Contains(in.AcceptLabels[:i], k) {
			return fmt.Errorf("%w: the label %s is there twice", elevation.ErrInvalid, k)
		}
	}
	return checkLabels(in.Labels)
}

func enrollData(t store.EnrollToken) map[string]string {
	data := map[string]string{"token": string(t.ID), "max_uses": strconv.Itoa(t.MaxUses), "expires": t.ExpiresAt.UTC().Format(time.RFC3339)}
	if t.Mode != "" {
		data["mode"] = t.Mode
	}
	if len(t.Labels) > 0 {
		data["labels"] = labelList(t.Labels)
	}
	if len(t.AcceptLabels) > 0 {
		data["accept_labels"] = audit.Clip(strings.Join(t.AcceptLabels, ", "), 2000)
	}
	return data
}

// EnrollTokens lists the enrolment tokens inside the actor's scope, the newest
// first, used and expired ones too.
func (a *Admin) EnrollTokens(ctx context.Context, act auth.Actor) ([]store.EnrollToken, error) {
	if err := act.Can(auth.EnrollTokenRead); err != nil {
		return nil, err
	}
	var list []store.EnrollToken
	err := a.cfg.Store.View(ctx, func(tx *store.Tx) error {
		var err error
		list, err = tx.EnrollTokens()
		return err
	})
	list = slices.DeleteFunc(list, func(t store.EnrollToken) bool { return !within(act, t.Labels) })
	return list, err
}

// DeleteEnrollToken withdraws an enrolment token. Endpoints that enrolled with
// it stay.
func (a *Admin) DeleteEnrollToken(ctx context.Context, act auth.Actor, id elevation.TokenID) error {
	if err := a.may(ctx, act, auth.EnrollTokenWrite, "enrollment_token.delete"); err != nil {
		return err
	}
	return a.change(ctx, func(tx *store.Tx) (audit.Event, error) {
		all, err := tx.EnrollTokens()
		if err != nil {
			return audit.Event{}, err
		}
		i := slices.IndexFunc(all, func(t store.EnrollToken) bool { return t.ID == id })
		if i < 0 || !within(act, all[i].Labels) {
			return audit.Event{}, fmt.Errorf("enrolment token %s: %w", audit.Clip(string(id), 80), elevation.ErrNotFound)
		}
		if err := tx.DeleteEnrollToken(id); err != nil {
			return audit.Event{}, err
		}
		return a.event(act, audit.EnrollTokenDeleted, enrollData(all[i])), nil
	})
}
