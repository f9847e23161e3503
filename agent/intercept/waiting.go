package intercept

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/assent-epm/assent/agent/words"
	"github.com/assent-epm/assent/shared/inert"
)

// shortID is how much of an id is enough to name a request.
const shortID = 6

// Line is the one line that stands while somebody waits, the same for sudo and
// assent. cols is the width of the terminal, 0 = it may be as long as it likes.
// A line that wraps could not be drawn over, so a narrow terminal gets less: the
// end of the id stays, which is enough for every command that takes one.
func (w Waiting) Line(now time.Time, cols int) string {
	say := w.Tongue.Say
	head := say("waiting for approval") + " "
	if w.Passkey {
		head = say("waiting for your passkey") + " "
	}
	if !w.Since.IsZero() {
		head += Elapsed(max(0, now.Sub(w.Since))) + " "
	}
	id := inert.Text(string(w.Request))
	end := "…" + id[max(0, len(id)-shortID):]
	bare := w // the code stands in a line of its own above, the whole id nowhere else
	bare.Code = ""
	brief := bare
	brief.UsualWait, brief.CanAnswerFrom = 0, time.Time{}
	long := parts{place: ", " + say("place") + " ", usual: ", " + say("usually") + " ", away: ", " + say("the controller is away"), who: true}
	short := parts{place: " " + say("place") + " ", usual: " ~", away: " (" + say("away") + ")"}
	forms := []string{
		head + id + w.rest(now, long),
		head + id + w.rest(now, short),
		head + id + bare.rest(now, short),
		head + id + brief.rest(now, short),
		head + id,
		head + end + w.rest(now, short),
		head + end + w.code(" "),
		head + end,
	}
	for _, form := range forms {
		if cols <= 1 || utf8.RuneCountInString(form) < cols {
			return form
		}
	}
	return inert.Clip(forms[len(forms)-1], cols-1)
}

// Placed reports whether more is known than that it waits: what is said of who can
// answer was said then, and hints of the terminal's own follow it.
func (w Waiting) Placed() bool { return w.Code != "" || w.Beside != "" || w.Position > 0 }

// code is the code at the end of a line, unless the controller is away: nobody
// can answer then.
func (w Waiting) code(before string) string {
	if w.Code == "" || w.Offline {
		return ""
	}
	return before + inert.Text(w.Code)
}

// parts are the words between what a line says, and whether it says who can
// answer.
type parts struct {
	place, usual, away string
	who                bool
}

func (w Waiting) rest(now time.Time, p parts) string {
	say := w.Tongue.Say
	if w.Offline {
		return p.away
	}
	s := w.code(" ")
	if p.who {
		s = w.code(", " + say("code") + " ")
	}
	switch {
	case w.Position > 100:
		s += p.place + "100+"
	case w.Position > 0:
		s += p.place + strconv.Itoa(w.Position)
	}
	if w.UsualWait >= time.Second {
		s += p.usual + Elapsed(w.UsualWait)
	}
	switch {
	case p.who && len(w.CanAnswer) > 0:
		s += ", " + say("%s can answer", inert.Clip(inert.Text(strings.Join(w.CanAnswer, ", ")), 60))
	case len(w.CanAnswer) > 0 || w.CanAnswerFrom.IsZero():
	case p.who:
		s += ", " + say("nobody can answer before %s", w.Tongue.Clock(w.CanAnswerFrom, now))
	default:
		s += " " + say("from %s", w.Tongue.Clock(w.CanAnswerFrom, now))
	}
	return s
}

// ClockTime is a moment as [words.Tongue.Clock] has it in English.
func ClockTime(t, now time.Time) string { return words.English.Clock(t, now) }

// Elapsed is a time as people read it: 12s, 3m05s, 2h10m.
func Elapsed(d time.Duration) string {
	s := int(d.Round(time.Second) / time.Second)
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600 && s%60 == 0:
		return fmt.Sprintf("%dm", s/60)
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	}
	return fmt.Sprintf("%dh%02dm", s/3600, s/60%60)
}
