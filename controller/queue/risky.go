package queue

import (
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/delegation"
	"github.com/assent-epm/assent/shared/elevation"
)

// stagesFor are the groups that must approve the draft r, whose other needs are
// known. What is of high risk and asked for by somebody whom no account stands
// for needs as many people as the settings say, in its first stage.
func stagesFor(p delegation.Plan, set store.Settings, ep store.Endpoint, r *elevation.Request, required []elevation.Stage) []elevation.Stage {
	out := p.Stages(r.Attempt, ep.EffectiveLabels(), required)
	of := loaded{r: *r, ep: ep, plan: p}
	if n := set.UnlinkedRiskyApprovers; n > 1 && r.HighRisk() && of.account() == "" {
		out[0].Quorum = max(out[0].Quorum, min(n, delegation.MaxQuorum))
	}
	return out
}
