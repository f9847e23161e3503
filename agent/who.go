package agent

import (
	"errors"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// This file tells the controller about a user of this machine who was named there and
// has asked for nothing here yet.

// maxWho is how many are looked for at the same time: name services may be slow. Those
// above get no answer.
const maxWho = 4

// who answers without keeping the link waiting.
func (a *Agent) who(m wire.Who) error {
	if a.looking.Add(1) > maxWho {
		a.looking.Add(-1)
		return nil
	}
	a.background.Go(func() {
		defer a.looking.Add(-1)
		known := wire.Known{N: m.N, User: elevation.User{Groups: []string{}}}
		look, key := a.LookupName, m.Name
		if key == "" {
			look, key = a.Lookup, m.UID
		}
		switch account, err := look(key); {
		case errors.Is(err, intercept.ErrNoUser), err == nil && account.User() == "0": // root asks nobody
		case err != nil:
			a.Log.Warn("the controller asks for a user who can not be looked for", "error", err)
			return
		default:
			known.User = account.AsUser()
		}
		if err := a.Conn.Send(wire.TKnown, known); err != nil {
			a.Log.Debug("a user was not told", "error", err)
		}
	})
	return nil
}
