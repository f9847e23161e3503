//go:build windows || darwin

package main

import (
	"context"
	"slices"

	"github.com/assent-epm/assent/agent/link"
)

// examinations are everything that doctor looks at on this system, in the order it
// is told.
func examinations() []examination {
	return slices.Concat([]examination{lookAtRights, lookAtIdentity, lookAtAgent, lookAtOffline, lookAtConfirm}, examinationsHere(), []examination{lookAtMissing})
}

func lookAtRights(context.Context, *settings, file) []check {
	return []check{rightsCheck(mayServe())}
}

func lookAtIdentity(_ context.Context, set *settings, _ file) []check {
	_, err := link.Load(set.data)
	return []check{identityCheck(err)}
}

func lookAtAgent(ctx context.Context, set *settings, _ file) []check {
	return heldChecks(askAgent(ctx, set))
}

// lookAtMissing names what this system's agent does not do, so that nobody takes
// silence for it.
func lookAtMissing(context.Context, *settings, file) []check {
	return missingChecks(missingHere())
}
