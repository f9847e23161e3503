package local

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/elevation"
)

// plainDoor is a door as that of Windows: its connections pass no descriptors, and
// who has come is known with what they send first.
type plainDoor struct {
	l *net.UnixListener
	socket
}

// plain hides that it could pass descriptors.
type plain struct {
	net.Conn
	first []byte
}

func (c *plain) Read(p []byte) (int, error) {
	if len(c.first) > 0 {
		n := copy(p, c.first)
		c.first = c.first[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}

func (d plainDoor) accept() (net.Conn, error) {
	c, err := d.l.AcceptUnix()
	if err != nil {
		return nil, err
	}
	return &plain{Conn: c}, nil
}

func (d plainDoor) peer(c net.Conn) (peer, error) {
	p, ok := c.(*plain)
	if !ok {
		return peer{}, errors.ErrUnsupported
	}
	var first [1]byte
	if _, err := io.ReadFull(p.Conn, first[:]); err != nil {
		return peer{}, err
	}
	p.first = first[:]
	u, _ := p.Conn.(*net.UnixConn)
	return peerOf(u)
}

func (plainDoor) crowd(net.Conn) string { return "a session" }

// openPlain serves behind a plain door and gives a client that knows it.
func openPlain(t *testing.T, d *desk) (Client, string) {
	t.Helper()
	return openPlainWith(t, d, d)
}

func openPlainWith(t *testing.T, d *desk, r Runner) (Client, string) {
	t.Helper()
	path := open(t, d, book{}) + ".plain"
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	s := serverAt(plainDoor{l: l, socket: socket{l}}, Config{Flow: book{}, Elevator: d, Runner: r, Salt: bytes.Repeat([]byte("s"), 32)})
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return Client{Path: path, dialer: dialPlain}, path
}

func dialPlain(ctx context.Context, path string) (net.Conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	return &plain{Conn: c}, nil
}

// pipeOf is a stream to write the text to, and one that reads it.
func pipeOf(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

// What a program reads and writes goes through the conversation where no
// descriptors can be lent: all of it, in order, with the exit code.
func TestStreamsAreRelayed(t *testing.T) {
	c, _ := openPlain(t, &desk{})
	inR, inW := pipeOf(t)
	outR, outW := pipeOf(t)
	errR, errW := pipeOf(t)
	text := strings.Repeat("0123456789abcdef", 64<<10) // sixteen times what is on the way at once
	go func() {
		_, _ = io.WriteString(inW, text)
		inW.Close()
	}()
	got, said := make(chan string, 1), make(chan string, 1)
	read := func(from io.Reader, to chan<- string) {
		raw, _ := io.ReadAll(from)
		to <- string(raw)
	}
	go read(outR, got)
	go read(errR, said)
	out := c.Run(t.Context(), RunOptions{Command: "sh", Args: []string{"-c", "cat; echo done >&2; exit 7"}}, Streams{In: inR, Out: outW, Err: errW})
	outW.Close()
	errW.Close()
	if out.Kind != Ran || out.Exit != 7 {
		t.Errorf("%+v", out)
	}
	if g := <-got; g != text {
		t.Errorf("%d bytes came back of %d", len(g), len(text))
	}
	if s := <-said; s != "done\n" {
		t.Errorf("stderr %q", s)
	}
}

// Before the approval nothing of what was typed is read, and a denial is one.
func TestRelayedStreamsAreDenied(t *testing.T) {
	d := &desk{elevate: func(context.Context, intercept.Ask, intercept.Person) error {
		return &intercept.Refused{By: "bo", Text: "no"}
	}}
	c, _ := openPlain(t, d)
	inR, inW := pipeOf(t)
	if _, err := io.WriteString(inW, "for somebody else\n"); err != nil {
		t.Fatal(err)
	}
	if out := c.Run(t.Context(), RunOptions{Command: "cat"}, Streams{In: inR, Out: os.Stdout, Err: os.Stderr}); out.Kind != Denied || out.Exit != 77 {
		t.Errorf("%+v", out)
	}
	inW.Close()
	if left, err := io.ReadAll(inR); err != nil || string(left) != "for somebody else\n" {
		t.Errorf("left %q, %v", left, err)
	}
}

// broken is a machine on which nothing starts.
type broken struct{ *desk }

func (broken) Run(_ context.Context, _ intercept.Permit, spec privilege.Spec, _ func(string)) (*privilege.Running, error) {
	closeAll(spec.Files[:])
	return nil, privilege.ErrNotContained
}

// A program that can not be started is told of, and the agent lives on.
func TestRelayedStreamsOfNothing(t *testing.T) {
	d := &desk{}
	c, _ := openPlainWith(t, d, broken{d})
	for range 2 {
		if out := c.Run(t.Context(), RunOptions{Command: "id"}, Streams{Out: os.Stdout, Err: os.Stderr}); out.Kind != Failed {
			t.Errorf("%+v", out)
		}
	}
}

// A program that writes without end is stopped by whoever does not read, and ends
// when they close their end.
func TestAProgramThatWritesWithoutEnd(t *testing.T) {
	d := &desk{}
	c, _ := openPlain(t, d)
	outR, outW := pipeOf(t)
	ended := make(chan Outcome, 1)
	go func() {
		ended <- c.Run(t.Context(), RunOptions{Command: "sh", Args: []string{"-c", "yes; exit 3"}}, Streams{Out: outW, Err: os.Stderr})
	}()
	if _, err := io.ReadFull(outR, make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	select {
	case out := <-ended:
		t.Fatalf("it ended: %+v", out)
	case <-time.After(frameWithin + time.Second): // nobody reads, and nothing is cut off
	}
	if _, err := io.ReadFull(outR, make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	outR.Close()
	select {
	case out := <-ended:
		if out.Kind != Ran || out.Exit != 3 {
			t.Errorf("%+v", out)
		}
	case <-time.After(time.Minute):
		t.Error("the program did not notice that nobody reads")
	}
}

// A client that is gone hangs its program up, also one that writes.
func TestAClientThatIsGoneEndsItsProgram(t *testing.T) {
	for name, script := range map[string]string{"silent": "exec sleep 300", "writing": "exec yes"} {
		t.Run(name, func(t *testing.T) {
			d := &desk{}
			_, path := openPlain(t, d)
			raw, err := dialPlain(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			con := &conn{c: raw}
			if err := con.write(kRun, runAsk{Version: Version, Command: []byte("sh"), Args: privilege.InBytes([]string{"-c", script}), Cwd: []byte("/")}); err != nil {
				t.Fatal(err)
			}
			for _, want := range []kind{kReady, kStarted} {
				f, _, err := con.read(time.Minute, 0)
				if err != nil || f.Kind != want {
					t.Fatalf("%q in place of %q, %v", f.Kind, want, err)
				}
				if want == kReady {
					if err := con.write(kFiles, empty{}); err != nil {
						t.Fatal(err)
					}
				}
			}
			raw.Close()
			running := d.last()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if err := d.trees.Gone(ctx, running.Tree); err != nil {
				t.Errorf("it goes on: %v", err)
			}
		})
	}
}

// A client that sends more than there is room for, or of a stream that is not
// there, loses the connection.
func TestRelayedFramesAreBounded(t *testing.T) {
	for name, bad := range map[string]any{
		"another stream":      data{To: 5, Bytes: []byte("x")},
		"the output":          data{To: 1, Bytes: []byte("x")},
		"room that is nobody": taken{To: 0, N: 1},
		"more room than all":  taken{To: 1, N: 1},
		"less than none":      taken{To: 1, N: -1},
	} {
		t.Run(name, func(t *testing.T) {
			k := kData
			if _, ok := bad.(taken); ok {
				k = kTaken
			}
			raw, err := pack(k, bad)
			if err != nil {
				t.Fatal(err)
			}
			f, err := unpack(raw[4:])
			if err != nil {
				t.Fatal(err)
			}
			files, s, err := relayed(func(kind, any) error { return nil })
			if err != nil {
				t.Fatal(err)
			}
			defer closeAll(files[:])
			if ours, err := s.heard(f); !ours || err == nil {
				t.Errorf("%v, %v", ours, err)
			}
			s.close()
		})
	}
	k := newSink(0, io.Discard, func() {}, func(kind, any) error { return nil })
	full := data{Bytes: make([]byte, streamRoom)}
	if err := errors.Join(k.put(full), k.put(data{End: true})); err != nil {
		t.Error(err)
	}
	if err := k.put(data{Bytes: []byte("x")}); !errors.Is(err, errRoom) {
		t.Errorf("after the end: %v", err)
	}
}

// Folders tell agents of one machine apart, and Address is made of the folder.
func TestAddress(t *testing.T) {
	if got := Address("/run/assent"); got != filepath.Join("/run/assent", "agent.sock") {
		t.Error(got)
	}
	if a := (intercept.Account{SID: "S-1-5-21-1-2-3-1001", UID: privilege.NoUID}); a.User() != "S-1-5-21-1-2-3-1001" || account(a).SID != a.SID {
		t.Error(a.User())
	}
	if (runAsk{Menu: true}).mechanism() != string(elevation.ByUAC) {
		t.Error("the menu is not told")
	}
}
