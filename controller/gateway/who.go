package gateway

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// This file asks endpoints about their users: a link or an approver may name one who
// has asked for nothing there yet.

// Bounds of the questions that are open.
const (
	whoWithin = 3 * time.Second // an endpoint answers, or does not know the question
	maxWho    = 256
	whoEach   = 4 // of one endpoint
)

// ErrSilent is returned for an endpoint that is not connected or does not answer.
var ErrSilent = errors.New("the endpoint does not answer")

// questions are those that are open, by number.
type questions struct {
	mu   sync.Mutex // guards the fields below
	last uint64
	open map[uint64]question
}

type question struct {
	of     elevation.EndpointID
	answer chan elevation.User // 1
}

func (q *questions) ask(of elevation.EndpointID) (n uint64, answer <-chan elevation.User, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	same := 0
	for _, o := range q.open {
		if o.of == of {
			same++
		}
	}
	if len(q.open) >= maxWho || same >= whoEach {
		return 0, nil, false
	}
	if q.open == nil {
		q.open = map[uint64]question{}
	}
	q.last++
	c := make(chan elevation.User, 1)
	q.open[q.last] = question{of: of, answer: c}
	return q.last, c, true
}

func (q *questions) end(n uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.open, n)
}

// told passes an answer on, once, from the endpoint that was asked alone.
func (q *questions) told(of elevation.EndpointID, m wire.Known) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if o, ok := q.open[m.N]; ok && o.of == of {
		delete(q.open, m.N)
		o.answer <- m.User
	}
}

func (s *session) introduced(m wire.Known) error {
	s.g.questions.told(s.ep, m)
	return nil
}

// Who asks an endpoint about its user of that name, or of that uid where name is "".
// [elevation.ErrNotFound]: it has none; [ErrSilent]: it did not say. The user may be
// called otherwise, such as with their domain: who asks looks whether it fits.
func (g *Gateway) Who(ctx context.Context, ep elevation.EndpointID, name, uid string) (elevation.User, error) {
	n, answer, ok := g.questions.ask(ep)
	if !ok {
		return elevation.User{}, fmt.Errorf("%w: it is asked too much at the moment", ErrSilent)
	}
	defer g.questions.end(n)
	s := g.session(ep)
	if s == nil || !s.isWelcomed() {
		return elevation.User{}, fmt.Errorf("%w: it is not connected", ErrSilent)
	}
	if err := s.say(wire.TWho, wire.Who{N: n, Name: name, UID: uid}); err != nil {
		return elevation.User{}, fmt.Errorf("%w: %w", ErrSilent, err)
	}
	late := time.NewTimer(whoWithin)
	defer late.Stop()
	select {
	case u := <-answer:
		if u.UID == "" || u.Name == "" {
			return elevation.User{}, fmt.Errorf("user: %w", elevation.ErrNotFound)
		}
		return u, nil
	case <-late.C:
		return elevation.User{}, ErrSilent
	case <-ctx.Done():
		return elevation.User{}, context.Cause(ctx)
	}
}
