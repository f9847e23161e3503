package sudo

import (
	"context"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/shared/elevation"
)

// Sessions is what the flow knows of sessions in force and of groups that are
// lent; package agent implements it.
type Sessions interface {
	// Session finds the session in which a process of a user is, "" = in none.
	Session(uid uint32, pid int, started uint64) elevation.GrantID
	// Admit lets one command through inside of a session: its permit is used like
	// any other. A denial by rules is an intercept.Refused.
	Admit(ctx context.Context, session elevation.GrantID, attempt elevation.Attempt) (intercept.Permit, error)
	// Lent reports whether the user's rights come from a group that they were lent
	// and that this process does not have: sudoers would refuse it.
	Lent(uid uint32, pid int) bool
}

// lent reports whether rights that sudo finds for the user are not those of this
// sudo.
func (s *Server) lent(uid uint32, p *peer) bool {
	return s.cfg.Sessions != nil && s.cfg.Sessions.Lent(uid, p.pid)
}

// session is that in which a sudo is, by what the kernel says of its process.
func (s *Server) session(uid uint32, p *peer) elevation.GrantID {
	if s.cfg.Sessions == nil {
		return ""
	}
	id := s.cfg.Sessions.Session(uid, p.pid, p.start)
	if id != "" && !p.alive() {
		return "" // it was about another process of the same number
	}
	return id
}

// inSession answers for a command in a session: nobody is asked, and rules may deny.
func (s *Server) inSession(k *conn, p *peer, u *user, session elevation.GrantID, h *held) verdict {
	permit, err := s.cfg.Sessions.Admit(k.ctx, session, h.attempt)
	if err != nil {
		s.cfg.Log.Info("a command of a session was not let through", "session", session, "uid", h.who.UID, "path", h.real.Path, "error", err)
		return refuse(explain(err, false))
	}
	return s.arm(k, p, u, h, permit)
}

// unchanged looks again at what shall run. Inside of a session, where anything
// may, also programs are let through that their user can change.
func (h *held) unchanged() error {
	if h.session != "" {
		return same(h.real)
	}
	return unchanged(h.real)
}
