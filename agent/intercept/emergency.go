package intercept

import (
	"time"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
	"github.com/assent-epm/assent/shared/wire"
)

// EmergencyLine says to whoever waits for a request how it becomes emergency
// access, "" when there is nothing to say. wanted says that they asked for it;
// otherwise it is offered only where it is possible and nobody can answer now.
func EmergencyLine(id elevation.RequestID, p wire.Progress, console string, wanted bool, now time.Time) string {
	place := "at the console"
	if console != "" {
		place = "at " + inert.Text(console)
	}
	way := "sign in " + place + ", open request " + inert.Text(string(id)) + " and take it as emergency access; this goes on by itself then."
	switch {
	case wanted && p.Emergency == wire.EmergencyOff:
		return "Emergency access is turned off; this waits for an approval."
	case wanted && p.Emergency == wire.EmergencyUnlinked:
		return "Emergency access is not possible for you here: no account that may take it is linked to your user. This waits for an approval."
	case wanted:
		return "Emergency access needs you to show who you are: " + way
	case p.Emergency != wire.EmergencyPossible || len(p.CanAnswer) > 0:
		return ""
	case p.CanAnswerFrom.IsZero():
		return "Nobody is there who could answer this. In an emergency " + way
	}
	return "Nobody can answer this before " + ClockTime(p.CanAnswerFrom, now) + ". In an emergency " + way
}
