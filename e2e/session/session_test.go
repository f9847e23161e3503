package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/assent-epm/assent/agent/link"
	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/gateway"
	"github.com/assent-epm/assent/controller/keys"
	"github.com/assent-epm/assent/controller/queue"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
)

// approveTrue answers one program without a person.
const approveTrue = `rules:
  - name: true-is-fine
    match: {path: /usr/bin/true, args: []}
    then: approve
`

// site is a controller whose gateway can be killed and started again.
type site struct {
	t     *testing.T
	dir   string
	keys  *keys.Keys
	store *store.Store
	queue *queue.Queue

	mu   sync.Mutex // guards the fields below
	gw   *gateway.Gateway
	addr string
	ln   *severed
	http *http.Server
	over sync.WaitGroup
}

// severed is a listener that can cut every connection at once, as the end of a
// process does.
type severed struct {
	net.Listener
	mu    sync.Mutex
	conns map[net.Conn]bool
	cut   bool
}

func (l *severed) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut {
		c.Close()
		return nil, net.ErrClosed
	}
	l.conns[c] = true
	return c, nil
}

func (l *severed) kill() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = true
	l.Listener.Close()
	for c := range l.conns {
		if tcp, ok := c.(*net.TCPConn); ok {
			tcp.SetLinger(0)
		}
		c.Close()
	}
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir()}
	var err error
	if s.keys, err = keys.Open(filepath.Join(s.dir, "keys"), "", nil); err != nil {
		t.Fatal(err)
	}
	if s.store, err = store.Open(t.Context(), store.Config{Path: filepath.Join(s.dir, "db")}); err != nil {
		t.Fatal(err)
	}
	set, faults := rules.Parse([]byte(approveTrue))
	if set == nil {
		t.Fatal(faults)
	}
	s.queue, err = queue.New(queue.Config{Store: s.store, Signer: s.keys, Cluster: s.keys.Cluster(), Rules: func() *rules.Set { return set },
		Wake: func(ep elevation.EndpointID) {
			if gw := s.gateway(); gw != nil {
				gw.Wake(ep)
			}
		},
		Who: func(ctx context.Context, ep elevation.EndpointID, name, uid string) (elevation.User, error) {
			return s.gateway().Who(ctx, ep, name, uid)
		}})
	if err != nil {
		t.Fatal(err)
	}
	s.start()
	t.Cleanup(func() {
		s.kill()
		s.store.Close()
	})
	return s
}

func (s *site) gateway() *gateway.Gateway {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gw
}

