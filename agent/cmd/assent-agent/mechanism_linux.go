package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/assent-epm/assent/agent/intercept/polkit"
	"github.com/assent-epm/assent/agent/intercept/sudo"
	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/shared/inert"
)

// How long a mechanism that could not begin rests before it is tried again. The
// first rest is short: at the machine's start what it needs is often there a
// moment later.
const (
	restFirst = time.Second
	restMost  = 5 * time.Minute
	// restUnfit is for a sudo that does not work with the plugin: each try makes
	// it fail for everybody for a moment.
	restUnfit = time.Hour
)

// Where a mechanism stands, as it is told.
const (
	mechanismOn       = "on"
	mechanismOff      = "off"
	mechanismStarting = "starting"
)

// mechanism is one way to elevate that is served beside the others: serve does it
// until ctx ends, and calls on once it works.
type mechanism struct {
	name  string
	serve func(ctx context.Context, on func()) error
}

// keeper keeps mechanisms going: one that can not begin, or that broke, is tried
// again with growing rests, and meanwhile its state says why it does not work.
type keeper struct {
	rest  func(tries int, why error) time.Duration // nil = growing
	after func(time.Duration) <-chan time.Time     // nil = time.After
	log   *slog.Logger

	mu     sync.Mutex // guards the field below
	states []local.Mechanism
}

// keep serves m until ctx ends. tried is called once, after the first try worked
// or failed.
func (k *keeper) keep(ctx context.Context, m mechanism, tried func()) {
	k.set(local.Mechanism{Name: m.name, Text: mechanismStarting})
	first := sync.OnceFunc(tried)
	defer first()
	said := ""
	for tries := 0; ; tries++ {
		err := m.serve(ctx, func() {
			k.set(local.Mechanism{Name: m.name, Text: mechanismOn})
			tries, said = 0, ""
			first()
		})
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("it has ended")
		}
		rest := k.pause(tries, err)
		k.set(local.Mechanism{Name: m.name, Text: err.Error(), Again: time.Now().Add(rest)})
		if said != err.Error() { // the same is said once
			said = err.Error()
			k.log.Warn("a mechanism is not intercepted; it is tried again", "mechanism", m.name, "reason", err, "in", rest)
		}
		first()
		select {
		case <-ctx.Done():
			return
		case <-k.wait(rest):
		}
	}
}

func (k *keeper) pause(tries int, why error) time.Duration {
	if k.rest != nil {
		return k.rest(tries, why)
	}
	return growing(tries, why)
}

func (k *keeper) wait(d time.Duration) <-chan time.Time {
	if k.after != nil {
		return k.after(d)
	}
	return time.After(d)
}

// growing doubles the rest with each try in vain.
func growing(tries int, why error) time.Duration {
	if errors.Is(why, sudo.ErrUnfit) {
		return restUnfit
	}
	return min(restFirst<<min(tries, 20), restMost)
}

func (k *keeper) set(s local.Mechanism) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for i := range k.states {
		if k.states[i].Name == s.Name {
			k.states[i] = s
			return
		}
	}
	k.states = append(k.states, s)
}

// all is where every mechanism stands.
func (k *keeper) all() []local.Mechanism {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]local.Mechanism(nil), k.states...)
}

// of is where one stands in a word or a reason; "off" = it is not served.
func (k *keeper) of(name string) string {
	for _, s := range k.all() {
		if s.Name == name {
			return s.Text
		}
	}
	return mechanismOff
}

// mechanismsText names in one line what does not work, "" = everything does.
func mechanismsText(all []local.Mechanism) string {
	var parts []string
	for _, m := range all {
		if m.Text != mechanismOn {
			parts = append(parts, m.Name+" is not intercepted: "+inert.Clip(inert.Text(m.Text), 200))
		}
	}
	return strings.Join(parts, "; ")
}

// mechanismChecks are the mechanisms that do not work now. A machine without
// polkit misses nothing.
func mechanismChecks(all []local.Mechanism) []check {
	var list []check
	for _, m := range all {
		if m.Text == mechanismOn || m.Text == polkit.ErrNoPolkit.Error() && !hasPkexec() {
			continue
		}
		text := fmt.Sprintf("%s is not intercepted: %s; it is tried again at %s", m.Name, inert.Text(m.Text), m.Again.Format(time.TimeOnly))
		if m.Again.IsZero() {
			text = m.Name + " is not intercepted yet: the agent is starting"
		}
		list = append(list, check{"interception", checkWarn, text, "what is asked for without it: assent run -- COMMAND"})
	}
	return list
}

// readiness is what must have been reached before systemd is told that the
// service is ready.
type readiness struct {
	all chan struct{} // closed once nothing is missing

	mu      sync.Mutex // guards the field below
	missing map[string]bool
}

func newReadiness(names ...string) *readiness {
	r := &readiness{all: make(chan struct{}), missing: map[string]bool{}}
	for _, n := range names {
		r.missing[n] = true
	}
	return r
}

func (r *readiness) reached(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.missing[name] {
		return
	}
	delete(r.missing, name)
	if len(r.missing) == 0 {
		close(r.all)
	}
}
