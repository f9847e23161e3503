package local

import (
	"context"
	"testing"
	"time"

	"github.com/assent-epm/assent/agent/local/pipe"
)

// told is a flow that only says how it is, and to whom.
type told struct{ Flow }

func (told) Status(user string) Status { return Status{Connected: true, Endpoint: user} }

// The door on Windows knows whoever has said something, and waits for nobody who
// says nothing when it closes. What [crowdDoor] does elsewhere is this.
func TestPipeDoor(t *testing.T) {
	path := Address(t.TempDir())
	s, err := Listen(Config{Path: path, Flow: told{}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx) }()
	silent, err := pipe.Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for range maxPerUser + 1 { // each is counted out again
		if st, err := (Client{Path: path}).Status(t.Context()); err != nil || !st.Connected || len(st.Endpoint) < 5 || st.Endpoint[:4] != "S-1-" {
			t.Fatalf("%+v, %v", st, err)
		}
	}
	cancel()
	select {
	case err := <-served:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(firstWithin / 2):
		t.Error("it waits for somebody who says nothing")
	}
	if _, err := (Client{Path: path}).Status(t.Context()); err == nil {
		t.Error("it is still open")
	}
}
