// Package sudo makes real sudo ask: its plugin (shim/assent_sudo.c) hands every
// call to the [Server], which lets through whoever has rights of their own, has
// everybody else's attempt answered by the elevator, and puts an approved one
// into force as a rule for that one sudo process.
//
// Nothing here decides who may do what, and no way through it gives more than
// sudo itself would: without a permit sudoers decides as if Assent were not
// there. open.go has the stage before sudoers is read, check.go the comparison
// right before the start, rule.go what sudoers is told, plugin.go installing.
package sudo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/shared/durable"
	"github.com/assent-epm/assent/shared/elevation"
)

// Effects is what the flow does around a sudo that may go on.
type Effects interface {
	// Release gives back a permit that was not armed; it may be used later.
	Release(grant elevation.GrantID)
	// Arm writes the grant into the ledger with everything that must be undone,
	// and then contains the held sudo. After an error nothing is in force.
	Arm(ctx context.Context, permit intercept.Permit, dropin string, sudoPID int) error
	// Start says that exactly what was approved is about to run; the rule is
	// out of force already. After an error nothing runs.
	Start(ctx context.Context, grant elevation.GrantID) error
	// Fail says that it never ran; the rule is out of force already. It may end
	// the contained sudo.
	Fail(ctx context.Context, grant elevation.GrantID, why error) error
	// Nested uses up the permit of a program that the one of grant outer starts,
	// and notes it there. After an error it does not start.
	Nested(ctx context.Context, outer elevation.GrantID, permit intercept.Permit) error
	// Listed notes a program that was not let start inside grant outer.
	Listed(outer elevation.GrantID, subject elevation.Subject, why string)
}

// Config is what a [Server] needs.
type Config struct {
	Socket   string // of the plugin, in a folder that only root can write
	Elevator intercept.Elevator
	Effects  Effects
	Sessions Sessions // nil: there are none
	House    intercept.House
	Salt     []byte // of this endpoint, for digests of arguments
	// Masks are the patterns of secrets in arguments; nil = only the known ones.
	Masks func() intercept.Patterns
	Voice intercept.Voice

	// Hold is how long an approval starts by itself: later Enter is asked for,
	// and without a terminal waiting ends. Default 10 min.
	Hold time.Duration
	// Armed is how long an approved sudo may take to come to its check before
	// the rule is taken back. Default 45 s: name services can be slow.
	Armed time.Duration

	// Nested is how many programs one approved command may start where each of
	// them is put to the rules. Default 5000.
	Nested int

	Now func() time.Time
	Log *slog.Logger
}

const (
	maxConns   = 512       // at once; a sudo beyond that is decided by sudoers alone
	maxBytes   = 128 << 20 // of all calls that are being read or answered
	maxOfBytes = 32 << 20  // of those of one user
	maxHeld    = 20        // attempts of one user that are held at once
	maxOfUser  = 64        // exchanges of one user at once, so that others are served
	effectTime = 10 * time.Second
	unseenTime = 5 * time.Second // for another sudo of the user to load the plugin, on a busy machine
)

// Server answers the plugin.
type Server struct {
	cfg    Config
	dir    string // where rules go
	rights *rights
	door   *net.UnixListener // nil before Listen
	since  uint64            // boot ticks at start: older sudos may have read rules of an earlier agent

	mu    sync.Mutex // guards the fields below
	users map[uint32]*user
	armed map[process]*armed
	inner map[process]*inner

	bytes atomic.Int64 // of calls, see maxBytes
	work  sync.WaitGroup
}

// process is one sudo, and never another one of the same number.
type process struct {
	pid   int
	start uint64
}

// user is what must not happen twice at once for one person.
type user struct {
	// turn is held from before a rule comes into force until after it is gone,
	// and while sudo is asked about rights, which such a rule would falsify.
	turn  chan struct{}
	last  uint64 // boot ticks when a rule was last in force
	live  bool
	holds int
	calls int // exchanges
	bytes atomic.Int64
}

// New makes a server; nothing is touched before [Server.Serve].
func New(cfg Config) (*Server, error) {
	if cfg.Socket == "" || cfg.Elevator == nil || cfg.Effects == nil || cfg.House == nil || cfg.Log == nil || len(cfg.Salt) < 16 {
		return nil, errors.New("sudo: the configuration is incomplete")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Masks == nil {
		cfg.Masks = func() intercept.Patterns { return nil }
	}
	if cfg.Hold <= 0 {
		cfg.Hold = 10 * time.Minute
	}
	if cfg.Nested <= 0 {
		cfg.Nested = 5000
	}
	if cfg.Armed <= 0 {
		cfg.Armed = 45 * time.Second
	}
	return &Server{cfg: cfg, dir: sudoersDir, users: map[uint32]*user{}, armed: map[process]*armed{}, inner: map[process]*inner{}}, nil
}

// Listen opens the plugin's socket for [Server.Serve], which must follow. The
// caller holds the lock of [Lock].
func (s *Server) Listen() error {
	l, err := s.listen()
	s.door = l
	return err
}

// Serve answers the plugin until ctx ends, and returns when nothing of it is
// left: every rule is out of force. It listens when [Server.Listen] did not.
func (s *Server) Serve(ctx context.Context) error {
	if s.door == nil {
		if err := s.Listen(); err != nil {
			return err
		}
	}
	l := s.door
	defer s.rights.Close()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	slots := make(chan struct{}, maxConns)
	for {
		c, err := l.AcceptUnix()
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			s.cfg.Log.Warn("accept a sudo", "error", err)
			if !pause(ctx, 100*time.Millisecond) {
				break
			}
			continue
		}
		select { // a crowd of one user's is sent away at once, so a slot is soon free
		case slots <- struct{}{}:
		case <-time.After(time.Second):
			c.Close()
			continue
		}
		s.work.Go(func() {
			defer func() { <-slots }()
			s.attend(ctx, c)
		})
	}
	s.work.Wait()
	return nil
}

