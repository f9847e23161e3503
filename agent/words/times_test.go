package words

import (
	"testing"
	"time"
)

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration][2]string{
		-time.Minute: {"0 s", "0 Sek."}, 0: {"0 s", "0 Sek."}, 999 * time.Millisecond: {"0 s", "0 Sek."}, 59 * time.Second: {"59 s", "59 Sek."},
		time.Minute: {"1 min", "1 Min."}, time.Hour: {"1 h", "1 Std."}, 90 * time.Minute: {"90 min", "90 Min."}, 2*time.Hour - 1: {"119 min", "119 Min."},
		2 * time.Hour: {"2 h", "2 Std."}, 2*time.Hour + 59*time.Second: {"2 h", "2 Std."}, 130 * time.Minute: {"2 h 10 min", "2 Std. 10 Min."}, 100 * time.Hour: {"100 h", "100 Std."},
	} {
		if en, de := English.Span(d), German.Span(d); en != want[0] || de != want[1] {
			t.Errorf("%s: %q, %q", d, en, de)
		}
	}
}

func TestClock(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.Local) // a Sunday
	for _, row := range []struct {
		after  time.Duration
		en, de string
	}{
		{-time.Hour, "11:00", "11:00"}, {time.Hour, "13:00", "13:00"}, {20 * time.Hour, "Mon 08:00", "Mo 08:00"}, {5 * 24 * time.Hour, "Fri 12:00", "Fr 12:00"},
		{6 * 24 * time.Hour, "28 Nov 12:00", "28.11. 12:00"},
	} {
		if en, de := English.Clock(now.Add(row.after), now), German.Clock(now.Add(row.after), now); en != row.en || de != row.de {
			t.Errorf("%s: %q, %q", row.after, en, de)
		}
	}
	if got := German.Clock(now, time.Time{}); got != "22.11. 12:00" {
		t.Errorf("without a now: %q", got)
	}
}
