package linux

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/lab"
	"github.com/assent-epm/assent/e2e/machine"
)

// mechanism is one way to elevate, as a person uses it.
type mechanism struct {
	name, user, command string
	chosen              func(client.Request) bool
	again               bool // the first try asks and is refused, the next one passes
	held                bool // it is held for a short time and goes on as without Assent
}

func mechanisms() []mechanism {
	id := func(arg string) func(client.Request) bool {
		return func(r client.Request) bool {
			return r.Subject.Path == "/usr/bin/id" && slices.Equal(r.Subject.Args, []string{arg})
		}
	}
	return []mechanism{
		{"sudo", machine.Alice, "sudo id -u", id("-u"), false, false},
		{"assent run", machine.Alice, "assent run -- id -g", id("-g"), false, false},
		{"pkexec", machine.Alice, "pkexec /usr/bin/id -G", id("-G"), true, false},
		{"polkit", machine.Alice, "systemctl --no-ask-password start systemd-tmpfiles-clean.service", func(r client.Request) bool {
			return slices.Contains(r.Subject.Args, "org.freedesktop.systemd1.manage-units") && slices.Contains(r.Subject.Args, "unit=systemd-tmpfiles-clean.service")
		}, true, false},
		{"session", machine.Alice, "assent session -- sudo -n id -un", access("session"), false, false},
		{"admin", machine.Bob, "assent admin", access("admin"), false, false},
		{"su", machine.Alice, "env ASSENT_REASON='one of many' sh -c '/usr/bin/su -c id; exit'", program("/usr/bin/su"), false, true},
	}
}

// result is what a mechanism did with an attempt.
type result string

const (
	ran     result = "it ran"
	refused result = "it was refused"
	asEver  result = "as without Assent" // here: a password is asked for
)

// outcome is one thing that becomes of an attempt.
type outcome struct {
	name   string
	before func(s *scene) (after func())
	// answer gives the answer to the request; nil where none is made or seen.
	answer func(s *scene, w mechanism, r client.Request)
	state  string // of the request afterwards
	want   func(w mechanism) result
}

// always is r for all but held programs, which then do the other.
func always(r, held result) func(mechanism) result {
	return func(w mechanism) result {
		if w.held {
			return held
		}
		return r
	}
}

const matrixRules = `rules:
- name: ids
  match: {path: /usr/bin/id}
  then: approve
- name: units
  match: {path: /usr/share/polkit-1/actions/org.freedesktop.systemd1.policy, args: [org.freedesktop.systemd1.manage-units, unit=systemd-tmpfiles-clean.service, verb=start]}
  then: approve
`

// ruleOfSu is refused: what su is to do is not known when it is held.
const ruleOfSu = "rules:\n- {name: su, match: {path: /usr/bin/su}, then: approve}\n"

func outcomesOfAll() []outcome {
	says := func(action string) func(*scene, mechanism, client.Request) {
		return func(s *scene, _ mechanism, r client.Request) { s.act(r.ID, action, "the matrix says so") }
	}
	return []outcome{ // by rule first: no rule may approve what a person has denied
		{"by rule", func(s *scene) func() { s.rules(matrixRules); return func() { s.rules("rules: []\n") } }, nil, "", always(ran, asEver)},
		{"approved by person", nil, says("approve"), "", always(ran, asEver)},
		{"denied", nil, says("deny"), "denied", always(refused, refused)},
		{"cancelled", nil, func(s *scene, w mechanism, r client.Request) {
			if got := s.as(w.user, "assent", "cancel", r.ID); got.Code != 0 {
				s.t.Errorf("cancel: %s", got)
			}
		}, "cancelled", always(refused, asEver)},
		{"expired", func(s *scene) func() { return s.waitsAtMost(2) }, func(*scene, mechanism, client.Request) {}, "expired", always(refused, asEver)},
		{"agent down", (*scene).withoutAgent, nil, "", func(w mechanism) result {
			if w.held || w.name == "sudo" || w.name == "pkexec" { // they ask for a password
				return asEver
			}
			return refused
		}},
		{"controller down", (*scene).withoutController, nil, "", always(refused, asEver)},
		{"offline code", nil, nil, "", always(ran, asEver)},
	}
}

// waitsAtMost sets how long a request waits for an answer.
func (s *scene) waitsAtMost(seconds int64) (back func()) {
	s.t.Helper()
	s.settings(client.SettingsPatch{PendingTTLSeconds: &seconds})
	usual := int64(28800)
	return func() { s.settings(client.SettingsPatch{PendingTTLSeconds: &usual}) }
}

