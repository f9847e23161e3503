package desktop

import (
	"context"
	"errors"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/agent/words"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
	"github.com/assent-epm/assent/shared/wire"
)

// waitedFor is how long somebody must have been waited for so that an approval
// is news: what a rule approves at once runs before anybody could read it.
const waitedFor = 3 * time.Second

// over reports whether nobody is waited for after a step.
func over(kind string) bool {
	return slices.Contains([]string{"approved", "denied", "cancelled", "expired", "removed", "ended"}, kind)
}

// shows reports whether a step is worth a notice.
func shows(n local.Notice, waited bool, since time.Time) bool {
	switch n.Kind {
	case "approved":
		return waited && n.At.Sub(since) >= waitedFor
	case "denied", "revoked", "question", "ends_soon", "expired", "extended", "confirmed", "unconfirmed", "log_off":
		return true
	case "passkey":
		return WebPage(n.Text)
	case "ended":
		why := elevation.EndReason(n.Text)
		return why != elevation.Completed && why != elevation.CheckedIn
	}
	return false
}

// noticeOf is a step as a notice. Everything in it is one harmless line.
func noticeOf(t words.Tongue, n local.Notice, it local.Item, opens bool, now time.Time) Notice {
	w := writer{t: t, n: n, what: inert.Clip(whatOf(t, it), 80), by: oneLine(n.By, 100), now: now}
	w.out = Notice{Title: w.what, Text: oneLine(n.Line, 400)}
	switch n.Kind {
	case "approved", "confirmed", "unconfirmed", "denied", "revoked":
		w.answer(it)
	case "passkey", "question":
		w.question()
	case "ends_soon", "ended", "expired", "extended":
		w.end()
	case "log_off":
		w.out.Title, w.out.Text = t.Say("Log off and on again"), t.Say("You are not administrator any more. A log-on of that time still has the rights, until it is over.")
	}
	if opens {
		w.button(pressOpen, t.Say("Open"))
	}
	return w.out
}

// writer writes one notice.
type writer struct {
	t        words.Tongue
	n        local.Notice
	what, by string
	now      time.Time
	out      Notice
}

func (w *writer) button(key, text string) { w.out.Buttons = append(w.out.Buttons, Button{key, text}) }

// answer tells what somebody answered, and how it is used.
func (w *writer) answer(it local.Item) {
	t := w.t
	byThem := t.Say("by %s", w.by)
	if text := oneLine(w.n.Text, 300); text != "" {
		byThem += ": " + text
	} else {
		byThem += "."
	}
	switch w.n.Kind {
	case "approved":
		w.out.Title, w.out.Text, w.out.Urgent = t.Say("Approved: %s", w.what), byThem, true
		if !w.n.Until.IsZero() {
			w.out.Text += "\n" + t.Say("Use it before %s.", t.Clock(w.n.Until, w.now))
		}
		w.use(it)
	case "confirmed":
		w.out.Title, w.out.Text, w.out.Urgent = t.Say("Confirmed: %s", w.what), "", true
		w.use(it)
	case "unconfirmed":
		w.out.Title, w.out.Text = t.Say("Not confirmed: %s", w.what), oneLine(w.n.Text, 300)
	case "denied":
		w.out.Title, w.out.Text = t.Say("Denied: %s", w.what), byThem
	case "revoked":
		w.out.Title, w.out.Text = t.Say("Ended by somebody: %s", w.what), byThem
	}
}

func (w *writer) use(it local.Item) {
	text, run := howToUse(w.t, it)
	w.out.Text = strings.TrimPrefix(w.out.Text+text, "\n")
	if run {
		w.button(pressRun, w.t.Say("Run now"))
		w.button(pressLater, w.t.Say("Later"))
	}
}

// question tells what somebody wants of the person.
func (w *writer) question() {
	t := w.t
	w.out.Urgent = true
	if w.n.Kind == "passkey" {
		w.out.Title, w.out.Text = t.Say("Confirm with your passkey: %s", w.what), oneLine(w.n.Text, 300)
		w.button(pressPage, t.Say("Confirm"))
		return
	}
	w.out.Title, w.out.Text = t.Say("A question about %s", w.what), t.Say("%s asks: %s", w.by, oneLine(w.n.Text, 300))
	w.button(pressAnswer, t.Say("Answer"))
}

