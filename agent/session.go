package agent

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
	"github.com/assent-epm/assent/shared/rules"
	"github.com/assent-epm/assent/shared/wire"
)

// This file is about sessions: one approval opens sudo for one terminal or for
// one job. There is never a broad rule for sudo: each command is found to be
// inside of a session by facts of the kernel, asked of the rules, and goes the
// way of a single approved command, as an entry of the ledger of its own below
// that of the session, which it never outlives.

// useInside is how long a command that was let through may take to begin.
const useInside = time.Minute

// inside is what is known of the commands of sessions.
type inside struct {
	mu       sync.Mutex // guards the fields below; held while a command is written into the ledger
	closing  map[elevation.GrantID]bool
	subjects map[elevation.GrantID]elevation.Subject // until they have begun
}

// OpenSession puts a session into force for the terminal or the job of caller: a
// job is caller itself, which becomes the program once this returns. It
// implements local's Sessions.
func (a *Agent) OpenSession(ctx context.Context, permit intercept.Permit, caller local.Caller) (local.Opened, error) {
	g, job := permit.Grant, len(permit.Grant.Subject.Args) > 0
	seat, err := a.seatFor(ctx, caller, job)
	if err != nil {
		a.unclaim(g.ID)
		return local.Opened{}, err
	}
	a.supersede(ctx, elevation.Session, func(e grants.Entry) bool {
		return !job && e.User() == caller.User && !e.Effect.Tree.Planned() && *e.Effect.Seat == seat
	})
	e, scheduled, err := a.arm(ctx, permit, func(e *grants.Entry) {
		e.Access, e.Effect.Seat = elevation.Session, &seat
		if !job {
			e.Effect.Tree = privilege.TreeRef{}
		}
	})
	if err != nil {
		return local.Opened{}, err
	}
	fail := func(err error) (local.Opened, error) {
		return local.Opened{}, errors.Join(err, a.Fail(ctx, e.ID, err))
	}
	if job {
		e.Effect.Tree, err = a.Trees.Adopt(ctx, string(e.ID), e.UID, caller.PID, e.Total)
		if err == nil && e.Effect.Tree.Started != caller.Started {
			err = privilege.ErrSeat
		}
	}
	if err = errors.Join(err, scheduled()); err != nil {
		return fail(fmt.Errorf("open a session: %w", err))
	}
	e.State = grants.Active
	if err := a.Ledger.Put(e); err != nil {
		return fail(fmt.Errorf("note the session: %w", err))
	}
	a.FailPoint("started")
	if err := a.tellStart(e); err != nil {
		a.Log.Error("report the start", "grant", e.ID, "error", err)
	}
	a.noteStart(e.Request)
	a.watchUse(e)
	a.ledgerChanged()
	return local.Opened{Request: e.Request, Until: e.EndBy.Wall, Terminal: !job}, nil
}

// seatFor makes sure that whoever asked is still there, and where.
func (a *Agent) seatFor(ctx context.Context, caller local.Caller, job bool) (privilege.Seat, error) {
	seat, err := a.admins().Seat(caller.PID, caller.Started, caller.User)
	switch {
	case ctx.Err() != nil:
		return seat, context.Cause(ctx)
	case err != nil:
		return seat, err
	case job && a.Trees.Kind() == privilege.TreeSessions:
		return seat, fmt.Errorf("%w: this machine has no groups of processes, so a job can not be told from others; use a session for a terminal", errNotHere)
	case !job && (seat.TTY == 0 || !seat.Alive() || seat.Leader == caller.PID):
		return seat, privilege.ErrSeat
	}
	return seat, nil
}

// supersede ends what a new grant takes the place of.
func (a *Agent) supersede(ctx context.Context, access elevation.AccessType, same func(grants.Entry) bool) {
	for _, e := range a.Ledger.All() {
		if e.State == grants.Active && e.Access == access && e.Effect.Seat != nil && same(e) {
			if err := a.end(context.WithoutCancel(ctx), e.ID, elevation.Superseded); err != nil {
				a.Log.Error("end what is superseded", "grant", e.ID, "error", err)
			}
		}
	}
}

// watchUse ends a session or administrator's time with the terminal or the tree
// that it is for.
func (a *Agent) watchUse(e grants.Entry) {
	if e.Effect.Tree.Planned() {
		a.watchTree(e, nil)
		return
	}
	a.mu.Lock()
	watched := a.watched[e.ID]
	a.watched[e.ID] = true
	a.mu.Unlock()
	if watched {
		return
	}
	a.background.Go(func() {
		defer a.unwatched(e.ID)
		if err := e.Effect.Seat.Gone(a.life); err != nil {
			if a.life.Err() == nil {
				a.Log.Error("watch a terminal", "grant", e.ID, "error", err)
			}
			return // its deadline ends it
		}
		if err := a.end(a.life, e.ID, elevation.Logout); err != nil {
			a.Log.Error("end a session with its terminal", "grant", e.ID, "error", err)
		}
	})
}

