package sudo

import (
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/assent-epm/assent/e2e/testgroup"
)

// brokenHost is a machine whose own sudo refuses everybody: an agent of somebody
// else was killed there and its plugin is gone.
const brokenHost = `set -e
mount --make-rprivate /
mount -t tmpfs -o mode=0755 none "$0"
cp -a /etc/. "$0"
printf 'Plugin assent_audit /usr/libexec/assent/gone.so socket=/run/gone.sock\nPlugin assent_approval /usr/libexec/assent/gone.so socket=/run/gone.sock\n' >"$0/sudo.conf"
mount --bind "$0" /etc
if sudo -n true 2>/dev/null; then echo "this sudo works with a plugin that is not there"; exit 9; fi
exec "$@"
`

// TestNeedsNothingOfThisMachine: what `make run` or another agent left in sudo.conf
// changes nothing for the tests.
func TestNeedsNothingOfThisMachine(t *testing.T) {
	testgroup.Need(t, "sudo")
	testgroup.Need(t, "shim")
	self, err := os.Executable()
	must(t, err)
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", brokenHost, t.TempDir(), self, "-test.run=^TestApprovedRunsOnce$", "-test.v=true", "-test.timeout=10m")
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
