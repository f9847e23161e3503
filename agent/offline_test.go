package agent

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
)

const idRule = "rules:\n- name: id\n  match: {path: /usr/bin/id}\n  then: approve\n  limits: {duration: 7m}\n"

// unplugged is an agent that was given rules and codes and lost its controller.
func unplugged(t *testing.T, yaml string) *desk {
	t.Helper()
	d := newDesk(t, t.TempDir())
	d.equip(1, yaml)
	d.cut(true)
	return d
}

func (d *desk) cut(down bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.down = down
}

// equip sends a policy, a bundle and a key, all with the number n.
func (d *desk) equip(n uint64, yaml string) {
	d.t.Helper()
	d.send(elevation.Policy{Cluster: "c", Endpoint: "ep_1", Name: "x", Version: n, Mode: elevation.ModeAsk, Offline: elevation.Offline{Rules: true, Codes: true}})
	now := time.Now()
	raw, err := d.key.Sign(sign.Bundle, elevation.Bundle{Cluster: "c", Endpoint: "ep_1", Number: n, Version: 4, At: now, NotAfter: now.Add(elevation.BundleLasts),
		Rules: []elevation.BundledRules{{YAML: []byte(yaml)}}, KeyEpoch: 1})
	if err != nil {
		d.t.Fatal(err)
	}
	d.answer(wire.TBundle, wire.Signed{Raw: raw})
	d.answer(wire.TSecret, wire.Secret{Key: offlineKey(), Epoch: n})
}

func offlineKey() []byte { return bytes.Repeat([]byte{7}, elevation.OfflineKeyLen) }

func (d *desk) tellings() (out []wire.Used) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, m := range d.told {
		if u, ok := m.(wire.Used); ok {
			out = append(out, u)
		}
	}
	return out
}

// TestBundleApproves: with the controller gone a rule gives a permit at once; what
// it gives is told when it starts and when it ends, and never as a signed grant.
func TestBundleApproves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := unplugged(t, idRule)
		defer d.Close()
		began := time.Now()
		permit, err := d.Elevate(t.Context(), intercept.Ask{Attempt: attempt(), RulesOnly: true}, &person{err: intercept.ErrNobody})
		if err != nil || time.Since(began) > 0 {
			t.Fatalf("%v after %v", err, time.Since(began))
		}
		g := permit.Grant
		if g.Rule != "id@4" || g.Duration != 7*time.Minute || g.Uses != 1 || matches(g, attempt()) != nil {
			t.Errorf("%+v", g)
		}
		e, _, err := d.arm(t.Context(), permit, func(*grants.Entry) {})
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Start(t.Context(), g.ID); err != nil {
			t.Fatal(err)
		}
		if e.EndBy.Left(clock()) != 7*time.Minute {
			t.Errorf("it ends in %v", e.EndBy.Left(clock()))
		}
		if err := d.end(t.Context(), g.ID, elevation.Completed); err != nil {
			t.Fatal(err)
		}
		used := d.tellings()
		if len(used) != 2 || len(d.reps) != 0 {
			t.Fatalf("told %+v and reported %+v", used, d.reps)
		}
		if u := used[0]; u.Rule != "id@4" || u.Version != 1 || u.By != wire.UsedRules || !u.EndedAt.IsZero() || u.Grant != g.ID {
			t.Errorf("%+v", u)
		}
		if u := used[1]; u.EndedAt.IsZero() || u.Reason != elevation.Completed || u.Request != used[0].Request {
			t.Errorf("%+v", u)
		}
		if _, ok := d.claim(g.ID); ok {
			t.Error("it can be used twice")
		}
	})
}

// TestNoAnswerInTime: a controller that is connected and says nothing counts as
// gone after four seconds.
func TestNoAnswerInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, t.TempDir())
		defer d.Close()
		d.equip(1, idRule)
		began := time.Now()
		permit, err := d.Elevate(t.Context(), intercept.Ask{Attempt: attempt()}, &person{})
		if err != nil || permit.Grant.Rule != "id@4" || time.Since(began) != answerWithin {
			t.Errorf("%v %v after %v", permit.Grant.Rule, err, time.Since(began))
		}
		began = time.Now()
		if permit, err := d.Elevate(t.Context(), intercept.Ask{Attempt: other()}, &person{}); err != nil || time.Since(began) > 0 {
			t.Errorf("the next one: %v %v after %v", permit.Grant.Rule, err, time.Since(began))
		}
		d.equip(2, "rules: []\n") // it speaks again
		if d.gone() {
			t.Error("a controller that speaks counts as gone")
		}
	})
}

