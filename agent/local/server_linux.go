package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/assent-epm/assent/shared/elevation"
)

// Server is the agent's side of the users' socket.
type Server struct {
	cfg Config
	l   *net.UnixListener

	mu    sync.Mutex // guards the fields below
	users map[uint32]int
	all   int
}

// Listen opens the socket for everybody. It refuses a folder that others than
// root can write, and a socket at which another agent answers.
func Listen(cfg Config) (*Server, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Hold == 0 {
		cfg.Hold = DefaultHold
	}
	if err := SafeFolder(filepath.Dir(cfg.Path)); err != nil {
		return nil, fmt.Errorf("open the users' socket: %w", err)
	}
	if c, err := net.Dial("unix", cfg.Path); err == nil {
		_ = c.Close() // only to see whether somebody is there
		return nil, fmt.Errorf("open the users' socket: another agent answers at %s", cfg.Path)
	}
	if err := os.Remove(cfg.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open the users' socket: %w", err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: cfg.Path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("open the users' socket: %w", err)
	}
	if err := os.Chmod(cfg.Path, 0o666); err != nil {
		return nil, errors.Join(fmt.Errorf("open the users' socket: %w", err), l.Close())
	}
	return &Server{cfg: cfg, l: l, users: map[uint32]int{}}, nil
}

// SafeFolder makes sure that nobody else can put something of theirs in the
// place of what we keep in a folder: it is ours alone, and so are those above
// it, or things in them can only be moved by their owners.
func SafeFolder(dir string) error {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return err
	}
	for p := dir; ; p = filepath.Dir(p) {
		var st unix.Stat_t
		if err := unix.Lstat(p, &st); err != nil {
			return fmt.Errorf("look at %s: %w", p, err)
		}
		mine := st.Uid == 0 || int(st.Uid) == os.Geteuid()
		open := st.Mode&0o022 != 0 && (p == dir || st.Mode&unix.S_ISVTX == 0)
		if !mine || open {
			return fmt.Errorf("others can change the folder %s: %w", p, fs.ErrPermission)
		}
		if p == "/" || p == "." {
			return nil
		}
	}
}

// Serve answers until ctx ends; then it stops accepting, ends every
// conversation and returns. What runs goes on: clients with a terminal keep it.
func (s *Server) Serve(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = s.l.Close() })
	defer stop()
	var conversations sync.WaitGroup
	defer conversations.Wait()
	for {
		c, err := s.l.AcceptUnix()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("serve the users' socket: %w", err)
		case err != nil: // out of descriptors: those who are connected end some time
			s.cfg.Log.Error("accept a user's connection", "error", err)
			pause(ctx, 50*time.Millisecond)
			continue
		}
		p, err := peerOf(c)
		if err != nil {
			s.cfg.Log.Warn("a connection without a usable identity is refused", "error", err)
			_ = c.Close()
			continue
		}
		if !s.enter(p.uid) {
			refuse(c)
			continue
		}
		conversations.Go(func() {
			defer s.leave(p.uid)
			defer c.Close()
			over := context.AfterFunc(ctx, func() { _ = c.Close() })
			defer over()
			s.serve(ctx, &conn{c: c}, p)
		})
	}
}

// Close closes the socket; Serve returns.
func (s *Server) Close() error { return s.l.Close() }

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

func (s *Server) enter(uid uint32) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users[uid] >= maxPerUser || s.all >= maxConnections {
		return false
	}
	s.users[uid]++
	s.all++
	return true
}

func (s *Server) leave(uid uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all--
	if s.users[uid]--; s.users[uid] == 0 {
		delete(s.users, uid)
	}
}

// refuse says in one write why, and takes no time for it: what is not taken at
// once is not said. A deadline would not do, as a busy machine can let it pass
// before the write.
func refuse(c *net.UnixConn) {
	frame, err := pack(kEnded, ended{Kind: Failed, Exit: Failed.ExitCode(), Text: ErrBusy.Error(),
		Hints: []string{fmt.Sprintf("%d at a time are served; end one and try again", maxPerUser)}})
	if raw, e := c.SyscallConn(); err == nil && e == nil {
		_ = raw.Write(func(fd uintptr) bool {
			_ = unix.Sendto(int(fd), frame, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, nil) // whether they hear it is up to them
			return true
		})
	}
	_ = c.Close()
}

// peer is who connected, as the kernel wrote it down at that moment. pid may be
// somebody else by now and is only used to say which program asked.
type peer struct {
	uid, gid uint32
	pid      int
}

// peerOf refuses a peer that has no usable identity or is already gone.
func peerOf(c *net.UnixConn) (peer, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return peer{}, fmt.Errorf("look at the peer: %w", err)
	}
	var cred *unix.Ucred
	pidfd, credErr, pidErr := -1, error(nil), error(nil)
	err = raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
		pidfd, pidErr = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PEERPIDFD)
	})
	if err := errors.Join(err, credErr); err != nil {
		return peer{}, fmt.Errorf("look at the peer: %w", err)
	}
	p := peer{uid: cred.Uid, gid: cred.Gid, pid: int(cred.Pid)}
	if err := p.usable(); err != nil {
		closeFD(pidfd, pidErr)
		return peer{}, err
	}
	switch {
	case errors.Is(pidErr, unix.ENOPROTOOPT):
		p.pid = 0 // an old kernel: the program that asks is not known
		return p, nil
	case pidErr != nil:
		return peer{}, fmt.Errorf("look at the peer: %w", pidErr)
	}
	defer closeFD(pidfd, nil)
	if n, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, 0); err != nil || n != 0 {
		return peer{}, errors.New("look at the peer: it is gone")
	}
	return p, nil
}

