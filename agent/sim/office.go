package sim

import (
	"fmt"
	"time"

	"github.com/assent-epm/assent/shared/office"
	"github.com/assent-epm/assent/shared/wire"
)

// This file is the scenario demo: the machines of an office, whose owners ask for
// what people there need.

// hostname is what the nth endpoint calls itself.
func (f *fleet) hostname(n int) string {
	if f.cfg.Scenario == Demo {
		host, _, _ := office.Seat(n)
		return host
	}
	return fmt.Sprintf("sim-%04d", n)
}

func (f *fleet) facts(n int) wire.Facts {
	system := "simulated"
	if f.cfg.Scenario == Demo {
		_, system, _ = office.Seat(n)
	}
	return wire.Facts{Hostname: f.hostname(n), OS: "linux", OSVersion: system, Arch: "amd64", AgentVersion: "agentsim"}
}

// newTask is a request of the office: the owner of a machine asks for a task.
func (f *fleet) newTask(n int, due time.Time) *request {
	all := office.Tasks()
	t := all[f.rng.IntN(len(all))]
	_, _, owner := office.Seat(n)
	return newRequest(f.want(attemptOf(owner, office.UID(owner), t.Argv, t.Priority)), t.Reasons[f.rng.IntN(len(t.Reasons))], due)
}
