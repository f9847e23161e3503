package delegation

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/assent-epm/assent/shared/elevation"
)

// TestModel lets random people with random verbs at random times act on one
// request, by the pure functions alone, and holds what comes of it against a
// plain account of who might do what. It is the wide half of the model test;
// controller/queue has the half with a database.
func TestModel(t *testing.T) {
	reached := map[string]int{}
	for range 40 { // of -rapid.checks histories each
		rapid.Check(t, func(rt *rapid.T) { history(rt, reached) })
		anotherSeed(t)
	}
	if len(reached) < 6 && !testing.Short() {
		t.Errorf("the histories ended in few states only: %v", reached)
	}
}

// anotherSeed gives the next round histories of its own where the seed is fixed
// (RAPID_SEED), as in make test; a random one differs by itself.
func anotherSeed(t *testing.T) {
	seed, err := strconv.ParseUint(flag.Lookup("rapid.seed").Value.String(), 10, 64)
	if err == nil && seed != 0 {
		err = flag.Set("rapid.seed", strconv.FormatUint(seed+1_000_003, 10))
	}
	if err != nil {
		t.Fatal(err)
	}
}

func history(rt *rapid.T, reached map[string]int) {
	m := newModel(rt)
	rt.Repeat(map[string]func(*rapid.T){
		"":           m.check,
		"approve":    func(rt *rapid.T) { m.vote(rt, elevation.Approved) },
		"approve it": func(rt *rapid.T) { m.vote(rt, elevation.Approved) },
		"deny":       func(rt *rapid.T) { m.vote(rt, elevation.Denied) },
		"undo":       m.undo,
		"cancel":     func(rt *rapid.T) { m.step(m.r.Cancel(m.now)) },
		"revoke":     func(rt *rapid.T) { m.step(m.r.Revoke(m.person(rt), "", m.now)) },
		"check in":   func(rt *rapid.T) { m.step(m.r.CheckIn(m.now)) },
		"remove":     func(rt *rapid.T) { m.step(m.r.Remove(m.now)) },
		"clear":      func(rt *rapid.T) { m.step(m.r.RemoveByTeam(m.now)) },
		"ask back":   func(rt *rapid.T) { m.step(m.r.Ask(m.person(rt), "why?", m.now)) },
		"answer":     func(rt *rapid.T) { m.step(m.r.Answer("because", m.now)) },
		"claim":      func(rt *rapid.T) { m.step(m.r.TakeUp(m.person(rt), m.now)) },
		"nudge":      func(rt *rapid.T) { m.step(m.r.Nudge(15*time.Minute, 4, m.now)) },
		"escalate":   m.escalate,
		"prioritize": func(rt *rapid.T) {
			m.step(m.r.Prioritize(rapid.SampledFrom([]elevation.Priority{"low", "urgent", "none"}).Draw(rt, "priority"), m.person(rt), m.now))
		},
		"look back": func(rt *rapid.T) { m.step(m.r.LookBack(m.person(rt), "seen", m.now)) },
		"issue":     m.issue,
		"report":    m.report,
		"pass":      m.pass,
		"sweep": func(rt *rapid.T) {
			m.r, _ = m.r.Sweep(m.now)
		},
	})
	reached[string(m.r.State(m.now))]++
}

// cast are the accounts. eve is the requester by her login, twin by a strong
// link, ghost is an account that the requester made.
func cast() []Person {
	var out []Person
	for _, login := range []string{"ada", "bo", "cy", "dee", "eve", "twin", "ghost", "sub"} {
		out = append(out, Person{ID: elevation.UserID("usr_" + login), Login: login})
	}
	return out
}

func isRequester(id elevation.UserID) bool { return id == "usr_eve" || id == "usr_twin" }

type model struct {
	plan  Plan
	times elevation.Times
	r     elevation.Request
	now   time.Time
	was   elevation.State
	votes []vote
	asked time.Duration
}

// vote is what the account remembers of a vote that was taken.
type vote struct {
	by, place elevation.UserID // place: whose vote it is
	team      elevation.TeamID
	duration  time.Duration
	verdict   elevation.Verdict
}

