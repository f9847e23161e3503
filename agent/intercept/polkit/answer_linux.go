package polkit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
	"github.com/assent-epm/assent/shared/wire"
)

// firstPerson is the lowest uid of people; below are the accounts of services,
// which nobody could ask for a reason.
const firstPerson = 1000

const nobodyUID = 65534

// execAction is what pkexec asks for, unless a policy file names one of its own for
// a program.
const execAction = "org.freedesktop.policykit.exec"

// target is what an approval would be for.
type target struct {
	attempt elevation.Attempt
	caller  *caller // the pkexec that asks; nil for other actions
}

// Why something can not be asked for here. The text is for the person.
var (
	errArgv     = errors.New("its arguments can not be read exactly; use: assent run -- COMMAND")
	errSeveral  = errors.New("several of your pkexec run the same command at once; run them one after the other")
	errWritable = errors.New("others than root can change the program, so it could be swapped; use: assent run -- COMMAND")
	errLarge    = errors.New("the program is too large to be looked at here; use: assent run -- COMMAND")
)

// answer decides nothing: it finds out whose question it is, and whether an
// approval for just this is there. undo takes back what was put into force when
// polkit does not hear the answer; it may be nil.
func (s *Server) answer(ctx context.Context, q question) (r reply, undo func(error)) {
	who, err := s.cfg.lookup(q.user)
	if err != nil || who.UID < firstPerson || who.UID == nobodyUID {
		return pass, nil
	}
	act, known := s.actions.of(q.action)
	if !known || !asksAdministrator(act.implied(q.local, q.active)) || administrator(q.admins, who) {
		return pass, nil
	}
	if q.action == execAction && q.lookup("program") == "" { // somebody only looks; no pkexec asks like this
		return pass, nil
	}
	stance, why := s.cfg.House.Stance(elevation.ByPolkit, who)
	switch stance {
	case elevation.StanceOff:
		return pass, nil
	case elevation.StanceObserve:
		s.observe(q, who, act, why)
		return pass, nil
	case elevation.StanceAsk, elevation.StanceDeny:
	}
	if s.tooOften(who.UID, time.Now()) {
		return no, nil
	}
	terminal := intercept.TerminalOf(q.pid, who.UID)
	if stance != elevation.StanceAsk { // deny, and whatever is not known
		s.tell(terminal, "assent: "+q.action+" is not allowed on this machine by the policy of your company")
		return no, nil
	}
	t, err := s.target(q, who, act)
	if err != nil {
		s.cfg.Log.Info("an attempt through polkit is refused", "uid", who.UID, "action", q.action, "error", err)
		s.tell(terminal, "assent: this can not be asked for: "+reasonOf(err))
		return no, nil
	}
	if permit, ok := s.claim(ctx, t); ok {
		return s.allow(ctx, t, permit, terminal)
	}
	reason, ticket := intercept.Wish(q.pid)
	if t.caller != nil {
		reason, ticket = intercept.Wish(t.caller.pid)
	}
	s.raise(ctx, t, terminal, strings.TrimSpace(reason), strings.TrimSpace(ticket))
	return no, nil
}

// reasonOf is what the person is told: our own words, or that it is a fault.
func reasonOf(err error) string {
	for _, own := range []error{errArgv, errSeveral, errWritable, errLarge} {
		if errors.Is(err, own) {
			return own.Error()
		}
	}
	return "it could not be looked at; use: assent run -- COMMAND"
}

// administrator reports whether polkit would ask who for their own password.
func administrator(admins []string, who intercept.Account) bool {
	uid := strconv.FormatUint(uint64(who.UID), 10)
	for _, identity := range admins {
		kind, name, _ := strings.Cut(identity, ":")
		switch kind {
		case "unix-user":
			if name == who.Name || name == uid {
				return true
			}
		case "unix-group":
			if slices.ContainsFunc(who.Groups, func(g intercept.Group) bool {
				return g.Name == name || strconv.FormatUint(uint64(g.GID), 10) == name
			}) {
				return true
			}
		}
	}
	return false
}

// claim takes a permit that waits. The one that was just approved may be in the
// hands of whoever waited for it, for a moment.
func (s *Server) claim(ctx context.Context, t target) (intercept.Permit, bool) {
	waits := s.mark(t.attempt, true)
	permit, ok := s.cfg.Effects.Claim(t.attempt)
	if !ok && waits {
		pause(ctx, 20*time.Millisecond)
		permit, ok = s.cfg.Effects.Claim(t.attempt)
	}
	if !ok {
		s.mark(t.attempt, false)
	}
	return permit, ok
}

