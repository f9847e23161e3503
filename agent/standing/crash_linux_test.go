package standing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
)

// crash is how a test stops in the middle.
type crash struct{ step string }

// TestCrashes: killed at each step, the next start has everything as it was, or as
// ordered; sudo reads good rules at every moment.
func TestCrashes(t *testing.T) {
	for _, kind := range []elevation.RightKind{elevation.RightSudoers, elevation.RightGroup} {
		for _, act := range []string{"take", "give"} {
			for _, step := range []string{"planned", "written", "changed", "checked", "returning", "restored", "returned"} {
				t.Run(string(kind)+" "+act+" "+step, func(t *testing.T) {
					t.Parallel()
					b := newBox(t, files("%sudo ALL=(ALL) ALL\n"+include, map[string]string{"etc/sudoers.d/x": "bob, alice ALL=(ALL) ALL\n"}))
					before := b.all()
					b.interrupted(kind, act, step, before)
				})
			}
		}
	}
}

func (b *box) interrupted(kind elevation.RightKind, act, step string, before map[string]string) {
	b.t.Helper()
	id := b.id("bob", kind)
	if act == "give" {
		b.takes(id, "")
	}
	b.s.cfg.FailPoint = func(s string) {
		if s == step {
			panic(crash{s})
		}
	}
	crashed := func() (hit bool) {
		defer func() {
			if p := recover(); p != nil {
				hit = p == crash{step}
			}
		}()
		if act == "take" {
			b.s.TakeOver(b.t.Context(), "ro_1", []string{id})
		} else if _, err := b.s.GiveBack(b.t.Context(), nil); err != nil {
			b.t.Error(err)
		}
		return false
	}()
	if err := b.s.visudo(b.t.Context(), ""); err != nil {
		b.t.Errorf("in the middle: %v", err)
	}
	b.open()
	taken := len(b.s.Scan().Taken)
	switch {
	case crashed || act == "give":
		if taken != 0 {
			b.t.Errorf("%d are still taken", taken)
		}
		b.same(before)
	case taken != 1:
		b.t.Errorf("%d are taken", taken)
	}
	if taken == 0 {
		b.takes(b.id("bob", kind), "")
	}
	if _, err := b.s.GiveBack(b.t.Context(), nil); err != nil {
		b.t.Error(err)
	}
	b.same(before)
}

// TestBadChangeRollsBack: what visudo does not like, alone or with everything else,
// changes nothing.
func TestBadChangeRollsBack(t *testing.T) {
	for _, bad := range []string{"alone", "whole"} {
		b := newBox(t, files(include, map[string]string{"etc/sudoers.d/x": "bob ALL=(ALL) ALL\n"}))
		before, changed := b.all(), false
		b.s.cfg.FailPoint = func(step string) { changed = changed || step == "changed" }
		b.s.cfg.Check = func(_ context.Context, path string) error {
			if bad == "alone" && path != "" || bad == "whole" && path == "" && changed && bytes.Contains([]byte(b.read("etc/sudoers.d/x")), []byte("taken over")) {
				return fmt.Errorf("no")
			}
			return nil
		}
		b.takes(b.id("bob", elevation.RightSudoers), "no")
		b.same(before)
		if left := b.s.Scan().Taken; len(left) > 0 {
			t.Errorf("%s: still taken: %v", bad, left)
		}
	}
}

// TestOrdersOnce: an order is obeyed once, also long after it is forgotten by name.
func TestOrdersOnce(t *testing.T) {
	b := newBox(t, files(include, nil))
	at := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	for i := range keptOrders + 2 {
		if err := b.s.Obeyed(fmt.Sprint("ro_", i), at.Add(time.Duration(i)*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range map[int]bool{0: false, 1: false, 2: false, keptOrders + 1: false, keptOrders + 2: true} {
		if got, err := b.s.Fresh(fmt.Sprint("ro_", i), at.Add(time.Duration(i)*time.Second)); got != want || err != nil {
			t.Errorf("order %d is fresh: %v, %v", i, got, err)
		}
	}
}

// TestTooMany: more rights than fit are counted, not told.
func TestTooMany(t *testing.T) {
	text := strings.Repeat("alice ALL=(ALL) /bin/a\n", MaxRights+7)
	b := newBox(t, files(text, nil))
	if f := b.s.Scan(); len(f.Rights) != MaxRights || f.More < 7 {
		t.Errorf("%d rights and %d more", len(f.Rights), f.More)
	}
}

// TestWatch: a change of what decides about rights is told; other files are not.
func TestWatch(t *testing.T) {
	b := newBox(t, files(include, nil))
	ctx, cancel := context.WithCancel(t.Context())
	changes, over := b.s.Watch(ctx)
	defer func() { cancel(); over() }()
	told := func(name, text string) {
		t.Helper()
		b.write(name, text)
		select {
		case <-changes:
		case <-time.After(time.Minute):
			t.Fatalf("a change of %s is not told", name)
		}
	}
	told("etc/sudoers.d/new", "bob ALL=(ALL) ALL\n")
	told("etc/group", b.read("etc/group")+"wheel:x:10:bob\n")
	told("etc/sudoers", "@include more\n"+include)
	if relevant(nil, nil) {
		t.Error("nothing is a change")
	}
	quiet := func() bool {
		select {
		case <-changes:
			return false
		case <-time.After(3 * gather):
			return true
		}
	}
	for !quiet() { // one write can be told twice
	}
	b.write("etc/motd", "hello\n")
	b.write("etc/sudoers.d/zz-assent-1-gr", "# ours\n")
	if !quiet() {
		t.Error("a change of other files is told")
	}
	told("etc/passwd", b.read("etc/passwd")+"dave:x:1009:1009::/:/bin/sh\n")
}

// TestWatchBeginsLater: a kernel that has no room to tell of changes is asked again,
// and what happened until then is told at once.
func TestWatchBeginsLater(t *testing.T) {
	b := newBox(t, files(include, nil))
	ctx, cancel := context.WithCancel(t.Context())
	tries := 0
	changes, over := b.s.watch(ctx, func() (int, error) {
		if tries++; tries < 3 {
			return -1, errors.New("too many of them")
		}
		return inotify()
	}, time.Millisecond)
	defer func() { cancel(); over() }()
	for _, when := range []string{"once it works", "after a change"} {
		select {
		case <-changes:
		case <-time.After(time.Minute):
			t.Fatalf("%s nothing is told", when)
		}
		b.write("etc/sudoers.d/new", "bob ALL=(ALL) ALL\n")
	}
	if tries != 3 {
		t.Errorf("%d tries", tries)
	}
}
