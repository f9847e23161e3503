package agent

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
)

// phone is a person at a terminal, who shows the passkey elsewhere.
type phone struct{ person }

func (*phone) Secret(context.Context, string) (string, error) {
	return "", errors.New("no password is wanted")
}

// wantsPasskey has an attempt approved that wants a passkey, and gives the
// question for it.
func (d *desk) wantsPasskey(ctx context.Context, p intercept.Person) (<-chan result, wire.Confirm) {
	done := d.elevate(ctx, intercept.Ask{Attempt: attempt()}, p)
	m := next[wire.Attempt](d)
	d.answer(wire.TDecision, d.grantFor(m.Request, attempt(), func(g *elevation.Grant) { g.Confirm = elevation.ConfirmPasskey }))
	return done, next[wire.Confirm](d)
}

// word is the controller's, and change spoils it.
func (d *desk) word(c wire.Confirm, key sign.Signer, kind sign.Kind, change func(*elevation.Confirmation)) wire.Signed {
	d.t.Helper()
	w := elevation.Confirmation{Cluster: "c", Endpoint: "ep_1", Grant: c.Grant, Request: c.Request, Nonce: bytes.Clone(c.Nonce), By: elevation.Actor{Name: "Alice"}, At: time.Now()}
	if change != nil {
		change(&w)
	}
	raw, err := key.Sign(kind, w)
	if err != nil {
		d.t.Fatal(err)
	}
	return wire.Signed{Raw: raw}
}

// TestPasskey: the grant goes on with the controller's word for exactly this
// question, and with nothing else; it is good once.
func TestPasskey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, p := newDesk(t, t.TempDir()), &phone{}
		done, ask := d.wantsPasskey(t.Context(), p)
		watch, stop, err := d.Watch("1001")
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		d.answer(wire.TConfirming, wire.Confirming{Request: ask.Request, Grant: ask.Grant, Code: "7K2Q-M9XD"})
		if n := <-watch; n.Kind != "passkey" || n.Text != "https://assent.example/#/b/7K2Q-M9XD" || n.Request != ask.Request {
			t.Errorf("desktops are told %+v", n)
		}
		synctest.Wait()
		if want := "assent: confirm with your passkey: https://assent.example/#/b/7K2Q-M9XD  (or type 7K2Q-M9XD in the console)"; !slices.Contains(p.said, want) {
			t.Errorf("said %q", p.said)
		}
		if n := len(p.lines); n != 1 || !strings.HasPrefix(p.lines[0].Line(time.Now(), 0), "waiting for your passkey 0s "+string(ask.Request)) {
			t.Errorf("shown %+v", p.lines)
		}
		other := sign.Signer{KeyID: d.key.KeyID, Key: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, 32))}
		for name, bad := range map[string]wire.Signed{
			"another key":      d.word(ask, other, sign.Confirmation, nil),
			"another kind":     d.word(ask, d.key, sign.Amendment, nil),
			"another cluster":  d.word(ask, d.key, sign.Confirmation, func(c *elevation.Confirmation) { c.Cluster = "x" }),
			"another endpoint": d.word(ask, d.key, sign.Confirmation, func(c *elevation.Confirmation) { c.Endpoint = "ep_2" }),
			"another grant":    d.word(ask, d.key, sign.Confirmation, func(c *elevation.Confirmation) { c.Grant = elevation.NewGrantID(time.Now()) }),
			"another request":  d.word(ask, d.key, sign.Confirmation, func(c *elevation.Confirmation) { c.Request = elevation.NewRequestID(time.Now()) }),
			"another nonce":    d.word(ask, d.key, sign.Confirmation, func(c *elevation.Confirmation) { c.Nonce[0]++ }),
			"no nonce":         d.word(ask, d.key, sign.Confirmation, func(c *elevation.Confirmation) { c.Nonce = nil }),
			"nothing":          {},
		} {
			d.answer(wire.TConfirmed, bad)
			synctest.Wait()
			select {
			case r := <-done:
				t.Fatalf("%s: %v", name, r.err)
			default:
			}
		}
		good := d.word(ask, d.key, sign.Confirmation, nil)
		d.answer(wire.TConfirmed, good)
		r := <-done
		if r.err != nil || r.permit.Grant.ID != ask.Grant {
			t.Fatalf("%v", r.err)
		}
		it, err := d.View("1001", ask.Request)
		if err != nil || !slices.ContainsFunc(it.Timeline, func(e local.Event) bool { return e.Kind == "confirmed" && e.By == "Alice" }) {
			t.Errorf("its story %+v, %v", it.Timeline, err)
		}

		d.Release(r.permit.Grant.ID) // it was not used: the next try asks anew
		done = d.elevate(t.Context(), intercept.Ask{Attempt: attempt()}, &phone{})
		again := next[wire.Confirm](d)
		if again.Grant != ask.Grant || bytes.Equal(again.Nonce, ask.Nonce) || len(again.Nonce) != elevation.ConfirmNonce {
			t.Errorf("asked again with %+v", again)
		}
		d.answer(wire.TConfirming, wire.Confirming{Request: ask.Request, Grant: ask.Grant})
		d.answer(wire.TConfirmed, good) // of the first time
		began := time.Now()
		if r := <-done; r.err == nil || !strings.Contains(r.err.Error(), "nobody has shown it in time") || time.Since(began) != elevation.ConfirmTime {
			t.Errorf("an old word: %v after %v", r.err, time.Since(began))
		}
		if _, ok := d.claimWaiting(attempt()); !ok {
			t.Error("the grant does not stay for the next try")
		}
	})
}