// end tells when something ends, or that it is over.
func (w *writer) end() {
	t := w.t
	switch w.n.Kind {
	case "ends_soon":
		w.out.Title, w.out.Urgent = t.Say("Ends soon: %s", w.what), true
		w.button(pressEnd, t.Say("End now"))
	case "extended":
		w.out.Title = t.Say("More time: %s", w.what)
	case "ended":
		w.out.Title, w.out.Text = t.Say("It has ended: %s", w.what), why(t, elevation.EndReason(w.n.Text))
		return
	case "expired":
		w.out.Title, w.out.Text = t.Say("Nobody answered: %s", w.what), t.Say("Ask again, or call the people who answer.")
		return
	}
	if !w.n.Until.IsZero() {
		w.out.Text = t.Say("It ends at %s.", t.Clock(w.n.Until, w.now))
	}
}

// why says how something that was granted came to its end.
func why(t words.Tongue, is elevation.EndReason) string {
	switch is {
	case elevation.Deadline:
		return t.Say("Its time is over.")
	case elevation.RevokedEnd:
		return t.Say("It was ended, because it was revoked.")
	case elevation.Lock:
		return t.Say("It ended with the lock of the screen.")
	case elevation.Logout:
		return t.Say("It ended with the terminal or the session that it was for.")
	case elevation.Reboot:
		return t.Say("It ended with the restart of this computer.")
	case elevation.Uninstall:
		return t.Say("It ended, because Assent was removed here.")
	case elevation.Superseded:
		return t.Say("It ended, because a newer one took its place.")
	case elevation.Failed:
		return t.Say("It could not be given.")
	case elevation.Abandoned:
		return t.Say("It could not be taken back; an administrator has been told.")
	case elevation.Completed, elevation.CheckedIn: // that is no news
	}
	return ""
}

// howToUse says how an approval is used, and whether a button does it.
func howToUse(t words.Tongue, it local.Item) (text string, run bool) {
	switch {
	case unconfirmed(it):
		return "\n" + t.Say("You are asked who you are before it runs."), false
	case Command(it) != nil:
		return "", true
	case it.Mechanism != "":
		return "\n" + t.Say("Do the same again, and it goes through."), false
	}
	return "", false
}

// WebPage reports whether a text is the address of a page, and nothing else that
// a desktop would open.
func WebPage(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil
}

// inWords is the notice in place of a dialog.
func inWords(t words.Tongue, it local.Item) Notice {
	return Notice{Title: t.Say("%s needs an approval", inert.Clip(whatOf(t, it), 80)), Urgent: true,
		Text: t.Say("Give the reason in a terminal: assent answer %s REASON", elevation.ShortID(string(it.ID)))}
}

// question is what the person is asked next. wrong says why once more.
func question(t words.Tongue, it local.Item, recent []string, wrong string) Question {
	w := it.Wants
	lines := []string{t.Say("%s needs an approval", whatOf(t, it)) + ".", ""}
	in := intercept.Introduce(t, wire.Need{GoesTo: w.GoesTo, UsualWait: w.Usual, Message: w.Message}, nil, "", t.Company(w.Words))
	lines = append(append(lines, in.Lines...), "")
	if wrong != "" {
		lines = append(lines, oneLine(wrong, 300))
	}
	q := Question{Title: t.Say("Approval"), OK: t.Say("Ask for it"), Cancel: t.Say("Do not ask")}
	if w.Reason > 0 {
		lines = append(lines, t.Say("Why do you need this? (at least %d characters)", w.Reason))
		q.Choices = intercept.Introduce(t, wire.Need{ReasonMin: w.Reason, Presets: w.Presets}, recent, "", nil).Choices
	} else {
		lines = append(lines, t.Say("Which ticket is this for? (like %s)", inert.Clip(inert.Text(w.Ticket), 60)))
	}
	q.Text = strings.Join(lines, "\n")
	return q
}

