package desktop

import (
	"time"

	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/agent/words"
)

// This file offers to log off where a log-on keeps rights that are over. Nothing
// logs anybody off by itself: it takes two presses, of two notices, one soon after
// the other.

const (
	// leaveNotice is the name of the notice that asks once more.
	leaveNotice = "log off"
	// sureWithin is how long it may be answered.
	sureWithin = 2 * time.Minute
)

// leaving is how far somebody is with logging off.
type leaving struct {
	offered string    // the notice that has the button, "" = none
	asked   time.Time // since when they are asked once more, zero = they are not
}

// leavable gives the notice that says to log off its button, where that is possible.
func (d *Desktop) leavable(t words.Tongue, n local.Notice, is Notice) Notice {
	if n.Kind != "log_off" || d.cfg.LogOff == nil {
		return is
	}
	d.mu.Lock()
	d.leave = leaving{offered: string(n.Request)}
	d.mu.Unlock()
	is.Urgent = true // it stays until it is read
	is.Buttons = append([]Button{{pressLogOff, t.Say("Log off now…")}, {pressLater, t.Say("Later")}}, is.Buttons...)
	return is
}

// askToLeave asks once more: what is open may not be saved.
func (d *Desktop) askToLeave(name string) {
	d.mu.Lock()
	offered, t := d.cfg.LogOff != nil && name != "" && d.leave.offered == name, d.tongue
	if d.leave = (leaving{}); offered {
		d.leave.asked = d.cfg.Now()
	}
	d.mu.Unlock()
	if offered {
		d.show(leaveNotice, Notice{Title: t.Say("Log off now?"), Urgent: true,
			Text:    t.Say("All your programs are closed. Save what you are working on first."),
			Buttons: []Button{{pressLeave, t.Say("Log off")}, {pressLater, t.Say("Stay")}}})
	}
}

// leaves logs the person off, who has said so twice.
func (d *Desktop) leaves(name string) {
	d.mu.Lock()
	since, t := d.cfg.Now().Sub(d.leave.asked), d.tongue
	sure := name == leaveNotice && !d.leave.asked.IsZero() && since >= 0 && since < sureWithin
	d.leave = leaving{}
	d.mu.Unlock()
	if !sure || d.cfg.LogOff == nil {
		return
	}
	if err := d.cfg.LogOff(); err != nil {
		d.cfg.Log.Warn("somebody could not be logged off", "error", err)
		d.show(leaveNotice, Notice{Title: t.Say("You are still logged on"), Urgent: true, Text: t.Say("That did not work. Log off by the menu of the system.")})
	}
}
