package agent

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

func who(groups ...intercept.Group) func(string) (intercept.Account, error) {
	return func(string) (intercept.Account, error) {
		return intercept.Account{Name: "alice", UID: aliceUID, Groups: groups}, nil
	}
}

func TestD11StanceOfEveryModeAndMechanism(t *testing.T) {
	for _, c := range []struct {
		mode      elevation.Mode
		mechanism string // what the policy says of sudo
		group     string
		paused    time.Duration
		sudo      elevation.Stance
		kind      wire.SeenKind
		run       error // of assent run
	}{
		{mode: "ask", sudo: elevation.StanceAsk, kind: wire.SeenObserved},
		{mode: "ask", mechanism: "allow", sudo: elevation.StanceObserve, kind: wire.SeenObserved},
		{mode: "ask", mechanism: "deny", sudo: elevation.StanceDeny, kind: wire.SeenObserved},
		{mode: "ask", mechanism: "off", sudo: elevation.StanceOff, kind: wire.SeenObserved},
		{mode: "ask", group: "rescue", sudo: elevation.StanceObserve, kind: wire.SeenBreakGlass},
		{mode: "ask", mechanism: "deny", group: "rescue", sudo: elevation.StanceObserve, kind: wire.SeenBreakGlass},
		{mode: "ask", group: "others", sudo: elevation.StanceAsk, kind: wire.SeenObserved},
		{mode: "ask", paused: time.Hour, sudo: elevation.StanceObserve, kind: wire.SeenObserved, run: intercept.ErrObserves},
		{mode: "ask", paused: -time.Hour, sudo: elevation.StanceAsk, kind: wire.SeenObserved},
		{mode: "observe", sudo: elevation.StanceObserve, kind: wire.SeenObserved, run: intercept.ErrObserves},
		{mode: "observe", mechanism: "deny", sudo: elevation.StanceObserve, kind: wire.SeenObserved, run: intercept.ErrObserves},
		{mode: "observe", group: "rescue", sudo: elevation.StanceObserve, kind: wire.SeenBreakGlass},
		{mode: "off", sudo: elevation.StanceOff, kind: wire.SeenObserved, run: intercept.ErrOff},
		{mode: "off", paused: time.Hour, sudo: elevation.StanceOff, kind: wire.SeenObserved, run: intercept.ErrOff},
		{mode: "off", group: "rescue", sudo: elevation.StanceOff, kind: wire.SeenObserved, run: intercept.ErrOff},
		{mode: "soon", sudo: elevation.StanceDeny, kind: wire.SeenObserved, run: &intercept.Refused{}},
	} {
		t.Run(fmt.Sprint(c.mode, " ", c.mechanism, " ", c.group, " ", c.paused), func(t *testing.T) {
			d := newDesk(t, t.TempDir())
			p := policy(1)
			p.Mode, p.BreakGlass, p.Mechanisms = c.mode, "rescue", map[string]string{"sudo": c.mechanism}
			if c.mechanism == "" {
				p.Mechanisms = nil
			}
			if c.paused != 0 {
				p.Paused = &elevation.Pause{Until: time.Now().Add(c.paused), By: "ada"}
			}
			d.Lookup = who(intercept.Group{Name: c.group, GID: 77})
			d.send(p)
			// The groups of the account were looked up before, and are not believed.
			if s, kind := d.Stance(elevation.BySudo, intercept.Account{UID: aliceUID, Groups: []intercept.Group{{Name: "rescue", GID: 77}}}); s != c.sudo || kind != c.kind {
				t.Errorf("sudo: %s %s", s, kind)
			}
			err := d.mayAsk(elevation.Attempt{Mechanism: "assent", User: elevation.User{UID: "1001"}})
			var refused, want *intercept.Refused
			if errors.As(c.run, &want) {
				if !errors.As(err, &refused) {
					t.Errorf("assent run: %v", err)
				}
			} else if !errors.Is(err, c.run) {
				t.Errorf("assent run: %v", err)
			}
			if err := d.mayAsk(elevation.Attempt{Mechanism: "sudo", User: elevation.User{UID: "1001"}}); err != nil {
				t.Errorf("sudo asks for itself: %v", err)
			}
		})
	}
}