func (a *Agent) unwatched(id elevation.GrantID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.watched, id)
	delete(a.says, id)
	delete(a.warned, id)
	a.lent.tongues.forget(id)
}

// Session finds the session in force in which a process of a user is, by facts
// of the kernel alone; "" = in none. It implements sudo's Sessions.
func (a *Agent) Session(uid uint32, pid int, started uint64) elevation.GrantID {
	return a.SessionOf(privilege.UserOf(uid), pid, started)
}

// SessionOf is Session for users of every system. It implements local's Sessions.
func (a *Agent) SessionOf(user string, pid int, started uint64) elevation.GrantID {
	if user == privilege.UserOf(0) || a.lockedBy() != "" {
		return ""
	}
	now := a.Clock()
	for _, e := range a.Ledger.All() {
		if e.Access != elevation.Session || e.State != grants.Active || e.User() != user || e.Due(now) || e.Effect.Seat == nil {
			continue
		}
		if !e.Effect.Tree.Planned() {
			if e.Effect.Seat.Holds(pid, started) {
				return e.ID
			}
			continue
		}
		in, err := a.Trees.Holds(e.Effect.Tree, pid)
		if now, gone := privilege.Started(pid); gone != nil || now != started {
			in = false // another process has its number
		}
		if err != nil {
			a.Log.Warn("whether a sudo is in a session is not known", "grant", e.ID, "error", err)
		}
		if in && err == nil {
			return e.ID
		}
	}
	return ""
}

// Admit lets one command through inside of a session, unless a rule denies it.
// It implements sudo's Sessions.
func (a *Agent) Admit(ctx context.Context, id elevation.GrantID, attempt elevation.Attempt) (intercept.Permit, error) {
	if err := attempt.Valid(); err != nil {
		return intercept.Permit{}, err
	}
	if err := a.denied(ctx, id, attempt); err != nil {
		return intercept.Permit{}, err
	}
	a.inside.mu.Lock()
	defer a.inside.mu.Unlock()
	parent, ok := a.Ledger.Get(id)
	now := a.Clock()
	if !ok || parent.State != grants.Active || parent.Access != elevation.Session || parent.Due(now) || a.inside.closing[id] || a.lockedBy() != "" {
		return intercept.Permit{}, &intercept.Refused{By: "Assent", Rule: true, Text: "the session is over; run the command again to ask anew"}
	}
	g := elevation.Grant{ID: elevation.NewGrantID(now.Wall), Request: parent.Request, AccessType: elevation.Run, User: attempt.User,
		Subject: attempt.Subject, Uses: 1, Duration: parent.EndBy.Left(now)}
	e := grants.Entry{ID: g.ID, Request: parent.Request, UID: parent.UID, SID: parent.SID, UserName: parent.UserName, Grant: parent.Grant, Offline: parent.Offline,
		State: grants.Held, Received: now, UseBy: now.After(useInside), Total: g.Duration, Parent: id}
	if err := a.Ledger.Put(e); err != nil {
		return intercept.Permit{}, err
	}
	if a.inside.subjects == nil {
		a.inside.subjects = map[elevation.GrantID]elevation.Subject{}
	}
	a.inside.subjects[g.ID] = attempt.Subject
	return intercept.Permit{Grant: g, Raw: parent.Grant}, nil
}

// denied asks the rules about a command inside of a session: a denial holds there
// too, and nothing else is wanted of them. Without the controller the bundle is
// asked, as far as there is one.
func (a *Agent) denied(ctx context.Context, session elevation.GrantID, attempt elevation.Attempt) error {
	if a.Conn.Connected() {
		id := elevation.NewRequestID(a.now())
		permit, err := a.follow(ctx, &wait{a: a, ask: intercept.Ask{Attempt: attempt, RulesOnly: true, Inside: session}, p: silent{}, id: id, since: a.now()})
		switch {
		case err == nil: // a controller that does not know sessions
			a.Release(permit.Grant.ID)
			return nil
		case errors.Is(err, intercept.ErrNeedsPerson):
			return nil
		case !errors.Is(err, intercept.ErrUnreachable):
			return err
		}
	}
	out, _, err := a.offline.Answer(attempt, "")
	if err != nil || out.Kind != rules.Deny {
		return nil
	}
	text := out.Text("en")
	if text == "" {
		text = out.Sentence
	}
	return &intercept.Refused{By: string(out.Name), Rule: true, Text: text}
}

// silent is nobody to talk with.
type silent struct{}

