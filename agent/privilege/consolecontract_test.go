package privilege

import (
	"strconv"
	"testing"

	"github.com/assent-epm/assent/agent/mactool"
)

// consoleContract is what is told of the screen of every Mac, of memory or not: people
// by their numbers, each with a name and a log-on, and one at most who is not locked.
func consoleContract(t *testing.T, tools mactool.Runner) {
	t.Helper()
	is, err := consoleLogins(t.Context(), tools)
	if err != nil {
		t.Fatal(err)
	}
	open := 0
	for session, l := range is {
		if uid, err := strconv.Atoi(session); err != nil || uid <= 0 || l.who == "" || l.since == 0 {
			t.Errorf("%s: %+v", session, l)
		}
		if !l.locked {
			open++
		}
	}
	if open > 1 {
		t.Errorf("%d people see one screen: %+v", open, is)
	}
	again, err := consoleLogins(t.Context(), tools)
	if err != nil || len(loginEvents(is, again)) != 0 {
		t.Errorf("nothing has happened, and it is %+v and %+v, %v", is, again, err)
	}
}
