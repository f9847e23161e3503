package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/assent-epm/assent/agent"
	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/link"
	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/agent/words"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules"
	"github.com/assent-epm/assent/shared/version"
	"github.com/assent-epm/assent/shared/wire"
)

// serve is the daemon. It is long because it builds the parts in one straight line;
// it runs them until ctx ends, and leaves the machine's sudo as it was.
func serve(ctx context.Context, set *settings) error {
	f, err := set.load()
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level(set.verbose)}))
	if os.Geteuid() != 0 {
		return hinted{errors.New("the agent needs root"), "run it as root, or install the service"}
	}
	id, err := link.Load(set.data)
	if err != nil {
		return hinted{fmt.Errorf("load the identity: %w", err), "assent-agent enroll --controller URL --token T"}
	}
	release, err := prepareFolders(set)
	if err != nil {
		return err
	}
	defer release()
	salt, err := loadSalt(filepath.Join(set.data, "salt"))
	if err != nil {
		return err
	}
	granted, err := openGranted(ctx, set, log)
	if err != nil {
		return err
	}
	defer granted.close()
	parts := &parts{keeper: &keeper{log: log}}
	conn, err := link.New(link.Config{Dir: set.data, Identity: id, Proxies: f.proxies(set), Facts: facts, BootID: grants.SystemClock().BootID, Log: log,
		Capabilities: func() []string { return capabilities(f) },
		OnFrame:      func(ctx context.Context, fr wire.Frame) error { return parts.agent.Receive(ctx, fr) },
		OnState:      func(connected bool) { parts.agent.Online(connected) }})
	if err != nil {
		return err
	}
	rights, err := openStanding(ctx, set, parts.breakGlass, func(user, group string) bool { return lentGroup(parts.agent, user, group) }, log)
	if err != nil {
		return err
	}
	parts.agent, err = agent.New(ctx, agent.Config{Standing: rights, Data: set.data, Cluster: id.Cluster, Endpoint: id.Endpoint, Conn: conn, Ledger: granted.ledger, Mode: elevation.Mode(id.Mode),
		Trees: granted.trees, Clock: grants.SystemClock, Log: log, Schedule: granted.schedule, Password: passwords().Check, StageDir: filepath.Join(set.data, "stage"), FailPoint: failPoint,
		About: func() local.Status {
			return local.Status{Controller: id.URL, Cluster: id.Cluster, Endpoint: string(id.Endpoint), Mode: id.Mode,
				Version: version.Get(wire.Version).Version, Sudo: parts.keeper.of("sudo"), Mechanisms: parts.keeper.all()}
		}})
	if err != nil {
		return err
	}
	defer parts.agent.Close()
	return parts.run(ctx, set, f, conn, salt, log)
}

// parts are what runs at the same time.
type parts struct {
	keeper  *keeper // of the mechanisms
	agent   *agent.Agent
	reasons words.Reasons // of everybody, for sudo and assent run alike
}

// voice is how this endpoint speaks, for sudo and assent run alike.
func (p *parts) voice() intercept.Voice {
	return intercept.Voice{Words: p.agent.Words, Reasons: &p.reasons}
}

// breakGlass is the group that is never touched; before there is an agent nothing
// is taken that it could keep.
func (p *parts) breakGlass() string {
	if p.agent == nil {
		return ""
	}
	return p.agent.Policy().BreakGlass
}

// serve has one mechanism kept going beside the other parts.
func (p *parts) serve(ctx context.Context, g *errgroup.Group, name string, serve func(ctx context.Context, on func()) error, tried func()) {
	g.Go(func() error {
		p.keeper.keep(ctx, mechanism{name, serve}, tried)
		return nil
	})
}

