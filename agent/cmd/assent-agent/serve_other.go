//go:build windows || darwin

package main

import (
	"context"
	"log/slog"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/assent-epm/assent/agent"
	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/keep"
	"github.com/assent-epm/assent/agent/link"
	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/agent/local/pipe"
	"github.com/assent-epm/assent/agent/standing"
	"github.com/assent-epm/assent/agent/words"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules"
	"github.com/assent-epm/assent/shared/version"
	"github.com/assent-epm/assent/shared/wire"
)

// serve is the daemon in the foreground, or under a manager that keeps what it
// writes.
func serve(ctx context.Context, set *settings) error { return serveAs(ctx, set, false, nil) }

// serveAs is the daemon; quietly says that nobody sees what it writes, woke that the
// machine has slept; it may be nil. It runs until ctx ends. An endpoint that is not enrolled waits for it: the service of an
// installer starts before anybody can enrol it.
func serveAs(ctx context.Context, set *settings, quietly bool, woke <-chan struct{}) error {
	f, err := set.load()
	if err != nil {
		return err
	}
	if err := mayServe(); err != nil {
		return err
	}
	release, err := prepareFolders(set)
	if err != nil {
		return err
	}
	defer release()
	out, closeLog, err := logTo(filepath.Join(set.data, logName), quietly, hasStderr())
	if err != nil {
		return err
	}
	defer closeLog()
	p := &parts{set: set, file: f, woke: woke, policyDue: make(chan struct{}, 1), log: slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: level(set.verbose)}))}
	if p.id, err = newNewcomer(set, f, p.log).identity(ctx); err != nil {
		return quiet(ctx, err)
	}
	return p.serve(ctx)
}

// parts are what an enrolled endpoint runs.
type parts struct {
	set  *settings
	file file
	log  *slog.Logger
	id   link.Identity
	woke <-chan struct{} // the machine has slept; may be nil

	policyDue chan struct{} // 1; the policy is another one

	granted granted
	conn    *link.Link
	agent   *agent.Agent
	reasons words.Reasons // of everybody
}

// serve takes back what was left, makes sure that grants end without this process,
// and then serves until ctx ends.
func (p *parts) serve(ctx context.Context) error {
	salt, err := loadSalt(filepath.Join(p.set.data, "salt"))
	if err != nil {
		return err
	}
	if p.granted, err = openGranted(ctx, p.set, p.log); err != nil {
		return err
	}
	defer p.granted.close()
	if err := p.assemble(ctx); err != nil {
		return err
	}
	defer p.agent.Close()
	return p.run(ctx, salt)
}

// assemble makes the agent and its connection. The caller closes the agent.
func (p *parts) assemble(ctx context.Context) (err error) {
	p.conn, err = link.New(link.Config{Dir: p.set.data, Identity: p.id, Proxies: p.file.proxies(p.set), Facts: factsOf(p.set), BootID: grants.SystemClock().BootID, Log: p.log,
		Capabilities: capabilities,
		OnFrame:      func(ctx context.Context, fr wire.Frame) error { return p.agent.Receive(ctx, fr) },
		OnState:      func(connected bool) { p.agent.Online(connected) }})
	if err != nil {
		return err
	}
	rights, err := standingHere(ctx, p.set, func(user, group string) bool { return lentGroup(p.agent, user, group) }, p.log)
	if err != nil {
		return err
	}
	lent, err := lentSudo()
	if err != nil {
		p.log.Warn("sudo is not lent rules: programs have no terminal of their own", "reason", err)
	}
	p.agent, err = agent.New(ctx, agent.Config{SudoDir: lent, Standing: rights, Data: p.set.data, Cluster: p.id.Cluster, Endpoint: p.id.Endpoint, Conn: p.conn, Ledger: p.granted.ledger, Mode: elevation.Mode(p.id.Mode),
		Trees: p.granted.trees, Schedule: p.granted.schedule, Clock: grants.SystemClock, Log: p.log, StageDir: filepath.Join(p.set.data, "stage"), FailPoint: failPoint, OnPolicy: p.newPolicy,
		About: func() local.Status {
			return local.Status{Controller: p.id.URL, Cluster: p.id.Cluster, Endpoint: string(p.id.Endpoint), Mode: p.id.Mode,
				Version: version.Get(wire.Version).Version, Sudo: sudoHere, Mechanisms: mechanismsHere()}
		}})
	return err
}

