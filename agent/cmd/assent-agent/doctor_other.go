//go:build windows || darwin

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/assent-epm/assent/agent/link"
	"github.com/assent-epm/assent/agent/local"
)

// examinations are everything that doctor looks at on this system, in the order it
// is told.
func examinations() []examination {
	return slices.Concat([]examination{lookAtRights, lookAtIdentity, lookAtAgent, lookAtOffline, lookAtConfirm}, examinationsHere(), []examination{lookAtMissing})
}

func lookAtRights(context.Context, *settings, file) []check {
	if err := mayServe(); err != nil {
		return []check{{"rights", checkFail, err.Error(), "run it as administrator"}}
	}
	return []check{{"rights", checkOK, "it may see everything", ""}}
}

func lookAtIdentity(_ context.Context, set *settings, _ file) []check {
	_, err := link.Load(set.data)
	switch {
	case errors.Is(err, link.ErrNotEnrolled):
		return []check{{"identity", checkFail, err.Error(), "assent-agent enroll --controller URL --token T"}}
	case err != nil:
		return []check{{"identity", checkFail, err.Error(), "run it as administrator; enrol with --force if it is damaged"}}
	}
	return []check{{"identity", checkOK, "this endpoint is enrolled", ""}}
}

func lookAtAgent(ctx context.Context, set *settings, _ file) []check {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	s, err := local.Client{Path: local.Address(set.runtime)}.Status(ctx)
	switch {
	case err != nil:
		return []check{{"agent", checkFail, "the agent does not answer: " + err.Error(), "start it: assent-agent start"}}
	case !s.Connected:
		return []check{{"controller", checkWarn, "the agent runs and has no connection to " + s.Controller, "assent-agent doctor --network"}}
	}
	return []check{{"controller", checkOK, "the agent runs and is connected to " + s.Controller, ""},
		{"mode", checkOK, "mode " + s.Mode, ""},
		{"containment", checkOK, fmt.Sprintf("what runs is held together by %s", s.Containment), ""}}
}

// lookAtMissing names what this system's agent does not do, so that nobody takes
// silence for it.
func lookAtMissing(context.Context, *settings, file) []check {
	var list []check
	for _, m := range missingHere() {
		list = append(list, check{"not here", checkWarn, m, ""})
	}
	return list
}
