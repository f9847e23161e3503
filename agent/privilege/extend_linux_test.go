package privilege

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"testing"
	"time"
)

// A tree that got more time is not ended by the service manager at its first
// end, and nothing of that is left once it is over.
func TestExtendOutlivesTheFirstEnd(t *testing.T) {
	const first = 8 * time.Second // a busy machine takes some of it until Extend
	for kind, trees := range kindsHere(t) {
		t.Run(string(kind), func(t *testing.T) {
			cmd := exec.Command("/bin/sleep", "300")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ref, err := trees.Put(t.Context(), newGrant(), 1000, cmd.Process.Pid, first)
			go cmd.Wait()
			if err != nil {
				t.Fatal(err)
			}
			if err := trees.Extend(t.Context(), ref, 2*time.Minute); err != nil {
				t.Fatal(err)
			}
			wait := first + 2*time.Second
			if kind != TreeScope { // nobody else ends it
				wait = 10 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), wait)
			defer cancel()
			if err := trees.Gone(ctx, ref); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("it ended: %v", err)
			}
			if err := trees.End(t.Context(), ref, Grace); err != nil {
				t.Error(err)
			}
			if _, err := os.Stat(scopeSettings(ref)); !os.IsNotExist(err) {
				t.Errorf("settings are left: %v", err)
			}
			if err := trees.Extend(t.Context(), TreeRef{}, time.Minute); err == nil {
				t.Error("nothing was extended")
			}
		})
	}
}