// start serves at the address of the first start.
func (s *site) start() {
	s.t.Helper()
	gw, err := gateway.New(gateway.Config{Keys: s.keys, Store: s.store, Queue: s.queue, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	addr := s.addr
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.gw, s.addr, s.ln, s.http = gw, l.Addr().String(), &severed{Listener: l, conns: map[net.Conn]bool{}}, gw.Server()
	srv, ln := s.http, s.ln
	s.over.Go(func() { srv.ServeTLS(ln, "", "") })
}

// kill cuts every connection without a word.
func (s *site) kill() {
	s.mu.Lock()
	gw, ln, srv := s.gw, s.ln, s.http
	s.gw = nil
	s.mu.Unlock()
	if gw == nil {
		return
	}
	ln.kill()
	srv.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	gw.Close(ctx) // cuts off what is left; its error says so
	s.over.Wait()
}

func (s *site) token() string {
	s.t.Helper()
	plain, hash, err := wire.NewEnrollToken(s.keys.CAFingerprint())
	if err != nil {
		s.t.Fatal(err)
	}
	now := time.Now()
	err = s.store.Update(s.t.Context(), func(tx *store.Tx) error {
		if err := tx.InsertEnrollToken(store.EnrollToken{ID: elevation.TokenID(elevation.NewID("tok_", now)), Hash: hash, ExpiresAt: now.Add(time.Hour),
			MaxUses: 1, Mode: "ask", CreatedAt: now}); err != nil {
			return err
		}
		return tx.Append(audit.Event{At: now, Kind: audit.EnrollTokenCreated, Actor: elevation.Actor{Kind: elevation.BySystem}})
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return plain
}

// box is an endpoint.
type box struct {
	t    *testing.T
	s    *site
	dir  string
	link *link.Link
	stop func()

	frames chan wire.Frame
	states chan bool
}

func (s *site) box() *box {
	s.t.Helper()
	b := &box{t: s.t, s: s, dir: s.t.TempDir()}
	if _, err := link.Enroll(s.t.Context(), link.EnrollConfig{URL: "https://" + s.addr, Token: s.token(), Dir: b.dir, Facts: wire.Facts{Hostname: "box"}}); err != nil {
		s.t.Fatal(err)
	}
	b.start()
	return b
}

// start starts the endpoint's link, as a new process would.
func (b *box) start() {
	b.t.Helper()
	id, err := link.Load(b.dir)
	if err != nil {
		b.t.Fatal(err)
	}
	b.frames, b.states = make(chan wire.Frame, 10000), make(chan bool, 10000)
	b.link, err = link.New(link.Config{Dir: b.dir, Identity: id, Facts: func() wire.Facts { return wire.Facts{Hostname: "box"} },
		OnFrame: func(_ context.Context, f wire.Frame) error { b.frames <- f; return nil },
		OnState: func(c bool) { b.states <- c }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { b.link.Run(ctx) })
	b.stop = sync.OnceFunc(func() { cancel(); all.Wait() })
	b.t.Cleanup(b.stop)
}

func (b *box) id() elevation.EndpointID { return b.link.Identity().Endpoint }

func recv[T any](t *testing.T, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(20 * time.Second):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

// want reads frames up to the next of a type.
func (b *box) want(t wire.Type, into any) wire.Frame {
	b.t.Helper()
	for {
		f := recv(b.t, b.frames)
		if f.Type == t {
			if into != nil {
				if err := f.Into(into); err != nil {
					b.t.Fatal(err)
				}
			}
			return f
		}
		if f.Type == wire.TError {
			var e wire.Error
			b.t.Fatalf("error %+v %v", e, f.Into(&e))
		}
	}
}

func attempt(path string, n int) wire.Attempt {
	digest := make([]byte, 32)
	digest[0], digest[1] = byte(n), byte(n>>8)
	return wire.Attempt{Request: elevation.NewRequestID(time.Now()), AtTerminal: true, Attempt: elevation.Attempt{AccessType: elevation.Run, Mechanism: "sudo",
		User: elevation.User{Name: "jo", UID: "1000"}, Subject: elevation.Subject{Path: path, Args: []string{}, ArgsDigest: digest, RunAs: "root", Cwd: "/",
			SHA256: fmt.Sprintf("%064x", 7), Size: 10}}}
}

func TestOneElevation(t *testing.T) {
	s := newSite(t)
	b := s.box()
	recv(t, b.states)
	a := attempt("/usr/bin/true", 0)
	if err := b.link.Send(wire.TAttempt, a); err != nil {
		t.Fatal(err)
	}
	var d wire.Decision
	f := b.want(wire.TDecision, &d)
	var g elevation.Grant
	if f.Seq != 1 || d.Request != a.Request || d.Verdict != elevation.Approved || !d.Rule {
		t.Fatalf("%d %+v", f.Seq, d)
	}
	if err := b.link.KeySet().Open(sign.Grant, d.Grant, time.Now(), &g); err != nil || g.Endpoint != b.id() || g.Request != a.Request {
		t.Fatalf("%+v %v", g, err)
	}
	for _, kind := range []elevation.ReportKind{elevation.ReportDelivered, elevation.ReportStarted, elevation.ReportEnded} {
		if err := b.link.Report(wire.Report{Request: a.Request, Grant: g.ID, Kind: kind, Reason: elevation.Completed, At: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	r := s.until(a.Request, func(r elevation.Request) bool { return !r.Grant.EndedAt.IsZero() })
	if r.Grant.StartedAt.IsZero() || r.Grant.DeliveredAt.IsZero() || r.Grant.EndReason != elevation.Completed {
		t.Fatalf("%+v", r.Grant)
	}
}

// until reads a request until something holds of it.
func (s *site) until(id elevation.RequestID, holds func(elevation.Request) bool) elevation.Request {
	s.t.Helper()
	var r elevation.Request
	for end := time.Now().Add(20 * time.Second); ; {
		err := s.store.View(s.t.Context(), func(tx *store.Tx) (err error) {
			r, err = tx.Request(id)
			return err
		})
		if err == nil && holds(r) {
			return r
		}
		if time.Now().After(end) {
			s.t.Fatalf("it never holds: %+v %v", r, err)
		}
		<-time.After(5 * time.Millisecond)
	}
}

func TestAPersonAnswers(t *testing.T) {
	s := newSite(t)
	b := s.box()
	recv(t, b.states)
	a := attempt("/usr/bin/id", 1)
	if err := b.link.Send(wire.TAttempt, a); err != nil {
		t.Fatal(err)
	}
	var n wire.Need
	if b.want(wire.TNeed, &n); n.Request != a.Request || n.ReasonMin == 0 {
		t.Fatalf("%+v", n)
	}
	if err := b.link.Send(wire.TComplete, wire.Complete{Request: a.Request, Justification: "to see who I am"}); err != nil {
		t.Fatal(err)
	}
	var p wire.Progress
	if b.want(wire.TProgress, &p); p.Request != a.Request || p.Position != 1 {
		t.Fatalf("%+v", p)
	}
	if err := b.link.Send(wire.TWithdraw, wire.Withdraw{Request: a.Request}); err != nil {
		t.Fatal(err)
	}
	s.until(a.Request, func(r elevation.Request) bool { return !r.CancelledAt.IsZero() })
}

// An endpoint must not touch what belongs to another, whatever it claims.
func TestAnotherEndpointsRequestIsOutOfReach(t *testing.T) {
	s := newSite(t)
	b, thief := s.box(), s.box()
	recv(t, b.states)
	recv(t, thief.states)
	a := attempt("/usr/bin/id", 1)
	if err := b.link.Send(wire.TAttempt, a); err != nil {
		t.Fatal(err)
	}
	b.want(wire.TNeed, nil)
	granted := attempt("/usr/bin/true", 2)
	if err := b.link.Send(wire.TAttempt, granted); err != nil {
		t.Fatal(err)
	}
	var d wire.Decision
	b.want(wire.TDecision, &d)
	grant := s.until(granted.Request, func(r elevation.Request) bool { return r.Grant.ID != "" }).Grant.ID
	for name, send := range map[string]func() error{
		"complete": func() error {
			return thief.link.Send(wire.TComplete, wire.Complete{Request: a.Request, Justification: "it is mine, really"})
		},
		"withdraw": func() error { return thief.link.Send(wire.TWithdraw, wire.Withdraw{Request: a.Request}) },
		"answer":   func() error { return thief.link.Send(wire.TAnswer, wire.Answer{Request: a.Request, Text: "yes"}) },
		"attempt":  func() error { return thief.link.Send(wire.TAttempt, a) },
	} {
		if err := send(); err != nil {
			t.Fatal(err)
		}
		// a withdrawal of what is not there is done already, and says so
		if f := recv(t, thief.frames); f.Type != wire.TError && (name != "withdraw" || f.Type != wire.TAccepted) {
			t.Errorf("%s was answered with %s", name, f.Type)
		}
	}
	for _, kind := range []elevation.ReportKind{elevation.ReportStarted, elevation.ReportEnded} {
		if err := thief.link.Report(wire.Report{Request: granted.Request, Grant: grant, Kind: kind, Reason: elevation.Completed}); err != nil {
			t.Fatal(err)
		}
	}
	for end := time.Now().Add(20 * time.Second); thief.link.Waiting() > 0; {
		if time.Now().After(end) {
			t.Fatal("the reports are held up for ever")
		}
		<-time.After(5 * time.Millisecond)
	}
	s.until(a.Request, func(r elevation.Request) bool { return r.SubmittedAt.IsZero() && r.CancelledAt.IsZero() })
	s.until(granted.Request, func(r elevation.Request) bool { return r.Grant.StartedAt.IsZero() && r.Grant.EndedAt.IsZero() })
}

// The gateway is killed at random moments while an endpoint works. Nothing that
// was asked is lost, no decision comes twice, and every report arrives.
func TestKilledGateway(t *testing.T) {
	const rounds, each = 7, 12
	s := newSite(t)
	b := s.box()
	asked := map[elevation.RequestID]wire.Attempt{}
	sent := map[elevation.RequestID]bool{} // the link has taken it: it is never to be sent by us again
	send := func() {
		for id, a := range asked {
			if sent[id] {
				continue
			}
			err := b.link.Send(wire.TAttempt, a)
			if sent[id] = err == nil; err != nil && !errors.Is(err, link.ErrOffline) && !errors.Is(err, link.ErrBusy) {
				t.Fatal(err)
			}
		}
	}
	decided := map[elevation.RequestID]int{}
	grants := map[elevation.RequestID]elevation.GrantID{}
	lastSeq := uint64(0)
	take := func(f wire.Frame) {
		if f.Seq != 0 {
			if f.Seq != lastSeq+1 {
				t.Fatalf("frame %d after %d", f.Seq, lastSeq)
			}
			lastSeq = f.Seq
		}
		var d wire.Decision
		if f.Type != wire.TDecision || f.Into(&d) != nil {
			return
		}
		decided[d.Request]++
		var g elevation.Grant
		if err := b.link.KeySet().Open(sign.Grant, d.Grant, time.Now(), &g); err != nil {
			t.Fatal(err)
		}
		grants[d.Request] = g.ID
		for _, kind := range []elevation.ReportKind{elevation.ReportStarted, elevation.ReportEnded} {
			if err := b.link.Report(wire.Report{Request: d.Request, Grant: g.ID, Kind: kind, Reason: elevation.Completed}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for round := range rounds {
		for i := range each {
			a := attempt("/usr/bin/true", round*each+i)
			asked[a.Request] = a
		}
		send()
		<-time.After(time.Duration(rand.IntN(15)) * time.Millisecond)
		s.kill()
		killed := time.Now()
		s.start()
		for !b.link.Connected() {
			if time.Since(killed) > 10*time.Second {
				t.Fatal("not connected 10 s after the gateway was back")
			}
			select {
			case f := <-b.frames:
				take(f)
			case <-time.After(time.Millisecond):
			}
		}
		send()
	}
	over := time.After(20 * time.Second)
	for len(decided) < len(asked) {
		select {
		case f := <-b.frames:
			take(f)
		case <-over:
			t.Fatalf("%d of %d are decided, %d were sent", len(decided), len(asked), len(sent))
		case <-time.After(100 * time.Millisecond):
			send()
		}
	}
	for id := range asked {
		if decided[id] != 1 {
			t.Errorf("%s was decided %d times", id, decided[id])
		}
		r := s.until(id, func(r elevation.Request) bool { return !r.Grant.EndedAt.IsZero() })
		if r.Grant.ID != grants[id] || r.Grant.StartedAt.IsZero() {
			t.Errorf("%s: %+v", id, r.Grant)
		}
	}
}

// A restarted agent goes on where it was.
func TestAgentRestart(t *testing.T) {
	s := newSite(t)
	b := s.box()
	recv(t, b.states)
	for n := range 3 {
		if err := b.link.Send(wire.TAttempt, attempt("/usr/bin/true", n)); err != nil {
			t.Fatal(err)
		}
		b.want(wire.TDecision, nil)
	}
	b.stop()
	if err := b.link.Report(wire.Report{Request: elevation.NewRequestID(time.Now()), Grant: elevation.NewGrantID(time.Now()), Kind: elevation.ReportStarted}); err != nil {
		t.Fatal(err)
	}
	b.start()
	recv(t, b.states)
	if err := b.link.Send(wire.TAttempt, attempt("/usr/bin/true", 9)); err != nil {
		t.Fatal(err)
	}
	if f := b.want(wire.TDecision, nil); f.Seq != 4 {
		t.Fatalf("frame %d", f.Seq)
	}
	for end := time.Now().Add(20 * time.Second); b.link.Waiting() > 0; {
		if time.Now().After(end) {
			t.Fatal("the report of before the restart is not accepted")
		}
		<-time.After(5 * time.Millisecond)
	}
}

func TestDeletedEndpointStaysOut(t *testing.T) {
	s := newSite(t)
	b, other := s.box(), s.box()
	recv(t, b.states)
	recv(t, other.states)
	err := s.store.Update(t.Context(), func(tx *store.Tx) error {
		row, err := tx.Endpoint(b.id())
		if err != nil {
			return err
		}
		row.DeletedAt = time.Now()
		if err := tx.PutEndpoint(row); err != nil {
			return err
		}
		return tx.Append(audit.Event{At: time.Now(), Kind: audit.EndpointDeleted, Endpoint: b.id(), Actor: elevation.Actor{Kind: elevation.BySystem}})
	})
	if err != nil {
		t.Fatal(err)
	}
	s.gateway().Disconnect(b.id())
	if recv(t, b.states) {
		t.Fatal("connected")
	}
	select {
	case <-b.states:
		t.Fatal("connected again")
	case <-time.After(time.Second):
	}
	if !other.link.Connected() {
		t.Error("another endpoint was disconnected")
	}
}

func TestRenewalOverTheWire(t *testing.T) {
	s := newSite(t)
	b := s.box()
	recv(t, b.states)
	b.stop()
	before := b.link.Identity().Chain[0]
	id, err := link.Load(b.dir)
	if err != nil {
		t.Fatal(err)
	}
	l, err := link.New(link.Config{Dir: b.dir, Identity: id, Facts: func() wire.Facts { return wire.Facts{} },
		OnFrame: func(context.Context, wire.Frame) error { return nil }, Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return time.Now().Add(keys.ClientLife * 3 / 5) }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() { l.Run(ctx) })
	for end := time.Now().Add(10 * time.Second); string(l.Identity().Chain[0]) == string(before); {
		if time.Now().After(end) {
			t.Fatal("not renewed")
		}
		<-time.After(5 * time.Millisecond)
	}
	cancel()
	all.Wait()
	b.start() // with the new certificate
	if !recv(t, b.states) {
		t.Fatal("not connected")
	}
}
