package delegation

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/assent-epm/assent/shared/elevation"
)

func hours(t testing.TB, text, zone string) elevation.Hours {
	t.Helper()
	z, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	h, err := elevation.ParseHours(text, z)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// desk is a plan with hours and ladders: web works by day, night by night, boss
// always.
func desk(t testing.TB) Plan {
	return Plan{Teams: []Team{
		{ID: "web", Name: "Web", Members: []Person{ada, bo}, Hours: hours(t, "Mon-Fri 08:00-18:00", "Europe/Berlin"),
			Escalate: []Step{{After: time.Hour, Team: "night"}, {After: 4 * time.Hour, Team: "boss"}, {After: time.Minute, Team: "gone"}, {After: time.Minute, Team: "web"}}},
		{ID: "night", Name: "Night", Members: []Person{cy}, Hours: hours(t, "18:00-08:00", "Europe/Berlin")},
		{ID: "boss", Name: "Boss", Members: []Person{{ID: "usr_boss", Login: "boss"}}},
	}}
}

func waiting(submitted time.Time, teams ...elevation.TeamID) *elevation.Request {
	var stages []elevation.Stage
	for _, id := range teams {
		stages = append(stages, elevation.Stage{Team: id, Name: string(id), Quorum: 1})
	}
	r := request("dee", stages...)
	r.SubmittedAt = submitted
	return r
}

func TestExpiry(t *testing.T) {
	p := desk(t)
	friday := time.Date(2026, 3, 27, 15, 0, 0, 0, time.UTC) // 16:00 in Berlin
	urgent, emergency := waiting(friday, "web"), waiting(friday, "web")
	urgent.Priority, emergency.Emergency = elevation.Urgent, true
	tests := []struct {
		name string
		r    *elevation.Request
		want time.Time
	}{
		{"no hours", waiting(friday, "boss"), friday.Add(8 * time.Hour)},
		{"the weekend does not count", waiting(friday, "web"), time.Date(2026, 3, 30, 12, 0, 0, 0, time.UTC)},
		{"the slowest team counts", waiting(friday, "boss", "web"), time.Date(2026, 3, 30, 12, 0, 0, 0, time.UTC)},
		{"a team that is gone", waiting(friday, "gone"), friday.Add(8 * time.Hour)},
		{"urgent", urgent, friday.Add(8 * time.Hour)},
		{"emergency", emergency, friday.Add(8 * time.Hour)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := p.Expiry(tt.r, friday, 8*time.Hour); !got.Equal(tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
	rare := Plan{Teams: []Team{{ID: "web", Hours: hours(t, "Sun 03:00-03:01", "UTC")}}}
	if got := rare.Expiry(waiting(friday, "web"), friday, 8*time.Hour); !got.Equal(friday.Add(MaxWait)) {
		t.Errorf("a team that hardly ever works: %v", got)
	}
	if got := rare.Expiry(waiting(friday, "web"), friday, 2*MaxWait); !got.Equal(friday.Add(2 * MaxWait)) {
		t.Errorf("a time longer than hours may stretch it: %v", got)
	}
}

func TestNextEscalation(t *testing.T) {
	p := desk(t)
	friday := time.Date(2026, 3, 27, 15, 0, 0, 0, time.UTC)
	r := waiting(friday, "web")
	want := []Due{
		{Of: "web", Team: "night", Name: "Night", At: friday.Add(time.Hour)},
		{Of: "web", Team: "boss", Name: "Boss", At: time.Date(2026, 3, 30, 8, 0, 0, 0, time.UTC)}, // two hours on Friday, two on Monday
	}
	for _, w := range want {
		got, ok := p.NextEscalation(r)
		if d := cmp.Diff(w, got); !ok || d != "" {
			t.Fatal(d)
		}
		r.Escalations = append(r.Escalations, elevation.Escalation{Of: got.Of, Team: got.Team})
	}
	if got, ok := p.NextEscalation(r); ok {
		t.Errorf("beyond the last step: %+v", got)
	}
	urgent := waiting(friday, "web")
	urgent.Priority = elevation.Urgent
	urgent.Escalations = []elevation.Escalation{{Of: "web", Team: "night"}}
	if got, _ := p.NextEscalation(urgent); !got.At.Equal(friday.Add(4 * time.Hour)) {
		t.Errorf("urgent goes up at %v", got.At)
	}
	for name, change := range map[string]func(*elevation.Request){
		"a draft": func(r *elevation.Request) { r.SubmittedAt = time.Time{} },
		"decided": func(r *elevation.Request) { r.Decision = &elevation.Decision{} },
		"answered": func(r *elevation.Request) {
			r.Reviews = []elevation.Review{{By: by(ada), Verdict: elevation.Approved, Stages: []elevation.TeamID{"web"}}}
		},
		"no ladder": func(r *elevation.Request) { r.Need.Stages[0].Team = "boss" },
		"team gone": func(r *elevation.Request) { r.Need.Stages[0].Team = "gone" },
	} {
		r := waiting(friday, "web")
		change(r)
		if got, ok := p.NextEscalation(r); ok {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestNextAnswer(t *testing.T) {
	friday := time.Date(2026, 3, 27, 20, 0, 0, 0, time.UTC)
	monday := time.Date(2026, 3, 30, 6, 0, 0, 0, time.UTC)
	plain := func(t testing.TB) Plan { p := desk(t); p.Teams[0].Escalate = nil; return p }
	away := func(u, d Person, from, until time.Time) Away {
		return Away{User: u, Delegate: d, By: u, From: from, Until: until}
	}
	boss := Person{ID: "usr_boss", Login: "boss"}
	tests := []struct {
		name   string
		change func(*Plan, *elevation.Request)
		want   time.Time
	}{
		{"when the team opens", func(*Plan, *elevation.Request) {}, monday},
		{"urgent: now", func(_ *Plan, r *elevation.Request) { r.Priority = elevation.Urgent }, friday},
		{"after their return", func(p *Plan, _ *elevation.Request) {
			p.Away = []Away{away(ada, cy, friday, monday.Add(3*time.Hour)), away(bo, cy, friday, monday.Add(50*time.Hour)), away(cy, boss, friday, monday.Add(60*time.Hour))}
		}, monday.Add(3 * time.Hour)},
		{"who stands in, at once", func(p *Plan, _ *elevation.Request) {
			p.Teams[0].Hours = elevation.Hours{}
			p.Away = []Away{away(ada, boss, friday, monday), away(bo, boss, friday, monday)}
		}, friday},
		{"who will stand in", func(p *Plan, _ *elevation.Request) {
			p.Teams[0].Hours = elevation.Hours{}
			p.Teams[0].Members = []Person{{ID: "usr_dee", Login: "dee2"}}
			p.Links = []Link{{User: "usr_dee", Name: "dee"}}
		}, time.Time{}},
		{"up the ladder", func(p *Plan, _ *elevation.Request) {
			p.Teams[0].Escalate = []Step{{After: time.Hour, Team: "boss"}}
			p.Teams[0].Members = nil
		}, monday.Add(time.Hour)},
		{"nobody ever", func(p *Plan, _ *elevation.Request) { p.Teams[0].Members = nil }, time.Time{}},
		{"no such team", func(_ *Plan, r *elevation.Request) { r.Need.Stages[0].Team = "gone" }, time.Time{}},
		{"all have voted", func(_ *Plan, r *elevation.Request) {
			r.Need.Stages[0].Quorum = 3
			for _, who := range []Person{ada, bo} {
				r.Reviews = append(r.Reviews, elevation.Review{By: by(who), Verdict: elevation.Approved, Stages: []elevation.TeamID{"web"}})
			}
		}, time.Time{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, r := plain(t), waiting(friday, "web")
			tt.change(&p, r)
			if got := p.NextAnswer(r, friday); !got.Equal(tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// TestNextAnswerIsTheFirst compares NextAnswer with looking every ten minutes for
// a fortnight, for random teams, absences and ladders. Everybody who can answer
// may vote, and nobody else whom the plan knows of is missing.
func TestNextAnswerIsTheFirst(t *testing.T) {
	people := []Person{ada, bo, cy, {ID: "usr_boss", Login: "boss"}, {ID: "usr_eve", Login: "eve"}}
	windows := []string{"Mon-Fri 08:00-18:00", "Sat 10:00-12:00", "22:00-06:00", "Sun 02:00-03:00"}
	start := time.Date(2026, 3, 26, 12, 0, 0, 0, time.UTC)
	minutes := func(rt *rapid.T, name string, most int) time.Duration {
		return time.Duration(rapid.IntRange(0, most).Draw(rt, name)) * 10 * time.Minute
	}
	rapid.Check(t, func(rt *rapid.T) {
		var p Plan
		for _, id := range []elevation.TeamID{"web", "night", "boss"} {
			team := Team{ID: id, Name: string(id)}
			for _, who := range people {
				if rapid.Bool().Draw(rt, "member") {
					team.Members = append(team.Members, who)
				}
			}
			if rapid.Bool().Draw(rt, "hours") {
				team.Hours = hours(t, rapid.SampledFrom(windows).Draw(rt, "window"), "Europe/Berlin")
			}
			if rapid.Bool().Draw(rt, "ladder") {
				team.Escalate = []Step{{After: minutes(rt, "after", 300), Team: rapid.SampledFrom([]elevation.TeamID{"web", "night", "boss"}).Draw(rt, "to")}}
			}
			p.Teams = append(p.Teams, team)
		}
		for range rapid.IntRange(0, 4).Draw(rt, "away") {
			from := start.Add(minutes(rt, "from", 900) - 24*time.Hour)
			p.Away = append(p.Away, Away{User: rapid.SampledFrom(people).Draw(rt, "who"), Delegate: rapid.SampledFrom(people).Draw(rt, "delegate"),
				By: rapid.SampledFrom(people).Draw(rt, "by"), From: from, Until: from.Add(minutes(rt, "for", 900))})
		}
		r := waiting(start, "web", "night")
		r.Attempt.User.Name = rapid.SampledFrom([]string{"dee", "ada", "eve"}).Draw(rt, "requester")
		now := start.Add(minutes(rt, "now", 300))
		for {
			due, ok := p.NextEscalation(r)
			if !ok || due.At.After(now) {
				break
			}
			r.Escalations = append(r.Escalations, elevation.Escalation{Of: due.Of, Team: due.Team})
		}
		then, want := *r, time.Time{}
		for at := now; at.Before(now.Add(14 * 24 * time.Hour)); at = at.Add(10 * time.Minute) {
			for {
				due, ok := p.NextEscalation(&then)
				if !ok || due.At.After(at) {
					break
				}
				then.Escalations = append(then.Escalations, elevation.Escalation{Of: due.Of, Team: due.Team})
			}
			if len(p.Answerers(&then, at)) > 0 {
				want = at
				break
			}
		}
		got := p.NextAnswer(r, now)
		if !got.Equal(want) && !(want.IsZero() && got.After(now.Add(14*24*time.Hour-time.Minute))) {
			rt.Fatalf("got %v, want %v", got, want)
		}
		for _, who := range p.Answerers(r, now) {
			if stages, err := MayVote(p, by(who), r, now); err != nil || len(stages) == 0 {
				rt.Fatalf("%s can answer but may not vote: %v", who.Login, err)
			}
		}
	})
}

// TestAppointedByAPuppet: who holds the key to an account appoints with it nobody
// who decides their own requests.
func TestAppointedByAPuppet(t *testing.T) {
	p, r := desk(t), waiting(noon, "boss")
	boss, puppet, second := Person{ID: "usr_boss", Login: "boss"}, Person{ID: "usr_puppet", Login: "puppet"}, Person{ID: "usr_second", Login: "second"}
	p.Away = []Away{{User: boss, Delegate: ada, By: second, From: noon, Until: noon.Add(time.Hour)}}
	if _, err := MayVote(p, by(ada), r, noon); err != nil {
		t.Fatal(err)
	}
	dee := Person{ID: "usr_dee", Login: "dee"}
	p.SetBy = map[elevation.UserID]Person{second.ID: puppet, puppet.ID: dee, dee.ID: puppet}
	if _, err := MayVote(p, by(ada), r, noon); !errors.Is(err, elevation.ErrSelfApproval) {
		t.Errorf("a delegate whom the puppet of a puppet appointed: %v", err)
	}
	if got := p.Answerers(r, noon); len(got) != 0 {
		t.Errorf("can answer: %v", got)
	}
	p.SetBy = map[elevation.UserID]Person{boss.ID: puppet, puppet.ID: boss} // each other's, and not the requester's
	p.Away = nil
	if _, err := MayVote(p, by(boss), r, noon); err != nil {
		t.Errorf("two who set each other's password: %v", err)
	}
}
