package gateway

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

func TestWhoGetsNoSession(t *testing.T) {
	d := newDoor(t, nil)
	good := d.enroll()
	t.Run("no certificate", func(t *testing.T) {
		m := &member{d: d}
		_, resp, err := m.tryDial(nil)
		if err == nil || resp != nil && resp.StatusCode != http.StatusUnauthorized {
			t.Fatalf("%v %v", resp, err)
		}
	})
	t.Run("certificate of another cluster", func(t *testing.T) {
		other := newDoor(t, nil).enroll()
		if _, _, err := (&member{d: d, cert: other.cert}).tryDial(nil); err == nil {
			t.Fatal("connected")
		}
	})
	t.Run("key that is not listed", func(t *testing.T) {
		key, csr := newCSR(t, nil)
		chain, _, err := d.keys.IssueClient(csr, good.id) // even by our own CA and with a listed name
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := (&member{d: d, cert: tls.Certificate{Certificate: chain, PrivateKey: key}}).tryDial(nil); err == nil {
			t.Fatal("connected")
		}
	})
	t.Run("old TLS", func(t *testing.T) {
		conf := d.client(&good.cert)
		conf.MinVersion, conf.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
		if c, err := tls.Dial("tcp", d.addr, conf); err == nil {
			c.Close()
			t.Fatal("TLS 1.2 is served")
		}
	})
	t.Run("another server name", func(t *testing.T) {
		conf := d.client(&good.cert)
		conf.ServerName = "localhost"
		if c, err := tls.Dial("tcp", d.addr, conf); err == nil {
			c.Close()
			t.Fatal("the door proves a name that is not its own")
		}
	})
	for name, origin := range map[string]string{"a browser": "https://evil.example", "the same origin": "https://" + d.addr, "empty": ""} {
		t.Run("Origin "+name, func(t *testing.T) {
			_, resp, err := good.tryDial(http.Header{"Origin": {origin}})
			if err == nil || resp == nil || resp.StatusCode != http.StatusForbidden {
				t.Fatalf("%v %v", resp, err)
			}
		})
	}
	for name, edit := range map[string]func(*store.Endpoint){
		"deleted":     func(e *store.Endpoint) { e.DeletedAt = time.Now() },
		"quarantined": func(e *store.Endpoint) { e.Quarantined = true },
	} {
		t.Run(name, func(t *testing.T) {
			m := d.enroll()
			before, _ := m.session(wire.Hello{})
			early := m.dial() // through the handshake, no hello yet
			m.change(edit)
			before.send(wire.TRenew, 0, wire.Renew{CSR: csrFor(t, m.key, nil)})
			if said := before.gone(); len(said) != 0 {
				t.Errorf("renewal answered %v", said[0].Type)
			}
			early.send(wire.THello, 0, wire.Hello{Versions: []int{1}})
			var e wire.Error
			early.want(wire.TError, &e)
			if e.Code != wire.CodeLocked {
				t.Errorf("hello answered %+v", e)
			}
			early.gone()
			if _, _, err := m.tryDial(nil); err == nil {
				t.Error("the handshake went through")
			}
		})
	}
	line, _ := good.session(wire.Hello{})
	line.alive()
	if n := d.events(audit.EndpointRefused); n < 3 || n > 31 {
		t.Errorf("%d refusals are audited", n)
	}
}

// TestALockedEndpointIsServed: it must hear of revocations and of the unlock.
func TestALockedEndpointIsServed(t *testing.T) {
	d := newDoor(t, nil)
	m := d.enroll()
	m.change(func(e *store.Endpoint) { e.Locked = true })
	l, _ := m.session(wire.Hello{})
	l.alive()
}

func TestDisconnectIsAtOnce(t *testing.T) {
	d := newDoor(t, nil)
	m := d.enroll()
	l, _ := m.session(wire.Hello{})
	if !d.gw.Connected(m.id) || d.gw.Connected("ep_other") {
		t.Fatal("connected is wrong")
	}
	m.change(func(e *store.Endpoint) { e.DeletedAt = time.Now() })
	d.gw.Disconnect(m.id)
	if d.gw.Connected(m.id) {
		t.Error("still connected")
	}
	l.gone()
}

