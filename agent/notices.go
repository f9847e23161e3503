package agent

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/agent/words"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
	"github.com/assent-epm/assent/shared/wire"
)

// This file tells requesters of each step: at the terminal that waits or runs, in
// the story of the request, and whoever watches. A line of a story is a notice;
// the journal says so once it is stored.

const (
	watchersEach  = 4  // of one user at a time
	noticesQueued = 64 // for one who watches; who has more lists anew
	endsSoon      = 5 * time.Minute
	endsNow       = time.Minute            // sessions and administrators are told again
	endsAtOnce    = 5 * time.Second        // too late to be told ahead
	sayWithin     = 250 * time.Millisecond // how long an end waits for its words
)

// watcher is one who watches.
type watcher struct{ notices chan local.Notice }

// Watch implements local's Flow.
func (a *Agent) Watch(who string) (<-chan local.Notice, func(), error) {
	w := &watcher{notices: make(chan local.Notice, noticesQueued)}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.notices[who]) >= watchersEach {
		return nil, nil, fmt.Errorf("%w: %d watch already", local.ErrBusy, watchersEach)
	}
	if a.notices[who] == nil {
		a.notices[who] = map[*watcher]bool{}
	}
	a.notices[who][w] = true
	return w.notices, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.unwatchLocked(who, w)
	}, nil
}

func (a *Agent) unwatchLocked(who string, w *watcher) {
	if !a.notices[who][w] {
		return
	}
	delete(a.notices[who], w)
	if len(a.notices[who]) == 0 {
		delete(a.notices, who)
	}
	close(w.notices)
}

// publish passes a line of a story on to its user's watchers and to nobody else.
// One whose queue is full is let go: they find everything in the list.
func (a *Agent) publish(n note, e happening) {
	who := n.Attempt.User.UID
	notice := local.Notice{At: e.At, Request: n.ID, Kind: e.Kind, Path: titleOf(n.Attempt), By: e.By, Text: e.Text, Until: a.until(n, e)}
	notice.Line = noticeLine(notice, a.now())
	a.mu.Lock()
	defer a.mu.Unlock()
	for w := range a.notices[who] {
		select {
		case w.notices <- notice:
		default:
			a.unwatchLocked(who, w)
		}
	}
}

// titleOf is the program of an attempt, or what is asked for in place of one.
func titleOf(a elevation.Attempt) string {
	switch {
	case a.Subject.Path != "":
		return a.Subject.Path
	case a.AccessType == elevation.Admin:
		return "administrator"
	}
	return "session"
}

// until is the moment that matters after a step.
func (a *Agent) until(n note, e happening) time.Time {
	if !slices.Contains([]string{"approved", "started", "extended", "ends_soon"}, e.Kind) {
		return time.Time{}
	}
	g, ok := a.Ledger.Get(n.Grant)
	switch {
	case !ok || g.State == grants.Ended:
		return time.Time{}
	case g.State == grants.Held:
		return g.UseBy.Wall
	}
	return g.EndBy.Wall
}

// noticeLine is a notice in words.
func noticeLine(n local.Notice, now time.Time) string {
	by, text := cmp.Or(n.By, "Assent"), ""
	if n.Text != "" {
		text = ": " + n.Text
	}
	until := func(before string) string {
		if n.Until.IsZero() {
			return ""
		}
		return before + intercept.ClockTime(n.Until, now)
	}
	said := map[string]string{
		"asked":     "asked" + text,
		"queued":    strings.TrimSpace("sent " + n.Text),
		"seen":      by + " is looking at it",
		"votes":     n.Text,
		"question":  by + " asks" + text,
		"answer":    "answered" + text,
		"approved":  "approved by " + by + text + until("; use it before "),
		"denied":    "denied by " + by + text,
		"started":   "started" + until("; it ends at "),
		"extended":  "more time from " + by + text + until("; it ends at "),
		"ends_soon": "it ends in " + n.Text + until(", at "),
		"revoked":   "revoked by " + by + text,
		"log_off":   "log off and on again: a log-on of that time still has the rights",
		"ended":     endLine(elevation.EndReason(n.Text)),
		"expired":   "nobody answered in time",
		"cancelled": "taken back",
		"removed":   "closed without an answer",
		"settled":   "nothing is needed of you any more",
		"passkey":   "your passkey is wanted" + text,
		"password":  "your password is wanted, on your desktop",
		"confirmed": "confirmed by " + by,

		"unconfirmed": "not confirmed" + text,
	}[n.Kind]
	said = cmp.Or(said, n.Kind+text)
	return inert.Clip(inert.Text(path.Base(n.Path)+" ("+elevation.ShortID(string(n.Request))+"): "+said), 400)
}

