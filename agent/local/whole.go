package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/elevation"
)

// This file is both sides of sessions and of administrators for a while. For a
// session nothing is lent: the agent only opens it, and the client goes on by
// itself. An administrator's shell is started like a program.

// errTerminal refuses a session that nothing would be open for.
var errTerminal = fmt.Errorf("%w: there is no terminal that stays when this command ends: give the job, assent session -- COMMAND", elevation.ErrInvalid)

// errNoTerminal refuses an administrator who would be one nowhere.
var errNoTerminal = fmt.Errorf("%w: there is no terminal that stays when this command ends: open one, and ask there", elevation.ErrInvalid)

// whole serves one session or administrator's time.
func (s *Server) whole(ctx context.Context, c *conn, p peer, f frame) error {
	access := elevation.Session
	if f.Kind == kAdmin {
		access = elevation.Admin
	}
	return s.talking(ctx, c, p, f, func(ctx, agent context.Context, t *talk) error { return s.open(ctx, agent, t, access) })
}

// open asks for access and opens what was approved.
func (s *Server) open(ctx, agent context.Context, t *talk, access elevation.AccessType) error {
	if s.cfg.Sessions == nil {
		return t.end(Denied, "this endpoint gives no sessions and no administrator rights")
	}
	attempt, who, err := s.observeWhole(ctx, t, access)
	if err != nil {
		return t.failed(err)
	}
	permit, late, err := s.elevate(ctx, t, attempt)
	if err != nil {
		return t.failed(err)
	}
	way := s.cfg.Sessions.AdminWay()
	if access == elevation.Admin && way == privilege.AdminShell {
		return s.admin(ctx, agent, t, who, permit, late)
	}
	if late {
		if err := t.confirmed(ctx); err != nil {
			s.cfg.Runner.Release(permit.Grant.ID)
			return t.failed(err)
		}
	}
	if access == elevation.Admin && way == privilege.AdminConsole {
		return s.console(ctx, agent, t, who, permit)
	}
	give := s.cfg.Sessions.OpenSession
	if access == elevation.Admin {
		give = s.cfg.Sessions.AdminHere
	}
	opened, err := give(ctx, permit, t.peer.from)
	if err != nil {
		s.cfg.Log.Warn("what was approved was not opened", "grant", permit.Grant.ID, "error", err)
		return t.failed(err)
	}
	return t.c.write(kOpened, opened)
}

// observeWhole finds out what is asked for, and refuses what could not be given.
func (s *Server) observeWhole(ctx context.Context, t *talk, access elevation.AccessType) (elevation.Attempt, intercept.Account, error) {
	var masks intercept.Patterns
	if s.cfg.Masks != nil {
		masks = s.cfg.Masks()
	}
	args := privilege.InStrings(t.ask.Args)
	a, who, err := intercept.ObserveWhole(intercept.Raw{User: t.peer.user, PID: t.peer.pid, Args: args, Cwd: string(t.ask.Cwd),
		Mechanism: "assent", Salt: s.cfg.Salt, Mask: masks}, access)
	if err != nil {
		return a, who, err
	}
	a.Duration, a.Priority = t.ask.For, t.ask.Priority
	if access == elevation.Admin {
		if err := s.cfg.Sessions.MayBecome(ctx, t.peer.user); err != nil || s.cfg.Sessions.AdminWay() != privilege.AdminHere {
			return a, who, err
		}
	}
	seat, err := privilege.SeatOf(t.peer.from.PID, t.peer.from.Started, t.peer.user)
	if err == nil && len(args) == 0 && (seat.TTY == 0 || seat.Leader <= 1 || seat.Leader == t.peer.from.PID) {
		if err = errTerminal; access == elevation.Admin {
			err = errNoTerminal
		}
	}
	return a, who, err
}

// confirmed asks whether somebody is still there, of an approval that came late.
func (t *talk) confirmed(ctx context.Context) error {
	if err := t.c.write(kConfirm, empty{}); err != nil {
		return err
	}
	_, err := t.expect(ctx, kGo, 0)
	return err
}