func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

func (s *Server) listen() (*net.UnixListener, error) {
	if removed, err := CleanDropins(s.dir); err != nil {
		return nil, err
	} else if len(removed) > 0 {
		s.cfg.Log.Warn("rules of an earlier agent were removed", "rules", removed)
	}
	if err := os.MkdirAll(s.dir, 0o750); err != nil {
		return nil, fmt.Errorf("make the folder for rules: %w", err)
	}
	since, err := bootTicks()
	if err != nil {
		return nil, fmt.Errorf("read the clock: %w", err)
	}
	s.since = since
	if err := os.MkdirAll(filepath.Dir(s.cfg.Socket), 0o755); err != nil {
		return nil, fmt.Errorf("make the runtime folder: %w", err)
	}
	if err := durable.Remove(s.cfg.Socket); err != nil {
		return nil, fmt.Errorf("remove the old plugin socket: %w", err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: s.cfg.Socket, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("listen for the plugin: %w", err)
	}
	if err := os.Chmod(s.cfg.Socket, 0o600); err != nil {
		l.Close()
		return nil, fmt.Errorf("close the plugin socket to others: %w", err)
	}
	s.rights = newRights(s.cfg.Now)
	return l, nil
}

// attend is one exchange with the plugin. Whoever is refused here is treated by
// the plugin as if there were no agent.
func (s *Server) attend(ctx context.Context, c *net.UnixConn) {
	defer c.Close()
	p, err := identify(c)
	if err != nil {
		s.cfg.Log.Warn("a peer was refused on the plugin socket", "error", err)
		return
	}
	kept := false // by the watcher of an armed rule
	defer func() {
		if !kept {
			p.close()
		}
	}()
	u, err := s.admit(p)
	if err != nil {
		s.cfg.Log.Warn("a sudo was refused on the plugin socket", "sudo_pid", p.pid, "error", err)
		return
	}
	defer s.dismiss(u)
	k := newConn(ctx, c)
	defer k.cancel(nil)
	k.send('H', "") // also while it is still talking: it waits 2 s for us
	c.SetReadDeadline(time.Now().Add(readTime))
	in := &metered{r: k.r, sum: &s.bytes, own: &u.bytes}
	defer in.release()
	q, err := readCall(in)
	if err != nil {
		s.cfg.Log.Warn("a call of the plugin was not understood", "sudo_pid", p.pid, "error", err)
		return
	}
	c.SetReadDeadline(time.Time{})
	s.work.Go(k.heartbeats)
	s.work.Go(k.listen)
	var v verdict
	if q.stage == stageCheck {
		v = s.check(k, p, q)
	} else {
		v = s.open(k, p, q)
	}
	kept = v.keepsPeer
	if v.allow {
		k.send('A', v.text)
	} else {
		k.send('D', q.fitted(v.text))
	}
	if v.after != nil {
		v.after()
	}
}

// metered counts what is read towards a sum over all exchanges, and fails when
// that grows too large: many sudos with megabytes of arguments must not use up
// the machine's memory.
type metered struct {
	r        io.Reader
	sum, own *atomic.Int64
	n        int64
}

func (m *metered) Read(b []byte) (int, error) {
	n, err := m.r.Read(b)
	m.n += int64(n)
	if all, own := m.sum.Add(int64(n)), m.own.Add(int64(n)); all > maxBytes || own > maxOfBytes {
		return 0, fmt.Errorf("%w: too much from all together", errFrame)
	}
	return n, err
}

func (m *metered) release() {
	m.sum.Add(-m.n)
	m.own.Add(-m.n)
}

// verdict is what the plugin is told. The zero value denies.
type verdict struct {
	allow     bool
	text      string // shown when denied; ownRight when allowed for that reason
	keepsPeer bool   // somebody else closes the peer
	after     func() // done once the plugin knows
}

func refuse(text string) verdict { return verdict{text: text} }

// of is the state of one user, made when it is first needed.
func (s *Server) of(uid uint32) *user {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.users[uid]
	if u == nil {
		u = &user{turn: make(chan struct{}, 1)}
		s.users[uid] = u
	}
	return u
}

// admit counts an exchange of the user who started the sudo.
func (s *Server) admit(p *peer) (*user, error) {
	uid, err := p.realUID()
	if err != nil {
		return nil, err
	}
	u := s.of(uid)
	s.mu.Lock()
	defer s.mu.Unlock()
	if u.calls >= maxOfUser {
		return nil, fmt.Errorf("user %d has %d of them at once", uid, u.calls)
	}
	u.calls++
	return u, nil
}

func (s *Server) dismiss(u *user) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u.calls--
}

// take waits for the turn of a user.
func (u *user) take(ctx context.Context) error {
	select {
	case u.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (u *user) give() { <-u.turn }

// hold counts an attempt that waits; false = there are too many.
func (s *Server) hold(u *user) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u.holds >= maxHeld {
		return false
	}
	u.holds++
	return true
}

func (s *Server) release(u *user) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u.holds--
}

// effectCtx lets an effect finish that must not be half done, whoever went away.
func effectCtx(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), effectTime)
}
