package grants

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/elevation"
)

func at(boot time.Duration) Moment {
	return Moment{Wall: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC).Add(boot), Boot: time.Hour + boot, BootID: "boot-1"}
}

// held is an entry that was received at moment 0 and must be used within ten
// minutes.
func held() Entry {
	now := at(0)
	return Entry{ID: elevation.NewGrantID(time.Now()), Request: elevation.NewRequestID(time.Now()), UID: 1000, UserName: "ann",
		Grant: []byte("signed"), State: Held, Received: now, UseBy: now.After(10 * time.Minute)}
}

func armed(effect Effect) Entry {
	e := held()
	e.State, e.Used, e.EndBy, e.Effect = Armed, true, at(0).After(5*time.Minute), effect
	return e
}

func TestDeadlineDue(t *testing.T) {
	d := at(0).After(time.Minute)
	for name, c := range map[string]struct {
		now Moment
		due bool
	}{
		"before":                       {at(59 * time.Second), false},
		"at the moment":                {at(time.Minute), true},
		"after":                        {at(time.Hour), true},
		"the wall clock set back":      {Moment{at(-1e6 * time.Minute).Wall, at(time.Minute).Boot, "boot-1"}, true},
		"set back and in time":         {Moment{at(-1e6 * time.Minute).Wall, at(time.Second).Boot, "boot-1"}, false},
		"the wall clock set forward":   {Moment{at(time.Hour).Wall, at(time.Second).Boot, "boot-1"}, true},
		"slept through it":             {Moment{at(time.Second).Wall, at(time.Hour).Boot, "boot-1"}, true},
		"another boot":                 {Moment{at(time.Second).Wall, at(time.Second).Boot, "boot-2"}, true},
		"another boot, early clocks":   {Moment{at(-time.Hour).Wall, time.Second, "boot-2"}, true},
		"the boot is not known":        {Moment{at(time.Second).Wall, at(time.Second).Boot, ""}, true},
		"the boot clock is not known":  {Moment{at(time.Second).Wall, 0, "boot-1"}, true},
		"the wall clock is not known":  {Moment{time.Time{}, at(time.Second).Boot, "boot-1"}, true},
		"nothing is known":             {Moment{}, true},
		"the wall clock ten years off": {Moment{at(0).Wall.AddDate(-10, 0, 0), at(30 * time.Second).Boot, "boot-1"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := d.Due(c.now); got != c.due {
				t.Errorf("Due = %v", got)
			}
			if left := d.Left(c.now); (left == 0) != c.due || left > time.Minute && c.now.Wall.After(at(0).Wall) {
				t.Errorf("Left = %v", left)
			}
		})
	}
	if !(Deadline{}).Due(at(0)) || !(Deadline{}).IsZero() {
		t.Error("the zero deadline is not due")
	}
}

// Whatever is done to the wall clock: by the boot clock nothing lives longer,
// and once the machine has started anew nothing lives.
func TestNoClockLengthens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Range(1, int64(48*time.Hour)).Draw(t, "duration"))
		end := at(0).After(d).NotAfter(at(time.Duration(rapid.Int64Range(1, int64(96*time.Hour)).Draw(t, "not after"))).Wall)
		passed := time.Duration(rapid.Int64Range(0, int64(96*time.Hour)).Draw(t, "passed"))
		skew := time.Duration(rapid.Int64Range(-int64(20*365*24*time.Hour), int64(20*365*24*time.Hour)).Draw(t, "skew"))
		now := Moment{Wall: at(passed + skew).Wall, Boot: at(passed).Boot, BootID: rapid.SampledFrom([]string{"boot-1", "boot-2", ""}).Draw(t, "boot")}
		if !end.Due(now) && (passed >= d || now.BootID != "boot-1") {
			t.Fatalf("%v of %v passed with the clock off by %v, and it is not due", passed, d, skew)
		}
	})
}

func TestEntryDue(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Entry)
		passed time.Duration
		due    bool
		usable bool
	}{
		"held":                  {func(*Entry) {}, time.Minute, false, true},
		"held too long":         {func(*Entry) {}, 10 * time.Minute, true, false},
		"held without a time":   {func(e *Entry) { e.UseBy = Deadline{} }, 0, true, false},
		"armed":                 {func(e *Entry) { *e = armed(Effect{}) }, time.Minute, false, false},
		"armed past its end":    {func(e *Entry) { *e = armed(Effect{}) }, 5 * time.Minute, true, false},
		"armed past its use":    {func(e *Entry) { *e = armed(Effect{}); e.EndBy = at(0).After(time.Hour) }, 11 * time.Minute, true, false},
		"active past its use":   {func(e *Entry) { *e = armed(Effect{}); e.State = Active; e.EndBy = at(0).After(time.Hour) }, 11 * time.Minute, false, false},
		"active past its end":   {func(e *Entry) { *e = armed(Effect{}); e.State = Active }, 5 * time.Minute, true, false},
		"active without an end": {func(e *Entry) { *e = armed(Effect{}); e.State, e.EndBy = Active, Deadline{} }, 0, true, false},
		"an end was begun":      {func(e *Entry) { *e = armed(Effect{}); e.EndTries = 1 }, time.Second, true, false},
		"ended":                 {func(e *Entry) { e.State = Ended }, 0, true, false},
		"an unknown state":      {func(e *Entry) { e.State = "resting" }, 0, true, false},
		"no state":              {func(e *Entry) { e.State = "" }, 0, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			e := held()
			c.change(&e)
			if now := at(c.passed); e.Due(now) != c.due || e.Usable(now) != c.usable {
				t.Errorf("Due %v, Usable %v", e.Due(now), e.Usable(now))
			}
		})
	}
}

