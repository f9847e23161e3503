package gateway

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/assent-epm/assent/shared/wire"
)

func TestStoreDown(t *testing.T) {
	d := newDoor(t, nil)
	m := d.enroll()
	l, _ := m.session(wire.Hello{})
	l.alive()
	d.store.Close()
	a := attempt("/bin/true")
	l.send(wire.TAttempt, 0, a)
	var e wire.Error
	l.want(wire.TError, &e)
	if e.Code != wire.CodeUnavailable || e.RetryAfter <= 0 || e.Request != a.Request || strings.Contains(e.Text, "database") {
		t.Errorf("%+v", e)
	}
	l.send(wire.TReport, 0, wire.Report{Seq: 1, Grant: "gr_x"}) // the queue of this test keeps reports in memory
	l.want(wire.TAccepted, nil)
	l.alive()
	_, csr := newCSR(t, nil)
	token, _, _ := wire.NewEnrollToken(d.keys.CAFingerprint())
	if status, _ := d.post(d.http(), encode(t, wire.Enroll{Token: token, CSR: csr}), nil); status != http.StatusServiceUnavailable {
		t.Errorf("enrolment answered %d", status)
	}
}

func TestRateOfOneEndpoint(t *testing.T) {
	d := newDoor(t, func(c *Config) { c.Limits = DefaultLimits(); c.Limits.Attempts, c.Limits.AttemptBurst = 1, 5 })
	m := d.enroll()
	l, _ := m.session(wire.Hello{})
	refused := 0
	for range 8 {
		l.send(wire.TAttempt, 0, attempt("/closed"))
		f, err := l.next()
		if err != nil {
			t.Fatal(err)
		}
		var e wire.Error
		if f.Type == wire.TError && f.Into(&e) == nil && e.Code == wire.CodeRateLimited && e.RetryAfter > 0 {
			refused++
		}
	}
	if refused < 2 || refused > 3 {
		t.Errorf("%d of 8 refused", refused)
	}
	l.alive()
}

func TestHostileFramesEndTheirSessionOnly(t *testing.T) {
	d := newDoor(t, func(c *Config) { c.Hello = time.Second })
	other := d.enroll()
	witness, _ := other.session(wire.Hello{})
	m := d.enroll()
	good, err := wire.Encode(wire.TAttempt, 0, attempt("/closed"))
	if err != nil {
		t.Fatal(err)
	}
	frame := func(body []byte) []byte { return encode(t, wire.Frame{Type: wire.TAttempt, Body: body}) }
	bin := func(raw []byte) func(*line) {
		return func(l *line) { l.c.WriteMessage(websocket.BinaryMessage, raw) }
	}
	many := func(n int, kind int, data []byte) func(*line) {
		return func(l *line) {
			for range n {
				if l.c.WriteMessage(kind, data) != nil {
					return // the server has had enough
				}
			}
		}
	}
	rows := map[string]func(*line){
		"empty":                  bin(nil),
		"a byte":                 bin([]byte{0}),
		"garbage":                bin([]byte("hello")),
		"truncated":              bin(good[:len(good)/2]),
		"trailing byte":          bin(append(bytes.Clone(good), 0)),
		"oversized":              bin(make([]byte, wire.MaxFrame+1)),
		"text":                   func(l *line) { l.c.WriteMessage(websocket.TextMessage, good) },
		"no type":                bin(encode(t, wire.Frame{Body: []byte{0xa0}})),
		"long type":              bin(encode(t, wire.Frame{Type: wire.Type(strings.Repeat("a", 33)), Body: []byte{0xa0}})),
		"unknown field":          bin(encode(t, map[string]any{"t": "ping", "b": []byte{0xa0}, "x": 1})),
		"duplicate keys":         bin([]byte("\xa3\x61t\x64ping\x61t\x64ping\x61b\x40")),
		"invalid UTF-8":          bin([]byte("\xa2\x61t\x62\xff\xfe\x61b\x40")),
		"indefinite length":      bin([]byte("\xbf\x61t\x64ping\x61b\x40\xff")),
		"body empty":             bin(frame(nil)),
		"body garbage":           bin(frame([]byte("x"))),
		"body duplicate keys":    bin(frame([]byte("\xa2\x67request\x61a\x67request\x61b"))),
		"body invalid UTF-8":     bin(frame([]byte("\xa1\x67request\x62\xff\xfe"))),
		"body deep":              bin(frame([]byte(strings.Repeat("\x81", 2000) + "\x01"))),
		"body claims a gigabyte": bin(frame([]byte("\xa1\x67request\x7a\x40\x00\x00\x00a"))),
		"known with a sequence":  func(l *line) { l.send(wire.TPing, 5, wire.Ping{}) },
		"unknown durable":        func(l *line) { l.send("weather", 5, wire.Ping{}) },
		"a panic inside":         func(l *line) { l.send(wire.TAttempt, 0, attempt("/panic")) },
		"a panic at a report":    func(l *line) { l.send(wire.TReport, 0, wire.Report{Seq: 1, Grant: "panic"}) },
		"a million empty frames": many(1_000_000, websocket.BinaryMessage, nil),
		"a million empty fragments": func(l *line) { // one message that never ends
			const empty = "\x00\x80\x00\x00\x00\x00"
			raw := l.c.NetConn()
			if _, err := raw.Write([]byte("\x02\x80\x00\x00\x00\x00")); err != nil {
				return
			}
			for range 1000 {
				if _, err := raw.Write([]byte(strings.Repeat(empty, 1000))); err != nil {
					return
				}
			}
		},
		"half a message": func(l *line) { l.c.NetConn().Write([]byte("\x82\xfe\x10\x00\x00\x00\x00\x00abc")) },
		"no mask":        func(l *line) { l.c.NetConn().Write([]byte("\x82\x01a")) },
		"reserved bits":  func(l *line) { l.c.NetConn().Write([]byte("\xf2\x81\x00\x00\x00\x00a")) },
		"a huge length": func(l *line) {
			l.c.NetConn().Write([]byte("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00"))
		},
		"ping flood": many(1_000_000, websocket.PingMessage, []byte("x")),
		"pong flood": many(1_000_000, websocket.PongMessage, []byte("x")),
		"flood of unknown ones": many(1_000_000, websocket.BinaryMessage, encode(t, wire.Frame{Type: "weather",
			Body: []byte{0xa0}})),
	}
	for name, do := range rows {
		t.Run(name, func(t *testing.T) {
			l, _ := m.session(wire.Hello{})
			l.t = t
			do(l)
			l.gone()
			for d.gw.Connected(m.id) { // the peer may see the end before the hub does
				if err := wait(t.Context(), time.Millisecond); err != nil {
					t.Fatal("still in the hub")
				}
			}
			witness.alive()
		})
	}
	l, _ := m.session(wire.Hello{})
	l.alive()
}

