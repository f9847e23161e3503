package words

import (
	"fmt"
	"strings"
	"time"
)

// Span is a time as people of a language read it: 40 s, 3 min, 2 h 10 min. Less than
// a second is none.
func (t Tongue) Span(d time.Duration) string {
	s := int64(max(d, 0) / time.Second)
	switch h, m := s/3600, s/60%60; {
	case s < 60:
		return t.Say("%d s", s)
	case s < 2*3600 && s%3600 != 0:
		return t.Say("%d min", s/60)
	case m == 0:
		return t.Say("%d h", h)
	default:
		return t.Say("%d h %d min", h, m)
	}
}

// Clock is a moment as people of this machine read it: 08:00 when it is within half
// a day, with the day otherwise.
func (t Tongue) Clock(at, now time.Time) string {
	at = at.Local()
	switch d := at.Sub(now); {
	case !now.IsZero() && d < 12*time.Hour:
		return at.Format("15:04")
	case !now.IsZero() && d < 6*24*time.Hour:
		return t.weekday(at) + at.Format(" 15:04")
	case t == German:
		return fmt.Sprintf("%d.%d. %s", at.Day(), at.Month(), at.Format("15:04"))
	}
	return at.Format("2 Jan 15:04")
}

func (t Tongue) weekday(at time.Time) string {
	if t == German {
		return strings.Fields("So Mo Di Mi Do Fr Sa")[at.Weekday()]
	}
	return at.Format("Mon")
}
