package intercept

import (
	"testing"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
)

func TestWaitingLine(t *testing.T) {
	now := time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC)
	const id = "req_01a20002-de52-7f6c-8f51-715688a28732"
	busy := Waiting{Position: 2, UsualWait: 3 * time.Minute, CanAnswer: []string{"bo"}}
	tests := []struct {
		name string
		w    Waiting
		cols int
		want string
	}{
		{"bare", Waiting{}, 0, "waiting for approval 1m05s " + id},
		{"full", busy, 0, "waiting for approval 1m05s " + id + ", place 2, usually 3m, bo can answer"},
		{"80 columns", busy, 80, "waiting for approval 1m05s " + id + " place 2 ~3m"},
		{"80 columns, far", Waiting{Position: 101, UsualWait: 10 * time.Second}, 80, "waiting for approval 1m05s " + id + " place 100+"},
		{"70 columns", busy, 70, "waiting for approval 1m05s " + id},
		{"50 columns", busy, 50, "waiting for approval 1m05s …a28732 place 2 ~3m"},
		{"40 columns", busy, 40, "waiting for approval 1m05s …a28732"},
		{"20 columns", busy, 20, "waiting for approv…"},
		{"far", Waiting{Position: 101}, 0, "waiting for approval 1m05s " + id + ", place 100+"},
		{"away", Waiting{Position: 2, UsualWait: time.Hour, Offline: true}, 0, "waiting for approval 1m05s " + id + ", the controller is away"},
		{"escapes", Waiting{CanAnswer: []string{"\u202eAnn", "bo\x1b"}}, 0, "waiting for approval 1m05s " + id + `, \u{202e}Ann, bo\x1b can answer`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.w.Request, tt.w.Since = id, now.Add(-65*time.Second)
			if got := tt.w.Line(now, tt.cols); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
	for since, want := range map[time.Time]string{{}: "waiting for approval req_1", now.Add(time.Hour): "waiting for approval 0s req_1"} {
		if got := (Waiting{Request: "req_1", Since: since}).Line(now, 0); got != want {
			t.Errorf("since %v: got %q, want %q", since, got, want)
		}
	}
	if got, want := (Waiting{Request: elevation.RequestID("\x1b")}).Line(now, 0), `waiting for approval \x1b`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestElapsed(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "0s", 59 * time.Second: "59s", time.Minute: "1m", 65 * time.Second: "1m05s",
		time.Hour: "1h00m", 26*time.Hour + 3*time.Minute: "26h03m"} {
		if got := Elapsed(d); got != want {
			t.Errorf("%v: got %s, want %s", d, got, want)
		}
	}
}