func TestOneCallOfAnEndpointAtATime(t *testing.T) {
	d := newDoor(t, nil)
	m := d.enroll()
	l, _ := m.session(wire.Hello{})
	for range 50 {
		l.send(wire.TAttempt, 0, attempt("/closed"))
	}
	for range 50 {
		l.want(wire.TClosed, nil)
	}
	d.queue.mu.Lock()
	defer d.queue.mu.Unlock()
	if d.queue.most != 1 {
		t.Errorf("%d at the same time", d.queue.most)
	}
}

func TestNewSessionReplacesTheOld(t *testing.T) {
	d := newDoor(t, nil)
	m := d.enroll()
	first, w := m.session(wire.Hello{})
	second, _ := m.session(wire.Hello{Ratchet: w.Ratchet})
	first.gone()
	second.alive()
	if d.gw.Sessions() != 1 {
		t.Errorf("%d sessions", d.gw.Sessions())
	}
}

func TestHello(t *testing.T) {
	d := newDoor(t, nil)
	m := d.enroll()
	t.Run("no version in common", func(t *testing.T) {
		l := m.dial()
		l.send(wire.THello, 0, wire.Hello{Versions: []int{99}})
		var e wire.Error
		l.want(wire.TError, &e)
		if e.Code != wire.CodeVersion {
			t.Errorf("%+v", e)
		}
		l.gone()
	})
	t.Run("something before hello", func(t *testing.T) {
		l := m.dial()
		l.send(wire.TAttempt, 0, attempt("/bin/true"))
		l.gone()
	})
	t.Run("welcome", func(t *testing.T) {
		l, w := m.session(wire.Hello{})
		if w.Endpoint != m.id || w.Cluster != d.keys.Cluster() || w.NextSeq != 1 || w.ResyncFrom != 0 || len(w.Ratchet) != 32 ||
			!bytes.Equal(w.KeySet, d.keys.KeySet()) || w.Ping != 30*time.Second {
			t.Errorf("%+v", w)
		}
		l.send(wire.THello, 0, wire.Hello{Versions: []int{1}})
		l.gone()
	})
}

func TestRatchet(t *testing.T) {
	d := newDoor(t, nil)
	m := d.enroll()
	alarms := func() int { return d.events(audit.EndpointClone) }
	_, w1 := m.session(wire.Hello{})
	_, w2 := m.session(wire.Hello{Ratchet: w1.Ratchet})
	_, w3 := m.session(wire.Hello{Ratchet: w1.Ratchet}) // the welcome w2 was lost
	last, _ := m.session(wire.Hello{Ratchet: w3.Ratchet})
	if n := alarms(); n != 0 {
		t.Fatalf("%d alarms in an honest history", n)
	}
	copied := m.dial()
	copied.send(wire.THello, 0, wire.Hello{Versions: []int{wire.Version}, Ratchet: w2.Ratchet}) // a copy that stayed behind
	for _, f := range copied.gone() {
		if f.Type == wire.TWelcome {
			t.Error("the copy is welcomed")
		}
	}
	last.gone() // the one that it was copied from
	if n, q := alarms(), d.events(audit.EndpointQuarantined); n != 1 || q != 1 {
		t.Fatalf("%d alarms for a copy, %d quarantines", n, q)
	}
	if l, _, err := m.tryDial(nil); err == nil {
		l.gone()
		t.Error("a quarantined endpoint gets through the handshake")
	}
}

// events counts the events of a kind.
func (d *door) events(kind audit.Kind) (n int) {
	d.t.Helper()
	rows, err := d.store.AuditWaiting(context.Background(), 10000)
	if err != nil {
		d.t.Fatal(err)
	}
	for _, r := range rows {
		if r.Kind == kind {
			n++
		}
	}
	return n
}

