package privilege

import (
	"errors"
	"testing"
)

func TestFrontSteps(t *testing.T) {
	type step struct{ became, started, ended bool }
	for name, row := range map[string]struct {
		steps []step
		done  int // after how many, 0 = never
		began bool
	}{
		"sudo starts it":            {[]step{{became: true}, {started: true}}, 2, true},
		"sudo becomes it":           {[]step{{became: true}, {became: true}}, 2, true},
		"all at once":               {[]step{{became: true, started: true, ended: true}}, 1, true},
		"over at once":              {[]step{{became: true}, {started: true, ended: true}}, 2, true},
		"sudo refuses":              {[]step{{became: true}, {ended: true}}, 2, false},
		"it never became sudo":      {[]step{{ended: true}}, 1, false},
		"what the client started":   {[]step{{started: true}, {became: true}}, 0, false},
		"the client started, ended": {[]step{{started: true}, {ended: true}}, 2, false},
	} {
		var f frontSteps
		at := 0
		for i, s := range row.steps {
			done, err := f.take(s.became, s.started, s.ended)
			if done {
				if at = i + 1; (err == nil) != row.began || err != nil && !errors.Is(err, ErrNotBegun) {
					t.Errorf("%s: %v", name, err)
				}
				break
			}
		}
		if at != row.done || (f.late() == nil) != row.began {
			t.Errorf("%s: done after %d, want %d; late %v", name, at, row.done, f.late())
		}
	}
}
