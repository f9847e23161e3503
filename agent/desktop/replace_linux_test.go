package desktop

import (
	"context"
	"errors"
	"testing"
)

// TestBusReplace: a program that does more takes the session over, and the one
// that had it ends; nobody takes it from that one.
func TestBusReplace(t *testing.T) {
	address := bus(t)
	first, err := Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	second, err := Replace(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	<-first.Done()
	for name, join := range map[string]func(context.Context, string) (*Bus, error){"joins": Connect, "takes over": Replace} {
		if _, err := join(t.Context(), address); !errors.Is(err, ErrRuns) {
			t.Errorf("a third one %s: %v", name, err)
		}
	}
	select {
	case <-second.Done():
		t.Error("the second one has ended, too")
	default:
	}
}
