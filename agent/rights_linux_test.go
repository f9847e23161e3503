package agent

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/agent/standing"
	"github.com/assent-epm/assent/e2e/testgroup"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
)

// rightsDesk is a desk on a machine with two administrators by rules of sudo.
func rightsDesk(t *testing.T) (*desk, string) {
	t.Helper()
	testgroup.Need(t, "root")
	root, dir := t.TempDir(), t.TempDir()
	for name, text := range map[string]string{
		"etc/passwd":  "root:x:0:0::/root:/bin/sh\namy:x:1001:1001::/:/bin/sh\nben:x:1002:1002::/:/bin/sh\n",
		"etc/shadow":  "amy:$6$x:1::::::\nben:$6$x:1::::::\n",
		"etc/group":   "sudo:x:27:amy\n",
		"etc/sudoers": "amy ALL=(ALL) ALL\nben ALL=(ALL) ALL\n%sudo ALL=(ALL) ALL\n",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o440); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	d := newDesk(t, dir)
	s, err := standing.Open(t.Context(), standing.Config{Data: dir, Root: root, Lent: d.LentGroup,
		Check: func(context.Context, string) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	d.Standing = s
	return d, filepath.Join(root, "etc/sudoers")
}

func (d *desk) orders(o elevation.RightsOrder) {
	d.t.Helper()
	raw, err := d.key.Sign(sign.Rights, o)
	if err != nil {
		d.t.Fatal(err)
	}
	d.answer(wire.TOrder, wire.Signed{Raw: raw})
}

// answers are what was told of orders.
func (d *desk) answers() (out []wire.Ordered) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, m := range d.told {
		if o, ok := m.(wire.Ordered); ok {
			out = append(out, o)
		}
	}
	return out
}

// TestOrdersOfRights: only a signed order for this endpoint that was not obeyed
// before does anything, and its answer says what.
func TestOrdersOfRights(t *testing.T) {
	d, path := rightsDesk(t)
	read := func() string {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	was := read()
	var amy, ben string
	for _, r := range d.Standing.Scan().Rights {
		switch {
		case r.User == "amy" && r.Kind == elevation.RightSudoers:
			amy = r.ID
		case r.User == "ben":
			ben = r.ID
		}
	}
	order := func(change func(*elevation.RightsOrder)) elevation.RightsOrder {
		o := elevation.RightsOrder{Cluster: "c", Endpoint: "ep_1", ID: elevation.NewID(OrderPrefix, time.Now()), Act: elevation.TakeOver,
			Rights: []string{amy, ben, "00000000000000ff"}, At: time.Now(), KeyEpoch: 1}
		change(&o)
		return o
	}
	for name, change := range map[string]func(*elevation.RightsOrder){
		"other endpoint": func(o *elevation.RightsOrder) { o.Endpoint = "ep_2" },
		"other cluster":  func(o *elevation.RightsOrder) { o.Cluster = "d" },
		"no id":          func(o *elevation.RightsOrder) { o.ID = "ro_../../x" },
		"no act":         func(o *elevation.RightsOrder) { o.Act = "" },
		"no rights":      func(o *elevation.RightsOrder) { o.Rights = nil },
		"too many":       func(o *elevation.RightsOrder) { o.Rights = make([]string, maxOrdered+1) },
	} {
		d.orders(order(change))
		if read() != was || len(d.answers()) > 0 {
			t.Fatalf("%s: obeyed", name)
		}
	}
	d.answer(wire.TOrder, wire.Signed{Raw: []byte("forged")})
	raw, err := d.key.Sign(sign.Policy, order(func(*elevation.RightsOrder) {}))
	if err != nil {
		t.Fatal(err)
	}
	d.answer(wire.TOrder, wire.Signed{Raw: raw}) // signed for something else
	if read() != was {
		t.Fatal("a forged order is obeyed")
	}

	take := order(func(*elevation.RightsOrder) {})
	d.orders(take)
	got := d.answers()
	if len(got) != 1 || got[0].Order != take.ID || len(got[0].Done) != 2 || len(got[0].Refused) != 1 {
		t.Fatalf("told %+v", got)
	}
	if strings.Contains(read(), "amy ALL") || strings.Contains(read(), "ben ALL") {
		t.Errorf("the rules read\n%s", read())
	}
	d.orders(order(func(o *elevation.RightsOrder) { o.Act, o.Rights = elevation.GiveBack, nil }))
	if read() != was {
		t.Errorf("given back, the rules read\n%s", read())
	}
	d.orders(take) // played back
	if read() != was || len(d.answers()) != 2 {
		t.Errorf("an order is obeyed twice: %+v", d.answers())
	}
}

// TestLentPlacesAreNoRights: somebody who is administrator for a while is not told
// as one for good.
func TestLentPlacesAreNoRights(t *testing.T) {
	d, _ := rightsDesk(t)
	has := func() bool {
		for _, r := range d.Standing.Scan().Rights {
			if r.Kind == elevation.RightGroup && r.User == "amy" {
				return true
			}
		}
		return false
	}
	if !has() {
		t.Fatal("the membership is not found")
	}
	e := grants.Entry{ID: elevation.NewGrantID(time.Now()), Request: elevation.NewRequestID(time.Now()), UID: 1001, UserName: "amy", Grant: []byte{1}, State: grants.Active, Used: true, EndBy: d.Clock().After(time.Hour),
		Effect: grants.Effect{Group: &privilege.Membership{File: "/etc/group", Group: "sudo", GID: 27, User: "amy", UID: 1001}}}
	if err := d.Ledger.Put(e); err != nil {
		t.Fatal(err)
	}
	if has() {
		t.Error("a place for a while is told as a standing right")
	}
}
