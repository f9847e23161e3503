package sudo

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/words"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// The prompt offers emergency access in a line of its own; the waiting line goes
// on below it. The longest address leaves nothing of the line out.
func TestPromptOffersEmergency(t *testing.T) {
	id := elevation.NewRequestID(time.Now())
	site := "https://" + strings.Repeat("x", 192)
	line := intercept.EmergencyLine(words.English, id, wire.Progress{CanAnswerFrom: time.Now().Add(100 * time.Hour), Emergency: wire.EmergencyPossible}, site, false, time.Now())
	for _, tty := range []bool{true, false} {
		p, shown := terminalOf(t, tty)
		p.Waiting(intercept.Waiting{Request: id, Since: time.Now()})
		p.Say(line)
		p.Waiting(intercept.Waiting{Request: id, Since: time.Now()})
		p.leave()
		kind := "M "
		if tty {
			kind = "T "
		}
		oneLine := func(s string) string { return strings.Join(strings.Fields(s), " ") } // at a terminal it breaks between words
		if s := shown(); !strings.Contains(oneLine(s), kind+line) || !strings.Contains(s, "\n"+kind+"Nobody") || strings.Count(s, site) != 1 || !strings.Contains(s, "by itself then.") {
			t.Errorf("at a terminal %t: %q", tty, s)
		}
	}
}

// The same with sudo on a terminal, where nobody is on duty.
func TestTerminalOffersEmergency(t *testing.T) {
	if !inside(t) {
		return
	}
	installShim(t)
	id := elevation.NewRequestID(time.Now())
	release := make(chan bool)
	later := time.Now().Add(time.Hour)
	serve(t, func(ctx context.Context, ask intercept.Ask, p intercept.Person) (intercept.Permit, error) {
		p.Say(intercept.EmergencyLine(words.English, id, wire.Progress{CanAnswerFrom: later, Emergency: wire.EmergencyPossible}, "https://assent.example", ask.Emergency, time.Now()))
		return asking(id, release)(ctx, ask, p)
	})
	x := onTerminal(t, as(alice, "/usr/bin/env", "ASSENT_REASON=the shop is down", "/usr/bin/sudo", "show", "x"))
	x.until("Nobody can answer this before " + intercept.ClockTime(later, time.Now()) + ". In an emergency sign in at https://assent.example")
	x.until("waiting for approval")
	release <- true // as the controller does once it was taken at the console
	x.until("<x>")
}
