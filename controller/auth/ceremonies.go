package auth

import (
	"container/list"
	"crypto/rand"
	"sync"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
)

// CeremonyLife is how long somebody may take to answer what they were asked.
const CeremonyLife = 5 * time.Minute

// perUser is how many ceremonies one account can have open; the oldest gives way.
const perUser = 8

// What a ceremony is for; one is never taken for another.
const (
	forSignIn  = "sign-in"
	forStepUp  = "step-up"
	forPasskey = "new passkey"
	forTOTP    = "new authenticator"
)

// ceremony is something that was asked and waits for its answer.
type ceremony struct {
	id    string
	kind  string
	user  elevation.UserID // whose it is, "" for a sign-in
	login string           // of a sign-in: only this account, "" = any
	asked []byte           // the challenge or the new seed
	until time.Time
	place *list.Element
}

// ceremonies keeps what was asked, for a short time and in bounded memory: when
// it is full, the oldest gives way.
type ceremonies struct {
	most int

	mu     sync.Mutex // guards the fields below
	byID   map[string]*ceremony
	byUser map[elevation.UserID][]*ceremony // the oldest first
	order  *list.List                       // the oldest first
}

func newCeremonies(most int) *ceremonies {
	return &ceremonies{most: most, byID: map[string]*ceremony{}, byUser: map[elevation.UserID][]*ceremony{}, order: list.New()}
}

// add keeps c, under a name of its own.
func (s *ceremonies) add(c ceremony, now time.Time) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.id, c.until = rand.Text(), now.Add(CeremonyLife)
	for e := s.order.Front(); e != nil; e = s.order.Front() {
		old := e.Value.(*ceremony)
		if now.Before(old.until) && len(s.byID) < s.most {
			break
		}
		s.dropLocked(old)
	}
	if c.user != "" {
		if mine := s.byUser[c.user]; len(mine) >= perUser {
			s.dropLocked(mine[0])
		}
		s.byUser[c.user] = append(s.byUser[c.user], &c)
	}
	s.byID[c.id], c.place = &c, s.order.PushBack(&c)
	return c.id
}

// take gives a ceremony back, once; ok is false for one that is not there, has
// ended, or is another kind or somebody else's.
func (s *ceremonies) take(id, kind string, user elevation.UserID, now time.Time) (c ceremony, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.byID[id]
	if found == nil || found.kind != kind || found.user != user {
		return ceremony{}, false
	}
	s.dropLocked(found)
	return *found, now.Before(found.until)
}

// last is the newest ceremony of this kind of a person; it stays.
func (s *ceremonies) last(kind string, user elevation.UserID, now time.Time) (c ceremony, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.byUser[user] {
		if one.kind == kind && now.Before(one.until) {
			c, ok = *one, true
		}
	}
	return c, ok
}

func (s *ceremonies) dropLocked(c *ceremony) {
	delete(s.byID, c.id)
	s.order.Remove(c.place)
	if c.user == "" {
		return
	}
	var rest []*ceremony
	for _, one := range s.byUser[c.user] {
		if one != c {
			rest = append(rest, one)
		}
	}
	if s.byUser[c.user] = rest; len(rest) == 0 {
		delete(s.byUser, c.user)
	}
}
