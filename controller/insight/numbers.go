package insight

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/shared/elevation"
)

// Numbers of a period, as [Insight.Numbers] names them.
const (
	NumRequests    = "requests"
	NumByRule      = "by_rule"
	NumByPerson    = "by_person"
	NumDenied      = "denied"
	NumUnanswered  = "unanswered"
	NumEmergencies = "emergencies"
	NumToReview    = "to_review"      // uses that are over and that nobody has looked at
	NumMedian      = "median_seconds" // of the waits for people; missing when there were none
	NumP95         = "p95_seconds"
	NumPrograms    = "programs" // the ones asked for most: "/usr/bin/apt 34, /usr/bin/bash 9"
)

// mostPrograms is how many programs the numbers name.
const mostPrograms = 5

// Numbers are the figures of one period in a few words, for reports that are sent:
// what was asked for from since to until on endpoints that the actor may know of.
func (s *Insight) Numbers(ctx context.Context, act auth.Actor, since, until time.Time) (map[string]string, error) {
	if err := act.Can(auth.ReportsRead); err != nil {
		return nil, err
	}
	free, err := s.slot(ctx)
	if err != nil {
		return nil, err
	}
	defer free()
	t, cut, err := s.count(ctx, act, report{see: seeNumbers}, period{since: since, until: until, now: s.cfg.Now(), set: s.cfg.Rules()})
	if err != nil {
		return nil, fmt.Errorf("count for a report: %w", err)
	}
	all := t.line("all")
	out := map[string]string{NumRequests: number(all.n[volAll]), NumByRule: number(all.n[volRule]), NumByPerson: number(all.n[volPerson]), NumDenied: number(all.n[volDenied]),
		NumUnanswered: number(all.n[volNobody]), NumEmergencies: number(all.n[volEmergency]), NumToReview: number(t.line("review").n[0])}
	if len(all.waits) > 0 {
		out[NumMedian], out[NumP95] = seconds(all.waits, 0.5), seconds(all.waits, 0.95)
	}
	if list := t.programs(); list != "" {
		out[NumPrograms] = list
	}
	if cut {
		out["cut"] = fmt.Sprintf("only the newest %d requests are counted", reportMost)
	}
	return out, nil
}

func seeNumbers(t tally, r *elevation.Request, ep known, p period) {
	t.line("all").volume(r, p)
	t.line("program", programOf(r)).n[volAll]++
	open := tally{}
	seeUnreviewed(open, r, ep, p)
	t.line("review").n[0] += len(open)
}

// programOf is what a request asks for, as reports count it.
func programOf(r *elevation.Request) string {
	return cmp.Or(r.Attempt.Subject.Path, string(r.Attempt.AccessType))
}

// programs are those asked for most, with how often.
func (t tally) programs() string {
	var all []*line
	for _, l := range t {
		if l.cells[0] == "program" {
			all = append(all, l)
		}
	}
	slices.SortFunc(all, func(a, b *line) int { return cmp.Or(most(volAll)(a, b), slices.Compare(a.cells, b.cells)) })
	var out []string
	for _, l := range all[:min(len(all), mostPrograms)] {
		out = append(out, fmt.Sprintf("%s %d", l.cells[1], l.n[volAll]))
	}
	return strings.Join(out, ", ")
}
