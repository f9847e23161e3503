package offline

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
)

var t0 = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// bench is a store with clocks of its own.
type bench struct {
	*Offline
	t    *testing.T
	data string
	now  grants.Moment
	skew time.Duration
	key  sign.Signer

	guards *Guard
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, data: t.TempDir(), now: grants.Moment{Wall: t0, Boot: time.Hour, BootID: "one"},
		key: sign.Signer{KeyID: "g1", Key: ed25519.NewKeyFromSeed(make([]byte, 32))}}
	b.open()
	return b
}

// open is a start of the agent.
func (b *bench) open() {
	b.t.Helper()
	if b.Offline != nil {
		b.Close()
	}
	var err error
	public := b.key.Key.Public().(ed25519.PublicKey)
	b.Offline, err = Open(Config{Data: b.data, Cluster: "c", Endpoint: "ep_1", Log: slog.New(slog.DiscardHandler), Guard: b.guards,
		KeySet: func() sign.KeySet {
			return sign.KeySet{Cluster: "c", Epoch: 1, Keys: []sign.PublicKey{{ID: "g1", Public: public, NotBefore: t0.Add(-1e5 * time.Hour), NotAfter: t0.Add(1e5 * time.Hour)}}}
		},
		Clock: func() grants.Moment { return b.now }, Skew: func() time.Duration { return b.skew }})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(b.Close)
}

func (b *bench) pass(d time.Duration) { b.now.Wall, b.now.Boot = b.now.Wall.Add(d), b.now.Boot+d }

func (b *bench) boot() { b.now.BootID, b.now.Boot = b.now.BootID+"+", time.Minute; b.open() }

func bundleOf(number uint64) elevation.Bundle {
	return elevation.Bundle{Cluster: "c", Endpoint: "ep_1", Number: number, Version: 4, At: t0, NotAfter: t0.Add(elevation.BundleLasts), Labels: map[string]string{},
		Rules: []elevation.BundledRules{{YAML: []byte("rules:\n- name: id\n  match: {path: /usr/bin/id, args: []}\n  then: approve\n")}}, KeyEpoch: 1}
}

func (b *bench) adopt(x elevation.Bundle) []byte {
	b.t.Helper()
	raw, err := b.key.Sign(sign.Bundle, x)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := b.Adopt(raw); err != nil {
		b.t.Fatal(err)
	}
	return raw
}

func attempt(path string) elevation.Attempt {
	sum := sha256.Sum256([]byte(path))
	return elevation.Attempt{AccessType: elevation.Run, Mechanism: "sudo", User: elevation.User{Name: "alice", UID: "1001"},
		Subject: elevation.Subject{Path: path, Args: []string{}, ArgsDigest: sum[:], SHA256: fmt.Sprintf("%064x", 1), RunAs: "root", Cwd: "/"}}
}

func (b *bench) approves(want bool, when string) {
	b.t.Helper()
	out, _, err := b.Answer(attempt("/usr/bin/id"), "")
	if got := err == nil && out.Kind == rules.Approve; got != want {
		b.t.Errorf("%s: %v %s %v", when, got, out.Sentence, err)
	}
}

func TestBundleAnswersWhileItIsFresh(t *testing.T) {
	b := newBench(t)
	b.approves(false, "without a bundle")
	b.adopt(bundleOf(3))
	b.approves(true, "fresh")
	b.pass(23 * time.Hour)
	b.approves(true, "after 23 hours")
	b.boot()
	b.approves(true, "after a restart of the machine")
	b.pass(time.Hour)
	b.approves(false, "after 24 hours")
}

