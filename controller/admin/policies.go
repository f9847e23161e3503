package admin

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
)

// PolicySigner makes what endpoints obey; controller/keys implements it.
type PolicySigner interface {
	SignPolicy(elevation.Policy) ([]byte, error)
	SignBundle(elevation.Bundle) ([]byte, error)
	Epoch() uint64 // of the key that signs now
}

// Limits of policies.
const (
	maxPolicies  = 200
	maxPresets   = 20
	maxPreset    = 200 // bytes
	maxReasonMin = 500 // characters
	policyBatch  = 200 // endpoints in one transaction
)

// Policies is the ordered list in force; version 0 means that there is none yet.
func (a *Admin) Policies(_ context.Context, act auth.Actor) (store.Policies, error) {
	if err := act.Can(auth.EndpointsRead); err != nil {
		return store.Policies{}, err
	}
	return *a.policies.Load(), nil
}

// PolicyVersions are the numbers of what endpoints were sent last; one that was
// sent nothing is not among them. The caller has checked who may know of them.
func (a *Admin) PolicyVersions(ctx context.Context, ids []elevation.EndpointID) (map[elevation.EndpointID]int64, error) {
	out := map[elevation.EndpointID]int64{}
	err := a.cfg.Store.View(ctx, func(tx *store.Tx) error {
		for _, id := range ids {
			v, _, err := tx.SentPolicy(id)
			if err != nil {
				return err
			}
			if v > 0 {
				out[id] = int64(v)
			}
		}
		return nil
	})
	return out, err
}

// PolicyFor is what an endpoint with these labels obeys: the first entry whose
// labels it has, with the patterns of secrets of the settings. Without an entry
// the policy has no name and says nothing else.
func (a *Admin) PolicyFor(labels map[string]string) elevation.Policy {
	p := elevation.Policy{}
	for _, e := range a.policies.Load().Items {
		if !has(labels, e.Labels) {
			continue
		}
		p = elevation.Policy{Name: e.Name, Mode: e.Mode, Mechanisms: e.Mechanisms, Mask: slices.Clone(e.Mask), Presets: e.Presets,
			ReasonMin: e.ReasonMin, BreakGlass: e.BreakGlass, Confirm: e.Confirm, Offline: e.Offline, Budget: e.Budget, Words: e.Words, Rights: e.Rights}
		break
	}
	for _, m := range a.cfg.Store.Settings().MaskPatterns {
		if !slices.Contains(p.Mask, m) {
			p.Mask = append(p.Mask, m)
		}
	}
	return p
}

func has(labels, wanted map[string]string) bool {
	for k, v := range wanted {
		if got, ok := labels[k]; !ok || got != v {
			return false
		}
	}
	return true
}

// PutPolicies replaces the list and sends each endpoint whose policy changes its
// new one. The same list again changes nothing. base is the version that was
// changed, which must still be in force; nil = whatever is.
func (a *Admin) PutPolicies(ctx context.Context, act auth.Actor, base *int64, items []store.PolicyEntry) (store.Policies, error) {
	if err := a.may(ctx, act, auth.EndpointsWrite, "policies.change"); err != nil {
		return store.Policies{}, err
	}
	if err := a.global(ctx, act, "policies.change"); err != nil {
		return store.Policies{}, err
	}
	items, err := checkPolicies(items)
	if err != nil {
		return store.Policies{}, err
	}
	a.policing.Lock()
	defer a.policing.Unlock()
	old := *a.policies.Load()
	if base != nil && *base != old.Version {
		return store.Policies{}, fmt.Errorf("%w: somebody has changed the policies meanwhile: version %d is in force now, yours began from %d", elevation.ErrConflict, old.Version, *base)
	}
	same, err := equalEntries(old.Items, items)
	if err != nil || same && old.Version > 0 {
		return old, err
	}
	next := store.Policies{Items: items, By: by(act), At: a.cfg.Now()}
	err = a.change(ctx, func(tx *store.Tx) (audit.Event, error) {
		if next.Version, err = tx.PutPolicies(next); err != nil {
			return audit.Event{}, err
		}
		names := make([]string, 0, len(items))
		for _, e := range items {
			names = append(names, e.Name)
		}
		return a.event(act, audit.PolicyChanged, map[string]string{"version": strconv.FormatInt(next.Version, 10),
			"policies": audit.Clip(fmt.Sprint(names), 1000)}), nil
	})
	if err != nil {
		return store.Policies{}, err
	}
	a.policies.Store(&next)
	a.bundlesChanged()
	return next, a.sendAll(ctx)
}

func equalEntries(a, b []store.PolicyEntry) (bool, error) {
	x, err := sign.Encode(a)
	if err != nil {
		return false, fmt.Errorf("compare policies: %w", err)
	}
	y, err := sign.Encode(b)
	if err != nil {
		return false, fmt.Errorf("compare policies: %w", err)
	}
	return bytes.Equal(x, y), nil
}