func TestSequence(t *testing.T) {
	d := newDoor(t, nil)
	m := d.enroll()
	m.enqueue(3, 10)
	take := func(l *line, from, to uint64) {
		t.Helper()
		for n := from; n <= to; n++ {
			if f := l.want(wire.TQuestion, nil); f.Seq != n {
				t.Fatalf("got frame %d, want %d", f.Seq, n)
			}
		}
	}
	l, w := m.session(wire.Hello{})
	take(l, 1, 3)
	m.enqueue(2, 10)
	d.gw.Wake(m.id)
	take(l, 4, 5)

	t.Run("resume behind what it has", func(t *testing.T) {
		l, w = m.session(wire.Hello{LastSeq: 2, Ratchet: w.Ratchet})
		if w.ResyncFrom != 0 || w.NextSeq != 6 {
			t.Fatalf("%+v", w)
		}
		take(l, 3, 5)
		l.send(wire.TAck, 0, wire.Ack{Seq: 4})
		l.send(wire.TAck, 0, wire.Ack{Seq: 3}) // late, changes nothing
		l.alive()
		d.gw.storeAcks(d.gw.sessions()) // as the clockwork does every second
	})
	t.Run("more than ever given", func(t *testing.T) { // the controller was put back
		l, w = m.session(wire.Hello{LastSeq: 900, Ratchet: w.Ratchet})
		if w.ResyncFrom != 5 {
			t.Fatalf("%+v", w)
		}
		take(l, 5, 5)
		l.send(wire.TAck, 0, wire.Ack{Seq: 5})
		l.alive()
		d.gw.storeAcks(d.gw.sessions())
	})
	t.Run("less than acknowledged", func(t *testing.T) { // the endpoint was put back
		l, w = m.session(wire.Hello{LastSeq: 5, Ratchet: w.Ratchet})
		if w.ResyncFrom != 0 {
			t.Fatalf("%+v", w)
		}
		l.alive()
		l, w = m.session(wire.Hello{LastSeq: 1, Ratchet: w.Ratchet})
		if w.ResyncFrom != 6 {
			t.Fatalf("%+v", w)
		}
		l.alive()
	})
	t.Run("acknowledges what was not sent", func(t *testing.T) {
		l, _ := m.session(wire.Hello{LastSeq: 5, Ratchet: w.Ratchet})
		l.send(wire.TAck, 0, wire.Ack{Seq: 6})
		l.gone()
	})
}

func TestUnackedWindow(t *testing.T) {
	d := newDoor(t, func(c *Config) { c.Limits = DefaultLimits(); c.Limits.Unacked = 40 })
	m := d.enroll()
	m.enqueue(200, 10)
	l, _ := m.session(wire.Hello{})
	for n := uint64(1); n <= 200; n++ {
		if f := l.want(wire.TQuestion, nil); f.Seq != n {
			t.Fatalf("got frame %d, want %d", f.Seq, n)
		}
		if n%32 == 0 {
			l.send(wire.TAck, 0, wire.Ack{Seq: n})
		}
	}
}

func TestMessages(t *testing.T) {
	d := newDoor(t, func(c *Config) { c.Progress = 20 * time.Millisecond })
	m := d.enroll()
	l, _ := m.session(wire.Hello{})
	t.Run("decided", func(t *testing.T) {
		a := attempt("/bin/true")
		l.send(wire.TAttempt, 0, a)
		var dec wire.Decision
		if f := l.want(wire.TDecision, &dec); f.Seq != 1 || dec.Request != a.Request {
			t.Errorf("%d %+v", f.Seq, dec)
		}
	})
	for path, want := range map[string]wire.Type{"/need": wire.TNeed, "/closed": wire.TClosed} {
		t.Run(path, func(t *testing.T) {
			l.send(wire.TAttempt, 0, attempt(path))
			if f := l.want(want, nil); f.Seq != 0 {
				t.Errorf("sequence %d", f.Seq)
			}
		})
	}
	for path, want := range map[string]wire.ErrorCode{"/invalid": wire.CodeInvalid, "/limit": wire.CodeRateLimited, "/nothing": wire.CodeUnavailable} {
		t.Run(path, func(t *testing.T) {
			a := attempt(path)
			l.send(wire.TAttempt, 0, a)
			var e wire.Error
			l.want(wire.TError, &e)
			if e.Code != want || e.Request != a.Request {
				t.Errorf("%+v", e)
			}
		})
	}
	t.Run("an id that is a path", func(t *testing.T) {
		a := attempt("/bin/true")
		a.Request = "req_../../../etc/passwd"
		l.send(wire.TAttempt, 0, a)
		var e wire.Error
		l.want(wire.TError, &e)
		if e.Code != wire.CodeInvalid || e.Request != "" {
			t.Errorf("%+v", e)
		}
	})
	t.Run("withdraw and answer", func(t *testing.T) {
		id := elevation.NewRequestID(time.Now())
		l.send(wire.TWithdraw, 0, wire.Withdraw{Request: id})
		var a wire.Accepted
		l.want(wire.TAccepted, &a)
		if a.Request != id {
			t.Errorf("%+v", a)
		}
		l.send(wire.TAnswer, 0, wire.Answer{Request: id})
		l.want(wire.TError, nil)
	})
	t.Run("reports", func(t *testing.T) {
		l.send(wire.TReport, 0, wire.Report{Seq: 7, Grant: "gr_x", Kind: elevation.ReportStarted})
		var a wire.Accepted
		l.want(wire.TAccepted, &a)
		if a.Report != 7 {
			t.Errorf("%+v", a)
		}
		l.send(wire.TReport, 0, wire.Report{Seq: 8}) // can never be taken: said, and off the endpoint's hands
		l.want(wire.TError, nil)
		l.want(wire.TAccepted, &a)
		if a.Report != 8 {
			t.Errorf("%+v", a)
		}
	})
	t.Run("not served and unknown", func(t *testing.T) {
		l.send(wire.TExtend, 0, wire.Extend{})
		l.want(wire.TError, nil)
		l.send("weather", 0, map[string]string{"of": "tomorrow"})
		l.alive()
	})
	t.Run("place in the queue", func(t *testing.T) {
		a := attempt("/need")
		l.send(wire.TAttempt, 0, a)
		l.want(wire.TNeed, nil)
		l.send(wire.TComplete, 0, wire.Complete{Request: a.Request, Justification: "because"})
		l.want(wire.TAccepted, nil)
		var p wire.Progress
		for range 4 { // the first answers, three renew it, then it does not wait any more
			l.want(wire.TProgress, &p)
		}
		if p.Request != a.Request || p.Position != 3 {
			t.Errorf("%+v", p)
		}
	})
	l.alive()
}

