package grants

import (
	"errors"
	"testing"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
)

func TestExtend(t *testing.T) {
	l, dir := ledger(t)
	e := armed(Effect{})
	e.Total = 5 * time.Minute
	if err := l.Put(e); err != nil {
		t.Fatal(err)
	}
	stale := e
	first, second := elevation.NewRequestID(time.Now()), elevation.NewRequestID(time.Now())
	for range 2 { // the same order twice counts once
		got, err := l.Extend(e.ID, first, 15*time.Minute)
		if err != nil || got.EndBy != at(0).After(15*time.Minute) {
			t.Fatalf("%+v, %v", got.EndBy, err)
		}
	}
	if got, err := l.Extend(e.ID, second, time.Minute); err != nil || got.EndBy != at(0).After(15*time.Minute) {
		t.Errorf("an amendment made it shorter: %+v, %v", got.EndBy, err)
	}
	exit := 3
	stale.State, stale.Exit = Active, &exit // somebody who looked before
	if err := l.Put(stale); err != nil {
		t.Fatal(err)
	}
	again, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	got, _ := again.Get(e.ID)
	if got.EndBy != at(0).After(15*time.Minute) || got.Total != 15*time.Minute || len(got.Amendments) != 2 || got.Exit == nil {
		t.Errorf("after a restart %+v", got)
	}
	longer := got
	longer.EndBy = at(0).After(time.Hour)
	if err := again.Put(longer); !errors.Is(err, ErrBackward) {
		t.Errorf("more time without an amendment: %v", err)
	}
	longer.Total = time.Hour
	if err := again.Put(longer); !errors.Is(err, ErrBackward) {
		t.Errorf("a longer total without an amendment: %v", err)
	}
}

func TestExtendRefuses(t *testing.T) {
	l, _ := ledger(t)
	over, unknown := armed(Effect{}), armed(Effect{})
	over.State, over.EndReason, over.Total = Ended, elevation.Completed, time.Minute
	if err := errors.Join(l.Put(over), l.Put(unknown)); err != nil {
		t.Fatal(err)
	}
	by := elevation.NewRequestID(time.Now())
	for name, c := range map[string]struct {
		id   elevation.GrantID
		want error
	}{
		"no such grant":         {elevation.NewGrantID(time.Now()), ErrNoEntry},
		"one that is over":      {over.ID, ErrEnded},
		"one of unknown length": {unknown.ID, ErrInvalid},
	} {
		if _, err := l.Extend(c.id, by, time.Hour); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// scheduled is an entry for a window from one hour after receipt to two hours.
func scheduled() Entry {
	e := held()
	e.Opens, e.UseBy = at(time.Hour).Wall, at(0).After(2*time.Hour)
	return e
}

func TestWindowInTheFuture(t *testing.T) {
	later := func(m Moment, boot time.Duration) Moment { return Moment{Wall: m.Wall, Boot: boot, BootID: "boot-2"} }
	e := scheduled()
	for name, c := range map[string]struct {
		now         Moment
		due, usable bool
	}{
		"before":                        {at(59 * time.Minute), false, false},
		"begun":                         {at(time.Hour), false, true},
		"over":                          {at(2 * time.Hour), true, false},
		"the clock set forward":         {Moment{at(time.Hour).Wall, at(time.Minute).Boot, "boot-1"}, false, false},
		"the clock set back, over":      {Moment{at(time.Minute).Wall, at(3 * time.Hour).Boot, "boot-1"}, true, false},
		"another boot":                  {later(at(90*time.Minute), time.Minute), false, false},
		"another boot, over":            {later(at(2*time.Hour), time.Minute), true, false},
		"another boot, clock from past": {later(at(-time.Minute), time.Minute), true, false},
		"nothing is known":              {Moment{}, true, false},
	} {
		if e.Due(c.now) != c.due || e.Usable(c.now) != c.usable {
			t.Errorf("%s: due %v, usable %v", name, e.Due(c.now), e.Usable(c.now))
		}
	}
}

func TestCarryIntoAnotherBoot(t *testing.T) {
	l, _ := ledger(t)
	e, ordinary := scheduled(), held()
	if err := errors.Join(l.Put(e), l.Put(ordinary)); err != nil {
		t.Fatal(err)
	}
	now := Moment{Wall: at(30 * time.Minute).Wall, Boot: 10 * time.Second, BootID: "boot-2"}
	if err := errors.Join(l.Carry(e.ID, now), l.Carry(ordinary.ID, now)); err != nil {
		t.Fatal(err)
	}
	got, _ := l.Get(e.ID)
	if got.UseBy != now.After(90*time.Minute) || got.Due(now) || got.Usable(now) {
		t.Errorf("%+v", got)
	}
	in := func(d time.Duration) Moment {
		return Moment{Wall: now.Wall.Add(d), Boot: now.Boot + d, BootID: "boot-2"}
	}
	if !got.Usable(in(30*time.Minute)) || !got.Due(in(90*time.Minute)) {
		t.Error("its window is another one now")
	}
	if o, _ := l.Get(ordinary.ID); !o.Due(now) {
		t.Error("an ordinary grant outlived its boot")
	}
	if err := l.Carry(e.ID, Moment{Wall: at(3 * time.Hour).Wall, Boot: time.Second, BootID: "boot-3"}); !errors.Is(err, ErrEnded) {
		t.Errorf("one that is over was carried: %v", err)
	}
}
