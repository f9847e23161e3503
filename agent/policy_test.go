package agent

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
)

func (d *desk) send(p elevation.Policy) {
	d.t.Helper()
	raw, err := d.key.Sign(sign.Policy, p)
	if err != nil {
		d.t.Fatal(err)
	}
	d.answer(wire.TPolicy, wire.Signed{Raw: raw})
}

func policy(version uint64) elevation.Policy {
	return elevation.Policy{Cluster: "c", Endpoint: "ep_1", Name: "laptops", Version: version, Mode: elevation.ModeObserve,
		Mechanisms: map[string]string{}, Mask: []string{`EMP-\d+`, "("}, Presets: []string{"update of the system"}, ReasonMin: 12, At: time.Now()}
}

func TestPolicyIsKeptAndObeyed(t *testing.T) {
	dir := t.TempDir()
	d := newDesk(t, dir)
	if _, err := ReadPolicy(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("before the first: %v", err)
	}
	d.send(policy(3))
	older := policy(2)
	older.Mask = nil
	d.send(older)
	foreign := policy(9)
	foreign.Endpoint = "ep_2"
	d.send(foreign)
	d.answer(wire.TPolicy, wire.Signed{Raw: []byte("forged")})
	d.Close()

	d = newDesk(t, dir)
	d.About = func() local.Status { return local.Status{Mode: "ask"} }
	if p := d.Policy(); p.Version != 3 || p.Name != "laptops" {
		t.Fatalf("%+v", p)
	}
	if got := (intercept.Masking{More: d.Masks()}).Args([]string{"EMP-77"})[0]; got != elevation.Masked {
		t.Errorf("a secret is shown as %s", got)
	}
	if st := d.Status(alice); st.Mode != "observe" || !strings.Contains(st.Policy, "laptops, version 3") {
		t.Errorf("%+v", st)
	}
	need := d.policyNeed(wire.Need{ReasonMin: 8})
	if need.ReasonMin != 12 || len(need.Presets) != 1 {
		t.Errorf("%+v", need)
	}
	if need := d.policyNeed(wire.Need{Presets: []string{"the rule's"}}); need.ReasonMin != 0 || need.Presets[0] != "the rule's" {
		t.Errorf("%+v", need)
	}
	if p, err := ReadPolicy(dir); err != nil || p.Version != 3 {
		t.Errorf("%+v, %v", p, err)
	}
}

// A machine that was enrolled anew is another endpoint, whose policies begin with
// version 1 again.
func TestPolicyOfAnEarlierEnrolment(t *testing.T) {
	dir := t.TempDir()
	d := newDesk(t, dir)
	d.send(policy(30))
	d.Close()
	ledger, err := grants.Open(filepath.Join(dir, "grants"))
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(t.Context(), Config{Data: dir, Cluster: "c", Endpoint: "ep_2", Conn: d, Ledger: ledger, Clock: clock, Log: d.Log})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if p := a.Policy(); p.Version != 0 {
		t.Errorf("it obeys %+v", p)
	}
}