func ledger(t *testing.T) (*Ledger, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "grants")
	l, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return l, dir
}

func TestLedgerKeepsEntries(t *testing.T) {
	l, dir := ledger(t)
	e := armed(Effect{Dropin: "/etc/sudoers.d/zz-assent-1000-x", Tree: privilege.TreeRef{Kind: privilege.TreeScope, Name: "x", PID: 7, Started: 8, Front: true}})
	code := 3
	e.Exit = &code
	if err := errors.Join(l.Put(e), l.Put(held())); err != nil {
		t.Fatal(err)
	}
	again, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	got, ok := again.Get(e.ID)
	want := e
	if got.Exit == nil || *got.Exit != 3 {
		t.Errorf("exit %v", got.Exit)
	}
	got.Exit, want.Exit = nil, nil
	if !ok || got.Effect != want.Effect || got.EndBy != want.EndBy || got.Received != want.Received || !bytes.Equal(got.Grant, want.Grant) || got.State != Armed {
		t.Errorf("read %+v, want %+v", got, want)
	}
	if len(again.All()) != 2 || len(again.Damaged()) != 0 {
		t.Errorf("%d entries, damaged %v", len(again.All()), again.Damaged())
	}
	info, err := os.Stat(path(dir, e.ID))
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestEntriesOnlyMoveForward(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Entry)
		want   error
	}{
		"the same again":         {func(*Entry) {}, nil},
		"active":                 {func(e *Entry) { e.State = Active }, nil},
		"ended":                  {func(e *Entry) { e.State, e.EndReason = Ended, elevation.Completed }, nil},
		"an earlier end":         {func(e *Entry) { e.EndBy = at(0).After(time.Minute) }, nil},
		"a tree":                 {func(e *Entry) { e.Effect.Tree.PID = 5 }, nil},
		"held again":             {func(e *Entry) { e.State, e.Effect, e.Used = Held, Effect{}, false }, ErrBackward},
		"unused again":           {func(e *Entry) { e.Used = false }, ErrInvalid},
		"a later end":            {func(e *Entry) { e.EndBy = at(0).After(time.Hour) }, ErrBackward},
		"a later wall end":       {func(e *Entry) { e.EndBy.Wall = e.EndBy.Wall.Add(1) }, ErrBackward},
		"a later boot end":       {func(e *Entry) { e.EndBy.Boot++ }, ErrBackward},
		"an end of another boot": {func(e *Entry) { e.EndBy.BootID = "boot-2" }, ErrBackward},
		"no end":                 {func(e *Entry) { e.EndBy = Deadline{} }, ErrInvalid},
		"a later use":            {func(e *Entry) { e.UseBy = at(0).After(time.Hour) }, ErrBackward},
		"another user":           {func(e *Entry) { e.UID = 0 }, ErrBackward},
		"a reused name":          {func(e *Entry) { e.UserName = "eve" }, ErrBackward},
		"another request":        {func(e *Entry) { e.Request = "req_x" }, ErrBackward},
		"another grant":          {func(e *Entry) { e.Grant = []byte("other") }, ErrBackward},
		"no grant":               {func(e *Entry) { e.Grant = nil }, ErrInvalid},
		"uid -1":                 {func(e *Entry) { e.UID = ^uint32(0) }, ErrInvalid},
		"an unknown state":       {func(e *Entry) { e.State = "resting" }, ErrInvalid},
		"ended without a reason": {func(e *Entry) { e.State = Ended }, ErrInvalid},
		"an id that is a path":   {func(e *Entry) { e.ID = "gr_../../../../etc/cron.d/x" }, ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			l, _ := ledger(t)
			e := armed(Effect{})
			if err := l.Put(e); err != nil {
				t.Fatal(err)
			}
			c.change(&e)
			if err := l.Put(e); !errors.Is(err, c.want) {
				t.Errorf("Put = %v, want %v", err, c.want)
			}
		})
	}
}

func TestAnEndIsFinal(t *testing.T) {
	l, _ := ledger(t)
	e := armed(Effect{})
	e.State, e.EndReason = Ended, elevation.Completed
	if err := l.Put(e); err != nil {
		t.Fatal(err)
	}
	e.EndReason = elevation.RevokedEnd
	if err := l.Put(e); !errors.Is(err, ErrBackward) {
		t.Error(err)
	}
	if err := l.Delete(e.ID); err != nil {
		t.Error(err)
	}
	if _, ok := l.Get(e.ID); ok {
		t.Error("it is still there")
	}
}

