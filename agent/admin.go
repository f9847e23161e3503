package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/agent/tamper"
	"github.com/assent-epm/assent/shared/durable"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// This file makes somebody administrator for a while: a place in the group that
// gives everything, written into the ledger before it exists, and what the system
// needs so that it counts, see [privilege.AdminWay]. Who is administrator already
// is refused and never demoted. Whom it is given to is in become.go.

// lent is what is known of administrators' time that could not be taken back, and
// how people are spoken with.
type lent struct {
	tongues tongues

	mu    sync.Mutex // guards the field below
	tried map[elevation.GrantID]time.Time
}

// retryEvery is between two tries to take back what was given up.
const retryEvery = 15 * time.Second

// takingBack refuses while an earlier time as administrator is still being taken
// back: its end would take a new one, or leave the old.
func (a *Agent) takingBack(user string) error {
	for _, e := range a.Ledger.All() {
		if e.Effect.Group == nil || e.User() != user {
			continue
		}
		if e.EndTries > 0 && e.State != grants.Ended || e.EndReason == elevation.Abandoned || e.State == grants.Armed {
			return fmt.Errorf("%w: an earlier time as administrator is still being taken back", errNotHere)
		}
	}
	return nil
}

// sameAccount reports whether the account of a membership is still the one that it
// was given to. A directory that does not answer is no yes.
func (a *Agent) sameAccount(m privilege.Membership) bool {
	if !m.Same() {
		return false
	}
	if !m.Directory {
		return true
	}
	who, err := a.Lookup(privilege.UserOf(m.UID))
	return err == nil && who.Name == m.User
}

func (a *Agent) lentTo(user string) bool {
	return slices.ContainsFunc(a.Ledger.All(), func(e grants.Entry) bool {
		return e.Effect.Group != nil && e.User() == user && e.State == grants.Active
	})
}

// Lent reports whether the rights that a user has by sudo come from a place in a
// group that is lent, and that a process of theirs does not have: it is asked
// about like that of anybody without rights. It implements sudo's Sessions.
func (a *Agent) Lent(uid uint32, pid int) bool {
	for _, e := range a.Ledger.All() {
		g := e.Effect.Group
		if g == nil || e.UID != uid || e.State != grants.Active {
			continue
		}
		has, err := privilege.HasGroup(pid, g.GID)
		return err == nil && !has
	}
	return false
}

// AdminWay is how somebody is administrator here. It implements local's Sessions.
func (a *Agent) AdminWay() privilege.AdminWay { return a.admins().Way }

// Admin makes the user of a permit administrator and starts a program that is one:
// their login shell, or what a console has. The caller has filled all of spec except
// the grant, its time and the group. It implements local's Sessions.
func (a *Agent) Admin(ctx context.Context, permit intercept.Permit, caller local.Caller, spec privilege.Spec, say func(string)) (*privilege.Running, error) {
	id, h := permit.Grant.ID, a.admins()
	if h.Way == privilege.AdminHere {
		a.unclaim(id)
		return nil, fmt.Errorf("%w: nothing is started for an administrator on this system", errNotHere)
	}
	e, m, err := a.becomes(ctx, permit, caller, say, func(e *grants.Entry) {
		if h.Way == privilege.AdminConsole { // its temporary files are nowhere where others write
			e.Effect.Stage, spec.StageDir = privilege.StagePath(a.StageDir, id), a.StageDir
		}
	})
	if err != nil {
		return nil, err
	}
	spec.Grant, spec.Request, spec.TTL = id, e.Request, e.Total
	if spec.Own = h.Way == privilege.AdminShell; spec.Own {
		spec.RunAs.Groups = append(slices.Clone(spec.RunAs.Groups), m.GID)
	}
	running, err := h.Start(ctx, spec)
	if err != nil {
		return nil, errors.Join(err, a.Fail(ctx, id, err))
	}
	e.Effect.Tree = running.Tree
	if e, err = a.isAdmin(ctx, e); err != nil {
		return nil, err
	}
	a.mu.Lock()
	a.says[id] = say
	a.mu.Unlock()
	t := a.tongueOf(id)
	if at := t.Clock(e.EndBy.Wall, a.now()); h.Way == privilege.AdminShell {
		a.sayInTime(e, t.Say("you are administrator until %s (exit ends it); sudo asks for your password", at))
	} else {
		a.sayInTime(e, t.Say("you are administrator until %s, in the window that has opened; exit there ends it sooner", at))
	}
	a.watchTree(e, running)
	a.ledgerChanged()
	return running, nil
}

