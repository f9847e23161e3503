package intercept

import (
	"time"

	"github.com/assent-epm/assent/agent/words"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// Voice is how this endpoint speaks with people. The zero value speaks English,
// adds nothing and remembers nothing.
type Voice struct {
	Words   func() elevation.Words // the company's own; nil = none
	Reasons *words.Reasons         // that people gave; nil = nothing is remembered
}

// Speech is how one person is spoken with.
type Speech struct {
	Tongue  words.Tongue
	Company []string // lines

	reasons  *words.Reasons
	user     string
	terminal string
}

// To begins to speak with a user. The terminal names where they sit, "" = at none;
// env reads the variables of their language.
func (v Voice) To(user, terminal string, env func(name string) string) Speech {
	w := elevation.Words{}
	if v.Words != nil {
		w = v.Words()
	}
	tongue := words.For(w.Language, env)
	return Speech{Tongue: tongue, Company: tongue.Company(w), reasons: v.Reasons, user: user, terminal: terminal}
}

// Introduce is what stands above the prompt for what is needed.
func (s Speech) Introduce(n wire.Need, now time.Time) Introduction {
	if s.reasons == nil {
		return Introduce(s.Tongue, n, nil, "", s.Company)
	}
	return Introduce(s.Tongue, n, s.reasons.Recent(s.user), s.reasons.Again(s.user, s.terminal, now), s.Company)
}

// Given remembers a reason that the person gave.
func (s Speech) Given(reason string, now time.Time) {
	if s.reasons != nil {
		s.reasons.Remember(s.user, s.terminal, reason, now)
	}
}
