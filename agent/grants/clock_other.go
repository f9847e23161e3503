//go:build !linux

package grants

import "time"

// systemMoment leaves Boot and BootID empty: until this system's clocks are
// read, every deadline is due.
func systemMoment() Moment { return Moment{Wall: time.Now().UTC().Round(0)} }
