package insight

import (
	"errors"
	"testing"

	"github.com/assent-epm/assent/controller/auth"
)

// Many who read much history at the same time do not fill the memory.
func TestReadersOfHistoryAreBounded(t *testing.T) {
	b := newBed(t)
	b.waiting.Add(mostWaiting)
	if _, err := b.Suggestions(t.Context(), chief, 0); !errors.Is(err, auth.ErrRate) {
		t.Errorf("one more: %v", err)
	}
	b.waiting.Add(-mostWaiting)
	if _, err := b.Suggestions(t.Context(), chief, 0); err != nil || b.waiting.Load() != 0 {
		t.Errorf("afterwards: %v, %d wait", err, b.waiting.Load())
	}
}