// A group that is not there has no members, also when somebody's group has its
// name as a number; and who can not be looked up is none.
func TestD11BreakGlassOfNoGroup(t *testing.T) {
	d := newDesk(t, t.TempDir())
	p := policy(1)
	p.Mode, p.BreakGlass = elevation.ModeAsk, "4711"
	d.send(p)
	d.Lookup = who(intercept.Group{Name: "4711", GID: 4711})
	if s, _ := d.Stance(elevation.BySudo, intercept.Account{UID: aliceUID}); s != elevation.StanceAsk {
		t.Errorf("a group without a name: %s", s)
	}
	p.Version, p.BreakGlass = 2, "rescue"
	d.send(p)
	d.Lookup = func(string) (intercept.Account, error) { return intercept.Account{}, intercept.ErrNoUser }
	if s, _ := d.Stance(elevation.BySudo, intercept.Account{UID: aliceUID, Groups: []intercept.Group{{Name: "rescue", GID: 7}}}); s != elevation.StanceAsk {
		t.Errorf("somebody unknown: %s", s)
	}
}

func TestD11ModeOfTheEnrolmentUntilAPolicyComes(t *testing.T) {
	d := newDesk(t, t.TempDir())
	d.Mode = elevation.ModeObserve
	if s, _ := d.Stance(elevation.BySudo, intercept.Account{UID: aliceUID}); s != elevation.StanceObserve {
		t.Errorf("before a policy: %s", s)
	}
	p := policy(1)
	p.Name, p.Mode = "", ""
	d.send(p)
	if s, _ := d.Stance(elevation.BySudo, intercept.Account{UID: aliceUID}); s != elevation.StanceObserve {
		t.Errorf("a policy that says nothing of the mode: %s", s)
	}
	p.Version, p.Mode = 2, elevation.ModeAsk
	d.send(p)
	if s, _ := d.Stance(elevation.BySudo, intercept.Account{UID: aliceUID}); s != elevation.StanceAsk {
		t.Errorf("with a policy: %s", s)
	}
}

// hands are clocks that a test sets.
type hands struct{ wall, boot time.Duration }

func (h *hands) at(base time.Time, boot string) grants.Clock {
	return func() grants.Moment {
		return grants.Moment{Wall: base.Add(h.wall), Boot: time.Hour + h.boot, BootID: boot}
	}
}

// A pause ends by the clock that comes first, without the controller, and neither
// a clock that is set back nor a restart makes it longer.
func TestD11PauseEndsByEveryClock(t *testing.T) {
	base := time.Now()
	paused := func(d *desk) bool {
		s, _ := d.Stance(elevation.BySudo, intercept.Account{UID: aliceUID})
		return s == elevation.StanceObserve
	}
	for name, c := range map[string]struct {
		later   hands
		restart bool
		boot    string // another one after the restart
		then    hands  // after that
		want    bool
	}{
		"at once":                        {hands{}, false, "", hands{}, true},
		"before the end":                 {hands{59 * time.Minute, 59 * time.Minute}, false, "", hands{}, true},
		"at the end":                     {hands{time.Hour, time.Hour}, false, "", hands{}, false},
		"wall clock set forward":         {hands{2 * time.Hour, time.Minute}, false, "", hands{}, false},
		"wall clock set back":            {hands{-30 * time.Minute, time.Hour}, false, "", hands{}, false},
		"restart":                        {hands{59 * time.Minute, 59 * time.Minute}, true, "", hands{}, true},
		"restart, wall clock set back":   {hands{time.Second, time.Hour}, true, "", hands{}, false},
		"reboot":                         {hands{30 * time.Minute, 0}, true, "boot-2", hands{}, true},
		"reboot after the end":           {hands{61 * time.Minute, 0}, true, "boot-2", hands{}, false},
		"reboot, wall clock of long ago": {hands{-24 * time.Hour, 0}, true, "boot-2", hands{}, false},
		"reboot, wall clock a minute ago, boot clock at the end": {hands{-time.Minute, 0}, true, "boot-2", hands{-time.Minute, time.Hour}, false},
	} {
		t.Run(name, func(t *testing.T) {
			var h hands
			dir := t.TempDir()
			d := newDesk(t, dir)
			d.Clock = h.at(base, "boot-1")
			p := policy(4)
			p.Mode, p.At, p.Paused = elevation.ModeAsk, base, &elevation.Pause{Until: base.Add(time.Hour), By: "ada", Reason: "outage"}
			d.send(p)
			h = c.later
			if c.restart {
				d.Close()
				boot := "boot-1"
				if c.boot != "" {
					boot = c.boot
				}
				d2 := &desk{t: t, dir: dir, news: make(chan struct{}, 64), key: d.key}
				a, err := New(t.Context(), Config{Data: dir, Cluster: "c", Endpoint: "ep_1", Conn: d2, Ledger: d.Ledger, Clock: h.at(base, boot), Log: d.Log})
				if err != nil {
					t.Fatal(err)
				}
				defer a.Close()
				d2.Agent, d = a, d2
			}
			if c.then != (hands{}) {
				h = c.then
			}
			if got := paused(d); got != c.want {
				t.Errorf("paused: %v", got)
			}
		})
	}
}

