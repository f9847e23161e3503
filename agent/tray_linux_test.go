package agent

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/agent/tray"
	"github.com/assent-epm/assent/e2e/testgroup"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// TestFormOfTheTray: the form asks at the real door of a real agent: it is told
// what is wanted of the attempt that it made, gives it, and follows to the answer.
func TestFormOfTheTray(t *testing.T) {
	testgroup.Need(t, "root")
	if tty, err := os.Open("/dev/tty"); err == nil {
		tty.Close()
		t.Skip("group root: what has a terminal is asked there")
	}
	d := newDesk(t, t.TempDir())
	d.About = func() local.Status { return local.Status{Endpoint: "lena-laptop"} }
	runtime := filepath.Join(t.TempDir(), "run")
	if err := os.Mkdir(runtime, 0o755); err != nil {
		t.Fatal(err)
	}
	server, err := local.Listen(local.Config{Path: local.Address(runtime), Flow: d, Elevator: d, Salt: []byte("0123456789abcdef")})
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithTimeout(t.Context(), 30*time.Second)
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx) }()
	defer func() { end(); server.Close(); <-served }()
	client := local.Client{Path: local.Address(runtime)}
	forms, ready := make(chan *tray.Form, 1), make(chan struct{})
	watched := make(chan error, 1)
	go func() {
		var form *tray.Form
		watched <- client.WatchDesktop(ctx, func() { close(ready) }, func(n local.Notice) error {
			if form == nil {
				form = <-forms
			}
			form.Hear(ctx, n)
			return nil
		})
	}()
	<-ready
	f := tray.NewForm(tray.FormConfig{Agent: client, Sits: true, Env: func(string) string { return "" }}, tray.Wish{Path: "/usr/bin/env", Args: []string{"true"}})
	forms <- f
	defer f.Close()
	until := func(what string, is func(v tray.View) bool) {
		t.Helper()
		for v := f.View(); !is(v); v = f.View() {
			if f.Await(ctx, v.Version); ctx.Err() != nil {
				t.Fatalf("never %s: %+v", what, v)
			}
		}
	}
	m := next[wire.Attempt](d)
	if m.AtTerminal || m.Attempt.Subject.Args[0] != "true" {
		t.Errorf("attempted %+v", m)
	}
	d.answer(wire.TNeed, wire.Need{Request: m.Request, ReasonMin: 8, Presets: []string{"Planned maintenance"}, GoesTo: []string{"Platform"}, UsualWait: 4 * time.Minute})
	until("what is wanted", func(v tray.View) bool {
		return v.Fields != nil && v.Fields.Goes == "Platform" && v.Fields.Least == 8 && !v.Fields.Reading
	})
	asked := make(chan error, 1)
	go func() { asked <- f.Ask(ctx, tray.Asked{Reason: "a trial of the form"}) }()
	if c := next[wire.Complete](d); c.Request != m.Request || c.Justification != "a trial of the form" {
		t.Errorf("completed %+v", c)
	}
	d.answer(wire.TAccepted, wire.Accepted{Request: m.Request})
	d.answer(wire.TProgress, wire.Progress{Request: m.Request, Position: 2, UsualWait: 4 * time.Minute})
	if err := <-asked; err != nil {
		t.Fatal(err)
	}
	until("waiting", func(v tray.View) bool { return v.Stage == "waiting" })
	d.answer(wire.TDecision, wire.Decision{Request: m.Request, Verdict: elevation.Denied, By: "Bo Chen", Text: "not on this one"})
	until("denied", func(v tray.View) bool {
		return v.Stage == "denied" && v.Quote != nil && v.Quote.Text == "not on this one"
	})
	f.Close()
	end()
	if err := <-watched; err != nil {
		t.Error(err)
	}
}
