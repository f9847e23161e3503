package gateway

import "time"

// bucket is a token bucket for one goroutine: rate a second, burst at once.
type bucket struct {
	rate  float64
	burst float64
	level float64
	at    time.Time
}

func newBucket(rate float64, burst int, now time.Time) bucket {
	return bucket{rate: rate, burst: float64(burst), level: float64(burst), at: now}
}

// take says whether one more is allowed now, and if not, after how long.
func (b *bucket) take(now time.Time) (ok bool, wait time.Duration) {
	if d := now.Sub(b.at); d > 0 {
		b.level = min(b.burst, b.level+d.Seconds()*b.rate)
		b.at = now
	}
	if b.level >= 1 {
		b.level--
		return true, 0
	}
	return false, time.Duration((1 - b.level) / b.rate * float64(time.Second))
}
