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
	Demo  Scenario = "demo"  // an office: see office.go
)

func (s Scenario) check() error {
	switch s {
	case Mix, Queue, Storm, Idle, Demo:
		return nil
	}
	return fmt.Errorf("%w: no scenario %q; there are mix, queue, storm, idle and demo", ErrConfig, string(s))
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

// nextRequest makes the nth request, of an endpoint, due at an instant. Each has
// its own digest of arguments, so none joins another.
func (f *fleet) nextRequest(n int, of *endpoint, due time.Time) *request {
	if f.cfg.Scenario == Demo {
		return f.newTask(of.n, due)
	}
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
	name, uid := simulated(user)
	a := attemptOf(name, uid, argv, f.cfg.Priority)
	return newRequest(f.want(a), reasons()[f.rng.IntN(len(reasons()))], due)
}

// visitorUID is that of who sits at the simulated computer of a demonstration.
const visitorUID = "1000"

// simulated is the nth user of an endpoint.
func simulated(n int) (name, uid string) {
	return fmt.Sprintf("user-%02d", n), fmt.Sprint(2000 + n)
}

func userOf(name, uid string) elevation.User {
	return elevation.User{Name: name, UID: uid, Groups: []string{name, "users"}}
}

func newRequest(a elevation.Attempt, reason string, due time.Time) *request {
	return &request{due: due, user: a.User.Name, reason: reason, attempt: wire.Attempt{Request: elevation.NewRequestID(time.Now()), Attempt: a, AtTerminal: true}}
}

// attemptOf is somebody's attempt to run argv as root.
func attemptOf(user, uid string, argv []string, p elevation.Priority) elevation.Attempt {
	sum := sha256.Sum256([]byte(argv[0]))
	digest := make([]byte, 32) // of its own, so that none joins another
	rand.Read(digest)
	return elevation.Attempt{AccessType: elevation.Run, Mechanism: "sudo", Priority: p,
		User: userOf(user, uid),
		Subject: elevation.Subject{Path: argv[0], Args: append([]string{}, argv[1:]...), ArgsDigest: digest, Cwd: "/home/" + user,
			RunAs: "root", SHA256: hex.EncodeToString(sum[:]), Size: 35000, Parent: "/usr/bin/bash"}}
}
