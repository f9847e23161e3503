package local

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/words"
	"github.com/assent-epm/assent/shared/wire"
)

// The wish for emergency access reaches the agent, and what the agent says of it
// is on stderr, in front of the one outcome.
func TestRunInAnEmergency(t *testing.T) {
	for _, wanted := range []bool{true, false} {
		d := &desk{}
		d.elevate = func(_ context.Context, ask intercept.Ask, p intercept.Person) error {
			p.Waiting(intercept.Waiting{Request: someRequest})
			p.Say(intercept.EmergencyLine(words.English, someRequest, wire.Progress{Emergency: wire.EmergencyPossible}, "https://assent.example", ask.Emergency, time.Now()))
			return &intercept.Kept{Request: someRequest}
		}
		path := open(t, d, book{})
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		out := Client{Path: path}.Run(t.Context(), RunOptions{Command: "id", Reason: "the shop is down", Emergency: wanted}, Streams{In: os.Stdin, Out: os.Stdout, Err: w})
		w.Close()
		var text bytes.Buffer
		if _, err := text.ReadFrom(r); err != nil {
			t.Fatal(err)
		}
		want := "Nobody is there who could answer this."
		if wanted {
			want = "Emergency access needs you to show who you are: sign in at https://assent.example, open request " + string(someRequest)
		}
		if out.Kind != Kept || out.Request != someRequest || !strings.Contains(text.String(), want) {
			t.Errorf("wanted %t: %+v, %q", wanted, out, text.String())
		}
		d.mu.Lock()
		if d.asks[0].Emergency != wanted {
			t.Errorf("the agent was asked %+v", d.asks[0])
		}
		d.mu.Unlock()
	}
}