func TestSlowReaderIsDisconnectedAndResumes(t *testing.T) {
	d := newDoor(t, func(c *Config) { c.Write = 200 * time.Millisecond })
	m := d.enroll()
	m.enqueue(100, 200<<10) // 20 MB, more than any socket holds
	l, w := m.session(wire.Hello{})
	for d.gw.Connected(m.id) { // nothing is read meanwhile
		l.t.Log("waiting for the disconnection")
		if err := wait(t.Context(), 50*time.Millisecond); err != nil {
			t.Fatal("a slow reader keeps its session")
		}
	}
	last := uint64(0)
	for last < 100 {
		l, w = m.session(wire.Hello{LastSeq: last, Ratchet: w.Ratchet})
		for last < 100 {
			f, err := l.next()
			if err != nil {
				break
			}
			if f.Seq != last+1 {
				t.Fatalf("got frame %d after %d", f.Seq, last)
			}
			last = f.Seq
		}
	}
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func TestQueueOfLiveFramesIsBounded(t *testing.T) {
	d := newDoor(t, func(c *Config) { c.Limits = DefaultLimits(); c.Limits.QueuedFrames = 8 })
	m := d.enroll()
	m.session(wire.Hello{})
	s := d.gw.session(m.id)
	for held := false; !held; runtime.Gosched() { // once the writer has ended that wrote the welcome
		s.mu.Lock()
		held = !s.writing
		s.writing = true // as if the writer were held up by the network
		s.mu.Unlock()
	}
	var err error
	for range 9 {
		err = s.say(wire.TPong, wire.Ping{})
	}
	if !errors.Is(err, errSlow) {
		t.Fatalf("got %v", err)
	}
	s.mu.Lock()
	s.writing = false
	s.mu.Unlock()
}

func TestSilentPeersAreLetGo(t *testing.T) {
	d := newDoor(t, func(c *Config) { c.Hello = 100 * time.Millisecond; c.Ping = 20 * time.Millisecond })
	m := d.enroll()
	m.dial().gone() // no hello
	l, _ := m.session(wire.Hello{})
	l.gone() // no pings
}
