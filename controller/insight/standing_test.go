package insight

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// TestCurve: a number holds until another one is told, days before the first have no
// line, and what the reader may not see is not counted.
func TestCurve(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 11, n, 0, 0, 0, 0, time.UTC) }
	days := []store.RightsDay{{Endpoint: "a", Day: day(2), Rights: 3}, {Endpoint: "hidden", Day: day(2), Rights: 9}, {Endpoint: "b", Day: day(3), Rights: 2},
		{Endpoint: "a", Day: day(5), Taken: 3}}
	got := curve(days, func(id elevation.EndpointID) bool { return id != "hidden" }, period{since: day(1).Add(7 * time.Hour), until: day(6).Add(time.Hour)})
	want := [][]string{{"2026-11-02", "1", "1", "3", "0"}, {"2026-11-03", "2", "2", "5", "0"}, {"2026-11-04", "2", "2", "5", "0"},
		{"2026-11-05", "2", "1", "2", "3"}, {"2026-11-06", "2", "1", "2", "3"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