// AdminHere makes the user of a permit administrator where they sit: nothing is
// started, and it ends with their terminal. It implements local's Sessions.
func (a *Agent) AdminHere(ctx context.Context, permit intercept.Permit, caller local.Caller) (local.Opened, error) {
	id, h := permit.Grant.ID, a.admins()
	seat, err := h.Seat(caller.PID, caller.Started, caller.User)
	switch {
	case err != nil:
	case h.Way != privilege.AdminHere:
		err = fmt.Errorf("%w: an administrator gets a program of their own on this system", errNotHere)
	case seat.TTY == 0 || !seat.Alive() || seat.Leader == caller.PID:
		err = privilege.ErrSeat
	}
	if err != nil {
		a.unclaim(id)
		return local.Opened{}, err
	}
	e, _, err := a.becomes(ctx, permit, caller, func(string) {}, func(e *grants.Entry) { e.Effect.Tree = privilege.TreeRef{} })
	if err != nil {
		return local.Opened{}, err
	}
	if e, err = a.isAdmin(ctx, e); err != nil {
		return local.Opened{}, err
	}
	a.watchUse(e)
	a.ledgerChanged()
	return local.Opened{Request: e.Request, Until: e.EndBy.Wall, Terminal: true}, nil
}

// silently is how long somebody waits for a look at their machine without a word.
const silently = time.Second

// becomes puts the user of a permit into the group, once it is sure that they are
// not in it; plan completes what the ledger says of it. After an error they are not.
func (a *Agent) becomes(ctx context.Context, permit intercept.Permit, caller local.Caller, say func(string), plan func(*grants.Entry)) (e grants.Entry, m privilege.Membership, err error) {
	id := permit.Grant.ID
	if err = a.takingBack(caller.User); err == nil {
		a.supersede(ctx, elevation.Admin, func(e grants.Entry) bool { return e.User() == caller.User })
		m, err = a.membership(ctx, caller.User, permit.Grant.User.Name)
	}
	if err == nil {
		moment := time.AfterFunc(silently, func() { say(a.tongueOf(id).Say("one moment: what can be changed is noted first")) })
		err = a.keepSnapshot(ctx, id)
		moment.Stop()
	}
	if err != nil {
		a.unclaim(id)
		return e, m, err
	}
	if e, err = a.join(ctx, permit, caller, m, plan); err != nil {
		return e, m, err
	}
	if given, err := a.gives(ctx, m); err != nil || !given {
		err = errors.Join(fmt.Errorf("%w: the group %s does not give administrator rights here", errNotHere, m.Group), err)
		return e, m, errors.Join(err, a.Fail(ctx, id, err))
	}
	return e, m, nil
}

// isAdmin notes that what was armed is in force now. After an error it is not.
func (a *Agent) isAdmin(ctx context.Context, e grants.Entry) (grants.Entry, error) {
	e.State = grants.Active
	if err := a.Ledger.Put(e); err != nil {
		err = fmt.Errorf("note the start: %w", err)
		return e, errors.Join(err, a.Fail(ctx, e.ID, err))
	}
	a.FailPoint("started")
	if err := a.tellStart(e); err != nil {
		a.Log.Error("report the start", "grant", e.ID, "error", err)
	}
	a.noteStart(e.Request)
	return e, nil
}

