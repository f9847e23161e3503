package privilege

import (
	"context"

	"github.com/assent-epm/assent/agent/mactool"
)

// WatchLogins calls hear for everybody who has logged out at the screen of this
// machine or whose screen is locked, until ctx ends. It looks again and again:
// nothing tells a daemon without the libraries of the desktop.
func WatchLogins(ctx context.Context, hear func(LoginEvent)) error {
	return pollLogins(ctx, consoleLook, func(ctx context.Context) (map[string]login, error) { return consoleLogins(ctx, mactool.System{}) }, hear)
}
