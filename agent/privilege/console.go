package privilege

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/assent-epm/assent/agent/mactool"
)

// This file reads who sits before a Mac's screen, and whether it is locked, out of
// what ioreg tells of the window server's sessions.

// consoleLook is between two looks at it.
const consoleLook = 5 * time.Second

// consoleLogins asks ioreg. A session is called by its user's number, as seats of
// macOS are.
func consoleLogins(ctx context.Context, tools mactool.Runner) (map[string]login, error) {
	raw, err := mactool.Answer(ctx, tools, mactool.Ioreg, nil, "-n", "Root", "-d1", "-a")
	if err != nil {
		return nil, fmt.Errorf("ask who is at the screen: %w", err)
	}
	dict, err := mactool.Dict(raw)
	if err != nil {
		return nil, fmt.Errorf("ask who is at the screen: %w", err)
	}
	out := map[string]login{}
	sessions, ok := dict["IOConsoleUsers"].([]any)
	if !ok {
		return out, nil // a Mac without a screen, or before anybody came
	}
	for _, one := range sessions {
		s, _ := one.(map[string]any)
		uid, known := s["kCGSSessionUserIDKey"].(int64)
		if done, _ := s["kCGSessionLoginDoneKey"].(bool); !done || !known || uid <= 0 {
			continue // the window where people log in
		}
		l := login{}
		l.who, _ = s["kCGSSessionUserNameKey"].(string)
		l.since, _ = s["kCGSSessionAuditIDKey"].(int64)
		locked, _ := s["CGSSessionScreenIsLocked"].(bool)
		before, _ := s["kCGSSessionOnConsoleKey"].(bool)
		l.locked = locked || !before // somebody else has the screen
		key := strconv.FormatInt(uid, 10)
		if other, twice := out[key]; twice && !other.locked {
			continue // one that is seen counts
		}
		out[key] = l
	}
	return out, nil
}
