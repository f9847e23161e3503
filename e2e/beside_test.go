package e2e

import (
	"regexp"
	"strings"
	"testing"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/machine"
)

// besideLine is what stands at the terminal for somebody beside the requester.
var besideLine = regexp.MustCompile(`somebody beside you can answer: (https?://\S+/#/b/([0-9A-Z]{4}-[0-9A-Z]{4})) +\(or type ([0-9A-Z]{4}-[0-9A-Z]{4}) in the console\)`)

// codeAt reads the address and the code that stand on a terminal.
func codeAt(t *testing.T, w *world, s *machine.Session) (address, code string) {
	t.Helper()
	sees(t, s, "in the console)")
	m := besideLine.FindStringSubmatch(strings.ReplaceAll(s.Text(), "\r\n", "\n"))
	if m == nil || m[2] != m[3] || !strings.HasPrefix(m[1], w.controller.URL) && !strings.Contains(m[1], "localhost") {
		t.Fatalf("the terminal shows\n%s", s.Text())
	}
	return m[1], m[2]
}

// TestSudoAnsweredBeside: the prompt of sudo shows a short code and draws it;
// somebody beside the requester types it on their own device, finds the request
// and approves it; the command runs, and the terminal says who said yes.
func TestSudoAnsweredBeside(t *testing.T) {
	w := theWorld(t)
	s := terminal(t, w.desk, "alice", `ASSENT_QR=1 sudo sh -c 'id -u; exit 7'; echo "code $?"`)
	sees(t, s, "Reason:")
	types(t, s, "the printer needs its driver\r")
	_, code := codeAt(t, w, s)
	sees(t, s, "█")
	sees(t, s, "waiting for approval")
	found, err := w.api.ByCode(t.Context(), strings.ToLower(code))
	if err != nil || found.Subject.Path != "/usr/bin/dash" || found.User.Name != "alice" {
		t.Fatalf("the code leads to %+v, %v", found, err)
	}
	w.act(t, found.ID, "claim", "")
	sees(t, s, "admin is looking at it.")
	w.act(t, found.ID, "approve", "I stand beside her")
	sees(t, s, "approved by admin: I stand beside her; it may run until ")
	if r := ends(t, s); !strings.Contains(r.Stdout, "0\r\n") || !strings.Contains(r.Stdout, "code 7") {
		t.Errorf("%s", r)
	}
	if _, err := w.api.ByCode(t.Context(), code); err == nil {
		t.Error("the code is good after its request")
	}
	w.becomes(t, found.ID, "ended")
	nothingLeft(t, w.desk)
}

// TestRunAnsweredBeside: the same with assent run, whose stdout holds nothing but
// the command's; each step stands in the story that the user can read, and came
// to whoever watched.
func TestRunAnsweredBeside(t *testing.T) {
	w := theWorld(t)
	watch := terminal(t, w.desk, "alice", "assent list --watch")
	sees(t, watch, "watching")
	s := terminal(t, w.desk, "alice", `assent run --qr --reason "look at the disk" -- /usr/bin/id -u > /tmp/beside.out; echo "code $?"`)
	_, code := codeAt(t, w, s)
	sees(t, s, "█")
	found, err := w.api.ByCode(t.Context(), code)
	if err != nil {
		t.Fatal(err)
	}
	view := typed(t, w.desk, "alice", "assent view "+found.ID)
	if !strings.Contains(view.Stdout, "/#/b/"+code) {
		t.Errorf("assent view: %s", view)
	}
	if r := typed(t, w.desk, "bob", "assent view "+found.ID); r.Code != 5 || strings.Contains(r.Stdout+r.Stderr, code) {
		t.Errorf("somebody else's view: %s", r)
	}
	w.act(t, found.ID, "claim", "")
	sees(t, watch, "admin is looking at it")
	w.act(t, found.ID, "approve", "fine")
	if r := ends(t, s); !strings.Contains(r.Stdout, "code 0") {
		t.Errorf("%s", r)
	}
	for _, step := range []string{"approved by admin: fine", "it is done"} {
		sees(t, watch, step)
	}
	types(t, watch, "\x03")
	ends(t, watch)
	if r := typed(t, w.desk, "alice", "cat /tmp/beside.out"); r.Stdout != "0\n" {
		t.Errorf("stdout was %q", r.Stdout)
	}
	story := typed(t, w.desk, "alice", "assent view --timeline "+found.ID).Stdout
	last := -1
	for _, step := range []string{"asked", "queued", "seen", "approved", "started", "ended"} {
		at := strings.Index(story, "  "+step+"  ")
		if at <= last {
			t.Errorf("the story has %q at %d after %d:\n%s", step, at, last, story)
		}
		last = at
	}
	nothingLeft(t, w.desk)
}

// TestSudoIsToldOfTheEnd: five minutes before its end, and when it is revoked and
// by whom, a sudo is told at its terminal; what the command writes is not touched.
func TestSudoIsToldOfTheEnd(t *testing.T) {
	w := theWorld(t)
	s := terminal(t, w.desk, "alice", `sudo sh -c 'echo works; sleep 60' > /tmp/told.out; echo "code $?"`)
	sees(t, s, "Reason:")
	types(t, s, "a long look at the disk\r")
	sees(t, s, "waiting for approval")
	id := w.pending(t, "/usr/bin/dash").ID
	if _, err := w.api.Act(t.Context(), id, "approve", client.Answer{DurationSeconds: 303}); err != nil {
		t.Fatal(err)
	}
	sees(t, s, "assent: this ends in ")
	sees(t, s, "more time: assent extend ")
	w.act(t, id, "revoke", "wrong machine")
	sees(t, s, "assent: revoked by admin: wrong machine")
	if r := ends(t, s); strings.Contains(r.Stdout, "code 0") {
		t.Errorf("%s", r)
	}
	if r := typed(t, w.desk, "alice", "cat /tmp/told.out"); r.Stdout != "works\n" {
		t.Errorf("stdout was %q", r.Stdout)
	}
	story := typed(t, w.desk, "alice", "assent view --timeline "+id).Stdout
	for _, step := range []string{"  ends_soon  ", "  revoked  ", "wrong machine"} {
		if !strings.Contains(story, step) {
			t.Errorf("the story has no %q:\n%s", step, story)
		}
	}
	nothingLeft(t, w.desk)
}
