package delegation

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assent-epm/assent/shared/elevation"
)

// What the preview of a ladder says is what a request then meets.
func TestTurns(t *testing.T) {
	hours, err := elevation.ParseHours("Mon-Fri 08:00-18:00", time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	dee := Person{ID: "usr_dee", Login: "dee"}
	desk := Team{ID: "team_desk", Name: "Helpdesk", Members: []Person{ada, bo}, Hours: hours,
		Escalate: []Step{{After: 30 * time.Minute, Team: "team_lead"}, {After: time.Hour, Team: "gone"}, {After: 12 * time.Hour, Team: "team_desk"}, {After: 11 * time.Hour, Team: "team_none"}}}
	p := Plan{Teams: []Team{desk, {ID: "team_lead", Name: "Lead", Members: []Person{cy}}, {ID: "team_none", Name: "None"}},
		Away: []Away{{User: cy, Delegate: dee, By: cy, From: noon.Add(-time.Hour), Until: noon.Add(24 * time.Hour)},
			{User: ada, Delegate: bo, By: ada, From: noon.Add(-time.Hour), Until: noon.Add(time.Hour)}}}.Ready()

	at := noon // a Tuesday
	want := []Turn{
		{Team: "team_desk", Name: "Helpdesk", At: at, From: at, People: []Sitting{{Person: bo}}},
		{Team: "team_lead", Name: "Lead", After: 30 * time.Minute, At: at.Add(30 * time.Minute), From: at.Add(30 * time.Minute), People: []Sitting{{Person: dee, For: cy}}},
		{Team: "team_none", Name: "None", After: 11 * time.Hour, At: at.Add(25 * time.Hour)}, // six hours today, five tomorrow from eight
	}
	if d := cmp.Diff(want, p.Turns("team_desk", at)); d != "" {
		t.Error(d)
	}

	night := noon.Add(9 * time.Hour)
	morning := time.Date(2026, 1, 7, 8, 0, 0, 0, time.UTC)
	got := p.Turns("helpdesk", night)
	if !got[0].At.Equal(night) || !got[0].From.Equal(morning) || len(got[0].People) != 2 {
		t.Errorf("at night: %+v", got[0])
	}
	if !got[1].At.Equal(morning.Add(30 * time.Minute)) {
		t.Errorf("the ladder does not wait for the hours: %+v", got[1])
	}
	r := request("eve", elevation.Stage{Team: "team_desk", Quorum: 1})
	r.SubmittedAt, r.ExpiresAt = night, night.Add(72*time.Hour)
	if due, ok := p.NextEscalation(r); !ok || !due.At.Equal(got[1].At) {
		t.Errorf("a request goes up at %v, the preview says %v", due.At, got[1].At)
	}
	if next := p.NextAnswer(r, night); !next.Equal(got[0].From) {
		t.Errorf("a request is answered from %v, the preview says %v", next, got[0].From)
	}
	if p.Turns("nobody", noon) != nil {
		t.Error("a team that is not there has turns")
	}
	p.Teams[0].Escalate = []Step{{After: 120 * 24 * time.Hour, Team: "team_lead"}}
	if far := p.Turns("team_desk", noon); !far[1].At.IsZero() || len(far[1].People) != 0 {
		t.Errorf("a step that never comes: %+v", far[1])
	}
}
