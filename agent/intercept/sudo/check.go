package sudo

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/elevation"
)

// armed is a permit in force for one sudo: its rule is in sudoers.d.
type armed struct {
	held     *held
	grant    elevation.GrantID
	children elevation.Children
	path     string
	peer     *peer
	user     *user
	used     chan struct{} // closed when the check has taken it
	frozen   bool          // guarded by Server.mu: the check or the watcher has it
}

// Why an approved sudo did not run.
var (
	errNotUsed = errors.New("sudo ended before its command started")
	errTooSlow = errors.New("sudo did not start its command in time")
	errStopped = errors.New("the agent was stopped")
)

// arm puts a permit into force for exactly this sudo.
func (s *Server) arm(k *conn, p *peer, u *user, h *held, permit intercept.Permit) verdict {
	a := &armed{held: h, grant: permit.Grant.ID, children: permit.Grant.Children, peer: p, user: u, used: make(chan struct{})}
	back := func(text string, why error) verdict {
		s.cfg.Log.Warn("a permit was not used", "grant", a.grant, "path", h.real.Path, "error", why)
		s.cfg.Effects.Release(a.grant)
		return refuse(text)
	}
	if err := s.fits(h, permit.Grant); err != nil {
		return back(fault("the approval is not for this command", "run it again to ask anew"), err)
	}
	if err := h.unchanged(); err != nil { // what was approved is gone: the approver learns why it never ran
		v := refuse(fault("the program has changed since it was asked for", "run it again to ask anew"))
		v.after = func() { s.takeBack(a, fmt.Errorf("the program has changed since it was asked for: %w", err)) }
		return v
	}
	if h.typed.edit { // what the editor starts has no rights either
		permit.Grant.Children, a.children = "", ""
	}
	err := s.canHold(k.ctx, permit.Grant.Children)
	if err != nil {
		return back(fault(err.Error(), useRun), err)
	}
	text, err := ruleFor(h.wanted, h.real, permit.Grant, s.cfg.Now())
	if err == nil {
		a.path, err = dropinPath(s.dir, h.who.UID, a.grant)
	}
	if err == nil {
		err = u.take(k.ctx)
	}
	if err != nil {
		return back(explain(err, false), err)
	}
	if err := s.alone(k.ctx, h.who.UID); err != nil {
		u.give()
		if errors.Is(err, errUnseen) {
			return back(fault(err.Error(), "end it and run this command again, or "+useRun), err)
		}
		return back("", err)
	}
	ctx, cancel := effectCtx(k.ctx)
	defer cancel()
	if err := s.cfg.Effects.Arm(ctx, permit, a.path, p.pid); err != nil {
		s.cfg.Log.Error("a permit could not be armed", "grant", a.grant, "error", err)
		u.give()
		return refuse(explain(err, false))
	}
	if err := s.putIntoForce(ctx, k, a, text); err != nil {
		u.give()
		v := s.failed(a, err)
		if errors.Is(err, intercept.ErrWithdrawn) || errors.Is(err, errGone) {
			v.text = ""
		}
		return v
	}
	s.work.Go(func() { s.watch(k, a) })
	return verdict{allow: true, keepsPeer: true}
}

// errUnseen refuses to make a rule that a sudo could follow without being seen.
var errUnseen = errors.New("another sudo of yours is older than Assent here")

// alone makes sure that every other sudo of the user would come to its check:
// the rule is for one of them only. Those that have just begun get a moment.
func (s *Server) alone(ctx context.Context, uid uint32) error {
	until := time.Now().Add(unseenTime)
	for {
		pid, err := unseen(uid, s.dir)
		switch {
		case err != nil:
			return err
		case pid == 0:
			return context.Cause(ctx)
		case time.Now().After(until):
			return fmt.Errorf("%w: process %d", errUnseen, pid)
		case !pause(ctx, 20*time.Millisecond):
			return context.Cause(ctx)
		}
	}
}

// failed refuses, and takes the grant back once the plugin knows: that may end
// the sudo, which would then say nothing.
func (s *Server) failed(a *armed, why error) verdict {
	v := refuse(explain(why, false))
	v.after = func() { s.takeBack(a, why) }
	return v
}

func (s *Server) takeBack(a *armed, why error) {
	ctx, cancel := effectCtx(context.Background())
	defer cancel()
	if err := s.cfg.Effects.Fail(ctx, a.grant, why); err != nil {
		s.cfg.Log.Error("a grant could not be taken back", "grant", a.grant, "reason", why, "error", err)
		return
	}
	s.cfg.Log.Warn("an approved sudo did not run", "grant", a.grant, "reason", why)
}

