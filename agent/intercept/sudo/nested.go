package sudo

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/elevation"
)

// inner is an approved program that runs, whose own programs come to the check.
type inner struct {
	grant    elevation.GrantID
	uid      uint32
	children elevation.Children
	started  atomic.Int64 // programs that were let start inside
	refused  atomic.Int64 // and that were not
}

// maxRefused is how many refusals inside one approved program are told: one that
// tries again and again must not fill the disk.
const maxRefused = 200

// errOldSudo is for a sudo that can not keep programs from starting others.
var errOldSudo = errors.New("the approval holds back child programs, which this machine's sudo is too old for")

// canHold makes sure that sudo can do what a grant says of child programs:
// watching every start by trace is there from 1.9.12 on.
func (s *Server) canHold(ctx context.Context, c elevation.Children) error {
	if c == "" || c == elevation.ChildrenAllow {
		return nil
	}
	info, err := s.rights.Info(ctx)
	if err != nil {
		return fmt.Errorf("look at sudo: %w", err)
	}
	if !atLeast(info.Version, 1, 9, 12) {
		return errOldSudo
	}
	return nil
}

// holdInside says that from now on what this sudo lets start is asked for. It is
// there before the plugin hears that the program may run.
func (s *Server) holdInside(a *armed) {
	if a.children == "" || a.children == elevation.ChildrenAllow {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inner[process{a.peer.pid, a.peer.start}] = &inner{grant: a.grant, uid: a.held.who.UID, children: a.children}
}

// guard waits for the end of a sudo whose programs are held, and forgets it.
func (s *Server) guard(serving context.Context, a *armed) {
	key := process{a.peer.pid, a.peer.start}
	s.mu.Lock()
	held := s.inner[key] != nil
	s.mu.Unlock()
	for held && serving.Err() == nil && !a.peer.ended(500*time.Millisecond) {
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.inner, key)
}

// around finds the approved program for whose own program this check is.
func (s *Server) around(p *peer, uid uint32) *inner {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := s.inner[process{p.pid, p.start}]; i != nil && i.uid == uid {
		return i
	}
	return nil
}

// nested answers for a program that an approved one wants to start. No person is
// asked in the middle of it: a rule approves, or it does not start.
func (s *Server) nested(k *conn, p *peer, i *inner, q call) verdict {
	raw := intercept.Raw{
		User: privilege.UserOf(i.uid), PID: p.pid, Command: value(q.info, "command"), Args: q.runArgv[1:], Cwd: value(q.info, "runcwd"),
		RunAs: "#" + value(q.info, "runas_uid"), Mechanism: "sudo", Salt: s.cfg.Salt, Mask: s.cfg.Masks(),
	}
	attempt, real, err := intercept.Observe(raw)
	no := func(why, hint string) verdict {
		s.cfg.Log.Info("a program inside an approved one was refused", "grant", i.grant, "path", raw.Command, "reason", why)
		v := refuse(fault(shown(raw.Command, 200)+" was not started: "+why, hint))
		if err == nil && i.refused.Add(1) <= maxRefused {
			v.after = func() { s.cfg.Effects.Listed(i.grant, attempt.Subject, why) }
		}
		return v
	}
	switch {
	case i.children != elevation.ChildrenContain:
		return no("this approval lets no other program start", "ask for the other program by itself")
	case err != nil:
		return no(err.Error(), "ask for it by itself")
	case i.started.Add(1) > int64(s.cfg.Nested):
		return no(fmt.Sprintf("this command has started %d programs already", s.cfg.Nested), "ask for a command that does less at once")
	case value(q.info, "chroot") != "" || isTrue(q.info, "sudoedit"):
		return no("it would run in another root folder, or edit", "ask for it by itself")
	}
	if err := loads(q.runEnv); err != nil {
		return no(err.Error()+" would have it run something else", "ask for it by itself")
	}
	who := &person{k: k, now: s.cfg.Now}
	permit, err2 := s.cfg.Elevator.Elevate(k.ctx, intercept.Ask{Attempt: attempt, RulesOnly: true}, who)
	var refused *intercept.Refused
	switch {
	case errors.As(err2, &refused):
		return no(refused.Error(), "an administrator can tell more about this rule")
	case errors.Is(err2, intercept.ErrUnreachable):
		return no("the Assent controller can not be reached, and only a rule may approve it", "try again later")
	case err2 != nil:
		return no("no rule approves it inside this command", "ask for it by itself")
	}
	if err := errors.Join(s.fits(&held{attempt: attempt}, permit.Grant), unchanged(real)); err != nil {
		s.cfg.Effects.Release(permit.Grant.ID)
		return no("it is not what was approved", "run the command again")
	}
	ctx, cancel := effectCtx(k.ctx)
	defer cancel()
	if err := s.cfg.Effects.Nested(ctx, i.grant, permit); err != nil {
		s.cfg.Log.Error("a program inside an approved one could not be noted", "grant", i.grant, "error", err)
		return no("of a fault on this machine", "an administrator finds it in the agent's log")
	}
	return pass()
}

// atLeast compares the version that sudo tells with major.minor.patch.
func atLeast(version string, want ...int) bool {
	var have [3]int
	if n, _ := fmt.Sscanf(version, "%d.%d.%d", &have[0], &have[1], &have[2]); n < 2 {
		return false
	}
	for i, w := range want {
		if have[i] != w {
			return have[i] > w
		}
	}
	return true
}
