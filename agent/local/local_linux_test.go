package local

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/agent/words"
	"github.com/assent-epm/assent/e2e/testgroup"
	"github.com/assent-epm/assent/shared/elevation"
)

// desk is a small agent: it answers attempts as the test says and runs permits
// with real processes.
type desk struct {
	trees   *privilege.Trees
	words   elevation.Words
	reasons *words.Reasons
	// elevate answers an attempt; nil approves.
	elevate func(ctx context.Context, ask intercept.Ask, p intercept.Person) error

	mu       sync.Mutex // guards the fields below
	asks     []intercept.Ask
	released int
	running  []*privilege.Running
	say      func(string) // to the person in front of the last program
}

func (d *desk) Elevate(ctx context.Context, ask intercept.Ask, p intercept.Person) (intercept.Permit, error) {
	d.mu.Lock()
	d.asks = append(d.asks, ask)
	d.mu.Unlock()
	if d.elevate != nil {
		if err := d.elevate(ctx, ask, p); err != nil {
			return intercept.Permit{}, err
		}
	}
	return intercept.Permit{Grant: elevation.Grant{ID: elevation.NewGrantID(time.Now())}}, nil
}

func (d *desk) Run(ctx context.Context, permit intercept.Permit, spec privilege.Spec, say func(string)) (*privilege.Running, error) {
	spec.Grant, spec.TTL = permit.Grant.ID, time.Minute
	r, err := d.trees.Start(ctx, spec)
	if err == nil {
		d.mu.Lock()
		d.running, d.say = append(d.running, r), say
		d.mu.Unlock()
	}
	return r, err
}

func (d *desk) Release(elevation.GrantID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.released++
}

// last is the program that was started last, once there is one: its text can be read
// before it is noted here.
func (d *desk) last() *privilege.Running {
	for begin := time.Now(); time.Since(begin) < time.Minute; runtime.Gosched() {
		d.mu.Lock()
		n := len(d.running)
		if n > 0 {
			defer d.mu.Unlock()
			return d.running[n-1]
		}
		d.mu.Unlock()
	}
	return nil
}

func (d *desk) count() (asks, runs, released int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.asks), len(d.running), d.released
}

// book is a flow over a fixed list, with the check that every flow must make.
type book struct {
	owner   string
	items   []Item
	notices chan Notice // for whoever is the owner
	sits    chan string // who can be asked, "" = not any more; nil = nobody listens
}

func (b book) Watch(user string) (<-chan Notice, func(), error) {
	if user != b.owner || b.notices == nil {
		return nil, nil, ErrBusy
	}
	return b.notices, func() {}, nil
}

func (b book) Sits(user string) func() {
	if b.sits == nil {
		return func() {}
	}
	b.sits <- user
	return func() { b.sits <- "" }
}

func (b book) Status(user string) Status { return Status{Connected: true, Waiting: len(b.List(user))} }

func (b book) List(user string) []Item {
	if user != b.owner {
		return nil
	}
	return b.items
}

func (b book) View(user string, id elevation.RequestID) (Item, error) {
	for _, it := range b.List(user) {
		if it.ID == id {
			return it, nil
		}
	}
	return Item{}, ErrNotFound
}

func (b book) Cancel(user string, id elevation.RequestID) error {
	it, err := b.View(user, id)
	if err == nil && it.State != "pending" {
		err = ErrConflict
	}
	return err
}

func (b book) CheckIn(user string, id elevation.RequestID) error {
	_, err := b.View(user, id)
	return err
}

func (b book) Answer(user string, id elevation.RequestID, text string) error {
	if _, err := b.View(user, id); err != nil {
		return err
	}
	if text == "" {
		return fmt.Errorf("%w: the answer is empty", ErrInvalid)
	}
	return nil
}

func (b book) Extend(user string, id elevation.RequestID, more time.Duration, _ string) (elevation.RequestID, error) {
	if more == 0 {
		return "", ErrOffline
	}
	_, err := b.View(user, id)
	return id, err
}

func (b book) Resubmit(user string, id elevation.RequestID, _ string) (elevation.RequestID, error) {
	_, err := b.View(user, id)
	return id, err
}

func (b book) Remove(user string, id elevation.RequestID) error { return b.Cancel(user, id) }

// open starts a server and returns the path of its socket.
func open(t *testing.T, d *desk, f Flow) string {
	t.Helper()
	return openWith(t, d, f, func(*Config) {})
}