// TestClocks: E 30. A clock that moved, either way, makes nothing last longer, and
// no code and no bundle is used until it can be believed.
func TestClocks(t *testing.T) {
	rows := []struct {
		name string
		move func(*bench)
	}{
		{"set back ten years", func(b *bench) { b.now.Wall = b.now.Wall.AddDate(-10, 0, 0) }},
		{"set forward ten years", func(b *bench) { b.now.Wall = b.now.Wall.AddDate(10, 0, 0) }},
		{"set back an hour after 23", func(b *bench) { b.pass(23 * time.Hour); b.now.Wall = b.now.Wall.Add(-time.Hour) }},
		{"set back over a restart", func(b *bench) { b.now.Wall = b.now.Wall.Add(-time.Hour); b.boot() }},
		{"the wall clock stands still", func(b *bench) { b.now.Boot += 25 * time.Hour }},
		{"far from the controller's", func(b *bench) { b.skew = 11 * time.Minute }},
		{"no boot clock", func(b *bench) { b.now.Boot = 0 }},
		{"no boot", func(b *bench) { b.now.BootID = "" }},
		{"no wall clock", func(b *bench) { b.now.Wall = time.Time{} }},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			b := newBench(t)
			b.adopt(bundleOf(1))
			b.secret(1, 1)
			b.approves(true, "before")
			row.move(b)
			b.approves(false, "after")
			if _, err := b.Challenge(Wait{Request: "req_1", User: "1001", Attempt: attempt("/usr/bin/id")}); !errors.Is(err, ErrClock) {
				t.Errorf("a challenge: %v", err)
			}
		})
	}
	b := newBench(t)
	b.skew = 11 * time.Minute
	b.adopt(bundleOf(1))
	b.skew = 0
	b.approves(false, "the skew was large when it came")
}

// TestBundleRollback: E 31, 39–43. An older bundle, of another endpoint, with a bit
// changed, or without its number is never used.
func TestBundleRollback(t *testing.T) {
	b := newBench(t)
	b.adopt(bundleOf(3))
	old, err := os.ReadFile(filepath.Join(b.data, "offline", fileBundle))
	if err != nil {
		t.Fatal(err)
	}
	b.adopt(bundleOf(4))
	b.adopt(bundleOf(3))
	if got, err := b.Bundle(); err != nil || got.Number != 4 {
		t.Errorf("%d %v", got.Number, err)
	}
	b.put(fileBundle, old)
	b.approves(false, "an older file was put back")
	b.open()
	b.approves(false, "and the agent started again")
	for name, change := range map[string]func(*elevation.Bundle){
		"of another endpoint": func(x *elevation.Bundle) { x.Endpoint = "ep_2" },
		"of another cluster":  func(x *elevation.Bundle) { x.Cluster = "d" },
		"for too long":        func(x *elevation.Bundle) { x.NotAfter = t0.Add(25 * time.Hour) },
		"without a number":    func(x *elevation.Bundle) { x.Number = 0 },
	} {
		x := bundleOf(9)
		change(&x)
		b.adopt(x)
		b.approves(false, name)
	}
	b.adopt(bundleOf(5))
	b.approves(true, "a newer one")
	for _, name := range []string{fileBundle, fileNumber} {
		good := b.get(name)
		for i := 0; i < len(good); i += max(len(good)/40, 1) {
			bad := bytes.Clone(good)
			bad[i] ^= 1
			b.put(name, bad)
			b.open()
			b.approves(false, fmt.Sprintf("bit %d of %s", i, name))
			b.put(fileBundle, b.getOr(fileBundle, old))
		}
		b.put(name, good)
	}
}

func (b *bench) get(name string) []byte {
	b.t.Helper()
	raw, err := os.ReadFile(filepath.Join(b.data, "offline", name))
	if err != nil {
		b.t.Fatal(err)
	}
	return raw
}

func (b *bench) getOr(name string, other []byte) []byte {
	raw, err := os.ReadFile(filepath.Join(b.data, "offline", name))
	if err != nil {
		return other
	}
	return raw
}

