package queue

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// A request that waits at an endpoint has a short code, by which somebody beside
// its requester finds it on their own device. The code decides nothing: whoever
// types it has signed in and may see the request anyway.
//
// The text of a code is only in memory and at the endpoint. Its hash is written
// a moment later, together with others, so that nobody who submits waits for it;
// after a restart of the controller the endpoint is told a new one.

// The limits of codes.
const (
	codesKept     = 50_000 // texts in memory; a request beyond has no code
	codeTries     = 10     // a minute and account
	codeAccounts  = 10_000
	codesGathered = 50 * time.Millisecond // before hashes are written together
)

// codes are those that were given out and are good now.
type codes struct {
	tries *auth.Limiter
	soon  chan struct{} // 1; there are hashes to write

	writing sync.Mutex // held while hashes are written, so that whoever asks for one waits for it

	mu      sync.Mutex // guards the fields below
	given   map[elevation.RequestID]code
	waiting []elevation.RequestID // whose hash is not written yet
}

type code struct {
	text  string
	until time.Time
}

func newCodes() *codes {
	return &codes{tries: auth.NewLimiter(codeTries/60.0, codeTries, codeAccounts), soon: make(chan struct{}, 1), given: map[elevation.RequestID]code{}}
}

// of is the code of a request that waits, a new one when the last ran out.
func (c *codes) of(id elevation.RequestID, now time.Time) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	was, ok := c.given[id]
	switch {
	case ok && now.Before(was.until):
		return was.text
	case !ok && len(c.given) >= codesKept:
		return ""
	}
	var bits [5]byte
	rand.Read(bits[:])
	text := elevation.CodeOf(bits)
	c.given[id] = code{text: text, until: now.Add(elevation.CodeTime)}
	c.waiting = append(c.waiting, id)
	select {
	case c.soon <- struct{}{}:
	default:
	}
	return text
}

// take gives the codes whose hashes are not written yet.
func (c *codes) take() map[elevation.RequestID]code {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make(map[elevation.RequestID]code, len(c.waiting))
	for _, id := range c.waiting {
		if g, ok := c.given[id]; ok {
			out[id] = g
		}
	}
	c.waiting = nil
	return out
}

// forget drops what has run out, or a code that could not be kept.
func (c *codes) forget(gone func(elevation.RequestID, code) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, g := range c.given {
		if gone(id, g) {
			delete(c.given, id)
		}
	}
}

func hashOf(text string) []byte {
	sum := sha256.Sum256([]byte("assent code of a request\x00" + text))
	return sum[:]
}

// keepCodes writes the hashes of codes that were given out.
func (q *Queue) keepCodes(ctx context.Context) error {
	q.codes.writing.Lock()
	defer q.codes.writing.Unlock()
	fresh := q.codes.take()
	if len(fresh) == 0 {
		return nil
	}
	lost := map[elevation.RequestID]bool{}
	err := q.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		clear(lost)
		for id, c := range fresh {
			taken, err := tx.PutCode(hashOf(c.text), id, c.until)
			if err != nil {
				return err
			}
			if taken {
				lost[id] = true
			}
		}
		return nil
	})
	if err != nil {
		err = fmt.Errorf("keep codes: %w", err)
	}
	if err != nil || len(lost) > 0 { // they get other ones
		q.codes.forget(func(id elevation.RequestID, c code) bool { return fresh[id] == c && (err != nil || lost[id]) })
	}
	return err
}

// runCodes writes hashes soon after codes are given out, until ctx ends.
func (q *Queue) runCodes(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-q.codes.soon:
		}
		timer := time.NewTimer(codesGathered)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		if err := q.keepCodes(ctx); err != nil && ctx.Err() == nil {
			q.cfg.Log.Warn("codes are not kept, and given anew", "error", err)
		}
	}
}

// forgetCodes drops those whose time is over.
func (q *Queue) forgetCodes(tx *store.Tx, now time.Time) error {
	q.codes.forget(func(_ elevation.RequestID, c code) bool { return !now.Before(c.until) })
	return tx.ForgetCodes(now)
}

// ByCode finds the request that waits, for an answer or for its requester's
// passkey, and has this code. Who may not see it
// learns no more than who types one that does not exist:
// [elevation.ErrNotFound]. Tries are limited by account, so that codes can not
// be searched for; a wrong one is audited without its text.
func (q *Queue) ByCode(ctx context.Context, a auth.Actor, typed string) (View, error) {
	if err := a.Can(auth.RequestsRead); err != nil && a.Can(auth.RequestsOwn) != nil {
		return View{}, err
	}
	text, err := elevation.ReadCode(typed)
	if err != nil {
		return View{}, err
	}
	now := q.now()
	if wait := q.codes.tries.TakeOrWait(string(a.User), now); wait > 0 {
		return View{}, &auth.RateError{Wait: wait}
	}
	if err := q.keepCodes(ctx); err != nil {
		return View{}, err
	}
	var v View
	err = q.cfg.Store.View(ctx, func(tx *store.Tx) error {
		id, err := tx.CodeRequest(hashOf(text), now)
		if err != nil {
			return err
		}
		l, err := load(tx, id)
		if err != nil {
			return err
		}
		if err := l.visible(a); err != nil {
			return err
		}
		if !waits(l.r, now) && !l.r.Confirming.Open(now) {
			return elevation.ErrNotFound // a code ends with its request
		}
		v, err = q.view(tx, a, l, now)
		return err
	})
	if errors.Is(err, elevation.ErrNotFound) || errors.Is(err, elevation.ErrNotAllowed) {
		q.wrongCode(ctx, a, now)
		return View{}, fmt.Errorf("no request that waits has this code: %w", elevation.ErrNotFound)
	}
	return v, err
}

// wrongCode writes that somebody typed a code that leads nowhere for them.
func (q *Queue) wrongCode(ctx context.Context, a auth.Actor, now time.Time) {
	data := map[string]string{"action": "by-code", "why": "no_such_code"}
	put(data, "token", string(a.Token))
	err := q.cfg.Store.Update(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		return tx.Append(audit.Event{At: now, Kind: audit.AuthRefused, Actor: a.Elevation(), Data: data})
	})
	if err != nil {
		q.cfg.Log.Error("audit of a wrong code", "error", err)
	}
}
