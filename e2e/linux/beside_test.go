package linux

import (
	"regexp"
	"strings"
	"testing"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/machine"
)

// besideLine is what stands at the terminal for somebody beside the requester.
var besideLine = regexp.MustCompile(`somebody beside you can answer: (https?://\S+/#/b/([0-9A-Z]{4}-[0-9A-Z]{4})) \(or type ([0-9A-Z]{4}-[0-9A-Z]{4}) in the console\)`)

// codeAt reads the address and the code that stand on a terminal.
func (w *scene) codeAt(s *machine.Session) (address, code string) {
	w.t.Helper()
	w.sees(s, "console)")
	m := besideLine.FindStringSubmatch(strings.Join(strings.Fields(s.Text()), " ")) // wherever its lines are broken
	if m == nil || m[2] != m[3] || !strings.HasPrefix(m[1], w.controller.URL) && !strings.Contains(m[1], "localhost") {
		w.t.Fatalf("the terminal shows\n%s", s.Text())
	}
	return m[1], m[2]
}

// TestSudoAnsweredBeside: the prompt of sudo shows a short code and draws it;
// somebody beside the requester types it on their own device, finds the request
// and approves it; the command runs, and the terminal says who said yes.
func TestSudoAnsweredBeside(t *testing.T) {
	w := machineFor(t, "life")
	s := w.terminal("alice", `ASSENT_QR=1 sudo sh -c 'id -u; exit 7'; echo "code $?"`)
	w.sees(s, "Reason:")
	w.types(s, "the printer needs its driver\r")
	_, code := w.codeAt(s)
	w.sees(s, "█")
	w.sees(s, "waiting for approval")
	found, err := w.api.ByCode(t.Context(), strings.ToLower(code))
	if err != nil || found.Subject.Path != "/usr/bin/dash" || found.User.Name != "alice" {
		t.Fatalf("the code leads to %+v, %v", found, err)
	}
	w.act(found.ID, "claim", "")
	w.sees(s, "admin is looking at it.")
	w.act(found.ID, "approve", "I stand beside her")
	w.sees(s, "approved by admin: I stand beside her")
	if r := w.ends(s); !strings.Contains(r.Stdout, "0\r\n") || !strings.Contains(r.Stdout, "code 7") {
		t.Errorf("%s", r)
	}
	if _, err := w.api.ByCode(t.Context(), code); err == nil {
		t.Error("the code is good after its request")
	}
	w.becomes(found.ID, "ended")
	w.nothingLeft()
}

// TestRunAnsweredBeside: the same with assent run, whose stdout holds nothing but
// the command's; each step stands in the story that the user can read, and came
// to whoever watched.
func TestRunAnsweredBeside(t *testing.T) {
	w := machineFor(t, "life")
	watch := w.terminal("alice", "assent list --watch")
	w.sees(watch, "watching")
	s := w.terminal("alice", `assent run --qr --reason "look at the disk" -- /usr/bin/id -u > /tmp/beside.out; echo "code $?"`)
	_, code := w.codeAt(s)
	w.sees(s, "█")
	found, err := w.api.ByCode(t.Context(), code)
	if err != nil {
		t.Fatal(err)
	}
	view := w.typed("alice", "assent view "+found.ID)
	if !strings.Contains(view.Stdout, "/#/b/"+code) {
		t.Errorf("assent view: %s", view)
	}
	if r := w.typed("bob", "assent view "+found.ID); r.Code != 5 || strings.Contains(r.Stdout+r.Stderr, code) {
		t.Errorf("somebody else's view: %s", r)
	}
	w.act(found.ID, "claim", "")
	w.sees(watch, "admin is looking at it")
	w.act(found.ID, "approve", "fine")
	if r := w.ends(s); !strings.Contains(r.Stdout, "code 0") {
		t.Errorf("%s", r)
	}
	for _, step := range []string{"approved by admin: fine", "it is done"} {
		w.sees(watch, step)
	}
	w.types(watch, "\x03")
	w.ends(watch)
	if r := w.typed("alice", "cat /tmp/beside.out"); r.Stdout != "0\n" {
		t.Errorf("stdout was %q", r.Stdout)
	}
	story := w.typed("alice", "assent view --timeline "+found.ID).Stdout
	last := -1
	for _, step := range []string{"asked", "queued", "seen", "approved", "started", "ended"} {
		at := strings.Index(story, "  "+step+"  ")
		if at <= last {
			t.Errorf("the story has %q at %d after %d:\n%s", step, at, last, story)
		}
		last = at
	}
	w.nothingLeft()
}

// TestSudoIsToldOfTheEnd: five minutes before its end, and when it is revoked and
// by whom, a sudo is told at its terminal; what the command writes is not touched.
func TestSudoIsToldOfTheEnd(t *testing.T) {
	w := machineFor(t, "life")
	s := w.terminal("alice", `sudo sh -c 'echo works; sleep 60' > /tmp/told.out; echo "code $?"`)
	w.sees(s, "Reason:")
	w.types(s, "a long look at the disk\r")
	w.sees(s, "waiting for approval")
	id := w.pending(program("/usr/bin/dash")).ID
	if _, err := w.api.Act(t.Context(), id, "approve", client.Answer{DurationSeconds: 303}); err != nil {
		t.Fatal(err)
	}
	w.sees(s, "assent: this ends in ")
	w.sees(s, "more time: assent extend ")
	w.act(id, "revoke", "wrong machine")
	w.sees(s, "assent: revoked by admin: wrong machine")
	if r := w.ends(s); strings.Contains(r.Stdout, "code 0") {
		t.Errorf("%s", r)
	}
	if r := w.typed("alice", "cat /tmp/told.out"); r.Stdout != "works\n" {
		t.Errorf("stdout was %q", r.Stdout)
	}
	story := w.typed("alice", "assent view --timeline "+id).Stdout
	for _, step := range []string{"  ends_soon  ", "  revoked  ", "wrong machine"} {
		if !strings.Contains(story, step) {
			t.Errorf("the story has no %q:\n%s", step, story)
		}
	}
	w.nothingLeft()
}