func seenOf(path string, uid string) elevation.Attempt {
	a := attempt()
	a.Subject.Path, a.User.UID = path, uid
	return a
}

func (d *desk) seen() []wire.Seen {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []wire.Seen
	for _, m := range d.told {
		if s, ok := m.(wire.Seen); ok {
			out = append(out, s)
		}
	}
	return out
}

// The same thing by the same person within a minute is one event with a number,
// told at once and again with the number.
func TestD11SeenIsOneEventAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, t.TempDir())
		for range 40 {
			d.Saw(wire.SeenObserved, seenOf("/usr/bin/id", "1001"))
		}
		d.Saw(wire.SeenObserved, seenOf("/usr/bin/id", "1002"))
		d.Saw(wire.SeenOwn, seenOf("/usr/bin/id", "1001"))
		d.Saw(wire.SeenBreakGlass, seenOf("/usr/bin/id", "1001"))
		synctest.Wait()
		first := d.seen()
		if len(first) != 4 {
			t.Fatalf("%d messages", len(first))
		}
		time.Sleep(seenWindow + time.Second)
		synctest.Wait()
		all := d.seen()
		if len(all) != 5 || all[4].Times != 40 {
			t.Fatalf("%d messages: %+v", len(all), all[len(all)-1])
		}
		same := false
		for _, m := range first {
			same = same || m.ID == all[4].ID && m.Times == 1
		}
		if !same {
			t.Error("the number came with another id")
		}
		d.Saw(wire.SeenObserved, seenOf("/usr/bin/id", "1001"))
		synctest.Wait()
		if all := d.seen(); len(all) != 6 || all[5].Times != 1 || all[5].ID == all[4].ID {
			t.Errorf("a minute later: %+v", all[len(all)-1])
		}
	})
}

// Ten thousand different commands fill neither the memory nor the disk, and a
// flood of one person hides neither another one's use nor broken glass.
func TestD11SeenIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, t.TempDir())
		for i := range 10_000 {
			d.Saw(wire.SeenObserved, seenOf(fmt.Sprint("/usr/bin/p", i), "1001"))
		}
		d.Saw(wire.SeenObserved, seenOf("/usr/bin/id", "1002"))
		d.Saw(wire.SeenBreakGlass, seenOf("/usr/bin/id", "1003"))
		synctest.Wait()
		if n := len(d.seen()); n > 70 || n < 60 {
			t.Errorf("%d messages", n)
		}
		var other, glass bool
		for _, m := range d.seen() {
			other, glass = other || m.Attempt.User.UID == "1002", glass || m.Kind == wire.SeenBreakGlass
		}
		if !other || !glass {
			t.Errorf("another one's: %v, broken glass: %v", other, glass)
		}
		// Weeks without a controller.
		for i := range 40_000 {
			d.Saw(wire.SeenObserved, seenOf(fmt.Sprint("/usr/bin/p", i), fmt.Sprint(2000+i%50)))
			if i%10 == 0 {
				time.Sleep(time.Second)
				synctest.Wait()
			}
		}
		if n := d.Kept(wire.TSeen); n > seenKept+sightsLine {
			t.Errorf("%d messages are kept", n)
		}
		d.sights.mu.Lock()
		open, users := len(d.sights.open), len(d.sights.users)
		d.sights.mu.Unlock()
		if open > sightsOpen || users > seenUsers {
			t.Errorf("%d things and %d users are remembered", open, users)
		}
		before := len(d.seen())
		d.Saw(wire.SeenBreakGlass, seenOf("/usr/bin/whoami", "1003"))
		if len(d.seen()) != before+1 {
			t.Error("broken glass is not told any more")
		}
	})
}

// What waits to be told is told when the agent stops.
func TestD11SeenOutlivesAStop(t *testing.T) {
	d := newDesk(t, t.TempDir())
	for range 3 {
		d.Saw(wire.SeenObserved, seenOf("/usr/bin/id", "1001"))
	}
	d.Close()
	if all := d.seen(); len(all) != 2 || all[1].Times != 3 {
		t.Errorf("%+v", all)
	}
}
