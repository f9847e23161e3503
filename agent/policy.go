package agent

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/shared/durable"
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
}

// storedPolicy is the form of the file. Sum is the SHA-256 of Body.
type storedPolicy struct {
	Sum  []byte `cbor:"sum"`
	Body []byte `cbor:"body"`
}

// ReadPolicy reads the policy that an agent keeps in its data folder; fs.ErrNotExist
// when it never got one.
func ReadPolicy(data string) (elevation.Policy, error) {
	var p elevation.Policy
	raw, err := os.ReadFile(filepath.Join(data, policyFile))
	if err != nil {
		return p, fmt.Errorf("read the policy: %w", err)
	}
	var s storedPolicy
	if err := sign.Decode(raw, &s); err != nil {
		return p, fmt.Errorf("read the policy: %w", err)
	}
	if sum := sha256.Sum256(s.Body); string(sum[:]) != string(s.Sum) {
		return p, errors.New("read the policy: the file is damaged")
	}
	if err := sign.Decode(s.Body, &p); err != nil {
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
		a.obey(p)
	}
	return nil
}

// obey puts a policy into force.
func (a *Agent) obey(p elevation.Policy) {
	mask, bad := intercept.CompilePatterns(p.Mask)
	for _, err := range bad {
		a.Log.Error("a part of the policy can not be obeyed", "policy", p.Name, "version", p.Version, "error", err)
	}
	a.policy.mu.Lock()
	defer a.policy.mu.Unlock()
	a.policy.is, a.policy.mask = p, mask
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
	body, err := sign.Encode(p)
	if err != nil {
		return fmt.Errorf("keep the policy: %w", err)
	}
	sum := sha256.Sum256(body)
	raw, err := sign.Encode(storedPolicy{Sum: sum[:], Body: body})
	if err != nil {
		return fmt.Errorf("keep the policy: %w", err)
	}
	if err := durable.Replace(filepath.Join(a.Data, policyFile), raw); err != nil {
		return fmt.Errorf("keep the policy: %w", err)
	}
	a.obey(p)
	a.Log.Info("a new policy is obeyed", "policy", p.Name, "version", p.Version, "mode", p.Mode)
	return nil
}

// Policy is the policy in force; version 0 when there is none.
func (a *Agent) Policy() elevation.Policy {
	a.policy.mu.Lock()
	defer a.policy.mu.Unlock()
	return a.policy.is
}

// Masks are the policy's patterns of secrets in arguments.
func (a *Agent) Masks() intercept.Patterns {
	a.policy.mu.Lock()
	defer a.policy.mu.Unlock()
	return a.policy.mask
}

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

// ModeText says the mode of a policy, and what this agent makes of it.
func ModeText(p elevation.Policy) string {
	switch p.Mode {
	case elevation.ModeObserve, elevation.ModeOff:
		return string(p.Mode) + " (kept; this version of the agent asks in every mode)"
	}
	return string(elevation.ModeAsk)
}