// TestPasskeyAndTriedAgain: what polkit was refused for now is confirmed by passkey
// as well, and the next try uses it, once. What is held for a moment is not asked.
func TestPasskeyAndTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, t.TempDir())
		var told []string
		p := &intercept.Later{Attempt: attempt(), Tell: func(line string) { told = append(told, line) }}
		done, ask := d.wantsPasskey(t.Context(), p)
		d.answer(wire.TConfirming, wire.Confirming{Request: ask.Request, Grant: ask.Grant, Code: "7K2Q-M9XD"})
		synctest.Wait()
		if len(told) != 1 || !strings.Contains(told[0], "confirm with your passkey: https://assent.example/#/b/7K2Q-M9XD") {
			t.Errorf("told %q", told)
		}
		if _, ok := d.Claim(attempt()); ok {
			t.Error("it is given out before it is confirmed")
		}
		d.answer(wire.TConfirmed, d.word(ask, d.key, sign.Confirmation, nil))
		r := <-done
		if r.err != nil {
			t.Fatal(r.err)
		}
		d.Release(r.permit.Grant.ID)
		permit, ok := d.Claim(attempt())
		if !ok || permit.Grant.ID != ask.Grant {
			t.Fatal("it is not given out")
		}
		d.Release(permit.Grant.ID)
		if _, ok := d.Claim(attempt()); ok {
			t.Error("one confirmation is used twice")
		}
		done = d.elevate(t.Context(), intercept.Ask{Attempt: attempt()}, &intercept.Later{Attempt: attempt(), Tell: func(string) {}, Held: true})
		if r := <-done; r.err == nil || !strings.Contains(r.err.Error(), "run it with assent run") {
			t.Errorf("held: %+v", r)
		}
	})
}

// TestPasskeyThatCanNotBeShown: it says why and what to do, and nothing runs.
func TestPasskeyThatCanNotBeShown(t *testing.T) {
	for name, row := range map[string]struct {
		why  wire.ConfirmWhy
		say  bool
		want string
	}{
		"no passkey":             {wire.ConfirmNoPasskey, true, "your account has none: sign in at https://assent.example, add one"},
		"no account":             {wire.ConfirmUnlinked, true, "ask an administrator to link it"},
		"something new":          {"tired", true, "ask an administrator"},
		"a controller of before": {"", false, "can not be asked for it now"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t, t.TempDir())
				done, ask := d.wantsPasskey(t.Context(), &phone{})
				if row.say {
					d.answer(wire.TConfirming, wire.Confirming{Request: ask.Request, Grant: ask.Grant, Why: row.why})
				}
				r := <-done
				var refused *intercept.Refused
				if !errors.As(r.err, &refused) || !strings.Contains(r.err.Error(), row.want) {
					t.Errorf("%v", r.err)
				}
			})
		})
	}
	t.Run("nobody in front of it", func(t *testing.T) {
		d := newDesk(t, t.TempDir())
		done := d.elevate(t.Context(), intercept.Ask{Attempt: attempt()}, &person{})
		m := next[wire.Attempt](d)
		d.answer(wire.TDecision, d.grantFor(m.Request, attempt(), func(g *elevation.Grant) { g.Confirm = elevation.ConfirmPasskey }))
		if r := <-done; r.err == nil || !strings.Contains(r.err.Error(), "run it with assent run") {
			t.Errorf("%v", r.err)
		}
	})
	t.Run("left", func(t *testing.T) {
		d := newDesk(t, t.TempDir())
		ctx, leave := context.WithCancelCause(t.Context())
		done, ask := d.wantsPasskey(ctx, &phone{})
		d.answer(wire.TConfirming, wire.Confirming{Request: ask.Request, Grant: ask.Grant})
		leave(intercept.ErrWithdrawn)
		if r := <-done; !errors.Is(r.err, intercept.ErrWithdrawn) {
			t.Errorf("%v", r.err)
		}
		d.answer(wire.TConfirmed, d.word(ask, d.key, sign.Confirmation, nil)) // too late: it is for nobody
		done, again := d.wantsAgain(t)
		d.answer(wire.TConfirming, wire.Confirming{Request: again.Request, Grant: again.Grant})
		d.answer(wire.TConfirmed, d.word(again, d.key, sign.Confirmation, nil))
		if r := <-done; r.err != nil {
			t.Errorf("the next try: %v", r.err)
		}
	})
}

// wantsAgain tries the same again.
func (d *desk) wantsAgain(t *testing.T) (<-chan result, wire.Confirm) {
	t.Helper()
	done := d.elevate(t.Context(), intercept.Ask{Attempt: attempt()}, &phone{})
	return done, next[wire.Confirm](d)
}
