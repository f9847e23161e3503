package doors

import (
	"strings"
	"testing"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/desk"
)

// TestC1GrammarOfOtherProducts types what somebody has in their fingers and in
// their scripts: the words are taken as they are, with or without the prefix.
func TestC1GrammarOfOtherProducts(t *testing.T) {
	d := desk.New(t)
	web := d.Endpoint("web-1")
	bo := d.Person("bo", "approver")
	ids := []string{web.Ask("eve", "/usr/bin/id", "a"), web.Ask("eve", "/usr/bin/id", "b"), web.Ask("eve", "/usr/bin/id", "c")}
	for _, line := range []string{"epm approval list --type pending --format id", "pedm approval l --type pending --format id", "approval list --status pending --format id", "approval --format id"} {
		if out := d.Works(bo, strings.Fields(line)...); len(strings.Fields(out)) != 3 {
			t.Errorf("%s: %s", line, out)
		}
	}
	d.Works(bo, "epm", "approval", "action", "--approve", ids[0], "--deny", ids[1], "--yes")
	d.Works(bo, "epm", "approval", "a", "--remove", "@denied", "--remove", ids[2], "--yes")
	states := []string{"available", "denied", "expired"}
	for i, id := range ids {
		if got := d.Admin.See(id).State; got != states[i] {
			t.Errorf("request %d is %s, want %s", i, got, states[i])
		}
	}
	if out := d.Works(bo, "approval", "list", "--format", "id"); out != "" {
		t.Errorf("still in the queue: %s", out)
	}
}

// TestC1HostileTextNeverMovesTheCursor: a host name and a reason with escape
// sequences, an OSC title, a link and letters that turn the line around, through
// every way in which assentctl prints.
func TestC1HostileTextNeverMovesTheCursor(t *testing.T) {
	d := desk.New(t)
	hostile := "\x1b[2J\x1b]0;owned\x07\x1b]8;;https://evil.example\x1b\\link\u202etxt\u200b\r\u009b31m"
	web := d.Endpoint("web-1")
	id := web.AskWith(web.Attempt("eve", "/usr/bin/id", hostile), "because "+hostile, "")
	d.Admin.Does("ask", id, client.Answer{Comment: "why " + hostile})
	for _, line := range []string{"approval list", "approval view " + id, "approval view " + id + " --timeline", "approval view " + id + " --explain", "audit list --request " + id,
		"approval action --approve " + id + " --dry-run", "approval list --group-by program", "endpoint list", "__complete approval approve"} {
		for _, format := range []string{"table", "json", "jsonl", "csv", "yaml", "id"} {
			args := append(strings.Fields(line), "--format", format)
			if strings.HasPrefix(line, "__complete") {
				args = append(strings.Fields(line), "")
			}
			r := d.Ctl(d.Admin, args...)
			if r.Code != 0 {
				t.Errorf("%v: %d %s", args, r.Code, r.Err)
			}
			for _, bad := range []string{"\x1b", "\x07", "\u202e", "\u200b", "\r", "\u009b"} {
				if strings.Contains(r.Out+r.Err, bad) {
					t.Errorf("%v prints %q raw", args, bad)
				}
			}
		}
	}
}

// TestC1DoctorFindsWhatIsWrong: each thing that it looks at, once broken.
func TestC1DoctorFindsWhatIsWrong(t *testing.T) {
	d := desk.New(t) // whose clock is ahead or behind by a day or more
	r := d.Ctl(d.Admin, "doctor")
	for _, want := range []string{"address      ok", "tls          ok", "sign-in      ok", "version      ok", "permissions  ok"} {
		if !strings.Contains(r.Out, want) {
			t.Errorf("%q is not in\n%s%s", want, r.Out, r.Err)
		}
	}
	nobody := d.Ctl(nil, "doctor")
	if nobody.Code != 3 || !strings.Contains(nobody.Out, "sign-in      failed") || !strings.Contains(nobody.Err, "assentctl login") {
		t.Errorf("not signed in: %+v", nobody)
	}
}

// TestC1StepUpPrintsTheLink: a token is no presence; the exit code says so, and
// the page to go to is printed, for one id and for several.
func TestC1StepUpPrintsTheLink(t *testing.T) {
	d := desk.New(t)
	d.Rules("rules:\n  - name: here\n    match: {path: /usr/bin/id, args: [{rest: true}]}\n    then: require\n    require: {step_up: true}\n")
	web := d.Endpoint("web-1")
	bo := d.Person("bo", "approver")
	one, two := web.Ask("eve", "/usr/bin/id", "a"), web.Ask("eve", "/usr/bin/id", "b")
	r := d.Ctl(bo, "approval", "approve", one)
	if r.Code != 4 || !strings.Contains(r.Err, "hint: ") || !strings.Contains(r.Err, d.URL+"/#/requests/"+one) {
		t.Errorf("one: %+v", r)
	}
	r = d.Ctl(bo, "approval", "approve", one, two, "--yes")
	if r.Code != 7 || !strings.Contains(r.Err, d.URL+"/#/requests/"+one) || !strings.Contains(r.Err, d.URL+"/#/requests/"+two) {
		t.Errorf("two: %+v", r)
	}
}
