package linux

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/lab"
	"github.com/assent-epm/assent/e2e/machine"
)

// as runs a program as a user without the network of the machine.
func (s *scene) as(user string, argv ...string) machine.Result {
	s.t.Helper()
	return s.asRoot(append([]string{"/usr/sbin/runuser", "-u", user, "--"}, argv...)...)
}

// policy makes one policy for the machine.
func (s *scene) policy(p client.Policy) {
	s.t.Helper()
	p.Name = "all"
	var out client.Policies
	if err := s.api.Call(s.t.Context(), "PUT", "/policies", nil, client.PutPolicies{Items: []client.Policy{p}}, &out); err != nil {
		s.t.Fatal(err)
	}
}

// holds waits until the machine has rules and a key for times without controller.
func (s *scene) holds(files ...string) {
	s.t.Helper()
	s.until(30*time.Second, func() error {
		for _, f := range files {
			if r := s.asRoot("/usr/bin/test", "-s", "/var/lib/assent/offline/"+f); r.Code != 0 {
				return fmt.Errorf("the machine has no %s", f)
			}
		}
		return nil
	})
}

// reconnect makes the agent say hello again.
func (s *scene) reconnect() {
	s.t.Helper()
	s.asRoot("/usr/bin/systemctl", "restart", "assent-agent")
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	if err := lab.AwaitConnected(ctx, s.machine); err != nil {
		s.t.Fatal(err)
	}
}