// endLine says how something that was granted came to its end.
func endLine(why elevation.EndReason) string {
	switch why {
	case elevation.Deadline:
		return "its time is over"
	case elevation.Completed:
		return "it is done"
	case elevation.CheckedIn:
		return "given back"
	case elevation.RevokedEnd:
		return "it was ended, because it was revoked"
	}
	return "ended: " + string(why)
}

// sentTo says of a request that was queued where it went.
func sentTo(goesTo []string, p *wire.Progress) string {
	var parts []string
	if len(goesTo) > 0 {
		parts = append(parts, "to "+strings.Join(goesTo, ", "))
	}
	if p != nil && p.UsualWait >= time.Second {
		parts = append(parts, "usually answered within "+intercept.Elapsed(p.UsualWait))
	}
	return inert.Clip(strings.Join(parts, ", "), 300)
}

// progressed takes how a request stands: for those who wait, and, where somebody
// took it up or voted, for its story.
func (a *Agent) progressed(m wire.Progress) error {
	n, known := a.journal.get(m.Request)
	a.mu.Lock()
	was := a.latest[m.Request]
	if known && n.open() {
		a.latest[m.Request] = m
	}
	a.mu.Unlock()
	a.tell(m.Request, func(h *holder) { h.progress, h.accepted = &m, true })
	seen := m.SeenBy != "" && m.SeenBy != was.SeenBy && n.newest("seen").By != m.SeenBy
	votes := votesText(m)
	voted := votes != "" && votes != votesText(was) && n.newest("votes").Text != votes
	if !known || !n.open() || !seen && !voted {
		return nil
	}
	return a.journal.update(m.Request, a.now(), func(n *note) {
		if seen {
			n.happened(a.now(), "seen", m.SeenBy, "")
		}
		if voted {
			n.happened(a.now(), "votes", "", votes)
		}
	})
}

// votesText says how far a request is that needs several approvals.
func votesText(p wire.Progress) string {
	if p.ApprovNeed < 2 || p.ApprovHave < 1 {
		return ""
	}
	return fmt.Sprintf("%d of %d approvals are there", p.ApprovHave, p.ApprovNeed)
}

// newest is the last line of a kind in the story.
func (n note) newest(kind string) happening {
	for _, e := range slices.Backward(n.Events) {
		if e.Kind == kind {
			return e
		}
	}
	return happening{}
}

func (a *Agent) progressOf(id elevation.RequestID) wire.Progress {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.latest[id]
}

func (a *Agent) forgetProgress(id elevation.RequestID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.latest, id)
}

// tell tells the person who waits at a terminal what is new: the code by which
// somebody beside them can answer, who looks at the request, who has voted.
func (w *wait) tell(p *wire.Progress) {
	if p == nil || w.asking != nil || w.ask.NoWait || !w.ask.AtTerminal {
		return
	}
	if p.Code != "" && p.Code != w.said.Code {
		w.p.Say(intercept.BesideLine(w.ask.Tongue, intercept.BesideAddress(w.a.Conn.Console(), p.Code), p.Code))
	}
	if p.SeenBy != "" && p.SeenBy != w.said.SeenBy {
		w.p.Say(w.ask.Tongue.Say("%s is looking at it", inert.Text(p.SeenBy)) + ".")
	}
	if votes := votesText(*p); votes != "" && votes != votesText(w.said) {
		w.p.Say(votes + ".")
	}
	w.said = *p
}

// approved tells the person who has waited that somebody said yes. A rule's yes
// needs no words.
func (w *wait) approved(g elevation.Grant, by wire.Decision) {
	if w.stage != stageFollow || w.ask.NoWait || !w.ask.AtTerminal || by.Rule || by.By == "" {
		return
	}
	text := w.ask.Tongue.Say("approved by %s", inert.Text(by.By))
	if by.Text != "" {
		text += ": " + inert.Clip(inert.Text(by.Text), 300)
	}
	w.p.Say(text + howLong(w.ask.Tongue, g, w.ask.Attempt.Duration, w.a.now()))
}

