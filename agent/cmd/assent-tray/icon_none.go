//go:build !windows && !tray

package main

import (
	"context"

	"github.com/assent-epm/assent/agent/tray"
)

// showIcon waits: this build has no icon, and everything else.
func showIcon(ctx context.Context, _ <-chan tray.State, _ func(key string)) { <-ctx.Done() }
