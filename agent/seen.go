package agent

import (
	"crypto/sha256"
	"sync"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
)

// This file tells the controller of what went on without a question. The same
// thing by the same person within a minute is one event with a number. Whatever
// people start, it fills neither the memory nor the disk: what is too much is
// counted, said in the log, and lost.

const (
	seenWindow = time.Minute
	sightsOpen = 2048 // different things within a minute that are remembered
	sightsLine = 256  // on their way to the disk
	seenUsers  = 1024 // whose rate is remembered

	// What may wait for the controller on the disk; its outbox has more places,
	// which are for what must not be lost.
	seenKept  = 2000
	glassKept = 4000
)

// pace is how many different things of one user are told at once, and then in a
// second.
type pace struct {
	burst  float64
	second float64
}

// paceOf is slow for what is mere history, and nearly never a limit for who
// breaks the glass.
func paceOf(kind wire.SeenKind) pace {
	if kind == wire.SeenBreakGlass {
		return pace{burst: 600, second: 10}
	}
	return pace{burst: 60, second: 1}
}

// sight is one thing that was seen within the last minute.
type sight struct {
	m     wire.Seen
	timer *time.Timer
}

// allowance is what a user may still have told.
type allowance struct {
	left float64
	at   time.Time
}

// sights are what was seen lately. The zero value is ready after start.
type sights struct {
	line chan wire.Seen // to be told by the one goroutine that does

	mu    sync.Mutex // guards the fields below
	open  map[[sha256.Size]byte]*sight
	users map[string]allowance // by kind and uid
	lost  int                  // since the log said so
	said  time.Time            // when it did
}

// Saw implements [intercept.House]. What a member of the break-glass group does is
// on the disk when it returns; everything else a moment later.
func (a *Agent) Saw(kind wire.SeenKind, attempt elevation.Attempt) {
	now := a.now()
	m := wire.Seen{ID: elevation.NewRequestID(now), Kind: kind, Attempt: attempt, Times: 1, At: now}
	if !a.notice(m) {
		return
	}
	if kind == wire.SeenBreakGlass {
		a.tellSeen(m)
		return
	}
	a.passOn(m)
}

// notice remembers what is seen and reports whether it is to be told at once.
func (a *Agent) notice(m wire.Seen) bool {
	key, s := sightKey(m), &a.sights
	most := seenKept
	if m.Kind == wire.SeenBreakGlass {
		most = glassKept
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.open[key]; known != nil {
		known.m.Times++
		return false
	}
	if len(s.open) >= sightsOpen || !s.may(m) || a.Conn.Kept(wire.TSeen) >= most {
		a.loseLocked(m.At)
		return false
	}
	s.open[key] = &sight{m: m, timer: time.AfterFunc(seenWindow, func() { a.lookAway(key) })}
	return true
}

// lookAway ends the minute of a thing; when it came again the number is told.
func (a *Agent) lookAway(key [sha256.Size]byte) {
	s := &a.sights
	s.mu.Lock()
	known := s.open[key]
	delete(s.open, key)
	s.mu.Unlock()
	if known != nil && known.m.Times > 1 {
		a.passOn(known.m)
	}
}

// passOn hands a message to the goroutine that writes, without waiting for it.
func (a *Agent) passOn(m wire.Seen) {
	select {
	case a.sights.line <- m:
	default:
		a.sights.mu.Lock()
		a.loseLocked(m.At)
		a.sights.mu.Unlock()
	}
}

// tellSights writes what is passed on until the agent closes.
func (a *Agent) tellSights() {
	for {
		select {
		case m := <-a.sights.line:
			a.tellSeen(m)
		case <-a.life.Done():
			return
		}
	}
}

// closeSights tells what is left. Nothing else of the agent runs any more.
func (a *Agent) closeSights() {
	s := &a.sights
	var left []wire.Seen
	for len(s.line) > 0 { // in the order in which it was seen: numbers only grow
		left = append(left, <-s.line)
	}
	s.mu.Lock()
	for key, known := range s.open {
		known.timer.Stop()
		if known.m.Times > 1 {
			left = append(left, known.m)
		}
		delete(s.open, key)
	}
	s.mu.Unlock()
	for _, m := range left {
		a.tellSeen(m)
	}
}

func (a *Agent) tellSeen(m wire.Seen) {
	if err := a.Conn.Tell(m); err != nil {
		a.Log.Error("what was seen can not be told", "kind", m.Kind, "error", err)
	}
}

// loseLocked counts what is not told, and says so once a minute.
func (a *Agent) loseLocked(now time.Time) {
	s := &a.sights
	s.lost++
	if now.Sub(s.said).Abs() < time.Minute {
		return
	}
	a.Log.Warn("more is seen than is told; it goes on all the same", "not_told", s.lost)
	s.lost, s.said = 0, now
}

// may takes one message from what its user may have told.
func (s *sights) may(m wire.Seen) bool {
	p, who := paceOf(m.Kind), string(m.Kind)+" "+m.Attempt.User.UID
	u, known := s.users[who]
	switch {
	case known:
		u.left = min(p.burst, u.left+p.second*max(m.At.Sub(u.at).Seconds(), 0))
	case len(s.users) >= seenUsers:
		for k, v := range s.users { // those who were quiet have all of theirs again
			if m.At.Sub(v.at) > 2*time.Minute {
				delete(s.users, k)
			}
		}
		if len(s.users) >= seenUsers {
			return false
		}
		fallthrough
	default:
		u.left = p.burst
	}
	u.at = m.At
	ok := u.left >= 1
	if ok {
		u.left--
	}
	s.users[who] = u
	return ok
}

// sightKey is the same for the same thing by the same person.
func sightKey(m wire.Seen) [sha256.Size]byte {
	h, t := sha256.New(), m.Attempt.Subject
	sign.WriteParts(h, append([]string{string(m.Kind), m.Attempt.User.UID, m.Attempt.Mechanism, string(m.Attempt.AccessType),
		t.Path, t.SHA256, t.RunAs, string(t.ArgsDigest)}, t.Args...)...)
	return [sha256.Size]byte(h.Sum(nil))
}
