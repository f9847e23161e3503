package linux

import (
	"fmt"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/client"
)

// TestAccessAhead: an approver gives a window in the future; the same sudo runs
// in it, by itself, and not before. More cautious than the clock alone: a
// restart of the agent in between changes nothing.
func TestAccessAhead(t *testing.T) {
	w := machineFor(t, "question")
	seen := w.asksFor("bob", "stat -c %n /root")
	w.act(seen, "approve", "")
	w.becomes(seen, "available")
	if got := w.typed("bob", "sudo -n stat -c %n /root"); got.Code != 0 {
		t.Fatalf("the first time: %s", got)
	}
	start := time.Now().Add(8 * time.Second).UTC().Truncate(time.Second)
	r, err := w.api.File(t.Context(), client.NewRequest{AccessType: "run", Endpoint: w.machine.Name, FromRequest: seen, ForUser: "bob", Start: &start,
		DurationSeconds: 600, Justification: "the vendor comes"})
	if err != nil {
		t.Fatal(err)
	}
	if r.State != "approved" {
		if _, err := w.other().Act(t.Context(), r.ID, "approve", client.Answer{}); err != nil {
			t.Fatal(err)
		}
	}
	w.reconnect()
	if err := w.comes(waitLong, func() error {
		got := w.typed("bob", "assent view "+r.ID)
		if got.Code != 0 {
			return fmt.Errorf("the endpoint does not know it: %s", got)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if got := w.typed("bob", "sudo -n stat -c %n /root"); got.Code == 0 && time.Now().Before(start) {
		t.Errorf("before its time: %s", got)
	}
	if err := w.comes(20*time.Second, func() error {
		got := w.typed("bob", "sudo -n stat -c %n /root")
		if got.Code != 0 {
			return fmt.Errorf("in its time: %s", got)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	if time.Now().Before(start) {
		t.Error("it ran before its time")
	}
	w.becomes(r.ID, "ended")
	w.nothingLeft()
}
