package tray

import (
	"context"
	"errors"
	"strings"

	"github.com/assent-epm/assent/agent/desktop"
)

// This file asks with plain dialogs of the system where no page can be shown. The
// form behind is that of a page: the agent says what it wants to know, and the form
// checks it.

// maxFilled is how often somebody is asked for the same again.
const maxFilled = 5

// byDialog asks one thing after the other; messages tell the rest.
func (d *Desk) byDialog(ctx context.Context, f *Form) {
	for range maxFilled {
		if f.View().Stage != stagePick {
			break
		}
		path, ok := d.asks(ctx, desktop.Question{Title: f.say("Approval"), Text: f.say("Which program do you need with administrator rights?"), OK: f.say("Ask for it"), Cancel: f.say("Do not ask")})
		if !ok {
			return
		}
		_ = f.Choose(path) // what is no path is asked for again
	}
	v := f.soon(ctx, func(v View) bool { return v.Stage != stageAsk || !v.Fields.Reading })
	if v.Stage == stageAsk && v.Wrong != "" { // it is not possible at all
		d.tells(ctx, f, v)
		return
	}
	for range maxFilled {
		if v.Stage != stageAsk {
			break
		}
		a, ok := d.fillIn(ctx, f, v)
		if !ok || f.Ask(ctx, a) != nil { // what was tried for it is taken back with the form
			return
		}
		v = f.reached(ctx, func(v View) bool { return v.Stage != stageSent })
	}
	if v.Stage != stageAsk {
		f.soon(ctx, func(View) bool { return f.taken() })
	}
	f.Alone() // nobody looks at it: what is approved from now on waits for them
	if v = f.View(); v.Stage == stageApproved || v.Stage == stageActive {
		f.reached(ctx, func(View) bool { return !f.runs() })
		v = f.soon(ctx, func(v View) bool { return v.Stage != stageActive })
	}
	d.tells(ctx, f, v)
}

// reached waits until the form has come somewhere, or ctx ends.
func (f *Form) reached(ctx context.Context, there func(View) bool) View {
	v := f.View()
	for !there(v) && ctx.Err() == nil && f.ctx.Err() == nil {
		f.Await(ctx, v.Version)
		v = f.View()
	}
	return v
}

// soon is reached for what only the agent has to say.
func (f *Form) soon(ctx context.Context, there func(View) bool) View {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	return f.reached(ctx, there)
}

// taken reports whether the agent waits for nothing of the person any more.
func (f *Form) taken() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.item == nil || f.item.Asker != "Assent"
}

// runs reports whether an attempt of the form has not come back yet.
func (f *Form) runs() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hold != nil
}

// fillIn asks for what the form wants, as it says.
func (d *Desk) fillIn(ctx context.Context, f *Form, v View) (a Asked, ok bool) {
	is := v.Fields
	q := desktop.Question{Title: f.say("Approval"), OK: f.say("Ask for it"), Cancel: f.say("Do not ask")}
	what := oneLine(strings.Join(append([]string{v.Program.Path}, v.Program.Args...), " "), 200)
	above := []string{f.say("%s needs an approval", what) + "."}
	for _, line := range append([]string{is.Message, is.Goes, is.Usual}, is.Company...) {
		if line != "" {
			above = append(above, line)
		}
	}
	above = append(above, "")
	if v.Wrong != "" {
		above = append(above, v.Wrong)
	}
	if is.NeedsText {
		q.Text, q.Choices = strings.Join(append(above, f.say("Why do you need this? (at least %d characters)", is.Least)), "\n"), is.Presets
		if a.Reason, ok = d.asks(ctx, q); !ok {
			return a, false
		}
	}
	if is.Ticket {
		q.Text, q.Choices = strings.Join(append(above, f.say("Ticket")+" ("+is.Like+")"), "\n"), nil
		if a.Ticket, ok = d.asks(ctx, q); !ok {
			return a, false
		}
	}
	return a, true
}

// asks shows one dialog; ok is false when the person closed it.
func (d *Desk) asks(ctx context.Context, q desktop.Question) (text string, ok bool) {
	got, err := d.cfg.Dialog.Ask(ctx, q)
	if err != nil && !errors.Is(err, desktop.ErrClosed) && ctx.Err() == nil {
		d.cfg.Log.Warn("neither a page nor a dialog can be shown", "error", err)
	}
	return strings.TrimSpace(got), err == nil
}

// tells says how it ended, where no message does.
func (d *Desk) tells(ctx context.Context, f *Form, v View) {
	said := v.Wrong
	switch v.Stage {
	case stageDenied, stageFailed, stageOver:
		lines := []string{v.Title, v.Lead, v.Note}
		if v.Quote != nil {
			lines = append(lines, v.Quote.Text)
		}
		said = strings.TrimSpace(strings.Join(lines, "\n"))
	case stageAsk:
	case stagePick, stageSent, stageWaiting, stageQuestion, stageApproved, stageActive, stageEnded:
		return
	}
	if err := d.cfg.Dialog.Tell(ctx, f.say("Approval"), said); err != nil && ctx.Err() == nil {
		d.cfg.Log.Warn("a request ended without its person", "stage", v.Stage, "error", err)
	}
}
