// Package controller builds the controller out of its parts, in one straight
// line: keys, store, accounts, audit log, rules, queue, the agents' door and the
// console's door.
//
// [New] opens everything and listens; [Controller.Run] serves until its context
// ends; [Controller.Close] is safe at any time. The package decides nothing.
// Tests and cmd/assent-controller are its users; local.go has what is done on
// the controller's own machine beside a running one.
package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/assent-epm/assent/controller/admin"
	"github.com/assent-epm/assent/controller/api"
	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/console"
	"github.com/assent-epm/assent/controller/demo"
	"github.com/assent-epm/assent/controller/directory"
	"github.com/assent-epm/assent/controller/egress"
	"github.com/assent-epm/assent/controller/gateway"
	"github.com/assent-epm/assent/controller/insight"
	"github.com/assent-epm/assent/controller/keys"
	"github.com/assent-epm/assent/controller/notify"
	"github.com/assent-epm/assent/controller/queue"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/durable"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules"
	"github.com/assent-epm/assent/shared/rules/cel"
)

// Default addresses.
const (
	DefaultListen      = "127.0.0.1:8080"
	DefaultAgentListen = "127.0.0.1:8443"
)

// DiskWaiters is how many processors more than there are a program should let Go
// use that runs a controller; see [store.DiskWaiters].
const DiskWaiters = store.DiskWaiters

// stopWithin is how long calls at hand may take after the end was asked for.
const stopWithin = 8 * time.Second

// Config says where the controller lives and listens.
type Config struct {
	Data          string // folder, made with mode 0700
	Database      string // file, "" = assent.db in the folder; see [ParseDatabase]
	KeyFile       string // with the key of the secrets in the database, "" = the one among the keys in the folder
	Listen        string // console and REST; plain HTTP only on loopback
	AgentListen   string // agents, TLS 1.3; OnePort = at the address of the console, which then needs TLS
	PublicURL     string // of the console, "" = derived from Listen
	TLSCert       string // files; with both, Listen speaks TLS
	TLSKey        string
	ACME          string       // name for which Listen gets its certificate by ACME, see acme.go
	ACMEDirectory string       // of the authority, "" = the public one
	ACMEClient    *http.Client // calls the authority; nil = the default, and then only over TLS
	NotifyAllow   []string     // networks that may be called although they are not public
	TrustedProxy  []string     // networks of proxies in front of the console, whose X-Forwarded-For is believed
	Out           io.Writer    // the lines with addresses; nil discards
	Log           *slog.Logger
	Now           func() time.Time // nil = time.Now

	// Demo gives new data a past to look at, see package demo; everything listens
	// on loopback then.
	Demo bool
	// EventWrite is how long a reader of events may take for what is sent, 0 = the default.
	EventWrite time.Duration
	// Calls is how often one token may call in a second, 0 = 50.
	Calls float64
	// Tune changes the gateway's times and limits, for tests; may be nil.
	Tune func(*gateway.Config)
	// FailPoint is for tests of crashes, see [store.Config].
	FailPoint func(point string) error
}

// Controller is a controller that listens. Use [New].
type Controller struct {
	cfg      Config
	lock     io.Closer
	keys     *keys.Keys
	store    *store.Store
	accounts *auth.Accounts
	audit    *audit.Sequencer
	admin    *admin.Admin
	insight  *insight.Insight
	queue    *queue.Queue
	notify   *notify.Notify
	gateway  *gateway.Gateway
	people   *directory.Directory
	api      *api.API

	web       net.Listener
	agents    net.Listener
	webServer *http.Server
	agServer  *http.Server
	onePort   *onePort // nil = each door has its address
	public    string

	clock  *demo.Clock // of a demonstration, else nil
	doors  *demo.Doors // as clock
	ready  atomic.Bool
	closed sync.Once
	err    error // of the one Close
}

