// Package desktop is what a person at a graphical session sees of their
// requests: notices of the desktop, and a dialog that asks for the reason of
// what was tried without a terminal. It is a program of that person's own
// session, `assent desktop`, and speaks with the agent over the users' socket.
//
// It decides nothing and has no right that its user has not: what it sends, any
// program of theirs could send. The agent, which has rights, never draws.
//
// Read text.go for what is shown when, bus.go for how notices are shown,
// dialog.go for the programs that ask.
package desktop

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/agent/words"
	"github.com/assent-epm/assent/shared/elevation"
)

// Agent is the agent of this machine; local.Client is one.
type Agent interface {
	WatchDesktop(ctx context.Context, ready func(), each func(local.Notice) error) error
	List(ctx context.Context) (items []local.Item, more bool, err error)
	View(ctx context.Context, id string) (local.Item, error)
	Answer(ctx context.Context, id, text string) (local.Item, error)
	Cancel(ctx context.Context, id string) (local.Item, error)
	CheckIn(ctx context.Context, id string) (local.Item, error)
	// Confirm gives a password, "" = the person leaves it.
	Confirm(ctx context.Context, id, password string) error
}

// Notices shows notices of the desktop. Each has a name of the caller's; another
// one of the same name takes its place.
type Notices interface {
	Show(name string, n Notice) error
	Remove(name string)
	// Pressed are the buttons that the person presses.
	Pressed() <-chan Press
}

// Notice is one notice of the desktop.
type Notice struct {
	Title   string
	Text    string
	Buttons []Button
	Urgent  bool
}

// Button is one button of a notice. Key says what it does.
type Button struct{ Key, Text string }

// IsQuestion reports whether a notice is shown as a question where messages have no
// buttons: only if somebody waits for it, as a question takes the focus.
func (n Notice) IsQuestion() bool { return n.Urgent && len(n.Buttons) > 0 }

// Choice is a notice as a question of the system, which has up to three answers: what
// is done first, what else is done if there is something, and what takes it away,
// which is called otherwise where the notice has no word for it.
func (n Notice) Choice(otherwise string) (first, other Button, away string) {
	away = otherwise
	for _, b := range n.Buttons {
		switch {
		case b.Key == pressLater:
			away = b.Text
		case first.Key == "":
			first = b
		case other.Key == "":
			other = b
		}
	}
	return first, other, away
}

// Press is a button that was pressed.
type Press struct{ Name, Key string }

// What buttons do. Later does nothing but take the notice away.
const (
	pressRun    = "run"
	pressLater  = "later"
	pressOpen   = "open"
	pressAnswer = "answer"
	pressEnd    = "end"
	pressPage   = "page"
	pressAsk    = "ask"
	pressLogOff = "log-off"
	pressLeave  = "leave"
)

// Dialog asks the person one thing. [ErrNoDialog] when that is not possible here,
// [ErrClosed] when the person closed it.
type Dialog interface {
	Ask(ctx context.Context, q Question) (string, error)
	// Tell shows a text until the person has read it.
	Tell(ctx context.Context, title, text string) error
}

// Question is what a dialog asks. Choices can be taken in place of typing. What is
// Hidden is not shown while it is typed, and given back as it was typed.
type Question struct {
	Title, Text string
	Choices     []string
	Hidden      bool
	OK, Cancel  string
}

// Errors of a [Dialog].
var (
	ErrNoDialog = errors.New("there is no program that could ask")
	ErrClosed   = errors.New("the person closed the dialog")
)

// Config is what a [Desktop] is made of.
type Config struct {
	Agent   Agent
	Notices Notices // nil: there are none
	Dialog  Dialog
	// Start starts a program of the person's own, and does not wait for it.
	Start func(cwd string, argv []string) error
	// Runs reports whether Run starts what was approved, beside what this package
	// starts itself; Page shows a request where its question can be answered. All
	// may be nil.
	Runs func(it local.Item) bool
	Run  func(ctx context.Context, id string) error
	Page func(id string) error
	// Ask opens what a program is asked for with, "" = the person chooses one; nil
	// where that is not possible.
	Ask func(path string, args []string) error
	// Open shows the person's requests; nil where that is not possible.
	Open func() error
	// LogOff ends the person's own session, and asks nothing; nil where nobody has to.
	LogOff func() error
	Env    func(name string) string // for the language
	Log    *slog.Logger
	Now    func() time.Time
	// Again is how long it waits before it connects anew, at first and at most.
	Again, Slowest time.Duration
}

const (
	maxAsked   = 16 // that wait for the person; the agent keeps no more drafts of one user
	maxTracked = 256
	callWithin = 20 * time.Second
)

