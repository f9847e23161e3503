package grants

import (
	"time"

	"golang.org/x/sys/unix"
)

func systemMoment() Moment {
	m := Moment{Wall: time.Now().UTC().Round(0)}
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err == nil { // on macOS it runs on while the machine sleeps
		m.Boot = time.Duration(ts.Nano())
	}
	if id, err := unix.Sysctl("kern.bootsessionuuid"); err == nil {
		m.BootID = id
	}
	return m
}
