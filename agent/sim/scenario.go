package sim

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// Scenario says what the fleet does.
type Scenario string

// The scenarios.
const (
	Mix   Scenario = "mix"   // different programs, as people ask for them
	Queue Scenario = "queue" // programs that no rule should know: the queue fills
	Storm Scenario = "storm" // as mix; in the middle of the duration all endpoints connect anew at once
	Idle  Scenario = "idle"  // endpoints are connected and ask for nothing
)

func (s Scenario) check() error {
	switch s {
	case Mix, Queue, Storm, Idle:
		return nil
	}
	return fmt.Errorf("%w: no scenario %q; there are mix, queue, storm and idle", ErrConfig, string(s))
}

// commands are asked for by mix and storm.
func commands() [][]string {
	return [][]string{
		{"/usr/bin/true"}, {"/usr/bin/id"}, {"/usr/bin/apt", "update"}, {"/usr/bin/apt", "install", "htop"},
		{"/usr/bin/systemctl", "restart", "nginx"}, {"/usr/bin/systemctl", "reload", "sshd"}, {"/usr/bin/journalctl", "-u", "nginx"},
		{"/usr/sbin/ip", "addr"}, {"/usr/bin/vim", "/etc/hosts"}, {"/usr/bin/mount", "/dev/sdb1", "/mnt"},
	}
}

func reasons() []string {
	return []string{"Restarting the web server after a change of its configuration", "Installing a tool for the ticket of today",
		"Looking into why the network is slow", "Mounting the backup disk to get a file back"}
}

// newRequest makes the nth request, due at an instant. Each has its own digest
// of arguments, so none joins another.
func (f *fleet) newRequest(n int, due time.Time) *request {
	user := f.rng.IntN(f.cfg.Users) + 1
	argv := f.cfg.Command
	if len(argv) == 0 {
		if f.cfg.Scenario == Queue {
			argv = []string{"/opt/sim/tool", fmt.Sprintf("--job=%06d", n+1)}
		} else {
			list := commands()
			argv = list[f.rng.IntN(len(list))]
		}
	}
	sum := sha256.Sum256([]byte(argv[0]))
	digest := make([]byte, 32)
	rand.Read(digest)
	name := fmt.Sprintf("user-%02d", user)
	reason := reasons()[f.rng.IntN(len(reasons()))]
	return &request{due: due, user: name, reason: reason, attempt: wire.Attempt{
		Request: elevation.NewRequestID(time.Now()),
		Attempt: f.want(elevation.Attempt{AccessType: elevation.Run, Mechanism: "sudo", Priority: f.cfg.Priority,
			User: elevation.User{Name: name, UID: fmt.Sprint(2000 + user), Groups: []string{name, "users"}},
			Subject: elevation.Subject{Path: argv[0], Args: append([]string{}, argv[1:]...), ArgsDigest: digest, Cwd: "/home/" + name,
				RunAs: "root", SHA256: hex.EncodeToString(sum[:]), Size: 35000, Parent: "/usr/bin/bash"}}),
		AtTerminal: true,
	}}
}

func hostname(n int) string { return fmt.Sprintf("sim-%04d", n) }

func facts(n int) wire.Facts {
	return wire.Facts{Hostname: hostname(n), OS: "linux", OSVersion: "simulated", Arch: "amd64", AgentVersion: "agentsim"}
}
