package main

import (
	"strings"
	"testing"

	"github.com/assent-epm/assent/agent/words"
)

// Each system is told of what it has, in lines that fit.
func TestTextsOfEachSystem(t *testing.T) {
	for system, row := range map[string]struct{ has, not string }{
		"linux":   {"sudo", "window"},
		"windows": {"in a window", "sudo|root"},
		"darwin":  {"as root or", "sudo inside"},
	} {
		w := textsOf(system)
		all := strings.Join([]string{w.session, w.sessionLong, w.sessionExample, w.adminLong, w.runLong, w.as, w.opened("", "12:00", "0ba7")}, "\n")
		if !strings.Contains(all, row.has) {
			t.Errorf("%s: %s", system, all)
		}
		for not := range strings.SplitSeq(row.not, "|") {
			if strings.Contains(all, not) {
				t.Errorf("%s, of %s: %s", system, not, all)
			}
		}
		if en, de := w.opened(words.English, "12:00", "0ba7"), w.opened(words.German, "12:00", "0ba7"); en == de || !strings.Contains(en, "until 12:00") || !strings.Contains(de, "bis 12:00") || !strings.HasSuffix(de, "checkin 0ba7") {
			t.Errorf("%s: %q, %q", system, en, de)
		}
		for line := range strings.SplitSeq(all, "\n") {
			if len(line) > 92 {
				t.Errorf("%s: too wide: %s", system, line)
			}
		}
		for _, text := range []string{w.sessionLong, w.adminLong} {
			if !strings.Contains(text, "\nExit: ") || !strings.Contains(strings.Join(strings.Fields(text), " "), "lock of the screen") {
				t.Errorf("%s: it does not say how it ends: %s", system, text)
			}
		}
	}
}
