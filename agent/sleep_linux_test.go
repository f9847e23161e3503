package agent

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/shared/elevation"
)

// A machine sleeps for an hour: its clocks go on, timers do not. What became due
// meanwhile is ended at once when it wakes, and within a second when nobody says
// that it has.
func TestDeadlinesHoldOverSleep(t *testing.T) {
	for name, told := range map[string]bool{"told": true, "not told": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t, t.TempDir())
				e := d.session()
				var slept atomic.Int64
				d.Clock = func() grants.Moment {
					m := clock()
					m.Wall, m.Boot = m.Wall.Add(time.Duration(slept.Load())), m.Boot+time.Duration(slept.Load())
					return m
				}
				e.EndBy = d.Clock().After(30 * time.Minute)
				if err := d.Ledger.Put(e); err != nil {
					t.Fatal(err)
				}
				ctx, stop := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() { done <- d.Expire(ctx) }()
				<-time.After(time.Minute)
				synctest.Wait()
				if is, _ := d.Ledger.Get(e.ID); is.State != grants.Active {
					t.Fatalf("ended before its time: %+v", is)
				}
				slept.Store(int64(time.Hour))
				if told {
					d.Wake()
				} else {
					<-time.After(lookAtLeast)
				}
				synctest.Wait()
				if is, _ := d.Ledger.Get(e.ID); is.State != grants.Ended || is.EndReason != elevation.Deadline {
					t.Errorf("after the sleep: %s, %s", is.State, is.EndReason)
				}
				stop()
				if err := <-done; err != nil {
					t.Error(err)
				}
			})
		})
	}
}