func closeFD(fd int, err error) {
	if err == nil && fd >= 0 {
		_ = unix.Close(fd)
	}
}

// overflowID stands for users of another namespace that this one has no number
// for: it can be anybody.
const overflowID = 65534

func (p peer) usable() error {
	if p.uid == ^uint32(0) || p.gid == ^uint32(0) || p.uid == overflowID || p.pid <= 0 {
		return fmt.Errorf("look at the peer: uid %d, gid %d, pid %d", p.uid, p.gid, p.pid)
	}
	return nil
}

func (s *Server) serve(ctx context.Context, c *conn, p peer) {
	f, _, err := c.read(firstWithin, 0)
	if err != nil {
		s.cfg.Log.Debug("a user's connection ends", "uid", p.uid, "error", err)
		return
	}
	switch f.Kind {
	case kAsk:
		err = s.answer(c, p, f)
	case kWatch:
		err = s.watch(ctx, c, p, f)
	case kRun:
		err = s.run(ctx, c, p, f)
	default:
		err = fmt.Errorf("%w: it begins with %q", errFrame, clip(string(f.Kind)))
	}
	if err != nil {
		s.cfg.Log.Debug("a user's connection ends", "uid", p.uid, "error", err)
	}
}

func clip(s string) string { return s[:min(len(s), 32)] }

func (s *Server) answer(c *conn, p peer, f frame) error {
	var q ask
	if err := f.into(&q); err != nil {
		return err
	}
	if q.Version != Version {
		return c.write(kAnswer, answer{Code: "invalid", Error: "assent and the agent are of different versions"})
	}
	var a answer
	var id elevation.RequestID
	var err error
	switch q.What {
	case "status":
		st := s.cfg.Flow.Status(p.uid)
		a.Status = &st
	case "list":
		a.Items, a.More = fitting(s.cfg.Flow.List(p.uid))
	case "view", "cancel", "checkin", "answer", "extend", "resubmit", "remove":
		id, err = s.find(p.uid, q.ID)
		if err == nil {
			a.Items, err = s.act(p.uid, q, id)
		}
	default:
		err = fmt.Errorf("%w: %q is not asked here", errFrame, clip(q.What))
	}
	if err != nil {
		a = answer{Error: err.Error(), Code: codeOf(err)}
	}
	return c.write(kAnswer, a)
}

func (s *Server) act(uid uint32, q ask, id elevation.RequestID) ([]Item, error) {
	var err error
	switch q.What {
	case "cancel":
		err = s.cfg.Flow.Cancel(uid, id)
	case "checkin":
		err = s.cfg.Flow.CheckIn(uid, id)
	case "answer":
		err = s.cfg.Flow.Answer(uid, id, q.Text)
	case "extend":
		id, err = s.cfg.Flow.Extend(uid, id, q.For, q.Text)
	case "resubmit":
		id, err = s.cfg.Flow.Resubmit(uid, id, q.Text)
	case "remove":
		err = s.cfg.Flow.Remove(uid, id)
	}
	if err != nil {
		return nil, err
	}
	it, err := s.cfg.Flow.View(uid, id)
	return []Item{it}, err
}

// find completes the ending of an id among the caller's own requests.
func (s *Server) find(uid uint32, text string) (elevation.RequestID, error) {
	if elevation.CheckID(elevation.RequestPrefix, text) == nil {
		return elevation.RequestID(text), nil
	}
	if len(text) < 6 {
		return "", ErrNotFound
	}
	var found elevation.RequestID
	for _, it := range s.cfg.Flow.List(uid) {
		switch {
		case !strings.HasSuffix(string(it.ID), text):
		case found != "":
			return "", ErrAmbiguous
		default:
			found = it.ID
		}
	}
	if found == "" {
		return "", ErrNotFound
	}
	return found, nil
}

// fitting cuts a list to what one frame holds.
func fitting(items []Item) (fit []Item, more bool) {
	for n := len(items); n > 0; n = n * 3 / 4 {
		if _, err := pack(kAnswer, answer{Items: items[:n]}); err == nil {
			return items[:n], n < len(items)
		}
	}
	return nil, len(items) > 0
}

// The codes of an answer, so that the client can exit with the right one.
func codeOf(err error) string {
	switch {
	case errors.Is(err, ErrNotFound):
		return "not_found"
	case errors.Is(err, ErrAmbiguous):
		return "ambiguous"
	case errors.Is(err, ErrConflict):
		return "conflict"
	case errors.Is(err, ErrOffline):
		return "offline"
	case errors.Is(err, errFrame), errors.Is(err, ErrInvalid):
		return "invalid"
	}
	return "failed"
}