// whatOf is what was asked for in a few words.
func whatOf(t words.Tongue, it local.Item) string {
	switch {
	case it.Path != "":
		return intercept.What(elevation.Attempt{Mechanism: it.Mechanism, Subject: elevation.Subject{Path: it.Path, Args: it.Args, RunAs: runAs(it)}})
	case it.Access == string(elevation.Admin):
		return t.Say("administrator")
	}
	return t.Say("session")
}

func runAs(it local.Item) string {
	if it.RunAs == "" {
		return intercept.Elevated
	}
	return it.RunAs
}

// Command is how the person can run what was approved without typing it, nil =
// not at all: only what pkexec started has no terminal, and only arguments that
// are not masked are the ones that were approved. A folder that they can not
// enter was not theirs: pkexec goes to the other user's home by itself.
func Command(it local.Item) []string {
	masked := slices.ContainsFunc(it.Args, func(a string) bool { return strings.Contains(a, elevation.Masked) })
	if it.Mechanism != string(elevation.ByPolkit) || masked || !path.IsAbs(it.Path) || strings.HasSuffix(it.Path, ".policy") {
		return nil
	}
	argv := []string{pkexecPath}
	if enters(it.Cwd) {
		argv = append(argv, "--keep-cwd")
	}
	if as := runAs(it); as != "root" {
		argv = append(argv, "--user", as)
	}
	return append(append(argv, it.Path), it.Args...)
}

// oneLine is text from elsewhere as one harmless line.
func oneLine(s string, limit int) string {
	return inert.Clip(inert.Text(strings.Join(strings.Fields(s), " ")), limit)
}

// press does what the person's buttons say.
func (d *Desktop) press(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case p, ok := <-d.cfg.Notices.Pressed():
			if !ok {
				return
			}
			d.pressed(ctx, p)
		}
	}
}

func (d *Desktop) pressed(ctx context.Context, p Press) {
	d.cfg.Notices.Remove(p.Name)
	switch p.Key {
	case pressOpen:
		if d.cfg.Open != nil {
			d.did(local.Item{}, d.cfg.Open())
		}
	case pressPage:
		d.mu.Lock()
		page := d.pages[p.Name]
		d.mu.Unlock()
		if WebPage(page) {
			d.did(local.Item{}, d.cfg.Start("/", []string{openPath, page}))
		}
	case pressAsk:
		d.askInstead()
	case pressLogOff:
		d.askToLeave(p.Name)
	case pressLeave:
		d.leaves(p.Name)
	case pressEnd:
		d.did(d.cfg.Agent.CheckIn(ctx, p.Name))
	case pressRun:
		it, err := d.cfg.Agent.View(ctx, p.Name)
		if argv := Command(it); err == nil && argv != nil {
			err = d.cfg.Start(StartIn(it), argv)
		} else if err == nil && d.runs(it) {
			err = d.cfg.Run(ctx, p.Name)
		}
		d.did(it, err)
	case pressAnswer:
		if d.cfg.Page != nil && d.cfg.Page(p.Name) == nil {
			return
		}
		d.work.Go(func() { d.answer(ctx, p.Name) }) // the person takes their time
	}
}

// answer takes the person's answer to an approver's question.
func (d *Desktop) answer(ctx context.Context, id string) {
	it, err := d.cfg.Agent.View(ctx, id)
	if err != nil || it.Question == "" {
		return
	}
	d.mu.Lock()
	t := d.tongue
	d.mu.Unlock()
	text, err := d.dialog(ctx, Question{Title: t.Say("A question about %s", inert.Clip(whatOf(t, it), 80)),
		Text: t.Say("%s asks: %s", oneLine(it.Asker, 100), oneLine(it.Question, 2000)), OK: t.Say("Answer"), Cancel: t.Say("Later")})
	switch {
	case errors.Is(err, ErrClosed), ctx.Err() != nil:
	case err != nil:
		d.show(id, Notice{Title: t.Say("A question about %s", inert.Clip(whatOf(t, it), 80)),
			Text: t.Say("Answer it in a terminal: assent answer %s TEXT", elevation.ShortID(id))})
	case strings.TrimSpace(text) != "":
		_, err = d.cfg.Agent.Answer(ctx, id, strings.TrimSpace(text))
		d.did(it, err)
	}
}
