package local

import (
	"context"
	"errors"
	"os"
	"strconv"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/privilege"
)

// This file lets the client become sudo, where no terminal can be handed to a program
// of the agent's (macOS): sudo then runs what was approved in the person's own one.

// BySudo makes a rule for the caller's sudo, which then runs argv as root: a program of
// ours that becomes what was approved. [ErrNotBySudo] when that is not the way: then
// nothing has happened.
type BySudo interface {
	BySudo(ctx context.Context, permit intercept.Permit, caller Caller, spec privilege.Spec) (argv []string, err error)
}

// ErrNotBySudo: sudo can not run this; it runs without a terminal.
var ErrNotBySudo = errors.New("sudo can not run this")

// bySudo is what the client shall tell sudo.
type bySudo struct {
	Path []byte   `cbor:"path"`
	Args [][]byte `cbor:"args"`
	As   uint32   `cbor:"as"`
}

// become has the client become sudo. done is false where that is not the way.
func (s *Server) become(ctx context.Context, t *talk, permit intercept.Permit, real intercept.Real, late *bool) (done bool, err error) {
	switch {
	case !t.ask.Sudo, s.cfg.BySudo == nil, t.peer.from.Started == 0: // 0: which process asks is not known
		return false, nil
	case len(real.Feeds) > 0: // what it is fed could be changed until sudo begins
		return false, nil
	}
	if *late {
		if err := t.confirmed(ctx); err != nil {
			s.cfg.Runner.Release(permit.Grant.ID)
			return true, t.failed(err)
		}
		*late = false // they are there
	}
	argv, err := s.cfg.BySudo.BySudo(ctx, permit, t.peer.from, t.spec(real, [3]*os.File{}))
	switch {
	case errors.Is(err, ErrNotBySudo), err == nil && len(argv) == 0:
		return false, nil
	case err != nil:
		s.cfg.Log.Warn("an approved program did not start", "grant", permit.Grant.ID, "error", err)
		return true, t.failed(err)
	}
	return true, t.c.write(kSudo, bySudo{Path: []byte(argv[0]), Args: privilege.InBytes(argv[1:])})
}

// terminals reports whether all that a command reads and writes is a terminal.
func (std Streams) terminals() bool {
	return isTerminal(std.In) && isTerminal(std.Out) && isTerminal(std.Err)
}

// sudoes reports whether this client can become sudo.
func (s *session) sudoes() bool {
	return s.sudo.path != "" && s.opt.Whole == nil && s.tty != nil && s.std.terminals()
}

// sudoer is the sudo of this machine, and how this process becomes it.
type sudoer struct {
	path   string // "" = clients do not become sudo
	become func(path string, argv, env []string) error
}

// becomes makes this process sudo. It returns when that does not work. Nobody is asked
// for a password: the rule needs none, and without the rule nothing runs.
func (s *session) becomes(f frame) (Outcome, bool) {
	var q bySudo
	if err := f.into(&q); err != nil || !s.sudoes() {
		return result(Failed, s.request, "the agent says something that is not understood"), true
	}
	s.line.done()
	s.free()
	argv := append([]string{"sudo", "-n", "-u", "#" + strconv.FormatUint(uint64(q.As), 10), "--", string(q.Path)}, privilege.InStrings(q.Args)...)
	err := s.sudo.become(s.sudo.path, argv, os.Environ())
	return result(Failed, s.request, "sudo can not be started: "+err.Error()), true
}