// cut takes the machine off the network until the end of the test, or plug.
func (s *scene) cut() (plug func()) {
	s.t.Helper()
	if err := s.machine.Unplug(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	back := func() {
		if err := s.machine.Plug(s.t.Context()); err != nil {
			s.t.Error(err)
		}
	}
	s.t.Cleanup(func() { // the test's own context is over by then
		if err := s.machine.Plug(context.WithoutCancel(s.t.Context())); err != nil {
			s.t.Error(err)
		}
	})
	return back
}

// ranOffline waits for the requests that came of times without the controller.
func (s *scene) ranOffline(n int, path string) []client.Request {
	s.t.Helper()
	var found []client.Request
	s.until(90*time.Second, func() error {
		all, err := s.list("all")
		if err != nil {
			return err
		}
		found = nil
		for _, r := range all {
			if r.Origin == "offline" && r.Subject.Path == path && (r.State == "ended" || r.State == "expired") {
				found = append(found, r)
			}
		}
		if len(found) != n {
			return fmt.Errorf("%d requests of %s are there, not %d", len(found), path, n)
		}
		return nil
	})
	return found
}

var challengePattern = regexp.MustCompile(`[0-9A-Z]{4}-[0-9A-Z]{4}`)

const offlineRules = "rules:\n- name: id\n  match: {path: /usr/bin/id, args: [-un]}\n  then: approve\n" +
	"- name: no-who\n  match: {path: /usr/bin/who}\n  then: deny\n  message: {en: who is not for you}\n"

// TestE11OfflineRules: with the machine off the network a rule runs sudo, a rule
// denies it at once, and what ran is in the history when the machine is back.
func TestE11OfflineRules(t *testing.T) {
	s := machineFor(t, "offline")
	s.policy(client.Policy{Offline: &client.PolicyOffline{Rules: true, Codes: true}})
	s.rules(offlineRules)
	s.reconnect()
	s.holds("bundle", "secret")
	plug := s.cut()
	if r := s.as(machine.Alice, "sudo", "id", "-un"); r.Code != 0 || strings.TrimSpace(r.Stdout) != "root" {
		t.Errorf("by a rule: %s", r)
	}
	if r := s.as(machine.Alice, "assent", "run", "--", "id", "-un"); r.Code != 0 || strings.TrimSpace(r.Stdout) != "root" {
		t.Errorf("assent run by a rule: %s", r)
	}
	began := time.Now()
	if r := s.as(machine.Alice, "sudo", "who"); r.Code == 0 || !strings.Contains(r.Stderr, "who is not for you") || time.Since(began) > 20*time.Second {
		t.Errorf("denied by a rule: %s after %v", r, time.Since(began))
	}
	plug()
	for _, r := range s.ranOffline(2, "/usr/bin/id") {
		if r.Decision == nil || r.Decision.Rule == nil || !strings.HasPrefix(*r.Decision.Rule, "id@") || r.Decision.By != nil {
			t.Errorf("decided by %+v", r.Decision)
		}
		for _, c := range r.Caution {
			if strings.HasPrefix(c.Reason, "offline") {
				t.Errorf("caution %+v", c)
			}
		}
	}
}

// TestE11OfflineCode: what no rule covers shows a challenge; the code that an
// approver tells runs it once; a wrong code does not; history shows who told it.
func TestE11OfflineCode(t *testing.T) {
	s := machineFor(t, "offline")
	s.policy(client.Policy{Offline: &client.PolicyOffline{Rules: true, Codes: true}})
	s.rules(offlineRules)
	s.reconnect()
	s.holds("bundle", "secret")
	known := s.terminal(machine.Bob, "sudo id -g") // bob is known to the controller
	s.sees(known, "Reason:")
	s.types(known, "asked before the outage\n")
	first := s.pending(program("/usr/bin/id"))
	s.act(first.ID, "deny", "not now")
	s.ends(known)

	plug := s.cut()
	r := s.as(machine.Bob, "sudo", "id", "-u")
	challenge := challengePattern.FindString(r.Stderr)
	if r.Code == 0 || challenge == "" || !strings.Contains(r.Stderr, "can not be reached") {
		t.Fatalf("not covered: %s", r)
	}
	list := s.as(machine.Bob, "assent", "offline")
	fields := strings.Fields(strings.Join(strings.Split(list.Stdout, "\n")[1:], " "))
	if list.Code != 0 || len(fields) < 2 || fields[1] != challenge {
		t.Fatalf("assent offline: %s", list)
	}
	if r := s.as(machine.Alice, "assent", "offline", fields[0], "0000-0000-0000"); r.Code == 0 {
		t.Errorf("somebody else's: %s", r)
	}
	if r := s.as(machine.Bob, "assent", "offline", fields[0], "0000-0000-0000"); r.Code == 0 || !strings.Contains(r.Stderr, "not the code") {
		t.Errorf("a wrong code: %s", r)
	}
	told, err := s.controller.Ctl(t.Context(), "approval", "offline-code", "new", "--code", challenge, "--endpoint", s.machine.Name, "--user", "bob",
		"--command", "/usr/bin/id -u", "--for", "5m", "--format", "json")
	if err != nil || told.Code != 0 {
		t.Fatalf("assentctl: %v %s", err, told)
	}
	code := regexp.MustCompile(`"offline_code": ?"([^"]+)"`).FindStringSubmatch(told.Stdout)
	if code == nil {
		t.Fatalf("no code in %s", told)
	}
	if r := s.as(machine.Bob, "assent", "offline", fields[0], strings.ToLower(code[1])); r.Code != 0 {
		t.Fatalf("the code: %s", r)
	}
	if r := s.as(machine.Bob, "sudo", "id", "-u"); r.Code != 0 || strings.TrimSpace(r.Stdout) != "0" {
		t.Errorf("with the code: %s", r)
	}
	if r := s.as(machine.Bob, "sudo", "id", "-u"); r.Code == 0 {
		t.Errorf("it ran twice: %s", r)
	}
	if r := s.as(machine.Bob, "assent", "offline", fields[0], code[1]); r.Code == 0 {
		t.Errorf("the code is good twice: %s", r)
	}
	plug()
	s.until(90*time.Second, func() error {
		all, err := s.list("all")
		if err != nil {
			return err
		}
		for _, r := range all {
			if r.Origin == "offline" && r.User.Name == "bob" && r.State == "ended" {
				if r.Decision == nil || r.Decision.By == nil || r.Decision.By.Login != "admin" || r.Subject.SHA256 == nil {
					return fmt.Errorf("decided by %+v, of %+v", r.Decision, r.Subject)
				}
				for _, c := range r.Caution {
					if c.Reason == "offline_differs" {
						return fmt.Errorf("%+v", c)
					}
				}
				return nil
			}
		}
		return errors.New("the history does not show it")
	})
}

// TestE11WrongCodesLock: five wrong codes burn the challenge and lock, also over a
// restart of the agent.
func TestE11WrongCodesLock(t *testing.T) {
	s := machineFor(t, "offline")
	s.policy(client.Policy{Offline: &client.PolicyOffline{Rules: true, Codes: true}})
	s.reconnect()
	s.holds("secret")
	s.cut()
	if r := s.as(machine.Alice, "sudo", "id", "-g"); r.Code == 0 || challengePattern.FindString(r.Stderr) == "" {
		t.Fatalf("no challenge: %s", r)
	}
	list := s.as(machine.Alice, "assent", "offline")
	id := strings.Fields(strings.Split(list.Stdout, "\n")[1])[0]
	for try := range 5 {
		if r := s.as(machine.Alice, "assent", "offline", id, "0000-0000-0000"); r.Code == 0 {
			t.Fatalf("try %d: %s", try, r)
		}
	}
	for _, when := range []string{"after five", "after a restart"} {
		if r := s.as(machine.Alice, "sudo", "id", "-g"); r.Code == 0 || !strings.Contains(r.Stderr, "too many wrong codes") {
			t.Errorf("%s: %s", when, r)
		}
		s.asRoot("/usr/bin/systemctl", "restart", "assent-agent")
		s.until(20*time.Second, func() error { // sudo too: its part begins a moment after the users'
			r := s.as(machine.Alice, "assent", "status", "--format", "json")
			if r.Code == 69 || !strings.Contains(r.Stdout, `"sudo": "on"`) {
				return errors.New("no agent")
			}
			return nil
		})
	}
}

// TestE11BundleCost: the memory of an agent with 200 rules, before and after their
// first use, and what a rule takes over plain sudo. The times are only told.
func TestE11BundleCost(t *testing.T) {
	s := machineFor(t, "offline")
	s.policy(client.Policy{Offline: &client.PolicyOffline{Rules: true}})
	var rules strings.Builder
	rules.WriteString("rules:\n- name: true\n  match: {path: /usr/bin/true, args: []}\n  then: approve\n")
	for i := range 199 {
		fmt.Fprintf(&rules, "- name: r%d\n  match: {path: /usr/bin/tool%d, args: [restart, {regex: '[a-z0-9.-]{1,40}'}]}\n  then: approve\n  limits: {duration: 10m}\n  message: {en: Restarts number %d.}\n", i, i, i)
	}
	text := strings.Replace(rules.String(), "name: true", "name: truth", 1)
	s.rules(text)
	s.reconnect()
	s.holds("bundle")
	if err := s.controller.Stop(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.controller.Start(ctx); err != nil {
			t.Error(err)
		}
	})
	idle := s.pss()
	elapsed := func(user string, n int) time.Duration {
		began := time.Now()
		if r := s.as(user, "sh", "-c", fmt.Sprintf("for i in $(seq %d); do sudo true || exit 1; done", n)); r.Code != 0 {
			t.Fatalf("%s: %s", user, r)
		}
		return time.Since(began) / time.Duration(n)
	}
	elapsed(machine.Alice, 1)
	used := s.pss()
	rule, plain := elapsed(machine.Alice, 20), elapsed(machine.Carol, 20)
	t.Logf("200 rules: %d kB PSS idle, %d kB with the rules in memory; sudo %v by a rule without the controller, %v with rights of one's own", idle, used, rule, plain)
	if idle > 24<<10 || used > 24<<10 {
		t.Errorf("the agent has %d and %d kB", idle, used)
	}
}

// pss is the memory of the agent that it shares with nobody, and its share of the
// rest, in kB.
func (s *scene) pss() int {
	s.t.Helper()
	r := s.asRoot("/bin/sh", "-c", "grep ^Pss: /proc/$(systemctl show -p MainPID --value assent-agent)/smaps_rollup")
	fields := strings.Fields(r.Stdout)
	if len(fields) < 2 {
		s.t.Fatalf("the agent's memory: %s", r)
	}
	n, err := strconv.Atoi(fields[1])
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}
