package e2e

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/machine"
)

// TestQuestionAtThePrompt: an approver asks back; the person answers where they
// wait, at sudo's prompt or that of assent run, and goes on waiting.
func TestQuestionAtThePrompt(t *testing.T) {
	w := theWorld(t)
	for _, row := range []struct{ command, program string }{
		{"sudo stat /root", "/usr/bin/stat"},
		{"assent run -- stat -L /root", "/usr/bin/stat"},
	} {
		t.Run(row.command, func(t *testing.T) {
			s, id := w.waits(t, w.desk, "alice", row.command, row.program)
			w.act(t, id, "ask", "which \x1b[31mfolder\u202e, and why?")
			sees(t, s, `admin asks: which \x1b[31mfolder\u{202e}, and why?`)
			sees(t, s, "Answer")
			types(t, s, "root's own, the quota is wrong\r")
			sees(t, s, "waiting for approval")
			w.answered(t, id, "root's own, the quota is wrong")
			w.act(t, id, "approve", "")
			if r := ends(t, s); !strings.Contains(r.Stdout, "File: /root") || !strings.Contains(r.Stdout, "code 0") {
				t.Errorf("%s", r)
			}
			w.becomes(t, id, "ended")
		})
	}
	nothingLeft(t, w.desk)
}

// TestDecisionAtAnOpenQuestion: whoever does not answer is not kept from what was
// decided. Sudo hears of it with Enter, assent run at once.
func TestDecisionAtAnOpenQuestion(t *testing.T) {
	w := theWorld(t)
	for _, command := range []string{"sudo stat -c %n /root", "assent run -- stat -c %n%n /root"} {
		t.Run(command, func(t *testing.T) {
			s, id := w.waits(t, w.desk, "alice", command, "/usr/bin/stat")
			w.act(t, id, "ask", "why?")
			sees(t, s, "Answer")
			w.act(t, id, "approve", "never mind")
			if strings.HasPrefix(command, "sudo") {
				sees(t, s, "press Enter to go on")
				types(t, s, "half an answer\r")
			}
			if r := ends(t, s); !strings.Contains(r.Stdout, "/root") || !strings.Contains(r.Stdout, "code 0") {
				t.Errorf("%s", r)
			}
			if r := w.becomes(t, id, "ended"); r.Questions[0].Answer != nil {
				t.Errorf("answered %q", *r.Questions[0].Answer)
			}
		})
	}
	nothingLeft(t, w.desk)
}

