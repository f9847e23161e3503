package sudo

import (
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Where there is no room to notice changes nothing is remembered, and it is tried
// again from time to time, until it works.
func TestWatchIsTriedAgain(t *testing.T) {
	now, tries, room := time.Unix(1000, 0), 0, false
	w := &inotify{fd: -1, now: func() time.Time { return now }, begin: func() (int, error) {
		if tries++; !room {
			return -1, errors.New("too many of them")
		}
		return unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	}}
	w.open()
	is := func(when string, wantChanged, wantOK bool, wantTries int) {
		t.Helper()
		if changed, ok := w.Changed(); changed != wantChanged || ok != wantOK || tries != wantTries {
			t.Errorf("%s: changed %v, ok %v, after %d tries", when, changed, ok, tries)
		}
	}
	is("at once", true, false, 1)
	now = now.Add(watchRest)
	is("after a rest", true, false, 2)
	room = true
	is("with room, before the next try", true, false, 2)
	now = now.Add(watchRest)
	is("with room", true, true, 3)
	is("and nothing since", false, true, 3)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	now = now.Add(watchRest)
	is("closed", true, false, 3)
}