// allow puts a permit into force for this one question.
func (s *Server) allow(ctx context.Context, t target, permit intercept.Permit, terminal intercept.Terminal) (reply, func(error)) {
	id := permit.Grant.ID
	failed := func(err error) (reply, func(error)) {
		s.cfg.Log.Warn("an approval for polkit was not used", "grant", id, "error", err)
		s.tell(terminal, "assent: this is approved and could not be applied on this machine; an administrator finds more in the agent's log")
		return no, nil
	}
	granted := elevation.Attempt{AccessType: permit.Grant.AccessType, User: permit.Grant.User, Subject: permit.Grant.Subject}
	if !t.attempt.Same(granted) || permit.Grant.Uses < 1 {
		s.cfg.Effects.Release(id)
		return failed(errors.New("it is for something else"))
	}
	if err := intercept.Unconditional(permit.Grant); err != nil {
		s.cfg.Effects.Release(id)
		s.tell(terminal, "assent: "+err.Error())
		return no, nil
	}
	if t.caller == nil {
		if err := s.cfg.Effects.Spend(permit); err != nil {
			return failed(err)
		}
		s.cfg.Log.Info("an approved action goes on", "grant", id, "user", t.attempt.User.Name, "what", intercept.What(t.attempt))
		return yes, nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), armTime)
	defer cancel()
	if err := s.cfg.Effects.Arm(ctx, permit, "", t.caller.pid); err != nil {
		return failed(err)
	}
	undo := func(why error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*armTime)
		defer cancel()
		if err := s.cfg.Effects.Fail(ctx, id, why); err != nil {
			s.cfg.Log.Error("a grant could not be taken back", "grant", id, "error", err)
		}
	}
	err := t.caller.still()
	if err == nil {
		err = s.cfg.Effects.Start(ctx, id)
	}
	if err != nil {
		undo(err)
		return failed(err)
	}
	s.cfg.Log.Info("an approved pkexec runs", "grant", id, "user", t.attempt.User.Name, "path", t.attempt.Subject.Path)
	return yes, undo
}

// target is what q asks for: the program of a pkexec, or the action itself.
func (s *Server) target(q question, who intercept.Account, act action) (target, error) {
	if q.lookup("program") == "" || q.lookup("command_line") == "" {
		attempt, err := s.actionAttempt(q, who, act)
		return target{attempt: attempt}, err
	}
	c, err := s.findPkexec(q, who)
	if err != nil {
		return target{}, err
	}
	attempt, err := s.pkexecAttempt(q, who, c)
	return target{attempt: attempt, caller: c}, err
}

// maxProgram is the largest program that is hashed while polkitd waits.
const maxProgram = 64 << 20

func (s *Server) pkexecAttempt(q question, who intercept.Account, c *caller) (elevation.Attempt, error) {
	info, err := os.Stat(q.lookup("program"))
	switch {
	case err != nil:
		return elevation.Attempt{}, err
	case info.Size() > maxProgram:
		return elevation.Attempt{}, errLarge
	}
	raw := intercept.Raw{User: who.User(), PID: c.pid, Command: q.lookup("program"), Args: c.args, Cwd: c.cwd,
		RunAs: q.lookup("user"), Mechanism: string(elevation.ByPolkit), Salt: s.cfg.Salt, Mask: s.cfg.Masks()}
	if c.shell {
		raw.Marks = []string{elevation.MarkShell}
	}
	attempt, real, err := intercept.Observe(raw)
	if err == nil && !real.RootOnly {
		err = errWritable
	}
	return attempt, err
}

// actionAttempt stands for an action: the file that defines it is the subject, the
// action and what it is about are the arguments.
func (s *Server) actionAttempt(q question, who intercept.Account, act action) (elevation.Attempt, error) {
	path, only, err := privilege.Resolve(act.file)
	if err == nil && !only {
		err = errWritable
	}
	if err != nil {
		return elevation.Attempt{}, fmt.Errorf("resolve %s: %w", inert.Text(act.file), err)
	}
	is, err := s.actions.identify(path)
	if err != nil {
		return elevation.Attempt{}, err
	}
	args, bound := q.arguments()
	a := elevation.Attempt{AccessType: elevation.Run, User: who.AsUser(), Mechanism: string(elevation.ByPolkit), Subject: elevation.Subject{
		Path: path, Args: args, ArgsDigest: intercept.ArgsDigest(s.cfg.Salt, "polkit", bound), Cwd: "/", RunAs: "root",
		SHA256: is.SHA256, Size: is.Size, Product: inert.Clip(act.description, 200)}}
	if exe, err := os.Readlink("/proc/" + strconv.Itoa(q.pid) + "/exe"); err == nil && q.pid > 0 {
		a.Subject.Parent = strings.ToValidUTF8(filepath.Clean(exe), "?")
	}
	if !bounded(q) {
		a.Subject.Marks = []string{elevation.MarkUnbounded}
	}
	return a, a.Valid()
}

// observe tells of an attempt that polkit decides alone. Too many at once are
// dropped.
func (s *Server) observe(q question, who intercept.Account, act action, why wire.SeenKind) {
	var c *caller
	if q.lookup("program") != "" {
		var err error
		if c, err = s.findPkexec(q, who); err != nil {
			return
		}
	}
	select {
	case s.sights <- struct{}{}:
	default:
		return
	}
	s.work.Go(func() {
		defer func() { <-s.sights }()
		var attempt elevation.Attempt
		var err error
		if c != nil {
			attempt, err = s.pkexecAttempt(q, who, c)
		} else {
			attempt, err = s.actionAttempt(q, who, act)
		}
		if err != nil {
			s.cfg.Log.Info("an attempt through polkit could not be looked at", "action", q.action, "error", err)
			return
		}
		s.cfg.House.Saw(why, attempt)
	})
}
