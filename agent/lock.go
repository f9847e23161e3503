package agent

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/assent-epm/assent/agent/keep"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// This file keeps whether the controller has locked this endpoint. While it is,
// nothing new is asked for and no grant is taken or used, also without the
// controller and after a restart. Whoever has rights of their own keeps them.

const lockFile = "lock"

// lockState is why an endpoint is locked, "" = it is not. Another enrolment is
// another endpoint.
type lockState struct {
	Cluster  string               `cbor:"cluster"`
	Endpoint elevation.EndpointID `cbor:"endpoint"`
	Why      string               `cbor:"why"`
}

// loadLock reads the lock at start. A damaged file counts as locked: who can
// damage it must not gain by it, and the controller's next word mends it.
func (a *Agent) loadLock() {
	l, err := readLock(a.Data)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		a.Log.Error("the lock can not be read: this endpoint counts as locked", "error", err)
		a.locked = "this endpoint counts as locked, as its lock can not be read; an administrator must lock and unlock it"
	case l.Cluster == a.Cluster && l.Endpoint == a.Endpoint:
		a.locked = l.Why
	}
}

func readLock(data string) (l lockState, err error) {
	if err := keep.Read(filepath.Join(data, lockFile), &l); err != nil {
		return l, fmt.Errorf("read the lock: %w", err)
	}
	return l, nil
}

// lock obeys the controller's word. It holds before it is acknowledged.
func (a *Agent) lock(m wire.Lock) error {
	l := lockState{Cluster: a.Cluster, Endpoint: a.Endpoint}
	if m.Locked {
		l.Why = cmp.Or(m.Text, "this endpoint is locked")
		a.setLocked(l.Why) // at once; it stays so when the disk fails
	}
	if err := keep.Write(filepath.Join(a.Data, lockFile), l); err != nil {
		return fmt.Errorf("keep the lock: %w", err)
	}
	a.setLocked(l.Why)
	a.Log.Warn("the controller has changed the lock of this endpoint", "locked", m.Locked)
	return nil
}

func (a *Agent) setLocked(why string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.locked = why
}

func (a *Agent) lockedBy() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.locked
}
