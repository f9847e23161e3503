package intercept

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/assent-epm/assent/shared/inert"
)

// shortID is how much of an id is enough to name a request.
const shortID = 6

// Line is the one line that stands while somebody waits, the same for sudo and
// assent. cols is the width of the terminal, 0 = it may be as long as it likes.
// A line that wraps could not be drawn over, so a narrow terminal gets less: the
// end of the id stays, which is enough for every command that takes one.
func (w Waiting) Line(now time.Time, cols int) string {
	head := "waiting for approval "
	if !w.Since.IsZero() {
		head += Elapsed(max(0, now.Sub(w.Since))) + " "
	}
	id := inert.Text(string(w.Request))
	end := "…" + id[max(0, len(id)-shortID):]
	bare := w // the code stands in a line of its own above, the whole id nowhere else
	bare.Code = ""
	forms := []string{
		head + id + w.rest(now, ", place ", ", usually ", ", the controller is away", true),
		head + id + w.rest(now, " place ", " ~", " (away)", false),
		head + id + bare.rest(now, " place ", " ~", " (away)", false),
		head + end + w.rest(now, " place ", " ~", " (away)", false),
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

// code is the code at the end of a line, unless the controller is away: nobody
// can answer then.
func (w Waiting) code(before string) string {
	if w.Code == "" || w.Offline {
		return ""
	}
	return before + inert.Text(w.Code)
}

func (w Waiting) rest(now time.Time, place, usual, away string, who bool) string {
	if w.Offline {
		return away
	}
	s := w.code(" ")
	if who {
		s = w.code(", code ")
	}
	switch {
	case w.Position > 100:
		s += place + "100+"
	case w.Position > 0:
		s += place + strconv.Itoa(w.Position)
	}
	if w.UsualWait >= time.Second {
		s += usual + Elapsed(w.UsualWait)
	}
	switch {
	case who && len(w.CanAnswer) > 0:
		s += ", " + inert.Clip(inert.Text(strings.Join(w.CanAnswer, ", ")), 60) + " can answer"
	case len(w.CanAnswer) > 0 || w.CanAnswerFrom.IsZero():
	case who:
		s += ", nobody can answer before " + ClockTime(w.CanAnswerFrom, now)
	default:
		s += " from " + ClockTime(w.CanAnswerFrom, now)
	}
	return s
}

// ClockTime is a moment as people of this machine read it: 08:00 when it is
// within half a day, with the day otherwise.
func ClockTime(t, now time.Time) string {
	t = t.Local()
	switch d := t.Sub(now); {
	case !now.IsZero() && d < 12*time.Hour:
		return t.Format("15:04")
	case !now.IsZero() && d < 6*24*time.Hour:
		return t.Format("Mon 15:04")
	}
	return t.Format("2 Jan 15:04")
}

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