// other is the same program somewhere else.
func other() elevation.Attempt {
	a := attempt()
	a.Subject.Cwd = "/tmp"
	return a
}

func TestBundleDenies(t *testing.T) {
	d := unplugged(t, "rules:\n- name: no\n  match: {path: /usr/bin/id}\n  then: deny\n  message: {en: not here}\n")
	_, err := d.Elevate(t.Context(), intercept.Ask{Attempt: attempt()}, &person{})
	var refused *intercept.Refused
	if !errors.As(err, &refused) || refused.Text != "not here" || !refused.Rule {
		t.Errorf("%v", err)
	}
}

// TestOfflineOnlyWhereThePolicySays: neither rules nor codes without their switch,
// and none on a locked endpoint.
func TestOfflineOnlyWhereThePolicySays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := unplugged(t, idRule)
		defer d.Close()
		d.send(elevation.Policy{Cluster: "c", Endpoint: "ep_1", Name: "x", Version: 2, Mode: elevation.ModeAsk})
		p := &person{}
		if _, err := d.Elevate(t.Context(), intercept.Ask{Attempt: attempt()}, p); !errors.Is(err, intercept.ErrUnreachable) || len(p.said)+len(p.asked) > 0 {
			t.Errorf("%v, said %q", err, p.said)
		}
		if _, err := d.Offline(alice); !errors.Is(err, local.ErrConflict) {
			t.Errorf("%v", err)
		}
		d.equip(3, idRule)
		d.answer(wire.TLock, wire.Lock{Locked: true, Text: "lost"})
		if _, err := d.Elevate(t.Context(), intercept.Ask{Attempt: attempt()}, p); err == nil {
			t.Error("a locked endpoint elevates")
		}
	})
}

// TestProofIsCheckedAnew: an entry of the ledger that was made here is good only as
// long as the rules approve it, and only as it was made.
func TestProofIsCheckedAnew(t *testing.T) {
	held := func(t *testing.T) (*desk, grants.Entry) {
		d := unplugged(t, idRule)
		permit, err := d.Elevate(t.Context(), intercept.Ask{Attempt: attempt()}, &person{})
		if err != nil {
			t.Fatal(err)
		}
		d.unclaim(permit.Grant.ID)
		e, _ := d.Ledger.Get(permit.Grant.ID)
		return d, e
	}
	d, e := held(t)
	if permit, ok := d.claimWaiting(attempt()); !ok || permit.Grant.ID != e.ID {
		t.Error("the same command does not use it")
	}
	rows := map[string]func(*desk, *grants.Entry){
		"another rule": func(d *desk, _ *grants.Entry) { d.equip(2, strings.Replace(idRule, "bin/id", "bin/who", 1)) },
		"a denial": func(d *desk, _ *grants.Entry) {
			d.equip(2, strings.Replace(idRule, "approve\n  limits: {duration: 7m}", "deny", 1))
		},
		"a shorter time": func(d *desk, _ *grants.Entry) { d.equip(2, strings.Replace(idRule, "7m", "1m", 1)) },
		"switched off": func(d *desk, _ *grants.Entry) {
			d.send(elevation.Policy{Cluster: "c", Endpoint: "ep_1", Name: "x", Version: 2, Mode: elevation.ModeAsk})
		},
		"no bundle":                func(d *desk, _ *grants.Entry) { _ = os.Remove(filepath.Join(d.dir, "offline", "bundle")) },
		"said to be signed":        func(_ *desk, e *grants.Entry) { e.Offline = "" },
		"said to be of a code":     func(_ *desk, e *grants.Entry) { e.Offline = wire.UsedCode },
		"of nothing":               func(_ *desk, e *grants.Entry) { e.Offline = "word" },
		"another user":             forge(func(p *proof) { p.Grant.User.UID = "1002" }),
		"another program":          forge(func(p *proof) { p.Grant.Subject.Path = "/usr/bin/who" }),
		"another program, in both": forge(func(p *proof) { p.Grant.Subject.Path, p.Attempt.Subject.Path = "/usr/bin/who", "/usr/bin/who" }),
		"longer":                   forge(func(p *proof) { p.Grant.Duration = time.Hour }),
		"twice":                    forge(func(p *proof) { p.Grant.Uses = 2 }),
		"a window":                 forge(func(p *proof) { p.Grant.NotAfter = time.Now().Add(1000 * time.Hour) }),
		"another endpoint":         forge(func(p *proof) { p.Grant.Endpoint = "ep_2" }),
		"a session":                forge(func(p *proof) { p.Grant.AccessType, p.Attempt.AccessType = elevation.Session, elevation.Session }),
	}
	for name, change := range rows {
		t.Run(name, func(t *testing.T) {
			d, e := held(t)
			change(d, &e)
			if g, err := d.openEntry(e); err == nil {
				t.Errorf("accepted: %+v", g)
			}
		})
	}
}

