package sudo

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/agent/words"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
	"github.com/assent-epm/assent/shared/wire"
)

// person talks with whoever typed sudo, through the plugin.
type person struct {
	k    *conn
	tty  bool
	cols int // of the terminal, 0 = not known
	now  func() time.Time

	speaks intercept.Speech
	rows   int               // of the terminal
	hint   string            // a better way, said above the question; "" = none
	keys   bool              // the plugin can watch the terminal for b
	qr     bool              // the person wants the code drawn for somebody beside them
	tell   func(text string) // past the plugin, which hears nothing while it reads the terminal; nil = not possible

	hinted atomic.Bool // the person was told of the keys

	mu     sync.Mutex          // guards the fields below: a question is asked beside the waiting
	kept   elevation.RequestID // told to the plugin already
	line   bool                // a waiting line stands on the terminal
	asking bool                // a question stands in its place
	last   intercept.Waiting   // what the line says once the question is over
	drawn  string              // the address that was drawn
}

var (
	_ intercept.Person    = (*person)(nil)
	_ intercept.Confirmer = (*person)(nil)
)

// Ask implements [intercept.Person].
func (p *person) Ask(ctx context.Context, need wire.Need) (reason, ticket string, err error) {
	if !p.tty {
		return "", "", intercept.ErrNobody
	}
	p.clear()
	in := p.speaks.Introduce(need, p.now())
	lines := in.Lines
	if p.hint != "" {
		lines = append(lines, p.hint)
	}
	for _, l := range lines {
		if err := p.print(l); err != nil {
			return "", "", errGone
		}
	}
	if need.ReasonMin > 0 {
		if reason, err = p.reason(ctx, need, in); err != nil {
			return "", "", err
		}
	}
	if need.Ticket != "" {
		if ticket, err = p.ticket(ctx, need.Ticket); err != nil {
			return "", "", err
		}
	}
	return reason, ticket, nil
}

func (p *person) reason(ctx context.Context, need wire.Need, in intercept.Introduction) (string, error) {
	say := p.speaks.Tongue.Say
	for range intercept.MaxAsk {
		typed, err := p.k.prompt(ctx, say("Reason: "))
		if err != nil {
			return "", err
		}
		s := in.Choose(typed)
		switch n := utf8.RuneCountInString(s); {
		case elevation.CheckText("reason", s, elevation.MaxJustification) != nil:
			p.Say(say("That is not plain text, or too long. Please type it again."))
		case n < need.ReasonMin:
			p.Say(say("Please give at least %d characters; Ctrl-C withdraws.", need.ReasonMin))
		default:
			if hint := p.speaks.Tongue.Weak(s); hint != "" && !slices.Contains(in.Choices, s) {
				p.Say(hint)
			}
			p.speaks.Given(s, p.now())
			return s, nil
		}
	}
	return "", intercept.ErrWithdrawn
}

func (p *person) ticket(ctx context.Context, pattern string) (string, error) {
	say := p.speaks.Tongue.Say
	for range intercept.MaxAsk {
		s, err := p.k.prompt(ctx, say("Ticket: "))
		if err != nil {
			return "", err
		}
		if s = strings.TrimSpace(s); intercept.TicketFits(pattern, s) {
			return s, nil
		}
		p.Say(say("A ticket like %s is needed; Ctrl-C withdraws.", inert.Clip(inert.Text(pattern), 60)))
	}
	return "", intercept.ErrWithdrawn
}

// Secret implements [intercept.Confirmer].
func (p *person) Secret(ctx context.Context, user string) (string, error) {
	if !p.tty {
		return "", intercept.ErrNobody
	}
	p.clear()
	return p.k.secret(ctx, intercept.Wrap(p.speaks.Tongue.Say("Password of %s, to confirm: ", shown(user, 64)), p.cols))
}

// Waiting implements [intercept.Person]. From the first one on the plugin knows
// under which id the request is kept should it lose us.
func (p *person) Waiting(w intercept.Waiting) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w.Tongue = p.speaks.Tongue
	if p.last = w; p.asking {
		return
	}
	p.waitingLocked(w)
}

