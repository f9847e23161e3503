package agent

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/shared/wire"
)

// The controller is told who a user of this machine is, by name or uid; root is
// nobody who asks, what can not be looked for is not said, and slow name services do
// not fill the agent.
func TestWho(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, t.TempDir())
		accounts := map[string]intercept.Account{"alice": {Name: "alice", Display: "Alice A.", UID: 1001}, "root": {Name: "root"}}
		slow := make(chan struct{})
		d.LookupName = func(name string) (intercept.Account, error) {
			switch a, ok := accounts[name]; {
			case name == "slow":
				<-slow
				return intercept.Account{}, intercept.ErrNoUser
			case name == "broken":
				return intercept.Account{}, errors.New("the name service is down")
			case ok:
				return a, nil
			}
			return intercept.Account{}, intercept.ErrNoUser
		}
		d.Lookup = func(user string) (intercept.Account, error) {
			if user != alice {
				return intercept.Account{}, intercept.ErrNoUser
			}
			return accounts["alice"], nil
		}
		for n, row := range []struct {
			who wire.Who
			uid string
		}{{wire.Who{Name: "alice"}, alice}, {wire.Who{UID: alice}, alice}, {wire.Who{Name: "mallory"}, ""}, {wire.Who{UID: "7"}, ""}, {wire.Who{Name: "root"}, ""}} {
			row.who.N = uint64(n + 1)
			d.answer(wire.TWho, row.who)
			if m := next[wire.Known](d); m.N != row.who.N || m.User.UID != row.uid || (m.User.Name == "alice") != (row.uid != "") {
				t.Errorf("%+v: %+v", row.who, m)
			}
		}
		d.answer(wire.TWho, wire.Who{N: 90, Name: "broken"})
		synctest.Wait()
		for n := range uint64(maxWho + 3) {
			d.answer(wire.TWho, wire.Who{N: 100 + n, Name: "slow"})
		}
		synctest.Wait()
		close(slow)
		for n := range uint64(maxWho) {
			if m := next[wire.Known](d); m.N < 100 || m.N >= 100+maxWho {
				t.Errorf("answer %d: %+v", n, m)
			}
		}
		synctest.Wait()
		d.answer(wire.TWho, wire.Who{N: 200, Name: "alice"})
		if m := next[wire.Known](d); m.N != 200 {
			t.Errorf("afterwards: %+v", m)
		}
	})
}
