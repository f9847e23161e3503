package linux

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/machine"
)

// pauseWithin is how soon a pause counts on endpoints.
const pauseWithin = 10 * time.Second

// policies replaces all policies, and waits until the machine obeys.
func (s *scene) policies(p client.Policy, mode string) {
	s.t.Helper()
	var out client.Policies
	if err := s.api.Call(s.t.Context(), "PUT", "/policies", nil, client.PutPolicies{Items: []client.Policy{p}}, &out); err != nil {
		s.t.Fatal(err)
	}
	s.until(pauseWithin, func() error {
		if st := s.status(); st.Mode != mode || !strings.HasPrefix(st.Policy, p.Name+",") {
			return fmt.Errorf("mode %s, policy %s", st.Mode, st.Policy)
		}
		return nil
	})
}

// agentStatus is what the agent says of itself.
type agentStatus struct {
	Connected   bool
	Mode        string
	Policy      string
	PausedUntil time.Time `json:"paused_until"`
	PausedBy    string    `json:"paused_by"`
	PausedWhy   string    `json:"paused_why"`
}

func (s *scene) status() (st agentStatus) {
	s.t.Helper()
	r := s.asRoot("/usr/local/bin/assent", "status", "--format", "json")
	if err := json.Unmarshal([]byte(r.Stdout), &st); err != nil {
		s.t.Fatalf("assent status: %v: %s", err, r)
	}
	return st
}

// attempts are what the controller knows that went on without a question.
func (s *scene) attempts(kind, user string) []client.SeenAttempt {
	s.t.Helper()
	all, err := client.All[client.SeenAttempt](s.t.Context(), s.api, "/attempts", url.Values{"kind": {kind}, "user": {user}}, 500)
	if err != nil {
		s.t.Fatal(err)
	}
	return all
}

func (s *scene) events(kind string) int {
	s.t.Helper()
	page, err := client.Get[client.AuditPage](s.t.Context(), s.api, "/audit", url.Values{"kind": {kind}, "limit": {"500"}})
	if err != nil {
		s.t.Fatal(err)
	}
	return len(page.Items)
}

// TestD11ObserveNeverHolds: where a machine only observes, sudo is as it was
// before Assent, for who has rights and for who has none, and what they try is
// history; nothing can be asked for.
func TestD11ObserveNeverHolds(t *testing.T) {
	s := machineFor(t, "modes")
	s.policies(client.Policy{Name: "silent", Mode: "off"}, "off")
	s.typed(machine.Alice, "sudo -K")
	before := s.typed(machine.Alice, "sudo -n /usr/bin/uptime")
	if before.Code != 1 || !strings.Contains(before.Stderr, "password is required") {
		t.Fatalf("without Assent: %s", before)
	}
	if r := s.typed(machine.Alice, "assent run --reason 'looking who I am' -- id"); r.Code != 77 || !strings.Contains(r.Stderr, "switched off") {
		t.Errorf("assent run where Assent is off: %s", r)
	}
	s.policies(client.Policy{Name: "watch", Mode: "observe"}, "observe")
	start := time.Now()
	got := s.typed(machine.Alice, "sudo -n /usr/bin/uptime")
	if got.Code != before.Code || got.Stderr != before.Stderr || got.Stdout != before.Stdout {
		t.Errorf("observed: %s, before: %s", got, before)
	}
	if d := time.Since(start); d > 15*time.Second {
		t.Errorf("it was held: %v", d)
	}
	if r := s.typed(machine.Carol, "sudo -n /usr/bin/id -un"); r.Code != 0 || r.Stdout != "root\n" {
		t.Errorf("somebody with rights: %s", r)
	}
	s.until(20*time.Second, func() error {
		mine, own := s.attempts("observed", machine.Alice), s.attempts("own", machine.Carol)
		if len(mine) == 0 || len(own) == 0 {
			return fmt.Errorf("%d observed, %d own", len(mine), len(own))
		}
		if mine[0].Path != "/usr/bin/uptime" || mine[0].Would != "ask" || own[0].RunAs != "root" || len(own[0].Args) != 1 {
			return fmt.Errorf("%+v %+v", mine[0], own[0])
		}
		return nil
	})
	if r := s.typed(machine.Alice, "assent run --reason 'looking who I am' -- id"); r.Code != 77 || !strings.Contains(r.Stderr, "only observes") {
		t.Errorf("assent run where nothing can be asked for: %s", r)
	}
	if all, err := s.list("all"); err != nil || len(all) != 0 {
		t.Errorf("%d requests, %v", len(all), err)
	}
}

