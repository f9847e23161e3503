package delegation

import (
	"errors"
	"testing"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
)

// TestSeats are the guards that one wrong word would open.
func TestSeats(t *testing.T) {
	eve := Person{ID: "usr_eve", Login: "eve"}
	dee := Person{ID: "usr_dee", Login: "dee"}
	hours, err := elevation.ParseHours("Mon-Fri 08:00-18:00", time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	night := noon.Add(12 * time.Hour)
	web, db := Team{ID: "team_web", Name: "Web", Members: []Person{ada, bo}}, Team{ID: "team_db", Name: "DB", Members: []Person{cy}}
	office := web
	office.Hours = hours
	stage, second := elevation.Stage{Team: "team_web", Quorum: 1}, elevation.Stage{Team: "team_db", Quorum: 1}
	away := func(user, delegate, appointed Person) Away {
		return Away{User: user, Delegate: delegate, By: appointed, From: noon.Add(-time.Hour), Until: noon.Add(time.Hour)}
	}
	type change func(p *Plan, r *elevation.Request)
	rows := []struct {
		name   string
		who    Person
		now    time.Time
		change change
		want   error
	}{
		{"a member", ada, noon, func(*Plan, *elevation.Request) {}, nil},
		{"somebody of another team", cy, noon, func(*Plan, *elevation.Request) {}, elevation.ErrNotAllowed},
		{"outside the hours", ada, night, func(p *Plan, _ *elevation.Request) { p.Teams[0] = office }, elevation.ErrNotAllowed},
		{"outside the hours, urgent", ada, night, func(p *Plan, r *elevation.Request) { p.Teams[0], r.Priority = office, elevation.Urgent }, nil},
		{"outside the hours, an emergency", ada, night, func(p *Plan, r *elevation.Request) { p.Teams[0], r.Emergency = office, true }, nil},
		{"escalated to", cy, noon, func(_ *Plan, r *elevation.Request) {
			r.Escalations = []elevation.Escalation{{Of: "team_web", Team: "team_db"}}
		}, nil},
		{"escalated to, without saying of whom", cy, noon, func(_ *Plan, r *elevation.Request) { r.Escalations = []elevation.Escalation{{Team: "team_db"}} }, nil},
		{"escalated to in another stage", dee, noon, func(p *Plan, r *elevation.Request) {
			p.Teams = append(p.Teams, Team{ID: "team_x", Members: []Person{dee}})
			r.Escalations = []elevation.Escalation{{Of: "team_y", Team: "team_x"}}
		}, elevation.ErrNotAllowed},
		{"stands in", dee, noon, func(p *Plan, _ *elevation.Request) { p.Away = []Away{away(ada, dee, ada)} }, nil},
		{"stands in for who is there", dee, noon.Add(2 * time.Hour), func(p *Plan, _ *elevation.Request) { p.Away = []Away{away(ada, dee, ada)} }, elevation.ErrNotAllowed},
		{"stands in for somebody of another team", dee, noon, func(p *Plan, _ *elevation.Request) { p.Away = []Away{away(cy, dee, cy)} }, elevation.ErrNotAllowed},
		{"somebody else stands in", dee, noon, func(p *Plan, _ *elevation.Request) { p.Away = []Away{away(ada, cy, ada)} }, elevation.ErrNotAllowed},
		{"stands in for the requester", dee, noon, func(p *Plan, _ *elevation.Request) {
			p.Teams[0].Members, p.Away = []Person{eve}, []Away{away(eve, dee, ada)}
		}, elevation.ErrSelfApproval},
		{"appointed by the requester", dee, noon, func(p *Plan, _ *elevation.Request) { p.Away = []Away{away(ada, dee, eve)} }, elevation.ErrSelfApproval},
		{"stands in for who has voted", dee, noon, func(p *Plan, r *elevation.Request) {
			p.Away, r.Reviews = []Away{away(ada, dee, ada)}, []elevation.Review{{By: by(ada), Verdict: elevation.Approved}}
		}, elevation.ErrNotAllowed},
		{"two stand in for one", dee, noon, func(p *Plan, r *elevation.Request) {
			p.Away, r.Reviews = []Away{away(ada, dee, ada)}, []elevation.Review{{By: by(cy), For: ada.ID, Verdict: elevation.Approved}}
		}, elevation.ErrNotAllowed},
		{"came back after the stand-in voted", ada, noon, func(p *Plan, r *elevation.Request) {
			r.Reviews = []elevation.Review{{By: by(cy), For: ada.ID, Verdict: elevation.Approved}}
		}, elevation.ErrNotAllowed},
		{"filed it for themself", ada, noon, func(_ *Plan, r *elevation.Request) { r.FiledBy, r.Origin = by(ada), elevation.FromPortal }, elevation.ErrSelfApproval},
		{"filed it for somebody else", ada, noon, func(_ *Plan, r *elevation.Request) { r.FiledBy, r.Origin = by(ada), elevation.FromBehalf }, nil},
		{"linked by uid", ada, noon, func(p *Plan, _ *elevation.Request) { p.Links = []Link{{User: ada.ID, UID: "1000"}} }, elevation.ErrSelfApproval},
		{"linked by name, and the uid has changed", ada, noon, func(p *Plan, _ *elevation.Request) {
			p.Links = []Link{{User: ada.ID, UID: "7", Name: "EVE"}}
		}, elevation.ErrSelfApproval},
		{"linked on another endpoint", ada, noon, func(p *Plan, _ *elevation.Request) { p.Links = []Link{{User: ada.ID, Endpoint: "ep_2", UID: "1000"}} }, nil},
		{"an account of the requester's making", ada, noon, func(p *Plan, _ *elevation.Request) { p.SetBy = map[elevation.UserID]Person{ada.ID: eve} }, elevation.ErrSelfApproval},
		{"an account of a colleague's making", ada, noon, func(p *Plan, _ *elevation.Request) { p.SetBy = map[elevation.UserID]Person{ada.ID: bo} }, nil},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			p := Plan{Teams: []Team{web, db}}
			r := request("eve", stage)
			r.SubmittedAt, r.ExpiresAt = noon, noon.Add(72*time.Hour)
			row.change(&p, r)
			for _, plan := range []Plan{p, p.Ready()} {
				if _, err := Seats(plan, by(row.who), r, row.now); !errors.Is(err, row.want) || row.want == nil && err != nil {
					t.Errorf("got %v, want %v", err, row.want)
				}
			}
		})
	}
	r := request("eve", stage, second)
	r.Escalations = []elevation.Escalation{{Of: "team_db", Team: "team_web"}}
	seats, err := Seats(Plan{Teams: []Team{web, db}}, by(cy), r, noon)
	if err != nil || len(seats) != 1 || seats[0].Stage != 1 {
		t.Errorf("a stage's team: %v %v", seats, err)
	}
	if seats, err = Seats(Plan{Teams: []Team{web, db}}, by(ada), r, noon); err != nil || len(seats) != 2 {
		t.Errorf("their own stage and the one that was escalated: %v %v", seats, err)
	}
}
