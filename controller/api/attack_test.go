package api

import "testing"

// A stream does not look through years of events for somebody who may see a few.
func TestStreamsBeginWithinReach(t *testing.T) {
	const head = 1_000_000
	for _, row := range []struct {
		last  string
		whole bool
		after uint64
		reset bool
	}{
		{"", false, head, false}, {"x", true, head, true}, {"-1", true, head, true}, {"1000001", true, head, true},
		{"0", true, 0, false}, {"0", false, head, true}, {"979999", false, head, true}, {"980000", false, 980_000, false}, {"1000000", false, head, false},
	} {
		if after, reset := goOn(row.last, head, row.whole); after != row.after || reset != row.reset {
			t.Errorf("after %q, of the whole log %v: %d %v", row.last, row.whole, after, reset)
		}
	}
}
