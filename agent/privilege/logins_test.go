package privilege

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestWhatBecomesOfLogins(t *testing.T) {
	alice := login{who: `PC7\alice`, since: 5}
	locked, again := alice, alice
	locked.locked, again.since = true, 9
	for name, row := range map[string]struct {
		was, is map[string]login
		want    []LoginEvent
	}{
		"nothing":            {map[string]login{"1": alice}, map[string]login{"1": alice}, nil},
		"somebody comes":     {nil, map[string]login{"1": alice}, nil},
		"locked":             {map[string]login{"1": alice}, map[string]login{"1": locked}, []LoginEvent{{Session: "1", Locked: true}}},
		"still locked":       {map[string]login{"1": locked}, map[string]login{"1": locked}, nil},
		"open again":         {map[string]login{"1": locked}, map[string]login{"1": alice}, nil},
		"locked at first":    {nil, map[string]login{"1": locked}, []LoginEvent{{Session: "1", Locked: true}}},
		"gone":               {map[string]login{"1": alice}, nil, []LoginEvent{{Session: "1"}}},
		"logged on anew":     {map[string]login{"1": alice}, map[string]login{"1": again}, []LoginEvent{{Session: "1"}}},
		"somebody else":      {map[string]login{"1": alice}, map[string]login{"1": {who: `PC7\bob`, since: 5}}, []LoginEvent{{Session: "1"}}},
		"of another session": {map[string]login{"1": alice, "2": alice}, map[string]login{"1": alice, "2": locked}, []LoginEvent{{Session: "2", Locked: true}}},
	} {
		if got := loginEvents(row.was, row.is); !slices.Equal(got, row.want) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// One session that can not be looked at hides no lock of another one, and counts as
// over; when none can be looked at nothing is known.
func TestSessionsThatCanNotBeLookedAt(t *testing.T) {
	broken := errors.New("it is gone")
	look := func(session uint32) (login, error) {
		switch session {
		case 1:
			return login{who: "mia", locked: true}, nil
		case 2:
			return login{}, nil
		}
		return login{}, broken
	}
	is, err := loginsIn([]uint32{1, 2, 65536}, look)
	if err != nil || len(is) != 1 || !is["1"].locked {
		t.Errorf("%+v, %v", is, err)
	}
	if events := loginEvents(map[string]login{"1": {who: "mia"}, "65536": {who: "bob"}}, is); len(events) != 2 {
		t.Errorf("%+v", events)
	}
	if is, err := loginsIn([]uint32{7, 8}, look); !errors.Is(err, broken) {
		t.Errorf("%+v, %v", is, err)
	}
	if is, err := loginsIn(nil, look); len(is) != 0 || err != nil {
		t.Errorf("nobody: %+v, %v", is, err)
	}
}

// contractOfTerminals is what Windows tells of sessions; mine is that of this program.
func contractOfTerminals(t *testing.T, of terminals, mine uint32) {
	all, err := of.sessions()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(all, func(s terminal) bool { return s.number == mine }) {
		t.Errorf("the session of this program is none: %+v", all)
	}
	if o, err := of.occupant(1 << 30); err == nil {
		t.Errorf("in a session that is not there is %+v", o)
	}
	o, err := of.occupant(mine)
	if err != nil {
		t.Skipf("Wine does not tell who is in a session (%v): what is made of it is shown by TestWhoIsLoggedOn", err)
	}
	if mine != 0 && (o.user == "" || o.since == 0) { // nobody sits in that of services
		t.Errorf("in the session of this program is %+v", o)
	}
}

// withSessions is a machine with people before it.
func withSessions() *village {
	v := newVillage()
	v.states = map[uint32]uint32{0: wtsDisconnected, 1: 0, 2: 0, 3: wtsDisconnected, 4: 1, 65536: wtsListens}
	v.seats = map[uint32]occupant{0: {user: "SYSTEM", since: 1}, 1: {user: "alice", domain: "PC7", since: 5, flags: 1}, 2: {user: "bob", domain: "PC7", since: 6, flags: wtsLocked},
		3: {user: "mia", domain: "CORP", since: 7, flags: 1}, 65536: {user: "nobody", flags: 1}}
	return v
}

func TestTerminalsOfTheVillage(t *testing.T) { contractOfTerminals(t, withSessions(), 1) }

// Who sits before a screen, or has left one that nobody sees; not services, not what
// waits for somebody, and no session that nobody has logged on to.
func TestWhoIsLoggedOn(t *testing.T) {
	v := withSessions()
	is, err := windowsLogins(v)
	want := map[string]login{"1": {who: `PC7\alice`, since: 5}, "2": {who: `PC7\bob`, since: 6, locked: true}, "3": {who: `CORP\mia`, since: 7, locked: true}}
	if err != nil || !maps.Equal(is, want) {
		t.Errorf("%+v, %v", is, err)
	}
	for _, call := range []string{"sessions", "occupant"} {
		v.fails = map[string]error{call: errBroken}
		if is, err := windowsLogins(v); !errors.Is(err, errBroken) {
			t.Errorf("%s fails, and everybody is gone: %+v, %v", call, is, err)
		}
	}
}

// The watch hears of a lock and of who has gone, once, and ends when nothing is known.
func TestWatchOfTerminals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := withSessions()
		delete(v.states, 2)
		delete(v.states, 3)
		var heard []LoginEvent
		looks := 0
		err := pollLogins(t.Context(), time.Second, func(context.Context) (map[string]login, error) {
			switch looks++; looks {
			case 3:
				v.seats[1] = occupant{user: "alice", domain: "PC7", since: 5, flags: wtsLocked}
			case 5:
				delete(v.seats, 1)
			case 7:
				v.fails["sessions"] = errBroken
			}
			return windowsLogins(v)
		}, func(e LoginEvent) { heard = append(heard, e) })
		if !errors.Is(err, errBroken) || !slices.Equal(heard, []LoginEvent{{Session: "1", Locked: true}, {Session: "1"}}) {
			t.Errorf("%+v, %v", heard, err)
		}
	})
}