// fits makes sure that a permit is for what is held: the elevator has verified
// the grant, and this is the last look before an effect.
func (s *Server) fits(h *held, g elevation.Grant) error {
	granted := elevation.Attempt{AccessType: g.AccessType, User: g.User, Subject: g.Subject}
	switch {
	case !h.attempt.Same(granted):
		return errors.New("it is for something else")
	case g.Uses < 1:
		return errors.New("it has no use left")
	case !g.NotAfter.IsZero() && s.cfg.Now().After(g.NotAfter):
		return errors.New("it is over")
	}
	return nil
}

// unchanged looks again whether the program is the file that was observed, and
// that root alone can change it.
func unchanged(real intercept.Real) error {
	only, err := privilege.RootOnly(real.Found)
	if err != nil {
		return err
	}
	if !only {
		return errors.New("others than root can change it")
	}
	return same(real)
}

// same is unchanged for whoever may run anything, also what they can change.
func same(real intercept.Real) error {
	path, _, err := privilege.Resolve(real.Found)
	if err != nil {
		return err
	}
	if path != real.Path {
		return errors.New("the path leads to another program")
	}
	id, err := intercept.Identify(path)
	if err != nil {
		return err
	}
	if id.SHA256 != real.SHA256 || id.Dev != real.Dev || id.Ino != real.Ino || id.Script != real.Script {
		return errors.New("it is another file")
	}
	return real.FeedsUnchanged()
}

// putIntoForce lets sudoers see the rule. On error it is gone again.
func (s *Server) putIntoForce(ctx context.Context, k *conn, a *armed, text string) error {
	err := writeDropin(ctx, a.path, text)
	if err == nil && !a.peer.alive() {
		err = errGone
	}
	if err == nil {
		err = context.Cause(k.ctx) // withdrawn in the meantime
	}
	if err != nil {
		return errors.Join(err, removeDropin(a.path))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a.user.live = true
	s.armed[process{a.peer.pid, a.peer.start}] = a
	return nil
}

// watch takes the rule back when its sudo does not come to the check.
func (s *Server) watch(k *conn, a *armed) {
	defer a.peer.close()
	serving := k.server
	until := time.Now().Add(s.cfg.Armed)
	why := errTooSlow
	for time.Now().Before(until) {
		select {
		case <-a.used:
			s.guard(serving, a)
			return
		default:
		}
		if a.peer.ended(20 * time.Millisecond) {
			why = errNotUsed
			break
		}
		if serving.Err() != nil {
			why = errStopped
			break
		}
	}
	if s.claim(a) {
		s.takeBack(a, errors.Join(why, s.disarm(a)))
		return
	}
	<-a.used // the check has it at this very moment
	s.guard(serving, a)
}

// claim gives an armed rule to the first who asks: the check or the watcher.
func (s *Server) claim(a *armed) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.frozen {
		return false
	}
	a.frozen = true
	delete(s.armed, process{a.peer.pid, a.peer.start})
	return true
}

// disarm takes the rule out of force and lets the user's next turn begin. The
// claim must have been won.
func (s *Server) disarm(a *armed) error {
	err := removeDropin(a.path)
	now, e := bootTicks()
	s.mu.Lock()
	a.user.last = max(a.user.last, now)
	a.user.live = err != nil || e != nil
	s.mu.Unlock()
	a.user.give()
	close(a.used)
	return errors.Join(err, e)
}

// check answers after sudoers has allowed something.
func (s *Server) check(k *conn, p *peer, q call) verdict {
	uid, err := q.uid()
	if err != nil {
		return refuse(fault("the agent did not understand sudo", "run the command again"))
	}
	if uid == 0 {
		return pass()
	}
	s.mu.Lock()
	a := s.armed[process{p.pid, p.start}]
	s.mu.Unlock()
	if a != nil && a.held.who.UID == uid {
		if !s.claim(a) {
			return refuse(fault("the approval was used already, or its time is over", "run the command again to ask anew"))
		}
		return s.start(a, q)
	}
	if i := s.around(p, uid); i != nil {
		return s.nested(k, p, i, q)
	}
	u := s.of(uid)
	if s.unaided(u, uid, p) {
		return pass() // no rule of ours was in force since this sudo started
	}
	return s.own(k, u, uid, q)
}

// start compares once and lets exactly the approved command start.
func (s *Server) start(a *armed, q call) verdict {
	if wrong := a.held.matches(q); wrong != nil {
		v := refuse(fault("this is not what was approved: "+wrong.Error(), "run the command again to ask anew"))
		v.after = func() {
			why := fmt.Errorf("what sudo was about to run is not what was approved: %w", wrong)
			s.takeBack(a, errors.Join(why, s.disarm(a)))
		}
		return v
	}
	// From here on a lost agent means no: the plugin knows that it must be checked.
	s.holdInside(a) // before the watcher, which forgets it in the end, is told
	if err := s.disarm(a); err != nil {
		return s.failed(a, err)
	}
	ctx, cancel := effectCtx(context.Background())
	defer cancel()
	if err := s.cfg.Effects.Start(ctx, a.grant); err != nil {
		return s.failed(a, fmt.Errorf("start: %w", err))
	}
	s.cfg.Log.Info("an approved sudo runs", "grant", a.grant, "uid", a.held.who.UID, "path", a.held.real.Path)
	return pass()
}

