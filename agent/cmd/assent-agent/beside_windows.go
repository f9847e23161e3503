package main

import (
	"context"
	"time"

	"github.com/assent-epm/assent/agent/consent"
)

// beside are the parts that only Windows has.
func (p *parts) beside() []func(context.Context) error {
	return []func(context.Context) error{p.hint, p.keepTray, func(ctx context.Context) error { return p.watchLogins(ctx, p.log) }}
}

// hint offers people to ask here when Windows asks them for an administrator.
func (p *parts) hint(ctx context.Context) error {
	w := &consent.Watcher{System: consent.Here{}, Wanted: p.agent.WantsHints,
		Tell: func(q consent.Prompt) { p.agent.AskInstead(q.Person, q.Program, q.Args) }, Log: p.log, Now: time.Now}
	return w.Watch(ctx)
}

// capabilitiesHere is what only Windows can do.
func capabilitiesHere() []string { return confirms(passwords().Possible()) }