func forge(change func(*proof)) func(*desk, *grants.Entry) {
	return func(d *desk, e *grants.Entry) {
		var p proof
		if err := sign.Decode(e.Grant, &p); err != nil {
			d.t.Fatal(err)
		}
		change(&p)
		raw, err := sign.Encode(p)
		if err != nil {
			d.t.Fatal(err)
		}
		e.Grant = raw
	}
}

// TestControllerCanNotSendAProof: what is not signed is no grant, however it comes.
func TestControllerCanNotSendAProof(t *testing.T) {
	d := unplugged(t, idRule)
	permit, err := d.Elevate(t.Context(), intercept.Ask{Attempt: attempt()}, &person{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.openGrant(permit.Raw); err == nil {
		t.Error("a proof passes as a signed grant")
	}
}

// TestOnlySingleProgramsWithoutTheController: neither a rule that says so nor a code
// gives a session or administrator's time, and the person learns what there is.
func TestOnlySingleProgramsWithoutTheController(t *testing.T) {
	for _, access := range []elevation.AccessType{elevation.Session, elevation.Admin} {
		t.Run(string(access), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := unplugged(t, "rules:\n- {name: all, match: {access_type: ["+string(access)+"]}, then: approve}\n")
				defer d.Close()
				a := elevation.Attempt{AccessType: access, Mechanism: "assent", User: attempt().User, Subject: elevation.Subject{RunAs: "root"}}
				p := &person{}
				permit, err := d.Elevate(t.Context(), intercept.Ask{Attempt: a, Justification: "printer"}, p)
				if !errors.Is(err, intercept.ErrUnreachable) || permit.Grant.ID != "" {
					t.Errorf("%v, grant %q", err, permit.Grant.ID)
				}
				if !slices.Contains(p.said, singleOnly) {
					t.Errorf("said %q", p.said)
				}
				if waits, err := d.Offline(alice); err != nil || len(waits) != 0 {
					t.Errorf("for a code wait %+v, %v", waits, err)
				}
			})
		})
	}
}

// TestCodeAtThePrompt: what no rule answers shows a challenge, takes the code that
// is typed, and tells the controller for which challenge it was.
func TestCodeAtThePrompt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := unplugged(t, "rules: []\n")
		defer d.Close()
		p := &person{replies: make(chan string)}
		done := d.elevate(t.Context(), intercept.Ask{Attempt: attempt(), Justification: "printer"}, p)
		p.replies <- "0000-0000-0000" // after four seconds it asks
		synctest.Wait()               // and asks again
		waits, err := d.Offline(alice)
		if err != nil || len(waits) != 1 || !strings.Contains(strings.Join(p.said, " "), waits[0].Challenge) {
			t.Fatalf("%+v %v, said %q", waits, err, p.said)
		}
		code, err := elevation.OfflineCode(offlineKey(), waits[0].Challenge, attempt(), 15*time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		p.replies <- code
		r := <-done
		if r.err != nil || r.permit.Grant.Duration != 15*time.Minute {
			t.Fatalf("%+v", r)
		}
		if _, _, err := d.arm(t.Context(), r.permit, func(*grants.Entry) {}); err != nil {
			t.Fatal(err)
		}
		if err := d.Start(t.Context(), r.permit.Grant.ID); err != nil {
			t.Fatal(err)
		}
		if u := d.tellings(); len(u) != 1 || u[0].By != wire.UsedCode || u[0].Challenge != waits[0].Challenge || u[0].Justification != "printer" || u[0].Rule != "" {
			t.Errorf("%+v", u)
		}
	})
}