// Desktop watches for one person.
type Desktop struct {
	cfg     Config
	reasons words.Reasons
	asked   chan elevation.RequestID
	turn    chan struct{} // held by the one dialog
	work    sync.WaitGroup

	mu     sync.Mutex // guards the fields below
	tongue words.Tongue
	queued map[elevation.RequestID]time.Time // since when people were waited for
	due    map[elevation.RequestID]bool      // in the line to be asked, or being asked
	more   map[elevation.RequestID]bool      // wanted once more while being asked
	open   map[elevation.RequestID]context.CancelFunc
	pages  map[string]string // where a passkey is shown, by the notice's name
	offer  local.Notice      // the last one to ask here instead
	leave  leaving
}

// New makes a Desktop.
func New(cfg Config) *Desktop {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Again == 0 {
		cfg.Again, cfg.Slowest = time.Second, time.Minute
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Desktop{cfg: cfg, asked: make(chan elevation.RequestID, maxAsked), turn: make(chan struct{}, 1), tongue: words.For("", cfg.Env),
		queued: map[elevation.RequestID]time.Time{}, due: map[elevation.RequestID]bool{}, more: map[elevation.RequestID]bool{}, open: map[elevation.RequestID]context.CancelFunc{}, pages: map[string]string{}}
}

// Run watches until ctx ends, and connects anew whenever the agent was away. It
// returns an error only when the agent is of another version.
func (d *Desktop) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer d.work.Wait()
	defer stop()
	d.work.Go(func() { d.ask(ctx) })
	if d.cfg.Notices != nil {
		d.work.Go(func() { d.press(ctx) })
	}
	return Follow(ctx, d.cfg.Again, d.cfg.Slowest, func(ready func()) error {
		return d.cfg.Agent.WatchDesktop(ctx, func() { ready(); d.begin(ctx) }, func(n local.Notice) error { d.hear(ctx, n); return nil })
	}, func(err error, wait time.Duration) { d.cfg.Log.Info("the agent is away", "error", err, "again", wait) })
}

// Follow watches until ctx ends, and anew whenever the agent was away, which away is
// told: after again at first, twice that the next time, and so on to slowest, until
// watch calls ready. It returns an error only when the agent is of another version.
func Follow(ctx context.Context, again, slowest time.Duration, watch func(ready func()) error, away func(err error, wait time.Duration)) error {
	wait := again
	for {
		err := watch(func() { wait = again })
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, local.ErrVersion):
			return err
		}
		away(err, wait)
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return nil
		}
		wait = min(2*wait, slowest)
	}
}

// begin takes up what waits already.
func (d *Desktop) begin(ctx context.Context) {
	items, _, err := d.cfg.Agent.List(ctx)
	if err != nil {
		d.cfg.Log.Info("the requests can not be listed", "error", err)
		return
	}
	for _, it := range items {
		switch {
		case it.Confirm == string(elevation.ConfirmPassword), it.Asker == "Assent" && it.Question != "":
			d.wants(it.ID) // a view of it says whether that is so
		case it.State != string(elevation.StatePending):
		default:
			d.track(it.ID, it.At)
		}
	}
}

// hear acts on one notice. It must not wait for the person.
func (d *Desktop) hear(ctx context.Context, n local.Notice) {
	switch n.Kind {
	case "reason":
		d.wants(n.Request)
		return
	case "password": // after a wrong one the same notice comes again
		d.mu.Lock()
		if d.due[n.Request] {
			d.more[n.Request] = true
		}
		d.mu.Unlock()
		d.wants(n.Request)
		return
	case "settled":
		d.settled(n.Request)
		return
	case "queued":
		d.track(n.Request, n.At)
		return
	case local.NoticeInstead:
		d.instead(n)
		return
	}
	d.mu.Lock()
	since, waited := d.queued[n.Request]
	tongue := d.tongue
	if over(n.Kind) {
		delete(d.queued, n.Request)
	}
	if n.Kind == "passkey" {
		if len(d.pages) >= maxTracked {
			clear(d.pages)
		}
		d.pages[string(n.Request)] = n.Text
	}
	d.mu.Unlock()
	if d.cfg.Notices == nil && n.Kind == "unconfirmed" { // the person must know how it ended
		d.work.Go(func() { d.tell(ctx, tongue, n) })
	}
	if d.cfg.Notices == nil || !shows(n, waited, since) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, callWithin)
	defer cancel()
	it, err := d.cfg.Agent.View(ctx, string(n.Request))
	if err != nil {
		it = local.Item{ID: n.Request, Path: n.Path}
	}
	if n.Kind == "confirmed" && it.Mechanism != string(elevation.ByPolkit) { // it goes on by itself
		return
	}
	is := d.startable(tongue, n, it, noticeOf(tongue, n, it, d.cfg.Open != nil, d.cfg.Now()))
	d.show(string(n.Request), d.leavable(tongue, n, is))
}

