package api

import (
	"context"
	"errors"
	"testing"

	"github.com/assent-epm/assent/controller/auth"
)

// TestSearchesTakeTurns: however many search the log at once, few of them have
// the store, and it is nobody's fault who is told to come again.
func TestSearchesTakeTurns(t *testing.T) {
	s := &server{searches: make(chan struct{}, searches)}
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	var ends []func()
	for range searches {
		done, err := s.searching(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, done)
	}
	if _, err := s.searching(gone); !errors.Is(err, context.Canceled) {
		t.Errorf("one too many that did not wait: %v", err)
	}
	s.searchers.Store(mostSearches)
	var rate *auth.RateError
	if _, err := s.searching(t.Context()); !errors.As(err, &rate) {
		t.Errorf("behind very many: %v", err)
	}
	s.searchers.Store(searches)
	for _, done := range ends {
		done()
	}
	if done, err := s.searching(t.Context()); err != nil || s.searchers.Load() != 1 {
		t.Errorf("after all: %v, %d search", err, s.searchers.Load())
	} else {
		done()
	}
}
