package notify

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// bed is notify over a real database, with senders that write down what they
// are given.
type bed struct {
	t     *testing.T
	n     *Notify
	store *store.Store
	path  string
	stop  func()

	mu       sync.Mutex // guards the fields below
	requests map[elevation.RequestID]*Audience
	hidden   map[elevation.UserID]bool
	sent     []Message
	lose     int // so many commits of alerts get no answer
	answer   func(Channel, Message) (Result, error)
}

// noted is a sender that writes down.
type noted struct {
	b *bed
	c Channel
}

func (s noted) Send(ctx context.Context, m Message) (Result, error) {
	s.b.mu.Lock()
	answer := s.b.answer
	s.b.mu.Unlock()
	if answer != nil {
		if res, err := answer(s.c, m); err != nil {
			return res, err
		}
	}
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	s.b.sent = append(s.b.sent, m)
	return Result{}, ctx.Err()
}

func newBed(t *testing.T) *bed {
	b := &bed{t: t, path: filepath.Join(t.TempDir(), "a.db"), requests: map[elevation.RequestID]*Audience{}, hidden: map[elevation.UserID]bool{}}
	b.start()
	t.Cleanup(func() { b.halt() })
	return b
}

func plainWrap(_ string, raw []byte) ([]byte, error) { return raw, nil }

// start opens the database and runs notify.
func (b *bed) start() {
	b.t.Helper()
	var err error
	if b.store, err = store.Open(b.t.Context(), store.Config{Path: b.path, Fail: b.fail}); err != nil {
		b.t.Fatal(err)
	}
	b.n, err = New(b.t.Context(), Config{Store: b.store, Wrap: plainWrap, Unwrap: plainWrap, Audience: b.audience, Show: b.show,
		HTTP: http.DefaultClient, Dial: (&net.Dialer{}).DialContext, Refuse: func(string) error { return nil },
		Public: func() string { return "https://assent.example" }, Now: time.Now})
	if err != nil {
		b.t.Fatal(err)
	}
	b.n.look = slowPoll
	b.n.open = func(c Channel, _ Deps) (Sender, error) { return noted{b, c}, nil }
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { b.n.Run(ctx); close(done) }()
	b.stop = func() { cancel(); <-done }
}

// fail loses the answers to commits that were done.
func (b *bed) fail(point string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if point != store.FailAfterCommit || b.lose == 0 {
		return nil
	}
	b.lose--
	return errors.New("the answer was lost")
}

func (b *bed) halt() {
	b.stop()
	if err := b.store.Close(); err != nil {
		b.t.Error(err)
	}
}

func (b *bed) audience(_ *store.Tx, id elevation.RequestID, _ time.Time) (Audience, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a, ok := b.requests[id]
	if !ok {
		return Audience{}, elevation.ErrNotFound
	}
	out := *a
	out.Sees = func(act auth.Actor) bool { return !b.isHidden(act.User) }
	return out, nil
}

func (b *bed) isHidden(id elevation.UserID) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.hidden[id]
}

func (b *bed) show(_ context.Context, reader auth.Actor, e *audit.Event, id elevation.RequestID) (Shown, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.hidden[reader.User] && id != "" {
		return Shown{}, elevation.ErrNotFound
	}
	s := Shown{Endpoint: "web-1"}
	if a := b.requests[id]; a != nil {
		s.Facts, s.Request = a.Request, json.RawMessage(`{"id":"`+string(id)+`"}`)
	}
	if e != nil {
		s.Event, s.By = json.RawMessage(`{"kind":"`+e.Kind.String()+`"}`), e.Actor.Name
	}
	return s, nil
}

// says is what the other side answers from now on; an error means that nothing
// is taken.
func (b *bed) says(answer func(Channel, Message) (Result, error)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answer = answer
}

// hide takes every request out of somebody's sight, or back into it.
func (b *bed) hide(id elevation.UserID, hidden bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hidden[id] = hidden
}

// of changes a request, or who may be told of it.
func (b *bed) of(id elevation.RequestID, change func(*Audience)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(b.requests[id])
}