// newPolicy lets whoever obeys the policy apart from the agent look again.
func (p *parts) newPolicy() {
	select {
	case p.policyDue <- struct{}{}:
	default:
	}
}

// run serves until ctx ends or a part fails. What only this system has stands in
// beside_*.go.
func (p *parts) run(ctx context.Context, salt []byte) error {
	ctx, end := lasting(ctx, p.set, p.agent.Farewell)
	defer end()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return quiet(ctx, p.conn.Run(ctx)) })
	g.Go(func() error { return p.agent.Expire(ctx) })
	g.Go(func() error { return afterSleep(ctx, p.woke, p.wake) })
	g.Go(func() error { return p.agent.WatchRights(ctx) })
	g.Go(func() error { return quiet(ctx, p.serveUsers(ctx, salt)) })
	for _, part := range p.beside() {
		g.Go(func() error { return quiet(ctx, part(ctx)) })
	}
	return g.Wait()
}

// wake has deadlines looked at, and the controller reached, as soon as the machine
// has slept. Deadlines hold without it too: they are looked at each second.
func (p *parts) wake() {
	p.agent.Wake()
	p.conn.Retry()
}

// standingHere are the standing rights of a system that has them in a group of its
// own; elsewhere they are not looked at yet.
func standingHere(ctx context.Context, set *settings, lent func(user, group string) bool, log *slog.Logger) (*standing.Standing, error) {
	if localAdmins() == nil {
		return nil, nil
	}
	return openStanding(ctx, set, func() string { return policyBreakGlass(set) }, lent, log)
}

// doorAgain is between two looks whether the door's name is free again.
const doorAgain = 5 * time.Second

// serveUsers answers the users of this machine. A name that somebody else has taken
// keeps people from asking, and nothing from ending.
func (p *parts) serveUsers(ctx context.Context, salt []byte) error {
	a := p.agent
	cfg := local.Config{Path: local.Address(p.set.runtime), Flow: a, Elevator: a, Runner: a, BySudo: a, Sessions: a, Inside: true, Offline: a, Portal: a, Confirms: a,
		Salt: salt, Masks: a.Masks, Log: p.log, Voice: intercept.Voice{Words: a.Words, Reasons: &p.reasons}}
	s, err := pipe.WhenFree(ctx, doorAgain, p.log, func() (*local.Server, error) { return local.Listen(cfg) })
	if err != nil || s == nil {
		return err
	}
	return s.Serve(ctx)
}

// capabilities is what this endpoint can do.
func capabilities() []string {
	list := []string{"run", "session", "admin", "question", "extend", "policy", "observe", "bundle", "codes", rules.CanPasskey}
	if localAdmins() != nil {
		list = append(list, "rights")
	}
	return append(list, capabilitiesHere()...)
}

// prepareFolders makes the folders, and makes sure that one agent alone uses them.
func prepareFolders(set *settings) (release func(), err error) {
	if err := keep.Folder(set.data); err != nil {
		return nil, hinted{err, "give another folder with --data, or remove this one"}
	}
	if err := runtimeFolder(set.runtime); err != nil {
		return nil, err
	}
	return lockFolder(set)
}

// enrolAgain is between two looks whether this endpoint is enrolled by now.
const enrolAgain = 10 * time.Second

// newNewcomer is this endpoint.
func newNewcomer(set *settings, f file, log *slog.Logger) newcomer {
	return newcomer{set: set, file: f, left: installerLeft{}, load: link.Load, enroll: link.Enroll, again: enrolAgain, log: log}
}
