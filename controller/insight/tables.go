package insight

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules"
)

// reports is the list of all reports, in the order in which they are offered.
func reports() []report {
	return append([]report{
		{name: "could-and-did", title: "Who could and who did become root", earlier: 60 * 24 * time.Hour,
			columns: []string{"user", "endpoint", "granted", "used", "by_rule", "by_person", "emergency", "first_at", "last_at"},
			see:     seeCouldAndDid, table: tableCouldAndDid},
		{name: "emergencies", title: "Emergency access, and whether somebody has looked at it",
			columns: []string{"request", "at", "user", "endpoint", "command", "reason", "used", "reviewed_by", "reviewed_at"},
			see:     seeEmergency, table: listedRows()},
		{name: "unreviewed", title: "Requests that are over and still wait for a review after use",
			columns: []string{"request", "at", "user", "endpoint", "command", "team", "over_since"},
			see:     seeUnreviewed, table: listedRows()},
		{name: "per-approver", title: "What each approver answered, and how fast",
			columns: []string{"approver", "approved", "denied", "questions", "median_seconds", "longest_seconds", "last_at"},
			see:     seeApprover, table: tableApprover},
		{name: "per-rule", title: "What each rule answered", needs: []auth.Permission{auth.RulesRead},
			columns: []string{"rule", "approved", "denied", "asked", "would_approve", "would_deny", "last_at"},
			see:     seeRule, table: tableRule},
		{name: "stale-rules", title: "Rules in force that matched nothing", needs: []auth.Permission{auth.RulesRead},
			columns: []string{"rule", "then", "mode", "line"},
			see:     seeRule, table: tableStale},
		{name: "waiting-times", title: "How long people waited for an answer",
			columns: []string{"team", "priority", "answered", "unanswered", "median_seconds", "p90_seconds", "longest_seconds"},
			see:     seeWaiting, table: tableWaiting},
		{name: "coverage", title: "What rules answer, what people answer, and which endpoints are covered",
			columns: []string{"what", "count", "share"},
			see:     seeCoverage, seen: seenCoverage, table: tableCoverage},
		{name: "standing-rights", title: "Who can become root without Assent",
			columns: []string{"day", "endpoints", "endpoints_with_rights", "rights", "taken_over"},
			table:   tableStanding},
	}, volumes()...)
}

// seeCouldAndDid counts what was granted for some time within the period.
func seeCouldAndDid(t tally, r *elevation.Request, ep known, p period) {
	d := r.Decision
	if d == nil || d.Verdict != elevation.Approved || r.Extends != "" {
		return
	}
	from, to := d.At, r.WindowEnd()
	if r.Granted.Start.After(from) {
		from = r.Granted.Start
	}
	for _, end := range []time.Time{r.Grant.EndedAt, r.RevokedAt, r.CancelledAt} {
		if !end.IsZero() && end.Before(to) {
			to = end
		}
	}
	if !from.Before(p.until) || to.Before(p.since) || to.Before(from) {
		return
	}
	l := t.line(r.Attempt.User.Name, ep.name())
	l.at(d.At)
	l.n[0]++
	if !r.Grant.StartedAt.IsZero() && r.Grant.StartedAt.Before(p.until) {
		l.n[1]++
	}
	switch {
	case r.Emergency:
		l.n[4]++
	case d.By.Kind == elevation.ByRule:
		l.n[2]++
	default:
		l.n[3]++
	}
}

func tableCouldAndDid(_ context.Context, _ *Insight, _ auth.Actor, t tally, _ period) ([][]string, []string, error) {
	rows := t.rows(most(1, 0), func(l *line) []string {
		return append(slices.Clone(l.cells), number(l.n[0]), number(l.n[1]), number(l.n[2]), number(l.n[3]), number(l.n[4]),
			moment(l.first), moment(l.last))
	})
	return rows, []string{"Granted means that they could, used that they did.",
		"What people can do without Assent is not in it: see the standing rights."}, nil
}

// listedRows are reports whose lines are single requests.
func listedRows() func(context.Context, *Insight, auth.Actor, tally, period) ([][]string, []string, error) {
	return func(_ context.Context, _ *Insight, _ auth.Actor, t tally, _ period) ([][]string, []string, error) {
		return t.rows(newest, func(l *line) []string { return l.cells }), nil, nil
	}
}

func seeEmergency(t tally, r *elevation.Request, ep known, _ period) {
	if !r.Emergency {
		return
	}
	used, by, at := "no", "", time.Time{}
	if !r.Grant.StartedAt.IsZero() {
		used = "yes"
	}
	if r.After != nil {
		by, at = r.After.By.Name, r.After.At
	}
	t.line(string(r.ID), moment(r.SubmittedAt), r.Attempt.User.Name, ep.name(), command(r.Attempt.Subject), r.Justification, used, by, moment(at)).at(r.SubmittedAt)
}