func newModel(rt *rapid.T) *model {
	people := cast()
	m := &model{times: elevation.DefaultTimes(), now: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC).Add(time.Duration(rapid.IntRange(0, 7*24).Draw(rt, "hour")) * time.Hour)}
	hours := elevation.Hours{}
	if rapid.Bool().Draw(rt, "hours") {
		var err error
		if hours, err = elevation.ParseHours("Mon-Fri 08:00-18:00", berlin(rt)); err != nil {
			rt.Fatal(err)
		}
	}
	for i := range 3 {
		members := rapid.SliceOfNDistinct(rapid.SampledFrom(people), 1, 6, func(p Person) elevation.UserID { return p.ID }).Draw(rt, fmt.Sprint("team", i))
		team := Team{ID: elevation.TeamID(fmt.Sprint("team_", i)), Name: fmt.Sprint("Team", i), Members: members}
		if i == 1 {
			team.Hours = hours
		}
		m.plan.Teams = append(m.plan.Teams, team)
	}
	m.plan.Links = []Link{{User: "usr_twin", UID: "1000"}}
	m.plan.SetBy = map[elevation.UserID]Person{"usr_ghost": {ID: "usr_eve", Login: "eve"}}
	for range rapid.IntRange(0, 3).Draw(rt, "away") {
		from := m.now.Add(time.Duration(rapid.IntRange(-24, 24).Draw(rt, "from")) * time.Hour)
		m.plan.Away = append(m.plan.Away, Away{User: rapid.SampledFrom(people).Draw(rt, "user"), Delegate: rapid.SampledFrom(people).Draw(rt, "delegate"),
			By: rapid.SampledFrom(people).Draw(rt, "by"), From: from, Until: from.Add(48 * time.Hour)})
	}
	m.asked = rapid.SampledFrom([]time.Duration{0, time.Minute, time.Hour, 20 * time.Hour}).Draw(rt, "asked")
	r := elevation.Request{ID: elevation.NewRequestID(m.now), Origin: elevation.FromEndpoint, Endpoint: "ep_1", DraftedAt: m.now,
		Attempt:    elevation.Attempt{AccessType: elevation.Run, User: elevation.User{Name: "eve", UID: "1000"}, Subject: elevation.Subject{Path: "/usr/bin/id"}},
		AtTerminal: rapid.Bool().Draw(rt, "terminal"), Requested: elevation.Window{Duration: m.asked}}
	if rapid.Bool().Draw(rt, "later") {
		r.Requested.Start = m.now.Add(5 * time.Hour)
	}
	for _, i := range rapid.SliceOfNDistinct(rapid.IntRange(0, 2), 1, 3, rapid.ID[int]).Draw(rt, "stages") {
		r.Need.Stages = append(r.Need.Stages, elevation.Stage{Team: m.plan.Teams[i].ID, Name: m.plan.Teams[i].Name, Quorum: rapid.IntRange(1, 2).Draw(rt, "quorum")})
	}
	r.Need.MaxDuration = rapid.SampledFrom([]time.Duration{0, 10 * time.Minute}).Draw(rt, "most")
	r.Need.StepUp = rapid.Bool().Draw(rt, "risky")
	if rapid.Bool().Draw(rt, "after") {
		r.Need.AfterReview = m.plan.Teams[0].ID
	}
	next, err := r.Submit("because of INC-4821", "", m.times, m.now)
	if err != nil {
		rt.Fatal(err)
	}
	m.r, m.was = next, elevation.StatePending
	return m
}

func (m *model) person(rt *rapid.T) elevation.Actor {
	p := rapid.SampledFrom(cast()).Draw(rt, "who")
	return elevation.Actor{Kind: elevation.ByUser, ID: string(p.ID), Name: p.Login}
}

// step takes the new facts of a verb that was not refused. A refusal must leave
// them as they were.
func (m *model) step(next elevation.Request, err error) {
	if err == nil {
		m.r = next
	}
}

