// Package sim is what agentsim is made of: a fleet of simulated endpoints that
// speak the real protocol, each with its own key over its own mutual TLS, and
// raise requests as open-loop arrivals.
//
// Arrivals are Poisson and never wait for answers; latency counts from the
// instant at which a request was due, so a slow controller can not hide behind
// the requests that it delays. Every grant's signature is verified. Nothing is
// elevated: a use of a grant is two reports and a pause between them.
//
// Read sim.go, then endpoint.go; scenario.go says what is asked for, record.go
// what is written down.
package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
)

// Config says what fleet to simulate.
type Config struct {
	URL       string // the agents' address
	Token     string // for enrolment; not needed for what Dir holds already
	Endpoints int
	Users     int           // per endpoint
	Rate      float64       // requests a second of the whole fleet
	Duration  time.Duration // 0 = until Requests are decided, or for ever
	Requests  int           // 0 = no limit
	Scenario  Scenario
	Command   []string // what is asked for in place of the scenario's programs
	Priority  elevation.Priority
	Seed      uint64
	Use       time.Duration // how long a grant is used
	Dir       string        // identities are kept and found here
	// Capabilities is what every endpoint says that it can do; nil is what it can of
	// what an agent on Linux says.
	Capabilities []string
	AccessType   elevation.AccessType // what is asked for, "" = to run programs; needs the capability
	Answer       string               // what a question of an approver is answered with, "" = nothing
	Extend       bool                 // more time is asked for in the middle of every use
	Lines        io.Writer            // one JSON object a line; nil = none
	IDs          io.Writer            // one acknowledged id a line; nil = none
	Log          *slog.Logger

	// Terminal serves the visitor's simulated terminal, see terminal.go; nil =
	// none. It must listen on loopback; whoever made it closes it.
	Terminal net.Listener
}

// ErrConfig is returned for a configuration that makes no sense.
var ErrConfig = errors.New("simulate")

// settleTime is how long after the end answers and reports may still come.
const settleTime = 10 * time.Second

// Run enrols the fleet, connects it, raises requests until the end of the
// configuration or of ctx, and returns what happened. The error says what went
// wrong with the simulation; what went wrong with the controller stands in the
// summary.
func Run(ctx context.Context, cfg Config) (Summary, error) {
	if err := cfg.check(); err != nil {
		return Summary{}, err
	}
	if cfg.Capabilities == nil {
		cfg.Capabilities = []string{"run", "sudo", "session", "admin", "question", "extend", "policy", "observe"}
	}
	rec := newRecorder(cfg)
	f := &fleet{cfg: cfg, rec: rec, rng: rand.New(rand.NewPCG(cfg.Seed, 0x617373656e74)), settled: make(chan struct{}, 1)}
	if err := f.enroll(ctx); err != nil {
		return Summary{}, err
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	var links sync.WaitGroup
	defer func() {
		stop()
		links.Wait()
	}()
	for _, e := range f.endpoints {
		links.Go(func() { e.run(running) })
	}
	f.connect(ctx)
	if cfg.Terminal != nil {
		links.Go(func() { f.serveTerminal(running, cfg.Terminal) })
	}
	rec.begin()
	f.raise(ctx)
	f.settle(ctx)
	return rec.finish(len(f.endpoints))
}

func (c *Config) check() error {
	switch {
	case c.Endpoints < 1 || c.Endpoints > 100000:
		return fmt.Errorf("%w: 1 to 100000 endpoints", ErrConfig)
	case c.Users < 1 || c.Users > 10000:
		return fmt.Errorf("%w: 1 to 10000 users", ErrConfig)
	case !(c.Rate > 0) || c.Rate > 1e6:
		return fmt.Errorf("%w: the rate is above 0 and at most 1000000 a second", ErrConfig)
	case c.Duration < 0 || c.Use < 0 || c.Requests < 0:
		return fmt.Errorf("%w: a negative number", ErrConfig)
	case c.Priority != "" && c.Priority.Rank() < 0:
		return fmt.Errorf("%w: no priority %q", ErrConfig, c.Priority)
	case c.Dir == "" || c.Log == nil:
		return fmt.Errorf("%w: a part of the configuration is missing", ErrConfig)
	}
	if c.AccessType != "" && !elevation.Serves(c.Capabilities, c.AccessType) {
		return fmt.Errorf("%w: access of type %q needs that capability", ErrConfig, string(c.AccessType))
	}
	return c.Scenario.check()
}

// fleet is all endpoints and the arrivals.
type fleet struct {
	cfg       Config
	rec       *recorder
	rng       *rand.Rand // of the goroutine that raises requests
	endpoints []*endpoint
	settled   chan struct{} // holds one: a request was answered, or a use has ended
}

func (f *fleet) wake() {
	select {
	case f.settled <- struct{}{}:
	default:
	}
}

// connect waits until the fleet is connected, at most a minute: what is late
// comes later.
func (f *fleet) connect(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for _, e := range f.endpoints {
		select {
		case <-e.connected:
		case <-ctx.Done():
			return
		}
	}
}

// raise makes the arrivals, which never wait for an answer, and then waits for
// the answers.
func (f *fleet) raise(ctx context.Context) {
	var storm <-chan time.Time
	if f.cfg.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, f.cfg.Duration)
		defer cancel()
		if f.cfg.Scenario == Storm {
			storm = time.After(f.cfg.Duration / 2)
		}
	}
	due, n := time.Now(), 0
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		next := pause.C
		if f.cfg.Scenario == Idle || f.cfg.Requests > 0 && n >= f.cfg.Requests {
			next = nil
		}
		if next == nil && storm == nil && f.cfg.Scenario != Idle {
			break
		}
		select {
		case <-ctx.Done():
			return
		case <-storm:
			storm = nil
			for _, e := range f.endpoints {
				e.drop()
			}
		case <-next:
			e := f.endpoints[f.rng.IntN(len(f.endpoints))]
			e.ask(f.nextRequest(n, e, due))
			n++
			due = due.Add(time.Duration(f.rng.ExpFloat64() / f.cfg.Rate * float64(time.Second)))
			pause.Reset(time.Until(due))
		}
	}
	f.waitFor(ctx, func() bool { return f.rec.open() == 0 })
}

// settle lets running uses end and reports arrive.
func (f *fleet) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), f.cfg.Use+settleTime)
	defer cancel()
	f.waitFor(ctx, func() bool {
		for _, e := range f.endpoints {
			if e.busy() {
				return false
			}
		}
		return true
	})
}

// waitFor waits until done holds or ctx ends. It looks at every change, and now
// and then because an acceptance of a report makes no noise.
func (f *fleet) waitFor(ctx context.Context, done func() bool) {
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			return
		case <-f.settled:
		case <-look.C:
		}
	}
}
