package auth

import (
	"sync"
	"time"
)

// Limiter counts tries by key: each key has a bucket that holds burst tries and
// refills at rate tries a second. The number of keys is bounded; when it is
// full, buckets that have refilled are forgotten, and if there are none a
// stranger's bucket gives way, so a flood of keys never grows memory.
type Limiter struct {
	rate  float64 // tries a second
	burst float64
	most  int

	mu      sync.Mutex // guards the field below
	buckets map[string]bucket
}

type bucket struct {
	left float64
	at   time.Time
}

// NewLimiter makes a limiter for at most keys keys.
func NewLimiter(rate, burst float64, keys int) *Limiter {
	return &Limiter{rate: rate, burst: burst, most: keys, buckets: map[string]bucket{}}
}

// Wait says how long until key may try again, zero for now. It takes nothing.
func (l *Limiter) Wait(key string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucketLocked(key, now)
	return l.wait(b)
}

// wait is how long a bucket lacks a whole try. What is missing is never rounded
// to no time at all: that would be a try which nobody counts.
func (l *Limiter) wait(b bucket) time.Duration {
	if b.left >= 1 {
		return 0
	}
	return max(1, time.Duration((1-b.left)/l.rate*float64(time.Second)))
}

// Take counts one try of key.
func (l *Limiter) Take(key string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucketLocked(key, now)
	b.left = max(0, b.left-1)
	l.putLocked(key, b, now)
}

// TakeOrWait counts one try when there is one left and returns zero; else it
// takes nothing and returns the time to wait.
func (l *Limiter) TakeOrWait(key string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucketLocked(key, now)
	if wait := l.wait(b); wait > 0 {
		return wait
	}
	b.left--
	l.putLocked(key, b, now)
	return 0
}

// GiveBack returns a try that turned out to be rightful.
func (l *Limiter) GiveBack(key string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucketLocked(key, now)
	b.left = min(l.burst, b.left+1)
	l.putLocked(key, b, now)
}

func (l *Limiter) bucketLocked(key string, now time.Time) bucket {
	b, ok := l.buckets[key]
	if !ok {
		return bucket{left: l.burst, at: now}
	}
	if d := now.Sub(b.at); d > 0 {
		b.left = min(l.burst, b.left+d.Seconds()*l.rate)
		b.at = now
	}
	return b
}

func (l *Limiter) putLocked(key string, b bucket, now time.Time) {
	if _, ok := l.buckets[key]; !ok && len(l.buckets) >= l.most {
		for k := range l.buckets {
			if l.bucketLocked(k, now).left >= l.burst {
				delete(l.buckets, k)
			}
		}
		for k := range l.buckets {
			if len(l.buckets) < l.most {
				break
			}
			delete(l.buckets, k)
		}
	}
	l.buckets[key] = b
}
