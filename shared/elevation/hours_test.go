package elevation

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func mustHours(t testing.TB, text, zone string) Hours {
	t.Helper()
	z, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	h, err := ParseHours(text, z)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func utc(t testing.TB, text string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02 15:04", text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestHoursNext(t *testing.T) {
	tests := []struct{ name, hours, zone, now, want string }{
		{"inside", "Mon-Fri 08:00-18:00", "Europe/Berlin", "2026-01-06 09:30", "2026-01-06 09:30"},
		{"before", "Mon-Fri 08:00-18:00", "Europe/Berlin", "2026-01-06 05:00", "2026-01-06 07:00"},
		{"the end is outside", "Mon-Fri 08:00-18:00", "Europe/Berlin", "2026-01-06 17:00", "2026-01-07 07:00"},
		{"over a weekend", "Mon-Fri 08:00-18:00", "Europe/Berlin", "2026-01-09 18:00", "2026-01-12 07:00"},
		{"over the change to summer time", "Mon-Fri 08:00-18:00", "Europe/Berlin", "2026-03-27 18:00", "2026-03-30 06:00"},
		{"over the change to winter time", "Mon-Fri 08:00-18:00", "Europe/Berlin", "2026-10-23 18:00", "2026-10-26 07:00"},
		{"an hour that is skipped comes a week later", "Sun 02:15-02:45", "Europe/Berlin", "2026-03-29 00:00", "2026-04-05 00:15"},
		{"over midnight", "Fri 22:00-06:00", "UTC", "2026-01-10 03:00", "2026-01-10 03:00"},
		{"all day", "00:00-24:00", "UTC", "2026-01-10 03:00", "2026-01-10 03:00"},
		{"a day line between", "Mon 00:00-01:00", "Pacific/Auckland", "2026-01-11 10:00", "2026-01-11 11:00"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := mustHours(t, tt.hours, tt.zone).Next(utc(t, tt.now)); !got.Equal(utc(t, tt.want)) {
				t.Errorf("got %v, want %s", got.UTC(), tt.want)
			}
		})
	}
	if got := (Hours{}).Next(utc(t, "2026-01-06 09:30")); !got.Equal(utc(t, "2026-01-06 09:30")) {
		t.Errorf("always: %v", got)
	}
}

func TestHoursAdd(t *testing.T) {
	tests := []struct {
		name, hours, from string
		d                 time.Duration
		want              string
	}{
		{"inside one day", "Mon-Fri 08:00-18:00", "2026-01-06 09:00", 2 * time.Hour, "2026-01-06 11:00"},
		{"to the end of the day", "Mon-Fri 08:00-18:00", "2026-01-06 09:00", 8 * time.Hour, "2026-01-06 17:00"},
		{"over night", "Mon-Fri 08:00-18:00", "2026-01-06 15:00", 8 * time.Hour, "2026-01-07 13:00"},
		{"from outside", "Mon-Fri 08:00-18:00", "2026-01-10 12:00", time.Hour, "2026-01-12 08:00"},
		{"a day of 23 hours", "00:00-24:00", "2026-03-28 23:00", 23 * time.Hour, "2026-03-29 22:00"},
		{"an hour that comes twice counts twice", "Sun 02:00-03:00", "2026-10-24 12:00", 2 * time.Hour, "2026-10-25 02:00"},
		{"an hour that is skipped counts not at all", "Sun 02:00-03:00", "2026-03-28 12:00", time.Hour, "2026-04-05 01:00"},
		{"nothing to wait", "Mon-Fri 08:00-18:00", "2026-01-06 09:00", 0, "2026-01-06 09:00"},
		{"the latest", "Mon 08:00-08:01", "2026-01-06 09:00", time.Hour, "2026-02-05 09:00"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			from := utc(t, tt.from)
			if got := mustHours(t, tt.hours, "Europe/Berlin").Add(from, tt.d, from.Add(30*24*time.Hour)); !got.Equal(utc(t, tt.want)) {
				t.Errorf("got %v, want %s", got.UTC(), tt.want)
			}
		})
	}
}

// TestHoursMinuteByMinute compares Next and Add with counting minutes, over both
// changes of the clock.
func TestHoursMinuteByMinute(t *testing.T) {
	zones := []string{"UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu"}
	texts := []string{"Mon-Fri 08:00-18:00", "Sun 01:00-04:00", "Sat-Mon 22:00-02:30", "00:00-24:00", "Sun 02:10-02:20, Sun 01:45-02:05", "Wed 23:59-00:01"}
	rapid.Check(t, func(rt *rapid.T) {
		h := mustHours(t, rapid.SampledFrom(texts).Draw(rt, "hours"), rapid.SampledFrom(zones).Draw(rt, "zone"))
		start := rapid.SampledFrom([]string{"2026-03-28 12:00", "2026-04-04 00:00", "2026-10-03 12:00", "2026-10-24 12:00", "2026-10-31 12:00"}).Draw(rt, "day")
		from := utc(t, start).Add(time.Duration(rapid.IntRange(0, 3000).Draw(rt, "minutes")) * time.Minute)
		want := from
		for range 16 * 24 * 60 {
			if h.Cover(want) {
				break
			}
			want = want.Add(time.Minute)
		}
		if got := h.Next(from); !got.Equal(want) {
			rt.Fatalf("next after %v: got %v, want %v", from, got.UTC(), want)
		}
		need := rapid.IntRange(1, 900).Draw(rt, "wait")
		latest, at := from.Add(20*24*time.Hour), from
		for left := need; left > 0 && at.Before(latest); at = at.Add(time.Minute) {
			if h.Cover(at) {
				left--
			}
		}
		if got := h.Add(from, time.Duration(need)*time.Minute, latest); !got.Equal(at) {
			rt.Fatalf("%d minutes after %v: got %v, want %v", need, from, got.UTC(), at)
		}
	})
}
