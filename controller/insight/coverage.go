package insight

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules"
)

// The lines of coverage.
const (
	coverAll = iota
	coverRule
	coverPerson
	coverNobody
	coverEmergency
)

// The lines of what the rules in force would answer.
const (
	nowAll = iota
	nowAnswered
	nowAsked
	nowSeen
)

func seeCoverage(t tally, r *elevation.Request, ep known, p period) {
	if r.Extends == "" && p.set != nil {
		o := p.set.Evaluate(rules.Input{Attempt: r.Attempt, Justification: r.Justification, Ticket: r.Ticket, Priority: r.Priority, Endpoint: ep.rules}, r.SubmittedAt)
		weigh(t, o.Kind, 1, r.SubmittedAt)
	}
	all, d := t.line("all"), r.Decision
	all.n[coverAll]++
	t.line("endpoint", string(ep.endpoint.ID)).n[0]++
	switch {
	case r.Emergency:
		all.n[coverEmergency]++
	case d == nil:
		all.n[coverNobody]++
	case d.By.Kind == elevation.ByRule:
		all.n[coverRule]++
	default:
		all.n[coverPerson]++
		t.line("program", r.Attempt.Subject.Path).n[0]++
	}
}

// seenCoverage takes what was only seen along, as often as it was.
func seenCoverage(t tally, x *store.Sighting, ep known, p period) {
	if !isHistory(x.Kind) || p.set == nil {
		return
	}
	k := ask(p.set, x, ep)
	weigh(t, k, x.Times, x.At)
	t.line("now").n[nowSeen] += x.Times
	if k == rules.Ask {
		t.line("would ask", x.Attempt.Subject.Path).n[0] += x.Times
	}
}

// weigh counts what the rules in force say of attempts.
func weigh(t tally, k rules.Kind, times int, at time.Time) {
	l := t.line("now")
	l.at(at)
	l.n[nowAll] += times
	if k == rules.Ask {
		l.n[nowAsked] += times
	} else {
		l.n[nowAnswered] += times
	}
}

// coverageNow says what the rules in force would answer of everything that was
// asked and seen, and how often people would be asked on a day.
func coverageNow(t tally, p period) (rows [][]string, note string) {
	l := t.line("now")
	if l.n[nowAll] == 0 {
		return nil, "Nothing was asked for or seen in this time."
	}
	enforcing := 0
	for _, r := range p.set.Rules() {
		if r.Mode == rules.Enforce {
			enforcing++
		}
	}
	days := max(1, int((p.until.Sub(l.first)+24*time.Hour-1)/(24*time.Hour)))
	daily := strings.TrimSuffix(fmt.Sprintf("%.1f", float64(l.n[nowAsked])/float64(days)), ".0")
	rows = [][]string{{"attempts asked or seen", number(l.n[nowAll]), ""}, {"attempts only seen", number(l.n[nowSeen]), percent(l.n[nowSeen], l.n[nowAll])},
		{"rules in force", number(enforcing), ""},
		{"covered by the rules in force", number(l.n[nowAnswered]), percent(l.n[nowAnswered], l.n[nowAll])},
		{"people would be asked", number(l.n[nowAsked]), percent(l.n[nowAsked], l.n[nowAll])},
		{"people would be asked a day", daily, ""}}
	return rows, fmt.Sprintf("These %d rules cover %s of %d attempts; people would be asked %s times a day.", enforcing,
		percent(l.n[nowAnswered], l.n[nowAll]), l.n[nowAll], daily)
}

// coveragePrograms is how many of the programs that people are asked for most
// are listed.
const coveragePrograms = 20

func tableCoverage(ctx context.Context, s *Insight, act auth.Actor, t tally, p period) ([][]string, []string, error) {
	all := t.line("all").n
	rows := [][]string{{"requests", number(all[coverAll]), ""}}
	for _, x := range []struct {
		what string
		n    int
	}{{"answered by a rule", all[coverRule]}, {"answered by a person", all[coverPerson]}, {"not answered", all[coverNobody]},
		{"emergencies", all[coverEmergency]}} {
		rows = append(rows, []string{x.what, number(x.n), percent(x.n, all[coverAll])})
	}
	now, note := coverageNow(t, p)
	rows = append(rows, now...)
	asked, programs, seen := 0, tally{}, tally{}
	for _, l := range t {
		switch l.cells[0] {
		case "endpoint":
			asked++
		case "program":
			programs.line(l.cells...).n[0] = l.n[0]
		case "would ask":
			seen.line(l.cells...).n[0] = l.n[0]
		}
	}
	fleet, err := s.fleetCounts(ctx, act, p)
	if err != nil {
		return nil, nil, err
	}
	total := fleet[0]
	for i, what := range []string{"endpoints", "endpoints seen in the last 7 days", "endpoints that observe only", "endpoints locked or in quarantine"} {
		rows = append(rows, []string{what, number(fleet[i]), percent(fleet[i], total)})
	}
	rows = append(rows, []string{"endpoints that asked for something", number(asked), percent(asked, total)})
	top := programs.rows(most(0), func(l *line) []string {
		return []string{"asked of people: " + l.cells[1], number(l.n[0]), percent(l.n[0], all[coverAll])}
	})
	rows = append(rows, top[:min(len(top), coveragePrograms)]...)
	top = seen.rows(most(0), func(l *line) []string {
		return []string{"would be asked of people: " + l.cells[1], number(l.n[0]), percent(l.n[0], t.line("now").n[nowAll])}
	})
	return append(rows, top[:min(len(top), coveragePrograms)]...), []string{note}, nil
}

// fleetCounts are the endpoints that the actor may know of: all, seen lately,
// observing, shut out.
func (s *Insight) fleetCounts(ctx context.Context, act auth.Actor, p period) (n [4]int, err error) {
	err = s.cfg.Store.View(ctx, func(tx *store.Tx) error {
		list, err := tx.Endpoints(store.EndpointFilter{})
		for _, e := range list {
			if !e.DeletedAt.IsZero() || !act.Covers(e.EffectiveLabels()) || !labelled(e, p.labels) {
				continue
			}
			n[0]++
			if p.now.Sub(e.LastSeen) < 7*24*time.Hour {
				n[1]++
			}
			if s.cfg.Mode(e) == elevation.ModeObserve {
				n[2]++
			}
			if e.Locked || e.Quarantined {
				n[3]++
			}
		}
		return err
	})
	return n, err
}
