package intercept

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/assent-epm/assent/agent/words"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
	"github.com/assent-epm/assent/shared/wire"
)

// maxChoices is how many reasons can be chosen by one digit.
const maxChoices = 9

// Introduction is what stands above a prompt, and the reasons that its numbers
// choose: the policy's, then those that the person gave before.
type Introduction struct {
	Lines   []string
	Choices []string
	Again   string // that Enter alone takes, "" = none
}

// Introduce says to a person what is needed of them. again must be one of recent
// or "".
func Introduce(t words.Tongue, n wire.Need, recent []string, again string, company []string) Introduction {
	var in Introduction
	if n.Message != "" {
		in.Lines = append(in.Lines, oneLine(n.Message, 300))
	}
	to := t.Say("This needs an approval")
	if len(n.GoesTo) > 0 {
		to = t.Say("This needs an approval by %s", oneLine(strings.Join(n.GoesTo, ", "), 120))
	}
	if n.UsualWait >= time.Second {
		to += ", " + t.Say("usually within %s", Elapsed(n.UsualWait))
	}
	to += "."
	if n.ReasonMin > 1 {
		to += " " + t.Say("Say why in at least %d characters.", n.ReasonMin)
	}
	in.Lines = append(append(in.Lines, to), company...)
	if n.ReasonMin <= 0 {
		return in
	}
	for _, s := range slices.Concat(n.Presets, recent) {
		if len(in.Choices) < maxChoices && !slices.Contains(in.Choices, s) {
			in.Choices = append(in.Choices, s)
		}
	}
	for i, s := range in.Choices {
		in.Lines = append(in.Lines, "  "+string(rune('1'+i))+"  "+oneLine(s, 100))
	}
	if again != "" {
		in.Again = again
		in.Lines = append(in.Lines, t.Say("Enter alone takes your last one: %s", oneLine(again, 100)))
	}
	return in
}

// Choose is the reason that a typed answer stands for.
func (in Introduction) Choose(typed string) string {
	typed = strings.TrimSpace(typed)
	switch {
	case typed == "":
		return in.Again
	case len(typed) == 1 && typed[0] >= '1' && int(typed[0]-'1') < len(in.Choices):
		return in.Choices[typed[0]-'1']
	}
	return typed
}

// oneLine is text from elsewhere as one harmless line.
func oneLine(s string, limit int) string {
	return inert.Clip(inert.Text(strings.Join(strings.Fields(s), " ")), limit)
}

// Limits of what is asked at a prompt.
const (
	MaxAsk           = 5   // times that something is asked for again
	maxTicketPattern = 512 // of a ticket, in bytes
)

// TicketFits reports whether a ticket is one that the pattern wants. Of a pattern
// that can not be read everything that is not empty may be one: the controller
// checks it anyway.
func TicketFits(pattern, ticket string) bool {
	if ticket == "" || elevation.CheckText("ticket", ticket, elevation.MaxTicket) != nil {
		return false
	}
	re, err := regexp.Compile("^(?:" + pattern + ")$")
	return err != nil || len(pattern) > maxTicketPattern || re.MatchString(ticket)
}
