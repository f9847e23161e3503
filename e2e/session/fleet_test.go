package session

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/agent/sim"
	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/queue"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// fleet is a simulation of some endpoints at a site, with a token for them.
func (s *site) fleet(n int) sim.Config {
	s.t.Helper()
	plain, hash, err := wire.NewEnrollToken(s.keys.CAFingerprint())
	if err != nil {
		s.t.Fatal(err)
	}
	now := time.Now()
	err = s.store.Update(s.t.Context(), func(tx *store.Tx) error {
		if err := tx.InsertEnrollToken(store.EnrollToken{ID: elevation.TokenID(elevation.NewID("tok_", now)), Hash: hash, ExpiresAt: now.Add(time.Hour),
			MaxUses: n, Mode: "ask", CreatedAt: now}); err != nil {
			return err
		}
		return tx.Append(audit.Event{At: now, Kind: audit.EnrollTokenCreated, Actor: elevation.Actor{Kind: elevation.BySystem}})
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return sim.Config{URL: "https://" + s.addr, Token: plain, Endpoints: n, Users: 3, Rate: 200, Scenario: sim.Mix, Seed: 1,
		Use: 20 * time.Millisecond, Dir: s.t.TempDir(), Log: slog.New(slog.DiscardHandler)}
}

func TestFleet(t *testing.T) {
	s := newSite(t)
	cfg := s.fleet(10)
	var lines, ids bytes.Buffer
	cfg.Lines, cfg.IDs, cfg.Requests, cfg.Command = &lines, &ids, 100, []string{"/usr/bin/true"}
	sum, err := sim.Run(t.Context(), cfg)
	if err != nil || !sum.Sound() {
		t.Fatalf("%v\n%s\n%s", err, sum, &lines)
	}
	if sum.Endpoints != 10 || sum.Raised != 100 || sum.Approved != 100 || sum.Acknowledged != 100 || sum.Unanswered != 0 || sum.Ended != 100 || sum.ByRule.Count != 100 {
		t.Errorf("%s", sum)
	}
	seen := map[string]int{}
	last := ""
	for text := range strings.Lines(lines.String()) {
		var l struct {
			Kind      string              `json:"kind"`
			Request   elevation.RequestID `json:"request"`
			LatencyUS int64               `json:"latency_us"`
		}
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatal(err)
		}
		if l.Kind != "summary" && l.LatencyUS <= 0 {
			t.Errorf("no latency in %s", text)
		}
		seen[l.Kind]++
		last = l.Kind
	}
	if seen["acknowledged"] != 100 || seen["decision"] != 100 || last != "summary" {
		t.Errorf("lines by kind %v, the last is %s", seen, last)
	}
	for id := range strings.FieldsSeq(ids.String()) {
		s.until(elevation.RequestID(id), func(r elevation.Request) bool { return !r.Grant.EndedAt.IsZero() })
	}
	again := cfg // the same folder: nobody enrols a second time
	again.Token, again.Requests, again.Lines, again.IDs = "", 5, nil, nil
	if sum, err := sim.Run(t.Context(), again); err != nil || sum.Approved != 5 {
		t.Errorf("%v\n%s", err, sum)
	}
}

// The gateway is killed under a fleet: whatever was acknowledged is stored, and
// every request is decided once.
func TestFleetAndKilledGateway(t *testing.T) {
	s := newSite(t)
	cfg := s.fleet(20)
	var ids bytes.Buffer
	cfg.IDs, cfg.Requests, cfg.Command = &ids, 300, []string{"/usr/bin/true"}
	done := make(chan struct{})
	var sum sim.Summary
	var err error
	go func() {
		defer close(done)
		sum, err = sim.Run(t.Context(), cfg)
	}()
	for s.gateway().Sessions() < 20 {
		select {
		case <-done:
			t.Fatal(err)
		case <-time.After(5 * time.Millisecond):
		}
	}
	for range 4 {
		select {
		case <-done:
			t.Fatalf("over too soon: %v\n%s", err, sum)
		case <-time.After(300 * time.Millisecond):
			s.kill()
			s.start()
		}
	}
	<-done
	if err != nil || !sum.Sound() || sum.Approved != 300 || sum.Unanswered != 0 || sum.Connections <= 20 {
		t.Fatalf("%v\n%s", err, sum)
	}
	n := 0
	for id := range strings.FieldsSeq(ids.String()) {
		s.until(elevation.RequestID(id), func(r elevation.Request) bool { return r.Decision != nil })
		n++
	}
	if n != 300 {
		t.Errorf("%d ids were written", n)
	}
}

func TestFleetScenarios(t *testing.T) {
	for _, scenario := range []sim.Scenario{sim.Queue, sim.Storm, sim.Idle} {
		t.Run(string(scenario), func(t *testing.T) {
			s := newSite(t)
			cfg := s.fleet(5)
			cfg.Scenario, cfg.Duration, cfg.Rate, cfg.Priority = scenario, time.Second, 40, elevation.High
			sum, err := sim.Run(t.Context(), cfg)
			if err != nil || !sum.Sound() {
				t.Fatalf("%v\n%s", err, sum)
			}
			switch {
			case scenario == sim.Idle && sum.Raised != 0,
				scenario == sim.Queue && (sum.Acknowledged == 0 || sum.Raised != sum.Unanswered), // the last ones may still be on their way
				scenario == sim.Storm && sum.Connections != 10,
				scenario != sim.Storm && sum.Connections != 5:
				t.Errorf("%s", sum)
			}
		})
	}
}

func TestFleetRefusesNonsense(t *testing.T) {
	good := sim.Config{URL: "https://127.0.0.1:1", Token: "x", Endpoints: 1, Users: 1, Rate: 1, Scenario: sim.Mix, Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler)}
	for name, change := range map[string]func(*sim.Config){
		"no endpoints":     func(c *sim.Config) { c.Endpoints = 0 },
		"a million":        func(c *sim.Config) { c.Endpoints = 1e6 },
		"no users":         func(c *sim.Config) { c.Users = 0 },
		"no rate":          func(c *sim.Config) { c.Rate = 0 },
		"negative rate":    func(c *sim.Config) { c.Rate = -1 },
		"negative time":    func(c *sim.Config) { c.Use = -1 },
		"unknown scenario": func(c *sim.Config) { c.Scenario = "party" },
		"unknown priority": func(c *sim.Config) { c.Priority = "sky" },
		"bad token":        func(*sim.Config) {},
	} {
		t.Run(name, func(t *testing.T) {
			c := good
			change(&c)
			if _, err := sim.Run(t.Context(), c); err == nil {
				t.Error("it ran")
			}
		})
	}
}

