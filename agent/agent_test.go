package agent

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
)

// desk is an agent whose controller is this test: it keeps what the agent sends
// and answers by hand, with real signatures.
type desk struct {
	*Agent
	t    *testing.T
	dir  string
	key  sign.Signer
	mu   sync.Mutex // guards the fields below
	sent []any
	reps []wire.Report
	told []wire.Told
	down bool
	skew time.Duration
	news chan struct{}
}

func (d *desk) Send(_ wire.Type, m any) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.down {
		return errors.New("offline")
	}
	d.sent = append(d.sent, m)
	select {
	case d.news <- struct{}{}:
	default:
	}
	return nil
}

func (d *desk) Report(r wire.Report) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reps = append(d.reps, r)
	return nil
}

func (d *desk) Tell(m wire.Told) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.told = append(d.told, m)
	return nil
}

func (d *desk) Kept(t wire.Type) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, m := range d.told {
		if m.Type() == t {
			n++
		}
	}
	return n
}

func (d *desk) Forget(elevation.RequestID) {}
func (d *desk) Skew() time.Duration        { d.mu.Lock(); defer d.mu.Unlock(); return d.skew }
func (d *desk) Console() string            { return "https://assent.example" }
func (d *desk) Connected() bool            { d.mu.Lock(); defer d.mu.Unlock(); return !d.down }
func (d *desk) KeySet() sign.KeySet {
	public := d.key.Key.Public().(ed25519.PublicKey)
	return sign.KeySet{Cluster: "c", Epoch: 1, Keys: []sign.PublicKey{{ID: d.key.KeyID, Public: public,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(1000 * time.Hour)}}}
}

func clock() grants.Moment {
	now := time.Now()
	return grants.Moment{Wall: now, Boot: now.Sub(time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC)), BootID: "boot-1"}
}

func newDesk(t *testing.T, dir string) *desk { return newDeskOn(t, dir, privilege.Config{}) }

