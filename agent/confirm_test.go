package agent

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/agent/words"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// typist types passwords, one after the other.
type typist struct {
	silent
	list []string
	said []string
}

func (p *typist) Secret(context.Context, string) (string, error) {
	if len(p.list) == 0 {
		return "", intercept.ErrWithdrawn
	}
	next := p.list[0]
	p.list = p.list[1:]
	return next, nil
}

func (p *typist) Say(text string) { p.said = append(p.said, text) }

func permitFor(uid string, c elevation.Confirm) intercept.Permit {
	return intercept.Permit{Grant: elevation.Grant{ID: "gr_1", User: elevation.User{UID: uid, Name: "alice"}, Confirm: c}}
}

func TestConfirm(t *testing.T) {
	d := newDesk(t, t.TempDir())
	d.Password = func(_ context.Context, user, password string) error {
		switch {
		case user != "alice":
			return privilege.ErrNoPassword
		case password != "geheim":
			return privilege.ErrPassword
		}
		return nil
	}
	rows := map[string]struct {
		policy string
		grant  elevation.Confirm
		p      intercept.Person
		want   string // of the error, "" = it goes on
	}{
		"nothing is wanted":         {"", "", silent{}, ""},
		"none is nothing":           {"none", elevation.ConfirmNone, silent{}, ""},
		"the right one":             {"", elevation.ConfirmPassword, &typist{list: []string{"geheim"}}, ""},
		"right at the third try":    {"password", "", &typist{list: []string{"x", "y", "geheim"}}, ""},
		"three wrong ones":          {"password", "", &typist{list: []string{"x", "y", "z", "geheim"}}, "it wants your password"},
		"given up":                  {"password", "", &typist{}, "withdrawn"},
		"nobody to ask":             {"password", "", silent{}, "run it at a terminal"},
		"a passkey":                 {"passkey", elevation.ConfirmPassword, silent{}, "passkey"},
		"something of a later time": {"", "retina", silent{}, "passkey"},
		"a later policy":            {"retina", "", silent{}, "passkey"},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			d.proofs.right("1001")
			d.policy.is = elevation.Policy{Version: 1, Confirm: row.policy}
			err := d.prove(t.Context(), permitFor("1001", row.grant), row.p, words.English)
			if (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestGuessingIsBounded: after some wrong passwords nothing is looked at for a
// while, also not the right one, and for nobody else.
func TestGuessingIsBounded(t *testing.T) {
	d := newDesk(t, t.TempDir())
	looked := 0
	d.Password = func(_ context.Context, _, password string) error {
		looked++
		if password != "geheim" {
			return privilege.ErrPassword
		}
		return nil
	}
	for range 5 {
		if err := d.prove(t.Context(), permitFor("1001", elevation.ConfirmPassword), &typist{list: []string{"a", "b", "c"}}, words.English); err == nil {
			t.Fatal("a wrong password confirms")
		}
	}
	if looked != confirmWrong {
		t.Errorf("%d passwords were looked at, not %d", looked, confirmWrong)
	}
	err := d.prove(t.Context(), permitFor("1001", elevation.ConfirmPassword), &typist{list: []string{"geheim"}}, words.English)
	if err == nil || !strings.Contains(err.Error(), "too many wrong passwords") {
		t.Errorf("got %v", err)
	}
	if err := d.prove(t.Context(), permitFor("1002", elevation.ConfirmPassword), &typist{list: []string{"geheim"}}, words.English); err != nil {
		t.Errorf("somebody else: %v", err)
	}
	if !d.proofs.mayGuess("1001", d.now().Add(confirmRest+1)) {
		t.Error("it is never looked at again")
	}
}

// TestAPermitThatIsNotConfirmedStays: the grant can be used by the next try.
func TestAPermitThatIsNotConfirmedStays(t *testing.T) {
	d := newDesk(t, t.TempDir())
	d.Password = func(_ context.Context, _, password string) error {
		if password != "geheim" {
			return privilege.ErrPassword
		}
		return nil
	}
	first := d.elevate(t.Context(), intercept.Ask{Attempt: attempt()}, &typist{})
	m := next[wire.Attempt](d)
	d.answer(wire.TDecision, d.grantFor(m.Request, m.Attempt, func(g *elevation.Grant) { g.Confirm = elevation.ConfirmPassword }))
	if r := <-first; !errors.Is(r.err, intercept.ErrWithdrawn) || r.permit.Grant.ID != "" {
		t.Fatalf("given up, and got %+v", r)
	}
	second := d.elevate(t.Context(), intercept.Ask{Attempt: attempt()}, &typist{list: []string{"geheim"}})
	if r := <-second; r.err != nil || r.permit.Grant.Request != m.Request {
		t.Errorf("the next try got %+v", r)
	}
}

// TestClaimGivesOutNothingToConfirm: what polkit and setuid programs use up
// without anybody at a prompt is no way round the policy's confirmation.
func TestClaimGivesOutNothingToConfirm(t *testing.T) {
	for name, row := range map[string]struct {
		policy string
		grant  elevation.Confirm
		want   bool
	}{
		"nothing is wanted": {"", "", true},
		"by the policy":     {"password", "", false},
		"by the grant":      {"", elevation.ConfirmPassword, false},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, t.TempDir())
			d.Password = func(context.Context, string, string) error { return privilege.ErrPassword }
			first := d.elevate(t.Context(), intercept.Ask{Attempt: attempt()}, silent{})
			m := next[wire.Attempt](d)
			d.policy.is = elevation.Policy{Version: 1, Confirm: row.policy}
			d.answer(wire.TDecision, d.grantFor(m.Request, m.Attempt, func(g *elevation.Grant) { g.Confirm = row.grant }))
			if r := <-first; (r.err == nil) != row.want {
				t.Fatalf("asked for: %+v", r)
			} else if r.err == nil {
				d.Release(r.permit.Grant.ID)
			}
			if permit, ok := d.Claim(attempt()); ok != row.want {
				t.Errorf("claimed: %v, grant %q", ok, permit.Grant.ID)
			}
		})
	}
}

