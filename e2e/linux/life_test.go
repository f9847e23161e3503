package linux

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// TestSudoAskApproveRun is the whole product in one scene, on two endpoints at
// once: a person without rights types sudo, gives a reason, waits, is approved,
// and the command runs as root with its own exit code.
func TestSudoAskApproveRun(t *testing.T) {
	w := machineFor(t, "life")
	desk := w.terminal("alice", `sudo sh -c 'id -u; exit 7'; echo "code $?"`)
	w.sees(desk, "Reason:")
	w.types(desk, "replace the toner driver\r")
	w.sees(desk, "waiting for approval")

	near := w.neighbour()
	rack := near.terminal("bob", "sudo id -un")
	w.sees(rack, "Reason:")
	w.types(rack, "look at the disk\r")
	w.sees(rack, "waiting for approval")

	first := w.pending(program("/usr/bin/dash"))
	second := w.pending(program("/usr/bin/id"))
	if first.User.Name != "alice" || *first.Endpoint.Name != w.machine.Name || *first.Justification != "replace the toner driver" {
		t.Errorf("the approver sees %s on %s: %s", first.User.Name, *first.Endpoint.Name, *first.Justification)
	}
	if second.User.Name != "bob" || *second.Endpoint.Name != near.machine.Name {
		t.Errorf("the approver sees %s on %s", second.User.Name, *second.Endpoint.Name)
	}
	w.act(second.ID, "approve", "")
	if r := w.ends(rack); r.Code != 0 || !strings.Contains(r.Stdout, "root") {
		t.Errorf("bob: %s", r)
	}
	w.act(first.ID, "approve", "fine")
	r := w.ends(desk)
	if !strings.Contains(r.Stdout, "0\r\n") || !strings.Contains(r.Stdout, "code 7") {
		t.Errorf("alice: %s", r)
	}
	done := w.becomes(first.ID, "ended")
	if *done.EndReason != "completed" {
		t.Errorf("ended as %s", *done.EndReason)
	}
	want := []string{"request.submitted", "request.reviewed", "request.approved", "grant.issued", "grant.delivered", "grant.started", "grant.ended"}
	if got := w.kinds(first.ID); !slices.Equal(got, want) {
		t.Errorf("audit events\n got %v\nwant %v", got, want)
	}
	w.nothingLeft()
	near.nothingLeft()
}

// TestSudoDenied: who and why, nothing ran.
func TestSudoDenied(t *testing.T) {
	w := machineFor(t, "life")
	s := w.terminal("alice", `sudo touch /root/proof; echo "code $?"`)
	w.sees(s, "Reason:")
	w.types(s, "just because I can\r")
	w.sees(s, "waiting for approval")
	w.act(w.pending(program("/usr/bin/touch")).ID, "deny", "ask in the channel first")
	w.sees(s, "denied by admin: ask in the channel first")
	if r := w.ends(s); !strings.Contains(r.Stdout, "code 1") {
		t.Errorf("%s", r)
	}
	if r := w.asRoot("/usr/bin/find", "/root/proof"); r.Code == 0 {
		t.Error("the denied command ran")
	}
	w.nothingLeft()
}

// TestSudoWithdrawn: Ctrl-C takes the request back within two seconds.
func TestSudoWithdrawn(t *testing.T) {
	w := machineFor(t, "life")
	s := w.terminal("alice", `sudo ls /root; echo "code $?"`)
	w.sees(s, "Reason:")
	w.types(s, "looking for a file\r")
	w.sees(s, "waiting for approval")
	id := w.pending(program("/usr/bin/ls")).ID
	began := time.Now()
	w.types(s, "\x03")
	w.becomes(id, "cancelled")
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("withdrawn after %v", took)
	}
	w.ends(s)
}

