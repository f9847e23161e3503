package admin

import (
	"crypto/sha256"
	"fmt"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// Bounds of the texts that approvers choose from.
const (
	maxCannedTeams = 100
	maxCannedTexts = 50
	maxCannedText  = 500 // characters
)

func checkCanned(list []store.Canned) error {
	if len(list) > maxCannedTeams {
		return fmt.Errorf("%w: canned has texts of more than %d teams", elevation.ErrInvalid, maxCannedTeams)
	}
	seen := map[string]bool{}
	for _, c := range list {
		if seen[c.Team] {
			return fmt.Errorf("%w: canned names the team %q twice", elevation.ErrInvalid, audit.Clip(c.Team, 80))
		}
		seen[c.Team] = true
		if err := elevation.CheckText("team of canned texts", c.Team, 200); err != nil {
			return err
		}
		for _, texts := range [][]string{c.Questions, c.Denials} {
			if len(texts) > maxCannedTexts {
				return fmt.Errorf("%w: canned has more than %d texts of one kind for a team", elevation.ErrInvalid, maxCannedTexts)
			}
			for _, text := range texts {
				if text == "" {
					return fmt.Errorf("%w: canned has an empty text", elevation.ErrInvalid)
				}
				if err := elevation.CheckText("canned text", text, maxCannedText); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// cannedSum is what an audit event says of the texts: how many there are, and a
// fingerprint that differs when a word does.
func cannedSum(list []store.Canned) string {
	questions, denials := 0, 0
	h := sha256.New()
	for _, c := range list {
		questions, denials = questions+len(c.Questions), denials+len(c.Denials)
		fmt.Fprintf(h, "%q %q %q;", c.Team, c.Questions, c.Denials)
	}
	return fmt.Sprintf("%d questions, %d denials (%x)", questions, denials, h.Sum(nil)[:6])
}
