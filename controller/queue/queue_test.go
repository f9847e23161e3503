package queue

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
)

var day = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

const ep = elevation.EndpointID("ep_01932c5e-0000-7000-8000-000000000001")

// signer is a real Ed25519 key.
type signer struct{ sign.Signer }

func (s signer) SignGrant(g elevation.Grant) ([]byte, error) { return s.Sign(sign.Grant, g) }
func (s signer) SignRevocation(r elevation.Revocation) ([]byte, error) {
	return s.Sign(sign.Revocation, r)
}
func (s signer) SignAmendment(a elevation.Amendment) ([]byte, error) {
	return s.Sign(sign.Amendment, a)
}

func (s signer) SignConfirmation(a elevation.Confirmation) ([]byte, error) {
	return s.Sign(sign.Confirmation, a)
}
func (s signer) Epoch() uint64 { return 1 }

// bed is a queue over a real database with a clock of its own.
type bed struct {
	*Queue
	t     testing.TB
	store *store.Store
	keys  sign.KeySet
	path  string

	mu    sync.Mutex
	clock time.Time
	set   *rules.Set
	woken []elevation.EndpointID
}

func newBed(t testing.TB, yaml string) *bed {
	t.Helper()
	return newBedAt(t, filepath.Join(t.TempDir(), "assent.db"), yaml, nil)
}

func newBedAt(t testing.TB, path, yaml string, fail func(string) error) *bed {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(context.Background(), store.Config{Path: path, Fail: fail})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	b := &bed{t: t, store: s, path: path, clock: day}
	b.keys = sign.KeySet{Cluster: "c1", Epoch: 1, Keys: []sign.PublicKey{{ID: "k1", Public: public, NotBefore: day.Add(-time.Hour), NotAfter: day.Add(1e6 * time.Hour)}}}
	b.rulesAre(yaml)
	b.Queue, err = New(Config{Store: s, Signer: signer{sign.Signer{KeyID: "k1", Key: private}}, Cluster: "c1",
		Now:   func() time.Time { b.mu.Lock(); defer b.mu.Unlock(); return b.clock },
		Rules: func() *rules.Set { b.mu.Lock(); defer b.mu.Unlock(); return b.set },
		Wake:  func(id elevation.EndpointID) { b.mu.Lock(); defer b.mu.Unlock(); b.woken = append(b.woken, id) }})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bed) rulesAre(yaml string) {
	b.t.Helper()
	var set *rules.Set
	if yaml != "" {
		var faults []rules.Fault
		if set, faults = rules.Parse([]byte(yaml)); set == nil {
			b.t.Fatal(faults)
		}
		set = set.At(3)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.set = set
}

func (b *bed) pass(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.clock = b.clock.Add(d)
}

func (b *bed) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// people fills the store with an endpoint and accounts.
func (b *bed) people() *bed {
	b.t.Helper()
	b.must(b.store.Update(context.Background(), func(tx *store.Tx) error {
		if err := tx.InsertEndpoint(store.Endpoint{ID: ep, Name: "web-1", SPKI: []byte("1"), Labels: map[string]string{"role": "web"},
			AcceptLabels: []string{}, Mode: "ask", EnrolledAt: day}); err != nil {
			return err
		}
		for _, u := range []struct {
			login string
			roles []auth.Role
			scope map[string]string
		}{{"ada", []auth.Role{auth.Administrator}, nil}, {"bo", []auth.Role{auth.Approver}, nil}, {"cy", []auth.Role{auth.Approver}, nil},
			{"dee", []auth.Role{auth.Approver}, map[string]string{"role": "db"}}, {"audrey", []auth.Role{auth.Auditor}, nil}} {
			if err := tx.InsertUser(store.User{ID: elevation.UserID("usr_" + u.login), Login: u.login, Roles: u.roles, Scope: u.scope, CreatedAt: day}); err != nil {
				return err
			}
		}
		return tx.Append(audit.Event{At: day, Kind: audit.UserCreated, Actor: system()})
	}))
	return b
}

func who(login string, roles ...auth.Role) auth.Actor {
	if len(roles) == 0 {
		roles = []auth.Role{auth.Approver}
	}
	return auth.Actor{User: elevation.UserID("usr_" + login), Login: login, Roles: roles, Token: "tok_1"}
}

func attempt(arg string) wire.Attempt {
	return wire.Attempt{Request: elevation.NewRequestID(day), Attempt: elevation.Attempt{AccessType: elevation.Run, Mechanism: "sudo",
		User: elevation.User{Name: "eve", UID: "1000", Groups: []string{"users"}},
		Subject: elevation.Subject{Path: "/usr/bin/id", Args: []string{arg}, ArgsDigest: bytes.Repeat([]byte(arg[:1]), 32), Cwd: "/", RunAs: "root",
			SHA256: fmt.Sprintf("%064x", 1), Size: 10, Marks: []string{}}}}
}

// submit makes a pending request.
func (b *bed) submit(arg string) elevation.RequestID {
	b.t.Helper()
	in := attempt(arg)
	a, err := b.Draft(context.Background(), ep, in)
	b.must(err)
	if a.Need == nil || a.Need.Joined != "" {
		b.t.Fatalf("%+v", a)
	}
	_, err = b.Complete(context.Background(), ep, wire.Complete{Request: in.Request, Justification: "because I must"})
	b.must(err)
	return in.Request
}

// kinds are the names of the audit events of a request, in order.
func (b *bed) kinds(id elevation.RequestID) []string {
	b.t.Helper()
	var out []string
	b.must(b.store.View(context.Background(), func(tx *store.Tx) error {
		events, err := tx.EventsOf(id)
		for _, e := range events {
			out = append(out, e.Kind.String())
		}
		return err
	}))
	return out
}

func (b *bed) state(id elevation.RequestID) elevation.State {
	b.t.Helper()
	v, err := b.Get(context.Background(), who("ada", auth.Administrator), id)
	b.must(err)
	return v.State
}

// frames are the messages that wait for the endpoint.
func (b *bed) frames() []wire.Frame {
	b.t.Helper()
	var out []wire.Frame
	b.must(b.store.View(context.Background(), func(tx *store.Tx) error {
		list, err := tx.Frames(ep, 0, 1000)
		for _, raw := range list {
			f, err := wire.Decode(raw.Raw)
			if err != nil {
				return err
			}
			out = append(out, f)
		}
		return err
	}))
	return out
}

func body[M any](t testing.TB, f wire.Frame) M {
	t.Helper()
	var m M
	if err := f.Into(&m); err != nil {
		t.Fatal(err)
	}
	return m
}

func wantErr(t testing.TB, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) || want == nil && got != nil {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

const approveID = `
rules:
  - name: id-is-fine
    match: {path: /usr/bin/id}
    then: approve
    limits: {duration: 1h}
`