func (b *bench) put(name string, raw []byte) {
	b.t.Helper()
	if err := os.WriteFile(filepath.Join(b.data, "offline", name), raw, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) secret(epoch uint64, fill byte) []byte {
	b.t.Helper()
	key := bytes.Repeat([]byte{fill}, elevation.OfflineKeyLen)
	if err := b.SetSecret(wire.Secret{Key: key, Epoch: epoch}); err != nil {
		b.t.Fatal(err)
	}
	return key
}

const alice, bob = "1001", "1002"

func (b *bench) wait(id elevation.RequestID, user string, path string) Wait {
	b.t.Helper()
	w, err := b.Challenge(Wait{Request: id, User: user, Attempt: attempt(path)})
	if err != nil {
		b.t.Fatal(err)
	}
	return w
}

func code(t *testing.T, key []byte, w Wait, d time.Duration) string {
	t.Helper()
	c, err := elevation.OfflineCode(key, w.Challenge, w.Attempt, d)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCodeIsGoodOnce(t *testing.T) {
	b := newBench(t)
	if _, err := b.Challenge(Wait{Request: "req_1", User: alice, Attempt: attempt("/usr/bin/id")}); !errors.Is(err, ErrNoCodes) {
		t.Errorf("without a key: %v", err)
	}
	key := b.secret(1, 1)
	w := b.wait("req_1", alice, "/usr/bin/id")
	if again := b.wait("req_2", alice, "/usr/bin/id"); again.Challenge != w.Challenge || again.Request != "req_1" {
		t.Errorf("the same thing has another challenge")
	}
	other := b.wait("req_3", bob, "/usr/bin/id")
	if other.Challenge == w.Challenge {
		t.Error("two users have one challenge")
	}
	right := code(t, key, w, 5*time.Minute)
	if _, _, err := b.Redeem(bob, "req_1", right); !errors.Is(err, ErrNoWait) {
		t.Errorf("somebody else: %v", err)
	}
	if _, _, err := b.Redeem(bob, "req_3", right); !errors.Is(err, ErrWrong) {
		t.Errorf("another request: %v", err)
	}
	if _, _, err := b.Redeem(alice, "req_1", "garbage"); !errors.Is(err, elevation.ErrInvalid) {
		t.Errorf("no code: %v", err)
	}
	got, d, err := b.Redeem(alice, "req_1", strings.ToLower(strings.ReplaceAll(right, "-", " ")))
	if err != nil || d != 5*time.Minute || got.Request != "req_1" {
		t.Fatalf("%v %v %v", got, d, err)
	}
	if _, _, err := b.Redeem(alice, "req_1", right); !errors.Is(err, ErrNoWait) {
		t.Errorf("twice: %v", err)
	}
	for _, told := range []func(*elevation.Attempt){ // the approver believed another person, or another program
		func(a *elevation.Attempt) { a.User.Name = "bob" },
		func(a *elevation.Attempt) { a.Subject.Path = "/usr/bin/ls" },
	} {
		w := b.wait("req_6", alice, "/usr/bin/bash")
		believed := w
		told(&believed.Attempt)
		if _, _, err := b.Redeem(alice, "req_6", code(t, key, believed, 5*time.Minute)); !errors.Is(err, ErrWrong) {
			t.Errorf("a code for %s of %s: %v", believed.Attempt.Subject.Path, believed.Attempt.User.Name, err)
		}
	}
	long := b.wait("req_4", alice, "/usr/bin/who")
	if _, d, err := b.Redeem(alice, "req_4", code(t, key, long, 15*time.Minute)); err != nil || d != 15*time.Minute {
		t.Errorf("%v %v", d, err)
	}
}

// TestKeysChange: the key before is good until the one after the next comes.
func TestKeysChange(t *testing.T) {
	b := newBench(t)
	first := b.secret(1, 1)
	b.secret(2, 2)
	b.secret(1, 9) // older: not taken
	w := b.wait("req_1", alice, "/usr/bin/id")
	if _, _, err := b.Redeem(alice, "req_1", code(t, first, w, 5*time.Minute)); err != nil {
		t.Error(err)
	}
	b.secret(3, 3)
	w = b.wait("req_2", alice, "/usr/bin/id")
	if _, _, err := b.Redeem(alice, "req_2", code(t, first, w, 5*time.Minute)); !errors.Is(err, ErrWrong) {
		t.Errorf("the key before the last: %v", err)
	}
	if info, err := os.Stat(filepath.Join(b.data, "offline", fileSecret)); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if err := b.SetSecret(wire.Secret{Epoch: 4}); err != nil {
		t.Fatal(err)
	}
	if err := b.Codes(); !errors.Is(err, ErrNoCodes) {
		t.Errorf("after the end of codes: %v", err)
	}
}

// TestChallengeDoesNotOutliveTheAgent: E 31. After a restart, with all its files or
// with those of before, no code of before is good.
func TestChallengeDoesNotOutliveTheAgent(t *testing.T) {
	b := newBench(t)
	key := b.secret(1, 1)
	w := b.wait("req_1", alice, "/usr/bin/id")
	right := code(t, key, w, 5*time.Minute)
	before := b.snapshot()
	if _, _, err := b.Redeem(alice, "req_1", right); err != nil {
		t.Fatal(err)
	}
	b.Vouch("gr_1", []byte("proof"))
	b.restore(before)
	b.open()
	if _, _, err := b.Redeem(alice, "req_1", right); !errors.Is(err, ErrNoWait) {
		t.Errorf("replayed: %v", err)
	}
	if again := b.wait("req_1", alice, "/usr/bin/id"); again.Challenge == w.Challenge {
		t.Error("the challenge came back")
	}
	if _, _, err := b.Redeem(alice, "req_1", right); !errors.Is(err, ErrWrong) {
		t.Errorf("for the new challenge: %v", err)
	}
	if b.Vouched("gr_1", []byte("proof")) {
		t.Error("a grant of before is vouched for")
	}
	w = b.wait("req_5", alice, "/usr/bin/who")
	b.pass(ChallengeTime)
	if _, _, err := b.Redeem(alice, "req_5", code(t, key, w, 5*time.Minute)); !errors.Is(err, ErrNoWait) {
		t.Errorf("after its time: %v", err)
	}
}

func (b *bench) snapshot() map[string][]byte {
	b.t.Helper()
	out := map[string][]byte{}
	files, err := os.ReadDir(filepath.Join(b.data, "offline"))
	if err != nil {
		b.t.Fatal(err)
	}
	for _, f := range files {
		out[f.Name()] = b.get(f.Name())
	}
	return out
}

func (b *bench) restore(files map[string][]byte) {
	b.t.Helper()
	if err := os.RemoveAll(filepath.Join(b.data, "offline")); err != nil {
		b.t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(b.data, "offline"), 0o700); err != nil {
		b.t.Fatal(err)
	}
	for name, raw := range files {
		b.put(name, raw)
	}
}

// wrong types a wrong code and gives how it was refused.
func (b *bench) wrong(user string, id elevation.RequestID) error {
	b.t.Helper()
	_, _, err := b.Redeem(user, id, "0000-0000-0000")
	if err == nil {
		b.t.Fatal("a wrong code is taken")
	}
	return err
}

// TestGuessingIsLocked: five tries burn a challenge, and then nobody is heard for a
// time that doubles and outlives restarts; in the end not the whole machine.
func TestGuessingIsLocked(t *testing.T) {
	b := newBench(t)
	b.secret(1, 1)
	lock := firstLock
	for round := range 4 {
		w := b.wait("req_1", alice, fmt.Sprintf("/usr/bin/id%d", round))
		for try := 1; try <= triesPerChallenge; try++ {
			want := ErrWrong
			if try == triesPerChallenge {
				want = ErrBurnt
			}
			if err := b.wrong(alice, w.Request); !errors.Is(err, want) {
				t.Fatalf("round %d try %d: %v", round, try, err)
			}
		}
		var locked *LockedError
		if _, err := b.Challenge(Wait{Request: "req_2", User: alice, Attempt: attempt("/usr/bin/who")}); !errors.As(err, &locked) {
			t.Fatalf("round %d: %v", round, err)
		}
		if got := locked.Until.Sub(b.now.Wall); got != lock && !locked.Machine {
			t.Errorf("round %d: locked for %v, want %v", round, got, lock)
		}
		b.open() // a restart forgets nothing
		if err := b.wrong(alice, "req_1"); !errors.As(err, &locked) {
			t.Errorf("round %d, after a restart: %v", round, err)
		}
		b.now.Wall = b.now.Wall.Add(lock) // one clock is not enough
		if err := b.wrong(alice, "req_1"); !errors.As(err, &locked) && !errors.Is(err, ErrClock) {
			t.Errorf("round %d, with the clock set forward: %v", round, err)
		}
		b.now.Wall = b.now.Wall.Add(-lock)
		if round < machineFree {
			b.wait("req_3", bob, "/usr/bin/id") // somebody else is still heard
		} else if _, err := b.Challenge(Wait{Request: "req_3", User: bob, Attempt: attempt("/usr/bin/who")}); !errors.As(err, &locked) || !locked.Machine {
			t.Errorf("the machine is not locked: %v", err)
		}
		b.pass(lock)
		lock *= 2
	}
}

// TestOtherChallengesAreNoMoreTries: who leaves each challenge before the last try
// and asks for another one is locked all the same, and others are not.
func TestOtherChallengesAreNoMoreTries(t *testing.T) {
	b := newBench(t)
	key := b.secret(1, 1)
	his := b.wait("req_9", bob, "/usr/bin/id")
	for try := 1; try <= triesPerChallenge; try++ {
		w := b.wait(elevation.RequestID(fmt.Sprintf("req_%d", try)), alice, fmt.Sprintf("/usr/bin/id%d", try))
		want := ErrWrong
		if try == triesPerChallenge {
			want = ErrBurnt
		}
		if err := b.wrong(alice, w.Request); !errors.Is(err, want) {
			t.Fatalf("try %d: %v", try, err)
		}
	}
	var locked *LockedError
	if _, err := b.Challenge(Wait{Request: "req_7", User: alice, Attempt: attempt("/usr/bin/who")}); !errors.As(err, &locked) {
		t.Errorf("not locked: %v", err)
	}
	if _, _, err := b.Redeem(bob, "req_9", code(t, key, his, 5*time.Minute)); err != nil {
		t.Errorf("somebody else: %v", err)
	}
}

func TestDamagedFilesOfCodes(t *testing.T) {
	for _, name := range []string{fileSecret, fileTries} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.secret(1, 1)
			w := b.wait("req_1", alice, "/usr/bin/id")
			_ = b.wrong(alice, w.Request)
			raw := b.get(name)
			raw[len(raw)-1] ^= 1
			b.put(name, raw)
			b.open()
			if err := b.Codes(); !errors.Is(err, ErrNoCodes) {
				t.Errorf("damaged: %v", err)
			}
			b.secret(2, 2)
			if err := b.Codes(); err != nil {
				t.Errorf("with a new key: %v", err)
			}
		})
	}
}

