package api

import (
	"errors"
	"fmt"
	"testing"

	"github.com/assent-epm/assent/shared/elevation"
)

// TestStreamsAreBounded: so many of one account, so many of all; a stream that
// ends makes room.
func TestStreamsAreBounded(t *testing.T) {
	s := &server{streams: map[elevation.UserID]int{}}
	var release []func()
	open := func(user string) error {
		done, err := s.openStream(elevation.UserID(user))
		if err == nil {
			release = append(release, done)
		}
		return err
	}
	for range streamsPerUser {
		if err := open("bo"); err != nil {
			t.Fatal(err)
		}
	}
	if err := open("bo"); !errors.Is(err, elevation.ErrLimit) {
		t.Errorf("one too many of one account: %v", err)
	}
	for n := streamsPerUser; n < streamsAtOnce; n++ {
		if err := open(fmt.Sprint(n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := open("cy"); !errors.Is(err, elevation.ErrLimit) {
		t.Errorf("one too many of all: %v", err)
	}
	release[0]()
	if err := open("cy"); err != nil {
		t.Errorf("after one has ended: %v", err)
	}
	for _, done := range release[1:] {
		done()
	}
	if s.allStreams != 0 || len(s.streams) != 0 {
		t.Errorf("left: %d, %v", s.allStreams, s.streams)
	}
}
