package link

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
)

// tester is a link at work with what it was given.
type tester struct {
	t      *testing.T
	link   *Link
	frames chan wire.Frame
	states chan bool
	fail   func(wire.Frame) error
	stop   func()
}

func start(t *testing.T, dir string, id Identity, now func() time.Time) *tester {
	t.Helper()
	x := &tester{t: t, frames: make(chan wire.Frame, 100), states: make(chan bool, 100)}
	l, err := New(Config{Dir: dir, Identity: id, Facts: func() wire.Facts { return wire.Facts{Hostname: "box"} }, BootID: "boot", Now: now,
		OnFrame: func(_ context.Context, f wire.Frame) error {
			if x.fail != nil {
				if err := x.fail(f); err != nil {
					return err
				}
			}
			x.frames <- f
			return nil
		},
		OnState: func(c bool) { x.states <- c }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	x.link = l
	return x
}

func (x *tester) run() *tester {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { x.link.Run(ctx) })
	x.stop = sync.OnceFunc(func() { cancel(); all.Wait() })
	x.t.Cleanup(x.stop)
	return x
}

func recv[T any](t *testing.T, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(15 * time.Second):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

func TestDurableFrames(t *testing.T) {
	acks := make(chan uint64, 100)
	hellos := make(chan wire.Hello, 100)
	s := newScript(t, func(n int, p *peer) {
		hellos <- p.hello
		p.welcome(nil)
		switch n {
		case 1: // in order, one twice, then a gap
			for _, seq := range []uint64{1, 2, 2, 1, 3} {
				p.send(wire.TQuestion, seq, wire.Question{Text: fmt.Sprint(seq)})
			}
			var a wire.Ack
			for p.until(wire.TAck, &a) {
				if acks <- a.Seq; a.Seq == 3 {
					p.send(wire.TQuestion, 5, wire.Question{Text: "gap"})
				}
			}
		case 2: // a type that is durable and not known
			p.send("weather", 4, wire.Ping{})
			p.rest()
		case 3: // a durable type without a number
			p.send(wire.TRevoke, 0, wire.Revoke{})
			p.rest()
		case 4: // unknown and not durable: ignored
			p.send("weather", 0, wire.Ping{})
			p.send(wire.TQuestion, 4, wire.Question{Text: "4"})
			p.rest()
		}
	})
	dir, id := enrolled(t, s)
	x := start(t, dir, id, nil).run()
	for _, want := range []uint64{1, 2, 3, 4} {
		if f := recv(t, x.frames); f.Seq != want {
			t.Fatalf("got frame %d, want %d", f.Seq, want)
		}
	}
	for n, want := range []uint64{0, 3, 3, 3} {
		if h := recv(t, hellos); h.LastSeq != want || n > 0 && string(h.Ratchet) != "ratchet" || h.BootID != "boot" {
			t.Fatalf("hello %d: %+v", n+1, h)
		}
	}
}

func TestFrameComesAgainUntilItIsTaken(t *testing.T) {
	hellos := make(chan wire.Hello, 100)
	s := newScript(t, func(_ int, p *peer) {
		hellos <- p.hello
		p.welcome(nil)
		p.send(wire.TQuestion, p.hello.LastSeq+1, wire.Question{})
		p.rest()
	})
	dir, id := enrolled(t, s)
	x := start(t, dir, id, nil)
	tries := 0
	x.fail = func(wire.Frame) error {
		if tries++; tries < 3 {
			return errors.New("the disk is full")
		}
		return nil
	}
	x.run()
	if f := recv(t, x.frames); f.Seq != 1 || tries != 3 {
		t.Fatalf("frame %d after %d tries", f.Seq, tries)
	}
	for range 3 {
		if h := recv(t, hellos); h.LastSeq != 0 {
			t.Fatalf("hello %+v", h)
		}
	}
}

func TestResyncAndRestart(t *testing.T) {
	s := newScript(t, func(n int, p *peer) {
		switch n {
		case 1:
			p.welcome(func(w *wire.Welcome) { w.ResyncFrom, w.Checkpoint = 50, []byte("note") })
			p.send(wire.TQuestion, 50, wire.Question{})
			p.until(wire.TAck, nil)
		default:
			p.welcome(nil)
			p.send(wire.TQuestion, p.hello.LastSeq+1, wire.Question{})
		}
		p.rest()
	})
	dir, id := enrolled(t, s)
	x := start(t, dir, id, nil).run()
	if f := recv(t, x.frames); f.Seq != 50 {
		t.Fatal(f.Seq)
	}
	x.stop()
	y := start(t, dir, id, nil).run() // the agent is started anew
	if f := recv(t, y.frames); f.Seq != 51 {
		t.Fatal(f.Seq)
	}
	if string(y.link.Checkpoint()) != "note" {
		t.Errorf("checkpoint %q", y.link.Checkpoint())
	}
}

func TestEpochNeverGoesBack(t *testing.T) {
	s := newScript(t, nil)
	s.serve = func(n int, p *peer) {
		switch n {
		case 1:
			p.welcome(func(w *wire.Welcome) { w.KeySet = s.keySet(7) })
			p.send(wire.TKeySet, 1, wire.Signed{Raw: s.keySet(9)})
			p.until(wire.TAck, nil)
			return
		case 2:
			p.welcome(func(w *wire.Welcome) { w.KeySet = s.keySet(8) })
		case 3:
			p.welcome(func(w *wire.Welcome) { w.KeySet = []byte("garbage") })
		case 4:
			p.welcome(func(w *wire.Welcome) { w.KeySet = s.keySet(9) })
			p.send(wire.TKeySet, 2, wire.Signed{Raw: s.keySet(8)})
		default:
			p.welcome(func(w *wire.Welcome) { w.KeySet = s.keySet(9) })
			p.send(wire.TQuestion, p.hello.LastSeq+1, wire.Question{})
		}
		p.rest()
	}
	dir, id := enrolled(t, s)
	x := start(t, dir, id, nil)
	if x.link.KeySet().Epoch != 1 {
		t.Fatalf("epoch %d after enrolment", x.link.KeySet().Epoch)
	}
	x.run()
	if f := recv(t, x.frames); f.Seq != 2 || x.link.KeySet().Epoch != 9 {
		t.Fatalf("frame %d, epoch %d", f.Seq, x.link.KeySet().Epoch)
	}
	x.stop()
	if _, n := s.count(); n != 5 {
		t.Errorf("%d sessions", n)
	}
	st, err := readState(stateDir(dir, id.Endpoint))
	if err != nil || st.Epoch != 9 {
		t.Fatalf("on disk: %d %v", st.Epoch, err)
	}
	st.KeySet = s.keySet(8) // an old set put in place of the new one
	if err := writeState(stateDir(dir, id.Endpoint), st, true); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{Dir: dir, Identity: id, Facts: func() wire.Facts { return wire.Facts{} },
		OnFrame: func(context.Context, wire.Frame) error { return nil }, Log: slog.New(slog.DiscardHandler)}); !errors.Is(err, sign.ErrEpoch) {
		t.Fatalf("opened with an old key set: %v", err)
	}
}

func TestHostileController(t *testing.T) {
	for name, serve := range map[string]func(s *script, p *peer){
		"no welcome":                 func(_ *script, p *peer) { p.send(wire.TQuestion, 1, wire.Question{}) },
		"other endpoint":             func(_ *script, p *peer) { p.welcome(func(w *wire.Welcome) { w.Endpoint = "ep_x" }) },
		"other cluster":              func(_ *script, p *peer) { p.welcome(func(w *wire.Welcome) { w.Cluster = "x" }) },
		"newer version":              func(_ *script, p *peer) { p.welcome(func(w *wire.Welcome) { w.Version = 2 }) },
		"text":                       func(_ *script, p *peer) { p.c.WriteMessage(1, []byte("hello")) },
		"oversized":                  func(_ *script, p *peer) { p.c.WriteMessage(2, make([]byte, wire.MaxFrame+1)) },
		"garbage":                    func(_ *script, p *peer) { p.welcome(nil); p.c.WriteMessage(2, []byte("garbage")) },
		"second welcome":             func(_ *script, p *peer) { p.welcome(nil); p.welcome(nil) },
		"refused":                    func(_ *script, p *peer) { p.send(wire.TError, 0, wire.Error{Code: wire.CodeLocked}) },
		"a live frame with a number": func(_ *script, p *peer) { p.welcome(nil); p.send(wire.TNeed, 1, wire.Need{}) },
	} {
		t.Run(name, func(t *testing.T) {
			over := make(chan struct{}, 10)
			s := newScript(t, nil)
			s.serve = func(_ int, p *peer) {
				serve(s, p)
				p.rest()
				over <- struct{}{}
			}
			dir, id := enrolled(t, s)
			x := start(t, dir, id, nil).run()
			recv(t, over) // the link ended the session
			x.stop()
			if x.link.Connected() || len(x.frames) != 0 {
				t.Errorf("connected %v, %d frames were passed on", x.link.Connected(), len(x.frames))
			}
			if st, err := readState(stateDir(dir, id.Endpoint)); err != nil || st.LastSeq != 0 {
				t.Errorf("state %+v %v", st, err)
			}
		})
	}
}

func TestServerMustProveTheClustersName(t *testing.T) {
	s := newScript(t, func(int, *peer) {})
	dir, id := enrolled(t, s)
	id.Cluster = "other" // as if the same CA served two names
	if _, err := New(Config{Dir: dir, Identity: id, Facts: func() wire.Facts { return wire.Facts{} },
		OnFrame: func(context.Context, wire.Frame) error { return nil }, Log: slog.New(slog.DiscardHandler)}); err == nil {
		t.Fatal("an identity whose parts disagree was opened")
	}
	good, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	stranger := newScript(t, func(int, *peer) {})
	good.URL = stranger.url
	x := start(t, dir, good, nil)
	if _, err := x.link.connect(t.Context()); err == nil {
		t.Fatal("connected to a server of another CA")
	}
	if _, n := stranger.count(); n != 0 {
		t.Fatal("said hello to a stranger")
	}
}

func TestUnansweredIsSentAgain(t *testing.T) {
	got := make(chan elevation.RequestID, 100)
	s := newScript(t, func(n int, p *peer) {
		p.welcome(nil)
		for {
			f, err := p.next()
			if err != nil {
				return
			}
			var a wire.Attempt
			var c wire.Complete
			switch {
			case f.Type == wire.TAttempt && f.Into(&a) == nil:
				got <- a.Request
				if n == 1 {
					return // killed before it answered
				}
				p.send(wire.TNeed, 0, wire.Need{Request: a.Request})
			case f.Type == wire.TComplete && f.Into(&c) == nil:
				got <- c.Request
				if n == 2 {
					return
				}
				p.send(wire.TAccepted, 0, wire.Accepted{Request: c.Request})
				p.send(wire.TProgress, 0, wire.Progress{Request: c.Request})
			}
		}
	})
	dir, id := enrolled(t, s)
	x := start(t, dir, id, nil)
	if err := x.link.Send(wire.TAttempt, wire.Attempt{Request: "req_a"}); !errors.Is(err, ErrOffline) {
		t.Fatalf("sent while offline: %v", err)
	}
	x.run()
	recv(t, x.states)
	req := elevation.NewRequestID(time.Now())
	if err := x.link.Send(wire.TAttempt, wire.Attempt{Request: req}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if r := recv(t, got); r != req {
			t.Fatal(r)
		}
	}
	if f := recv(t, x.frames); f.Type != wire.TNeed {
		t.Fatal(f.Type)
	}
	if err := x.link.Send(wire.TComplete, wire.Complete{Request: req}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if r := recv(t, got); r != req {
			t.Fatal(r)
		}
	}
	recv(t, x.frames)
	if f := recv(t, x.frames); f.Type != wire.TProgress {
		t.Fatal(f.Type)
	}
	x.link.mu.Lock()
	defer x.link.mu.Unlock()
	if len(x.link.unanswered) != 0 {
		t.Errorf("%d messages are still kept", len(x.link.unanswered))
	}
}

func TestForget(t *testing.T) {
	s := newScript(t, func(_ int, p *peer) { p.welcome(nil); p.rest() })
	dir, id := enrolled(t, s)
	x := start(t, dir, id, nil).run()
	recv(t, x.states)
	for i := range 3 {
		if err := x.link.Send(wire.TWithdraw, wire.Withdraw{Request: elevation.RequestID(fmt.Sprint(i % 2))}); err != nil {
			t.Fatal(err)
		}
	}
	x.link.Forget("0")
	x.link.mu.Lock()
	defer x.link.mu.Unlock()
	if len(x.link.unanswered) != 1 || x.link.unanswered[0].request != "1" {
		t.Errorf("kept %+v", x.link.unanswered)
	}
}

func TestReportsAreSentUntilAccepted(t *testing.T) {
	got := make(chan uint64, 1000)
	s := newScript(t, func(n int, p *peer) {
		p.welcome(nil)
		taken := 0
		var r wire.Report
		for p.until(wire.TReport, &r) {
			got <- r.Seq
			switch taken++; {
			case n == 1 && taken == 2:
				return // killed with one accepted and one in flight
			case n == 2 && taken == 1:
				p.send(wire.TError, 0, wire.Error{Code: wire.CodeUnavailable, RetryAfter: time.Second})
				continue
			}
			p.send(wire.TAccepted, 0, wire.Accepted{Report: r.Seq})
		}
	})
	dir, id := enrolled(t, s)
	x := start(t, dir, id, nil)
	for range 3 {
		if err := x.link.Report(wire.Report{Kind: elevation.ReportStarted}); err != nil {
			t.Fatal(err)
		}
	}
	x.run()
	var order []uint64
	for range 5 {
		order = append(order, recv(t, got))
	}
	if want := []uint64{1, 2, 2, 2, 3}; !slices.Equal(order, want) {
		t.Fatalf("sent %v, want %v", order, want)
	}
	if err := x.link.Report(wire.Report{}); err != nil {
		t.Fatal(err)
	}
	if n := recv(t, got); n != 4 {
		t.Fatal(n)
	}
	x.stop()
}

func TestRenewal(t *testing.T) {
	s := newScript(t, nil)
	s.serve = func(n int, p *peer) {
		p.welcome(nil)
		if !p.until(wire.TRenew, nil) {
			return
		}
		_, stranger, _ := ed25519.GenerateKey(rand.Reader)
		certs := p.peerCerts()
		ep := elevation.EndpointID(certs[0].URIs[0].Path[len("/endpoint/"):])
		if n == 1 {
			p.send(wire.TRenewed, 0, wire.Renewed{Chain: s.clientChain(stranger.Public(), ep)})
		} else {
			p.send(wire.TRenewed, 0, wire.Renewed{Chain: s.clientChain(certs[0].PublicKey, ep)})
		}
		p.rest()
	}
	dir, id := enrolled(t, s)
	early := start(t, dir, id, nil)
	if err := (&session{link: early.link}).renew(); err != nil { // nothing is sent: there is nowhere to send to
		t.Fatal(err)
	}
	x := start(t, dir, id, func() time.Time { return time.Now().Add(60 * time.Hour) }).run() // of 100
	recv(t, x.states)
	for deadline := time.Now().Add(10 * time.Second); ; {
		if got := x.link.Identity(); !bytes.Equal(got.Chain[0], id.Chain[0]) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("not renewed")
		}
		<-time.After(10 * time.Millisecond)
	}
	x.stop()
	got, err := Load(dir)
	if err != nil || bytes.Equal(got.Chain[0], id.Chain[0]) || !got.Key.Equal(id.Key) {
		t.Fatalf("on disk: %v", err)
	}
}

func TestPausesHaveFullJitterAndACap(t *testing.T) {
	var low, high time.Duration = time.Hour, 0
	for range 2000 {
		d := jitter(30, backoffCap)
		low, high = min(low, d), max(high, d)
	}
	if low > backoffCap/20 || high < backoffCap*9/10 || high > backoffCap+time.Millisecond {
		t.Errorf("between %v and %v", low, high)
	}
	for range 100 {
		if d := jitter(0, backoffCap); d > backoffBase+time.Millisecond {
			t.Errorf("first pause %v", d)
		}
	}
}

func TestRunStopsWhilePausing(t *testing.T) {
	s := newScript(t, nil)
	dir, id := enrolled(t, s)
	synctest.Test(t, func(t *testing.T) {
		id.URL = "https://127.0.0.1:1"
		x := start(t, dir, id, nil)
		ctx, cancel := context.WithCancelCause(t.Context())
		why := errors.New("enough")
		done := make(chan error)
		go func() { done <- x.link.Run(ctx) }()
		time.AfterFunc(time.Minute, func() { cancel(why) })
		if err := <-done; !errors.Is(err, why) {
			t.Fatalf("got %v", err)
		}
	})
}