// answered waits until the first question about a request has an answer.
func (w *world) answered(t *testing.T, id, text string) {
	t.Helper()
	err := until(t.Context(), waitLong, func() error {
		r, err := w.api.Request(t.Context(), id)
		if err == nil && (len(r.Questions) != 1 || r.Questions[0].Answer == nil || *r.Questions[0].Answer != text) {
			err = fmt.Errorf("the questions are %+v", r.Questions)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestQuestionWhileNobodyIsThere: it is kept, shown by list, view and status,
// and answered from another terminal. Denied at an open prompt is denied.
func TestQuestionWhileNobodyIsThere(t *testing.T) {
	w := theWorld(t)
	id := asksFor(t, w.desk, "alice", "stat -f /root")
	w.act(t, id, "ask", "what for?")
	for _, row := range []struct{ command, want string }{
		{"assent list", "admin asks: what for?"},
		{"assent view " + id[len(id)-6:], "admin asks: what for?"},
		{"assent status", "1 to answer"},
	} {
		err := until(t.Context(), waitLong, func() error {
			if r := typed(t, w.desk, "alice", row.command); !strings.Contains(r.Stdout, row.want) {
				return fmt.Errorf("%s: %s", row.command, r)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	if r := typed(t, w.desk, "bob", "assent answer "+id+" nosy"); r.Code != 5 {
		t.Errorf("bob answers for alice: %s", r)
	}
	if r := typed(t, w.desk, "alice", "assent answer "+id[len(id)-6:]+" for the backup"); r.Code != 0 || !strings.Contains(r.Stdout, id+" pending") {
		t.Errorf("%s", r)
	}
	w.answered(t, id, "for the backup")
	if r := typed(t, w.desk, "alice", "assent answer "+id+" again"); r.Code != 6 {
		t.Errorf("a second answer: %s", r)
	}
	w.act(t, id, "deny", "use the job")
	w.becomes(t, id, "denied")
	if err := until(t.Context(), waitLong, func() error {
		r := typed(t, w.desk, "alice", "assent view "+id+" --timeline")
		for _, want := range []string{"asked", "question", "answer", "denied", "use the job"} {
			if !strings.Contains(r.Stdout, want) {
				return fmt.Errorf("the story lacks %q: %s", want, r)
			}
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	// Asked again with a better reason, approved, used by the very same command.
	r := typed(t, w.desk, "alice", "assent resubmit "+id+" --reason 'the job is broken, see the ticket'")
	again := strings.Fields(r.Stdout + " - -")[0]
	if r.Code != 0 || !strings.HasPrefix(again, "req_") || again == id {
		t.Fatalf("resubmit: %s", r)
	}
	w.act(t, again, "approve", "")
	w.becomes(t, again, "available")
	if r := typed(t, w.desk, "alice", "sudo -n stat -f /root"); r.Code != 0 {
		t.Errorf("the resubmitted one is not used: %s", r)
	}
	w.becomes(t, again, "ended")
	if r := typed(t, w.desk, "alice", "assent remove "+id); r.Code != 0 {
		t.Errorf("remove: %s", r)
	}
	if r := typed(t, w.desk, "alice", "assent list"); strings.Contains(r.Stdout, id[len(id)-6:]) {
		t.Errorf("it is still listed: %s", r)
	}
}

// asksFor makes a request by sudo without a terminal and returns its id.
func asksFor(t *testing.T, m *machine.Machine, user, command string) string {
	t.Helper()
	r := typed(t, m, user, "ASSENT_REASON='a test of the desk' sudo -n "+command)
	_, id, ok := strings.Cut(r.Stderr, "request ")
	if r.Code != 1 || !ok {
		t.Fatalf("%s: %s", command, r)
	}
	return strings.TrimSpace(id)
}

// other is an approver beside the first administrator.
func (w *world) other(t *testing.T) *client.Client {
	t.Helper()
	login := fmt.Sprintf("bo%d", time.Now().UnixNano()%1e9)
	if _, err := client.Post[client.User](t.Context(), w.api, "/users", client.NewUser{Login: login, Roles: []string{"approver"}}); err != nil {
		t.Fatal(err)
	}
	tok, err := client.Post[client.Token](t.Context(), w.api, "/tokens", client.NewToken{Name: "test", User: login})
	if err != nil {
		t.Fatal(err)
	}
	return &client.Client{URL: w.api.URL, Token: tok.Token}
}

// TestAccessOnBehalf: an approver files for a user of the endpoint, another one
// approves; that very user's very same sudo uses it, nobody else's does.
func TestAccessOnBehalf(t *testing.T) {
	w := theWorld(t)
	seen := asksFor(t, w.desk, "alice", "stat -c %a /root")
	w.act(t, seen, "approve", "")
	w.becomes(t, seen, "available")
	if got := typed(t, w.desk, "alice", "sudo -n stat -c %a /root"); got.Code != 0 {
		t.Fatalf("the first time: %s", got)
	}
	w.becomes(t, seen, "ended")
	behalf := client.NewRequest{AccessType: "run", Endpoint: "desk", FromRequest: seen, ForUser: "alice", Justification: "agreed on the phone"}
	r, err := w.api.File(t.Context(), behalf)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.other(t).Act(t.Context(), r.ID, "approve", client.Answer{}); err != nil {
		t.Fatal(err)
	}
	err = until(t.Context(), waitLong, func() error {
		got, err := w.api.Request(t.Context(), r.ID)
		if err == nil && (got.State != "available" || got.Delivery != "delivered") {
			err = fmt.Errorf("it is %s, %s", got.State, got.Delivery)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ user, command string }{
		{"alice", "sudo -n stat -c %A /root"}, {"alice", "cd /tmp && sudo -n stat -c %a /root"}, {"bob", "cd /home/alice && sudo -n stat -c %a /root"},
	} {
		if got := typed(t, w.desk, row.user, row.command); got.Code == 0 {
			t.Errorf("%s: %s: %s", row.user, row.command, got)
		}
	}
	if got := typed(t, w.desk, "alice", "sudo stat -c %a /root"); got.Code != 0 || !strings.Contains(got.Stdout, "700") {
		t.Errorf("the very same command: %s", got)
	}
	w.becomes(t, r.ID, "ended")
	if kinds := w.kinds(t, r.ID); !slices.Contains(kinds, "grant.delivered") || !slices.Contains(kinds, "grant.started") {
		t.Errorf("it happened: %v", kinds)
	}
	// The number belongs to somebody else by now: the endpoint refuses and says so.
	behalf.Justification = "once more"
	if r, err = w.api.File(t.Context(), behalf); err != nil {
		t.Fatal(err)
	}
	sh(t, w.desk, "sed -i 's/^alice:/alicia:/' /etc/passwd", "")
	defer sh(t, w.desk, "sed -i 's/^alicia:/alice:/' /etc/passwd", "")
	if _, err := w.other(t).Act(t.Context(), r.ID, "approve", client.Answer{}); err != nil {
		t.Fatal(err)
	}
	if done := w.becomes(t, r.ID, "ended"); *done.EndReason != "failed" {
		t.Errorf("ended as %s", *done.EndReason)
	}
}

// TestExtendWhileItRuns: more time is asked for from another terminal, given,
// said to the person, and the program outlives its first end; not its second.
func TestExtendWhileItRuns(t *testing.T) {
	w := theWorld(t)
	const first = 8 * time.Second
	for _, row := range []struct{ name, command string }{
		{"assent run", `assent run --for 8s --reason 'a long copy' -- sleep 60`},
		{"sudo", `ASSENT_REASON='a long copy' sudo sleep 60`},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := terminal(t, w.desk, "alice", row.command+`; echo "code $?"`)
			sees(t, s, "waiting for approval")
			id := w.pending(t, "/usr/bin/sleep").ID
			if _, err := w.api.Act(t.Context(), id, "approve", client.Answer{DurationSeconds: int64(first / time.Second)}); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			w.becomes(t, id, "active")
			r := typed(t, w.desk, "alice", "assent extend "+id+" --for 9s --reason 'half of it is done'")
			ext := strings.Fields(r.Stdout + " - -")[0]
			if r.Code != 0 || !strings.HasPrefix(ext, "req_") || ext == id {
				t.Fatalf("extend: %s", r)
			}
			w.act(t, ext, "approve", "")
			sees(t, s, "9s more")
			w.becomes(t, ext, "ended")
			got := ends(t, s)
			if took := time.Since(began); took < first+5*time.Second || strings.Contains(got.Stdout, "code 0") {
				t.Errorf("it ended after %v: %s", took, got)
			}
			w.becomes(t, id, "expired") // for the controller; the endpoint says why a moment later
			err := until(t.Context(), 15*time.Second, func() error {
				done, err := w.api.Request(t.Context(), id)
				if err == nil && (done.EndReason == nil || *done.EndReason != "deadline") {
					err = fmt.Errorf("the end of %s is not told", id)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	nothingLeft(t, w.desk)
	if left := asRoot(t, w.desk, "/usr/bin/find", "/run/systemd/system", "-name", "assent-*"); strings.TrimSpace(left.Stdout) != "" {
		t.Errorf("left behind: %s", left.Stdout)
	}
}

// TestPolicyOfTheEndpoint: a pattern for secrets set by an administrator hides
// them before they leave the endpoint, reasons to choose from are offered, and
// the digest still binds the real arguments.
func TestPolicyOfTheEndpoint(t *testing.T) {
	w := theWorld(t)
	put := func(items ...client.Policy) {
		t.Helper()
		var out client.Policies
		if err := w.api.Call(t.Context(), "PUT", "/policies", nil, client.PutPolicies{Items: append([]client.Policy{}, items...)}, &out); err != nil {
			t.Fatal(err)
		}
	}
	put(client.Policy{Name: "all", Mode: "ask", Mask: []string{`EMP-\d{6}`}, Presets: []string{"Planned maintenance"}, ReasonMin: 10})
	defer put()
	err := until(t.Context(), waitLong, func() error {
		if r := typed(t, w.desk, "alice", "assent status"); !strings.Contains(r.Stdout, "all, version") {
			return errors.New("no policy: " + r.Stdout)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if r := asRoot(t, w.desk, "/usr/local/bin/assent-agent", "status"); !strings.Contains(r.Stdout, "mode ask") {
		t.Errorf("assent-agent status: %s", r)
	}
	s := terminal(t, w.desk, "alice", `sudo stat EMP-123456 --password=hunter2 /root; echo "code $?"`)
	sees(t, s, "1  Planned maintenance")
	sees(t, s, "Reason:")
	types(t, s, "too short\r")
	sees(t, s, "at least 10 characters")
	types(t, s, "1\r")
	sees(t, s, "waiting for approval")
	r := w.pending(t, "/usr/bin/stat")
	if want := []string{"***", "--password=***", "/root"}; !slices.Equal(r.Subject.Args, want) || *r.Justification != "Planned maintenance" {
		t.Errorf("the approver sees %q because of %q", r.Subject.Args, *r.Justification)
	}
	if err := s.Hangup(); err != nil {
		t.Fatal(err)
	}
	w.act(t, r.ID, "approve", "")
	w.becomes(t, r.ID, "available")
	if got := typed(t, w.desk, "alice", "sudo -n stat EMP-654321 --password=hunter2 /root"); got.Code == 0 || strings.Contains(got.Stderr, "unrecognized") {
		t.Errorf("another secret uses it: %s", got)
	}
	if got := typed(t, w.desk, "alice", "sudo -n stat EMP-123456 --password=hunter2 /root"); !strings.Contains(got.Stderr, "unrecognized option") {
		t.Errorf("the very same command did not run: %s", got)
	}
	w.becomes(t, r.ID, "ended")
}