// join arms the grant and puts the user into the group, in this order and while
// nobody else can change accounts.
func (a *Agent) join(ctx context.Context, permit intercept.Permit, caller local.Caller, m privilege.Membership, plan func(*grants.Entry)) (e grants.Entry, err error) {
	id, armed := permit.Grant.ID, false
	err = a.Trees.Join(m, func() error {
		seat, err := a.admins().Seat(caller.PID, caller.Started, caller.User)
		if err = errors.Join(err, context.Cause(ctx)); err != nil {
			return err // the person is gone since they were approved
		}
		if seat.Leader > 1 && !seat.Alive() {
			return privilege.ErrSeat
		}
		var scheduled func() error
		e, scheduled, err = a.arm(ctx, permit, func(e *grants.Entry) {
			e.Access, e.Effect.Group, e.Effect.Seat = elevation.Admin, &m, &seat
			plan(e)
		})
		if err != nil {
			return err
		}
		armed = true
		return scheduled()
	})
	if err == nil {
		a.FailPoint("joined")
		return e, nil
	}
	if errors.Is(err, privilege.ErrMember) {
		err = errAlready
		if armed { // somebody else has put them in just now: theirs to keep
			e.Effect.Group = nil
			err = errors.Join(err, a.Ledger.Put(e))
		}
	}
	if armed {
		return e, errors.Join(err, a.Fail(ctx, id, err))
	}
	a.unclaim(id)
	return e, err
}

// shellOver ends administrator's time with the shell that it was given in,
// whatever that left behind.
func (a *Agent) shellOver(e grants.Entry, running *privilege.Running) {
	if e.Access != elevation.Admin || a.life.Err() != nil { // an agent that stops leaves it to the next one
		return
	}
	reason := elevation.Completed
	now, ok := a.Ledger.Get(e.ID)
	if running.HungUp() || byHangup(now) {
		reason = elevation.Logout
	}
	if ok && now.Due(a.Clock()) {
		reason = dueReason(now, a.Clock())
	}
	if err := a.end(context.WithoutCancel(a.life), e.ID, reason); err != nil {
		a.Log.Error("end administrator's time with its shell", "grant", e.ID, "error", err)
	}
}

// offersLogOff reports whether somebody who was administrator should log off: on
// Windows a log-on of that time has the rights until it is over, whatever the group
// says by now.
func (a *Agent) offersLogOff(e grants.Entry) bool {
	return e.Access == elevation.Admin && e.Effect.Group != nil && a.admins().Way == privilege.AdminConsole &&
		e.EndReason != elevation.Failed && e.EndReason != elevation.Reboot
}

// byHangup reports whether a program was ended by the signal that tells of a
// terminal that is gone.
func byHangup(e grants.Entry) bool { return e.Exit != nil && *e.Exit == 128+1 }

func (a *Agent) snapshotPath(id elevation.GrantID) string {
	return filepath.Join(a.Data, "snapshots", string(id))
}

// keepSnapshot writes down what is there before somebody can change it.
func (a *Agent) keepSnapshot(ctx context.Context, id elevation.GrantID) error {
	path := a.snapshotPath(id)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("keep what is there before: %w", err)
	}
	raw, err := a.admins().Snapshot(ctx).Encode()
	if err != nil {
		return fmt.Errorf("keep what is there before: %w", err)
	}
	if err := durable.Replace(path, raw); err != nil {
		return fmt.Errorf("keep what is there before: %w", err)
	}
	return nil
}

// changesBy is what is not as it was before administrator's time.
func (a *Agent) changesBy(e grants.Entry) []wire.Change {
	if e.Access != elevation.Admin || !e.Used {
		return nil
	}
	raw, err := os.ReadFile(a.snapshotPath(e.ID))
	if err != nil {
		return []wire.Change{{What: "unknown", How: "changed", Text: "what was there before is not known any more"}}
	}
	before, err := tamper.Decode(raw)
	if err != nil {
		return []wire.Change{{What: "unknown", How: "changed", Text: "what was there before can not be read"}}
	}
	return tamper.Compare(before, a.admins().Snapshot(context.WithoutCancel(a.life)))
}

func (a *Agent) forgetSnapshot(e grants.Entry) {
	if e.Access != elevation.Admin {
		return
	}
	if err := durable.Remove(a.snapshotPath(e.ID)); err != nil {
		a.Log.Warn("forget what was there before", "grant", e.ID, "error", err)
	}
}