func (s *scene) settings(p client.SettingsPatch) {
	s.t.Helper()
	var out client.Settings
	if err := s.api.Call(s.t.Context(), "PUT", "/settings", nil, p, &out); err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) withoutAgent() (back func()) {
	s.t.Helper()
	s.asRoot("/usr/bin/systemctl", "kill", "-s", "KILL", "assent-agent.service")
	s.asRoot("/usr/bin/systemctl", "stop", "assent-agent.service") // it would be started again
	return func() {
		s.asRoot("/usr/bin/systemctl", "reset-failed", "assent-agent.service")
		s.reconnect()
	}
}

func (s *scene) withoutController() (back func()) {
	s.t.Helper()
	if err := s.controller.Stop(); err != nil {
		s.t.Fatal(err)
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(s.t.Context()), time.Minute)
		defer cancel()
		if err := s.controller.Start(ctx); err != nil {
			s.t.Fatal(err)
		}
		if err := lab.AwaitConnected(ctx, s.machine); err != nil {
			s.t.Fatal(err)
		}
	}
}

// try starts an attempt on a terminal.
func (s *scene) try(w mechanism) *machine.Session {
	s.t.Helper()
	return s.terminal(w.user, "export ASSENT_REASON='one of many'; "+w.command+"; echo ended=$?")
}

// code waits for the exit code of an attempt.
func (s *scene) code(w mechanism, term *machine.Session) string {
	s.t.Helper()
	got := s.ends(term)
	_, code, found := strings.Cut(got.Stdout, "ended=")
	if !found {
		s.t.Errorf("%s ended as %s", w.name, got)
	}
	return strings.TrimSpace(code)
}

// outcomeIs waits for what an attempt comes to.
func (s *scene) outcomeIs(w mechanism, term *machine.Session, want result) {
	s.t.Helper()
	switch {
	case want == asEver:
		s.until(40*time.Second, func() error {
			if !strings.Contains(strings.ToLower(term.Text()), "password") {
				return fmt.Errorf("%s does not go on as ever: %s", w.name, term.Text())
			}
			return nil
		})
	case w.again:
		s.code(w, term)
		s.until(15*time.Second, func() error {
			got := s.typed(w.user, "export ASSENT_REASON='one of many'; "+w.command+" </dev/null")
			if (got.Code == 0) != (want == ran) {
				return fmt.Errorf("%s, %s wanted: %s", w.name, want, got)
			}
			return nil
		})
	default:
		if want == ran && w.name == "admin" {
			s.sees(term, "$ ")
			s.types(term, "exit\n")
		}
		if code := s.code(w, term); (code == "0") != (want == ran) {
			s.t.Errorf("%s, %s wanted: %s", w.name, want, term.Text())
		}
	}
}

// decideAll tries every mechanism with each outcome.
func decideAll(t *testing.T, m *matrix, name string) {
	s := machineFor(t, name)
	none := int64(0) // who was denied asks again at once
	s.settings(client.SettingsPatch{Quota: &client.QuotaPatch{CooldownSeconds: &none}})
	s.polkitAsks()
	s.heldIs("ask")
	for _, o := range outcomesOfAll() {
		began := time.Now()
		if o.name == "offline code" {
			s.codes(m)
			t.Logf("%s: %v", o.name, time.Since(began).Round(100*time.Millisecond))
			continue
		}
		after := func() {}
		if o.before != nil {
			after = o.before(s)
		}
		for _, w := range mechanisms() {
			m.cell(s, o.name, w.name, func(s *scene) { s.decided(o, w) })
		}
		after()
		s.clear()
		t.Logf("%s: %v", o.name, time.Since(began).Round(100*time.Millisecond))
	}
}