// TestSudoLostTerminal: a lost terminal keeps the request; the same command
// typed again joins it, or uses its grant.
func TestSudoLostTerminal(t *testing.T) {
	w := machineFor(t, "life")
	s := w.terminal("alice", "sudo id -G")
	w.sees(s, "Reason:")
	w.types(s, "check the groups\r")
	w.sees(s, "waiting for approval")
	id := w.pending(program("/usr/bin/id")).ID
	if err := s.Hangup(); err != nil {
		t.Fatal(err)
	}
	again := w.terminal("alice", "sudo id -G")
	w.sees(again, id)
	if err := again.Hangup(); err != nil {
		t.Fatal(err)
	}
	if got := w.pending(program("/usr/bin/id")).ID; got != id {
		t.Fatalf("the request was not kept: %s", got)
	}
	w.act(id, "approve", "")
	w.becomes(id, "available")
	if r := w.typed("alice", "sudo id -G"); r.Code != 0 || strings.TrimSpace(r.Stdout) != "0" {
		t.Errorf("the waiting grant was not used: %s", r)
	}
	w.becomes(id, "ended")
	if r := w.typed("alice", "sudo -n id -G"); r.Code == 0 {
		t.Error("one approval was used twice")
	}
	w.nothingLeft()
}

// TestSudoRules: an approving rule runs it without any question, a denying one
// says why at once.
func TestSudoRules(t *testing.T) {
	w := machineFor(t, "life")
	w.rules(`rules:
  - name: show-disks
    match: {path: /usr/bin/df, args: [-h]}
    then: approve
  - name: no-passwords
    match: {path: /usr/bin/passwd}
    then: deny
    message: {en: "Passwords are changed by the service desk."}
`)
	if r := w.typed("alice", "sudo df -h"); r.Code != 0 || strings.Contains(r.Stdout+r.Stderr, "Reason") {
		t.Errorf("approved by rule: %s", r)
	}
	if r := w.typed("alice", "sudo -n df -h"); r.Code != 0 {
		t.Errorf("sudo -n approved by rule: %s", r)
	}
	if r := w.typed("alice", "sudo passwd root"); r.Code != 1 || !strings.Contains(r.Stderr, "Passwords are changed by the service desk.") {
		t.Errorf("denied by rule: %s", r)
	}
	if r := w.typed("alice", "sudo -n df -i"); r.Code != 1 {
		t.Errorf("other arguments passed the rule: %s", r)
	}
	w.nothingLeft()
}

// TestSudoProbesMakeNoRequest: -v -l -k -K -V and -n without a reason.
func TestSudoProbesMakeNoRequest(t *testing.T) {
	w := machineFor(t, "life")
	before := w.total()
	for _, line := range []string{"sudo -n true", "sudo -k", "sudo -K", "sudo -V", "sudo -n -v", "sudo -n -l"} {
		w.typed("alice", line)
	}
	if after := w.total(); after != before {
		t.Errorf("%d requests were made", after-before)
	}
	r := w.typed("alice", "ASSENT_REASON='nightly job' sudo -n id -u")
	if r.Code != 1 || !strings.Contains(r.Stderr, "request req_") {
		t.Errorf("sudo -n with a reason: %s", r)
	}
	id := w.pending(program("/usr/bin/id")).ID
	w.act(id, "approve", "")
	w.becomes(id, "available")
	if r := w.typed("alice", "sudo -n id -u"); r.Code != 0 || strings.TrimSpace(r.Stdout) != "0" {
		t.Errorf("the next identical sudo: %s", r)
	}
}

// TestRightsAreKept: who has rights is not asked, with the agent alive, stopped
// and killed; who has none is told in one line.
func TestRightsAreKept(t *testing.T) {
	w := machineFor(t, "life")
	works := func(when string) {
		t.Helper()
		if r := w.typed("carol", "sudo id -u"); r.Code != 0 || strings.TrimSpace(r.Stdout) != "0" {
			t.Errorf("%s, carol: %s", when, r)
		}
	}
	works("agent alive")
	agent := strings.TrimSpace(w.asRoot("/usr/bin/systemctl", "show", "-P", "MainPID", "assent-agent.service").Stdout)
	w.asRoot("/usr/bin/kill", "-STOP", agent)
	began := time.Now()
	works("agent stopped")
	r := w.typed("bob", "sudo -n id -u")
	if r.Code == 0 {
		t.Error("bob got root from a stopped agent")
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("sudo hung %v on a stopped agent", took)
	}
	w.asRoot("/usr/bin/kill", "-CONT", agent)
	w.asRoot("/usr/bin/systemctl", "stop", "assent-agent.service")
	works("agent not running")
	if r := w.typed("bob", "sudo -n id -u"); r.Code == 0 {
		t.Error("bob got root without an agent")
	}
	w.asRoot("/usr/bin/systemctl", "start", "assent-agent.service")
	w.ready()
	works("agent back")
}
