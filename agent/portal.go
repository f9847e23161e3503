package agent

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// This file gets people of this machine a one-time link to their own requests. The
// link goes to the connection that asked, whose user the kernel names, and is kept
// nowhere.

// Bounds of the links that are asked for at the same time: nobody takes the place
// of all others.
const (
	maxPortals  = 32
	portalsEach = 4 // of one user
)

// portals are the questions that are open, by number.
type portals struct {
	mu   sync.Mutex // guards the fields below
	open map[uint64]chan wire.Portal
	of   map[uint64]string // whose they are
}

// ask begins a question. Numbers are random, so that an answer to a question of
// before a restart is nobody's.
func (p *portals) ask(user string) (n uint64, answer <-chan wire.Portal, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	mine := 0
	for _, who := range p.of {
		if who == user {
			mine++
		}
	}
	if len(p.of) >= maxPortals || mine >= portalsEach {
		return 0, nil, false
	}
	if p.open == nil {
		p.open, p.of = map[uint64]chan wire.Portal{}, map[uint64]string{}
	}
	var raw [8]byte
	for n == 0 || p.of[n] != "" {
		rand.Read(raw[:])
		n = binary.BigEndian.Uint64(raw[:])
	}
	p.open[n], p.of[n] = make(chan wire.Portal, 1), user
	return n, p.open[n], true
}

func (p *portals) end(n uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, n)
	delete(p.of, n)
}

// told passes an answer on, once.
func (p *portals) told(m wire.Portal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.open[m.N]; c != nil {
		delete(p.open, m.N)
		c <- m
	}
	return nil
}

// Portal implements local's Portal.
func (a *Agent) Portal(ctx context.Context, user string) (local.PortalLink, error) {
	who, err := a.Lookup(user)
	if err != nil {
		return local.PortalLink{}, fmt.Errorf("%w: this machine has no name for your user", local.ErrConflict)
	}
	n, answer, ok := a.portals.ask(user)
	if !ok {
		return local.PortalLink{}, fmt.Errorf("%w: too many links are asked for at the moment", local.ErrConflict)
	}
	defer a.portals.end(n)
	if err := a.Conn.Send(wire.TPortalLink, wire.PortalLink{N: n, User: elevation.User{Name: who.Name, UID: user, Groups: []string{}}}); err != nil {
		return local.PortalLink{}, local.ErrOffline
	}
	late := time.NewTimer(answerWithin)
	defer late.Stop()
	select {
	case m := <-answer:
		switch {
		case m.URL != "":
			return local.PortalLink{URL: m.URL, Until: m.Expires}, nil
		case m.Code == wire.CodeUnavailable:
			return local.PortalLink{}, local.ErrOffline
		}
		return local.PortalLink{}, fmt.Errorf("%w: %s", local.ErrConflict, m.Text)
	case <-late.C:
		return local.PortalLink{}, local.ErrOffline
	case <-ctx.Done():
		return local.PortalLink{}, context.Cause(ctx)
	}
}