// matches compares what sudoers has made of the call with what was approved.
func (h *held) matches(q call) error {
	if h.typed.edit {
		return h.matchesEdit(q)
	}
	command := value(q.info, "command")
	path, _, err := privilege.Resolve(command)
	switch {
	case err != nil:
		return errors.New("the program is gone")
	case path != h.real.Path || filepath.Base(command) != h.real.Called:
		return errors.New("another program")
	case h.unchanged() != nil:
		return errors.New("the program has changed")
	case value(q.info, "runas_uid") != strconv.FormatUint(uint64(h.runAs.UID), 10):
		return errors.New("another user to run as")
	case value(q.info, "runas_gid") != strconv.FormatUint(uint64(h.runAs.GID), 10):
		return errors.New("another group to run as")
	case value(q.info, "chroot") != "" || isTrue(q.info, "sudoedit"):
		return errors.New("another root folder, or an editor")
	}
	if cwd := value(q.info, "cwd"); cwd != "" && cwd != h.cwd || cwd == "" && value(q.user, "cwd") != h.cwd && !h.typed.login {
		return errors.New("another folder")
	}
	args := q.runArgv[1:]
	if h.typed.login && len(args) > 0 && len(h.args) > 0 && args[0] == "--login" {
		args = args[1:] // sudo adds it for bash
	}
	if !slices.Equal(args, h.args) {
		return errors.New("other arguments")
	}
	return errors.Join(h.environment(q.runEnv), given(h.typed.sets, q.runEnv))
}

// environment refuses what would let the person's own files into the program:
// sudoers normally removes all of this, unless env_reset was switched off.
func (h *held) environment(env []string) error {
	for _, e := range env {
		if v, ok := strings.CutPrefix(e, "PATH="); ok && v != h.path {
			return errors.New("another PATH than sudo's secure_path")
		}
	}
	return loads(env)
}

// loads names a variable that makes a program run something besides itself.
func loads(env []string) error {
	for _, e := range env {
		name, _, _ := strings.Cut(e, "=")
		if strings.HasPrefix(name, "LD_") || strings.HasPrefix(name, "DYLD_") || strings.HasPrefix(name, "BASH_FUNC_") {
			return fmt.Errorf("the variable %s", shown(name, 60))
		}
		switch name {
		case "BASH_ENV", "ENV", "SHELLOPTS", "PS4", "IFS", "PERL5LIB", "PERL5OPT", "PERLLIB", "PERL5DB", "PYTHONPATH", "PYTHONHOME",
			"PYTHONSTARTUP", "PYTHONINSPECT", "RUBYLIB", "RUBYOPT", "NODE_OPTIONS", "NODE_PATH", "JAVA_TOOL_OPTIONS", "GCONV_PATH",
			"LOCALDOMAIN", "HOSTALIASES", "NLSPATH", "TERMINFO", "TERMINFO_DIRS", "TERMCAP", "TERMPATH", "MALLOC_TRACE":
			return fmt.Errorf("the variable %s", name)
		}
	}
	return nil
}

// unaided reports whether no rule of Assent for this user can have been read by
// this sudo: then what sudoers allows is the user's own right.
func (s *Server) unaided(u *user, uid uint32, p *peer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !u.live && p.start > u.last && p.start > s.since && !dropinLeft(s.dir, uid)
}

// own asks sudo whether the user may run this without any rule of Assent.
func (s *Server) own(k *conn, u *user, uid uint32, q call) verdict {
	no := refuse(fault("another approval of yours was being used at the same time", "run the command again"))
	ctx, cancel := context.WithTimeout(k.ctx, s.cfg.Armed)
	defer cancel()
	who, err := intercept.LookupUID(uid)
	if err != nil {
		return no
	}
	as, err := intercept.LookupRunAs("#" + value(q.info, "runas_uid"))
	if err != nil {
		return no
	}
	query := question{User: who, RunAs: as, Group: value(q.settings, "runas_group"), Path: value(q.info, "command"), Args: q.runArgv[1:]}
	switch {
	case isTrue(q.info, "sudoedit"):
		query.Path, query.Args = "sudoedit", q.runArgv[slices.Index(q.runArgv, "--")+1:]
	case isTrue(q.settings, "login_shell"), isTrue(q.settings, "run_shell"), isTrue(q.settings, "implied_shell"):
		query.Args = nil
		for _, a := range q.runArgv[1:] {
			query.Args = append(query.Args, unshell(a))
		}
	}
	if allowed, err := s.entitled(ctx, u, query); err != nil || !allowed {
		s.cfg.Log.Warn("a sudo was refused that sudoers had allowed", "uid", uid, "path", query.Path, "error", err)
		return no
	}
	return pass()
}
