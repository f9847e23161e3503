package insight

import (
	"context"
	"slices"
	"time"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/shared/elevation"
)

// What is counted of each day, team and program.
const (
	volAll = iota
	volRule
	volPerson
	volDenied
	volNobody
	volEmergency
)

// volumes are the reports that say how much is asked for: by day, by the team
// that answers, by the program.
func volumes() []report {
	return []report{
		{name: "volume", title: "How much was asked for each day, and how long people waited",
			columns: []string{"day", "requests", "by_rule", "by_person", "denied", "unanswered", "emergencies", "median_seconds", "p95_seconds"},
			see: func(t tally, r *elevation.Request, _ known, p period) {
				t.line(r.SubmittedAt.UTC().Format(time.DateOnly)).volume(r, p)
			}, table: tableVolume},
		{name: "per-team", title: "What each team was asked, and how fast it answered",
			columns: []string{"team", "requests", "answered", "denied", "unanswered", "median_seconds", "p95_seconds"},
			see:     seeTeam, table: tableTeam},
		{name: "per-application", title: "Which programs are asked for most",
			columns: []string{"program", "requests", "by_rule", "by_person", "denied", "unanswered", "emergencies"},
			see: func(t tally, r *elevation.Request, _ known, p period) {
				t.line(programOf(r)).volume(r, p)
			}, table: tableApplication},
	}
}

// volume takes one request into the line.
func (l *line) volume(r *elevation.Request, p period) {
	l.n[volAll]++
	if r.Emergency {
		l.n[volEmergency]++
	}
	d := r.Decision
	switch {
	case d == nil && r.CancelledAt.IsZero() && r.State(p.now) == elevation.StateExpired:
		l.n[volNobody]++
	case d == nil:
	case d.By.Kind == elevation.ByRule:
		l.n[volRule]++
	case d.By.Kind == elevation.ByUser:
		l.n[volPerson]++
		l.waits = append(l.waits, waited(r, p.now))
	}
	if d != nil && d.Verdict == elevation.Denied {
		l.n[volDenied]++
	}
}

// cellsOf are the line's words and these counters.
func (l *line) cellsOf(index ...int) []string {
	out := slices.Clone(l.cells)
	for _, i := range index {
		out = append(out, number(l.n[i]))
	}
	return out
}

// tableVolume has a row for every day of the period, also for those without
// requests: the first is the first that has one.
func tableVolume(_ context.Context, _ *Insight, _ auth.Actor, t tally, p period) ([][]string, []string, error) {
	rows := [][]string{}
	const day = 24 * time.Hour
	begin := p.until
	for _, l := range t {
		if at, err := time.Parse(time.DateOnly, l.cells[0]); err == nil && at.Before(begin) {
			begin = at
		}
	}
	for d := begin.UTC().Truncate(day); d.Before(p.until) && len(t) > 0; d = d.Add(day) {
		l := t.line(d.Format(time.DateOnly))
		rows = append(rows, append(l.cellsOf(volAll, volRule, volPerson, volDenied, volNobody, volEmergency), seconds(l.waits, 0.5), seconds(l.waits, 0.95)))
	}
	return rows, []string{"Days are those of UTC. The waiting time is that of requests which a person answered."}, nil
}

// seeTeam counts what went to the people of a team: the one that is asked first.
func seeTeam(t tally, r *elevation.Request, _ known, p period) {
	if len(r.Need.Stages) > 0 && (r.Decision == nil || r.Decision.By.Kind == elevation.ByUser) {
		t.line(r.Need.Stages[0].Name).volume(r, p)
	}
}

func tableTeam(_ context.Context, _ *Insight, _ auth.Actor, t tally, _ period) ([][]string, []string, error) {
	return t.rows(most(volAll), func(l *line) []string {
		return append(l.cellsOf(volAll, volPerson, volDenied, volNobody), seconds(l.waits, 0.5), seconds(l.waits, 0.95))
	}), nil, nil
}

func tableApplication(_ context.Context, _ *Insight, _ auth.Actor, t tally, _ period) ([][]string, []string, error) {
	return t.rows(most(volAll), func(l *line) []string {
		return l.cellsOf(volAll, volRule, volPerson, volDenied, volNobody, volEmergency)
	}), nil, nil
}