func (p *parts) run(ctx context.Context, set *settings, f file, conn *link.Link, salt []byte, log *slog.Logger) error {
	ctx, end := lasting(ctx, set, p.agent.Farewell)
	defer end()
	g, ctx := errgroup.WithContext(ctx)
	ready := newReadiness("users", "sudo")
	g.Go(func() error { return quiet(ctx, conn.Run(ctx)) })
	g.Go(func() error { return p.agent.Expire(ctx) })
	g.Go(func() error { return p.watchLogins(ctx, log) })
	g.Go(func() error { return quiet(ctx, p.serveUsers(ctx, set, salt, log, ready)) })
	sudoTried := func() { ready.reached("sudo") }
	if f.sudo() {
		p.serve(ctx, g, "sudo", func(ctx context.Context, on func()) error { return p.serveSudo(ctx, set, f, salt, log, on) }, sudoTried)
	} else {
		sudoTried()
	}
	p.mechanisms(ctx, g, set, f, salt, log)
	g.Go(func() error { return p.agent.WatchRights(ctx) })
	g.Go(func() error { return watchdog(ctx, ready, func() string { return mechanismsText(p.keeper.all()) }) })
	g.Go(func() error { return giveBack(ctx) })
	err := g.Wait()
	_, _ = daemon.SdNotify(false, daemon.SdNotifyStopping)
	return err
}

// serveUsers answers the users of this machine.
func (p *parts) serveUsers(ctx context.Context, set *settings, salt []byte, log *slog.Logger, ready *readiness) error {
	s, err := local.Listen(local.Config{Path: local.Address(set.runtime), Flow: p.agent, Elevator: p.agent, Runner: p.agent, Sessions: p.agent, Offline: p.agent, Portal: p.agent, Confirms: p.agent,
		Salt: salt, Masks: p.agent.Masks, Log: log, Voice: p.voice()})
	if err != nil {
		return err
	}
	ready.reached("users")
	return s.Serve(ctx)
}

// capabilities is what this endpoint can do. Sessions and being administrator for
// a while are not among it: such requests are not made for it.
func capabilities(f file) []string {
	list := []string{"run", "question", "extend", "policy", "observe", "rights", "bundle", "codes", "children", rules.CanPasskey}
	if _, err := os.Stat(f.Plugin); err == nil && f.sudo() {
		list = append(list, "sudo", "sudoedit", "session", "admin")
	}
	if passwords().Possible() {
		list = append(list, rules.CanConfirm)
	}
	return append(list, mechanismCapabilities(f)...)
}

// watchdog tells systemd that the service is ready, once it is, and that it lives.
func watchdog(ctx context.Context, ready *readiness, status func() string) error {
	select {
	case <-ready.all:
	case <-ctx.Done():
		return nil
	}
	_, _ = daemon.SdNotify(false, daemon.SdNotifyReady+"\nSTATUS="+status())
	every, err := daemon.SdWatchdogEnabled(false)
	if err != nil || every == 0 {
		<-ctx.Done()
		return nil
	}
	t := time.NewTicker(every / 3)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			_, _ = daemon.SdNotify(false, daemon.SdNotifyWatchdog)
		}
	}
}

// prepareFolders makes the data and runtime folders, refuses ones that others
// than root can write, and makes sure that one agent alone uses them.
func prepareFolders(set *settings) (release func(), err error) {
	if err := rootFolder(set.data, 0o700); err != nil {
		return nil, err
	}
	if err := rootFolder(set.runtime, 0o755); err != nil {
		return nil, err
	}
	return lockFolder(set)
}

func rootFolder(dir string, mode fs.FileMode) error {
	if err := os.MkdirAll(dir, mode); err != nil {
		return fmt.Errorf("make %s: %w", dir, err)
	}
	var st unix.Stat_t
	if err := unix.Lstat(dir, &st); err != nil {
		return fmt.Errorf("look at %s: %w", dir, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR || st.Uid != 0 {
		return hinted{fmt.Errorf("%s is not a folder of root", dir), "remove it, or give another with --data or --runtime"}
	}
	if err := os.Chmod(dir, mode); err != nil {
		return err
	}
	if err := local.SafeFolder(dir); err != nil { // who owns a folder above could put another one in its place
		return hinted{err, "give a folder with --data or --runtime that lies in folders of root"}
	}
	return nil
}
