package tray

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/assent-epm/assent/agent/desktop"
	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/shared/elevation"
)

// maxForms is how many forms may be open at a time.
const maxForms = 8

// DeskConfig is what a [Desk] is made of.
type DeskConfig struct {
	Form FormConfig
	Door DoorConfig
	// Show opens an address in the person's browser; an error = there is none.
	Show   func(link string) error
	Dialog desktop.Dialog // in place of a browser
	// About says what this program is.
	About string
	Log   *slog.Logger
}

// Desk opens forms and does what the menu says.
type Desk struct {
	cfg  DeskConfig
	ctx  context.Context
	stop context.CancelFunc
	work sync.WaitGroup

	mu    sync.Mutex // guards forms
	forms []*Form
}

// NewDesk makes a Desk whose work ends with ctx; [Desk.Close] waits for it.
func NewDesk(ctx context.Context, cfg DeskConfig) *Desk {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	d := &Desk{cfg: cfg}
	d.ctx, d.stop = context.WithCancel(ctx)
	return d
}

// Close closes all forms, also one that opens just now.
func (d *Desk) Close() {
	d.stop()
	d.work.Wait()
}

func (d *Desk) all() []*Form {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.forms)
}

// ErrForms says that there are too many forms.
var ErrForms = errors.New("too many forms are open")

// Open shows a form for a wish, or asks with dialogs where there is no browser.
func (d *Desk) Open(w Wish) error {
	f, err := d.form(w)
	if err != nil {
		return err
	}
	err = d.show(f)
	switch {
	case err == nil:
		return nil
	case w.Request != "":
		d.forget(f)
		return err
	}
	d.cfg.Log.Info("no page can be shown", "error", err)
	d.work.Go(func() {
		defer d.forget(f)
		d.byDialog(d.ctx, f)
	})
	return nil
}

// open is Open without dialogs.
func (d *Desk) open(w Wish) (*Form, error) {
	f, err := d.form(w)
	if err != nil {
		return nil, err
	}
	if err := d.show(f); err != nil {
		d.forget(f)
		return nil, err
	}
	return f, nil
}

// show opens the page of a form, and forgets the form when the page is left. An
// error leaves the form as it is.
func (d *Desk) show(f *Form) error {
	link, done, stop, err := Serve(f, d.cfg.Door)
	if err != nil {
		return err
	}
	if err := d.cfg.Show(link); err != nil {
		stop()
		<-done
		return err
	}
	d.work.Go(func() {
		defer d.forget(f)
		select {
		case <-done:
		case <-d.ctx.Done():
			stop()
			<-done
		}
	})
	return nil
}

// form begins a form for a wish.
func (d *Desk) form(w Wish) (*Form, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.forms) >= maxForms {
		return nil, ErrForms
	}
	f := NewForm(d.cfg.Form, w) // under the lock: the first notice about it finds it
	d.forms = append(d.forms, f)
	return f, nil
}

// forget closes a form; nothing is told to it any more.
func (d *Desk) forget(f *Form) {
	f.Close()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.forms = slices.DeleteFunc(d.forms, func(other *Form) bool { return other == f })
}

// Take is for a [Keeper]: forms are told, and what wants a reason gets a form.
func (d *Desk) Take(ctx context.Context, n local.Notice) bool {
	for _, f := range d.all() {
		if f.Hear(ctx, n) {
			return true
		}
	}
	if n.Kind != "reason" {
		return false
	}
	_, err := d.open(Wish{Request: n.Request})
	return err == nil
}

// Mine is for a [Keeper]: what waited for a reason before this program came gets
// a form too, if one can be shown.
func (d *Desk) Mine(it local.Item) bool {
	if it.Asker != "Assent" || it.Question == "" || it.State != string(elevation.StatePending) {
		return false
	}
	for _, f := range d.all() {
		if f.Has(it.ID) {
			return true
		}
	}
	_, err := d.open(Wish{Request: it.ID})
	return err == nil
}

// Click does what a line of the menu says.
func (d *Desk) Click(ctx context.Context, key string) error {
	verb, id, _ := strings.Cut(key, " ")
	switch verb {
	case KeyAsk:
		return d.Open(Wish{})
	case KeyAnswer, KeyShow:
		return d.Open(Wish{Request: elevation.RequestID(id)})
	case KeyEnd:
		_, err := d.cfg.Form.Agent.CheckIn(ctx, id)
		return err
	case KeyRun:
		return d.run(ctx, elevation.RequestID(id))
	case KeyPortal:
		return d.portal(ctx)
	case KeyAbout:
		d.work.Go(func() {
			if err := d.cfg.Dialog.Tell(d.ctx, "Assent", d.cfg.About); err != nil && d.ctx.Err() == nil {
				d.cfg.Log.Info("no dialog can be shown", "error", err)
			}
		})
	}
	return nil
}

// run starts what was approved; the form shows what it writes.
func (d *Desk) run(ctx context.Context, id elevation.RequestID) error {
	it, err := d.cfg.Form.Agent.View(ctx, string(id))
	if err != nil {
		return err
	}
	if argv := desktop.Command(it); argv != nil {
		return d.cfg.Form.Start(desktop.StartIn(it), argv)
	}
	f, err := d.open(Wish{Request: id})
	if err != nil {
		return err
	}
	f.view(ctx, id)
	return f.Press(ctx, pressRun)
}

// Runs reports whether a click on an approval starts it.
func (d *Desk) Runs(it local.Item) bool { return own(it, d.cfg.Form.Folder) }

// Run starts what was approved, with a page that shows what it writes.
func (d *Desk) Run(ctx context.Context, id string) error {
	return d.run(ctx, elevation.RequestID(id))
}

// Page shows a request. An error = it can not be shown.
func (d *Desk) Page(id string) error { return d.Open(Wish{Request: elevation.RequestID(id)}) }

// portal opens the person's own page, signed in.
func (d *Desk) portal(ctx context.Context) error {
	link, err := d.cfg.Form.Agent.Portal(ctx)
	if err != nil {
		return err
	}
	if !desktop.WebPage(link.URL) {
		return errors.New("the controller's answer is no address of a page")
	}
	return d.cfg.Show(link.URL)
}