// checkPolicies refuses a list that endpoints could not obey, or in which an
// entry is never reached; what is left out gets its default.
func checkPolicies(items []store.PolicyEntry) ([]store.PolicyEntry, error) {
	if len(items) > maxPolicies {
		return nil, fmt.Errorf("%w: %d policies, but there may be %d", elevation.ErrInvalid, len(items), maxPolicies)
	}
	out := make([]store.PolicyEntry, 0, len(items))
	for i, e := range items {
		e, err := checkPolicy(e)
		if err != nil {
			return nil, fmt.Errorf("policy number %d: %w", i+1, err)
		}
		for _, before := range out {
			switch {
			case before.Name == e.Name:
				return nil, fmt.Errorf("%w: two policies are called %q", elevation.ErrInvalid, e.Name)
			case has(e.Labels, before.Labels):
				return nil, fmt.Errorf("%w: policy %q is never reached, because %q before it is for the same endpoints and more: put the narrower one first",
					elevation.ErrInvalid, e.Name, before.Name)
			}
		}
		out = append(out, e)
	}
	return out, nil
}

func checkPolicy(e store.PolicyEntry) (store.PolicyEntry, error) {
	if e.Mode == "" {
		e.Mode = elevation.ModeAsk
	}
	if e.Confirm == "" {
		e.Confirm = "none"
	}
	if err := checkName("name", e.Name, 64); err != nil {
		return e, err
	}
	if err := checkLabels(e.Labels); err != nil {
		return e, err
	}
	if err := checkMasks("mask", e.Mask); err != nil {
		return e, err
	}
	switch e.Mode {
	case elevation.ModeOff, elevation.ModeObserve, elevation.ModeAsk:
	default:
		return e, fmt.Errorf("%w: mode is off, observe or ask", elevation.ErrInvalid)
	}
	for _, k := range slices.Sorted(maps.Keys(e.Mechanisms)) {
		if !slices.Contains([]string{"sudo", "polkit", "uac", "assent", "setuid", "authorization"}, k) {
			return e, fmt.Errorf("%w: there is no mechanism %q: sudo, polkit, uac, assent, setuid and authorization are", elevation.ErrInvalid, audit.Clip(k, 40))
		}
		if v := e.Mechanisms[k]; !slices.Contains([]string{"ask", "allow", "deny", "off"}, v) {
			return e, fmt.Errorf("%w: mechanism %s can be ask, allow, deny or off, not %q", elevation.ErrInvalid, k, audit.Clip(v, 40))
		}
	}
	if len(e.Presets) > maxPresets {
		return e, fmt.Errorf("%w: more than %d presets", elevation.ErrInvalid, maxPresets)
	}
	for _, p := range e.Presets {
		if err := elevation.CheckLine("preset", p, maxPreset); err != nil || p == "" {
			return e, fmt.Errorf("%w: a preset is a text of 1 to %d bytes without control characters", elevation.ErrInvalid, maxPreset)
		}
	}
	if e.ReasonMin < 0 || e.ReasonMin > maxReasonMin {
		return e, fmt.Errorf("%w: reason_min is %d, but must be from 0 to %d", elevation.ErrInvalid, e.ReasonMin, maxReasonMin)
	}
	if e.BreakGlass != "" {
		if err := checkName("break_glass group", e.BreakGlass, 64); err != nil {
			return e, err
		}
		if _, err := strconv.ParseUint(e.BreakGlass, 10, 64); err == nil {
			return e, fmt.Errorf("%w: the break_glass group is named, not numbered", elevation.ErrInvalid)
		}
	}
	if !slices.Contains([]string{"none", "password", "passkey"}, e.Confirm) {
		return e, fmt.Errorf("%w: confirm is none, password or passkey", elevation.ErrInvalid)
	}
	return e, errors.Join(checkBudget(e.Budget), checkWords(e.Words), elevation.CheckAuthorizationRights(e.Rights))
}

// Limits of what a policy says to people and allows them.
const (
	maxWord     = 200 // bytes
	maxRenewals = 1000
)

func checkBudget(b elevation.Budget) error {
	switch {
	case b.PerDay < 0 || b.PerDay > 24*time.Hour:
		return fmt.Errorf("%w: budget per_day_seconds is from 0 to a day", elevation.ErrInvalid)
	case b.Cooldown < 0 || b.Cooldown > 24*time.Hour:
		return fmt.Errorf("%w: budget cooldown_seconds is from 0 to a day", elevation.ErrInvalid)
	case b.Renewals < 0 || b.Renewals > maxRenewals:
		return fmt.Errorf("%w: budget renewals is from 0 to %d", elevation.ErrInvalid, maxRenewals)
	}
	return nil
}