// TestCodeFromAnotherTerminal: what waits at the controller already can have a code
// too; whoever waits for it goes on, and the controller's late word changes nothing.
func TestCodeFromAnotherTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, t.TempDir())
		defer d.Close()
		d.equip(1, "rules: []\n")
		done := d.elevate(t.Context(), intercept.Ask{Attempt: attempt()}, &person{reason: "printer driver"})
		m := next[wire.Attempt](d)
		d.answer(wire.TNeed, wire.Need{Request: m.Request, ReasonMin: 8})
		next[wire.Complete](d)
		d.answer(wire.TProgress, wire.Progress{Request: m.Request, Position: 2})
		synctest.Wait()
		d.cut(true)
		waits, err := d.Offline(alice)
		if err != nil || len(waits) != 1 || waits[0].ID != m.Request {
			t.Fatalf("%+v %v", waits, err)
		}
		if err := d.Redeem("1002", m.Request, "0000-0000-0000"); !errors.Is(err, local.ErrNotFound) {
			t.Errorf("somebody else: %v", err)
		}
		if err := d.Redeem(alice, m.Request, "0000-0000-0000"); !errors.Is(err, local.ErrConflict) {
			t.Errorf("a wrong code: %v", err)
		}
		code, err := elevation.OfflineCode(offlineKey(), waits[0].Challenge, attempt(), 5*time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Redeem(alice, m.Request, code); err != nil {
			t.Fatal(err)
		}
		r := <-done
		if r.err != nil || r.permit.Grant.Request != m.Request || r.permit.Grant.Duration != 5*time.Minute {
			t.Fatalf("%+v", r)
		}
		d.cut(false)
		d.answer(wire.TClosed, wire.Closed{Request: m.Request, Why: wire.ClosedCancelled, By: "bo"})
		if it, err := d.View(alice, m.Request); err != nil || it.State != string(elevation.StateAvailable) {
			t.Errorf("%s %v", it.State, err)
		}
	})
}

// TestRestoredLedgerGivesNothing: E 31. After a restart with the files of before,
// what a code allowed is not claimed again.
func TestRestoredLedgerGivesNothing(t *testing.T) {
	d := unplugged(t, "rules: []\n")
	w, err := d.offerFor(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	code, err := elevation.OfflineCode(offlineKey(), w.Challenge, attempt(), 5*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Redeem(alice, w.ID, code); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(d.dir, "grants", string(d.Ledger.All()[0].ID)+".grant")
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	permit, ok := d.claimWaiting(attempt())
	if !ok {
		t.Fatal("the code gave nothing")
	}
	if _, _, err := d.arm(t.Context(), permit, func(*grants.Entry) {}); err != nil {
		t.Fatal(err)
	}
	d.Close()
	if err := os.WriteFile(file, before, 0o600); err != nil {
		t.Fatal(err)
	}
	again := newDesk(t, d.dir)
	again.cut(true)
	if _, ok := again.claimWaiting(attempt()); ok {
		t.Error("the file of before is used again")
	}
	if err := again.Redeem(alice, w.ID, code); !errors.Is(err, local.ErrNotFound) {
		t.Errorf("the code of before: %v", err)
	}
}

// offerFor lets alice's attempt wait for a code.
func (d *desk) offerFor(ctx context.Context) (local.Challenge, error) {
	w := &wait{a: d.Agent, ask: intercept.Ask{Attempt: attempt(), NoWait: true}, p: &person{}}
	if _, err := d.offerCode(ctx, w, elevation.NewRequestID(time.Now())); !errors.Is(err, intercept.ErrUnreachable) {
		return local.Challenge{}, err
	}
	waits, err := d.Offline(alice)
	if err != nil || len(waits) != 1 {
		return local.Challenge{}, errors.Join(err, errors.New("nothing waits"))
	}
	return waits[0], nil
}