// decided plays one cell.
func (s *scene) decided(o outcome, w mechanism) {
	s.t.Helper()
	if o.name == "by rule" && w.held { // no rule approves it; that one denies it, and how it goes on: TestE3SuIsAskedFor
		if _, err := client.Post[client.RuleVersion](s.t.Context(), s.api, "/rules/apply", client.ApplyRules{YAML: ruleOfSu}); err == nil || !strings.Contains(err.Error(), "can start any other program") {
			s.t.Errorf("a rule that approves su: %v", err)
		}
		return
	}
	term := s.try(w)
	whole := w.name == "session" || w.name == "admin"
	switch {
	case o.name == "by rule" && whole: // no rule gives a whole session: a person is asked all the same
		s.act(s.pending(w.chosen).ID, "deny", "no rule opens this")
		s.outcomeIs(w, term, refused)
		return
	case o.answer == nil:
		s.outcomeIs(w, term, o.want(w))
		if o.name == "agent down" && w.again {
			if got := s.typed(w.user, "assent list"); got.Code == 0 {
				s.t.Errorf("there is an agent: %s", got)
			}
		}
		_ = term.Hangup()
		return
	}
	var r client.Request
	if o.name == "expired" { // it may be over before anybody looks
		s.until(20*time.Second, func() error {
			all, err := s.list("all")
			if i := slices.IndexFunc(all, func(r client.Request) bool { return w.chosen(r) && r.State == "expired" && r.EndReason == nil }); err == nil && i >= 0 {
				r = all[i]
				return nil
			}
			return fmt.Errorf("%v, no request of %s expires", err, w.name)
		})
	} else {
		r = s.pending(w.chosen)
	}
	o.answer(s, w, r)
	if o.state != "" {
		s.becomes(r.ID, o.state)
	}
	s.outcomeIs(w, term, o.want(w))
	_ = term.Hangup()
	s.clear()
}

// codes plays the cells of offline codes: the code an approver tells runs what can
// be asked for by sudo; nothing else is opened without the controller.
func (s *scene) codes(m *matrix) {
	s.t.Helper()
	s.policies(client.Policy{Name: "codes", Mode: "ask", Mechanisms: map[string]string{"setuid": "ask"}, Offline: &client.PolicyOffline{Codes: true}}, "ask")
	s.reconnect()
	s.holds("secret")
	plug := s.cut()
	for _, w := range mechanisms() {
		if w.name == "sudo" {
			m.by(s.t, "offline code", w.name, "TestE11OfflineCode")
			continue
		}
		m.cell(s, "offline code", w.name, func(s *scene) { s.byCode(w) })
	}
	plug()
}

func (s *scene) byCode(w mechanism) {
	s.t.Helper()
	attempt := func() machine.Result {
		return s.as(w.user, "/bin/sh", "-c", "export ASSENT_REASON='one of many'; "+w.command+" </dev/null")
	}
	challenges := func() []string { // one for each line: id, challenge, day, time, zone, user, command
		return strings.Split(strings.TrimSpace(s.as(w.user, "assent", "offline").Stdout), "\n")[1:]
	}
	before := challenges()
	first := attempt()
	var waiting []string
	fresh := func() []string {
		return slices.DeleteFunc(challenges(), func(line string) bool { return slices.Contains(before, line) })
	}
	switch whole := w.name == "session" || w.name == "admin"; {
	case w.held: // the system decides, as ever
		if notPermitted(first) || !strings.Contains(first.Stdout+first.Stderr, "Password:") {
			s.t.Errorf("su without the controller: %s", first)
		}
		return
	case first.Code == 0:
		s.t.Errorf("it ran: %s", first)
	case whole: // a code is for one command alone
		if waiting := fresh(); len(waiting) != 0 || challengePattern.MatchString(first.Stderr) {
			s.t.Errorf("a code opens it: %s, %q", first, waiting)
		}
		return
	}
	expected := 1
	if w.name == "polkit" { // systemctl asks for two actions
		expected = 2
	}
	s.until(20*time.Second, func() error { // polkit's are made after its answer
		if waiting = fresh(); len(waiting) != expected {
			return fmt.Errorf("%d challenges are there, not %d: %q, %s", len(waiting), expected, waiting, first)
		}
		return nil
	})
	for _, line := range waiting {
		f := strings.Fields(line)
		if len(f) < 7 {
			s.t.Fatalf("assent offline says %q", line)
		}
		command := strings.TrimSuffix(strings.Join(f[6:], " "), "…")
		told, err := s.controller.Ctl(s.t.Context(), "approval", "offline-code", "new", "--code", f[1], "--endpoint", s.machine.Name, "--user", w.user,
			"--command", command, "--for", "5m", "--format", "json")
		code := regexp.MustCompile(`"offline_code": ?"([^"]+)"`).FindStringSubmatch(told.Stdout)
		if err != nil || code == nil {
			s.t.Fatalf("assentctl: %v %s", err, told)
		}
		if r := s.as(w.user, "assent", "offline", f[0], code[1]); r.Code != 0 {
			s.t.Fatalf("the code: %s", r)
		}
	}
	if r := attempt(); r.Code != 0 {
		s.t.Errorf("with the code: %s", r)
	}
}
