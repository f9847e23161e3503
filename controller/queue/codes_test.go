package queue

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

func (b *bed) code(id elevation.RequestID) string {
	b.t.Helper()
	p, err := b.Progress(context.Background(), ep, id)
	b.must(err)
	return p.Code
}

func TestByCode(t *testing.T) {
	b := newBed(t, "").people()
	ctx := context.Background()
	first, second := b.submit("x"), b.submit("y")
	one, two := b.code(first), b.code(second)
	if one == two || one == "" || b.code(first) != one {
		t.Fatalf("codes %q and %q, then %q", one, two, b.code(first))
	}
	for _, typed := range []string{one, strings.ToLower(strings.Replace(one, "-", " ", 1))} {
		v, err := b.ByCode(ctx, who("bo"), typed)
		b.must(err)
		if v.Request.ID != first {
			t.Errorf("%q leads to %s", typed, v.Request.ID)
		}
	}
	_, err := b.ByCode(ctx, who("bo"), "7K2Q")
	wantErr(t, "half a code", err, elevation.ErrInvalid)
	_, err = b.ByCode(ctx, who("req", auth.Requester), one)
	wantErr(t, "somebody whose request it is not", err, elevation.ErrNotFound)
	outside := who("dee")
	outside.Scope = map[string]string{"role": "db"}
	_, err = b.ByCode(ctx, outside, one)
	wantErr(t, "outside of the scope", err, elevation.ErrNotFound)
	_, wrong := b.ByCode(ctx, outside, "0000-0000")
	if wrong == nil || wrong.Error() != err.Error() {
		t.Errorf("what exists (%v) is told apart from what does not (%v)", err, wrong)
	}

	// It ends with its request, and with its time; then there is another one.
	_, err = b.Review(ctx, who("cy"), first, ReviewIn{Verdict: elevation.Denied})
	b.must(err)
	_, err = b.ByCode(ctx, who("bo"), one)
	wantErr(t, "the code of what is decided", err, elevation.ErrNotFound)
	if b.code(first) != "" {
		t.Error("what is decided has a code")
	}
	b.pass(elevation.CodeTime)
	_, err = b.ByCode(ctx, who("bo"), two)
	wantErr(t, "a code that ran out", err, elevation.ErrNotFound)
	next := b.code(second)
	if next == two || next == "" {
		t.Errorf("the next code is %q", next)
	}
	v, err := b.ByCode(ctx, who("bo"), next)
	b.must(err)
	if v.Request.ID != second {
		t.Errorf("the next code leads to %s", v.Request.ID)
	}
}