func seeUnreviewed(t tally, r *elevation.Request, ep known, p period) {
	if r.After != nil || r.Need.AfterReview == "" && !r.Emergency || r.Decision == nil || r.Decision.Verdict != elevation.Approved {
		return
	}
	switch r.State(p.now) {
	case elevation.StateEnded, elevation.StateExpired, elevation.StateRevoked:
	default:
		return
	}
	over := r.Grant.EndedAt
	for _, at := range []time.Time{r.WindowEndedAt, r.ExpiredAt, r.RevokedAt} {
		if over.IsZero() {
			over = at
		}
	}
	t.line(string(r.ID), moment(r.SubmittedAt), r.Attempt.User.Name, ep.name(), command(r.Attempt.Subject), string(r.Need.AfterReview), moment(over)).at(r.SubmittedAt)
}

func seeApprover(t tally, r *elevation.Request, _ known, _ period) {
	for _, v := range r.Reviews {
		l := t.line(v.By.Name)
		l.at(v.At)
		l.waits = append(l.waits, max(v.At.Sub(r.SubmittedAt), 0))
		if v.Verdict == elevation.Approved {
			l.n[0]++
		} else {
			l.n[1]++
		}
	}
	for _, q := range r.Questions {
		l := t.line(q.By.Name)
		l.at(q.At)
		l.n[2]++
	}
}

func tableApprover(_ context.Context, _ *Insight, _ auth.Actor, t tally, _ period) ([][]string, []string, error) {
	return t.rows(most(0, 1), func(l *line) []string {
		return append(slices.Clone(l.cells), number(l.n[0]), number(l.n[1]), number(l.n[2]), seconds(l.waits, 0.5), seconds(l.waits, 1), moment(l.last))
	}), nil, nil
}

// seeRule counts by the names of rules, whatever version they were of.
func seeRule(t tally, r *elevation.Request, _ known, _ period) {
	decided := ""
	if d := r.Decision; d != nil && d.By.Kind == elevation.ByRule {
		decided = d.By.Name
		l := t.line(decided)
		l.at(d.At)
		if d.Verdict == elevation.Approved {
			l.n[0]++
		} else {
			l.n[1]++
		}
	}
	for _, ref := range r.Need.Rules {
		name, _, _ := strings.Cut(ref, "@")
		if name == decided {
			continue
		}
		l := t.line(name)
		l.at(r.SubmittedAt)
		l.n[2]++
	}
	for _, w := range r.Need.Observed {
		name, _, _ := strings.Cut(w.Rule, "@")
		l := t.line(name)
		l.at(r.SubmittedAt)
		switch w.Then {
		case string(rules.ThenApprove):
			l.n[3]++
		case string(rules.ThenDeny):
			l.n[4]++
		}
	}
}

func tableRule(_ context.Context, _ *Insight, _ auth.Actor, t tally, _ period) ([][]string, []string, error) {
	rows := t.rows(most(0, 1, 2, 3, 4), func(l *line) []string {
		return append(slices.Clone(l.cells), number(l.n[0]), number(l.n[1]), number(l.n[2]), number(l.n[3]), number(l.n[4]), moment(l.last))
	})
	return rows, []string{"Asked counts requests that a person had to answer under this rule; would_approve and would_deny count what it only observed."}, nil
}

func tableStale(_ context.Context, s *Insight, _ auth.Actor, t tally, _ period) ([][]string, []string, error) {
	rows := [][]string{}
	for _, r := range s.cfg.Rules().Rules() {
		if _, matched := t[fmt.Sprintf("%q", []string{string(r.Name)})]; !matched {
			rows = append(rows, []string{string(r.Name), string(r.Then), string(r.Mode), number(r.Line)})
		}
	}
	return rows, []string{"A rule that denies what nobody tries is not useless."}, nil
}

func seeWaiting(t tally, r *elevation.Request, _ known, p period) {
	if len(r.Need.Stages) == 0 || r.Decision != nil && r.Decision.By.Kind != elevation.ByUser {
		return
	}
	priority := r.Priority
	if priority == "" {
		priority = elevation.Normal
	}
	l := t.line(r.Need.Stages[0].Name, string(priority))
	switch {
	case r.Decision != nil:
		l.n[0]++
		l.waits = append(l.waits, waited(r, p.now))
	case r.CancelledAt.IsZero() && r.State(p.now) == elevation.StateExpired:
		l.n[1]++
	}
}

func tableWaiting(_ context.Context, _ *Insight, _ auth.Actor, t tally, _ period) ([][]string, []string, error) {
	return t.rows(most(0, 1), func(l *line) []string {
		return append(slices.Clone(l.cells), number(l.n[0]), number(l.n[1]), seconds(l.waits, 0.5), seconds(l.waits, 0.9), seconds(l.waits, 1))
	}), nil, nil
}