func checkWords(w elevation.Words) error {
	for _, t := range []struct{ what, text string }{{"words company", w.Company}, {"words help", w.Help}, {"words link", w.Link}} {
		if err := elevation.CheckLine(t.what, t.text, maxWord); err != nil {
			return err
		}
	}
	if w.Link != "" {
		u, err := url.Parse(w.Link)
		if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || strings.ContainsAny(w.Link, " \"<>\\") {
			return fmt.Errorf("%w: words link is an https:// address", elevation.ErrInvalid)
		}
	}
	if !slices.Contains([]string{"", "en", "de"}, w.Language) {
		return fmt.Errorf("%w: words language is en or de, or left out", elevation.ErrInvalid)
	}
	return nil
}

// loadPolicies reads the list that is in force.
func (a *Admin) loadPolicies(ctx context.Context) error {
	var p store.Policies
	err := a.cfg.Store.View(ctx, func(tx *store.Tx) (err error) { p, err = tx.Policies(); return err })
	a.policies.Store(&p)
	return err
}

// SendPolicy sends an endpoint its policy when that is another one than it was
// sent last. It is called when its labels may have changed and when it connects,
// so that what was missed once is made good.
func (a *Admin) SendPolicy(ctx context.Context, id elevation.EndpointID) error {
	if a.cfg.Policies == nil {
		return nil
	}
	ep, err := a.cfg.Store.Endpoint(ctx, id)
	if err != nil {
		return err
	}
	a.policing.Lock()
	defer a.policing.Unlock()
	return a.send(ctx, []store.Endpoint{ep})
}

// sendAll sends every endpoint its policy where it changed.
func (a *Admin) sendAll(ctx context.Context) error {
	if a.cfg.Policies == nil {
		return nil
	}
	for after := ""; ; {
		var list []store.Endpoint
		err := a.cfg.Store.View(ctx, func(tx *store.Tx) (err error) {
			list, err = tx.Endpoints(store.EndpointFilter{After: after, Limit: policyBatch})
			return err
		})
		if err != nil || len(list) == 0 {
			return err
		}
		if err := a.send(ctx, list); err != nil {
			return err
		}
		after = string(list[len(list)-1].ID)
	}
}

// outgoing is a signed policy on its way.
type outgoing struct {
	endpoint elevation.EndpointID
	policy   elevation.Policy
	version  uint64
	digest   []byte
	raw      []byte
}

// send signs and enqueues what differs from what was sent last.
func (a *Admin) send(ctx context.Context, list []store.Endpoint) error {
	now := a.cfg.Now()
	var todo []outgoing
	err := a.cfg.Store.View(ctx, func(tx *store.Tx) error {
		todo = todo[:0]
		for _, ep := range list {
			p := a.policyOf(ep)
			digest, err := policyDigest(p)
			if err != nil {
				return err
			}
			version, was, err := tx.SentPolicy(ep.ID)
			if err != nil {
				return err
			}
			if bytes.Equal(was, digest) || version == 0 && p.Name == "" && len(p.Mask) == 0 && p.Paused == nil {
				continue
			}
			todo = append(todo, outgoing{endpoint: ep.ID, policy: p, version: version + 1, digest: digest})
		}
		return nil
	})
	if err != nil || len(todo) == 0 {
		return err
	}
	for i, o := range todo {
		if todo[i].raw, err = a.signed(o, now); err != nil {
			return err
		}
	}
	err = a.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		for _, o := range todo {
			if version, _, err := tx.SentPolicy(o.endpoint); err != nil || version+1 != o.version {
				return fmt.Errorf("policy of %s: %w", o.endpoint, store.ErrStale)
			}
			if _, err := tx.Enqueue(o.endpoint, wire.TPolicy, wire.Signed{Raw: o.raw}); err != nil {
				return err
			}
			if err := tx.PutSentPolicy(o.endpoint, o.version, o.digest); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, o := range todo {
		if a.cfg.Wake != nil {
			a.cfg.Wake(o.endpoint)
		}
	}
	return nil
}

func (a *Admin) signed(o outgoing, now time.Time) ([]byte, error) {
	p := o.policy
	p.Cluster, p.Endpoint, p.Version, p.At, p.KeyEpoch = a.cfg.Cluster, o.endpoint, o.version, now.UTC(), a.cfg.Policies.Epoch()
	raw, err := a.cfg.Policies.SignPolicy(p)
	if err != nil {
		return nil, fmt.Errorf("sign the policy of %s: %w", o.endpoint, err)
	}
	return raw, nil
}

// policyDigest tells policies apart by what they say, not by when.
func policyDigest(p elevation.Policy) ([]byte, error) {
	raw, err := sign.Encode(p)
	if err != nil {
		return nil, fmt.Errorf("encode a policy: %w", err)
	}
	sum := sha256.Sum256(raw)
	return sum[:], nil
}