func (silent) Ask(context.Context, wire.Need) (string, string, error) {
	return "", "", intercept.ErrNobody
}
func (silent) Waiting(intercept.Waiting) {}
func (silent) Question(context.Context, intercept.Question) (string, error) {
	return "", intercept.ErrNobody
}
func (silent) Say(string) {}

// beganInside lists a command of a session once it is about to run. After an
// error it does not.
func (a *Agent) beganInside(e grants.Entry) error {
	a.inside.mu.Lock()
	parent, ok := a.Ledger.Get(e.Parent)
	over := !ok || parent.State != grants.Active || parent.Due(a.Clock()) || a.inside.closing[e.Parent]
	subject, known := a.inside.subjects[e.ID]
	delete(a.inside.subjects, e.ID)
	a.inside.mu.Unlock()
	if over || !known {
		return fmt.Errorf("start inside of a session: %w", grants.ErrEnded)
	}
	err := a.Conn.Report(wire.Report{Request: parent.Request, Grant: parent.ID, Kind: elevation.ReportListed, Subject: &subject,
		Text: inert.Clip(commandLine(subject), 500), At: a.now()})
	if err != nil {
		return fmt.Errorf("list a command of session %s: %w", parent.ID, err)
	}
	a.ledgerChanged()
	return nil
}

// commandLine is what ran, for people.
func commandLine(s elevation.Subject) string {
	text := s.Path
	for _, arg := range s.Args {
		text += " " + arg
	}
	return inert.Text(text)
}

// closeInside ends the commands of a session before the session, and lets no
// other one begin.
func (a *Agent) closeInside(ctx context.Context, e grants.Entry, reason elevation.EndReason) error {
	if e.Access != elevation.Session {
		return nil
	}
	a.inside.mu.Lock()
	if a.inside.closing == nil {
		a.inside.closing = map[elevation.GrantID]bool{}
	}
	a.inside.closing[e.ID] = true
	a.inside.mu.Unlock()
	var wg sync.WaitGroup
	within := a.Ledger.Within(e.ID)
	errs := make([]error, len(within))
	for i, c := range within {
		wg.Go(func() { errs[i] = a.end(ctx, c.ID, reason) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// overInside forgets a command of a session that is over. One that could not be
// ended is an alarm of the session, and stays for the next try.
func (a *Agent) overInside(e grants.Entry, why error) error {
	a.inside.mu.Lock()
	delete(a.inside.subjects, e.ID)
	a.inside.mu.Unlock()
	if e.EndReason != elevation.Abandoned {
		return a.Ledger.Delete(e.ID)
	}
	text := "a command of the session could not be ended"
	if why != nil {
		text += ": " + why.Error()
	}
	return a.Conn.Report(wire.Report{Request: e.Request, Grant: e.Parent, Kind: elevation.ReportEnded, Failed: true,
		Reason: elevation.Failed, Text: inert.Clip(text, 500), At: a.now()})
}

// lengthenInside gives what runs in a session the time that the session got.
func (a *Agent) lengthenInside(ctx context.Context, e grants.Entry, by elevation.RequestID) {
	for _, c := range a.Ledger.Within(e.ID) {
		if c.State == grants.Held {
			continue
		}
		is, err := a.Ledger.Extend(c.ID, by, c.Total+max(0, e.EndBy.Wall.Sub(c.EndBy.Wall)))
		if err != nil {
			a.Log.Error("give a command of a session more time", "grant", c.ID, "error", err)
			continue
		}
		a.alarmLater(ctx, is)
	}
}

// LoginChanged ends what must not outlive a login session: when its screen is
// locked, sessions, administrators' time and shells that were opened from it;
// when it is over, sessions for a terminal and administrators' time.
func (a *Agent) LoginChanged(ev privilege.LoginEvent) {
	if ev.Session == "" {
		return
	}
	reason := elevation.Logout
	if ev.Locked {
		reason = elevation.Lock
	}
	for _, e := range a.Ledger.All() {
		seat := e.Effect.Seat
		if e.State != grants.Active || seat == nil || seat.Login != ev.Session || e.Parent != "" {
			continue
		}
		switch {
		case e.Access == elevation.Admin, e.Access == elevation.Session && (ev.Locked || !e.Effect.Tree.Planned()):
		case ev.Locked && a.isShell(e):
		default: // one program or job ends by itself
			continue
		}
		a.background.Go(func() {
			if err := a.end(context.WithoutCancel(a.life), e.ID, reason); err != nil {
				a.Log.Error("end with a login session", "grant", e.ID, "reason", reason, "error", err)
			}
		})
	}
}

func (a *Agent) isShell(e grants.Entry) bool {
	n, ok := a.journal.get(e.Request)
	return ok && n.Attempt.Subject.HasMark(elevation.MarkShell)
}
