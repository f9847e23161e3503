package queue

import (
	"bytes"
	"context"
	"slices"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
)

// atConsole is the requester in a session, having shown a proof at a moment.
func atConsole(at time.Time, how string, passkey bool) auth.Actor {
	a := evelyn()
	a.Token, a.Session, a.SeenAt, a.SeenHow, a.HasPasskey = "", true, at, how, passkey
	return a
}

// passkeyOf gives an account one.
func (b *bed) passkeyOf(login string) {
	b.t.Helper()
	b.must(b.store.Update(context.Background(), func(tx *store.Tx) error {
		if err := tx.InsertPasskey(auth.Passkey{ID: "pk_" + login, User: elevation.UserID("usr_" + login), Credential: []byte(login), PublicKey: []byte{1}, Transports: []string{}, Name: "phone", CreatedAt: day}, 5); err != nil {
			return err
		}
		return tx.Append(audit.Event{At: day, Kind: audit.AuthFactor, Actor: system(), Data: map[string]string{"passkey": "pk_" + login}})
	}))
}

// asks is the endpoint's question for the passkey of an approved request.
func (b *bed) asks(id elevation.RequestID, nonce byte) (wire.Confirming, wire.Confirm) {
	b.t.Helper()
	in := wire.Confirm{Request: id, Grant: b.grantID(id), Nonce: bytes.Repeat([]byte{nonce}, elevation.ConfirmNonce)}
	out, err := b.ConfirmFrom(context.Background(), ep, in)
	b.must(err)
	return out, in
}

// TestConfirm: the requester's passkey, shown after the question, is signed for
// exactly that question, once; the code leads to the request until then.
func TestConfirm(t *testing.T) {
	b := newBed(t, "").people().linked()
	b.passkeyOf("evelyn")
	ctx := context.Background()
	id := b.granted("x")
	first, _ := b.asks(id, 1)
	second, ask := b.asks(id, 2) // the newest counts
	if second.Why != wire.ConfirmPossible || second.Code == "" || first.Code != second.Code {
		t.Fatalf("%+v then %+v", first, second)
	}
	b.pass(time.Minute)
	v, err := b.ByCode(ctx, atConsole(b.now(), auth.ByPasskey, true), second.Code)
	b.must(err)
	if v.Request.ID != id {
		t.Errorf("the code leads to %s", v.Request.ID)
	}
	before := len(b.frames())
	for range 2 {
		v, err := b.Confirm(ctx, atConsole(b.now(), auth.ByPasskey, true), id)
		b.must(err)
		if v.Request.Confirming.Done.IsZero() || v.State != elevation.StateAvailable {
			t.Errorf("%+v, %s", v.Request.Confirming, v.State)
		}
	}
	frames := b.frames()
	if len(frames) != before+1 || frames[before].Type != wire.TConfirmed {
		t.Fatalf("%d frames of %d", len(frames), before)
	}
	var c elevation.Confirmation
	b.must(b.keys.Open(sign.Confirmation, body[wire.Signed](t, frames[before]).Raw, day, &c))
	if c.Grant != ask.Grant || c.Request != id || c.Endpoint != ep || !bytes.Equal(c.Nonce, ask.Nonce) || c.By.ID != "usr_evelyn" {
		t.Errorf("signed %+v", c)
	}
	if kinds := b.kinds(id); !slices.Contains(kinds, "grant.confirmed") {
		t.Errorf("events %v", kinds)
	}
	_, err = b.ByCode(ctx, atConsole(b.now(), auth.ByPasskey, true), second.Code)
	wantErr(t, "the code of what is confirmed", err, elevation.ErrNotFound)
}

