package elevation

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestParseDuration(t *testing.T) {
	tests := []struct {
		in   string
		want time.Duration
		bad  bool
	}{
		{in: "90s", want: 90 * time.Second},
		{in: "15m", want: 15 * time.Minute},
		{in: "8h", want: 8 * time.Hour},
		{in: "7d", want: 7 * 24 * time.Hour},
		{in: "1h30m", want: 90 * time.Minute},
		{in: "1d2h3m4s", want: 26*time.Hour + 3*time.Minute + 4*time.Second},
		{in: "0s", want: 0},
		{in: "007m", want: 7 * time.Minute},
		{in: "3660d", want: MaxDuration},
		{in: "", bad: true},
		{in: "30", bad: true},
		{in: "0", bad: true},
		{in: "-5m", bad: true},
		{in: "+5m", bad: true},
		{in: "1.5h", bad: true},
		{in: "5 m", bad: true},
		{in: " 5m", bad: true},
		{in: "5m ", bad: true},
		{in: "m", bad: true},
		{in: "5M", bad: true},
		{in: "5w", bad: true},
		{in: "5ms", bad: true},
		{in: "5m5m", bad: true},
		{in: "5m1h", bad: true},
		{in: "1h30", bad: true},
		{in: "3661d", bad: true},
		{in: "3660d1s", bad: true},
		{in: "99999999999999999999h", bad: true},
		{in: "9223372036854775807s", bad: true},
		{in: "٣m", bad: true},
		{in: "5m\x00", bad: true},
		{in: strings.Repeat("0", 1<<20) + "s", bad: true},
	}
	for _, tt := range tests {
		name := tt.in
		if len(name) > 40 {
			name = "1 MB"
		}
		t.Run(name, func(t *testing.T) {
			got, err := ParseDuration(tt.in)
			if (err != nil) != tt.bad || got != tt.want {
				t.Fatalf("got %v, %v", got, err)
			}
			if tt.bad && !errors.Is(err, ErrInvalid) {
				t.Errorf("%v does not wrap ErrInvalid", err)
			}
			if tt.bad && len(err.Error()) > 300 {
				t.Errorf("the error is %d bytes long", len(err.Error()))
			}
		})
	}
}

func TestParseDurationSaysWhatToWrite(t *testing.T) {
	_, err := ParseDuration("30")
	if err == nil || !strings.Contains(err.Error(), "30m") {
		t.Errorf("got %v, want a hint with 30m", err)
	}
}

func FuzzParseDuration(f *testing.F) {
	for _, s := range []string{"90s", "15m", "8h", "7d", "1h30m", "30", "-1s", "1.5h", "9223372036854775807d", "1d1d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDuration(s)
		if err != nil {
			if d != 0 || !errors.Is(err, ErrInvalid) {
				t.Fatalf("%q: %v with error %v", s, d, err)
			}
			return
		}
		if d < 0 || d > MaxDuration {
			t.Fatalf("%q: %v is out of range", s, d)
		}
		again, err := ParseDuration(FormatDuration(d))
		if err != nil || again != d {
			t.Fatalf("%q: %v written as %s is read as %v, %v", s, d, FormatDuration(d), again, err)
		}
	})
}
