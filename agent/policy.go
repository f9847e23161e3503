package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"

	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/keep"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
)

// This file keeps the policy that the controller has signed for this endpoint:
// patterns of secrets, reasons to choose from, the mode. A newer one replaces
// the one before as a whole; an older one never does.

const policyFile = "policy"

// policyState is the policy in force. The zero value is an endpoint without one.
type policyState struct {
	mu   sync.Mutex // guards the fields below
	is   elevation.Policy
	mask intercept.Patterns
	// paused is when the pause of the policy ends, by every clock.
	paused grants.Deadline
}

// ReadPolicy reads the policy that an agent keeps in its data folder; fs.ErrNotExist
// when it never got one.
func ReadPolicy(data string) (elevation.Policy, error) {
	var p elevation.Policy
	if err := keep.Read(filepath.Join(data, policyFile), &p); err != nil {
		return elevation.Policy{}, fmt.Errorf("read the policy: %w", err)
	}
	return p, nil
}

// loadPolicy reads the policy at start. A damaged file is an error: without its
// version an old policy could be played back, and secrets would be shown.
func (a *Agent) loadPolicy() error {
	p, err := ReadPolicy(a.Data)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if p.Cluster == a.Cluster && p.Endpoint == a.Endpoint { // else this machine was enrolled anew
		a.obey(p, a.keptPause(p))
	}
	return nil
}

// obey puts a policy into force; paused is when its pause ends.
func (a *Agent) obey(p elevation.Policy, paused grants.Deadline) {
	mask, bad := intercept.CompilePatterns(p.Mask)
	for _, err := range bad {
		a.Log.Error("a part of the policy can not be obeyed", "policy", p.Name, "version", p.Version, "error", err)
	}
	a.policy.mu.Lock()
	defer a.policy.mu.Unlock()
	a.policy.is, a.policy.mask, a.policy.paused = p, mask, paused
}

// adoptPolicy verifies, keeps and obeys a policy. One that does not verify is
// not asked for again: the one before stays.
func (a *Agent) adoptPolicy(m wire.Signed) error {
	var p elevation.Policy
	if err := a.Conn.KeySet().Open(sign.Policy, m.Raw, a.now(), &p); err != nil {
		a.Log.Error("a policy does not verify", "error", err)
		return nil
	}
	was := a.Policy()
	switch {
	case p.Cluster != a.Cluster || p.Endpoint != a.Endpoint:
		a.Log.Error("a policy is for another endpoint")
		return nil
	case p.Version <= was.Version:
		a.Log.Warn("an older policy is not taken", "version", p.Version, "has", was.Version)
		return nil
	}
	if err := a.keepPause(p, a.pauseEnd(p)); err != nil { // before the policy: a restart between both does not begin it anew
		return fmt.Errorf("keep the policy: %w", err)
	}
	if err := keep.Write(filepath.Join(a.Data, policyFile), p); err != nil {
		return fmt.Errorf("keep the policy: %w", err)
	}
	a.obey(p, a.pauseEnd(p))
	a.OnPolicy()
	if p.BreakGlass != was.BreakGlass {
		a.rightsAgain() // what of them is fixed is another thing now
	}
	a.Log.Info("a new policy is obeyed", "policy", p.Name, "version", p.Version, "mode", ModeText(p, a.now()))
	return nil
}

// Policy is the policy in force as it was signed; version 0 when there is none.
func (a *Agent) Policy() elevation.Policy {
	p, _ := a.policyAndPause()
	return p
}

func (a *Agent) policyAndPause() (elevation.Policy, grants.Deadline) {
	a.policy.mu.Lock()
	defer a.policy.mu.Unlock()
	return a.policy.is, a.policy.paused
}

// Masks are the policy's patterns of secrets in arguments.
func (a *Agent) Masks() intercept.Patterns {
	a.policy.mu.Lock()
	defer a.policy.mu.Unlock()
	return a.policy.mask
}

// Words are the company's own words.
func (a *Agent) Words() elevation.Words { return a.Policy().Words }

// policyNeed adds what the policy says to what a person is asked for: reasons to
// choose from where the controller names none, and how long one must be.
func (a *Agent) policyNeed(n wire.Need) wire.Need {
	p := a.Policy()
	if len(n.Presets) == 0 {
		n.Presets = p.Presets
	}
	if n.ReasonMin > 0 {
		n.ReasonMin = max(n.ReasonMin, p.ReasonMin)
	}
	return n
}