// admin starts the shell and follows it to its end.
func (s *Server) admin(ctx, agent context.Context, t *talk, who intercept.Account, permit intercept.Permit, late bool) error {
	files, err := t.files(ctx, late)
	if err != nil {
		s.cfg.Runner.Release(permit.Grant.ID)
		return t.failed(err)
	}
	spec, err := t.shell(who, files)
	if err != nil {
		closeAll(files[:])
		s.cfg.Runner.Release(permit.Grant.ID)
		return t.failed(err)
	}
	defer t.streams.close()
	running, err := s.cfg.Sessions.Admin(ctx, permit, t.peer.from, spec, t.Say)
	closeAll(files[:])
	if err != nil {
		s.cfg.Log.Warn("nobody was made administrator", "grant", permit.Grant.ID, "error", err)
		return t.failed(err)
	}
	return t.follow(agent, running)
}

// console opens a window with an administrator's program and follows that to its
// end. Its streams are its own.
func (s *Server) console(ctx, agent context.Context, t *talk, who intercept.Account, permit intercept.Permit) error {
	spec, err := t.consoleSpec(who)
	if err != nil {
		s.cfg.Runner.Release(permit.Grant.ID)
		return t.failed(err)
	}
	running, err := s.cfg.Sessions.Admin(ctx, permit, t.peer.from, spec, t.Say)
	if err != nil {
		s.cfg.Log.Warn("nobody was made administrator", "grant", permit.Grant.ID, "error", err)
		return t.failed(err)
	}
	return t.follow(agent, running)
}

// consoleSpec is the program in an administrator's window. Nothing of it is the
// caller's: neither their variables nor their folder.
func (t *talk) consoleSpec(who intercept.Account) (privilege.Spec, error) {
	path, args, err := privilege.Console()
	if err != nil {
		return privilege.Spec{}, err
	}
	id, err := intercept.Identify(path)
	if err != nil {
		return privilege.Spec{}, fmt.Errorf("look at the program of an administrator: %w", err)
	}
	return privilege.Spec{Path: path, SHA256: id.SHA256, Args: args, Cwd: filepath.Dir(path),
		Requester: t.account(who), RunAs: t.account(who), Caller: t.peer.from.PID}, nil
}

// inside is a permit for one command of a session, where commands come by this door:
// ok is false for one that is in none.
func (s *Server) inside(ctx context.Context, t *talk, attempt elevation.Attempt) (permit intercept.Permit, ok bool, err error) {
	if !s.cfg.Inside || s.cfg.Sessions == nil {
		return permit, false, nil
	}
	id := s.cfg.Sessions.SessionOf(t.peer.user, t.peer.from.PID, t.peer.from.Started)
	if id == "" {
		return permit, false, nil
	}
	permit, err = s.cfg.Sessions.Admit(ctx, id, attempt)
	return permit, true, err
}

// shell is the login shell of the caller's user.
func (t *talk) shell(who intercept.Account, files [3]*os.File) (privilege.Spec, error) {
	path, _, err := privilege.Resolve(who.Shell)
	if err != nil {
		return privilege.Spec{}, fmt.Errorf("find your login shell: %w", err)
	}
	id, err := intercept.Identify(path)
	if err != nil {
		return privilege.Spec{}, fmt.Errorf("look at your login shell: %w", err)
	}
	home, _, err := privilege.Resolve(who.Home)
	if err != nil {
		home = "/"
	}
	return privilege.Spec{Path: path, SHA256: id.SHA256, Called: "-" + path[strings.LastIndexByte(path, '/')+1:], Cwd: home,
		Requester: t.account(who), RunAs: t.account(who), Env: privilege.InStrings(t.ask.Env), Files: files, Rows: t.ask.Rows, Cols: t.ask.Cols,
		Own: true, Caller: t.peer.from.PID}, nil
}

// opened is the end of asking for a session.
func (s *session) opened(f received) (Outcome, bool) {
	s.line.clear()
	closeAll(f.files)
	var o Opened
	if err := f.into(&o); err != nil {
		return result(Failed, s.request, err.Error()), true
	}
	return Outcome{Kind: SessionOpen, Request: o.Request, Opened: o}, true
}

// handOver lends the descriptors, unless it was taken back meanwhile.
func (s *session) handOver() error {
	if s.withdrawn != nil {
		return nil
	}
	s.passed = true
	return s.pass()
}

// whole makes the client's question for a session or administrator rights.
func (s *session) whole(q *runAsk) (kind, error) {
	if s.opt.Whole.Admin {
		q.Env = nil
		size := 0
		for _, v := range os.Environ() {
			if size += len(v) + 8; size > maxFrame/2 {
				return "", errors.New("the environment is too large to be passed on")
			}
			q.Env = append(q.Env, []byte(v))
		}
		return kAdmin, nil
	}
	q.Args = privilege.InBytes(s.opt.Whole.Job)
	return kSession, nil
}
