package pipe

import (
	"log/slog"
	"testing"
	"time"
)

// A real pipe that somebody made first (E 21): nothing is shared with them, and the
// agent has its name once they are gone.
func TestE21TakenPipe(t *testing.T) {
	name := Name("takenforawhile")
	theirs, err := Listen(name)
	if err != nil {
		t.Fatal(err)
	}
	tries := 0
	ours, err := WhenFree(t.Context(), 10*time.Millisecond, slog.New(slog.DiscardHandler), func() (*Listener, error) {
		if tries++; tries == 3 {
			if err := theirs.Close(); err != nil {
				t.Error(err)
			}
		}
		return Listen(name)
	})
	if err != nil || tries < 3 {
		t.Fatalf("after %d tries: %v", tries, err)
	}
	if err := ours.Close(); err != nil {
		t.Error(err)
	}
}