// TestFullDiskRefuses: E 33. A try that can not be written is not looked at.
func TestFullDiskRefuses(t *testing.T) {
	b := newBench(t)
	key := b.secret(1, 1)
	w := b.wait("req_1", alice, "/usr/bin/id")
	dir := filepath.Join(b.data, "offline")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil { // nothing can be written there, even by root
		t.Fatal(err)
	}
	if _, _, err := b.Redeem(alice, "req_1", code(t, key, w, 5*time.Minute)); err == nil {
		t.Error("a code is taken that was not counted")
	}
	if b.Adopt(b.adoptable()) == nil {
		t.Error("a bundle is kept nowhere")
	}
}

func (b *bench) adoptable() []byte {
	b.t.Helper()
	raw, err := b.key.Sign(sign.Bundle, bundleOf(7))
	if err != nil {
		b.t.Fatal(err)
	}
	return raw
}

// TestWaitsAreBounded: one user can not push out another's.
func TestWaitsAreBounded(t *testing.T) {
	b := newBench(t)
	b.secret(1, 1)
	b.wait("req_b", bob, "/usr/bin/id")
	for i := range waitsPerUser + 5 {
		b.wait(elevation.RequestID(fmt.Sprintf("req_%d", i)), alice, fmt.Sprintf("/usr/bin/x%d", i))
	}
	if a, o := b.Waits(alice), b.Waits(bob); len(a) != waitsPerUser || len(o) != 1 || a[0].Request != "req_5" {
		t.Errorf("%d and %d wait", len(a), len(o))
	}
}
