package offline

import (
	"fmt"
	"time"

	"github.com/assent-epm/assent/agent/grants"
)

// Locks against guessing.
const (
	triesPerChallenge = 5
	firstLock         = time.Minute // after a challenge is burnt; twice as long each further time
	longestLock       = 24 * time.Hour
	machineFree       = 3 // burnt challenges of all users together before the machine locks too
	forgotten         = 24 * time.Hour
)

// lock is how often somebody guessed wrong, and until when they are not heard.
type lock struct {
	Burnt int             `cbor:"burnt"`
	Until grants.Deadline `cbor:"until"`
	Last  time.Time       `cbor:"last"` // when the last one was burnt
}

// tries is what is remembered of wrong codes, over restarts. A try is written
// before it is looked at.
type tries struct {
	Users   map[string]lock `cbor:"users"` // by their uid or SID
	Machine lock            `cbor:"machine"`
	Count   uint64          `cbor:"count"` // of all tries ever, so that each one is written
}

// LockedError says until when no code is taken.
type LockedError struct {
	Until   time.Time
	Machine bool
}

func (e *LockedError) Error() string {
	who := "you"
	if e.Machine {
		who = "everybody here"
	}
	return fmt.Sprintf("there were too many wrong codes: none is taken from %s before %s", who, e.Until.Local().Format("15:04"))
}

// left is how long the lock holds. Both clocks must have passed its end; within
// another boot only the wall clock counts.
func (l lock) left(now grants.Moment) time.Duration {
	if l.Until.IsZero() {
		return 0
	}
	left := l.Until.Wall.Sub(now.Wall)
	if l.Until.BootID == now.BootID {
		left = max(left, l.Until.Boot-now.Boot)
	}
	return max(left, 0)
}

// burn counts one more burnt challenge; free of them are not locked for.
func (l lock) burn(now grants.Moment, free int) lock {
	if now.Wall.Sub(l.Last) > forgotten {
		l.Burnt = 0
	}
	l.Burnt++
	l.Last = now.Wall
	if n := l.Burnt - free; n > 0 {
		d := longestLock
		if n <= 12 {
			d = min(d, firstLock<<(n-1))
		}
		l.Until = now.After(d)
	}
	return l
}

// lockedLocked is the lock that holds for a user now, nil when none does.
func (o *Offline) lockedLocked(user string, now grants.Moment) error {
	if left := o.tries.Machine.left(now); left > 0 {
		return &LockedError{Until: now.Wall.Add(left), Machine: true}
	}
	if left := o.tries.Users[user].left(now); left > 0 {
		return &LockedError{Until: now.Wall.Add(left)}
	}
	return nil
}

// tryLocked writes that a code is about to be tried; burnt says that it is the last
// one of its challenge, which counts as wrong until the code is found to be right.
func (o *Offline) tryLocked(user string, burnt bool, now grants.Moment) error {
	next := o.tries
	next.Count++
	if burnt {
		next.Users = copied(o.tries.Users)
		next.Users[user] = next.Users[user].burn(now, 0)
		next.Machine = next.Machine.burn(now, machineFree)
	}
	if err := o.write(fileTries, next); err != nil {
		return err
	}
	o.tries = next
	return nil
}

// rightLocked forgets what a user guessed wrong before.
func (o *Offline) rightLocked(user string) {
	if _, ok := o.tries.Users[user]; !ok {
		return
	}
	next := o.tries
	next.Users = copied(o.tries.Users)
	delete(next.Users, user)
	if err := o.write(fileTries, next); err != nil {
		o.cfg.Log.Error("forget wrong codes", "error", err) // the lock stays, which is the safe side
		return
	}
	o.tries = next
}

func copied(m map[string]lock) map[string]lock {
	out := make(map[string]lock, len(m)+1)
	for k, v := range m {
		out[k] = v
	}
	return out
}
