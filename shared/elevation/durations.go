package elevation

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// MaxDuration is the longest duration that people may write.
const MaxDuration = 3660 * 24 * time.Hour

// ParseDuration reads a duration as people write it in flags and rules: whole
// numbers with a unit, "90s", "15m", "8h", "7d", also together from the largest
// unit to the smallest, "1h30m". A bare number, a sign, a fraction, a space and
// anything longer than [MaxDuration] are refused with an error wrapping
// [ErrInvalid].
func ParseDuration(s string) (time.Duration, error) {
	if s == "" || len(s) > 40 {
		return 0, fmt.Errorf("%w: a duration is written like 90s, 15m, 8h or 7d", ErrInvalid)
	}
	if strings.Trim(s, "0123456789") == "" {
		return 0, fmt.Errorf("%w: the duration %s has no unit: write %ss, %sm, %sh or %sd", ErrInvalid, s, s, s, s, s)
	}
	var total time.Duration
	last := MaxDuration
	for rest := s; rest != ""; {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		if digits == 0 || digits == len(rest) {
			return 0, fmt.Errorf("%w: the duration %q: write whole numbers with a unit, like 90s, 15m, 8h or 7d", ErrInvalid, s)
		}
		n, err := strconv.ParseInt(rest[:digits], 10, 64)
		unit := durationUnit(rest[digits])
		if err != nil || unit == 0 || unit >= last || n > int64(MaxDuration/unit) {
			return 0, fmt.Errorf("%w: the duration %q: units are s, m, h and d, from the largest to the smallest, ten years at most", ErrInvalid, s)
		}
		total, last, rest = total+time.Duration(n)*unit, unit, rest[digits+1:]
		if total > MaxDuration {
			return 0, fmt.Errorf("%w: the duration %q is longer than ten years", ErrInvalid, s)
		}
	}
	return total, nil
}

func durationUnit(c byte) time.Duration {
	switch c {
	case 's':
		return time.Second
	case 'm':
		return time.Minute
	case 'h':
		return time.Hour
	case 'd':
		return 24 * time.Hour
	}
	return 0
}

// FormatDuration writes d, rounded down to seconds, as [ParseDuration] reads it:
// "7d", "1h30m", "0s". A negative d is "0s".
func FormatDuration(d time.Duration) string {
	if d < time.Second {
		return "0s"
	}
	var b strings.Builder
	for _, u := range []byte{'d', 'h', 'm', 's'} {
		if n := d / durationUnit(u); n > 0 {
			b.WriteString(strconv.FormatInt(int64(n), 10))
			b.WriteByte(u)
			d -= n * durationUnit(u)
		}
	}
	return b.String()
}
