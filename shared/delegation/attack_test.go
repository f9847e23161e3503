package delegation

import (
	"testing"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
)

// Many times out of office, which one person can make, do not keep the readers
// of a list waiting.
func TestAwayOfOthersIsNotLookedAt(t *testing.T) {
	hours, err := elevation.ParseHours("Mon-Fri 08:00-18:00", time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	dee := Person{ID: "usr_dee", Login: "dee"}
	p := Plan{Teams: []Team{{ID: "team_web", Name: "Web", Members: []Person{ada, bo}, Hours: hours}}}
	for i := range 10_000 {
		from := noon.Add(time.Duration(i) * time.Hour)
		p.Away = append(p.Away, Away{User: cy, Delegate: bo, By: cy, From: from, Until: from.Add(time.Minute)})
	}
	p = p.Ready()
	r := request("eve", elevation.Stage{Team: "team_web", Quorum: 1})
	r.SubmittedAt, r.ExpiresAt = noon, noon.Add(72*time.Hour)
	r.Reviews = []elevation.Review{{By: by(ada), Verdict: elevation.Approved}, {By: by(bo), Verdict: elevation.Approved}}
	r.Reviews[0].Stages, r.Reviews[1].Stages = nil, nil
	if at := p.NextAnswer(r, noon); !at.IsZero() {
		t.Errorf("somebody answers at %v", at)
	}
	if n := len(p.awayOf(r, noon)); n != 0 {
		t.Errorf("%d times out of office of other people are looked at", n)
	}
	p.Away = append(p.Away, Away{User: ada, Delegate: dee, By: ada, From: noon.Add(-2 * time.Hour), Until: noon.Add(-time.Hour)},
		Away{User: ada, Delegate: dee, By: ada, From: noon.Add(time.Hour), Until: noon.Add(2 * time.Hour)},
		Away{User: dee, Delegate: bo, By: dee, From: noon.Add(time.Hour), Until: noon.Add(2 * time.Hour)})
	if n := len(p.awayOf(r, noon)); n != 2 {
		t.Errorf("%d times out of office matter, not the member's and the stand-in's", n)
	}
}
