package admin

import (
	"errors"
	"strings"
	"testing"

	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

func TestCannedTextsAreBounded(t *testing.T) {
	many := make([]string, maxCannedTexts+1)
	for i := range many {
		many[i] = "text"
	}
	for name, tt := range map[string]struct {
		list []store.Canned
		want error
	}{
		"none":           {nil, nil},
		"two teams":      {[]store.Canned{{Questions: []string{"which?"}}, {Team: "platform", Denials: []string{"no"}}}, nil},
		"one team twice": {[]store.Canned{{Team: "a"}, {Team: "a"}}, elevation.ErrInvalid},
		"empty text":     {[]store.Canned{{Questions: []string{""}}}, elevation.ErrInvalid},
		"long text":      {[]store.Canned{{Denials: []string{strings.Repeat("a", maxCannedText+1)}}}, elevation.ErrInvalid},
		"NUL":            {[]store.Canned{{Denials: []string{"a\x00"}}}, elevation.ErrInvalid},
		"many texts":     {[]store.Canned{{Denials: many}}, elevation.ErrInvalid},
		"many teams":     {make([]store.Canned, maxCannedTeams+1), elevation.ErrInvalid},
	} {
		if err := checkCanned(tt.list); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if cannedSum([]store.Canned{{Questions: []string{"ab"}}}) == cannedSum([]store.Canned{{Questions: []string{"ac"}}}) {
		t.Error("a changed word is no change")
	}
}
