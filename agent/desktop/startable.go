package desktop

import (
	"strings"

	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/agent/words"
)

// runs reports whether the program that this package serves can start something.
func (d *Desktop) runs(it local.Item) bool {
	return d.cfg.Runs != nil && d.cfg.Run != nil && d.cfg.Runs(it)
}

// startable gives the notice of an approval its buttons where the program that
// this package serves can start what was approved.
func (d *Desktop) startable(t words.Tongue, n local.Notice, it local.Item, is Notice) Notice {
	if n.Kind != "approved" && n.Kind != "confirmed" || Command(it) != nil || !d.runs(it) {
		return is
	}
	is.Text = strings.TrimSpace(strings.TrimSuffix(is.Text, t.Say("Do the same again, and it goes through.")))
	is.Buttons = append([]Button{{pressRun, t.Say("Run now")}, {pressLater, t.Say("Later")}}, is.Buttons...)
	return is
}