// A code that is typed while its hash is being written is found: one that was
// told a moment ago led nowhere, now and then.
func TestCodeThatIsBeingWritten(t *testing.T) {
	b := newBed(t, "").people()
	ctx := context.Background()
	id := b.submit("x")
	code := b.code(id)
	busy, free := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		b.must(b.store.Update(ctx, func(*store.Tx) error {
			select {
			case <-busy:
			default:
				close(busy)
			}
			<-free
			return nil
		}))
	})
	<-busy
	all.Go(func() { b.must(b.keepCodes(ctx)) })
	for taken := false; !taken; runtime.Gosched() {
		b.codes.mu.Lock()
		taken = len(b.codes.waiting) == 0
		b.codes.mu.Unlock()
	}
	found := make(chan error, 1)
	go func() {
		_, err := b.ByCode(ctx, who("bo"), code)
		found <- err
	}()
	select {
	case err := <-found:
		close(free)
		all.Wait()
		t.Fatalf("it did not wait for the hash: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	close(free)
	all.Wait()
	b.must(<-found)
}

// TestCodesAreNotKept: only hashes are on the disk, no code is in the log, and
// what ran out is deleted.
func TestCodesAreNotKept(t *testing.T) {
	b := newBed(t, "").people()
	ctx := context.Background()
	code := b.code(b.submit("x"))
	_, err := b.ByCode(ctx, who("bo"), code)
	b.must(err)
	outside := who("dee")
	outside.Scope = map[string]string{"role": "db"}
	_, err = b.ByCode(ctx, outside, code)
	wantErr(t, "outside of the scope", err, elevation.ErrNotFound)
	var refusals []audit.Event
	b.must(b.store.View(ctx, func(tx *store.Tx) error {
		_, err := tx.CodeRequest(hashOf(code), day)
		return err
	}))
	rows, err := b.store.AuditWaiting(ctx, 100)
	b.must(err)
	for _, row := range rows {
		e, err := row.Open()
		b.must(err)
		if e.Kind == audit.AuthRefused {
			refusals = append(refusals, e)
		}
	}
	if len(refusals) != 1 || refusals[0].Data["action"] != "by-code" || refusals[0].Request != "" {
		t.Errorf("refusals %+v", refusals)
	}
	for _, file := range []string{b.path, b.path + "-wal"} {
		raw, err := os.ReadFile(file)
		b.must(err)
		for _, text := range []string{code, strings.ReplaceAll(code, "-", "")} {
			if bytes.Contains(raw, []byte(text)) {
				t.Errorf("%s holds %s", file, text)
			}
		}
	}
	b.pass(elevation.CodeTime + time.Minute)
	b.must(b.prune(ctx, b.now()))
	b.must(b.store.View(ctx, func(tx *store.Tx) error {
		if _, err := tx.CodeRequest(hashOf(code), day); !errors.Is(err, elevation.ErrNotFound) {
			t.Errorf("a code that ran out is still there: %v", err)
		}
		return nil
	}))
	if n := len(b.codes.given); n != 0 {
		t.Errorf("%d texts are in memory", n)
	}
}

// TestCodesAreNotSearchedFor: ten tries a minute and account.
func TestCodesAreNotSearchedFor(t *testing.T) {
	b := newBed(t, "").people()
	ctx := context.Background()
	code := b.code(b.submit("x"))
	for i := range 10 {
		_, err := b.ByCode(ctx, who("bo"), elevation.CodeOf([5]byte{byte(i)}))
		wantErr(t, "a wrong code", err, elevation.ErrNotFound)
	}
	_, err := b.ByCode(ctx, who("bo"), code)
	var rate *auth.RateError
	if !errors.As(err, &rate) || rate.Wait <= 0 || rate.Wait > 6*time.Second {
		t.Errorf("the eleventh try: %v", err)
	}
	_, err = b.ByCode(ctx, who("cy"), code)
	wantErr(t, "somebody else", err, nil)
	b.pass(6 * time.Second)
	_, err = b.ByCode(ctx, who("bo"), code)
	wantErr(t, "after six seconds", err, nil)
}

// TestCodeOfAnother: of two requests with the same code the second gets another.
func TestCodeOfAnother(t *testing.T) {
	b := newBed(t, "").people()
	first, second := b.submit("x"), b.submit("y")
	b.must(b.keepCodes(context.Background()))
	b.codes.mu.Lock()
	b.codes.given[second] = b.codes.given[first]
	b.codes.waiting = append(b.codes.waiting, second)
	b.codes.mu.Unlock()
	b.must(b.keepCodes(context.Background()))
	if b.code(first) == b.code(second) {
		t.Error("two requests have one code")
	}
	v, err := b.ByCode(context.Background(), who("bo"), b.code(first))
	b.must(err)
	if v.Request.ID != first {
		t.Errorf("the code of the first leads to %s", v.Request.ID)
	}
}

// TestProgressSaysWhoLooks: a claim is told at the endpoint, without the name
// where approvers are not shown.
func TestProgressSaysWhoLooks(t *testing.T) {
	b := newBed(t, "").people()
	ctx := context.Background()
	id := b.submit("x")
	var moved []elevation.RequestID
	b.cfg.Moved = func(_ elevation.EndpointID, id elevation.RequestID) { moved = append(moved, id) }
	_, err := b.Claim(ctx, who("bo"), id, "")
	b.must(err)
	if !slices.Equal(moved, []elevation.RequestID{id}) {
		t.Errorf("moved %v", moved)
	}
	p, err := b.Progress(ctx, ep, id)
	b.must(err)
	if p.SeenBy != "bo" {
		t.Errorf("looked at by %q", p.SeenBy)
	}
	b.staff(func(tx *store.Tx) error {
		set := tx.Settings()
		set.ShowApprovers = false
		return tx.PutSettings(set)
	})
	if p, err = b.Progress(ctx, ep, id); err != nil || p.SeenBy != veiled {
		t.Errorf("looked at by %q, %v", p.SeenBy, err)
	}
	b.pass(elevation.ClaimTime)
	if p, err = b.Progress(ctx, ep, id); err != nil || p.SeenBy != "" {
		t.Errorf("later looked at by %q, %v", p.SeenBy, err)
	}
}

// TestCodesAreBounded: beyond a number of requests that wait at a time there is
// no code; those that have one keep it, and get the next.
func TestCodesAreBounded(t *testing.T) {
	c := newCodes()
	first := elevation.RequestID("req_0")
	code := c.of(first, day)
	for n := range codesKept - 1 {
		c.of(elevation.RequestID(fmt.Sprint("req_", n+1)), day)
	}
	if got := c.of("req_more", day); got != "" {
		t.Errorf("one more has the code %s", got)
	}
	if c.of(first, day) != code {
		t.Error("who has a code gets another")
	}
	if next := c.of(first, day.Add(elevation.CodeTime)); next == code || next == "" {
		t.Errorf("after it ran out comes %q", next)
	}
}
