package agent

import (
	"slices"
	"strings"
	"testing"

	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/shared/elevation"
)

// offers are what AskInstead brought to somebody who watches at a desktop.
func offers(t *testing.T, d *desk, act func()) []local.Notice {
	t.Helper()
	ch, stop, err := d.Watch(alice)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	defer d.Sits(alice)()
	act()
	_, all := watched(t, ch)
	return all
}

func TestAskInstead(t *testing.T) {
	d := newDesk(t, t.TempDir())
	got := offers(t, d, func() {
		if !d.WantsHints() {
			t.Error("hints are not wanted while somebody sits here")
		}
		d.AskInstead(alice, `C:\Tools\Setup.exe`, []string{"/S", `D:\x`})
	})
	if len(got) != 1 || got[0].Kind != local.NoticeInstead || got[0].Path != `C:\Tools\Setup.exe` || !slices.Equal(got[0].Args, []string{"/S", `D:\x`}) ||
		got[0].Text != `Setup.exe /S D:\x` || got[0].Request != "" || !strings.Contains(got[0].Line, got[0].Text) {
		t.Errorf("offered %+v", got)
	}
	got = offers(t, d, func() { d.AskInstead(alice, `C:\Tools\mysql.exe`, []string{"-psecret77", "x\x1b[2J"}) })
	if len(got) != 1 || got[0].Path != "" || got[0].Args != nil || strings.Contains(got[0].Text+got[0].Line, "secret77") || strings.Contains(got[0].Text, "\x1b") {
		t.Errorf("a secret, or what would write to a terminal: %+v", got)
	}
	got = offers(t, d, func() { d.AskInstead(alice, "", nil) })
	if len(got) != 1 || got[0].Path != "" || got[0].Text != "" {
		t.Errorf("without a program: %+v", got)
	}
}

// Nobody is told but who sits there, and only while the policy has people ask.
func TestNobodyElseIsOffered(t *testing.T) {
	d := newDesk(t, t.TempDir())
	if !d.hints() || d.WantsHints() {
		t.Error("nobody sits here yet")
	}
	if got := offers(t, d, func() { d.AskInstead("1002", `C:\a.exe`, nil) }); len(got) != 0 {
		t.Errorf("somebody else's: %+v", got)
	}
	ch, stop, err := d.Watch(alice)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	d.AskInstead(alice, `C:\a.exe`, nil)
	if _, got := watched(t, ch); len(got) != 0 {
		t.Errorf("at a terminal: %+v", got)
	}
	for _, stance := range []string{"off", "deny", "allow"} {
		d.policy.mu.Lock()
		d.policy.is = elevation.Policy{Mode: elevation.ModeAsk, Mechanisms: map[string]string{string(elevation.ByUAC): stance}}
		d.policy.mu.Unlock()
		if got := offers(t, d, func() {
			if d.WantsHints() {
				t.Errorf("by the policy %q hints are wanted", stance)
			}
			d.AskInstead(alice, `C:\a.exe`, nil)
		}); len(got) != 0 {
			t.Errorf("by the policy %q: %+v", stance, got)
		}
	}
	d.policy.mu.Lock()
	d.policy.is = elevation.Policy{Mode: elevation.ModeObserve}
	d.policy.mu.Unlock()
	if d.hints() || d.WantsHints() {
		t.Error("an endpoint that only observes gives hints")
	}
}

// Somebody who does not read their notices keeps their place and loses hints only.
func TestHintsDoNotPushAnybodyOut(t *testing.T) {
	d := newDesk(t, t.TempDir())
	got := offers(t, d, func() {
		for range 2 * noticesQueued {
			d.AskInstead(alice, `C:\a.exe`, nil)
		}
	})
	if len(got) != noticesQueued {
		t.Errorf("%d are there", len(got))
	}
}
