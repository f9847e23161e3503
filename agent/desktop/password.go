package desktop

import (
	"context"
	"errors"
	"strings"

	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/agent/words"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
)

// This file asks for the password that confirms what was approved. It goes from
// the dialog program's output to the agent, which counts the tries and says what
// came of it; it is in no argument, no variable of the environment and no log.

// mostEmpty is how often a dialog that nothing was typed into is shown again.
const mostEmpty = 3

// password asks once. After a wrong one the agent asks again.
func (d *Desktop) password(ctx context.Context, it local.Item) {
	t := words.For(it.Wants.Words.Language, d.cfg.Env)
	d.mu.Lock()
	d.tongue = t
	d.mu.Unlock()
	var typed string
	var err error
	for range mostEmpty { // Enter alone is no try
		if typed, err = d.dialog(ctx, passwordQuestion(t, it)); err != nil || typed != "" {
			break
		}
	}
	switch {
	case ctx.Err() != nil:
		return
	case errors.Is(err, ErrClosed): // nothing is typed
	case err != nil:
		d.cfg.Log.Info("no dialog can be shown", "error", err)
		d.show(reasonNotice(it.ID), Notice{Title: t.Say("Your password is wanted: %s", inert.Clip(whatOf(t, it), 80)), Urgent: true,
			Text: t.Say("No dialog can be shown here. Run it at a terminal.")})
	}
	if err := d.cfg.Agent.Confirm(ctx, string(it.ID), typed); err != nil && ctx.Err() == nil {
		d.cfg.Log.Info("a password could not be given", "request", it.ID, "error", err)
	}
}

// passwordQuestion is the dialog for a password.
func passwordQuestion(t words.Tongue, it local.Item) Question {
	lines := []string{t.Say("Approved: %s", whatOf(t, it)) + "."}
	if by := oneLine(it.By, 100); by != "" {
		lines = append(lines, t.Say("by %s", by))
	}
	lines = append(lines, "")
	if it.Wants.Wrong {
		lines = append(lines, t.Say("That was not the password. Tries left: %d", it.Wants.Tries))
	}
	lines = append(lines, strings.TrimSuffix(strings.TrimSpace(t.Say("Password of %s, to confirm: ", oneLine(it.Wants.Password, 64))), ":"))
	return Question{Title: t.Say("Password"), Text: strings.Join(append(lines, t.Company(it.Wants.Words)...), "\n"), Hidden: true,
		OK: t.Say("Confirm"), Cancel: t.Say("Later")}
}

// tell shows an end where there are no notices.
func (d *Desktop) tell(ctx context.Context, t words.Tongue, n local.Notice) {
	it, err := d.cfg.Agent.View(ctx, string(n.Request))
	if err != nil {
		it = local.Item{ID: n.Request, Path: n.Path}
	}
	notice := noticeOf(t, n, it, false, d.cfg.Now())
	select {
	case d.turn <- struct{}{}:
	case <-ctx.Done():
		return
	}
	defer func() { <-d.turn }()
	if err := d.cfg.Dialog.Tell(ctx, notice.Title, notice.Text); err != nil && !errors.Is(err, ErrClosed) {
		d.cfg.Log.Info("no dialog can be shown", "error", err)
	}
}

// unconfirmed reports whether something is still to be shown before an approval
// can be used.
func unconfirmed(it local.Item) bool {
	return it.Confirm != "" && it.Confirm != string(elevation.ConfirmNone)
}
