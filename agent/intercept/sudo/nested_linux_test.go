package sudo

import (
	"testing"

	"github.com/assent-epm/assent/shared/elevation"
)

// A rule approves a program inside of a contained command, and not what a variable
// makes of it.
func TestContainedProgramIsTheOneThatTheRuleMeans(t *testing.T) {
	if !inside(t) {
		return
	}
	installShim(t)
	serve(t, holding(elevation.ChildrenContain, "/usr/bin/id"))
	sudo(t, alice, "bash", "-c", "id -u").expect(t, 0, "0\n")
	sudo(t, alice, "bash", "-c", "PATH=/home/alice:$PATH /usr/bin/id -u").expect(t, 0, "0\n") // what that finds is asked for too
	for _, script := range []string{
		"LD_PRELOAD=/home/alice/x.so id -u; :", "LD_LIBRARY_PATH=/home/alice id -u; :", "GCONV_PATH=/home/alice id -u; :", "BASH_ENV=/home/alice/x id -u; :",
	} {
		r := sudo(t, alice, "bash", "-c", script)
		if r.expect(t, 0, "id was not started"); r.out != "" {
			t.Errorf("%s: it ran: %q", script, r.out)
		}
	}
}
