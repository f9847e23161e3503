package privilege

import (
	"context"
	"fmt"
)

// This file has the order in which a program of macOS is started. It runs everywhere;
// macgate_unix.go starts the processes, start_darwin.go tells what they are.

// passage is what a gate becomes.
type passage struct {
	Path string
	Argv []string
	Env  []string
}

// macGates starts processes that become programs once they are told so.
type macGates interface {
	// begin starts one in a session of its own, as spec.RunAs, with the spec's files
	// and in its folder.
	begin(spec Spec) (macGate, error)
}

// macGate is a process that waits for what it is to become.
type macGate interface {
	pid() int
	look() (macProcess, error) // what the kernel says of it
	become(passage) error
	end()               // kills it and waits for its end
	wait() (int, error) // until it has ended: its exit code, or 128 and a signal's number
}

// macStart starts a program.
type macStart struct {
	gates macGates
	plan  func(name string, uid uint32) (TreeRef, error)
	stage func(Spec) (path string, err error)
}

// start begins a gate, looks at what it is, has it written down, and lets it become
// the program. After an error there is no process of it; the caller removes a copy.
func (m macStart) start(ctx context.Context, spec Spec) (*Running, error) {
	if spec.Alone {
		return nil, fmt.Errorf("%w: a program can not be kept from starting others on macOS", ErrNotContained)
	}
	ref, err := m.plan(string(spec.Grant), spec.Requester.UID)
	if err != nil {
		return nil, err
	}
	path, err := m.stage(spec)
	if err != nil {
		return nil, err
	}
	gate, err := m.gates.begin(spec)
	if err != nil {
		return nil, err
	}
	if ref, err = m.release(ctx, spec, ref, gate, path); err != nil {
		gate.end() // it is still the gate
		return nil, err
	}
	run := &Running{PID: ref.PID, Tree: ref, done: make(chan struct{})}
	go run.outlast(gate)
	return run, nil
}

// release lets a gate become the program once it is exactly what it should be.
func (macStart) release(ctx context.Context, spec Spec, ref TreeRef, gate macGate, path string) (TreeRef, error) {
	is, err := gate.look()
	if err != nil {
		return ref, fmt.Errorf("%w: %w", ErrNotContained, err)
	}
	k, err := is.kin(gate.pid())
	if err != nil {
		return ref, fmt.Errorf("%w: %w", ErrNotContained, err)
	}
	if k.user != UserOf(spec.RunAs.UID) || is.gid != spec.RunAs.GID || is.realGID != spec.RunAs.GID || is.wasGID != spec.RunAs.GID {
		return ref, fmt.Errorf("%w: the process is not wholly of %s", ErrIdentity, spec.RunAs.Name)
	}
	ref.PID, ref.Started = gate.pid(), k.started
	if spec.Contained != nil {
		if err := spec.Contained(); err != nil {
			return ref, err
		}
	}
	if err := ctx.Err(); err != nil {
		return ref, err
	}
	if err := gate.become(passage{Path: path, Argv: append([]string{spec.argv0()}, spec.Args...), Env: environment(spec, ref.Name)}); err != nil {
		return ref, fmt.Errorf("%w: %w", ErrNotContained, err)
	}
	return ref, nil
}

// outlast waits for the end of a program of macOS.
func (r *Running) outlast(g macGate) {
	code, err := g.wait()
	r.mu.Lock()
	r.over = true
	r.mu.Unlock()
	if err != nil {
		err = fmt.Errorf("wait for process %d: %w", r.PID, err)
	}
	r.finish(code, err)
}
