package agent

import (
	"slices"
	"strings"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
)

// AskInstead offers somebody at their desktop to ask here, because the system asks
// them for an administrator. It is a hint: nothing is decided by it, and where the
// policy has nobody ask this way it is not given. program "" = it is not known.
func (a *Agent) AskInstead(user, program string, args []string) {
	if !a.hints() || !a.sits(user) {
		return
	}
	n := local.Notice{At: a.now(), Kind: local.NoticeInstead, Path: program}
	if program != "" {
		name := program[strings.LastIndexAny(program, `\/`)+1:]
		shown := intercept.Masking{Program: strings.TrimSuffix(strings.ToLower(name), ".exe"), Acts: elevation.Unbounded(program), More: a.Masks()}.Args(args)
		if n.Args = shown; !slices.Equal(shown, args) { // what was asked for can not be told, so it is not asked for
			n.Path, n.Args = "", nil
		}
		n.Text = inert.Clip(inert.Text(strings.Join(append([]string{name}, shown...), " ")), 300)
	}
	n.Line = inert.Clip("this computer asks for an administrator"+inert.Text(strings.TrimRight(": "+n.Text, ": "))+"; ask here instead: assent run PROGRAM", 400)
	a.mu.Lock()
	defer a.mu.Unlock()
	for w := range a.notices[user] {
		select {
		case w.notices <- n:
		default: // a hint is not worth it
		}
	}
}

// hints reports whether hints are given: while people ask by this mechanism, and
// the policy has not switched it off or only observes.
func (a *Agent) hints() bool {
	return a.inForce().Stance(elevation.ByUAC) == elevation.StanceAsk
}

// WantsHints reports whether hints are given and anybody sits at a desktop who could
// be told.
func (a *Agent) WantsHints() bool {
	a.mu.Lock()
	sits := len(a.sitting) > 0
	a.mu.Unlock()
	return sits && a.hints()
}