// openWith is open with something of its own.
func openWith(t *testing.T, d *desk, f Flow, change func(*Config)) string {
	t.Helper()
	testgroup.Need(t, "root")
	dir, err := os.MkdirTemp("/run", "assent-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if d.trees, err = privilege.NewTrees(privilege.Config{Realm: privilege.Realm(dir)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.trees.Close)
	cfg := Config{Path: filepath.Join(dir, "agent.sock"), Flow: f, Elevator: d, Runner: d,
		Salt: bytes.Repeat([]byte("s"), 32), Log: slog.New(slog.DiscardHandler),
		Voice: intercept.Voice{Words: func() elevation.Words { return d.words }, Reasons: d.reasons}}
	change(&cfg)
	s, err := Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx) }()
	t.Cleanup(func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		for _, r := range d.running {
			if err := d.trees.End(context.Background(), r.Tree, 0); err != nil {
				t.Error(err)
			}
		}
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return filepath.Join(dir, "agent.sock")
}

func TestQuestions(t *testing.T) {
	mine := book{owner: "0", items: []Item{
		{ID: "req_01a1fffc-7b9d-7152-a85a-4e800f9fd3b7", State: "pending", Path: "/usr/bin/id"},
		{ID: "req_01a1fffc-7b9d-7152-a85a-4e800f111111", State: "ended"},
		{ID: "req_01a1fffc-7b9d-7152-a85b-4e800f111111", State: "ended"},
	}}
	c := Client{Path: open(t, &desk{}, mine)}
	if st, err := c.Status(t.Context()); err != nil || !st.Connected || st.Waiting != 3 {
		t.Errorf("Status = %+v, %v", st, err)
	}
	if items, more, err := c.List(t.Context()); err != nil || len(items) != 3 || more {
		t.Errorf("List = %+v, %v, %v", items, more, err)
	}
	for name, r := range map[string]struct {
		id   string
		want error
	}{
		"the whole id":        {string(mine.items[0].ID), nil},
		"its ending":          {"9fd3b7", nil},
		"too short an ending": {"fd3b7", ErrNotFound},
		"two of them":         {"111111", ErrAmbiguous},
		"more of the ending":  {"a85b-4e800f111111", nil},
		"nobody's":            {"req_01a1fffc-7b9d-7152-a85a-4e800f9fd3b8", ErrNotFound},
		"empty":               {"", ErrNotFound},
		"a path":              {"../../../etc/passwd", ErrNotFound},
	} {
		if _, err := c.View(t.Context(), r.id); !errors.Is(err, r.want) {
			t.Errorf("view %s: %v, want %v", name, err, r.want)
		}
	}
	if it, err := c.Cancel(t.Context(), "9fd3b7"); err != nil || it.ID != mine.items[0].ID {
		t.Errorf("Cancel = %+v, %v", it, err)
	}
	if _, err := c.Cancel(t.Context(), string(mine.items[1].ID)); !errors.Is(err, ErrConflict) {
		t.Errorf("cancel of an ended one: %v", err)
	}
	if _, err := c.CheckIn(t.Context(), "9fd3b7"); err != nil {
		t.Error(err)
	}
}

func TestALongListIsCut(t *testing.T) {
	b := book{owner: "0"}
	for range 500 {
		b.items = append(b.items, Item{ID: elevation.NewRequestID(time.Now()), Justification: strings.Repeat("x", 1000)})
	}
	items, more, err := Client{Path: open(t, &desk{}, b)}.List(t.Context())
	if err != nil || !more || len(items) < 20 || items[0].ID != b.items[0].ID {
		t.Errorf("%d items, more %v, %v", len(items), more, err)
	}
}

