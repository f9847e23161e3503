package agent

import (
	"sync"

	"github.com/assent-epm/assent/agent/words"
	"github.com/assent-epm/assent/shared/elevation"
)

// tongues are the languages of those who use grants. It is memory only: after a
// restart of the agent they are spoken with as the policy says.
type tongues struct {
	mu sync.Mutex // guards the field below
	of map[elevation.GrantID]words.Tongue
}

// maxTongues is more than anybody uses at a time.
const maxTongues = 4096

// speaks notes the language of whoever got a grant.
func (t *tongues) speaks(id elevation.GrantID, tongue words.Tongue) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.of == nil || len(t.of) >= maxTongues {
		t.of = map[elevation.GrantID]words.Tongue{}
	}
	t.of[id] = tongue
}

func (t *tongues) forget(id elevation.GrantID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.of, id)
}

// tongueOf is the language in which the user of a grant is told something.
func (a *Agent) tongueOf(id elevation.GrantID) words.Tongue {
	a.lent.tongues.mu.Lock()
	tongue, known := a.lent.tongues.of[id]
	a.lent.tongues.mu.Unlock()
	if known {
		return tongue
	}
	return words.For(a.Words().Language, func(string) string { return "" })
}
