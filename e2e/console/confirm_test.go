package console

import (
	"bytes"
	"testing"
	"time"

	"github.com/assent-epm/assent/e2e/desk"
	"github.com/assent-epm/assent/shared/elevation"
	frames "github.com/assent-epm/assent/shared/wire"
)

// What is about to run wants the requester's passkey: the code on their terminal
// leads to a page that says what it is, and only the passkey there lets it go on.
func TestConfirmWithAPasskey(t *testing.T) {
	d, b := browsing(t)
	account(d, "eve", "requester")
	d.Rules("rules:\n  - name: mine\n    match: {path: /usr/bin/systemctl, user: [eve]}\n    then: approve\n    require: {confirm: passkey}\n")
	e := d.Able([]string{"run", "sudo", "passkey"}, "ubu-0810")
	desk.Must(d.Admin.Do("POST", "/links", map[string]any{"account": "eve", "endpoint": string(e.ID), "user": "eve"}))(t)
	b.Passkeys()
	b.Go("#/me")
	b.Login("eve", desk.Password)
	b.ClickText("button", "Add a passkey")
	b.ClickText("button", "Add")
	b.Sees(".things .ghost")
	d.Pass(time.Minute)

	id := e.Ask("eve", "/usr/bin/systemctl", "restart", "nginx")
	g := e.Grant(id)
	if err := e.Link.Send(frames.TConfirm, frames.Confirm{Request: g.Request, Grant: g.ID, Nonce: bytes.Repeat([]byte{1}, elevation.ConfirmNonce)}); err != nil {
		t.Fatal(err)
	}
	where := desk.Wait(e, frames.TConfirming, func(m frames.Confirming) bool { return m.Grant == g.ID })
	b.Go("#/b/" + where.Code)
	b.Reads(".leaf", "Is this you?")
	b.Reads(".leaf", "/usr/bin/systemctl")
	b.Reads(".leaf", "ubu-0810")
	b.Looks("confirm-passkey", nil)
	b.Expect("403") // the passkey was shown before the question
	b.ClickText("button", "Confirm with my passkey")
	b.Reads(".stepup", "Confirm that it is you")
	if n := len(desk.Frames(e, frames.TConfirmed, func(frames.Signed) bool { return true })); n != 0 {
		t.Error("the endpoint has the word already")
	}
	b.ClickText("button", "Use your passkey")
	b.Reads(".leaf", "It goes on where you started it")
	desk.Wait(e, frames.TConfirmed, func(frames.Signed) bool { return true })
	b.Looks("confirm-done", nil)
}
