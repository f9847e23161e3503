package sim

import (
	"fmt"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
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

// users are those of the nth endpoint.
func (f *fleet) users(n int) (all []elevation.User) {
	if f.cfg.Scenario == Demo {
		_, _, owner := office.Seat(n)
		return []elevation.User{userOf(owner, office.UID(owner)), userOf(office.Visitor, visitorUID)}
	}
	for user := range f.cfg.Users {
		all = append(all, userOf(simulated(user+1)))
	}
	return all
}

// newTask is a request of the office: the owner of a machine asks for a task.
func (f *fleet) newTask(n int, due time.Time) *request {
	all := office.Tasks()
	t := all[f.rng.IntN(len(all))]
	_, _, owner := office.Seat(n)
	return newRequest(f.want(attemptOf(owner, office.UID(owner), t.Argv, t.Priority)), t.Reasons[f.rng.IntN(len(t.Reasons))], due)
}