// TestD11PauseAndResume: a pause lets a machine only observe within ten seconds,
// and its end lets it ask again, by hand and by itself without the controller.
func TestD11PauseAndResume(t *testing.T) {
	s := machineFor(t, "modes")
	s.policies(client.Policy{Name: "careful", Mode: "ask"}, "ask")
	ctx := t.Context()
	observes := func() error {
		if st := s.status(); !strings.HasPrefix(st.Mode, "observe (paused until ") || st.PausedBy != "admin" {
			return fmt.Errorf("%+v", st)
		}
		return nil
	}
	asks := func() error {
		if st := s.status(); st.Mode != "ask" || !st.PausedUntil.IsZero() {
			return fmt.Errorf("%+v", st)
		}
		return nil
	}
	p, err := s.api.Pause(ctx, client.NewPause{DurationSeconds: 3600, Comment: "outage of the directory"})
	if err != nil {
		t.Fatal(err)
	}
	s.until(pauseWithin, observes)
	if r := s.typed(machine.Alice, "assent status"); !strings.Contains(r.Stdout, "by admin: outage of the directory") {
		t.Errorf("assent status: %s", r)
	}
	if r := s.typed(machine.Alice, "sudo -n /usr/bin/uptime"); r.Code != 1 || !strings.Contains(r.Stderr, "password is required") {
		t.Errorf("sudo while paused: %s", r)
	}
	if err := s.api.Resume(ctx, p.ID); err != nil {
		t.Fatal(err)
	}
	s.until(pauseWithin, asks)
	term := s.terminal(machine.Alice, "sudo /usr/bin/id -un")
	s.sees(term, "Reason:")
	s.types(term, "looking who I am\n")
	r := s.pending(program("/usr/bin/id"))

	// What waits stays in a pause, and what is granted in it runs.
	ep := s.endpointID()
	if _, err := s.api.PauseEndpoint(ctx, ep, client.PauseEndpoint{DurationSeconds: 8, Comment: "a short look"}); err != nil {
		t.Fatal(err)
	}
	s.until(pauseWithin, observes)
	if err := s.machine.Unplug(ctx); err != nil {
		t.Fatal(err)
	}
	s.until(20*time.Second, asks)
	if err := s.machine.Plug(ctx); err != nil {
		t.Fatal(err)
	}
	s.until(30*time.Second, func() error {
		if st := s.status(); !st.Connected {
			return fmt.Errorf("%+v", st)
		}
		return nil
	})
	if r := s.becomes(r.ID, "pending"); r.ID == "" {
		t.Error("what waited is gone")
	}
	s.act(r.ID, "approve", "fine")
	if got := s.ends(term); got.Code != 0 || !strings.Contains(got.Stdout, "root") {
		t.Errorf("sudo ended as %s", got)
	}
	s.until(pauseWithin, func() error {
		if a, b := s.events("endpoint.paused"), s.events("endpoint.resumed"); a != 2 || b != 2 {
			return fmt.Errorf("%d pauses and %d ends in the log", a, b)
		}
		return nil
	})
}

func (s *scene) endpointID() string {
	s.t.Helper()
	all, err := client.All[client.Endpoint](s.t.Context(), s.api, "/endpoints", nil, 0)
	if err != nil || len(all) != 1 {
		s.t.Fatalf("%d endpoints, %v", len(all), err)
	}
	return all[0].ID
}

// TestD11BreakGlass: members of the break-glass group are asked for nothing, each
// use is an event, and who has left the group is nobody special at once.
func TestD11BreakGlass(t *testing.T) {
	s := machineFor(t, "modes")
	s.policies(client.Policy{Name: "guarded", Mode: "ask", BreakGlass: "rescue", Mechanisms: map[string]string{"sudo": "deny"}}, "ask")
	s.asRoot("/usr/sbin/groupadd", "-f", "rescue")
	refused := s.typed(machine.Alice, "sudo -n /usr/bin/id -un")
	if refused.Code != 1 || strings.Contains(refused.Stdout, "root") {
		t.Fatalf("somebody else: %s", refused)
	}
	uses := s.events("break_glass.used")
	s.asRoot("/usr/sbin/usermod", "-aG", "rescue", machine.Carol)
	if r := s.typed(machine.Carol, "sudo -n /usr/bin/id -un"); r.Code != 0 || r.Stdout != "root\n" {
		t.Errorf("a member: %s", r)
	}
	s.until(10*time.Second, func() error {
		if n := s.events("break_glass.used"); n != uses+1 {
			return fmt.Errorf("%d events, before %d", n, uses)
		}
		return nil
	})
	if got := s.attempts("break_glass", machine.Carol); len(got) == 0 || got[0].Path != "/usr/bin/id" {
		t.Errorf("%+v", got)
	}
	s.asRoot("/usr/bin/gpasswd", "-d", machine.Carol, "rescue")
	s.typed(machine.Carol, "sudo -n /usr/bin/id -gn")
	s.typed(machine.Carol, "sudo -n /usr/bin/uptime")
	if got := s.attempts("break_glass", machine.Carol); len(got) != 1 {
		t.Errorf("no member any more, and %d uses", len(got))
	}
}
