package main

import (
	"context"
	"path/filepath"

	"github.com/assent-epm/assent/agent/intercept/held"
	"github.com/assent-epm/assent/shared/elevation"
)

// beside are the parts that only macOS has.
func (p *parts) beside() []func(context.Context) error {
	return []func(context.Context) error{p.holdRights, p.holdStarts, p.lendSudo, func(ctx context.Context) error { return p.watchLogins(ctx, p.log) }}
}

// lendSudo answers our own program where sudo starts it. Without that programs run
// without a terminal of their own, and everything else goes on.
func (p *parts) lendSudo(ctx context.Context) error {
	return optional(p.log, "sudo is not lent rules any more", func() error { return p.agent.ServeErrands(ctx) })
}

// holdStarts answers for programs that macOS holds as they start, where this build may.
func (p *parts) holdStarts(ctx context.Context) error {
	salt, err := loadSalt(filepath.Join(p.set.data, "salt"))
	if err != nil {
		return err
	}
	return held.Serve(ctx, held.Open, held.Config{Flow: p.agent, Salt: salt, Masks: p.agent.Masks, Log: p.log})
}

// capabilitiesHere is what only macOS can do.
func capabilitiesHere() []string {
	list := []string{elevation.CanAuthorizationRights}
	if held.Usable() == nil {
		list = append(list, held.Can)
	}
	return list
}