// retry tries for ever to take back what was given up, and says when to look
// again.
func (a *Agent) retry(ctx context.Context, e grants.Entry, now grants.Moment, next time.Duration) time.Duration {
	if e.EndReason != elevation.Abandoned || !e.Reported && e.Parent == "" {
		return next
	}
	a.lent.mu.Lock()
	last := a.lent.tried[e.ID]
	due := now.Wall.Sub(last) >= retryEvery || now.Wall.Before(last)
	if due {
		if a.lent.tried == nil {
			a.lent.tried = map[elevation.GrantID]time.Time{}
		}
		a.lent.tried[e.ID] = now.Wall
	}
	a.lent.mu.Unlock()
	if due {
		if _, err := a.Ledger.Retry(ctx, a.Trees, e.ID); err != nil {
			a.Log.Error("take back what was given up", "grant", e.ID, "error", err)
		} else {
			a.Log.Warn("what was given up is taken back", "grant", e.ID)
		}
	}
	return min(next, retryEvery)
}

// settleUse adopts or ends at start what is no single program. done is false for
// everything that its tree tells about.
func (a *Agent) settleUse(ctx context.Context, e grants.Entry) (done bool, err error) {
	switch {
	case e.Parent != "":
		if parent, ok := a.Ledger.Get(e.Parent); ok && parent.State == grants.Active && !parent.Due(a.Clock()) {
			return false, nil
		}
		return true, a.end(ctx, e.ID, elevation.Failed)
	case e.Access != elevation.Session && e.Access != elevation.Admin || e.Effect.Tree.Planned():
		return false, nil
	case e.Effect.Seat == nil || !e.Effect.Seat.Alive():
		return true, a.end(ctx, e.ID, elevation.Logout)
	}
	a.watchUse(e)
	return true, nil
}

// hungUpWithin is how soon after its terminal a program ends because of it.
const hungUpWithin = 30 * time.Second

// watchHangup notices when the terminal of something that runs goes away. hungUp
// then tells for a while that an end is because of that.
func (a *Agent) watchHangup(e grants.Entry) (hungUp func() bool, done func()) {
	seat := e.Effect.Seat
	if seat == nil || seat.TTY == 0 || seat.Leader == e.Effect.Tree.PID || e.Parent != "" {
		return func() bool { return false }, func() {}
	}
	ctx, cancel := context.WithCancel(a.life)
	var mu sync.Mutex
	var at, back time.Time // of the hang-up, and when sudo was back; guarded by mu
	tree := e.Effect.Tree
	sudo := privilege.Seat{Leader: tree.PID, Started: tree.Started}
	if tree.Front {
		a.background.Go(func() {
			if sudo.Gone(ctx) == nil {
				mu.Lock()
				back = a.now()
				mu.Unlock()
			}
		})
	}
	a.background.Go(func() {
		if seat.Gone(ctx) != nil {
			return
		}
		if alive, err := a.Trees.Alive(tree); err != nil || !alive {
			return
		}
		mu.Lock()
		left := !back.IsZero() && a.now().Sub(back) > shellGrace
		if !tree.Front || sudo.Alive() {
			at = a.now()
		} // else its monitor may be about to end, or the hang-up took it first
		mu.Unlock()
		if !left { // what sudo left before is as with sudo alone
			a.endShell(ctx, e)
		}
	})
	return func() bool {
		mu.Lock()
		defer mu.Unlock()
		return !at.IsZero() && a.now().Sub(at) < hungUpWithin
	}, cancel
}

// endShell ends a shell whose terminal went away, if it does not end by itself: what
// it left running is nobody's any more. A single program goes on until it or its time
// ends, as with sudo alone.
func (a *Agent) endShell(ctx context.Context, e grants.Entry) {
	if !a.isShell(e) {
		return
	}
	select {
	case <-time.After(shellGrace):
	case <-ctx.Done():
		return
	}
	if err := a.end(ctx, e.ID, elevation.Logout); err != nil {
		a.Log.Error("end a shell with its terminal", "grant", e.ID, "error", err)
	}
}

// shellGrace is how long a shell has to end by itself after its terminal.
const shellGrace = 2 * time.Second

// seatOf is where a held process sits, nil when that is not known.
func seatOf(pid int, uid uint32) *privilege.Seat {
	if pid <= 1 || uid == 0 {
		return nil
	}
	if s, ok := privilege.SeatBy(pid); ok {
		return &s
	}
	return nil
}
