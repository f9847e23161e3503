package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/assent-epm/assent/agent"
	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/agent/link"
	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/durable"
	"github.com/assent-epm/assent/shared/version"
	"github.com/assent-epm/assent/shared/wire"
)

// serve is the daemon: it builds the parts in one straight line, runs them until
// ctx ends, and leaves the machine's sudo as it was.
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
	trees, err := privilege.NewTrees(privilege.Config{Realm: privilege.Realm(set.data), Log: log})
	if err != nil {
		return err
	}
	defer trees.Close()
	takeBack(ctx, set, trees, log)
	ledger, err := grants.Open(ledgerDir(set))
	if err != nil {
		return err
	}
	schedule, stopReaper, err := scheduler(set)
	if err != nil {
		return err
	}
	defer func() { stopReaper(inForce(ledger)) }()
	parts := &parts{}
	conn, err := link.New(link.Config{Dir: set.data, Identity: id, Facts: facts, BootID: grants.SystemClock().BootID, Log: log,
		Capabilities: func() []string { return capabilities(f) },
		OnFrame:      func(ctx context.Context, fr wire.Frame) error { return parts.agent.Receive(ctx, fr) },
		OnState:      func(connected bool) { parts.agent.Online(connected) }})
	if err != nil {
		return err
	}
	parts.agent, err = agent.New(ctx, agent.Config{Data: set.data, Cluster: id.Cluster, Endpoint: id.Endpoint, Conn: conn, Ledger: ledger,
		Trees: trees, Clock: grants.SystemClock, Log: log, Schedule: schedule, StageDir: filepath.Join(set.data, "stage"), FailPoint: failPoint,
		About: func() local.Status {
			return local.Status{Controller: id.URL, Cluster: id.Cluster, Endpoint: string(id.Endpoint), Mode: id.Mode,
				Version: version.Get(wire.Version).Version, Sudo: parts.sudo.get()}
		}})
	if err != nil {
		return err
	}
	defer parts.agent.Close()
	return parts.run(ctx, set, f, conn, salt, log)
}

// takeBack is one pass of the reaper before anything is served: it also ends
// what a damaged ledger can not name. What can not be ended now is tried again
// by the reaper, which runs beside the agent.
func takeBack(ctx context.Context, set *settings, trees *privilege.Trees, log *slog.Logger) {
	r := &grants.Reaper{Dir: ledgerDir(set), Trees: trees, Clock: grants.SystemClock, Sudoers: sudoersDir, Log: log}
	if _, _, err := r.Reap(ctx); err != nil {
		log.Error("take back what was left", "error", err)
	}
}

func inForce(l *grants.Ledger) bool {
	for _, e := range l.All() {
		if e.State == grants.Armed || e.State == grants.Active {
			return true
		}
	}
	return false
}

// parts are what runs at the same time.
type parts struct {
	agent *agent.Agent
	sudo  word
}

// word is a short text that one goroutine sets and others read.
type word struct{ v atomic.Pointer[string] }

func (w *word) set(s string) { w.v.Store(&s) }

func (w *word) get() string {
	if s := w.v.Load(); s != nil {
		return *s
	}
	return "off"
}

func (p *parts) run(ctx context.Context, set *settings, f file, conn *link.Link, salt []byte, log *slog.Logger) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return quiet(ctx, conn.Run(ctx)) })
	g.Go(func() error { return p.agent.Expire(ctx) })
	g.Go(func() error { return quiet(ctx, p.serveUsers(ctx, set, salt, log)) })
	if f.sudo() {
		g.Go(func() error { return quiet(ctx, p.serveSudo(ctx, set, f, salt, log)) })
	}
	g.Go(func() error { return watchdog(ctx) })
	g.Go(func() error { return giveBack(ctx) })
	err := g.Wait()
	_, _ = daemon.SdNotify(false, daemon.SdNotifyStopping)
	return err
}

// serveUsers answers the users of this machine.
func (p *parts) serveUsers(ctx context.Context, set *settings, salt []byte, log *slog.Logger) error {
	s, err := local.Listen(local.Config{Path: filepath.Join(set.runtime, "agent.sock"), Flow: p.agent, Elevator: p.agent, Runner: p.agent,
		Salt: salt, Masks: p.agent.Masks, Log: log})
	if err != nil {
		return err
	}
	return s.Serve(ctx)
}

// capabilities is what this endpoint can do. Sessions and being administrator for
// a while are not among it: such requests are not made for it.
func capabilities(f file) []string {
	list := []string{"run", "question", "extend", "policy"}
	if _, err := os.Stat(f.Plugin); err == nil && f.sudo() {
		list = append(list, "sudo")
	}
	return list
}

// quiet makes the ordinary stop no error.
func quiet(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// watchdog tells systemd that the service is ready and that it lives.
func watchdog(ctx context.Context) error {
	_, _ = daemon.SdNotify(false, daemon.SdNotifyReady)
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

func level(verbose bool) slog.Level {
	if verbose {
		return slog.LevelDebug
	}
	return slog.LevelInfo
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
	lock, err := os.OpenFile(filepath.Join(set.data, "agent.lock"), os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock: %w", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		return nil, hinted{fmt.Errorf("another agent uses %s", set.data), "stop it, or give --data"}
	}
	return func() { lock.Close() }, nil
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

// loadSalt reads the salt of argument digests, or makes it once.
func loadSalt(path string) ([]byte, error) {
	salt, err := os.ReadFile(path)
	if err == nil && len(salt) == 32 {
		return salt, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the salt: %w", err)
	}
	salt = make([]byte, 32)
	rand.Read(salt)
	if err := durable.Replace(path, salt); err != nil {
		return nil, fmt.Errorf("write the salt: %w", err)
	}
	return salt, nil
}