// New opens the data folder, listens on both addresses and writes
// addresses.json. On the first start it makes keys, the first administrator and
// admin.token. What it began is undone when it fails.
func New(ctx context.Context, cfg Config) (*Controller, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Out == nil {
		cfg.Out = io.Discard
	}
	c := &Controller{cfg: cfg}
	if cfg.Demo {
		c.clock = demo.NewClock()
		c.cfg.Now = c.clock.Now
	}
	if err := c.open(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// open is long and straight: each part needs those before it.
func (c *Controller) open(ctx context.Context) error {
	cfg := c.cfg
	if cfg.Data == "" {
		return errors.New("open controller: no data folder is given")
	}
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	database, err := chooseDatabase(cfg.Data, cfg.Database)
	if err != nil {
		return err
	}
	if c.lock, err = lockPlace(cfg.Data, database); err != nil {
		return err
	}
	if _, err := os.Stat(database); cfg.Demo && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("a demonstration needs new data, and %s has some: give another folder or none", cfg.Data)
	}
	if c.keys, err = keys.Open(filepath.Join(cfg.Data, "keys"), cfg.KeyFile, cfg.Now); err != nil {
		return fmt.Errorf("open keys: %w", err)
	}
	if c.store, err = store.Open(ctx, store.Config{Path: database, Log: cfg.Log, Lossy: cfg.Demo, Fail: cfg.FailPoint}); err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	if err := noteDatabase(cfg.Data, database); err != nil {
		return fmt.Errorf("note the database: %w", err)
	}
	if c.accounts, err = auth.NewAccounts(people{store: c.store, now: cfg.Now}, cfg.Now); err != nil {
		return err
	}
	c.audit, err = audit.New(ctx, audit.Config{Store: c.store, Signer: c.keys.AuditSigner(), Cluster: c.keys.Cluster(), Now: cfg.Now, Log: cfg.Log})
	if err != nil {
		return fmt.Errorf("open audit log: %w", err)
	}
	conditions, err := cel.New()
	if err != nil {
		return fmt.Errorf("prepare conditions: %w", err)
	}
	allowed, err := egress.ParseAllow(cfg.NotifyAllow)
	if err != nil {
		return err
	}
	if c.notify, err = notify.New(ctx, c.notifyConfig(allowed)); err != nil {
		return err
	}
	c.admin, err = admin.New(ctx, admin.Config{Channels: c.notify, Secrets: c.keys, Store: c.store, Passwords: c.accounts, Conditions: conditions,
		CAFingerprint: c.keys.CAFingerprint(), Now: cfg.Now, Log: cfg.Log, Policies: c.keys, Cluster: c.keys.Cluster(),
		Wake: func(ep elevation.EndpointID) { c.gateway.Wake(ep) },
		// Called once rules are applied, when insight is there.
		Denied: func(ctx context.Context, set *rules.Set, days int) (int, elevation.RequestID, string, error) {
			return c.insight.Denied(ctx, set, days)
		}})
	if err != nil {
		return fmt.Errorf("open administration: %w", err)
	}
	c.insight, err = insight.New(insight.Config{Store: c.store, Rules: c.admin.Set, Read: c.admin.ReadRules, Text: c.admin.RulesText,
		Checkpoint: c.audit.Checkpoint, Key: c.audit.Key, KeySet: c.keys.KeySet, Root: c.keys.Root,
		Mode: func(e store.Endpoint) elevation.Mode { return c.admin.InForce(e).Mode }, Now: cfg.Now, Log: cfg.Log})
	if err != nil {
		return fmt.Errorf("open insight: %w", err)
	}
	c.people, err = directory.New(directory.Config{Store: c.store, Open: c.accounts.Open, Wrap: c.keys.Wrap, Unwrap: c.keys.Unwrap,
		Outside: egress.Client(allowed), Allow: allowed, Public: func() string { return c.public }, Now: cfg.Now, Log: cfg.Log})
	if err != nil {
		return fmt.Errorf("open the directory: %w", err)
	}
	// Queue and gateway know each other by two functions; neither calls them
	// before both exist, because nothing is served yet.
	c.queue, err = queue.New(queue.Config{Store: c.store, Signer: c.keys, Orders: c.keys, Cluster: c.keys.Cluster(), Rules: c.admin.Set, Policy: c.admin.PolicyFor, Now: cfg.Now, Log: cfg.Log,
		RulesAt: c.admin.SetAt, Unwrap: c.keys.Unwrap,
		Outside: egress.Client(allowed),
		Wake:    func(ep elevation.EndpointID) { c.gateway.Wake(ep) },
		Who: func(ctx context.Context, ep elevation.EndpointID, name, uid string) (elevation.User, error) {
			return c.gateway.Who(ctx, ep, name, uid)
		},
		Moved:     func(ep elevation.EndpointID, id elevation.RequestID) { c.gateway.Moved(ep, id) },
		Connected: func(ep elevation.EndpointID) bool { return c.gateway.Connected(ep) }})
	if err != nil {
		return fmt.Errorf("open queue: %w", err)
	}
	gw := gateway.Config{Keys: c.keys, Store: c.store, Queue: c.queue, Now: cfg.Now, Log: cfg.Log,
		Policy: func(ctx context.Context, ep elevation.EndpointID) error {
			return errors.Join(c.admin.SendPolicy(ctx, ep), c.admin.Equip(ctx, ep))
		},
		Checkpoint: func() []byte { return c.audit.Checkpoint().Note },
		Console:    func() string { return c.public }} // known before anything is served
	gw.Portal = c.portal
	gw.Told.Used = c.queue.Used
	gw.Told.Seen = c.queue.Seen
	gw.Told.Rights, gw.Told.Ordered = c.queue.TakeRights, c.queue.TakeOrdered
	if cfg.Tune != nil {
		cfg.Tune(&gw)
	}
	if c.gateway, err = gateway.New(gw); err != nil {
		return fmt.Errorf("open the agents' door: %w", err)
	}
	if err := c.listen(); err != nil {
		return err
	}
	if err := c.openAPI(); err != nil {
		return err
	}
	return c.announce(ctx)
}

// notifyConfig is what alerts need. Queue and API are asked when there is
// something to tell, which is when everything is there.
func (c *Controller) notifyConfig(allowed []netip.Prefix) notify.Config {
	return notify.Config{Store: c.store, Wrap: c.keys.Wrap, Unwrap: c.keys.Unwrap, HTTP: egress.Client(allowed), Dial: egress.Dialer(allowed).DialContext,
		Refuse: func(host string) error { return egress.CheckHost(host, allowed) }, Public: func() string { return c.public }, Now: c.cfg.Now, Log: c.cfg.Log,
		Audience: func(tx *store.Tx, id elevation.RequestID, now time.Time) (notify.Audience, error) {
			a, err := c.queue.Audience(tx, id, now)
			return notify.Audience(a), err
		},
		Show: func(ctx context.Context, reader auth.Actor, e *audit.Event, id elevation.RequestID) (notify.Shown, error) {
			t, err := c.api.Tell(ctx, reader, e, id)
			return notify.Shown(t), err
		},
		Numbers: func(ctx context.Context, since, until time.Time) (map[string]string, error) {
			return c.insight.Numbers(ctx, auth.Actor{User: "reports", Login: "reports", Roles: []auth.Role{auth.Auditor}}, since, until)
		}}
}

func (c *Controller) openAPI() error {
	secure := strings.HasPrefix(c.public, "https://")
	cookie := "assent_session"
	if tcp, ok := c.web.Addr().(*net.TCPAddr); ok && !secure {
		// Cookies do not know ports: several controllers on one host would
		// sign each other out.
		cookie += "_" + strconv.Itoa(tcp.Port)
	}
	proxies, err := api.ParseProxies(c.cfg.TrustedProxy)
	if err != nil {
		return err
	}
	if err := c.accounts.UseFactors(c.keys, c.public); err != nil {
		return err
	}
	c.api = api.New(api.Config{Accounts: c.accounts, Store: c.store, Queue: c.queue, Admin: c.admin, Insight: c.insight, Sequencer: c.audit,
		Directory: c.people, Public: c.URL, Providers: c.providers,
		Connected: c.gateway.Connected, ClockOff: c.gateway.ClockOff, Agents: c.agentsURL, Removed: c.gateway.Disconnect, Console: console.Handler(), Metrics: c.metrics(),
		Ready: c.isReady, Cluster: c.keys.Cluster(), Demo: c.cfg.Demo, Cookie: cookie, Secure: secure, Loopback: c.loopback(), Proxies: proxies,
		Now: c.cfg.Now, Log: c.cfg.Log, EventWrite: c.cfg.EventWrite, Calls: c.cfg.Calls})
	door := c.api.Handler()
	if c.cfg.Demo {
		c.accounts.LinksDo()
		c.doors = demo.NewDoors(c.public, c.linkOf)
		door = c.doors.Before(door)
	}
	c.webServer = &http.Server{Handler: door, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: api.AnswerTime, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(c.cfg.Log.Handler(), slog.LevelDebug)}
	c.agServer = c.gateway.Server()
	return nil
}

func (c *Controller) isReady(ctx context.Context) error {
	if !c.ready.Load() {
		return errors.New("starting or stopping")
	}
	return c.store.View(ctx, func(tx *store.Tx) error { _, err := tx.NextDue(); return err })
}

// announce makes the first administrator where there is none, writes the files
// that scripts wait for, and prints the addresses.
func (c *Controller) announce(ctx context.Context) error {
	acc, token, made, err := c.accounts.First(ctx)
	if err != nil {
		return fmt.Errorf("make the first administrator: %w", err)
	}
	if made && c.clock != nil {
		if token, err = c.past(ctx); err != nil {
			return err
		}
	}
	link := ""
	if made {
		if link, err = c.firstLink(ctx, acc.ID); err != nil {
			return err
		}
		if err := durable.Replace(filepath.Join(c.cfg.Data, "admin.token"), []byte(token+"\n")); err != nil {
			return fmt.Errorf("write admin.token: %w", err)
		}
	}
	raw, err := json.Marshal(addresses{Listen: c.Addr(), AgentListen: c.AgentAddr(), Public: c.public})
	if err != nil {
		return fmt.Errorf("write addresses: %w", err)
	}
	if err := durable.Replace(filepath.Join(c.cfg.Data, addressesFile), append(raw, '\n')); err != nil {
		return fmt.Errorf("write addresses: %w", err)
	}
	fmt.Fprintf(c.cfg.Out, "console %s\nagents https://%s\n", c.public, hostPort(c.agents.Addr()))
	if made && c.clock != nil {
		c.cast()
	}
	if made {
		fmt.Fprintf(c.cfg.Out, "sign in %s\n", link)
	}
	return nil
}

// firstLink is where the first administrator signs in: once, but in a demonstration.
func (c *Controller) firstLink(ctx context.Context, id elevation.UserID) (string, error) {
	if c.doors != nil {
		return c.doors.Address(auth.FirstLogin), nil
	}
	link, err := c.accounts.NewLink(ctx, id)
	return signInURL(c.public, link), err
}

// signInURL carries the link behind "#", so that no server log ever has it.
func signInURL(public, link string) string { return public + "/#/sign-in?link=" + link }

// Addr is where console and REST listen.
func (c *Controller) Addr() string { return c.web.Addr().String() }

// AgentAddr is where agents are served.
func (c *Controller) AgentAddr() string { return c.agents.Addr().String() }

// Queue is the flow of requests, for whoever embeds a controller.
func (c *Controller) Queue() *queue.Queue { return c.queue }

// Store is the database, for whoever embeds a controller.
func (c *Controller) Store() *store.Store { return c.store }

// URL is the console's address.
func (c *Controller) URL() string { return c.public }

// Run serves until ctx ends, answers what it holds and closes everything. It
// returns nil after an end that was asked for. It is called once.
func (c *Controller) Run(ctx context.Context) error {
	group, running := errgroup.WithContext(ctx)
	// The parts below stop in order: doors, queue, audit log.
	flow, stopFlow := context.WithCancel(context.WithoutCancel(ctx))
	defer stopFlow()
	group.Go(func() error { c.queue.Run(flow); return nil })
	group.Go(func() error { c.insight.Run(flow); return nil })
	group.Go(func() error { c.admin.RunPauses(flow); return nil })
	group.Go(func() error { c.admin.RunBundles(flow, c.gateway.Connected); return nil })
	group.Go(func() error { c.notify.Run(flow); return nil })
	log, stopLog := context.WithCancel(context.WithoutCancel(ctx))
	defer stopLog()
	group.Go(func() error { return c.audit.Run(log) })
	group.Go(func() error { return served(c.webServer.Serve(c.web)) })
	group.Go(func() error { return served(c.agServer.Serve(c.agents)) })
	if c.onePort != nil {
		group.Go(func() error { return c.onePort.Run(running) })
	}
	group.Go(func() error {
		<-running.Done()
		c.ready.Store(false)
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
		defer cancel()
		c.stop(last)
		stopFlow()
		stopLog()
		return nil
	})
	c.ready.Store(true)
	err := group.Wait()
	return errors.Join(err, c.Close())
}

// stop ends both doors side by side; what does not end in time is cut off.
func (c *Controller) stop(ctx context.Context) {
	var wg sync.WaitGroup
	c.api.Close()
	wg.Go(func() {
		if err := c.webServer.Shutdown(ctx); err != nil {
			c.cfg.Log.Warn("calls were cut off", "error", err)
			_ = c.webServer.Close()
		}
	})
	wg.Go(func() {
		if err := c.gateway.Close(ctx); err != nil {
			c.cfg.Log.Warn("sessions were cut off", "error", err)
		}
		if err := c.agServer.Shutdown(ctx); err != nil {
			_ = c.agServer.Close()
		}
	})
	wg.Wait()
}

func served(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve: %w", err)
}

// Close gives everything back. Run calls it; it may be called again.
func (c *Controller) Close() error {
	c.closed.Do(func() {
		var errs []error
		for _, l := range []net.Listener{c.web, c.agents} {
			if l != nil {
				if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
					errs = append(errs, err)
				}
			}
		}
		if c.api != nil {
			c.api.Close()
		}
		if c.gateway != nil {
			ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
			defer cancel()
			errs = append(errs, c.gateway.Close(ctx))
		}
		if c.store != nil {
			errs = append(errs, c.store.Close())
		}
		if c.lock != nil {
			errs = append(errs, c.lock.Close())
		}
		c.err = errors.Join(errs...)
	})
	return c.err
}

func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