func (m *model) vote(rt *rapid.T, v elevation.Verdict) {
	by := m.person(rt)
	before := m.r.State(m.now)
	seats, err := Seats(m.plan, by, &m.r, m.now)
	if err != nil {
		return
	}
	in := elevation.Vote{By: by, Verdict: v, Hold: rapid.SampledFrom([]time.Duration{0, m.times.Undo}).Draw(rt, "hold")}
	if v == elevation.Approved {
		in.Duration = rapid.SampledFrom([]time.Duration{0, 30 * time.Second, 2 * time.Hour, 100 * time.Hour}).Draw(rt, "duration")
		if rapid.IntRange(0, 5).Draw(rt, "start") == 0 {
			in.Start = m.now.Add(2 * time.Hour)
		}
	}
	for _, s := range seats {
		in.Stages, in.For = append(in.Stages, s.Stage), append(in.For, s.For)
	}
	next, err := m.r.Review(in, m.times, m.now)
	if err != nil {
		return
	}
	if before != elevation.StatePending {
		rt.Fatalf("a vote is taken while the request is %s", before)
	}
	got := next.Reviews[len(next.Reviews)-1]
	place := got.For
	if place == "" {
		place = elevation.UserID(by.ID)
	}
	m.lawful(rt, elevation.UserID(by.ID), got.For, got.Stages)
	if v == elevation.Denied {
		if next.Decision == nil || next.Decision.Verdict != elevation.Denied {
			rt.Fatal("one denial does not deny")
		}
		m.r = next
		return
	}
	m.votes = append(m.votes, vote{by: elevation.UserID(by.ID), place: place, team: got.Stages[0], duration: in.Duration, verdict: v})
	m.r = next
	if next.Decision != nil {
		m.enough(rt)
	}
}

// lawful is the plain account of whose vote may count.
func (m *model) lawful(rt *rapid.T, by, place elevation.UserID, stages []elevation.TeamID) {
	if isRequester(by) {
		rt.Fatalf("%s votes on their own request", by)
	}
	if by == "usr_ghost" {
		rt.Fatal("an account of the requester's making votes")
	}
	if len(stages) != 1 {
		rt.Fatalf("one vote counts in %v", stages)
	}
	seat := by
	if place != "" {
		seat = place
		ok := slices.ContainsFunc(m.plan.Away, func(a Away) bool {
			return a.User.ID == place && a.Delegate.ID == by && !m.now.Before(a.From) && m.now.Before(a.Until) && !isRequester(a.User.ID) && !isRequester(a.By.ID)
		})
		if !ok {
			rt.Fatalf("%s votes for %s, who did not appoint them, or is the requester", by, place)
		}
	}
	teams := []elevation.TeamID{stages[0]}
	for _, e := range m.r.Escalations {
		if e.Of == stages[0] || e.Of == "" && m.r.Need.Stages[0].Team == stages[0] {
			teams = append(teams, e.Team)
		}
	}
	for _, id := range teams {
		for _, t := range m.plan.Teams {
			local := m.now.In(berlin(rt))
			closed := !t.Hours.Always() && m.r.Priority != elevation.Urgent &&
				(local.Weekday() == time.Saturday || local.Weekday() == time.Sunday || local.Hour() < 8 || local.Hour() >= 18)
			if t.ID == id && !closed && slices.ContainsFunc(t.Members, func(p Person) bool { return p.ID == seat }) {
				return
			}
		}
	}
	rt.Fatalf("%s votes for %s in the stage of %s at %v and is in none of %v on duty", by, seat, stages[0], m.now, teams)
}

func berlin(rt *rapid.T) *time.Location {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		rt.Fatal(err)
	}
	return zone
}