func (p *person) waitingLocked(w intercept.Waiting) {
	if w.Request != "" && p.kept != w.Request {
		p.kept = w.Request
		p.k.send('L', "\nkept as "+string(w.Request)+", run the same command again\n")
		if !p.tty {
			p.k.send('M', w.Line(p.now(), 0)+"\n")
		}
		if p.tty && p.keys {
			p.k.send('B', "") // b leaves it waiting
		}
	}
	if p.tty {
		p.drawLocked(w.Beside)
		p.line = true
		told := w.Placed()
		p.k.show(func() string {
			hint := ""
			if told {
				hint = p.hintOfKeys()
			}
			told = true
			return "\r\x1b[K" + hint + w.Line(p.now(), p.cols)
		})
	}
}

// hintOfKeys tells once of the keys that the plugin hears, below what is told of
// somebody who can answer: that comes with the first place in the queue, or not
// within a second.
func (p *person) hintOfKeys() string {
	if !p.keys || !p.hinted.CompareAndSwap(false, true) {
		return ""
	}
	return intercept.Wrap("assent: "+p.speaks.Tongue.Say("b leaves it waiting, Ctrl-C withdraws it"), p.cols) + "\n"
}

// drawLocked draws an address as a QR code, once.
func (p *person) drawLocked(address string) {
	if !p.qr || address == "" || address == p.drawn {
		return
	}
	p.drawn = address
	lines, err := intercept.QR(address, p.cols, p.rows)
	text := strings.Join(lines, "\n") + "\n"
	switch {
	case err != nil:
		text = "assent: " + shown(err.Error(), 200) + "\n"
	case len(text) > maxShown-16:
		text = "assent: the address is too long for a QR code here\n"
	}
	p.k.send('T', "\r\x1b[K"+text)
}

// Question implements [intercept.Person]. The plugin reads the terminal until
// Enter is pressed and can not be called back: what is decided meanwhile counts
// from then on, and the person is told to press it.
func (p *person) Question(ctx context.Context, q intercept.Question) (string, error) {
	if !p.tty {
		return "", intercept.ErrNobody
	}
	p.mu.Lock()
	p.clearLocked()
	p.asking = true
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.asking = false
		if p.last.Request != "" {
			p.waitingLocked(p.last)
		}
	}()
	if err := p.print(p.speaks.Tongue.Say("%s asks: %s", shown(q.By, 100), shown(q.Text, 2000))); err != nil {
		return "", errGone
	}
	if p.tell != nil {
		defer context.AfterFunc(ctx, func() {
			if p.k.ctx.Err() == nil { // else sudo itself is gone
				p.tell(p.speaks.Tongue.Say("No answer is needed any more: press Enter to go on."))
			}
		})()
	}
	for range intercept.MaxAsk {
		s, err := p.k.prompt(context.Background(), p.speaks.Tongue.Say("Answer (Enter alone: later): "))
		if err != nil {
			return "", err
		}
		s = strings.TrimSpace(s)
		if ctx.Err() != nil {
			return "", nil // it is over, whatever was typed
		}
		if elevation.CheckText("answer", s, elevation.MaxComment) == nil {
			return s, nil
		}
		if err := p.print(p.speaks.Tongue.Say("That is not plain text, or too long. Please type it again.")); err != nil {
			return "", errGone
		}
	}
	return "", nil
}

// Say implements [intercept.Person].
func (p *person) Say(text string) {
	p.clear()
	if text = shown(text, 500); p.tty {
		p.print(text)
		return
	}
	p.k.send('M', text+"\n")
}

// print shows text on the terminal, broken between words.
func (p *person) print(text string) error { return p.k.send('T', intercept.Wrap(text, p.cols)+"\n") }

// clear takes the waiting line off the terminal.
func (p *person) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clearLocked()
}

func (p *person) clearLocked() {
	p.k.show(nil)
	if p.line {
		p.k.send('T', "\r\x1b[K")
		p.line = false
	}
}

// fitted is text for the terminal that sudo was typed at, if there is one, broken
// between words.
func (q call) fitted(text string) string {
	cols, err := strconv.Atoi(value(q.user, "cols"))
	if err != nil || value(q.user, "tty") == "" {
		return text
	}
	return intercept.WrapLines(text, cols)
}

