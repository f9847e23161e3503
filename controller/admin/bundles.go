package admin

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/keys"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules"
	"github.com/assent-epm/assent/shared/rules/packs"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
)

// This file gives endpoints what they need while they can not reach the
// controller: the signed rules that can be about them, and a key for codes. Both
// only where their policy says so.

const (
	bundleAge  = elevation.BundleLasts/2 - time.Hour // an older one is made anew
	bundleLook = 10 * time.Minute
)

// Equip gives an endpoint that connects its bundle, if it has none that is new
// enough, and a new key for codes.
func (a *Admin) Equip(ctx context.Context, id elevation.EndpointID) error {
	ep, err := a.cfg.Store.Endpoint(ctx, id)
	if err != nil || a.cfg.Policies == nil {
		return err
	}
	return errors.Join(a.sendBundle(ctx, ep), a.newOfflineKey(ctx, ep))
}

// RunBundles gives every connected endpoint a new bundle when rules, policies or
// labels change, and before half of the life of the last one is over.
func (a *Admin) RunBundles(ctx context.Context, connected func(elevation.EndpointID) bool) {
	tick := time.NewTicker(bundleLook)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-a.rebundle:
		}
		if err := a.sendBundles(ctx, connected); err != nil && ctx.Err() == nil {
			a.cfg.Log.Error("send bundles of rules", "error", err)
		}
	}
}

// bundlesChanged makes RunBundles look soon.
func (a *Admin) bundlesChanged() {
	select {
	case a.rebundle <- struct{}{}:
	default:
	}
}

func (a *Admin) sendBundles(ctx context.Context, connected func(elevation.EndpointID) bool) error {
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
		for _, ep := range list {
			if !connected(ep.ID) {
				continue // it gets its own when it connects
			}
			if err := a.sendBundle(ctx, ep); err != nil {
				return err
			}
		}
		after = string(list[len(list)-1].ID)
	}
}

// sendBundle sends an endpoint its rules if they differ from what it was sent
// last, or that is getting old.
func (a *Admin) sendBundle(ctx context.Context, ep store.Endpoint) error {
	if !slices.Contains(ep.Capabilities, "bundle") || !a.PolicyFor(ep.EffectiveLabels()).Offline.Rules {
		return nil
	}
	a.policing.Lock()
	defer a.policing.Unlock()
	b, err := a.bundle(ep)
	if err != nil {
		digest := sha256.Sum256([]byte(err.Error()))
		return a.noBundle(ctx, ep, digest[:], "unreadable", err.Error())
	}
	said, err := sign.Encode(b)
	if err != nil {
		return fmt.Errorf("bundle of %s: %w", ep.ID, err)
	}
	digest := sha256.Sum256(said)
	var was store.SentBundle
	if err := a.cfg.Store.View(ctx, func(tx *store.Tx) (err error) { was, err = tx.SentBundle(ep.ID); return err }); err != nil {
		return err
	}
	now := a.cfg.Now()
	if age := now.Sub(was.At); bytes.Equal(was.Digest, digest[:]) && age < bundleAge && age >= 0 {
		return nil
	}
	b.Number, b.At, b.NotAfter, b.KeyEpoch = was.Number+1, now.UTC(), now.UTC().Add(elevation.BundleLasts), a.cfg.Policies.Epoch()
	raw, err := a.cfg.Policies.SignBundle(b)
	if err != nil {
		return fmt.Errorf("bundle of %s: %w", ep.ID, err)
	}
	if len(raw) > elevation.MaxBundle {
		return a.noBundle(ctx, ep, digest[:], "too_large", fmt.Sprintf("%d bytes, of %d", len(raw), elevation.MaxBundle))
	}
	err = a.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		if at, err := tx.SentBundle(ep.ID); err != nil || at.Number != was.Number {
			return errors.Join(err, store.ErrStale)
		}
		if _, err := tx.Enqueue(ep.ID, wire.TBundle, wire.Signed{Raw: raw}); err != nil {
			return err
		}
		return tx.PutSentBundle(ep.ID, store.SentBundle{Number: b.Number, Digest: digest[:], At: now})
	})
	if err == nil && a.cfg.Wake != nil {
		a.cfg.Wake(ep.ID)
	}
	return err
}

