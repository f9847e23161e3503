package grants

import (
	"testing"
	"time"
)

// The clock of every system names this start of the machine, always alike, and counts
// forward since then beside the wall's. Without the one or the other everything is due.
func TestSystemClock(t *testing.T) {
	a := SystemClock()
	<-time.After(20 * time.Millisecond)
	b := SystemClock()
	if a.BootID == "" || a.BootID != b.BootID {
		t.Errorf("this start is %q, then %q", a.BootID, b.BootID)
	}
	if a.Boot <= 0 || b.Boot-a.Boot < 10*time.Millisecond || b.Boot-a.Boot > time.Minute {
		t.Errorf("%v since the start, then %v", a.Boot, b.Boot)
	}
	if a.Wall.Location() != time.UTC || b.Wall.Sub(a.Wall) < 10*time.Millisecond {
		t.Errorf("%v, then %v", a.Wall, b.Wall)
	}
}