// enough checks an approval: every stage has its quorum of different people,
// nobody counts twice, and nothing is longer than anybody gave.
func (m *model) enough(rt *rapid.T) {
	people, places := map[elevation.UserID]bool{}, map[elevation.UserID]bool{}
	each := map[elevation.TeamID]int{}
	limit := m.times.RunCap
	if m.asked > 0 {
		limit = min(limit, m.asked)
	}
	given := time.Duration(0)
	for _, v := range m.votes {
		if people[v.by] || places[v.place] {
			rt.Fatalf("somebody counts twice: %+v", m.votes)
		}
		people[v.by], places[v.place] = true, true
		each[v.team]++
		d := v.duration
		if d == 0 {
			d = limit
		}
		if given == 0 || d < given {
			given = d
		}
	}
	for _, s := range m.r.Need.Stages {
		if each[s.Team] < s.Quorum {
			rt.Fatalf("approved with %d of %d of %s", each[s.Team], s.Quorum, s.Team)
		}
	}
	most := min(given, m.times.RunCap)
	if m.r.Need.MaxDuration > 0 {
		most = min(most, m.r.Need.MaxDuration)
	}
	if m.r.Granted.Duration > most || m.r.Granted.Duration <= 0 {
		rt.Fatalf("%v is granted, %v is the most", m.r.Granted.Duration, most)
	}
	if m.r.Granted.UseWithin > m.times.UseWithin || m.r.Granted.UseWithin <= 0 {
		rt.Fatalf("it can be used within %v", m.r.Granted.UseWithin)
	}
	if m.r.Need.StepUp && !m.r.Decision.HeldUntil.IsZero() {
		rt.Fatal("what is of high risk is held")
	}
	if m.r.AtTerminal && !m.r.Decision.HeldUntil.IsZero() {
		rt.Fatal("what somebody waits for is held")
	}
}

func (m *model) undo(rt *rapid.T) {
	by := m.person(rt)
	next, err := m.r.Undo(by, m.now)
	if err != nil {
		return
	}
	if m.r.Decision == nil || m.r.Decision.By.ID != by.ID || !m.now.Before(m.r.Decision.HeldUntil) {
		rt.Fatalf("%s takes back %+v at %v", by.ID, m.r.Decision, m.now)
	}
	m.r = next
	m.votes = slices.DeleteFunc(m.votes, func(v vote) bool { return string(v.by) == by.ID })
	m.was = elevation.StatePending
}

func (m *model) escalate(rt *rapid.T) {
	to := rapid.SampledFrom(m.plan.Teams).Draw(rt, "to")
	of := rapid.SampledFrom(m.r.Need.Stages).Draw(rt, "of")
	m.step(m.r.Escalate(elevation.Escalation{Of: of.Team, Team: to.ID, Name: to.Name, By: m.person(rt)}, m.now))
}

// issue is what the queue does when a decision is not held any more.
func (m *model) issue(*rapid.T) {
	s := m.r.State(m.now)
	if m.r.Grant.ID == "" && (s == elevation.StateApproved || s == elevation.StateAvailable) {
		m.r.Grant = elevation.GrantFacts{ID: "gr_1", IssuedAt: m.now}
	}
}

// report comes from the endpoint, whose clock is not the controller's.
func (m *model) report(rt *rapid.T) {
	at := m.now.Add(time.Duration(rapid.IntRange(-120, 120).Draw(rt, "skew")) * time.Minute)
	kind := rapid.SampledFrom([]elevation.ReportKind{"delivered", "started", "started", "ended", "listed", "odd"}).Draw(rt, "kind")
	grant := rapid.SampledFrom([]elevation.GrantID{"gr_1", "gr_1", "gr_2"}).Draw(rt, "grant")
	why := rapid.SampledFrom([]elevation.EndReason{elevation.Completed, elevation.Deadline, elevation.RevokedEnd, "odd"}).Draw(rt, "why")
	next, changed, err := m.r.Report(kind, grant, why, nil, at, m.now)
	switch {
	case err == nil && changed && (m.r.Grant.ID == "" || grant != m.r.Grant.ID):
		rt.Fatal("a report of another grant is taken")
	case err == nil && next.Grant.StartedAt.After(m.now):
		rt.Fatal("it started in the future")
	case err == nil:
		if changed && kind == elevation.ReportStarted && m.was == elevation.StateExpired {
			m.was = "" // the endpoint is the witness of what is in use, also of what was taken for unused
		}
		m.r = next
	}
}

