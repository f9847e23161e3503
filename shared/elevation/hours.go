package elevation

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Hours are weekly windows of the wall clock of one time zone. The zero value
// is always. Every answer follows the wall clock through changes to and from
// summer time: a window of an hour that is skipped does not open that day, and
// one of an hour that comes twice opens twice.
type Hours struct {
	windows []window
	zone    *time.Location
}

// window is a time of day on some weekdays, in minutes since midnight of the
// wall clock. One that ends before it begins goes on after midnight and belongs
// to the day on which it began.
type window struct {
	days       [7]bool // by time.Weekday
	start, end int
}

const (
	maxWindows = 32
	dayMinutes = 24 * 60
)

// ParseHours reads "Mon-Fri 07:00-20:00, Sat 09:00-12:00"; without days every
// day is meant. "" is a fault: the zero Hours says always.
func ParseHours(s string, zone *time.Location) (Hours, error) {
	parts := strings.Split(s, ",")
	if len(parts) > maxWindows {
		return Hours{}, fmt.Errorf("more than %d windows", maxWindows)
	}
	h := Hours{zone: zone}
	for _, part := range parts {
		w, err := parseWindow(strings.Fields(part))
		if err != nil {
			return Hours{}, err
		}
		h.windows = append(h.windows, w)
	}
	return h, nil
}

func parseWindow(fields []string) (window, error) {
	w := window{days: [7]bool{true, true, true, true, true, true, true}}
	var err error
	switch len(fields) {
	case 1:
	case 2:
		if w.days, err = parseDays(fields[0]); err != nil {
			return w, err
		}
		fields = fields[1:]
	default:
		return w, errors.New("write days and times, like Mon-Fri 07:00-20:00")
	}
	from, to, ok := strings.Cut(fields[0], "-")
	if !ok {
		return w, errors.New("write times as 07:00-20:00")
	}
	if w.start, err = parseMinute(from); err != nil {
		return w, err
	}
	if w.end, err = parseMinute(to); err != nil {
		return w, err
	}
	if w.start == w.end || w.start == dayMinutes {
		return w, fmt.Errorf("the window %s is empty", fields[0])
	}
	return w, nil
}

func parseDays(s string) ([7]bool, error) {
	var days [7]bool
	from, to, ranged := strings.Cut(s, "-")
	if !ranged {
		to = from
	}
	a, b := weekday(from), weekday(to)
	if a < 0 || b < 0 {
		return days, fmt.Errorf("%q are no days: write Mon, Tue, Wed, Thu, Fri, Sat, Sun or a range like Mon-Fri", s)
	}
	for d := a; ; d = (d + 1) % 7 {
		days[d] = true
		if d == b {
			return days, nil
		}
	}
}

func weekday(s string) int {
	for d := range 7 {
		if time.Weekday(d).String()[:3] == s {
			return d
		}
	}
	return -1
}

func parseMinute(s string) (int, error) {
	if len(s) == 5 && s[2] == ':' && digits(s[:2]) && digits(s[3:]) {
		h, m := int(s[0]-'0')*10+int(s[1]-'0'), int(s[3]-'0')*10+int(s[4]-'0')
		if m < 60 && h*60+m <= dayMinutes {
			return h*60 + m, nil
		}
	}
	return 0, fmt.Errorf("%q is no time of day: write it as 07:00", s)
}

func digits(s string) bool { return strings.Trim(s, "0123456789") == "" }

// Always reports whether there are no windows.
func (h Hours) Always() bool { return len(h.windows) == 0 }

// Cover reports whether now is inside one of the windows.
func (h Hours) Cover(now time.Time) bool {
	if len(h.windows) == 0 {
		return true
	}
	local := now.In(h.zone)
	minute, day := local.Hour()*60+local.Minute(), local.Weekday()
	for _, w := range h.windows {
		switch {
		case w.start < w.end:
			if w.days[day] && w.start <= minute && minute < w.end {
				return true
			}
		case w.days[day] && minute >= w.start, w.days[(day+6)%7] && minute < w.end:
			return true
		}
	}
	return false
}

// lookAhead is how far Next looks: weekly windows come again within a week, and
// one that summer time skips within two.
const lookAhead = 15 * 24 * time.Hour

// Next is the first moment from now on that is inside a window: now itself when
// that is. The zero time when there is none.
func (h Hours) Next(now time.Time) time.Time {
	for t, end := now, now.Add(lookAhead); t.Before(end); t = h.edge(t) {
		if h.Cover(t) {
			return t
		}
	}
	return time.Time{}
}

// Until is the first moment from now on that is outside all windows: now itself
// when that is. The zero time when there is none.
func (h Hours) Until(now time.Time) time.Time {
	if len(h.windows) == 0 {
		return time.Time{}
	}
	for t, end := now, now.Add(lookAhead); t.Before(end); t = h.edge(t) {
		if !h.Cover(t) {
			return t
		}
	}
	return time.Time{}
}

// Add is the moment at which d of time inside the windows has passed since
// from, but never later than latest.
func (h Hours) Add(from time.Time, d time.Duration, latest time.Time) time.Time {
	t := from
	for t.Before(latest) {
		next := latest
		if len(h.windows) > 0 {
			next = h.edge(t)
		}
		if h.Cover(t) {
			if stretch := next.Sub(t); stretch >= d {
				if end := t.Add(d); end.Before(latest) {
					return end
				}
				return latest
			} else {
				d -= stretch
			}
		}
		t = next
	}
	return latest
}

// edge is the next moment after t at which a window may open or close: a minute
// of the wall clock at which one begins or ends, midnight, or a change of the
// clock.
func (h Hours) edge(t time.Time) time.Time {
	local := t.In(h.zone)
	since := time.Duration(local.Hour())*time.Hour + time.Duration(local.Minute())*time.Minute +
		time.Duration(local.Second())*time.Second + time.Duration(local.Nanosecond())
	wait := dayMinutes*time.Minute - since
	for _, w := range h.windows {
		for _, m := range []int{w.start, w.end} {
			if d := time.Duration(m)*time.Minute - since; d > 0 {
				wait = min(wait, d)
			}
		}
	}
	next := t.Add(wait)
	if _, change := local.ZoneBounds(); !change.IsZero() && change.Before(next) {
		next = change.In(t.Location())
	}
	return next
}
