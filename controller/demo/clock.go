package demo

import (
	"sync/atomic"
	"time"
)

// Clock is the time of a controller that is given a past. Its zero value is the
// real time; use [NewClock].
type Clock struct {
	off atomic.Int64 // nanoseconds that it is ahead of the real time, never more than 0
}

// NewClock returns a clock that stands at the beginning of the past.
func NewClock() *Clock {
	c := &Clock{}
	c.off.Store(int64(-Past))
	return c
}

// Now is the time as the controller sees it.
func (c *Clock) Now() time.Time { return time.Now().Add(time.Duration(c.off.Load())) }

// set moves the clock forward to t, at most to the real time; it never goes back.
func (c *Clock) set(t time.Time) {
	if off := min(int64(time.Until(t)), 0); off > c.off.Load() {
		c.off.Store(off)
	}
}

// present leaves the clock at the real time.
func (c *Clock) present() { c.off.Store(0) }
