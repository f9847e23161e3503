package intercept

import (
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/agent/words"
	"github.com/assent-epm/assent/shared/wire"
)

func TestEmergencyLine(t *testing.T) {
	now := time.Date(2026, 11, 21, 20, 0, 0, 0, time.Local)
	const id = "req_01a20002-de52-7f6c-8f51-715688a28732"
	const site = "https://assent.example"
	way := "sign in at " + site + ", open request " + id + " and take it as emergency access; this goes on by itself then."
	someone, later := []string{"bo"}, now.Add(time.Hour)
	for name, tt := range map[string]struct {
		p       wire.Progress
		console string
		wanted  bool
		want    string
	}{
		"somebody can answer":             {wire.Progress{CanAnswer: someone, Emergency: wire.EmergencyPossible}, site, false, ""},
		"nobody now":                      {wire.Progress{CanAnswerFrom: later, Emergency: wire.EmergencyPossible}, site, false, "Nobody can answer this before 21:00. In an emergency " + way},
		"nobody ever":                     {wire.Progress{Emergency: wire.EmergencyPossible}, site, false, "Nobody is there who could answer this. In an emergency " + way},
		"nobody now, and it is off":       {wire.Progress{CanAnswerFrom: later, Emergency: wire.EmergencyOff}, site, false, ""},
		"nobody now, and no account":      {wire.Progress{CanAnswerFrom: later, Emergency: wire.EmergencyUnlinked}, site, false, ""},
		"nobody now, an older controller": {wire.Progress{CanAnswerFrom: later}, site, false, ""},
		"wanted":                          {wire.Progress{CanAnswer: someone, Emergency: wire.EmergencyPossible}, site, true, "Emergency access needs you to show who you are: " + way},
		"wanted, an older controller":     {wire.Progress{}, "", true, "Emergency access needs you to show who you are: " + strings.Replace(way, site, "the console", 1)},
		"wanted, and it is off":           {wire.Progress{Emergency: wire.EmergencyOff}, site, true, "Emergency access is turned off; this waits for an approval."},
		"wanted, and no account": {wire.Progress{Emergency: wire.EmergencyUnlinked}, site, true,
			"Emergency access is not possible for you here: no account that may take it is linked to your user. This waits for an approval."},
		"a word of later": {wire.Progress{Emergency: "sometimes"}, site, false, ""},
		"an address that writes": {wire.Progress{Emergency: wire.EmergencyPossible}, "https://x\x1b[2J\u202e", false,
			"Nobody is there who could answer this. In an emergency " + strings.Replace(way, site, `https://x\x1b[2J\u{202e}`, 1)},
	} {
		t.Run(name, func(t *testing.T) {
			if got := EmergencyLine(words.English, id, tt.p, tt.console, tt.wanted, now); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}
