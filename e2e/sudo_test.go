package e2e

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
	w := theWorld(t)
	desk := terminal(t, w.desk, "alice", `sudo sh -c 'id -u; exit 7'; echo "code $?"`)
	sees(t, desk, "Reason:")
	types(t, desk, "replace the toner driver\r")
	sees(t, desk, "waiting for approval")

	rack := terminal(t, w.rack, "bob", "sudo id -un")
	sees(t, rack, "Reason:")
	types(t, rack, "look at the disk\r")
	sees(t, rack, "waiting for approval")

	first := w.pending(t, "/usr/bin/dash")
	second := w.pending(t, "/usr/bin/id")
	if first.User.Name != "alice" || *first.Endpoint.Name != "desk" || *first.Justification != "replace the toner driver" {
		t.Errorf("the approver sees %s on %s: %s", first.User.Name, *first.Endpoint.Name, *first.Justification)
	}
	if second.User.Name != "bob" || *second.Endpoint.Name != "rack" {
		t.Errorf("the approver sees %s on %s", second.User.Name, *second.Endpoint.Name)
	}
	w.act(t, second.ID, "approve", "")
	if r := ends(t, rack); r.Code != 0 || !strings.Contains(r.Stdout, "root") {
		t.Errorf("bob: %s", r)
	}
	w.act(t, first.ID, "approve", "fine")
	r := ends(t, desk)
	if !strings.Contains(r.Stdout, "0\r\n") || !strings.Contains(r.Stdout, "code 7") {
		t.Errorf("alice: %s", r)
	}
	done := w.becomes(t, first.ID, "ended")
	if *done.EndReason != "completed" {
		t.Errorf("ended as %s", *done.EndReason)
	}
	want := []string{"request.submitted", "request.reviewed", "request.approved", "grant.issued", "grant.delivered", "grant.started", "grant.ended"}
	if got := w.kinds(t, first.ID); !slices.Equal(got, want) {
		t.Errorf("audit events\n got %v\nwant %v", got, want)
	}
	nothingLeft(t, w.desk)
	nothingLeft(t, w.rack)
}

// TestSudoDenied: who and why, nothing ran.
func TestSudoDenied(t *testing.T) {
	w := theWorld(t)
	s := terminal(t, w.desk, "alice", `sudo touch /root/proof; echo "code $?"`)
	sees(t, s, "Reason:")
	types(t, s, "just because I can\r")
	sees(t, s, "waiting for approval")
	w.act(t, w.pending(t, "/usr/bin/touch").ID, "deny", "ask in the channel first")
	sees(t, s, "denied by admin: ask in the channel first")
	if r := ends(t, s); !strings.Contains(r.Stdout, "code 1") {
		t.Errorf("%s", r)
	}
	if r := asRoot(t, w.desk, "/usr/bin/find", "/root/proof"); r.Code == 0 {
		t.Error("the denied command ran")
	}
	nothingLeft(t, w.desk)
}

// TestSudoWithdrawn: Ctrl-C takes the request back within two seconds.
func TestSudoWithdrawn(t *testing.T) {
	w := theWorld(t)
	s := terminal(t, w.desk, "alice", `sudo ls /root; echo "code $?"`)
	sees(t, s, "Reason:")
	types(t, s, "looking for a file\r")
	sees(t, s, "waiting for approval")
	id := w.pending(t, "/usr/bin/ls").ID
	began := time.Now()
	types(t, s, "\x03")
	w.becomes(t, id, "cancelled")
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("withdrawn after %v", took)
	}
	ends(t, s)
}

// TestSudoLostTerminal: a lost terminal keeps the request; the same command
// typed again joins it, or uses its grant.
func TestSudoLostTerminal(t *testing.T) {
	w := theWorld(t)
	s := terminal(t, w.desk, "alice", "sudo id -G")
	sees(t, s, "Reason:")
	types(t, s, "check the groups\r")
	sees(t, s, "waiting for approval")
	id := w.pending(t, "/usr/bin/id").ID
	if err := s.Hangup(); err != nil {
		t.Fatal(err)
	}
	again := terminal(t, w.desk, "alice", "sudo id -G")
	sees(t, again, id)
	if err := again.Hangup(); err != nil {
		t.Fatal(err)
	}
	if got := w.pending(t, "/usr/bin/id").ID; got != id {
		t.Fatalf("the request was not kept: %s", got)
	}
	w.act(t, id, "approve", "")
	w.becomes(t, id, "available")
	if r := typed(t, w.desk, "alice", "sudo id -G"); r.Code != 0 || strings.TrimSpace(r.Stdout) != "0" {
		t.Errorf("the waiting grant was not used: %s", r)
	}
	w.becomes(t, id, "ended")
	if r := typed(t, w.desk, "alice", "sudo -n id -G"); r.Code == 0 {
		t.Error("one approval was used twice")
	}
	nothingLeft(t, w.desk)
}

