package controller

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/assent-epm/assent/shared/wire"
)

// OnePort, given as the agents' address, serves agents on the console's.
const OnePort = "same"

// Limits of an address that serves both.
const (
	shakingHands    = 4096 // connections at the same time; those beyond are closed
	shakingOfOne    = shakingHands / 2
	handshakeWithin = 10 * time.Second
)

// onePort serves two doors on one address, where a firewall lets one port
// through. What a client asks for in its first message says which door it wants:
// agents offer the protocol [wire.ALPN], and sessions name the gateway. Each
// door has its own certificate and its own rules for those of clients, and after
// the handshake nothing of one reaches the other.
type onePort struct {
	listener  net.Listener
	gateway   string // its name in TLS
	webTLS    *tls.Config
	agentsTLS *tls.Config
	web       *door
	agents    *door
	open      atomic.Int32 // doors
}

// door is a listener for the connections that are meant for it.
type door struct {
	addr   net.Addr
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
	left   func() error
}

func newOnePort(l net.Listener, web, agents *tls.Config, gateway string) *onePort {
	p := &onePort{listener: l, gateway: gateway, webTLS: web, agentsTLS: agents}
	p.open.Store(2)
	half := func() *door {
		return &door{addr: l.Addr(), conns: make(chan net.Conn), closed: make(chan struct{}), left: func() error {
			if p.open.Add(-1) > 0 {
				return nil
			}
			return l.Close()
		}}
	}
	p.web, p.agents = half(), half()
	return p
}

// Run hands connections out until both doors are closed.
func (p *onePort) Run(ctx context.Context) error {
	var hands sync.WaitGroup
	defer hands.Wait()
	crowd := crowd{from: map[netip.Addr]int{}}
	for {
		conn, err := p.listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil
		case err != nil: // out of descriptors, or a connection that was gone at once
			select {
			case <-time.After(20 * time.Millisecond):
			case <-p.web.closed:
			}
			continue
		}
		from := addressOf(conn)
		if !crowd.enter(from) { // nobody waits behind those who never speak
			_ = conn.Close()
			continue
		}
		hands.Go(func() {
			defer crowd.leave(from)
			p.lead(ctx, conn)
		})
	}
}

// crowd counts who shakes hands. One address has no more than its part: the others
// get in beside it.
type crowd struct {
	mu   sync.Mutex // guards the fields below
	all  int
	from map[netip.Addr]int // networks of IPv6, of which everybody has many addresses
}

func (c *crowd) enter(from netip.Addr) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all >= shakingHands || c.from[from] >= shakingOfOne {
		return false
	}
	c.all++
	c.from[from]++
	return true
}

func (c *crowd) leave(from netip.Addr) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all--
	if c.from[from]--; c.from[from] == 0 {
		delete(c.from, from)
	}
}

// addressOf is where a connection comes from, the zero address when that is not
// known.
func addressOf(conn net.Conn) netip.Addr {
	tcp, ok := conn.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	from := tcp.AddrPort().Addr().Unmap().WithZone("")
	if from.Is6() {
		if network, err := from.Prefix(64); err == nil {
			return network.Addr()
		}
	}
	return from
}

// lead does the handshake and leads a connection to its door.
func (p *onePort) lead(ctx context.Context, raw net.Conn) {
	to := p.web
	conn := tls.Server(raw, &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if slices.Contains(hello.SupportedProtos, wire.ALPN) || hello.ServerName == p.gateway {
			to = p.agents
			return p.agentsTLS, nil
		}
		return p.webTLS, nil
	}})
	ctx, cancel := context.WithTimeout(ctx, handshakeWithin)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return
	}
	select {
	case to.conns <- conn:
	case <-to.closed:
		_ = conn.Close()
	case <-ctx.Done():
		_ = conn.Close()
	}
}

// Accept implements net.Listener.
func (d *door) Accept() (net.Conn, error) {
	select {
	case c := <-d.conns:
		return c, nil
	case <-d.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (d *door) Close() error {
	var err error
	d.once.Do(func() {
		close(d.closed)
		err = d.left()
	})
	return err
}

// Addr implements net.Listener.
func (d *door) Addr() net.Addr { return d.addr }
