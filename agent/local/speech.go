package local

import (
	"context"
	"strings"

	"github.com/assent-epm/assent/agent/intercept"
)

// speech is how the caller is spoken with. Their terminal is known by the session
// of processes that has it.
func (t *talk) speech(v intercept.Voice) intercept.Speech {
	terminal := ""
	if t.ask.Terminal {
		terminal = terminalOf(t.peer)
	}
	return v.To(t.peer.user, terminal, func(name string) string {
		for _, v := range t.ask.Env {
			if value, ok := strings.CutPrefix(string(v), name+"="); ok {
				return value
			}
		}
		return ""
	})
}

// Secret implements [intercept.Confirmer].
func (t *talk) Secret(ctx context.Context, user string) (string, error) {
	if !t.ask.Terminal {
		return "", intercept.ErrNobody
	}
	if err := t.c.write(kSecret, say{Text: t.speaks.Tongue.Say("Password of %s, to confirm: ", user)}); err != nil {
		return "", err
	}
	f, err := t.expect(ctx, kTyped, 0)
	if err != nil {
		return "", err
	}
	var r typed
	if err := f.into(&r); err != nil {
		return "", err
	}
	if r.Nobody {
		return "", intercept.ErrNobody
	}
	return r.Text, nil
}