func (m *model) pass(rt *rapid.T) {
	m.now = m.now.Add(rapid.SampledFrom([]time.Duration{time.Millisecond, time.Second, 4 * time.Second, 5 * time.Minute, time.Hour, 5 * time.Hour, 30 * time.Hour}).Draw(rt, "by"))
}

// check is what must hold in every state.
func (m *model) check(rt *rapid.T) {
	s := m.r.State(m.now)
	if m.was.Final() && !s.Final() {
		rt.Fatalf("%s becomes %s", m.was, s)
	}
	m.was = s
	granted := m.r.Decision != nil && m.r.Decision.Verdict == elevation.Approved
	if m.r.Grant.ID != "" && !granted {
		rt.Fatal("a grant without an approval")
	}
	switch s {
	case elevation.StateApproved, elevation.StateAvailable, elevation.StateActive:
		if !granted || m.now.Before(m.r.Decision.HeldUntil) {
			rt.Fatalf("%s without an approval that took effect", s)
		}
		if end := m.end(); !m.now.Before(end) {
			rt.Fatalf("%s at %v, after its window ended at %v", s, m.now, end)
		}
	}
	m.wayOut(rt)
}

// end is when the window is over by the plain account.
func (m *model) end() time.Time {
	switch {
	case !m.r.Granted.Start.IsZero():
		return m.r.Granted.Start.Add(m.r.Granted.Duration)
	case !m.r.Grant.StartedAt.IsZero():
		return m.r.Grant.StartedAt.Add(m.r.Granted.Duration)
	case m.r.Decision.HeldUntil.After(m.r.Decision.At):
		return m.r.Decision.HeldUntil.Add(m.times.UseWithin)
	}
	return m.r.Decision.At.Add(m.times.UseWithin)
}

// wayOut lets time alone end the request.
func (m *model) wayOut(rt *rapid.T) {
	r, now := m.r, m.now
	for range 8 {
		if r.State(now).Final() {
			return
		}
		due := r.NextDue(now)
		if !due.After(now) {
			rt.Fatalf("%s at %v, and due at %v", r.State(now), now, due)
		}
		now = due
		r, _ = r.Sweep(now)
	}
	rt.Fatalf("nothing ends a request that is %s", m.r.State(m.now))
}

// TestDelegateOfTheRequester is the case that random histories rarely meet.
func TestDelegateOfTheRequester(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	eve, sub, bo := Person{ID: "usr_eve", Login: "eve"}, Person{ID: "usr_sub", Login: "sub"}, Person{ID: "usr_bo", Login: "bo"}
	r := &elevation.Request{Attempt: elevation.Attempt{User: elevation.User{Name: "eve", UID: "1000"}}, SubmittedAt: now, ExpiresAt: now.Add(time.Hour),
		Need: elevation.Need{Stages: []elevation.Stage{{Team: "team_1", Quorum: 1}}}}
	for _, row := range []struct {
		name string
		away Away
		want error
	}{
		{"of a colleague", Away{User: bo, Delegate: sub, By: bo}, nil},
		{"of the requester", Away{User: eve, Delegate: sub, By: eve}, elevation.ErrSelfApproval},
		{"of a colleague, by the requester", Away{User: bo, Delegate: sub, By: eve}, elevation.ErrSelfApproval},
		{"the requester for a colleague", Away{User: bo, Delegate: eve, By: bo}, elevation.ErrNotAllowed},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.away.From, row.away.Until = now, now.Add(time.Hour)
			p := Plan{Teams: []Team{{ID: "team_1", Members: []Person{eve, bo}}}, Away: []Away{row.away}}
			_, err := Seats(p, elevation.Actor{Kind: elevation.ByUser, ID: "usr_sub", Name: "sub"}, r, now)
			if !errors.Is(err, row.want) || row.want == nil && err != nil {
				t.Errorf("got %v, want %v", err, row.want)
			}
		})
	}
}
