package admin

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules"
	"github.com/assent-epm/assent/shared/wire"
)

// wrapper keeps secrets by turning them round.
type wrapper struct{}

func (wrapper) Wrap(_ string, plain []byte) ([]byte, error) {
	out := bytes.Clone(plain)
	for i := range out {
		out[i] ^= 0xff
	}
	return out, nil
}
func (w wrapper) Unwrap(p string, wrapped []byte) ([]byte, error) { return w.Wrap(p, wrapped) }

// able makes an endpoint that takes bundles and codes, and the policy for it.
func (d *desk) able(t *testing.T, name string, labels map[string]string) elevation.EndpointID {
	t.Helper()
	id := d.plain(t, name, labels)
	err := d.store.Update(ctxOf(t), func(tx *store.Tx) error {
		e, err := tx.Endpoint(id)
		if err != nil {
			return err
		}
		e.Capabilities = []string{"bundle", "codes"}
		return tx.SeenEndpoint(e)
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// frames are those of a type that wait for an endpoint.
func (d *desk) frames(t *testing.T, id elevation.EndpointID, kind wire.Type) (out []wire.Frame) {
	t.Helper()
	err := d.store.View(ctxOf(t), func(tx *store.Tx) error {
		list, err := tx.Frames(id, 0, 500)
		for _, raw := range list {
			f, e := wire.Decode(raw.Raw)
			if err = errors.Join(err, e); f.Type == kind {
				out = append(out, f)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestBundlesAreSentOnce: an endpoint is sent the rules that can be about it, again
// when they change and before half of their time is over, and only where the policy
// says so.
func TestBundlesAreSentOnce(t *testing.T) {
	d := newDesk(t)
	ctx := ctxOf(t)
	p := &pen{}
	d.cfg.Policies, d.cfg.Secrets, d.cfg.Cluster = p, wrapper{}, "c"
	web := d.able(t, "web-1", map[string]string{"role": "web"})
	equip := func(want int, when string) {
		t.Helper()
		if err := d.Equip(ctx, web); err != nil {
			t.Fatal(err)
		}
		if len(p.bundles) != want || len(d.frames(t, web, wire.TBundle)) != want {
			t.Errorf("%s: %d bundles", when, len(p.bundles))
		}
	}
	equip(0, "without a policy")
	if len(d.frames(t, web, wire.TSecret)) != 0 {
		t.Error("a key without a policy")
	}
	if _, err := d.PutPolicies(ctx, d.chief, nil, []store.PolicyEntry{{Name: "all", Offline: elevation.Offline{Rules: true, Codes: true}}}); err != nil {
		t.Fatal(err)
	}
	equip(1, "with one")
	equip(1, "again")
	text := idRule + "  - name: db\n    match: {path: /usr/bin/psql, args: [], endpoint: {labels: {role: db}}}\n    then: approve\n" +
		"  - name: watch\n    match: {path: /usr/bin/who}\n    then: deny\n    mode: observe\n"
	if _, _, err := d.ApplyRules(ctx, d.chief, ApplyRules{YAML: text, AcknowledgeDenied: true}); err != nil {
		t.Fatal(err)
	}
	equip(2, "with other rules")
	b := p.bundles[1]
	if b.Number != 2 || b.Version != d.Set().Version() || b.Labels["role"] != "web" || b.NotAfter.Sub(b.At) != elevation.BundleLasts {
		t.Errorf("%+v", b)
	}
	for _, part := range b.Rules {
		if s := string(part.YAML); strings.Contains(s, "psql") || strings.Contains(s, "/usr/bin/who,") || part.Pack == "" && !strings.Contains(s, "/usr/bin/id") {
			t.Errorf("pack %q: %s", part.Pack, s)
		}
	}
	set, err := rules.FromBundle(b)
	if err != nil {
		t.Fatal(err)
	}
	out := set.Answer(elevation.Attempt{AccessType: elevation.Run, Subject: elevation.Subject{Path: "/usr/bin/id", Args: []string{}}}, "", d.now)
	if want := fmt.Sprintf("id@%d", b.Version); out.Kind != rules.Approve || out.Rule != want {
		t.Errorf("%s by %s, want %s", out.Kind, out.Rule, want)
	}
	d.now = d.now.Add(bundleAge)
	equip(3, "before half of its time is over")
	if err := d.sendBundles(ctx, func(elevation.EndpointID) bool { return true }); err != nil || len(p.bundles) != 3 {
		t.Errorf("%d bundles, %v", len(p.bundles), err)
	}
	old, err := d.SetAt(ctx, b.Version)
	if err != nil || old.Version() != b.Version {
		t.Errorf("version %d: %v %v", b.Version, old, err)
	}
	if none, err := d.SetAt(ctx, 99); none != nil || err != nil {
		t.Errorf("version 99: %v %v", none, err)
	}
}

// TestBundleThatDoesNotFit: nothing is sent, and it is said once.
func TestBundleThatDoesNotFit(t *testing.T) {
	d := newDesk(t)
	ctx := ctxOf(t)
	p := &pen{}
	d.cfg.Policies, d.cfg.Cluster = p, "c"
	web := d.able(t, "web-1", nil)
	if _, err := d.PutPolicies(ctx, d.chief, nil, []store.PolicyEntry{{Name: "all", Offline: elevation.Offline{Rules: true}}}); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	text.WriteString("rules:\n")
	for i := range 600 {
		fmt.Fprintf(&text, "  - name: r%d\n    match: {path: /usr/bin/r%d, args: []}\n    then: deny\n    message: {en: %q}\n", i, i, strings.Repeat("x", 400))
	}
	if _, _, err := d.ApplyRules(ctx, d.chief, ApplyRules{YAML: text.String(), AcknowledgeDenied: true}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := d.Equip(ctx, web); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(d.frames(t, web, wire.TBundle)); n != 0 {
		t.Errorf("%d are sent", n)
	}
	kinds, last := d.events(t, 0)
	n := 0
	for _, k := range kinds {
		if k == audit.EndpointAlarm.String() {
			n++
		}
	}
	if n != 1 || last.Data["what"] != "bundle_too_large" {
		t.Errorf("%d alarms, %+v", n, last)
	}
}

// TestOfflineKeysAreRotated: each contact brings a new key, unless the last one has
// not been confirmed; what the database keeps is wrapped.
func TestOfflineKeysAreRotated(t *testing.T) {
	d := newDesk(t)
	ctx := ctxOf(t)
	d.cfg.Policies, d.cfg.Secrets, d.cfg.Cluster = &pen{}, wrapper{}, "c"
	web := d.able(t, "web-1", nil)
	if _, err := d.PutPolicies(ctx, d.chief, nil, []store.PolicyEntry{{Name: "all", Offline: elevation.Offline{Codes: true}}}); err != nil {
		t.Fatal(err)
	}
	contact := func(ack bool) (k store.OfflineKey) {
		t.Helper()
		if err := d.Equip(ctx, web); err != nil {
			t.Fatal(err)
		}
		err := d.store.Update(ctx, func(tx *store.Tx) (err error) {
			if k, err = tx.OfflineKey(web); err == nil && ack {
				err = tx.Acked(web, k.Frame)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	first := contact(false)
	if again := contact(true); again.Epoch != 1 || !bytes.Equal(again.Key, first.Key) || first.Before != nil {
		t.Errorf("not confirmed, and changed: %+v", again)
	}
	second := contact(false)
	if second.Epoch != 2 || !bytes.Equal(second.Before, first.Key) || bytes.Equal(second.Key, first.Key) {
		t.Errorf("%+v", second)
	}
	frames := d.frames(t, web, wire.TSecret)
	var m wire.Secret
	if len(frames) != 1 || frames[0].Into(&m) != nil || !bytes.Equal(m.Key, second.Key) || m.Epoch != 2 {
		t.Errorf("%d frames, %+v", len(frames), m)
	}
	d.now = d.now.Add(time.Hour)
}
