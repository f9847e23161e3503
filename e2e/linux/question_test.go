package linux

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/client"
)

// TestQuestionAtThePrompt: an approver asks back; the person answers where they
// wait, at sudo's prompt or that of assent run, and goes on waiting.
func TestQuestionAtThePrompt(t *testing.T) {
	w := machineFor(t, "question")
	for _, row := range []struct{ command, program string }{
		{"sudo stat /root", "/usr/bin/stat"},
		{"assent run -- stat -L /root", "/usr/bin/stat"},
	} {
		t.Run(row.command, func(t *testing.T) {
			w := w.in(t)
			s, id := w.waits("alice", row.command, row.program)
			w.act(id, "ask", "which \x1b[31mfolder\u202e, and why?")
			w.sees(s, `admin asks: which \x1b[31mfolder\u{202e}, and why?`)
			w.sees(s, "Answer")
			w.types(s, "root's own, the quota is wrong\r")
			w.sees(s, "waiting for approval")
			w.answered(id, "root's own, the quota is wrong")
			w.act(id, "approve", "")
			if r := w.ends(s); !strings.Contains(r.Stdout, "File: /root") || !strings.Contains(r.Stdout, "code 0") {
				t.Errorf("%s", r)
			}
			w.becomes(id, "ended")
		})
	}
	w.nothingLeft()
}

// TestDecisionAtAnOpenQuestion: whoever does not answer is not kept from what was
// decided. Sudo hears of it with Enter, assent run at once.
func TestDecisionAtAnOpenQuestion(t *testing.T) {
	w := machineFor(t, "question")
	for _, command := range []string{"sudo stat -c %n /root", "assent run -- stat -c %n%n /root"} {
		t.Run(command, func(t *testing.T) {
			w := w.in(t)
			s, id := w.waits("alice", command, "/usr/bin/stat")
			w.act(id, "ask", "why?")
			w.sees(s, "Answer")
			w.act(id, "approve", "never mind")
			if strings.HasPrefix(command, "sudo") {
				w.sees(s, "press Enter to go on")
				w.types(s, "half an answer\r")
			}
			if r := w.ends(s); !strings.Contains(r.Stdout, "/root") || !strings.Contains(r.Stdout, "code 0") {
				t.Errorf("%s", r)
			}
			if r := w.becomes(id, "ended"); r.Questions[0].Answer != nil {
				t.Errorf("answered %q", *r.Questions[0].Answer)
			}
		})
	}
	w.nothingLeft()
}

