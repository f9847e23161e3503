package grants

import "time"

// Moment is one reading of every clock that counts. Boot runs on while the
// machine sleeps and can not be set; BootID changes with each start.
type Moment struct {
	Wall   time.Time     `cbor:"wall"`
	Boot   time.Duration `cbor:"boot"`
	BootID string        `cbor:"boot_id"`
}

// Clock reads all clocks at once. [SystemClock] is the real one; tests have
// their own.
type Clock func() Moment

// SystemClock reads the clocks of this machine. Where one can not be read its
// part is zero, which makes every deadline due.
func SystemClock() Moment { return systemMoment() }

// After is the moment d later by every clock.
func (m Moment) After(d time.Duration) Deadline {
	return Deadline{Wall: m.Wall.Add(d), Boot: m.Boot + d, BootID: m.BootID}
}

// Deadline is the end of something by the wall clock and by the boot clock,
// whichever is earlier, within one boot. The zero value is always due.
type Deadline struct {
	Wall   time.Time     `cbor:"wall"`
	Boot   time.Duration `cbor:"boot"`
	BootID string        `cbor:"boot_id"`
}

// Later is the deadline moved by more on every clock.
func (d Deadline) Later(more time.Duration) Deadline {
	return Deadline{Wall: d.Wall.Add(more), Boot: d.Boot + more, BootID: d.BootID}
}

// IsZero reports whether no deadline was set.
func (d Deadline) IsZero() bool { return d == Deadline{} }

// Due reports whether the deadline has come. Another boot, a clock that can not
// be read and a deadline that was never set are due. Setting a clock can only
// bring the end nearer.
func (d Deadline) Due(now Moment) bool {
	return d.BootID == "" || d.BootID != now.BootID || now.Boot <= 0 || now.Wall.IsZero() ||
		!now.Wall.Before(d.Wall) || now.Boot >= d.Boot
}

// Left is the time until the deadline by the clock that comes first, 0 when it
// is due. It is for timers only; [Deadline.Due] is the truth.
func (d Deadline) Left(now Moment) time.Duration {
	if d.Due(now) {
		return 0
	}
	return min(d.Wall.Sub(now.Wall), d.Boot-now.Boot)
}

// NotAfter brings the deadline forward to the wall time t; the zero time
// changes nothing.
func (d Deadline) NotAfter(t time.Time) Deadline {
	if !t.IsZero() && t.Before(d.Wall) {
		d.Wall = t
	}
	return d
}