func TestClose(t *testing.T) {
	d := newDoor(t, nil)
	var lines []*line
	for range 5 {
		l, _ := d.enroll().session(wire.Hello{})
		lines = append(lines, l)
	}
	idle := d.enroll().dial() // no hello yet
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := d.gw.Close(ctx); err != nil {
		t.Fatal(err)
	}
	for _, l := range append(lines, idle) {
		_, err := l.next()
		if !websocket.IsCloseError(err, websocket.CloseServiceRestart) {
			t.Errorf("got %v", err)
		}
	}
	if err := d.gw.Close(ctx); err != nil {
		t.Errorf("closed again: %v", err)
	}
}

func TestKeySetGoesDownBeforeItsGrants(t *testing.T) {
	d := newDoor(t, nil)
	m := d.enroll()
	l, _ := m.session(wire.Hello{})
	if err := d.gw.sendKeySet(); err != nil {
		t.Fatal(err)
	}
	var s wire.Signed
	if f := l.want(wire.TKeySet, &s); f.Seq != 1 || !bytes.Equal(s.Raw, d.keys.KeySet()) {
		t.Errorf("%d %x", f.Seq, s.Raw)
	}
}

func TestCut(t *testing.T) {
	for in, want := range map[string]string{"abc": "abc", "abcdef": "abcd", "abcé": "abc", "ab€": "ab", "": ""} {
		if got := cut(in, 4); got != want {
			t.Errorf("cut(%q) = %q, want %q", in, got, want)
		}
	}
}

// Frames reach a session from the commit itself; what fails to commit does not,
// and the order holds however fast they come.
func TestFreshFrames(t *testing.T) {
	d := newDoor(t, func(c *Config) { c.Limits = DefaultLimits(); c.Limits.Unacked = 50 })
	m := d.enroll()
	l, _ := m.session(wire.Hello{})
	l.alive()
	refused := errors.New("refused")
	for range 3 {
		err := d.store.Update(t.Context(), func(tx *store.Tx) error {
			if _, err := tx.Enqueue(m.id, wire.TQuestion, wire.Question{Text: "never"}); err != nil {
				return err
			}
			return refused
		})
		if !errors.Is(err, refused) {
			t.Fatal(err)
		}
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 25 {
				m.enqueue(1, 10) // nobody is woken
			}
		})
	}
	for n := uint64(1); n <= 200; n++ {
		var q wire.Question
		if f := l.want(wire.TQuestion, &q); f.Seq != n || q.Text == "never" {
			t.Fatalf("got frame %d %q, want %d", f.Seq, q.Text, n)
		}
		if n%20 == 0 {
			l.send(wire.TAck, 0, wire.Ack{Seq: n})
		}
	}
	all.Wait()
	s := d.gw.session(m.id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.fresh) != 0 || s.sent != 200 {
		t.Errorf("%d frames at hand, sent %d", len(s.fresh), s.sent)
	}
}
