package intercept

import (
	"time"

	"github.com/assent-epm/assent/agent/words"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
	"github.com/assent-epm/assent/shared/wire"
)

// EmergencyLine says to whoever waits for a request how it becomes emergency
// access, "" when there is nothing to say. wanted says that they asked for it;
// otherwise it is offered only where it is possible and nobody can answer now.
func EmergencyLine(t words.Tongue, id elevation.RequestID, p wire.Progress, console string, wanted bool, now time.Time) string {
	way := t.Say("sign in at the console, open request %s and take it as emergency access; this goes on by itself then.", inert.Text(string(id)))
	if console != "" {
		way = t.Say("sign in at %s, open request %s and take it as emergency access; this goes on by itself then.", inert.Text(console), inert.Text(string(id)))
	}
	switch {
	case wanted && p.Emergency == wire.EmergencyOff:
		return t.Say("Emergency access is turned off; this waits for an approval.")
	case wanted && p.Emergency == wire.EmergencyUnlinked:
		return t.Say("Emergency access is not possible for you here: no account that may take it is linked to your user. This waits for an approval.")
	case wanted:
		return t.Say("Emergency access needs you to show who you are: %s", way)
	case p.Emergency != wire.EmergencyPossible || len(p.CanAnswer) > 0:
		return ""
	case p.CanAnswerFrom.IsZero():
		return t.Say("Nobody is there who could answer this. In an emergency %s", way)
	}
	return t.Say("Nobody can answer this before %s. In an emergency %s", t.Clock(p.CanAnswerFrom, now), way)
}
