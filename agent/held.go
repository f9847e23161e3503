package agent

import (
	"slices"

	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/agent/intercept/held"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules"
)

// This file is what package held asks of the agent beside the flow.

var _ held.Flow = (*Agent)(nil)

// Denies names the deny rule that an attempt meets, by the signed rules that are kept
// here. It asks nobody. Where they can not be used nothing is named.
func (a *Agent) Denies(attempt elevation.Attempt) (rule string, denies bool) {
	out, _, err := a.offline.Answer(attempt, "")
	if err != nil || out.Kind != rules.Deny {
		return "", false
	}
	return string(out.Name), true
}

// Lends reports whether a process is about to become what was approved: it is the first
// of a grant that is armed.
func (a *Agent) Lends(pid int) bool {
	started, err := privilege.Started(pid)
	return err == nil && slices.ContainsFunc(a.Ledger.All(), func(e grants.Entry) bool {
		t := e.Effect.Tree
		return e.State == grants.Armed && t.Planned() && t.PID == pid && t.Started == started
	})
}