func TestDeleteRefusesWhatHasNotEnded(t *testing.T) {
	l, _ := ledger(t)
	e := held()
	if err := l.Put(e); err != nil {
		t.Fatal(err)
	}
	if err := l.Delete(e.ID); !errors.Is(err, ErrNotEnded) {
		t.Error(err)
	}
	if err := l.Delete(elevation.NewGrantID(time.Now())); err != nil {
		t.Errorf("one that is not there: %v", err)
	}
}

func TestDamagedFilesFailClosed(t *testing.T) {
	for name, damage := range map[string]func(raw []byte) []byte{
		"empty":          func([]byte) []byte { return nil },
		"half of it":     func(raw []byte) []byte { return raw[:len(raw)/2] },
		"one byte less":  func(raw []byte) []byte { return raw[:len(raw)-1] },
		"one byte more":  func(raw []byte) []byte { return append(raw, 0) },
		"one bit":        func(raw []byte) []byte { raw[len(raw)/2] ^= 1; return raw },
		"the sum":        func(raw []byte) []byte { return bytes.Replace(raw, []byte("sum"), []byte("mus"), 1) },
		"the user":       func(raw []byte) []byte { return bytes.Replace(raw, []byte("ann"), []byte("eve"), 1) },
		"zeros":          func(raw []byte) []byte { return make([]byte, len(raw)) },
		"something else": func([]byte) []byte { return []byte("{}") },
		"too large":      func([]byte) []byte { return make([]byte, maxEntry+1) },
	} {
		t.Run(name, func(t *testing.T) {
			l, dir := ledger(t)
			e, other := armed(Effect{}), held()
			if err := errors.Join(l.Put(e), l.Put(other)); err != nil {
				t.Fatal(err)
			}
			raw, err := os.ReadFile(path(dir, e.ID))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path(dir, e.ID), damage(raw), 0o600); err != nil {
				t.Fatal(err)
			}
			again, err := Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := again.Get(e.ID); ok {
				t.Error("it is used")
			}
			if d := again.Damaged(); len(d) != 1 || d[0].ID != e.ID || d[0].Err == nil {
				t.Errorf("damaged %v", d)
			}
			if _, ok := again.Get(other.ID); !ok {
				t.Error("others are not read")
			}
			e.State = Held
			e.Used, e.Effect, e.EndBy = false, Effect{}, Deadline{}
			if err := again.Put(e); !errors.Is(err, ErrDamaged) {
				t.Errorf("the grant can be received again: %v", err)
			}
		})
	}
}

func TestAFileUnderAnotherNameIsDamaged(t *testing.T) {
	l, dir := ledger(t)
	e := held()
	if err := l.Put(e); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path(dir, e.ID), path(dir, elevation.NewGrantID(time.Now()))); err != nil {
		t.Fatal(err)
	}
	again, err := Open(dir)
	if err != nil || len(again.All()) != 0 || len(again.Damaged()) != 1 {
		t.Errorf("%v, %v, %v", again.All(), again.Damaged(), err)
	}
}

func TestOpenIgnoresWhatIsNotItsOwn(t *testing.T) {
	l, dir := ledger(t)
	e := held()
	if err := l.Put(e); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"README", "x.grant", string(e.ID) + ".grant.new", "gr_.grant"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	again, err := Open(dir)
	if err != nil || len(again.All()) != 1 || len(again.Damaged()) != 0 {
		t.Errorf("%v, %v, %v", again.All(), again.Damaged(), err)
	}
}

func TestOpenRefusesAnOpenFolder(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no modes; its lists are told by package acl")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil {
		t.Error("opened")
	}
}

// Nothing may happen that is not on the disk: a full or read-only disk stops
// new grants.
func TestPutFailsWithoutADisk(t *testing.T) {
	l, dir := ledger(t)
	e := held()
	if err := l.Put(e); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Rename(dir, dir+".gone")); err != nil {
		t.Fatal(err)
	}
	next := e
	next.State, next.Used, next.EndBy = Armed, true, at(0).After(time.Minute)
	if err := l.Put(next); err == nil {
		t.Error("stored")
	}
	if got, _ := l.Get(e.ID); got.State != Held {
		t.Errorf("it counts as %s", got.State)
	}
}

func FuzzDecode(f *testing.F) {
	for _, e := range []Entry{held(), armed(Effect{Dropin: "/x"})} {
		if raw, err := encode(e); err == nil {
			f.Add(raw)
		}
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := decode(raw)
		if err != nil {
			return
		}
		again, err := encode(e)
		if err != nil || !bytes.Equal(again, raw) {
			t.Errorf("a second encoding of %x was accepted, %v", raw, err)
		}
	})
}
