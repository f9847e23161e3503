package tray

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/assent-epm/assent/agent/desktop"
	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/agent/words"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
)

// Program is something a person may need with more rights.
type Program struct {
	Name      string   `json:"name"`
	Path      string   `json:"path"`
	Args      []string `json:"args,omitempty"`
	Publisher string   `json:"publisher,omitempty"`
}

// Wish is what a person wants: a program of theirs to be run, or a request of
// theirs to be seen. Without either they choose a program.
type Wish struct {
	Path    string              `json:"path,omitempty"`
	Args    []string            `json:"args,omitempty"`
	Request elevation.RequestID `json:"request,omitempty"`
	Menu    bool                `json:"menu,omitempty"` // it comes from the menu of a file manager
}

// FormConfig is what a [Form] is made of.
type FormConfig struct {
	Agent  Agent
	Sits   bool // the agent knows that this program can ask, so that it says what it wants to know
	Tongue words.Tongue
	Env    func(name string) string // for the language, where the company wants none
	Folder string                   // where this program asks from
	Now    func() time.Time
	// Publisher says who made a program, "" = that is not known; may be nil.
	Publisher func(path string) string
	Programs  func() []Program                          // that can be chosen; may be nil
	Browse    func(ctx context.Context) (string, error) // lets the person choose a file; may be nil
	Start     func(cwd string, argv []string) error     // starts a program of the person's own
	Reasons   *words.Reasons                            // given before
	Log       *slog.Logger
}

// Errors of a [Form], for its page.
var (
	ErrUsed  = errors.New("this form was used: each asks once")
	ErrState = errors.New("that is not possible now")
)

// Form is one request of one person, from the question to its end. Its methods
// never wait for an approval.
type Form struct {
	cfg  FormConfig
	ctx  context.Context
	stop context.CancelFunc
	work sync.WaitGroup
	out  tail

	mu       sync.Mutex // guards the fields below
	menu     bool       // see Wish
	version  int
	news     chan struct{} // closed at the next version
	tongue   words.Tongue
	program  Program
	endpoint string
	begun    time.Time           // since when an attempt of this form may be there
	hold     context.CancelFunc  // ends the attempt that waits for its answer, nil = none
	wants    *local.Wants        // what the agent wants to know
	draft    elevation.RequestID // waits for the reason
	id       elevation.RequestID // the request
	item     *local.Item         // as it is known
	asked    bool
	reason   string
	ticket   string
	wrong    string
	end      *local.Outcome // of what was run
	viewed   time.Time
	reading  bool // the request is read just now
	stale    bool // there is news since that reading began
}

const viewEvery = 5 * time.Second

