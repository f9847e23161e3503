package rules

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// hours are the weekly windows in which a rule applies. The zero value is
// always.
type hours struct {
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

const maxWindows = 32

// parseHours reads "Mon-Fri 07:00-20:00, Sat 09:00-12:00"; without days every
// day is meant.
func parseHours(s string, zone *time.Location) (hours, error) {
	parts := strings.Split(s, ",")
	if len(parts) > maxWindows {
		return hours{}, fmt.Errorf("more than %d windows", maxWindows)
	}
	h := hours{zone: zone}
	for _, part := range parts {
		w, err := parseWindow(strings.Fields(part))
		if err != nil {
			return hours{}, err
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
	if w.start == w.end || w.start == 24*60 {
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
		if m < 60 && h*60+m <= 24*60 {
			return h*60 + m, nil
		}
	}
	return 0, fmt.Errorf("%q is no time of day: write it as 07:00", s)
}

func digits(s string) bool { return strings.Trim(s, "0123456789") == "" }

// cover reports whether now is inside one of the windows.
func (h hours) cover(now time.Time) bool {
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