// TestManyPromptsAreNoMoreGuesses: prompts that stood there before the first
// wrong password do not add tries.
func TestManyPromptsAreNoMoreGuesses(t *testing.T) {
	d := newDesk(t, t.TempDir())
	var looked atomic.Int64
	d.Password = func(context.Context, string, string) error { looked.Add(1); return privilege.ErrPassword }
	var all sync.WaitGroup
	together := make(chan struct{})
	var ready sync.WaitGroup
	for range 3 * confirmWrong {
		ready.Add(1)
		all.Go(func() {
			p := &waiting{ready: &ready, together: together}
			if err := d.prove(t.Context(), permitFor("1001", elevation.ConfirmPassword), p, words.English); err == nil {
				t.Error("a wrong password confirms")
			}
		})
	}
	ready.Wait()
	close(together)
	all.Wait()
	if n := looked.Load(); n != confirmWrong {
		t.Errorf("%d passwords were looked at, not %d", n, confirmWrong)
	}
}

// waiting types when everybody stands at a prompt.
type waiting struct {
	silent
	ready    *sync.WaitGroup
	together chan struct{}
	once     sync.Once
}

func (p *waiting) Secret(context.Context, string) (string, error) {
	p.once.Do(p.ready.Done)
	<-p.together
	return "x", nil
}

// A password of Windows is that of a SID: names there can be given to others. Who
// is neither number nor SID has none.
func TestWhosePasswordIsChecked(t *testing.T) {
	d := newDesk(t, t.TempDir())
	var asked []string
	d.Password = func(_ context.Context, user, _ string) error { asked = append(asked, user); return nil }
	for _, u := range []elevation.User{{Name: "alice", UID: "1001"}, {Name: `PC\mia`, UID: "S-1-5-21-1-2-3-1001"}} {
		if err := d.checkPassword(t.Context(), u, "geheim"); err != nil {
			t.Errorf("%s: %v", u.Name, err)
		}
	}
	if err := d.checkPassword(t.Context(), elevation.User{Name: "alice"}, "geheim"); !errors.Is(err, privilege.ErrNoPassword) {
		t.Errorf("nobody's: %v", err)
	}
	if want := []string{"alice", "S-1-5-21-1-2-3-1001"}; !slices.Equal(asked, want) {
		t.Errorf("asked for %q, want %q", asked, want)
	}
}