// worthSaying is the longest time that somebody is told of who did not ask for one:
// hardly a command runs for longer.
const worthSaying = time.Hour

// howLong says until when something that starts now may go on, "" where that is no
// news: of one command that has far more time than it needs. asked is how long the
// person wanted, 0 = they did not say.
func howLong(t words.Tongue, g elevation.Grant, asked time.Duration, now time.Time) string {
	end := endOf(g, now)
	at := t.Clock(end, now)
	switch {
	case g.AccessType == elevation.Admin, g.AccessType == elevation.Session && len(g.Subject.Args) == 0:
		return "" // it is told when it has begun
	case g.AccessType == elevation.Session:
		return "; " + t.Say("it is open until %s", at)
	case g.Subject.HasMark(elevation.MarkShell):
		return "; " + t.Say("it may run until %s", at)
	case asked == 0 && end.Sub(now) > worthSaying:
		return ""
	}
	return "; " + t.Say("should it still run at %s, it is ended then", at)
}

// endOf is when something that starts now must end.
func endOf(g elevation.Grant, now time.Time) time.Time {
	end := now.Add(g.Duration)
	if !g.NotAfter.IsZero() && g.NotAfter.Before(end) {
		return g.NotAfter
	}
	return end
}

// noteRevocation tells who revoked something and why, before it ends.
func (a *Agent) noteRevocation(r elevation.Revocation, reason elevation.EndReason) error {
	n, known := a.journal.get(r.Request)
	if !known || reason != elevation.RevokedEnd || n.Grant != r.Grant || n.newest("revoked").Kind != "" {
		return nil
	}
	if e, ok := a.Ledger.Get(r.Grant); ok && (e.State == grants.Active || e.State == grants.Armed) {
		t := a.tongueOf(e.ID)
		text := t.Say("revoked by %s", cmp.Or(r.By.Name, t.Say("an approver")))
		if r.Comment != "" {
			text += ": " + inert.Clip(r.Comment, 300)
		}
		a.sayInTime(e, text)
	}
	return a.journal.update(r.Request, a.now(), func(n *note) { n.happened(a.now(), "revoked", r.By.Name, r.Comment) })
}

// warn tells ahead that what is in use ends soon, once for each end. What is
// short anyway needs no warning.
func (a *Agent) warn(e grants.Entry, now grants.Moment) {
	left := e.EndBy.Left(now)
	last := left <= endsNow && (e.Access == elevation.Admin || e.Access == elevation.Session)
	if e.Parent != "" || left > endsSoon || left < endsAtOnce || e.Total <= endsSoon && !last || e.Total <= endsNow {
		return
	}
	of := e.EndBy.Wall
	if last { // told a second time: it is counted down
		of = of.Add(-endsNow)
	}
	a.mu.Lock()
	told := a.warned[e.ID].Equal(of)
	a.warned[e.ID] = of
	a.mu.Unlock()
	if told {
		return
	}
	in := intercept.Elapsed(left)
	a.background.Go(func() {
		t := a.tongueOf(e.ID)
		a.sayTo(e, t.Say("this ends in %s, at %s; more time: assent extend %s --for TIME", t.Span(left.Round(time.Second)), e.EndBy.Wall.Local().Format("15:04:05"), elevation.ShortID(string(e.Request))))
	})
	if err := a.journal.update(e.Request, now.Wall, func(n *note) { n.happened(now.Wall, "ends_soon", "", in) }); err != nil {
		a.Log.Error("note an end ahead", "grant", e.ID, "error", err)
	}
}

// sayOver says at the terminal why the program there ends now.
func (a *Agent) sayOver(e grants.Entry, now grants.Moment) {
	if e.State == grants.Active && dueReason(e, now) == elevation.Deadline && e.EndTries == 0 {
		a.sayInTime(e, a.tongueOf(e.ID).Say("the time is over: this is ended now"))
	}
}

// sayInTime is sayTo for an end, which waits a moment for its words and not for
// somebody who does not read.
func (a *Agent) sayInTime(e grants.Entry, text string) {
	said := make(chan struct{})
	a.background.Go(func() {
		defer close(said)
		a.sayTo(e, text)
	})
	late := time.NewTimer(sayWithin)
	defer late.Stop()
	select {
	case <-said:
	case <-late.C:
	}
}