func (b *bed) update(fn func(*store.Tx) error) {
	b.t.Helper()
	err := b.store.Update(b.t.Context(), func(tx *store.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return tx.Append(audit.Event{At: time.Now(), Kind: audit.AlertChanged, Actor: elevation.Actor{Kind: elevation.BySystem}})
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bed) user(id string, roles ...auth.Role) elevation.UserID {
	b.t.Helper()
	b.update(func(tx *store.Tx) error {
		return tx.InsertUser(store.User{ID: elevation.UserID(id), Login: id, Email: id + "@example.org", Roles: roles, CreatedAt: time.Now()})
	})
	return elevation.UserID(id)
}

// channel and alert have their kind or name as id.
func (b *bed) channel(id, kind string) {
	b.t.Helper()
	b.update(func(tx *store.Tx) error {
		return tx.PutChannel(store.Channel{ID: id, Name: id, Kind: kind, Config: []byte(`{}`), MadeAt: time.Now()})
	})
}

func (b *bed) alert(id string, body store.AlertBody) {
	b.t.Helper()
	b.update(func(tx *store.Tx) error {
		return tx.PutAlert(store.Alert{ID: id, Name: id, Enabled: true, MadeAt: time.Now(), ChangedAt: time.Now(), Body: body})
	})
}

func (b *bed) prefer(u elevation.UserID, p store.NotifyPreferences) {
	b.t.Helper()
	b.update(func(tx *store.Tx) error { return tx.PutPreferences(u, store.Preferences{Notify: p}) })
}

// asks makes a request that waits and the event that says so.
func (b *bed) asks(id string, answerers ...elevation.UserID) {
	b.t.Helper()
	r := elevation.Request{ID: elevation.RequestID(id), Endpoint: "ep_1", SubmittedAt: time.Now(), ExpiresAt: time.Now().Add(100 * time.Hour),
		Need: elevation.Need{Stages: []elevation.Stage{{Team: "team_a", Name: "A", Quorum: 1}}}}
	r.Attempt.User.Name, r.Attempt.Subject.Path = "eve", "/usr/bin/"+id
	b.mu.Lock()
	b.requests[r.ID] = &Audience{Request: r, Answerers: answerers}
	b.mu.Unlock()
	b.happens(audit.RequestSubmitted, id)
}

func (b *bed) happens(kind audit.Kind, request string) {
	b.t.Helper()
	err := b.store.Update(b.t.Context(), func(tx *store.Tx) error {
		return tx.Append(audit.Event{At: time.Now(), Kind: kind, Request: elevation.RequestID(request), Actor: elevation.Actor{Kind: elevation.ByUser, Name: "bo"}})
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// after lets time pass and gives what was sent meanwhile, as "title" or, of a
// digest, "n: title | title".
func (b *bed) after(d time.Duration) string {
	b.t.Helper()
	pass(d)
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []string
	for _, m := range b.sent {
		word := string(m.Dedup)
		if m.Kind == KindDigest {
			var all []string
			for _, i := range m.Items {
				all = append(all, i.Dedup)
			}
			word = "[" + strings.Join(all, " ") + "]"
		}
		if m.To.User != "" {
			word = string(m.To.User) + ":" + word
		}
		out = append(out, word)
	}
	b.sent = nil
	slices.Sort(out)
	return strings.Join(out, " ")
}

func (b *bed) want(d time.Duration, want string) {
	b.t.Helper()
	if got := b.after(d); got != want {
		b.t.Errorf("after %s: %q is told, want %q", d, got, want)
	}
}

func (b *bed) deliveries() []store.Delivery {
	b.t.Helper()
	var list []store.Delivery
	if err := b.store.View(b.t.Context(), func(tx *store.Tx) (err error) { list, err = tx.Deliveries(store.DeliveryFilter{}); return err }); err != nil {
		b.t.Fatal(err)
	}
	return list
}

func submitted(channels ...string) store.AlertBody {
	return store.AlertBody{Kinds: []audit.Kind{audit.RequestSubmitted}, Channels: channels, To: store.AlertRecipient{Answerers: true}}
}

func bubble(t *testing.T, fn func(*testing.T, *bed)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { fn(t, newBed(t)) })
}

// moment is enough for what is told at once.
const moment = 100 * time.Millisecond

func TestWhoIsTold(t *testing.T) {
	bubble(t, func(t *testing.T, b *bed) {
		bo, ada, eve := b.user("bo", auth.Approver), b.user("ada", auth.Administrator), b.user("eve", auth.Requester)
		b.channel("mail", Email)
		b.channel("hook", Webhook)
		b.alert("a", submitted("mail", "hook"))
		b.asks("r1", bo)
		b.want(moment, "bo:r1 r1")

		b.alert("a", store.AlertBody{Kinds: []audit.Kind{audit.RequestDenied}, Channels: []string{"mail"}, To: store.AlertRecipient{Requester: true, Roles: []string{"approver"}, Users: []elevation.UserID{ada}}})
		b.of("r1", func(a *Audience) { a.Account = eve })
		b.happens(audit.RequestDenied, "r1")
		b.want(moment, "ada:r1 bo:r1 eve:r1")

		b.hide(bo, true) // outside of his scope
		b.happens(audit.RequestDenied, "r1")
		b.happens(audit.RuleChanged, "")
		b.want(moment, "ada:r1 eve:r1")

		b.alert("a", store.AlertBody{Kinds: []audit.Kind{audit.RuleChanged, audit.AuthLoginFailed}, Channels: []string{"mail"}, To: store.AlertRecipient{Users: []elevation.UserID{ada, bo, eve}}})
		b.hide(bo, false)
		b.happens(audit.RuleChanged, "")
		b.want(moment, "ada: bo:")
		b.happens(audit.AuthLoginFailed, "")
		b.want(moment, "ada:")

		b.alert("a", submitted("mail"))
		b.asks("r2") // nobody can answer
		b.want(moment, "")
		body := submitted("mail")
		body.To = store.AlertRecipient{}
		b.alert("a", body)
		b.asks("r3")
		b.asks("r4", bo)
		b.want(moment, "ada:r3 bo:r4")
		for _, d := range b.deliveries() {
			if d.State != store.DeliverySent {
				t.Errorf("a delivery that nobody may have is made: %+v", d)
			}
		}
	})
}

func TestTheSameIsToldOnce(t *testing.T) {
	bubble(t, func(t *testing.T, b *bed) {
		bo := b.user("bo", auth.Approver)
		b.channel("mail", Email)
		b.alert("a", submitted("mail"))
		must := submitted("mail")
		must.Mandatory = true
		b.alert("b", must)
		b.prefer(bo, store.NotifyPreferences{Chosen: true}) // not at all
		b.asks("r1", bo)
		b.want(moment, "bo:r1")
		if list := b.deliveries(); len(list) != 1 || list[0].Alert != "b" || !list[0].Mandatory {
			t.Errorf("%+v", list)
		}
	})
}

func TestFilters(t *testing.T) {
	r := elevation.Request{Priority: elevation.Normal, Need: elevation.Need{Stages: []elevation.Stage{{Team: "team_a"}}}, SubmittedAt: time.Unix(1000, 0)}
	r.Attempt.User, r.Attempt.AccessType = elevation.User{Name: "Eve", UID: "1001"}, elevation.Run
	careful := r
	careful.Need.Caution = []elevation.Caution{{Reason: "x", Fact: "y"}}
	climbed := r
	climbed.Escalations = []elevation.Escalation{{Team: "team_b"}}
	of := func(r elevation.Request) cause {
		return cause{aud: &Audience{Request: r}, labels: map[string]string{"role": "web", "site": "b"}}
	}
	now := time.Unix(1600, 0)
	for name, tt := range map[string]struct {
		f    store.AlertFilter
		c    cause
		want bool
	}{
		"none":             {store.AlertFilter{}, of(r), true},
		"team":             {store.AlertFilter{Team: "team_a"}, of(r), true},
		"another team":     {store.AlertFilter{Team: "team_b"}, of(r), false},
		"team it went to":  {store.AlertFilter{Team: "team_b"}, of(climbed), true},
		"user":             {store.AlertFilter{User: "eve"}, of(r), true},
		"uid":              {store.AlertFilter{User: "1001"}, of(r), true},
		"another user":     {store.AlertFilter{User: "bo"}, of(r), false},
		"label":            {store.AlertFilter{Labels: map[string]string{"role": "web"}}, of(r), true},
		"another label":    {store.AlertFilter{Labels: map[string]string{"role": "db"}}, of(r), false},
		"access type":      {store.AlertFilter{AccessType: elevation.Session}, of(r), false},
		"priority":         {store.AlertFilter{Priority: elevation.Normal}, of(r), true},
		"higher priority":  {store.AlertFilter{Priority: elevation.High}, of(r), false},
		"caution":          {store.AlertFilter{Caution: true}, of(careful), true},
		"no caution":       {store.AlertFilter{Caution: true}, of(r), false},
		"waited":           {store.AlertFilter{Waiting: 10 * time.Minute}, of(r), true},
		"waited less":      {store.AlertFilter{Waiting: 11 * time.Minute}, of(r), false},
		"about no request": {store.AlertFilter{User: "eve"}, cause{}, false},
		"an endpoint":      {store.AlertFilter{Labels: map[string]string{"role": "web"}}, cause{labels: map[string]string{"role": "web"}}, true},
	} {
		if got := fits(tt.f, tt.c, now); got != tt.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func TestWaitingLongerThan(t *testing.T) {
	bubble(t, func(t *testing.T, b *bed) {
		bo := b.user("bo", auth.Approver)
		b.channel("mail", Email)
		body := submitted("mail")
		body.Filter.Waiting = 10 * time.Minute
		b.alert("late", body)
		b.asks("r1", bo)
		b.asks("r2", bo)
		b.want(9*time.Minute, "")
		b.of("r2", func(a *Audience) { a.Request.CancelledAt = time.Now() })
		b.want(time.Minute+2*slowPoll, "bo:r1")
		b.halt()
		b.start()
		b.want(time.Hour, "") // once
	})
}

func TestDigest(t *testing.T) {
	bubble(t, func(t *testing.T, b *bed) {
		bo, ada := b.user("bo", auth.Approver), b.user("ada", auth.Approver)
		b.channel("mail", Email)
		body := submitted("mail")
		body.Digest = 10 * time.Minute
		b.alert("a", body)
		b.asks("r1", bo)
		b.want(moment, "bo:r1") // the first at once
		b.asks("r2", bo)
		b.asks("r3", bo, ada)
		b.want(5*time.Minute, "ada:r3")
		b.asks("r4", bo)
		b.want(6*time.Minute, "bo:[r2 r3 r4]")
		b.want(time.Hour, "")
		b.asks("r5", bo)
		b.want(moment, "bo:r5")
	})
}

func TestQuietHours(t *testing.T) {
	bubble(t, func(t *testing.T, b *bed) {
		bo := b.user("bo", auth.Approver)
		b.channel("mail", Email)
		b.channel("pager", SMS)
		b.alert("a", submitted("mail"))
		must := submitted("pager")
		must.Mandatory = true
		b.alert("must", must)
		b.prefer(bo, store.NotifyPreferences{Chosen: true, Channels: []string{"mail"}, Quiet: "22:00-07:00", Zone: "Europe/Berlin"})
		pass(time.Until(time.Date(2000, 1, 1, 20, 59, 0, 0, time.UTC))) // 21:59 in Berlin
		b.asks("r1", bo)
		b.want(moment, "bo:r1 bo:r1")
		pass(time.Hour)
		b.asks("r2", bo)
		b.asks("r3", bo)
		b.want(moment, "bo:r2 bo:r3") // the pager alone
		b.want(7*time.Hour, "")
		b.halt() // held ones outlive a restart
		b.start()
		b.want(2*time.Hour, "bo:[r2 r3]")
	})
}

func TestQuietHoursThatComeMeanwhile(t *testing.T) {
	bubble(t, func(t *testing.T, b *bed) {
		bo := b.user("bo", auth.Approver)
		b.channel("mail", Email)
		b.alert("a", submitted("mail"))
		b.says(func(Channel, Message) (Result, error) { return Result{}, errors.New("down") })
		b.asks("r1", bo)
		b.want(moment, "")
		b.prefer(bo, store.NotifyPreferences{Quiet: "00:00-06:00", Zone: "UTC"})
		b.says(nil)
		b.want(5*time.Hour, "")
		b.want(time.Hour+slowPoll, "bo:r1")
	})
}
