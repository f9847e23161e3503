package machine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"
)

// Options of a command over ssh.
type Options struct {
	TTY        bool // a terminal; stderr then arrives in stdout, as it does for people
	Stdin      io.Reader
	Lines      bool // without a terminal, keep stdin open for Send
	Rows, Cols int  // of the terminal, 24 by 80 when zero
}

// SSH runs a command line as a user, through that user's shell, and waits.
func (m *Machine) SSH(ctx context.Context, user, command string, o Options) (Result, error) {
	session, err := m.Open(ctx, user, command, o)
	if err != nil {
		return Result{}, err
	}
	return session.Wait(ctx)
}

// Session is a command that runs on a machine over its own ssh connection.
type Session struct {
	client  *ssh.Client
	session *ssh.Session
	stdin   io.WriteCloser
	out     *screen
	errs    *screen
	done    chan struct{}
	err     error // how it ended, set before done is closed
}

// Open starts a command line as a user and returns while it runs. An empty
// command is a login shell.
func (m *Machine) Open(ctx context.Context, user, command string, o Options) (*Session, error) {
	client, err := m.dial(ctx, user)
	if err != nil {
		return nil, err
	}
	s, err := start(client, command, o)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("run %q as %s on %s: %w", command, user, m.Name, err), client.Close())
	}
	return s, nil
}

func (m *Machine) dial(ctx context.Context, user string) (*ssh.Client, error) {
	address := net.JoinHostPort(m.Addr.String(), "22")
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("reach %s: %w", m.Name, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	inner, channels, requests, err := ssh.NewClientConn(conn, address, &ssh.ClientConfig{
		User:            user,
		Auth:            []ssh.AuthMethod{ssh.PublicKeys(m.lab.user)},
		HostKeyCallback: ssh.FixedHostKey(m.lab.host.PublicKey()),
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("sign in to %s as %s: %w", m.Name, user, err), conn.Close())
	}
	return ssh.NewClient(inner, channels, requests), nil
}

func start(client *ssh.Client, command string, o Options) (*Session, error) {
	session, err := client.NewSession()
	if err != nil {
		return nil, err
	}
	s := &Session{client: client, session: session, out: newScreen(), errs: newScreen(), done: make(chan struct{})}
	session.Stdout, session.Stderr = s.out, s.errs
	if o.Stdin != nil {
		session.Stdin = o.Stdin
	} else if s.stdin, err = session.StdinPipe(); err != nil {
		return nil, err
	}
	if o.TTY {
		rows, cols := o.Rows, o.Cols
		if rows == 0 || cols == 0 {
			rows, cols = 24, 80
		}
		if err := session.RequestPty("xterm", rows, cols, ssh.TerminalModes{ssh.ECHO: 1}); err != nil {
			return nil, err
		}
	} else if o.Stdin == nil && !o.Lines {
		_ = s.stdin.Close() // a program that reads gets the end of input, not silence
	}
	if command == "" {
		err = session.Shell()
	} else {
		err = session.Start(command)
	}
	if err != nil {
		return nil, err
	}
	go func() {
		s.err = session.Wait()
		s.out.end()
		s.errs.end()
		_ = client.Close()
		close(s.done)
	}()
	return s, nil
}

// Expect waits until text has appeared in stdout after what earlier calls of
// Expect matched. It is an error when the command ends or ctx is done first.
func (s *Session) Expect(ctx context.Context, text string) error { return s.out.expect(ctx, text) }

// Text is everything that came on stdout so far.
func (s *Session) Text() string { return s.out.text() }

// Line answers the next line of stdout, without its end.
func (s *Session) Line(ctx context.Context) (string, error) { return s.out.line(ctx) }

// Send types text. "\r" is the key Enter, "\x03" is Ctrl-C; both need a terminal.
func (s *Session) Send(text string) error {
	if s.stdin == nil {
		return errors.New("the session has its own stdin")
	}
	_, err := io.WriteString(s.stdin, text)
	return err
}

// Resize changes the size of the terminal.
func (s *Session) Resize(rows, cols int) error { return s.session.WindowChange(rows, cols) }

// Hangup cuts the connection, as a closed laptop does.
func (s *Session) Hangup() error {
	err := s.client.Close()
	<-s.done
	return err
}

// Wait answers how the command ended and everything it printed.
func (s *Session) Wait(ctx context.Context) (Result, error) {
	select {
	case <-s.done:
	case <-ctx.Done():
		return Result{s.out.text(), s.errs.text(), -1}, errors.Join(fmt.Errorf("wait for the command: %w, so far:\n%s%s", ctx.Err(), s.out.text(), s.errs.text()), s.Hangup())
	}
	result := Result{Stdout: s.out.text(), Stderr: s.errs.text()}
	var exit *ssh.ExitError
	switch {
	case s.err == nil:
		return result, nil
	case errors.As(s.err, &exit):
		result.Code = exit.ExitStatus()
		return result, nil
	}
	return result, fmt.Errorf("the connection ended: %w", s.err)
}

// screen keeps what a program prints and wakes those who wait for a text.
type screen struct {
	mu      sync.Mutex // guards the fields below
	raw     bytes.Buffer
	matched int
	ended   bool
	news    chan struct{} // closed and replaced at every change
}

func newScreen() *screen { return &screen{news: make(chan struct{})} }

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wakeLocked()
	return s.raw.Write(p)
}

func (s *screen) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.wakeLocked()
}

func (s *screen) wakeLocked() {
	close(s.news)
	s.news = make(chan struct{})
}

func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.raw.String()
}

func (s *screen) expect(ctx context.Context, text string) error {
	_, err := s.before(ctx, text)
	return err
}

func (s *screen) line(ctx context.Context) (string, error) { return s.before(ctx, "\n") }

// before waits for a text and answers what stands before it and was not
// matched yet.
func (s *screen) before(ctx context.Context, text string) (string, error) {
	for {
		s.mu.Lock()
		rest := s.raw.String()[s.matched:]
		if at := strings.Index(rest, text); at >= 0 {
			s.matched += at + len(text)
			s.mu.Unlock()
			return rest[:at], nil
		}
		ended, news := s.ended, s.news
		s.mu.Unlock()
		if ended {
			return "", fmt.Errorf("it ended without printing %q, but printed:\n%s", text, rest)
		}
		select {
		case <-news:
		case <-ctx.Done():
			return "", fmt.Errorf("wait for %q: %w, so far:\n%s", text, ctx.Err(), rest)
		}
	}
}