// Without its version an old policy could be played back: a damaged file keeps
// the agent from starting.
func TestDamagedPolicyIsNoPolicy(t *testing.T) {
	dir := t.TempDir()
	d := newDesk(t, dir)
	d.send(policy(3))
	d.Close()
	file := filepath.Join(dir, policyFile)
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][]byte{"empty": {}, "cut": raw[:len(raw)/2], "changed": bytes.Replace(raw, []byte("observe"), []byte("offoffo"), 1)} {
		if err := os.WriteFile(file, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadPolicy(dir); err == nil {
			t.Errorf("%s: it was read", name)
		}
		ledger, err := grants.Open(filepath.Join(dir, "grants"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := New(t.Context(), Config{Data: dir, Conn: d, Ledger: ledger, Clock: clock, Log: d.Log}); err == nil {
			t.Errorf("%s: the agent started", name)
		}
	}
}

func TestResubmitAndRemove(t *testing.T) {
	d := newDesk(t, t.TempDir())
	id, done := d.queued(t.Context(), &person{})
	if _, err := d.Resubmit(alice, id, ""); !errors.Is(err, local.ErrConflict) {
		t.Errorf("what waits: %v", err)
	}
	if err := d.Remove(alice, id); !errors.Is(err, local.ErrConflict) {
		t.Errorf("what waits: %v", err)
	}
	d.answer(wire.TDecision, wire.Decision{Request: id, Verdict: elevation.Denied, By: "bo"})
	<-done
	if _, err := d.Resubmit("1002", id, ""); !errors.Is(err, local.ErrNotFound) {
		t.Errorf("somebody else's: %v", err)
	}
	accepted := make(chan wire.Resubmit, 1)
	go func() {
		m := next[wire.Resubmit](d)
		d.answer(wire.TAccepted, wire.Accepted{Request: m.New})
		accepted <- m
	}()
	again, err := d.Resubmit(alice, id, "a better reason")
	if err != nil {
		t.Fatal(err)
	}
	if m := <-accepted; m.Request != id || m.New != again || m.Reason != "a better reason" {
		t.Errorf("sent %+v", m)
	}
	if _, err := d.Resubmit(alice, id, ""); !errors.Is(err, local.ErrConflict) {
		t.Errorf("while one waits: %v", err)
	}
	if err := d.Remove(alice, id); err != nil {
		t.Fatal(err)
	}
	if m := next[wire.Remove](d); m.Request != id {
		t.Errorf("sent %+v", m)
	}
	if items := d.List(alice); len(items) != 1 || items[0].ID != again || items[0].Previous != id || items[0].Justification != "a better reason" {
		t.Errorf("%+v", items)
	}
	d.answer(wire.TDecision, d.grantFor(again, attempt(), func(g *elevation.Grant) { g.RequestDigest = nil })) // written anew by the controller
	if permit, ok := d.claimWaiting(attempt()); !ok || permit.Grant.Request != again {
		t.Error("its approval is not used by the same command")
	}
}

// Another break-glass group changes which standing rights can be taken: they are
// told again.
func TestAnotherBreakGlassGroupTellsTheRights(t *testing.T) {
	d := newDesk(t, t.TempDir())
	for i, row := range []struct {
		group string
		again bool
	}{{"", false}, {"rescue", true}, {"rescue", false}, {"sudo", true}, {"", true}} {
		p := policy(uint64(i + 1))
		p.BreakGlass = row.group
		d.send(p)
		again := false
		select {
		case <-d.rightsDue:
			again = true
		default:
		}
		if again != row.again {
			t.Errorf("policy %d with %q: told again: %v", i+1, row.group, again)
		}
	}
}

// Authorization rights of a policy are kept with it, told of at once and only when it
// counts, and are gone with the next one that names none.
func TestAuthorizationRightsOfAPolicy(t *testing.T) {
	dir := t.TempDir()
	d := newDesk(t, dir)
	told := 0
	d.OnPolicy = func() { told++ }
	p := policy(2)
	p.Rights = map[string]elevation.RightLevel{"system.preferences.network": elevation.RightUser}
	d.send(p)
	foreign := p
	foreign.Version, foreign.Endpoint = 9, "ep_2"
	d.send(foreign)
	d.send(policy(1))
	if got := d.Policy().Rights; told != 1 || len(got) != 1 || got["system.preferences.network"] != elevation.RightUser {
		t.Errorf("told %d times: %v", told, got)
	}
	if kept, err := ReadPolicy(dir); err != nil || len(kept.Rights) != 1 {
		t.Errorf("%+v, %v", kept, err)
	}
	d.send(policy(3))
	if got := d.Policy().Rights; told != 2 || len(got) != 0 {
		t.Errorf("told %d times: %v", told, got)
	}
}
