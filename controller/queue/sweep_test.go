package queue

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// What time brings to a request and to its extension at once is written whole or
// not at all: the endpoint is never told of time that the request has not got.
func TestSweepOfARequestAndItsExtension(t *testing.T) {
	b := newBed(t, "").people()
	b.eve("audrey")
	id, other := b.submit("a"), b.submit("b")
	_, err := b.Review(context.Background(), who("bo"), id, ReviewIn{Verdict: elevation.Approved, Duration: time.Hour})
	b.must(err)
	b.report(id, elevation.ReportStarted, "")
	v, err := b.Extend(context.Background(), who("audrey", auth.Auditor), id, AgainIn{Duration: time.Hour, Justification: "it takes longer"})
	b.must(err)
	bo := who("bo")
	bo.Token, bo.Session, bo.SeenAt = "", true, day
	_, err = b.Review(context.Background(), bo, v.Request.ID, ReviewIn{Verdict: elevation.Approved})
	b.must(err)
	b.pass(4 * time.Second)
	amended := func() (n int) {
		for _, f := range b.frames() {
			if f.Type == wire.TAmend {
				n++
			}
		}
		return n
	}
	var due []loaded
	b.must(b.store.View(context.Background(), func(tx *store.Tx) error {
		for _, x := range []elevation.RequestID{id, v.Request.ID, other} {
			l, err := loadFacts(tx, x)
			if err != nil {
				return err
			}
			due = append(due, l)
		}
		return nil
	}))
	// The first changes the request that the second was made from.
	n, err := b.sweep(context.Background(), due, b.now())
	if n != 2 || err != nil {
		t.Fatalf("%d written, want those of the two that nothing speaks against: %v", n, err)
	}
	part, err := b.Get(context.Background(), who("ada", auth.Administrator), v.Request.ID)
	b.must(err)
	if amended() != 0 || part.Request.Grant.ID != "" || part.Request.Version != due[1].r.Version {
		t.Fatalf("a part of the extension is written: %d frames, grant %q", amended(), part.Request.Grant.ID)
	}
	_, _, err = b.Sweep(context.Background())
	b.must(err)
	r, err := b.Get(context.Background(), who("ada", auth.Administrator), id)
	b.must(err)
	if amended() != 1 || r.Request.Granted.Duration != 2*time.Hour {
		t.Errorf("%d frames, %s", amended(), r.Request.Granted.Duration)
	}
}

// What a try that was undone has seen says nothing about the next one.
func TestRoomIsLookedForAnewEachTime(t *testing.T) {
	b := newBed(t, "").people()
	id := b.submit("a")
	_, err := b.Review(context.Background(), who("bo"), id, ReviewIn{Verdict: elevation.Denied, Comment: "no"})
	b.must(err)
	waits := b.submit("b")
	f := filing{unwait: true, chain: store.ChainResubmit}
	c := &change{now: b.now()}
	b.must(b.store.View(context.Background(), func(tx *store.Tx) (err error) {
		f.previous, err = tx.Request(id)
		c.next = f.previous
		return err
	}))
	undone := errors.New("undone")
	err = b.store.Update(context.Background(), func(tx *store.Tx) error {
		if err := tx.Chain(id, waits, store.ChainResubmit); err != nil {
			return err
		}
		if f.room(tx, c, false) == nil {
			t.Error("another one waits, and there is room")
		}
		if err := b.withdraw(tx, waits); err != nil {
			return err
		}
		if f.room(tx, c, false) == nil {
			t.Error("it was asked for again already, and no pause is needed")
		}
		return undone
	})
	if !errors.Is(err, undone) {
		t.Fatal(err)
	}
	b.must(b.store.View(context.Background(), func(tx *store.Tx) error { return f.room(tx, c, false) }))
}

// withdraw ends a request that waits.
func (b *bed) withdraw(tx *store.Tx, id elevation.RequestID) error {
	r, err := tx.Request(id)
	if err != nil {
		return err
	}
	c := &change{now: b.now(), next: r}
	if err := b.cancel(c, system(), false); err != nil {
		return err
	}
	return c.write(tx)
}
