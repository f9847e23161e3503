package privilege

import (
	"slices"
	"testing"
)

func TestTableMembers(t *testing.T) {
	ref := TreeRef{PID: 100, Started: 50}
	for name, row := range map[string]struct {
		all  []fact
		want []int
	}{
		"the first alone":              {[]fact{{100, 10, 100, 100, 50, false}}, []int{100}},
		"a child":                      {[]fact{{100, 10, 100, 100, 50, false}, {101, 100, 100, 100, 51, false}}, []int{100, 101}},
		"a session of a child":         {[]fact{{100, 10, 100, 100, 50, false}, {101, 100, 101, 101, 51, false}, {102, 1, 102, 101, 52, false}}, []int{100, 101, 102}},
		"the first is gone":            {[]fact{{101, 1, 100, 100, 51, false}}, []int{101}},
		"its number is another's":      {[]fact{{100, 10, 100, 100, 99, false}}, nil},
		"older ones are not of it":     {[]fact{{100, 10, 100, 100, 50, false}, {90, 100, 90, 90, 40, false}}, []int{100}},
		"the agent itself is not":      {[]fact{{100, 7, 100, 100, 50, false}, {7, 100, 7, 7, 60, false}}, []int{100}},
		"who waits to be asked is not": {[]fact{{100, 10, 100, 100, 50, true}, {101, 100, 100, 100, 51, false}}, []int{101}},
		"the clock was set back":       {[]fact{{100, 10, 100, 100, 50, false}, {101, 100, 100, 100, 20, false}, {102, 101, 102, 100, 21, false}}, []int{100, 101, 102}},
		"another one's old session":    {[]fact{{101, 1, 100, 100, 40, false}}, nil},
		"somebody else's":              {[]fact{{100, 10, 100, 100, 50, false}, {200, 1, 200, 200, 60, false}}, []int{100}},
	} {
		if got := tableMembers(ref, 7, row.all); !slices.Equal(got, row.want) {
			t.Errorf("%s: %v", name, got)
		}
	}
	if got := tableMembers(TreeRef{}, 7, []fact{{1, 0, 1, 1, 0, false}, {100, 1, 1, 1, 1, false}}); got != nil {
		t.Errorf("nothing was planned: %v", got)
	}
}