// TestConfirmIsRefused: everybody else, everything else, and too late.
func TestConfirmIsRefused(t *testing.T) {
	b := newBed(t, "").people().linked()
	b.passkeyOf("evelyn")
	ctx := context.Background()
	id := b.granted("x")
	mine := func() auth.Actor { return atConsole(b.now(), auth.ByPasskey, true) }
	_, err := b.Confirm(ctx, mine(), id)
	wantErr(t, "nobody has asked", err, elevation.ErrConflict)
	b.pass(time.Minute)
	before := atConsole(b.now(), auth.ByPasskey, true)
	b.pass(time.Second)
	b.asks(id, 1)
	b.pass(time.Second)
	token := evelyn()
	weak := who("eve")
	weak.Token, weak.Session, weak.SeenAt, weak.SeenHow, weak.HasPasskey = "", true, b.now(), auth.ByPasskey, true
	ada := weak
	ada.User, ada.Login, ada.Roles = "usr_ada", "ada", []auth.Role{auth.Administrator}
	for name, row := range map[string]struct {
		a    auth.Actor
		want error
	}{
		"an administrator":              {ada, elevation.ErrNotAllowed},
		"a login of the same name":      {weak, elevation.ErrNotAllowed},
		"a token":                       {token, elevation.ErrConflict}, // it has no passkey
		"without a passkey":             {atConsole(b.now(), auth.ByPassword, false), elevation.ErrConflict},
		"a password":                    {atConsole(b.now(), auth.ByPassword, true), elevation.ErrStepUp},
		"a passkey from before it":      {before, elevation.ErrStepUp},
		"a proof from the time to come": {atConsole(b.now().Add(time.Hour), auth.ByPasskey, true), elevation.ErrStepUp},
	} {
		_, err := b.Confirm(ctx, row.a, id)
		wantErr(t, name, err, row.want)
	}
	b.pass(elevation.ConfirmTime)
	_, err = b.Confirm(ctx, mine(), id)
	wantErr(t, "too late", err, elevation.ErrConflict)
	b.asks(id, 2)
	_, err = b.Revoke(ctx, who("cy"), id, "over", "")
	b.must(err)
	_, err = b.Confirm(ctx, mine(), id)
	wantErr(t, "it was revoked", err, elevation.ErrConflict)
	for _, f := range b.frames() {
		if f.Type == wire.TConfirmed {
			t.Error("something was confirmed")
		}
	}
}

// TestConfirmFrom: an endpoint asks about what is approved on itself, and learns
// why a passkey can not be shown.
func TestConfirmFrom(t *testing.T) {
	b := newBed(t, "").people()
	ctx := context.Background()
	id, waiting := b.granted("x"), b.submit("y")
	if out, _ := b.asks(id, 1); out.Why != wire.ConfirmUnlinked || out.Code != "" {
		t.Errorf("without an account %+v", out)
	}
	b.linked()
	if out, _ := b.asks(id, 1); out.Why != wire.ConfirmNoPasskey || out.Code != "" {
		t.Errorf("without a passkey %+v", out)
	}
	b.passkeyOf("evelyn")
	good := wire.Confirm{Request: id, Grant: b.grantID(id), Nonce: bytes.Repeat([]byte{1}, elevation.ConfirmNonce)}
	for name, row := range map[string]struct {
		change func(*wire.Confirm)
		from   elevation.EndpointID
		want   error
	}{
		"a short nonce":    {func(c *wire.Confirm) { c.Nonce = c.Nonce[:8] }, ep, elevation.ErrInvalid},
		"no request":       {func(c *wire.Confirm) { c.Request = "x" }, ep, elevation.ErrInvalid},
		"another grant":    {func(c *wire.Confirm) { c.Grant = elevation.NewGrantID(day) }, ep, elevation.ErrConflict},
		"no grant":         {func(c *wire.Confirm) { c.Grant = "" }, ep, elevation.ErrConflict},
		"what waits":       {func(c *wire.Confirm) { c.Request, c.Grant = waiting, "" }, ep, elevation.ErrConflict},
		"from another one": {func(*wire.Confirm) {}, "ep_other", elevation.ErrNotFound},
		"an unknown one":   {func(c *wire.Confirm) { c.Request = elevation.NewRequestID(day.Add(time.Hour)) }, ep, elevation.ErrNotFound},
		"as it should be":  {func(*wire.Confirm) {}, ep, nil},
	} {
		in := good
		row.change(&in)
		_, err := b.ConfirmFrom(ctx, row.from, in)
		wantErr(t, name, err, row.want)
	}
}
