package servers

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// LogServer is a log server that reads counted octets and can go away and come
// back at the same address.
type LogServer struct {
	Addr string

	t   testing.TB
	cfg *tls.Config
	wg  sync.WaitGroup

	mu    sync.Mutex // guards the fields below
	l     net.Listener
	conns map[net.Conn]bool
	lines []string
	limit int
	deaf  bool
}

// NewLogServer serves until the test ends; without a configuration in clear.
func NewLogServer(t testing.TB, cfg *tls.Config) *LogServer {
	t.Helper()
	s := &LogServer{Addr: "127.0.0.1:0", t: t, cfg: cfg, conns: map[net.Conn]bool{}}
	s.Start()
	t.Cleanup(s.Stop)
	return s
}

// Start listens again after [LogServer.Stop].
func (s *LogServer) Start() {
	s.t.Helper()
	l, err := net.Listen("tcp", s.Addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	s.l, s.Addr = l, l.Addr().String()
	s.mu.Unlock()
	s.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if s.cfg != nil {
				c = tls.Server(c, s.cfg)
			}
			s.mu.Lock()
			s.conns[c] = true
			deaf := s.deaf
			s.mu.Unlock()
			if !deaf {
				s.wg.Go(func() { s.read(c) })
			}
		}
	})
}

// Stop ends the server and cuts its connections.
func (s *LogServer) Stop() {
	s.mu.Lock()
	_ = s.l.Close()
	for c := range s.conns {
		_ = c.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
}

// CutAfter cuts each connection after so many lines, 0 = none.
func (s *LogServer) CutAfter(lines int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limit = lines
}

// Deafen lets connections that come from now on stay unread.
func (s *LogServer) Deafen() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deaf = true
}

// Lines are all that came, in order.
func (s *LogServer) Lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.lines)
}

func (s *LogServer) read(c net.Conn) {
	defer c.Close()
	in, n := bufio.NewReader(c), 0
	for {
		count, err := in.ReadString(' ')
		if err != nil {
			return
		}
		size, err := strconv.Atoi(strings.TrimSuffix(count, " "))
		if err != nil || size <= 0 {
			s.t.Errorf("a frame that begins with %q", count)
			return
		}
		raw := make([]byte, size)
		if _, err := io.ReadFull(in, raw); err != nil {
			return
		}
		s.mu.Lock()
		s.lines = append(s.lines, string(raw))
		n++
		cut := s.limit > 0 && n >= s.limit
		s.mu.Unlock()
		if cut {
			return
		}
	}
}
