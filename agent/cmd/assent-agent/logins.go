package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/assent-epm/assent/agent/privilege"
)

// loginsAgain is between two tries to hear of logins.
const loginsAgain = 10 * time.Second

// watchLogins tells the agent of login sessions that are locked or over. Where the
// system does not tell (Linux without logind) a session ends with its terminal, and
// no lock is heard of.
func (p *parts) watchLogins(ctx context.Context, log *slog.Logger) error {
	for said := false; ; {
		err := privilege.WatchLogins(ctx, p.agent.LoginChanged)
		if ctx.Err() != nil {
			return nil
		}
		if !said {
			log.Info("locks of the screen and the end of logins are not heard of", "reason", err)
			said = true
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(loginsAgain):
		}
	}
}