// TestSudoRules: an approving rule runs it without any question, a denying one
// says why at once.
func TestSudoRules(t *testing.T) {
	w := theWorld(t)
	w.rules(t, `rules:
  - name: show-disks
    match: {path: /usr/bin/df, args: [-h]}
    then: approve
  - name: no-passwords
    match: {path: /usr/bin/passwd}
    then: deny
    message: {en: "Passwords are changed by the service desk."}
`)
	if r := typed(t, w.desk, "alice", "sudo df -h"); r.Code != 0 || strings.Contains(r.Stdout+r.Stderr, "Reason") {
		t.Errorf("approved by rule: %s", r)
	}
	if r := typed(t, w.desk, "alice", "sudo -n df -h"); r.Code != 0 {
		t.Errorf("sudo -n approved by rule: %s", r)
	}
	if r := typed(t, w.desk, "alice", "sudo passwd root"); r.Code != 1 || !strings.Contains(r.Stderr, "Passwords are changed by the service desk.") {
		t.Errorf("denied by rule: %s", r)
	}
	if r := typed(t, w.desk, "alice", "sudo -n df -i"); r.Code != 1 {
		t.Errorf("other arguments passed the rule: %s", r)
	}
	nothingLeft(t, w.desk)
}

// TestSudoProbesMakeNoRequest: -v -l -k -K -V and -n without a reason.
func TestSudoProbesMakeNoRequest(t *testing.T) {
	w := theWorld(t)
	before := w.total(t)
	for _, line := range []string{"sudo -n true", "sudo -k", "sudo -K", "sudo -V", "sudo -n -v", "sudo -n -l"} {
		typed(t, w.desk, "alice", line)
	}
	if after := w.total(t); after != before {
		t.Errorf("%d requests were made", after-before)
	}
	r := typed(t, w.desk, "alice", "ASSENT_REASON='nightly job' sudo -n id -u")
	if r.Code != 1 || !strings.Contains(r.Stderr, "request req_") {
		t.Errorf("sudo -n with a reason: %s", r)
	}
	id := w.pending(t, "/usr/bin/id").ID
	w.act(t, id, "approve", "")
	w.becomes(t, id, "available")
	if r := typed(t, w.desk, "alice", "sudo -n id -u"); r.Code != 0 || strings.TrimSpace(r.Stdout) != "0" {
		t.Errorf("the next identical sudo: %s", r)
	}
}

// TestRightsAreKept: who has rights is not asked, with the agent alive, stopped
// and killed; who has none is told in one line.
func TestRightsAreKept(t *testing.T) {
	w := theWorld(t)
	works := func(when string) {
		t.Helper()
		if r := typed(t, w.rack, "carol", "sudo id -u"); r.Code != 0 || strings.TrimSpace(r.Stdout) != "0" {
			t.Errorf("%s, carol: %s", when, r)
		}
	}
	works("agent alive")
	agent := strings.TrimSpace(asRoot(t, w.rack, "/usr/bin/systemctl", "show", "-P", "MainPID", "assent-agent.service").Stdout)
	asRoot(t, w.rack, "/usr/bin/kill", "-STOP", agent)
	began := time.Now()
	works("agent stopped")
	r := typed(t, w.rack, "bob", "sudo -n id -u")
	if r.Code == 0 {
		t.Error("bob got root from a stopped agent")
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("sudo hung %v on a stopped agent", took)
	}
	asRoot(t, w.rack, "/usr/bin/kill", "-CONT", agent)
	asRoot(t, w.rack, "/usr/bin/systemctl", "stop", "assent-agent.service")
	works("agent not running")
	if r := typed(t, w.rack, "bob", "sudo -n id -u"); r.Code == 0 {
		t.Error("bob got root without an agent")
	}
	asRoot(t, w.rack, "/usr/bin/systemctl", "start", "assent-agent.service")
	ready(t, w.rack)
	works("agent back")
}