// NewForm makes a Form and begins: a program that is named is an attempt already,
// and the agent says what it wants to know of it.
func NewForm(cfg FormConfig, w Wish) *Form {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Reasons == nil {
		cfg.Reasons = &words.Reasons{}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	f := &Form{cfg: cfg, version: 1, news: make(chan struct{}), tongue: cfg.Tongue, menu: w.Menu}
	f.ctx, f.stop = context.WithCancel(context.Background())
	switch {
	case w.Request != "":
		f.draft, f.id, f.asked = w.Request, w.Request, true
		f.refresh()
	case w.Path != "":
		f.choose(Program{Path: w.Path, Args: w.Args})
	}
	f.work.Go(func() {
		if s, err := cfg.Agent.Status(f.ctx); err == nil {
			f.change(func() { f.endpoint = s.Endpoint })
		}
	})
	return f
}

// Close ends the form; a request that was made goes on.
func (f *Form) Close() {
	f.mu.Lock() // a notice that comes just now begins a reading before this, or none
	f.stop()
	f.mu.Unlock()
	f.work.Wait()
}

// change makes a new version, and wakes who waits for one.
func (f *Form) change(with func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	with()
	f.version++
	close(f.news)
	f.news = make(chan struct{})
}

// Await waits until there is a newer version than v.
func (f *Form) Await(ctx context.Context, v int) {
	f.mu.Lock()
	version, news := f.version, f.news
	f.mu.Unlock()
	if version > v {
		return
	}
	select {
	case <-news:
	case <-ctx.Done():
	case <-f.ctx.Done():
	}
}

// Choose takes the program that the person wants, by its path.
func (f *Form) Choose(path string) error {
	path = strings.TrimSpace(path)
	if path == "" || len(path) > elevation.MaxPath || inert.Text(path) != path {
		return fmt.Errorf("%w: %s", ErrState, f.say("Please choose a program."))
	}
	f.mu.Lock()
	chosen := f.program.Path != "" || f.asked
	f.mu.Unlock()
	if chosen {
		return ErrUsed
	}
	p := Program{Path: path}
	for _, known := range f.programs() {
		if known.Path == path && p.Name == "" {
			p = known
		}
	}
	f.choose(p)
	return nil
}

// Browse lets the person choose a file of the system.
func (f *Form) Browse(ctx context.Context) error {
	if f.cfg.Browse == nil {
		return ErrState
	}
	path, err := f.cfg.Browse(ctx)
	if err != nil || path == "" {
		return err
	}
	return f.Choose(path)
}

func (f *Form) programs() []Program {
	if f.cfg.Programs == nil {
		return nil
	}
	return f.cfg.Programs()
}

func (f *Form) choose(p Program) {
	if p.Name == "" {
		p.Name = base(p.Path)
	}
	f.change(func() { f.program, f.begun, f.wrong = p, f.cfg.Now().Add(-time.Second), "" })
	if f.cfg.Publisher != nil {
		f.work.Go(func() {
			if by := oneLine(f.cfg.Publisher(p.Path), 120); by != "" {
				f.change(func() { f.program.Publisher = by })
			}
		})
	}
	if f.cfg.Sits { // the agent says what it wants to know, and takes the reason by Answer
		f.attempt(local.RunOptions{Command: p.Path, Args: p.Args})
	}
}

// attempt asks the agent to run the program, and waits for the answer aside.
func (f *Form) attempt(opt local.RunOptions) {
	ctx, cancel := context.WithCancel(f.ctx)
	f.change(func() { f.hold, opt.Menu = cancel, f.menu })
	f.work.Go(func() {
		out := f.run(ctx, opt)
		gone := ctx.Err() != nil
		cancel()
		if !gone {
			f.attempted(opt, out)
		}
	})
}

// run lends the agent streams: nothing to read, and the end of what is written.
func (f *Form) run(ctx context.Context, opt local.RunOptions) local.Outcome {
	r, w, err := os.Pipe()
	if err != nil {
		return local.Outcome{Kind: local.Failed, Text: err.Error()}
	}
	var reader sync.WaitGroup
	reader.Go(func() { f.out.follow(r, func() { f.change(func() {}) }) })
	opt.Mute = true // what is written is of the program alone
	out := f.cfg.Agent.Run(ctx, opt, local.Streams{Out: w, Err: w})
	_ = w.Close()
	go func() { // something that the program left behind may still hold the other end
		reader.Wait()
		_ = r.Close()
	}()
	return out
}

// attempted takes what came of an attempt.
func (f *Form) attempted(opt local.RunOptions, out local.Outcome) {
	f.change(func() {
		f.hold = nil
		if out.Request != "" {
			f.id, f.asked = out.Request, true
		}
		switch out.Kind {
		case local.Kept, local.WaitOver: // it goes on by itself
		case local.Invalid, local.Unreachable, local.NotFound, local.Failed:
			if out.Request == "" && (f.asked || opt.Reason != "" || out.Kind != local.Invalid) {
				f.wrong, f.asked = out.Text, false
			}
			f.draft = ""
			if f.id != "" {
				f.end = &out
			}
		default:
			f.asked, f.end = true, &out
		}
	})
	f.refresh()
}

// Asked is what the person fills in.
type Asked struct {
	Reason string        `json:"reason"`
	Ticket string        `json:"ticket"`
	For    time.Duration `json:"for"`
}

// Ask sends the request, once.
func (f *Form) Ask(ctx context.Context, a Asked) error {
	a.Reason, a.Ticket = strings.TrimSpace(a.Reason), strings.TrimSpace(a.Ticket)
	f.mu.Lock()
	state := f.askingLocked()
	wrong := f.checkLocked(a)
	if state == nil && wrong == "" { // from here on a second one finds it used
		f.asked, f.reason, f.ticket, f.wrong = true, a.Reason, a.Ticket, ""
	}
	draft, wants, hold, program := f.draft, f.wants, f.hold, f.program
	f.mu.Unlock()
	switch {
	case state != nil:
		return state
	case wrong != "":
		f.change(func() { f.wrong = wrong })
		return nil
	}
	f.cfg.Reasons.Remember("", "", a.Reason, f.cfg.Now())
	f.change(func() {})
	if draft != "" && (a.For == 0 || hold == nil) { // what something else tried has its time already
		f.answerDraft(ctx, draft, wants, a)
		return nil
	}
	if hold != nil {
		hold() // the attempt without a duration is taken back
	}
	f.change(func() { f.draft = "" })
	f.attempt(local.RunOptions{Command: program.Path, Args: program.Args, Reason: a.Reason, Ticket: a.Ticket, For: a.For, NoWait: true})
	return nil
}

// askingLocked is why nothing can be asked now.
func (f *Form) askingLocked() error {
	switch f.stageLocked() {
	case stageAsk:
		return nil
	case stagePick:
		return ErrState
	}
	return ErrUsed
}

// checkLocked says what is wrong with what was filled in, "" = nothing.
func (f *Form) checkLocked(a Asked) string {
	least, pattern := 1, ""
	if f.wants != nil {
		least, pattern = f.wants.Reason, f.wants.Ticket
	}
	switch {
	case elevation.CheckText("reason", a.Reason, elevation.MaxJustification) != nil:
		return f.tongue.Say("That is not plain text, or too long. Please type it again.")
	case utf8.RuneCountInString(a.Reason) < least:
		return f.tongue.Say("Please give at least %d characters.", least)
	case pattern != "" && !intercept.TicketFits(pattern, a.Ticket), elevation.CheckText("ticket", a.Ticket, elevation.MaxTicket) != nil:
		return f.tongue.Say("That is no such ticket.")
	case a.For < 0 || a.For > 30*24*time.Hour:
		return f.tongue.Say("That is no time that can be asked for.")
	}
	return ""
}

// answerDraft gives the reason, then the ticket, to the attempt that waits.
func (f *Form) answerDraft(ctx context.Context, draft elevation.RequestID, w *local.Wants, a Asked) {
	texts := []string{}
	if w == nil || w.Reason > 0 {
		texts = append(texts, a.Reason)
	}
	if w != nil && w.Ticket != "" {
		texts = append(texts, a.Ticket)
	}
	for _, text := range texts {
		if _, err := f.cfg.Agent.Answer(ctx, string(draft), text); err != nil {
			f.change(func() { f.asked, f.wrong = false, err.Error() })
			return
		}
	}
	f.change(func() { f.id, f.draft = draft, "" })
	f.refresh()
}

// Answer replies to the question of an approver.
func (f *Form) Answer(ctx context.Context, text string) error {
	text = strings.TrimSpace(text)
	f.mu.Lock()
	id, open := f.id, f.item != nil && f.item.Question != ""
	f.mu.Unlock()
	switch {
	case !open:
		return ErrState
	case text == "" || elevation.CheckText("answer", text, elevation.MaxComment) != nil:
		f.change(func() { f.wrong = f.tongue.Say("That is not plain text, or too long. Please type it again.") })
		return nil
	}
	it, err := f.cfg.Agent.Answer(ctx, string(id), text)
	f.acted(it, err)
	return nil
}

// Press does what a button of the page says.
func (f *Form) Press(ctx context.Context, key string) error {
	f.mu.Lock()
	id, draft, hold, item := f.id, f.draft, f.hold, f.item
	may := slices.ContainsFunc(f.buttonsLocked(), func(b Button) bool { return b.Key == key })
	f.mu.Unlock()
	if !may {
		return ErrState
	}
	switch key {
	case pressCancel:
		if hold != nil {
			hold()
		}
		if id == "" {
			id = draft
		}
		it, err := f.cfg.Agent.Cancel(ctx, string(id))
		f.acted(it, err)
	case pressEnd:
		it, err := f.cfg.Agent.CheckIn(ctx, string(id))
		f.acted(it, err)
	case pressRun:
		f.start(*item)
	}
	return nil
}

// acted takes what the agent says to something that was done.
func (f *Form) acted(it local.Item, err error) {
	f.change(func() {
		f.wrong = ""
		if err != nil {
			f.wrong = err.Error()
		}
	})
	f.refresh()
}

// start runs what was approved.
func (f *Form) start(it local.Item) {
	if argv := desktop.Command(it); argv != nil {
		err := f.cfg.Start(desktop.StartIn(it), argv)
		f.acted(it, err)
		return
	}
	f.mu.Lock()
	p := f.program
	f.mu.Unlock()
	as := it.RunAs
	if as == intercept.Elevated { // nobody else was named, and some systems let nobody be
		as = ""
	}
	f.out.reset()
	f.attempt(local.RunOptions{Command: p.Path, Args: p.Args, As: as, NoWait: true})
}

func (f *Form) say(text string, args ...any) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.tongue.Say(text, args...)
}
