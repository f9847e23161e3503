package agent

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/shared/elevation"
)

// TestAdminOfADirectory: an account that only a directory knows is administrator
// for a while by a place in this machine's group, and by nothing else; who has its
// name or number here, or is another one there by now, gets nothing.
func TestAdminOfADirectory(t *testing.T) {
	o := newOffice(t)
	line := fmt.Sprintf("bob:x:%d:%d:Bob:/:/bin/sh\n", bobUID, bobUID)
	o.edit("passwd", line, "")
	p := o.permit()
	c, _ := o.sits()
	running, leave, err := o.shell(p, c)
	if err != nil {
		t.Fatal(err)
	}
	if got := o.members(); !slices.Equal(got, []string{"carol", "bob"}) || running.PID == 0 {
		t.Errorf("in the group are %v", got)
	}
	e := o.entry(p.Grant.ID)
	if m := e.Effect.Group; m == nil || !m.Directory || !o.sameAccount(*m) {
		t.Errorf("the ledger has %+v", m)
	}
	known := o.user
	o.user = "rob" // the directory gave the number to somebody else
	if o.sameAccount(*e.Effect.Group) {
		t.Error("somebody else is taken for them")
	}
	if err := o.MayBecome(t.Context(), fmt.Sprint(bobUID)); err != nil {
		t.Errorf("that one may ask for themself: %v", err)
	}
	o.user = known
	leave()
	if e := o.isEnded(p.Grant.ID); e.EndReason != elevation.Completed {
		t.Errorf("it ended as %s", e.EndReason)
	}
	if got := o.members(); !slices.Equal(got, []string{"carol"}) {
		t.Errorf("in the group are %v", got)
	}
	for name, there := range map[string]string{"of the same name": "bob:x:1009:1009::/:/bin/sh\n", "of the same number": fmt.Sprintf("eve:x:%d:%d::/:/bin/sh\n", bobUID, bobUID)} {
		t.Run("an account here "+name, func(t *testing.T) {
			o := newOffice(t)
			o.edit("passwd", line, there)
			p := o.permit()
			c, _ := o.sits()
			if _, _, err := o.shell(p, c); !errors.Is(err, errNotHere) {
				t.Errorf("got %v", err)
			}
			if got := o.members(); !slices.Equal(got, []string{"carol"}) {
				t.Errorf("in the group are %v", got)
			}
		})
	}
	gone := newOffice(t)
	gone.edit("passwd", line, "")
	p = gone.permit()
	c, _ = gone.sits()
	gone.Lookup = func(string) (intercept.Account, error) { return intercept.Account{}, intercept.ErrNoUser }
	if _, _, err := gone.shell(p, c); !errors.Is(err, intercept.ErrNoUser) {
		t.Errorf("the directory does not answer: %v", err)
	}
}
