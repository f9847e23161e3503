package sudo

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
	"github.com/assent-epm/assent/shared/wire"
)

const (
	maxAsk     = 5   // times a reason that is too short is asked for again
	maxPresets = 9   // reasons to choose from by one digit
	maxTicket  = 512 // of a pattern, in bytes
)

// person talks with whoever typed sudo, through the plugin.
type person struct {
	k    *conn
	tty  bool
	cols int // of the terminal, 0 = not known
	now  func() time.Time
	rows int               // of the terminal
	qr   bool              // the person wants the code drawn for somebody beside them
	tell func(text string) // past the plugin, which hears nothing while it reads the terminal; nil = not possible

	mu     sync.Mutex          // guards the fields below: a question is asked beside the waiting
	kept   elevation.RequestID // told to the plugin already
	line   bool                // a waiting line stands on the terminal
	asking bool                // a question stands in its place
	last   intercept.Waiting   // what the line says once the question is over
	drawn  string              // the address that was drawn
}

var _ intercept.Person = (*person)(nil)

// Ask implements [intercept.Person].
func (p *person) Ask(ctx context.Context, need wire.Need) (reason, ticket string, err error) {
	if !p.tty {
		return "", "", intercept.ErrNobody
	}
	p.clear()
	for _, l := range introduction(need) {
		if err := p.k.send('T', l+"\n"); err != nil {
			return "", "", errGone
		}
	}
	if need.ReasonMin > 0 {
		if reason, err = p.reason(ctx, need); err != nil {
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

func (p *person) reason(ctx context.Context, need wire.Need) (string, error) {
	for range maxAsk {
		s, err := p.k.prompt(ctx, "Reason: ")
		if err != nil {
			return "", err
		}
		s = strings.TrimSpace(s)
		if n, err := strconv.Atoi(s); err == nil && n >= 1 && n <= min(len(need.Presets), maxPresets) {
			s = need.Presets[n-1]
		}
		switch n := utf8.RuneCountInString(s); {
		case elevation.CheckText("reason", s, elevation.MaxJustification) != nil:
			p.Say("That is not plain text, or too long. Please type it again.")
		case n < need.ReasonMin:
			p.Say(fmt.Sprintf("Please give at least %d characters; Ctrl-C withdraws.", need.ReasonMin))
		default:
			return s, nil
		}
	}
	return "", intercept.ErrWithdrawn
}

func (p *person) ticket(ctx context.Context, pattern string) (string, error) {
	re, err := regexp.Compile("^(?:" + pattern + ")$")
	if err != nil || len(pattern) > maxTicket {
		re = nil // the controller checks anyway
	}
	for range maxAsk {
		s, err := p.k.prompt(ctx, "Ticket: ")
		if err != nil {
			return "", err
		}
		s = strings.TrimSpace(s)
		if s != "" && (re == nil || re.MatchString(s)) && elevation.CheckText("ticket", s, elevation.MaxTicket) == nil {
			return s, nil
		}
		p.Say("A ticket like " + inert.Clip(inert.Text(pattern), 60) + " is needed; Ctrl-C withdraws.")
	}
	return "", intercept.ErrWithdrawn
}

// introduction is what stands above the prompt.
func introduction(need wire.Need) []string {
	var lines []string
	if need.Message != "" {
		lines = append(lines, shown(need.Message, 300))
	}
	to := "This needs an approval"
	if len(need.GoesTo) > 0 {
		to += " by " + shown(strings.Join(need.GoesTo, ", "), 120)
	}
	if need.UsualWait > 0 {
		to += ", usually within " + intercept.Elapsed(need.UsualWait)
	}
	lines = append(lines, to+".")
	for i, s := range need.Presets[:min(len(need.Presets), maxPresets)] {
		lines = append(lines, fmt.Sprintf("  %d  %s", i+1, shown(s, 100)))
	}
	return lines
}

// Waiting implements [intercept.Person]. From the first one on the plugin knows
// under which id the request is kept should it lose us.
func (p *person) Waiting(w intercept.Waiting) {
	p.mu.Lock()
	defer p.mu.Unlock()
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
	}
	if p.tty {
		p.drawLocked(w.Beside)
		p.line = true
		p.k.show(func() string { return "\r\x1b[K" + w.Line(p.now(), p.cols) })
	}
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
	if err := p.k.send('T', shown(q.By, 100)+" asks: "+shown(q.Text, 2000)+"\n"); err != nil {
		return "", errGone
	}
	if p.tell != nil {
		defer context.AfterFunc(ctx, func() {
			if p.k.ctx.Err() == nil { // else sudo itself is gone
				p.tell("No answer is needed any more: press Enter to go on.")
			}
		})()
	}
	for range maxAsk {
		s, err := p.k.prompt(context.Background(), "Answer (Enter alone: later): ")
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
		if err := p.k.send('T', "That is not plain text, or too long. Please type it again.\n"); err != nil {
			return "", errGone
		}
	}
	return "", nil
}

// Say implements [intercept.Person].
func (p *person) Say(text string) {
	p.clear()
	kind := byte('T')
	if !p.tty {
		kind = 'M'
	}
	p.k.send(kind, shown(text, 500)+"\n")
}

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

// explain says why nothing ran, and what to do next. "" = the plugin has said it.
func explain(err error, silent bool) string {
	var refused *intercept.Refused
	var kept *intercept.Kept
	switch {
	case errors.As(err, &refused):
		return denial(refused)
	case errors.As(err, &kept) && silent:
		return "request " + string(kept.Request) + "\n"
	case errors.As(err, &kept):
		return "kept as " + string(kept.Request) + ", run the same command again\n"
	case errors.Is(err, intercept.ErrWithdrawn):
		return ""
	case errors.Is(err, intercept.ErrNobody):
		return fault("there is no terminal to ask for the reason", "give it in ASSENT_REASON")
	case errors.Is(err, intercept.ErrUnreachable):
		return fault("the Assent controller can not be reached, so nobody can approve this", "try again later; `assent status` tells more")
	case errors.Is(err, intercept.ErrNeedsPerson):
		return fault("a person must approve this, and -n asks nobody", "leave -n away, or give the reason in ASSENT_REASON")
	case errors.Is(err, intercept.ErrExpired):
		return fault("nobody answered in time", "run the command again to ask anew")
	case errors.Is(err, intercept.ErrCancelled):
		return fault("the request was cancelled", "run the command again to ask anew")
	case errors.Is(err, intercept.ErrWaitOver):
		return fault("nobody has answered yet", "the request is kept: run the same command again")
	case errors.Is(err, elevation.ErrInvalid):
		return fault(err.Error(), "run the command in a plainer form, or ask an administrator")
	}
	return fault("this could not be approved because of a fault on this machine", "`assent status` tells more, an administrator finds it in the agent's log")
}

func denial(r *intercept.Refused) string {
	by := shown(r.By, 100)
	s := "denied by " + by
	if r.Text != "" {
		s += ": " + shown(r.Text, 2000)
	}
	hint := "talk to " + by + " before you ask again"
	if r.Rule {
		hint = "an administrator can tell more about this rule"
	}
	return s + "\nhint: nothing was run; " + hint + "\n"
}

// fault is an error line and a hint line.
func fault(what, hint string) string {
	return "error: " + shown(what, 500) + "\nhint: " + shown(hint, 500) + "\n"
}