// noBundle says in the log, once for the same rules, that an endpoint gets none.
func (a *Admin) noBundle(ctx context.Context, ep store.Endpoint, digest []byte, why, text string) error {
	now := a.cfg.Now()
	a.cfg.Log.Error("an endpoint gets no rules for times without the controller", "endpoint", ep.ID, "why", why, "error", text)
	return a.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		was, err := tx.SentBundle(ep.ID)
		if err != nil || bytes.Equal(was.Digest, digest) && now.Sub(was.At) < bundleAge {
			return err
		}
		was.Digest, was.At = digest, now
		if err := tx.PutSentBundle(ep.ID, was); err != nil {
			return err
		}
		return tx.Append(audit.Event{At: now, Kind: audit.EndpointAlarm, Endpoint: ep.ID, Actor: elevation.Actor{Kind: elevation.BySystem, Name: "controller"},
			Data: map[string]string{"what": "bundle_" + why, "name": audit.Clip(ep.Name, 255), "detail": audit.Clip(text, 500)}})
	})
}

// bundle is what an endpoint would be sent, without number and times. What it can
// not read is found here and not there.
func (a *Admin) bundle(ep store.Endpoint) (elevation.Bundle, error) {
	force := a.force.Load()
	labels := maps.Clone(ep.EffectiveLabels())
	b := elevation.Bundle{Cluster: a.cfg.Cluster, Endpoint: ep.ID, Version: force.set.Version(), Name: ep.Name, OS: ep.Facts.OS, Arch: ep.Facts.Arch,
		Labels: labels, Zone: a.zone().String()}
	byPack := map[string][]rules.Rule{}
	order := []string{}
	for _, r := range force.set.Rules() {
		if !slices.Contains(order, r.Pack) {
			order = append(order, r.Pack)
		}
		byPack[r.Pack] = append(byPack[r.Pack], r)
	}
	asking, err := askingPacks(force.packs)
	if err != nil {
		return b, err
	}
	for _, pack := range order {
		if text := rules.BundleText(byPack[pack], labels); text != "" {
			b.Rules = append(b.Rules, elevation.BundledRules{Pack: pack, Asking: asking[pack], YAML: []byte(text)})
		}
	}
	_, err = rules.FromBundle(b)
	return b, err
}

// askingPacks are the packs whose denials ask a person, by name@version.
func askingPacks(states map[string]string) (map[string]bool, error) {
	all, err := packs.All()
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for _, p := range all {
		out[p.Name+"@"+strconv.Itoa(p.Version)] = stateOf(p, states) == packs.Ask
	}
	return out, nil
}

// SetAt is a version of the rules as it was in force, nil when there is none that
// can be read.
func (a *Admin) SetAt(ctx context.Context, version int64) (*rules.Set, error) {
	if set := a.Set(); set.Version() == version {
		return set, nil
	}
	var all []store.Ruleset
	if err := a.cfg.Store.View(ctx, func(tx *store.Tx) (err error) { all, err = tx.Rulesets(); return err }); err != nil {
		return nil, err
	}
	for _, r := range all {
		if r.Version != version {
			continue
		}
		own, _ := a.read(r.YAML)
		if own == nil {
			return nil, nil
		}
		set, err := a.compose(own, r.Packs)
		return set.At(version), err
	}
	return nil, nil
}

// newOfflineKey gives an endpoint a new key for codes, unless it has not yet
// confirmed the last one: until then the one before is good.
func (a *Admin) newOfflineKey(ctx context.Context, ep store.Endpoint) error {
	if a.cfg.Secrets == nil || !slices.Contains(ep.Capabilities, "codes") || !a.PolicyFor(ep.EffectiveLabels()).Offline.Codes {
		return nil
	}
	key := make([]byte, elevation.OfflineKeyLen)
	rand.Read(key)
	wrapped, err := a.cfg.Secrets.Wrap(keys.OfflinePurpose(ep.ID), key)
	if err != nil {
		return fmt.Errorf("offline key of %s: %w", ep.ID, err)
	}
	err = a.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		was, err := tx.OfflineKey(ep.ID)
		if err != nil {
			return err
		}
		row, err := tx.Endpoint(ep.ID)
		if err != nil || was.Epoch > 0 && row.Acked < was.Frame {
			return err
		}
		next := store.OfflineKey{Epoch: was.Epoch + 1, Key: wrapped, Before: was.Key}
		// The frame is kept as it is here, so it has the wrapped key; the gateway
		// unwraps it when it writes it to the endpoint.
		if next.Frame, err = tx.Enqueue(ep.ID, wire.TSecret, wire.Secret{Key: wrapped, Epoch: next.Epoch}); err != nil {
			return err
		}
		return tx.PutOfflineKey(ep.ID, next)
	})
	if err == nil && a.cfg.Wake != nil {
		a.cfg.Wake(ep.ID)
	}
	return err
}
