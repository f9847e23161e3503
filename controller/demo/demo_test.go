package demo

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/assent-epm/assent/shared/rules"
)

// The clock begins two weeks ago, moves with what happens and with the real time,
// never goes back and never ahead of the present.
func TestClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		present := time.Now()
		c := NewClock()
		is := func(want time.Time) {
			t.Helper()
			if got := c.Now(); !got.Equal(want) {
				t.Fatalf("the clock says %s, want %s", got, want)
			}
		}
		is(present.Add(-Past))
		c.set(present.Add(-Past + time.Hour))
		is(present.Add(-Past + time.Hour))
		time.Sleep(time.Minute) // of the bubble
		is(present.Add(-Past + time.Hour + time.Minute))
		c.set(present.Add(-Past)) // never back
		is(present.Add(-Past + time.Hour + time.Minute))
		c.set(present.Add(time.Hour)) // never ahead
		is(present.Add(time.Minute))
		c.set(present)
		is(present.Add(time.Minute))
	})
	synctest.Test(t, func(t *testing.T) {
		c := NewClock()
		c.present()
		if !c.Now().Equal(time.Now()) {
			t.Fatal("it is not the present")
		}
	})
}

// The rules of the office are good ones, and answer some of its tasks but not most.
func TestRules(t *testing.T) {
	set, faults := rules.Parse([]byte(ruleText))
	if set == nil || len(faults) > 0 {
		t.Fatalf("faults: %v", faults)
	}
}
