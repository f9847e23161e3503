package polkit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/shared/durable"
	"github.com/assent-epm/assent/shared/elevation"
)

// Effects is what the flow does with what is approved already.
type Effects interface {
	// Claim gives out a permit that waits for an attempt; it asks nobody.
	Claim(attempt elevation.Attempt) (intercept.Permit, bool)
	// Release gives back a permit that was not used.
	Release(grant elevation.GrantID)
	// Spend takes the one use of a permit for something that is over at once.
	Spend(permit intercept.Permit) error
	// Arm, Start and Fail are those of sudo: the process is contained before it
	// may go on.
	Arm(ctx context.Context, permit intercept.Permit, dropin string, pid int) error
	Start(ctx context.Context, grant elevation.GrantID) error
	Fail(ctx context.Context, grant elevation.GrantID, why error) error
}

// Config is what a [Server] needs.
type Config struct {
	Socket   string // for the helper, in a folder that only root can write
	Asker    uint32 // the uid of polkitd, which alone may ask
	Elevator intercept.Elevator
	Effects  Effects
	House    intercept.House
	Desk     intercept.Desk
	Salt     []byte // of this endpoint, for digests of arguments
	// Masks are the patterns of secrets in arguments; nil = only the known ones.
	Masks func() intercept.Patterns
	Log   *slog.Logger

	// For tests; the zero value is this machine.
	dirs   []string // of policy files
	pkexec string
	lookup func(name string) (intercept.Account, error)
}

const (
	maxConns  = 32 // at once
	readTime  = 2 * time.Second
	armTime   = 4 * time.Second // the helper waits for 6
	maxRaised = 256             // attempts that are being asked for
	maxOfUser = 16
	maxSights = 8 // observed attempts that are being looked at

	window      = 10 * time.Second
	maxInWindow = 40 // questions of one user in a window
)

// Server answers the helper.
type Server struct {
	cfg     Config
	actions *actions
	sights  chan struct{}
	work    sync.WaitGroup

	mu     sync.Mutex // guards the fields below
	raised map[key]*raised
	counts map[uint32]*count
}

type count struct {
	n     int
	since time.Time
}

// New makes a server; nothing is touched before [Server.Serve].
func New(cfg Config) (*Server, error) {
	if cfg.Socket == "" || cfg.Elevator == nil || cfg.Effects == nil || cfg.House == nil || cfg.Desk == nil || cfg.Log == nil || len(cfg.Salt) < 16 {
		return nil, errors.New("polkit: the configuration is incomplete")
	}
	if cfg.Masks == nil {
		cfg.Masks = func() intercept.Patterns { return nil }
	}
	if cfg.dirs == nil {
		cfg.dirs = actionDirs()
	}
	if cfg.lookup == nil {
		cfg.lookup = intercept.LookupName
	}
	if cfg.pkexec == "" {
		cfg.pkexec = pkexecPath
	}
	return &Server{cfg: cfg, actions: &actions{dirs: cfg.dirs}, sights: make(chan struct{}, maxSights),
		raised: map[key]*raised{}, counts: map[uint32]*count{}}, nil
}

// Listen opens the socket for polkitd alone.
func (s *Server) Listen() (*net.UnixListener, error) {
	if err := os.MkdirAll(filepath.Dir(s.cfg.Socket), 0o755); err != nil {
		return nil, fmt.Errorf("make the runtime folder: %w", err)
	}
	if err := durable.Remove(s.cfg.Socket); err != nil {
		return nil, fmt.Errorf("remove the old socket for polkit: %w", err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: s.cfg.Socket, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("listen for polkit: %w", err)
	}
	// First its mode, then its owner: at no moment may anybody else connect.
	if err := errors.Join(os.Chmod(s.cfg.Socket, 0o600), os.Lchown(s.cfg.Socket, int(s.cfg.Asker), 0)); err != nil {
		return nil, errors.Join(fmt.Errorf("close the socket for polkit to others: %w", err), l.Close())
	}
	return l, nil
}

// Serve answers on l until ctx ends. Requests that wait go on at the controller.
func (s *Server) Serve(ctx context.Context, l *net.UnixListener) error {
	s.actions.of("") // the first question shall not wait for the files to be read
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	defer s.work.Wait()
	slots := make(chan struct{}, maxConns)
	for {
		c, err := l.AcceptUnix()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("serve polkit: %w", err)
		case err != nil:
			s.cfg.Log.Warn("accept a question of polkit", "error", err)
			pause(ctx, 50*time.Millisecond)
			continue
		}
		select {
		case slots <- struct{}{}:
		default: // polkitd asks one at a time
			_ = c.Close()
			continue
		}
		s.work.Go(func() {
			defer func() { <-slots }()
			s.attend(ctx, c)
		})
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// attend is one question. Whoever is refused here is treated by the rule as if
// there were no agent.
func (s *Server) attend(ctx context.Context, c *net.UnixConn) {
	defer c.Close()
	if err := s.identify(c); err != nil {
		s.cfg.Log.Warn("a peer was refused on the socket for polkit", "error", err)
		return
	}
	if err := c.SetDeadline(time.Now().Add(readTime)); err != nil {
		return
	}
	if _, err := c.Write([]byte{'H'}); err != nil {
		return
	}
	parts, err := readFrame(c)
	var q question
	if err == nil {
		q, err = parse(parts)
	}
	if err != nil {
		s.cfg.Log.Warn("a question of polkit was not understood", "error", err)
		return
	}
	answer, undo := s.answer(ctx, q)
	_ = c.SetWriteDeadline(time.Now().Add(readTime))
	if _, err := c.Write([]byte{byte(answer)}); err != nil && undo != nil {
		undo(fmt.Errorf("polkit did not take the answer: %w", err))
	}
}

// identify lets polkitd alone ask, by what the kernel says of the peer. An
// identity that can not be read is none.
func (s *Server) identify(c *net.UnixConn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var cred *unix.Ucred
	var credErr error
	err = raw.Control(func(fd uintptr) { cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err := errors.Join(err, credErr); err != nil {
		return fmt.Errorf("look at the peer: %w", err)
	}
	if cred.Uid != s.cfg.Asker || cred.Pid <= 0 || cred.Uid == ^uint32(0) {
		return fmt.Errorf("uid %d, process %d: %w", cred.Uid, cred.Pid, os.ErrPermission)
	}
	return nil
}

// tooOften counts a question of a user.
func (s *Server) tooOften(uid uint32, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.counts[uid]
	if c == nil || now.Sub(c.since) > window {
		if len(s.counts) > 1024 {
			clear(s.counts)
		}
		c = &count{since: now}
		s.counts[uid] = c
	}
	c.n++
	return c.n > maxInWindow
}