func TestNobodyAnswers(t *testing.T) {
	c := Client{Path: filepath.Join(t.TempDir(), "agent.sock")}
	if _, err := c.Status(t.Context()); !errors.Is(err, ErrNoAgent) {
		t.Error(err)
	}
	out := c.Run(t.Context(), RunOptions{Command: "id"}, Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	if out.Kind != Unreachable || out.Exit != 69 || out.Request != "" {
		t.Errorf("Run = %+v", out)
	}
}

// raw connects without the client's manners.
func raw(t *testing.T, path string) *net.UnixConn {
	t.Helper()
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestBadFrames(t *testing.T) {
	d := &desk{}
	path := open(t, d, book{})
	head := func(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }
	good, err := pack(kAsk, ask{Version: Version, What: "status"})
	if err != nil {
		t.Fatal(err)
	}
	for name, bytes := range map[string][]byte{
		"length 0":               head(0),
		"length 4 GiB":           head(1<<32 - 1),
		"length over the limit":  head(maxFrame + 1),
		"truncated head":         head(5)[:2],
		"truncated body":         good[:len(good)-1],
		"not CBOR":               append(head(4), "abcd"...),
		"something after it":     append(append(head(uint32(len(good)-4+1)), good[4:]...), 0),
		"an unknown kind":        append(head(7), 0xa2, 0x61, 'b', 0x40, 0x61, 'k', 0x60),
		"begins with an answer":  mustPack(t, kReason, reason{}),
		"an unknown field":       mustPack(t, kAsk, map[string]any{"version": 1, "what": "status", "id": "", "uid": 0}),
		"a run without a body":   mustPack(t, kRun, empty{}),
		"a run of another shape": mustPack(t, kRun, map[string]any{"uid": 0}),
	} {
		t.Run(name, func(t *testing.T) {
			c := raw(t, path)
			if _, err := c.Write(bytes); err != nil {
				t.Fatal(err)
			}
			if err := c.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadAll(c); err != nil && !errors.Is(err, unix.ECONNRESET) {
				t.Errorf("not closed: %v", err)
			}
		})
	}
	if asks, _, _ := d.count(); asks != 0 {
		t.Errorf("%d attempts came of it", asks)
	}
	if _, err := (Client{Path: path}).Status(t.Context()); err != nil {
		t.Errorf("others are not served any more: %v", err)
	}
}

func mustPack(t *testing.T, k kind, body any) []byte {
	t.Helper()
	raw, err := pack(k, body)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// A peer that is slow after its first byte, or says nothing at all, is cut off
// after five seconds, give or take a busy machine, and takes nothing from others.
func TestSlowPeersAreCutOff(t *testing.T) {
	path := open(t, &desk{}, book{})
	begin := time.Now()
	var peers sync.WaitGroup
	for _, first := range [][]byte{nil, {0}, {0, 0, 1, 0, 'x'}} {
		c := raw(t, path)
		if _, err := c.Write(first); err != nil {
			t.Fatal(err)
		}
		peers.Go(func() { _, _ = io.ReadAll(c) })
	}
	if _, err := (Client{Path: path}).Status(t.Context()); err != nil {
		t.Error(err)
	}
	peers.Wait()
	if took := time.Since(begin); took > 30*time.Second {
		t.Errorf("cut off after %v", took)
	}
}

// TestTheCapPerUser: those who hold the places watch, as others are cut off after a
// while, which on a busy machine can be before the last line of this test.
func TestTheCapPerUser(t *testing.T) {
	path := open(t, &desk{}, book{owner: "0", notices: make(chan Notice)})
	var held []*net.UnixConn
	for range maxPerUser {
		c := raw(t, path)
		k := &conn{c: unixConn{c}}
		if err := k.write(kWatch, ask{Version: Version}); err != nil {
			t.Fatal(err)
		}
		if f, _, err := k.read(time.Minute, 0); err != nil || f.Kind != kAnswer {
			t.Fatalf("%s, %v", f.Kind, err)
		}
		held = append(held, c)
	}
	for i := range 2000 {
		c := raw(t, path)
		if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(c); err != nil || !bytes.Contains(text, []byte(ErrBusy.Error())) {
			t.Fatalf("connection %d: %q, %v", i, text, err)
		}
		c.Close()
	}
	client := Client{Path: path}
	if _, err := client.Status(t.Context()); !errors.Is(err, ErrBusy) {
		t.Errorf("a question too many: %v", err)
	}
	if err := client.Watch(t.Context(), func() {}, func(Notice) error { return nil }); !errors.Is(err, ErrBusy) {
		t.Errorf("a watch too many: %v", err)
	}
	for _, c := range held {
		c.Close()
	}
	served(t, client)
}

// served waits until somebody is served: the server notices each end of others at its
// own time.
func served(t *testing.T, c Client) {
	t.Helper()
	for begin := time.Now(); time.Since(begin) < time.Minute; runtime.Gosched() {
		if _, err := c.Status(t.Context()); err == nil {
			return
		}
	}
	t.Error("nobody is served any more")
}

// Whoever is turned away before they have said a word learns why, and not that they
// could not say it: on a busy machine a client was told that no agent answers.
func TestTurnedAwayBeforeAWord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for name, say := range map[string]func(net.Conn){"with a word": refuse, "without one": func(c net.Conn) { c.Close() }} {
		t.Run(name, func(t *testing.T) {
			c := Client{Path: path, dialer: func(ctx context.Context, path string) (net.Conn, error) {
				c, err := dial(ctx, path)
				if err != nil {
					return nil, err
				}
				theirs, err := l.AcceptUnix()
				if err != nil {
					return nil, errors.Join(err, c.Close())
				}
				say(withStreams(theirs))
				return c, nil
			}}
			want, code, text := ErrBusy, 1, ErrBusy.Error()
			if name == "without one" {
				want, code, text = ErrNoAgent, 69, "the agent is gone"
			}
			if _, err := c.Status(t.Context()); !errors.Is(err, want) {
				t.Errorf("a question: %v", err)
			}
			if err := c.Watch(t.Context(), func() {}, func(Notice) error { return nil }); !errors.Is(err, want) {
				t.Errorf("a watch: %v", err)
			}
			out := c.Run(t.Context(), RunOptions{Command: "id"}, Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
			if out.Exit != code || !strings.Contains(out.Text, text) {
				t.Errorf("a command: %+v", out)
			}
		})
	}
}

// Peers that are gone before anybody looks at them do no harm.
func TestPeersThatAreGone(t *testing.T) {
	path := open(t, &desk{}, book{})
	for range 5000 {
		c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
		for errors.Is(err, unix.EAGAIN) { // the kernel's own queue is full: the server is slower than this loop
			runtime.Gosched()
			c, err = net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
		}
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	served(t, Client{Path: path})
}

func TestDescriptorsThatNobodyAskedFor(t *testing.T) {
	d := &desk{}
	path := open(t, d, book{})
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	c := &conn{c: unixConn{raw(t, path)}}
	if err := c.write(kAsk, ask{Version: Version, What: "status"}, w); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if text, err := io.ReadAll(r); err != nil || len(text) > 0 { // ends when the agent's copy is closed
		t.Errorf("read %q, %v", text, err)
	}
	if _, err := io.ReadAll(c.c); err != nil && !errors.Is(err, unix.ECONNRESET) {
		t.Error(err)
	}
}

func TestListenRefuses(t *testing.T) {
	testgroup.Need(t, "root")
	path := open(t, &desk{}, book{})
	if _, err := Listen(Config{Path: path}); err == nil || !strings.Contains(err.Error(), "another agent") {
		t.Errorf("a second agent: %v", err)
	}
	for name, c := range map[string]struct {
		above, mode os.FileMode
		ok          bool
	}{
		"mine":                               {0o755, 0o755, true},
		"below one where owners alone move":  {0o1777, 0o755, true},
		"below one that everybody can write": {0o777, 0o755, false},
		"open to everybody":                  {0o755, 0o777, false},
		"open to everybody, owners move":     {0o755, 0o1777, false},
		"open to a group":                    {0o755, 0o775, false},
	} {
		above := t.TempDir()
		dir := filepath.Join(above, "x")
		if err := errors.Join(os.Mkdir(dir, 0o755), unix.Chmod(dir, uint32(c.mode)), unix.Chmod(above, uint32(c.above))); err != nil {
			t.Fatal(err)
		}
		if err := SafeFolder(dir); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o666 {
		t.Errorf("the socket is %v, %v", info.Mode(), err)
	}
}

func TestUsablePeers(t *testing.T) {
	for name, c := range map[string]struct {
		uid, gid uint32
		pid      int
		ok       bool
	}{
		"a user":                         {1000, 1000, 5, true},
		"root":                           {0, 0, 5, true},
		"uid -1":                         {^uint32(0), 1, 5, false},
		"gid -1":                         {1, ^uint32(0), 5, false},
		"a user of another namespace":    {overflowID, 1, 5, false},
		"a process of another namespace": {1, 1, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := usable(c.uid, c.gid, c.pid); (err == nil) != c.ok {
				t.Error(err)
			}
		})
	}
}

func TestExitCodes(t *testing.T) {
	for k, want := range map[OutcomeKind]int{Denied: 77, Kept: 75, WaitOver: 124, Expired: 124, Cancelled: 130, Withdrawn: 130,
		Unreachable: 69, Invalid: 2, NotFound: 127, Failed: 1, "": 1} {
		if got := k.ExitCode(); got != want {
			t.Errorf("%s exits with %d, want %d", k, got, want)
		}
	}
}

func FuzzUnpack(f *testing.F) {
	for _, body := range []any{ask{Version: 1, What: "status"}, runAsk{Version: 1, Command: []byte("id")}, reason{}, ended{Kind: Ran}} {
		if raw, err := pack(kRun, body); err == nil {
			f.Add(raw[4:])
		}
	}
	f.Add([]byte{0xa2, 0x61, 'b', 0x40, 0x61, 'k', 0x60})
	f.Fuzz(func(t *testing.T, raw []byte) {
		fr, err := unpack(raw)
		if err != nil {
			return
		}
		var q runAsk
		_ = fr.into(&q)
		var a answer
		_ = fr.into(&a)
	})
}