// newDeskOn is a desk on a machine that has something of its own.
func newDeskOn(t *testing.T, dir string, machine privilege.Config) *desk {
	t.Helper()
	d := &desk{t: t, dir: dir, news: make(chan struct{}, 64),
		key: sign.Signer{KeyID: "g1", Key: ed25519.NewKeyFromSeed(make([]byte, 32))}}
	ledger, err := grants.Open(filepath.Join(dir, "grants"))
	if err != nil {
		t.Fatal(err)
	}
	machine.Realm, machine.Kinds = privilege.Realm(dir), []privilege.TreeKind{privilege.TreeSessions}
	trees, err := privilege.NewTrees(machine)
	if err != nil {
		t.Fatal(err)
	}
	d.Agent, err = New(t.Context(), Config{Data: dir, Cluster: "c", Endpoint: "ep_1", Conn: d, Ledger: ledger, Trees: trees,
		Clock: clock, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// next is the next message that the agent sends.
func next[M any](d *desk) M {
	d.t.Helper()
	for {
		d.mu.Lock()
		if len(d.sent) > 0 {
			m := d.sent[0]
			d.sent = d.sent[1:]
			d.mu.Unlock()
			if want, ok := m.(M); ok {
				return want
			}
			d.t.Fatalf("sent %T", m)
		}
		d.mu.Unlock()
		<-d.news
	}
}

func (d *desk) answer(t wire.Type, m any) {
	d.t.Helper()
	raw, err := wire.Encode(t, 0, m)
	if err != nil {
		d.t.Fatal(err)
	}
	f, err := wire.Decode(raw)
	if err != nil {
		d.t.Fatal(err)
	}
	if err := d.Receive(d.t.Context(), f); err != nil {
		d.t.Fatal(err)
	}
}

// grantFor is a lawful grant for an attempt; change spoils it.
func (d *desk) grantFor(id elevation.RequestID, a elevation.Attempt, change func(*elevation.Grant)) wire.Decision {
	d.t.Helper()
	raw, err := sign.Encode(a)
	if err != nil {
		d.t.Fatal(err)
	}
	digest := sha256.Sum256(raw)
	g := elevation.Grant{Cluster: "c", Endpoint: "ep_1", ID: elevation.NewGrantID(time.Now()), Request: id, RequestDigest: digest[:],
		AccessType: elevation.Run, User: a.User, Subject: a.Subject, IssuedAt: time.Now(), ValidFor: 4 * time.Hour, Duration: time.Hour,
		Uses: 1, Nonce: make([]byte, 16)}
	if change != nil {
		change(&g)
	}
	signed, err := d.key.Sign(sign.Grant, g)
	if err != nil {
		d.t.Fatal(err)
	}
	return wire.Decision{Request: id, Verdict: elevation.Approved, By: "bo", Grant: signed}
}

func attempt() elevation.Attempt {
	sum := sha256.Sum256(nil)
	return elevation.Attempt{AccessType: elevation.Run, Mechanism: "sudo", User: elevation.User{Name: "alice", UID: "1001"},
		Subject: elevation.Subject{Path: "/usr/bin/id", SHA256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
			ArgsDigest: sum[:], RunAs: "root", Cwd: "/"}}
}

// person answers every question with a reason and counts what it is shown.
type person struct {
	reason  string
	err     error
	replies chan string // to questions; nil = there is nobody to answer them
	mu      sync.Mutex  // guards the fields below
	lines   []intercept.Waiting
	asked   []intercept.Question
	said    []string
}

func (p *person) Ask(context.Context, wire.Need) (string, string, error) { return p.reason, "", p.err }
func (p *person) Say(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.said = append(p.said, text)
}

func (p *person) Question(ctx context.Context, q intercept.Question) (string, error) {
	p.mu.Lock()
	p.asked = append(p.asked, q)
	p.mu.Unlock()
	if p.replies == nil {
		return "", intercept.ErrNobody
	}
	select {
	case text := <-p.replies:
		return text, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func (p *person) Waiting(w intercept.Waiting) {
	p.mu.Lock()
	p.lines = append(p.lines, w)
	p.mu.Unlock()
}

type result struct {
	permit intercept.Permit
	err    error
}

func (d *desk) elevate(ctx context.Context, ask intercept.Ask, p intercept.Person) <-chan result {
	done := make(chan result, 1)
	go func() {
		permit, err := d.Elevate(ctx, ask, p)
		done <- result{permit, err}
	}()
	return done
}

func TestApprovedByRule(t *testing.T) {
	d := newDesk(t, t.TempDir())
	done := d.elevate(t.Context(), intercept.Ask{Attempt: attempt()}, &person{err: intercept.ErrNobody})
	m := next[wire.Attempt](d)
	d.answer(wire.TDecision, d.grantFor(m.Request, m.Attempt, nil))
	if r := <-done; r.err != nil || r.permit.Grant.Request != m.Request {
		t.Fatalf("%+v", r)
	}
}

func TestAskedQueuedApproved(t *testing.T) {
	d := newDesk(t, t.TempDir())
	p := &person{reason: "printer driver"}
	done := d.elevate(t.Context(), intercept.Ask{Attempt: attempt()}, p)
	m := next[wire.Attempt](d)
	d.answer(wire.TNeed, wire.Need{Request: m.Request, ReasonMin: 8})
	c := next[wire.Complete](d)
	if c.Justification != "printer driver" || c.Request != m.Request {
		t.Fatalf("completed %+v", c)
	}
	d.answer(wire.TProgress, wire.Progress{Request: m.Request, Position: 2})
	d.answer(wire.TDecision, d.grantFor(m.Request, m.Attempt, nil))
	r := <-done
	if r.err != nil {
		t.Fatal(r.err)
	}
	if _, _, err := d.arm(t.Context(), r.permit, func(*grants.Entry) {}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.arm(t.Context(), r.permit, func(*grants.Entry) {}); err == nil {
		t.Error("one permit was armed twice")
	}
}

// TestGrantsThatAreRefused changes one thing of a lawful grant at a time.
func TestGrantsThatAreRefused(t *testing.T) {
	rows := map[string]func(*elevation.Grant){
		"another cluster":       func(g *elevation.Grant) { g.Cluster = "d" },
		"another endpoint":      func(g *elevation.Grant) { g.Endpoint = "ep_2" },
		"another request":       func(g *elevation.Grant) { g.Request = elevation.NewRequestID(time.Now()) },
		"a changed request":     func(g *elevation.Grant) { g.RequestDigest = make([]byte, 32) },
		"another user":          func(g *elevation.Grant) { g.User.UID = "1002" },
		"another name":          func(g *elevation.Grant) { g.User.Name = "bob" },
		"another program":       func(g *elevation.Grant) { g.Subject.Path = "/usr/bin/env" },
		"other bytes":           func(g *elevation.Grant) { g.Subject.SHA256 = "f" + g.Subject.SHA256[1:] },
		"another size":          func(g *elevation.Grant) { g.Subject.Size++ },
		"other arguments":       func(g *elevation.Grant) { g.Subject.ArgsDigest = make([]byte, 32) },
		"another folder":        func(g *elevation.Grant) { g.Subject.Cwd = "/tmp" },
		"another user to be":    func(g *elevation.Grant) { g.Subject.RunAs = "bob" },
		"two uses":              func(g *elevation.Grant) { g.Uses = 2 },
		"no uses":               func(g *elevation.Grant) { g.Uses = 0 },
		"no nonce":              func(g *elevation.Grant) { g.Nonce = nil },
		"no duration":           func(g *elevation.Grant) { g.Duration = 0 },
		"longer than any grant": func(g *elevation.Grant) { g.Duration = 9 * time.Hour },
		"never to be used":      func(g *elevation.Grant) { g.ValidFor = 0 },
		"over":                  func(g *elevation.Grant) { g.NotAfter = time.Now().Add(-time.Second) },
		"not yet":               func(g *elevation.Grant) { g.NotBefore = time.Now().Add(time.Hour) },
		"an id that is a path":  func(g *elevation.Grant) { g.ID = "gr_../../etc/passwd" },
		"uid -1":                func(g *elevation.Grant) { g.User.UID = "4294967295" },
	}
	for name, change := range rows {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, t.TempDir())
			a := attempt()
			if name == "uid -1" {
				a.User.UID = "4294967295"
			}
			done := d.elevate(t.Context(), intercept.Ask{Attempt: a}, &person{})
			m := next[wire.Attempt](d)
			d.answer(wire.TDecision, d.grantFor(m.Request, m.Attempt, change))
			var refused *intercept.Refused
			if r := <-done; !errors.As(r.err, &refused) {
				t.Fatalf("got %+v", r)
			}
			if len(d.Ledger.All()) != 0 {
				t.Error("the ledger took it")
			}
		})
	}
	t.Run("signed by somebody else", func(t *testing.T) {
		d := newDesk(t, t.TempDir())
		done := d.elevate(t.Context(), intercept.Ask{Attempt: attempt()}, &person{})
		m := next[wire.Attempt](d)
		good := d.key
		d.key.Key = ed25519.NewKeyFromSeed(append(make([]byte, 31), 1))
		forged := d.grantFor(m.Request, m.Attempt, nil)
		d.key = good
		d.answer(wire.TDecision, forged)
		if r := <-done; r.err == nil {
			t.Fatal("a forged grant was taken")
		}
	})
}

func TestSecondDeliveryChangesNothing(t *testing.T) {
	d := newDesk(t, t.TempDir())
	done := d.elevate(t.Context(), intercept.Ask{Attempt: attempt()}, &person{})
	m := next[wire.Attempt](d)
	decision := d.grantFor(m.Request, m.Attempt, nil)
	d.answer(wire.TDecision, decision)
	r := <-done
	if _, _, err := d.arm(t.Context(), r.permit, func(*grants.Entry) {}); err != nil {
		t.Fatal(err)
	}
	if err := d.Fail(t.Context(), r.permit.Grant.ID, errors.New("never ran")); err != nil {
		t.Fatal(err)
	}
	d.answer(wire.TDecision, decision)
	if e, _ := d.Ledger.Get(r.permit.Grant.ID); e.State != grants.Ended {
		t.Errorf("a replayed grant is %s", e.State)
	}
	done = d.elevate(t.Context(), intercept.Ask{Attempt: attempt()}, &person{})
	if again := next[wire.Attempt](d); again.Request == m.Request {
		t.Error("the used request was taken again")
	}
	d.answer(wire.TClosed, wire.Closed{Request: m.Request, Why: wire.ClosedExpired})
	select {
	case r := <-done:
		t.Errorf("the end of another request ended this one: %v", r.err)
	default:
	}
}

func TestWaitingGrantIsUsedAfterRestart(t *testing.T) {
	dir := t.TempDir()
	d := newDesk(t, dir)
	ctx, lose := context.WithCancel(t.Context())
	done := d.elevate(ctx, intercept.Ask{Attempt: attempt()}, &person{reason: "long enough"})
	m := next[wire.Attempt](d)
	d.answer(wire.TNeed, wire.Need{Request: m.Request, ReasonMin: 8})
	next[wire.Complete](d)
	d.answer(wire.TProgress, wire.Progress{Request: m.Request})
	lose() // the terminal is gone without a word
	var kept *intercept.Kept
	if r := <-done; !errors.As(r.err, &kept) || kept.Request != m.Request {
		t.Fatalf("got %v", r.err)
	}
	d.answer(wire.TDecision, d.grantFor(m.Request, m.Attempt, nil))
	d.Close()

	d = newDesk(t, dir)
	r := <-d.elevate(t.Context(), intercept.Ask{Attempt: attempt()}, &person{err: intercept.ErrNobody})
	if r.err != nil || r.permit.Grant.Request != m.Request {
		t.Fatalf("got %+v", r)
	}
	other := attempt()
	other.Subject.Cwd = "/tmp"
	if _, ok := d.claimWaiting(other); ok {
		t.Error("a grant was used for something else")
	}
	if _, ok := d.claimWaiting(attempt()); ok {
		t.Error("one grant was given to two")
	}
}

func TestWithdrawnGrantIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, t.TempDir())
		ctx, cancel := context.WithCancelCause(t.Context())
		done := d.elevate(ctx, intercept.Ask{Attempt: attempt()}, &person{reason: "long enough"})
		m := next[wire.Attempt](d)
		d.answer(wire.TNeed, wire.Need{Request: m.Request, ReasonMin: 8})
		next[wire.Complete](d)
		d.answer(wire.TProgress, wire.Progress{Request: m.Request})
		cancel(intercept.ErrWithdrawn)
		if w := next[wire.Withdraw](d); w.Request != m.Request {
			t.Fatalf("withdrew %s", w.Request)
		}
		// The approver was faster than the withdrawal.
		d.answer(wire.TDecision, d.grantFor(m.Request, m.Attempt, nil))
		if r := <-done; !errors.Is(r.err, intercept.ErrWithdrawn) {
			t.Fatalf("got %v", r.err)
		}
		if _, ok := d.claimWaiting(attempt()); ok {
			t.Error("a withdrawn request left a grant to use")
		}
		if last := d.reps[len(d.reps)-1]; last.Kind != elevation.ReportEnded {
			t.Errorf("last report %+v", last)
		}
		d.Close()
	})
}
