package desktop

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/agent/words"
	"github.com/assent-epm/assent/shared/elevation"
)

// seatOf is somebody who sits where they can be logged off; it works, unless broken.
type seatOf struct {
	*Desktop
	p      *person
	now    time.Time
	broken error
	left   int
}

func sitting(tongue string) *seatOf {
	s := &seatOf{p: &person{shown: map[string]Notice{}}, now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	s.Desktop = New(Config{Agent: newAgent(local.Item{ID: first, Access: "admin"}), Notices: s.p, Env: func(string) string { return tongue }, Now: func() time.Time { return s.now },
		LogOff: func() error {
			if s.broken == nil {
				s.left++
			}
			return s.broken
		}})
	return s
}

func (s *seatOf) tell(kind string, id elevation.RequestID) {
	s.hear(context.Background(), local.Notice{Kind: kind, Request: id, By: "bo"})
}

func (s *seatOf) press(name, key string) {
	s.pressed(context.Background(), Press{Name: name, Key: key})
}

func keysOf(n Notice) string {
	var keys []string
	for _, b := range n.Buttons {
		keys = append(keys, b.Key)
	}
	return strings.Join(keys, " ")
}

// Two presses of two notices log somebody off, and nothing less does.
func TestLogOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sitting("")
		s.tell("log_off", first)
		if n := s.p.shown[string(first)]; !n.Urgent || keysOf(n) != "log-off later" {
			t.Fatalf("offered %+v", n)
		}
		s.press(string(first), pressLogOff)
		n := s.p.shown[leaveNotice]
		if s.left != 0 || len(s.p.shown) != 1 || n.Title != "Log off now?" || keysOf(n) != "leave later" || !n.Urgent || !strings.Contains(n.Text, "Save") {
			t.Fatalf("after one press: left %d, shown %+v", s.left, s.p.shown)
		}
		s.press(leaveNotice, pressLeave)
		if s.left != 1 || len(s.p.shown) != 0 {
			t.Errorf("after two: left %d, shown %+v", s.left, s.p.shown)
		}
		s.press(leaveNotice, pressLeave)
		if s.left != 1 {
			t.Error("a third press counts")
		}
	})
}

// What a service of notices makes up, an answer that comes late and a Stay log
// nobody off.
func TestNobodyIsLoggedOffUnasked(t *testing.T) {
	asked := func(s *seatOf) { s.tell("log_off", first); s.press(string(first), pressLogOff) }
	for name, act := range map[string]func(s *seatOf){
		"at once":                     func(s *seatOf) { s.tell("log_off", first) },
		"a second press of the first": func(s *seatOf) { asked(s); s.press(string(first), pressLogOff) },
		"never offered": func(s *seatOf) {
			s.press(leaveNotice, pressLeave)
			s.press(leaveNotice, pressLogOff)
			s.press(leaveNotice, pressLeave)
		},
		"a button of no name": func(s *seatOf) { s.tell("log_off", ""); s.press("", pressLogOff); s.press(leaveNotice, pressLeave) },
		"at another notice": func(s *seatOf) {
			s.tell("log_off", first)
			s.tell("denied", second)
			s.press(string(second), pressLogOff)
			s.press(leaveNotice, pressLeave)
		},
		"the second without a first": func(s *seatOf) {
			s.tell("log_off", first)
			s.press(string(first), pressLeave)
			s.press(leaveNotice, pressLeave)
		},
		"too late":               func(s *seatOf) { asked(s); s.now = s.now.Add(sureWithin); s.press(leaveNotice, pressLeave) },
		"a clock that went back": func(s *seatOf) { asked(s); s.now = s.now.Add(-time.Second); s.press(leaveNotice, pressLeave) },
		"stay":                   func(s *seatOf) { asked(s); s.press(leaveNotice, pressLater) },
	} {
		s := sitting("")
		if act(s); s.left != 0 {
			t.Errorf("%s: logged off", name)
		}
	}
}

// Where it does not work they are told; where it is not possible there is no button.
func TestLogOffFails(t *testing.T) {
	s := sitting("de_DE.UTF-8")
	s.broken = errors.New("Windows says no")
	s.tell("log_off", first)
	s.press(string(first), pressLogOff)
	s.press(leaveNotice, pressLeave)
	if n := s.p.shown[leaveNotice]; n.Title != words.German.Say("You are still logged on") || n.Title == "You are still logged on" || len(n.Buttons) != 0 {
		t.Errorf("shown %+v", n)
	}
	s = sitting("")
	s.cfg.LogOff = nil
	s.tell("log_off", first)
	s.press(string(first), pressLogOff)
	if n := s.p.shown[leaveNotice]; keysOf(n) != "" || len(s.p.shown) != 0 {
		t.Errorf("shown %+v", s.p.shown)
	}
}
