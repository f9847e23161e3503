package sudo

import (
	"context"
	"time"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// observeTime bounds looking at an attempt that went on already.
const observeTime = 10 * time.Second

// stance asks the house what is done with this user's sudo. free is the verdict
// where sudo goes on as if there were no Assent, also should the agent be lost
// until the check; nil = it is refused or asked for, as the stance says.
func (s *Server) stance(k *conn, u *user, uid uint32, p *peer, q call, t typed) (stance elevation.Stance, free *verdict) {
	own := &verdict{allow: true, text: ownRight}
	who, err := intercept.LookupUID(uid)
	if err != nil {
		s.cfg.Log.Info("a sudo was let through", "uid", uid, "error", err)
		return elevation.StanceDeny, own // sudo says itself what is wrong
	}
	stance, why := s.cfg.House.Stance(elevation.BySudo, who)
	switch stance {
	case elevation.StanceOff:
		return stance, own
	case elevation.StanceObserve:
		if why == wire.SeenBreakGlass {
			k.send('T', "assent: you are in the break-glass group, so nothing is asked and nothing is held. It is reported.\n")
		}
		own.after = func() { s.saw(k.server, u, uid, p, q, t, why) }
		return stance, own
	case elevation.StanceAsk:
		return stance, nil
	case elevation.StanceDeny:
	}
	return elevation.StanceDeny, nil
}

// saw tells of a sudo that went on, once it does.
func (s *Server) saw(ctx context.Context, u *user, uid uint32, p *peer, q call, t typed, why wire.SeenKind) {
	ctx, cancel := context.WithTimeout(ctx, observeTime)
	defer cancel()
	w, err := s.understand(ctx, t, q, uid)
	if err != nil {
		return // sudo has said itself what is wrong
	}
	allowed, err := s.entitled(ctx, u, w.query(q))
	if err != nil {
		s.cfg.Log.Info("the rights behind an observed sudo are not known", "uid", uid, "error", err)
	}
	attempt, _, err := s.observe(p, w)
	if err != nil {
		s.cfg.Log.Info("an observed sudo can not be told", "uid", uid, "error", err)
		return
	}
	if allowed && why == wire.SeenObserved {
		why = wire.SeenOwn
	}
	s.cfg.House.Saw(why, attempt)
}