// answered waits until the first question about a request has an answer.
func (w *scene) answered(id, text string) {
	w.t.Helper()
	err := w.comes(waitLong, func() error {
		r, err := w.api.Request(w.t.Context(), id)
		if err == nil && (len(r.Questions) != 1 || r.Questions[0].Answer == nil || *r.Questions[0].Answer != text) {
			err = fmt.Errorf("the questions are %+v", r.Questions)
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// TestQuestionWhileNobodyIsThere: it is kept, shown by list, view and status,
// and answered from another terminal. Denied at an open prompt is denied.
func TestQuestionWhileNobodyIsThere(t *testing.T) {
	w := machineFor(t, "question")
	id := w.asksFor("alice", "stat -f /root")
	w.act(id, "ask", "what for?")
	for _, row := range []struct{ command, want string }{
		{"assent list", "admin asks: what for?"},
		{"assent view " + id[len(id)-6:], "admin asks: what for?"},
		{"assent status", "1 to answer"},
	} {
		err := w.comes(waitLong, func() error {
			if r := w.typed("alice", row.command); !strings.Contains(r.Stdout, row.want) {
				return fmt.Errorf("%s: %s", row.command, r)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	if r := w.typed("bob", "assent answer "+id+" nosy"); r.Code != 5 {
		t.Errorf("bob answers for alice: %s", r)
	}
	if r := w.typed("alice", "assent answer "+id[len(id)-6:]+" for the backup"); r.Code != 0 || !strings.Contains(r.Stdout, id+" pending") {
		t.Errorf("%s", r)
	}
	w.answered(id, "for the backup")
	if r := w.typed("alice", "assent answer "+id+" again"); r.Code != 6 {
		t.Errorf("a second answer: %s", r)
	}
	w.act(id, "deny", "use the job")
	w.becomes(id, "denied")
	if err := w.comes(waitLong, func() error {
		r := w.typed("alice", "assent view "+id+" --timeline")
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
	r := w.typed("alice", "assent resubmit "+id+" --reason 'the job is broken, see the ticket'")
	again := strings.Fields(r.Stdout + " - -")[0]
	if r.Code != 0 || !strings.HasPrefix(again, "req_") || again == id {
		t.Fatalf("resubmit: %s", r)
	}
	w.act(again, "approve", "")
	w.becomes(again, "available")
	if r := w.typed("alice", "sudo -n stat -f /root"); r.Code != 0 {
		t.Errorf("the resubmitted one is not used: %s", r)
	}
	w.becomes(again, "ended")
	if r := w.typed("alice", "assent remove "+id); r.Code != 0 {
		t.Errorf("remove: %s", r)
	}
	if r := w.typed("alice", "assent list"); strings.Contains(r.Stdout, id[len(id)-6:]) {
		t.Errorf("it is still listed: %s", r)
	}
}

// asksFor makes a request by sudo without a terminal and returns its id.
func (w *scene) asksFor(user, command string) string {
	w.t.Helper()
	r := w.typed(user, "ASSENT_REASON='a test of the desk' sudo -n "+command)
	_, id, ok := strings.Cut(r.Stderr, "request ")
	if r.Code != 1 || !ok {
		w.t.Fatalf("%s: %s", command, r)
	}
	return strings.TrimSpace(id)
}

// other is an approver beside the first administrator.
func (w *scene) other() *client.Client {
	w.t.Helper()
	login := fmt.Sprintf("bo%d", time.Now().UnixNano()%1e9)
	if _, err := client.Post[client.User](w.t.Context(), w.api, "/users", client.NewUser{Login: login, Roles: []string{"approver"}}); err != nil {
		w.t.Fatal(err)
	}
	tok, err := client.Post[client.Token](w.t.Context(), w.api, "/tokens", client.NewToken{Name: "test", User: login})
	if err != nil {
		w.t.Fatal(err)
	}
	return &client.Client{URL: w.api.URL, Token: tok.Token}
}

// TestAccessOnBehalf: an approver files for a user of the endpoint, another one
// approves; that very user's very same sudo uses it, nobody else's does.
func TestAccessOnBehalf(t *testing.T) {
	w := machineFor(t, "question")
	seen := w.asksFor("alice", "stat -c %a /root")
	w.act(seen, "approve", "")
	w.becomes(seen, "available")
	if got := w.typed("alice", "sudo -n stat -c %a /root"); got.Code != 0 {
		t.Fatalf("the first time: %s", got)
	}
	w.becomes(seen, "ended")
	behalf := client.NewRequest{AccessType: "run", Endpoint: w.machine.Name, FromRequest: seen, ForUser: "alice", Justification: "agreed on the phone"}
	r, err := w.api.File(t.Context(), behalf)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.other().Act(t.Context(), r.ID, "approve", client.Answer{}); err != nil {
		t.Fatal(err)
	}
	err = w.comes(waitLong, func() error {
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
		if got := w.typed(row.user, row.command); got.Code == 0 {
			t.Errorf("%s: %s: %s", row.user, row.command, got)
		}
	}
	if got := w.typed("alice", "sudo stat -c %a /root"); got.Code != 0 || !strings.Contains(got.Stdout, "700") {
		t.Errorf("the very same command: %s", got)
	}
	w.becomes(r.ID, "ended")
	if kinds := w.kinds(r.ID); !slices.Contains(kinds, "grant.delivered") || !slices.Contains(kinds, "grant.started") {
		t.Errorf("it happened: %v", kinds)
	}
	// The number belongs to somebody else by now: the endpoint refuses and says so.
	behalf.Justification = "once more"
	if r, err = w.api.File(t.Context(), behalf); err != nil {
		t.Fatal(err)
	}
	w.sh("sed -i 's/^alice:/alicia:/' /etc/passwd", "")
	defer w.sh("sed -i 's/^alicia:/alice:/' /etc/passwd", "")
	if _, err := w.other().Act(t.Context(), r.ID, "approve", client.Answer{}); err != nil {
		t.Fatal(err)
	}
	if done := w.becomes(r.ID, "ended"); *done.EndReason != "failed" {
		t.Errorf("ended as %s", *done.EndReason)
	}
}

// TestExtendWhileItRuns: more time is asked for from another terminal, given,
// said to the person, and the program outlives its first end; not its second.
func TestExtendWhileItRuns(t *testing.T) {
	w := machineFor(t, "question")
	const first = 8 * time.Second
	for _, row := range []struct{ name, command string }{
		{"assent run", `assent run --for 8s --reason 'a long copy' -- sleep 60`},
		{"sudo", `ASSENT_REASON='a long copy' sudo sleep 60`},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := w.in(t)
			s := w.terminal("alice", row.command+`; echo "code $?"`)
			w.sees(s, "waiting for approval")
			id := w.pending(program("/usr/bin/sleep")).ID
			if _, err := w.api.Act(t.Context(), id, "approve", client.Answer{DurationSeconds: int64(first / time.Second)}); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			w.becomes(id, "active")
			r := w.typed("alice", "assent extend "+id+" --for 9s --reason 'half of it is done'")
			ext := strings.Fields(r.Stdout + " - -")[0]
			if r.Code != 0 || !strings.HasPrefix(ext, "req_") || ext == id {
				t.Fatalf("extend: %s", r)
			}
			w.act(ext, "approve", "")
			w.sees(s, "9 s more")
			w.becomes(ext, "ended")
			got := w.ends(s)
			if took := time.Since(began); took < first+5*time.Second || strings.Contains(got.Stdout, "code 0") {
				t.Errorf("it ended after %v: %s", took, got)
			}
			w.becomes(id, "expired") // for the controller; the endpoint says why a moment later
			err := w.comes(15*time.Second, func() error {
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
	w.nothingLeft()
	if left := w.asRoot("/usr/bin/find", "/run/systemd/system", "-name", "assent-*"); strings.TrimSpace(left.Stdout) != "" {
		t.Errorf("left behind: %s", left.Stdout)
	}
}

// TestPolicyOfTheEndpoint: a pattern for secrets set by an administrator hides
// them before they leave the endpoint, reasons to choose from are offered, and
// the digest still binds the real arguments.
func TestPolicyOfTheEndpoint(t *testing.T) {
	w := machineFor(t, "question")
	put := func(items ...client.Policy) {
		t.Helper()
		var out client.Policies
		if err := w.api.Call(t.Context(), "PUT", "/policies", nil, client.PutPolicies{Items: append([]client.Policy{}, items...)}, &out); err != nil {
			t.Fatal(err)
		}
	}
	put(client.Policy{Name: "all", Mode: "ask", Mask: []string{`EMP-\d{6}`}, Presets: []string{"Planned maintenance"}, ReasonMin: 10})
	defer put()
	err := w.comes(waitLong, func() error {
		if r := w.typed("alice", "assent status"); !strings.Contains(r.Stdout, "all, version") {
			return errors.New("no policy: " + r.Stdout)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if r := w.asRoot("/usr/local/bin/assent-agent", "status"); !strings.Contains(r.Stdout, "mode ask") {
		t.Errorf("assent-agent status: %s", r)
	}
	s := w.terminal("alice", `sudo stat EMP-123456 --password=hunter2 /root; echo "code $?"`)
	w.sees(s, "1  Planned maintenance")
	w.sees(s, "Reason:")
	w.types(s, "too short\r")
	w.sees(s, "at least 10 characters")
	w.types(s, "1\r")
	w.sees(s, "waiting for approval")
	r := w.pending(program("/usr/bin/stat"))
	if want := []string{"***", "--password=***", "/root"}; !slices.Equal(r.Subject.Args, want) || *r.Justification != "Planned maintenance" {
		t.Errorf("the approver sees %q because of %q", r.Subject.Args, *r.Justification)
	}
	w.leaves(s, r.ID)
	w.act(r.ID, "approve", "")
	w.becomes(r.ID, "available")
	if got := w.typed("alice", "sudo -n stat EMP-654321 --password=hunter2 /root"); got.Code == 0 || strings.Contains(got.Stderr, "unrecognized") {
		t.Errorf("another secret uses it: %s", got)
	}
	if got := w.typed("alice", "sudo -n stat EMP-123456 --password=hunter2 /root"); !strings.Contains(got.Stderr, "unrecognized option") {
		t.Errorf("the very same command did not run: %s", got)
	}
	w.becomes(r.ID, "ended")
}
