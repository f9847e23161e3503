package desktop

import (
	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/shared/inert"
)

// insteadNotice is the name of the one offer to ask here instead: a newer one takes
// its place.
const insteadNotice = "ask instead"

// instead offers to ask here in place of the administrator that the system asks
// for. What cannot be asked for is not offered.
func (d *Desktop) instead(n local.Notice) {
	if d.cfg.Ask == nil || d.cfg.Notices == nil {
		return
	}
	d.mu.Lock()
	d.offer = n
	t := d.tongue
	d.mu.Unlock()
	what := inert.Clip(oneLine(n.Text, 200), 200)
	if what == "" {
		what = t.Say("a program")
	}
	d.show(insteadNotice, Notice{Title: t.Say("Ask for approval instead?"), Urgent: true,
		Text:    t.Say("This computer asks for an administrator: %s. You can ask for approval in place of that.", what),
		Buttons: []Button{{pressAsk, t.Say("Ask for approval")}, {pressLater, t.Say("Not now")}}})
}

// askInstead opens the form of the last offer.
func (d *Desktop) askInstead() {
	d.mu.Lock()
	n := d.offer
	d.offer = local.Notice{}
	d.mu.Unlock()
	if d.cfg.Ask == nil || n.Kind == "" {
		return
	}
	if err := d.cfg.Ask(n.Path, n.Args); err != nil {
		d.cfg.Log.Info("nothing could be asked for in place of an administrator", "path", n.Path, "error", err)
	}
}
