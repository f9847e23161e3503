package doors

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/e2e/authenticator"
	"github.com/assent-epm/assent/e2e/desk"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
	protocol "github.com/assent-epm/assent/shared/wire"
)

// asksForPasskey is what an endpoint does before it applies a grant that wants
// its person's passkey.
func asksForPasskey(d *desk.Desk, ep *desk.Endpoint, id string, nonce byte) (protocol.Confirm, protocol.Confirming) {
	d.T.Helper()
	g := ep.Grant(id)
	ask := protocol.Confirm{Request: g.Request, Grant: g.ID, Nonce: bytes.Repeat([]byte{nonce}, elevation.ConfirmNonce)}
	before := len(desk.Frames(ep, protocol.TConfirming, func(m protocol.Confirming) bool { return m.Grant == g.ID }))
	if err := ep.Link.Send(protocol.TConfirm, ask); err != nil {
		d.T.Fatal(err)
	}
	var got protocol.Confirming
	d.Eventually("the endpoint is told where", func() bool {
		all := desk.Frames(ep, protocol.TConfirming, func(m protocol.Confirming) bool { return m.Grant == g.ID })
		if len(all) > before {
			got = all[len(all)-1]
		}
		return len(all) > before
	})
	return ask, got
}

const wantsPasskey = `rules:
- {name: mine, match: {path: /usr/bin/systemctl, user: [eve]}, then: approve, require: {confirm: passkey}}
`

// TestConfirmByPasskey: a rule approves at once and wants the requester's passkey;
// they show it at the console, on whatever device, and the endpoint gets the
// signed word for exactly its question.
func TestConfirmByPasskey(t *testing.T) {
	d := desk.New(t)
	d.Rules(wantsPasskey)
	eve := d.Person("eve", "requester")
	ep := d.Able([]string{"run", "sudo", "passkey"}, "web-1", "role=web")
	id := ep.Ask("eve", "/usr/bin/systemctl", "restart", "nginx")
	if g := ep.Grant(id); g.Confirm != elevation.ConfirmPasskey {
		t.Fatalf("the grant wants %q", g.Confirm)
	}
	if _, where := asksForPasskey(d, ep, id, 1); where.Why != protocol.ConfirmUnlinked {
		t.Errorf("without a link: %+v", where)
	}
	desk.Must(d.Admin.Do("POST", "/links", map[string]any{"account": "eve", "endpoint": string(ep.ID), "user": "eve"}))(t)
	if _, where := asksForPasskey(d, ep, id, 2); where.Why != protocol.ConfirmNoPasskey {
		t.Errorf("without a passkey: %+v", where)
	}
	browser := visits(d, eve)
	browser.addsPasskey("phone")
	d.Pass(time.Minute)
	proof := browser.answer("/sessions/step-up/passkey", nil, authenticator.Lie{})
	browser.call("", "POST", "/sessions/step-up", proof) // shown for something else, before the question
	d.Pass(time.Second)
	ask, where := asksForPasskey(d, ep, id, 3)
	if where.Why != protocol.ConfirmPossible || where.Code == "" {
		t.Fatalf("told %+v", where)
	}
	r := desk.Must(browser.ByCode(t.Context(), where.Code))(t)
	if r.ID != id || r.Confirming == nil || r.Confirming.ConfirmedAt != nil {
		t.Errorf("the code leads to %s, %+v", r.ID, r.Confirming)
	}
	path := "/requests/" + id + "/confirm"
	browser.call("step_up_required", "POST", path, nil)
	desk.Must(d.Admin.Do("GET", "/requests/"+id, nil))(t)
	if _, err := d.Admin.Do("POST", path, nil); desk.Code(err) != "forbidden" {
		t.Errorf("an administrator: %v", err)
	}
	if _, err := eve.Do("POST", path, nil); desk.Code(err) == "" {
		t.Error("a token confirms")
	}
	if n := len(desk.Frames(ep, protocol.TConfirmed, func(protocol.Signed) bool { return true })); n != 0 {
		t.Fatalf("%d words before anybody confirmed", n)
	}
	browser.call("", "POST", "/sessions/step-up", browser.answer("/sessions/step-up/passkey", nil, authenticator.Lie{}))
	for range 2 {
		if out := browser.call("", "POST", path, nil); out["confirming"].(map[string]any)["confirmed_at"] == nil {
			t.Errorf("confirmed %v", out["confirming"])
		}
	}
	word := desk.Wait(ep, protocol.TConfirmed, func(protocol.Signed) bool { return true })
	var c elevation.Confirmation
	if err := ep.Link.KeySet().Open(sign.Confirmation, word.Raw, d.Now(), &c); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(c.Nonce, ask.Nonce) || c.Grant != ask.Grant || c.Endpoint != ep.ID || c.By.Name != "eve" {
		t.Errorf("signed %+v", c)
	}
	if kinds := d.Kinds(id); !strings.Contains(kinds, "grant.wants_passkey") || strings.Count(kinds, "grant.confirmed") != 1 {
		t.Errorf("events %s", kinds)
	}
	if _, err := browser.ByCode(context.Background(), where.Code); desk.Code(err) != "not_found" {
		t.Errorf("the code is good again: %v", err)
	}
}

// TestConfirmWhereItCanNot: an endpoint of before gets no such grant from a rule.
func TestConfirmWhereItCanNot(t *testing.T) {
	d := desk.New(t)
	d.Rules(wantsPasskey)
	ep := d.Endpoint("old-1")
	if r := d.Admin.See(ep.Ask("eve", "/usr/bin/systemctl", "restart", "nginx")); r.State != "pending" {
		t.Errorf("it is %s", r.State)
	}
}
