package privilege

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/e2e/machine"
	"github.com/assent-epm/assent/e2e/testgroup"
)

// insideEnv is set when these tests run inside a machine with systemd.
const insideEnv = "ASSENT_TEST_INSIDE"

// The tests of this package again, in a real system with systemd: there every
// tree is a scope.
func TestInsideSystemd(t *testing.T) {
	if os.Getenv(insideEnv) != "" {
		t.Skip("already inside")
	}
	testgroup.Need(t, "nspawn")
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	lab, err := machine.New(ctx)
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
	const inside = "/opt/privilege.test"
	if err := machines[0].Write(inside, self, 0o755); err != nil {
		t.Fatal(err)
	}
	got, err := machines[0].Exec(ctx, "/usr/bin/env", insideEnv+"=1", inside, "-test.v", "-test.run=Test")
	if err != nil {
		t.Fatal(err)
	}
	if got.Code != 0 || !strings.Contains(got.Stdout, "TestEndEndsEverythingThatWasStarted/scope") {
		t.Error(got)
	}
}