// leave ends the waiting line and lets it stand.
func (p *person) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.k.show(nil)
	if p.line {
		p.k.send('T', "\n")
		p.line = false
	}
}

// shown is text from elsewhere as one harmless line.
func shown(s string, limit int) string {
	return inert.Clip(inert.Text(strings.Join(strings.Fields(s), " ")), limit)
}

// speech is how the person who typed sudo is spoken with. Their terminal is known
// by the session of processes that has it.
func (s *Server) speech(q call, uid uint32) intercept.Speech {
	terminal := value(q.user, "sid")
	if value(q.user, "tty") == "" {
		terminal = ""
	}
	return s.cfg.Voice.To(privilege.UserOf(uid), terminal, func(name string) string { return value(q.env, name) })
}

// explain says why nothing ran, in the person's language and with the company's
// own lines.
func (p *person) explain(err error, silent bool) string {
	s := explainIn(p.speaks.Tongue, err, silent)
	if s == "" || silent {
		return s
	}
	for _, line := range p.speaks.Company {
		s += "hint: " + line + "\n"
	}
	return s
}

// explain is [person.explain] where nobody is known yet.
func explain(err error, silent bool) string { return explainIn(words.English, err, silent) }

// explainIn says why nothing ran, and what to do next. "" = the plugin has said it.
func explainIn(t words.Tongue, err error, silent bool) string {
	var refused *intercept.Refused
	var kept *intercept.Kept
	var unfit *intercept.Unfit
	switch {
	case errors.As(err, &refused):
		return denial(t, refused)
	case errors.As(err, &kept) && silent:
		return "request " + string(kept.Request) + "\n"
	case errors.As(err, &kept):
		return t.Say("kept as %s, run the same command again", string(kept.Request)) + "\n"
	case errors.Is(err, intercept.ErrWithdrawn):
		return ""
	case errors.As(err, &unfit):
		return fault(unfit.In(t), t.Say("give them in ASSENT_REASON and ASSENT_TICKET"))
	case errors.Is(err, intercept.ErrNobody):
		return fault(t.Say("there is no terminal to ask for the reason"), t.Say("give it in ASSENT_REASON"))
	case errors.Is(err, intercept.ErrUnreachable):
		return fault(t.Say("the Assent controller can not be reached, so nobody can approve this"), t.Say("try again later; `assent status` tells more"))
	case errors.Is(err, intercept.ErrNeedsPerson):
		return fault(t.Say("a person must approve this, and -n asks nobody"), t.Say("leave -n away, or give the reason in ASSENT_REASON"))
	case errors.Is(err, intercept.ErrExpired):
		return fault(t.Say("nobody answered in time"), t.Say("run the command again to ask again"))
	case errors.Is(err, intercept.ErrCancelled):
		return fault(t.Say("the request was cancelled"), t.Say("run the command again to ask again"))
	case errors.Is(err, intercept.ErrRemoved):
		return fault(t.Say("nothing waits any more: Assent is being removed from this machine"), t.Say("sudo works here again as it did before Assent"))
	case errors.Is(err, intercept.ErrWaitOver):
		return fault(t.Say("nobody has answered yet"), t.Say("the request is kept: run the same command again"))
	case errors.Is(err, elevation.ErrInvalid):
		return fault(err.Error(), t.Say("run the command in a plainer form, or ask an administrator"))
	}
	return fault(t.Say("this could not be approved because of a fault on this machine"), t.Say("`assent status` tells more, an administrator finds it in the agent's log"))
}

func denial(t words.Tongue, r *intercept.Refused) string {
	by := shown(r.By, 100)
	s := (&intercept.Refused{By: by, Text: shown(r.Text, 2000)}).In(t)
	hint := t.Say("nothing was run; talk to %s before you ask again", by)
	if r.Rule {
		hint = t.Say("nothing was run; an administrator can tell more about this rule")
	}
	return s + "\nhint: " + hint + "\n"
}

// fault is an error line and a hint line.
func fault(what, hint string) string {
	return "error: " + shown(what, 500) + "\nhint: " + shown(hint, 500) + "\n"
}
