package grants

import (
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

func systemMoment() Moment {
	m := Moment{Wall: time.Now().UTC().Round(0)}
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err == nil {
		m.Boot = time.Duration(ts.Nano())
	}
	if raw, err := os.ReadFile("/proc/sys/kernel/random/boot_id"); err == nil {
		m.BootID = strings.TrimSpace(string(raw))
	}
	return m
}
