package machine

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/assent-epm/assent/e2e/testgroup"
)

// insideEnv is set while tests run inside a machine.
const insideEnv = "ASSENT_TEST_INSIDE"

// Inside runs the tests of this very program that match run once more, as root in
// a machine with systemd, and gives what they said; in there it skips the test.
// TestMain must call [Stage].
func Inside(t *testing.T, run string) Result {
	t.Helper()
	if os.Getenv(insideEnv) != "" {
		t.Skip("already inside")
	}
	testgroup.Need(t, "nspawn")
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	lab, err := New(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lab.Close(); err != nil {
			t.Error(err)
		}
	})
	machines, err := lab.Boot(ctx, "desk")
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	const inside = "/opt/inside.test"
	if err := machines[0].Write(inside, self, 0o755); err != nil {
		t.Fatal(err)
	}
	got, err := machines[0].Exec(ctx, "/usr/bin/env", insideEnv+"=1", inside, "-test.v", "-test.run="+run)
	if err != nil {
		t.Fatal(err)
	}
	return got
}