// track notes since when people are waited for, within bounds.
func (d *Desktop) track(id elevation.RequestID, at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.queued) >= maxTracked {
		clear(d.queued) // at worst a notice is not shown
	}
	if _, known := d.queued[id]; !known {
		d.queued[id] = at
	}
}

// wants puts an attempt into the line of what the person is asked.
func (d *Desktop) wants(id elevation.RequestID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.due[id] {
		return
	}
	select {
	case d.asked <- id:
		d.due[id] = true
	default: // it stays in their list
	}
}

// settled takes a question away that was answered elsewhere or is over.
func (d *Desktop) settled(id elevation.RequestID) {
	d.mu.Lock()
	cancel := d.open[id]
	delete(d.more, id)
	d.mu.Unlock()
	if cancel != nil {
		cancel()
	}
	if d.cfg.Notices != nil {
		d.cfg.Notices.Remove(reasonNotice(id))
	}
}

func reasonNotice(id elevation.RequestID) string { return "reason " + string(id) }

// ask asks the person one thing after the other.
func (d *Desktop) ask(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case id := <-d.asked:
			ctx, cancel := context.WithCancel(ctx)
			d.mu.Lock()
			d.open[id] = cancel
			d.mu.Unlock()
			d.attend(ctx, id)
			cancel()
			d.mu.Lock()
			again := d.more[id]
			delete(d.open, id)
			delete(d.due, id)
			delete(d.more, id)
			d.mu.Unlock()
			if again {
				d.wants(id)
			}
		}
	}
}

// attend asks for what an attempt wants now, whatever that is.
func (d *Desktop) attend(ctx context.Context, id elevation.RequestID) {
	it, err := d.cfg.Agent.View(ctx, string(id))
	switch {
	case err != nil || it.Wants == nil: // it is over
	case it.Wants.Password != "":
		d.password(ctx, it)
	default:
		d.reason(ctx, id)
	}
}

// reason asks for what an attempt wants until it has everything.
func (d *Desktop) reason(ctx context.Context, id elevation.RequestID) {
	wrong := ""
	for range 2 * intercept.MaxAsk {
		it, err := d.cfg.Agent.View(ctx, string(id))
		if err != nil || it.Wants == nil || it.Wants.Password != "" {
			return // it is over
		}
		t := words.For(it.Wants.Words.Language, d.cfg.Env)
		d.mu.Lock()
		d.tongue = t
		d.mu.Unlock()
		text, err := d.dialog(ctx, question(t, it, d.reasons.Recent(""), wrong))
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, ErrClosed):
			d.did(d.cfg.Agent.Cancel(ctx, string(id)))
			return
		case err != nil:
			d.cfg.Log.Info("no dialog can be shown", "error", err)
			d.show(reasonNotice(id), inWords(t, it))
			return
		}
		if wrong = d.check(t, it, text); wrong != "" {
			continue
		}
		if _, err = d.cfg.Agent.Answer(ctx, string(id), strings.TrimSpace(text)); errors.Is(err, local.ErrInvalid) {
			wrong = err.Error()
			continue
		}
		if err != nil {
			d.did(it, err)
			return
		}
		if it.Wants.Reason > 0 {
			d.reasons.Remember("", "", strings.TrimSpace(text), d.cfg.Now())
		}
		wrong = ""
		if it.Wants.Reason == 0 || it.Wants.Ticket == "" {
			return
		}
	}
}

// dialog asks one thing at a time.
func (d *Desktop) dialog(ctx context.Context, q Question) (string, error) {
	select {
	case d.turn <- struct{}{}:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	defer func() { <-d.turn }()
	return d.cfg.Dialog.Ask(ctx, q)
}

// check says what is wrong with an answer, "" = nothing.
func (d *Desktop) check(t words.Tongue, it local.Item, text string) string {
	text = strings.TrimSpace(text)
	switch {
	case elevation.CheckText("reason", text, elevation.MaxJustification) != nil:
		return t.Say("That is not plain text, or too long. Please type it again.")
	case it.Wants.Reason > 0 && utf8.RuneCountInString(text) < it.Wants.Reason:
		return t.Say("Please give at least %d characters.", it.Wants.Reason)
	case it.Wants.Reason == 0 && !intercept.TicketFits(it.Wants.Ticket, text):
		return t.Say("That is no such ticket.")
	}
	return ""
}

func (d *Desktop) show(name string, n Notice) {
	if d.cfg.Notices == nil {
		return
	}
	if err := d.cfg.Notices.Show(name, n); err != nil {
		d.cfg.Log.Info("a notice can not be shown", "error", err)
	}
}

// did notes what could not be done.
func (d *Desktop) did(it local.Item, err error) {
	if err != nil {
		d.cfg.Log.Info("it could not be done", "request", it.ID, "error", err)
	}
}
