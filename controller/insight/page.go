package insight

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// contextTime is how long the caller of a page waits for facts. What is not found
// until then is looked up behind their back, for when they ask again.
const contextTime = 4 * time.Millisecond

// factsFresh is how long facts found for a page of requests are kept, and
// factsMost of how many requests.
const (
	factsFresh = 20 * time.Second
	factsMost  = 4096
)

// factKey is one request as one scope may know of it.
type factKey struct {
	id      elevation.RequestID
	version int64
	scope   string
}

type knownFacts struct {
	list []elevation.Caution
	at   time.Time
}

// Contexts are the same for a page of requests, which is read often and quickly:
// only what waits for an answer is held against history, less deeply, facts may be
// some seconds old, and on a busy controller some come with the next reading only.
func (s *Insight) Contexts(ctx context.Context, act auth.Actor, list []elevation.Request) ([][]elevation.Caution, error) {
	out := make([][]elevation.Caution, len(list))
	for i := range list {
		out[i] = plainFacts(&list[i])
	}
	if act.Can(auth.RequestsRead) != nil {
		return out, nil
	}
	todo := s.recall(list, out, scopeText(act), s.cfg.Now())
	if len(todo) == 0 {
		return out, nil
	}
	missing := make([]elevation.Request, len(todo))
	for k, i := range todo {
		missing[k] = list[i]
	}
	found, err := s.lookUp(ctx, act, missing, s.patience)
	if err != nil {
		return nil, err
	}
	for k, facts := range found {
		out[todo[k]] = append(out[todo[k]], facts...)
	}
	if rest := missing[len(found):]; len(rest) > 0 {
		select {
		case s.later <- latePage{act, rest}:
		default: // there is enough to do; whoever asks again asks for this again
		}
	}
	return out, nil
}

// latePage are requests whose facts are looked up behind their reader's back.
type latePage struct {
	act  auth.Actor
	list []elevation.Request
}

// lookUp finds and remembers facts, for as many requests of the list as the time
// allows, from the first on; at least one.
func (s *Insight) lookUp(ctx context.Context, act auth.Actor, list []elevation.Request, within time.Duration) ([][]elevation.Caution, error) {
	begun, now, scope := time.Now(), s.cfg.Now(), scopeText(act)
	var found [][]elevation.Caution
	err := s.cfg.Store.Browse(ctx, func(tx *store.Tx) error {
		look := newLookup(tx, act, contextList)
		for i := range list {
			if i > 0 && time.Since(begun) > within {
				return nil
			}
			facts, err := look.facts(&list[i])
			if err != nil {
				return err
			}
			found = append(found, facts)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for reasons for caution: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.facts)+len(found) > factsMost {
		clear(s.facts)
	}
	for i, facts := range found {
		s.facts[factKey{list[i].ID, list[i].Version, scope}] = knownFacts{facts, now}
	}
	return found, nil
}

// lateTime bounds one look-up behind a reader's back.
const lateTime = time.Second

// runLate looks up what readers of pages did not wait for, until ctx ends.
func (s *Insight) runLate(ctx context.Context) {
	for {
		select {
		case p := <-s.later:
			if _, err := s.lookUp(ctx, p.act, p.list, lateTime); err != nil && ctx.Err() == nil {
				s.cfg.Log.Error("look up facts of a page", "error", err)
			}
		case <-ctx.Done():
			return
		}
	}
}

// recall adds what is remembered and returns which requests must be looked up.
func (s *Insight) recall(list []elevation.Request, out [][]elevation.Caution, scope string, now time.Time) (todo []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range list {
		st := list[i].State(now)
		if st != elevation.StatePending && st != elevation.StateHeld {
			continue
		}
		f, ok := s.facts[factKey{list[i].ID, list[i].Version, scope}]
		switch {
		case ok && now.Sub(f.at) < factsFresh && !now.Before(f.at):
			out[i] = append(out[i], f.list...)
		case len(todo) < contextPage:
			todo = append(todo, i)
		}
	}
	return todo
}

func scopeText(act auth.Actor) string {
	var parts []string
	for k, v := range act.Scope {
		parts = append(parts, k+"="+v)
	}
	slices.Sort(parts)
	return strings.Join(parts, "\x00")
}