// TestFleetPlaysTheDesk: what a simulated endpoint does beside asking: it says
// what it can do, answers questions, gets more time, and uses what it never
// asked for.
func TestFleetPlaysTheDesk(t *testing.T) {
	s := newSite(t)
	cfg := s.fleet(1)
	cfg.Capabilities, cfg.AccessType, cfg.Answer, cfg.Extend = []string{"run", "session"}, elevation.Session, "because of the release", true
	cfg.Requests, cfg.Users, cfg.Use = 1, 2, 2*time.Second
	boss := auth.Actor{User: "usr_boss", Login: "boss", Roles: []auth.Role{auth.Administrator}}
	other := auth.Actor{User: "usr_other", Login: "other", Roles: []auth.Role{auth.Administrator}}
	if err := s.store.Update(t.Context(), func(tx *store.Tx) error {
		for _, a := range []auth.Actor{boss, other} {
			if err := tx.InsertUser(store.User{ID: a.User, Login: a.Login, Roles: a.Roles, CreatedAt: time.Now()}); err != nil {
				return err
			}
		}
		return tx.Append(audit.Event{At: time.Now(), Kind: audit.UserCreated, Actor: elevation.Actor{Kind: elevation.BySystem}})
	}); err != nil {
		t.Fatal(err)
	}
	done := make(chan sim.Summary, 1)
	go func() {
		sum, err := sim.Run(t.Context(), cfg)
		if err != nil {
			t.Error(err)
		}
		done <- sum
	}()
	first := s.waiting(t, boss, func(r elevation.Request) bool { return r.Extends == "" })
	if first.Attempt.AccessType != elevation.Session {
		t.Errorf("asked for %s", first.Attempt.AccessType)
	}
	if _, err := s.queue.Ask(t.Context(), boss, first.ID, "what for?", ""); err != nil {
		t.Fatal(err)
	}
	first = s.waiting(t, boss, func(r elevation.Request) bool { return len(r.Questions) == 1 && r.Questions[0].Answer == cfg.Answer })
	s.approve(t, boss, first.ID)
	idle := map[string]string{"user-01": "user-02", "user-02": "user-01"}[first.Attempt.User.Name] // has asked for nothing
	behalf, _, err := s.queue.File(t.Context(), boss, queue.FileIn{AccessType: elevation.Session, Endpoint: string(first.Endpoint),
		ForUser: idle, Justification: "agreed on the phone"})
	if err != nil {
		t.Fatal(err)
	}
	s.approve(t, other, behalf.Request.ID)
	s.approve(t, boss, s.waiting(t, boss, func(r elevation.Request) bool { return r.Extends == first.ID }).ID)
	sum := <-done
	if !sum.Sound() || sum.Questions != 1 || sum.Amended != 1 || sum.Unasked != 1 || sum.Ended != 2 {
		t.Errorf("%s", sum)
	}
	bad := cfg
	bad.Capabilities = []string{"run"}
	if _, err := sim.Run(t.Context(), bad); !errors.Is(err, sim.ErrConfig) {
		t.Errorf("a session without the capability: %v", err)
	}
}

// waiting waits for the one pending request for which is says yes.
func (s *site) waiting(t *testing.T, by auth.Actor, is func(elevation.Request) bool) elevation.Request {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	end := time.After(20 * time.Second)
	for {
		page, err := s.queue.List(t.Context(), by, queue.Filter{Status: []string{"pending"}, Limit: 50})
		if err != nil {
			t.Fatal(err)
		}
		var found elevation.Request
		for _, v := range page.Items {
			if is(v.Request) {
				found = v.Request
			}
		}
		if found.ID != "" {
			return found
		}
		select {
		case <-tick.C:
		case <-end:
			t.Fatal("no such request waits")
		}
	}
}

func (s *site) approve(t *testing.T, by auth.Actor, id elevation.RequestID) {
	t.Helper()
	if _, err := s.queue.Review(t.Context(), by, id, queue.ReviewIn{Verdict: elevation.Approved}); err != nil {
		t.Fatal(err)
	}
}
