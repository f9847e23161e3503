package insight

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules"
)

// Bounds of one report.
const (
	ReportDays   = 30 // when no period is given
	reportLongPd = 800 * 24 * time.Hour
	reportMost   = 300_000 // requests
	reportRows   = 10_000
)

// Report is a table about a period.
type Report struct {
	Name, Title  string
	Since, Until time.Time
	Columns      []string
	Rows         [][]string
	Notes        []string // what a reader has to know, such as what is not in it
	Cut          bool     // there were more requests than are looked at
}

// report says how one report is made: see takes one request into the tally, table
// makes the rows of it.
type report struct {
	name, title string
	columns     []string
	needs       []auth.Permission
	earlier     time.Duration // requests so much older than the period belong to it too
	see         func(t tally, r *elevation.Request, ep known, p period)
	seen        func(t tally, x *store.Sighting, ep known, p period) // may be nil
	table       func(ctx context.Context, s *Insight, act auth.Actor, t tally, p period) (rows [][]string, notes []string, err error)
}

// period is what a report is about, the present time and rules.
type period struct {
	since, until, now time.Time
	labels            map[string]string // of the endpoints it is about, none = all
	set               *rules.Set
}

// Reports are the names and titles of all reports.
func (s *Insight) Reports(_ context.Context, act auth.Actor) ([]Report, error) {
	if err := act.Can(auth.ReportsRead); err != nil {
		return nil, err
	}
	var out []Report
	for _, r := range reports() {
		out = append(out, Report{Name: r.name, Title: r.title})
	}
	return out, nil
}

// Report makes one report about the time from since to until; zero times mean the
// last 30 days. An actor with a scope gets what is in it. A name that is not
// there is [elevation.ErrNotFound].
func (s *Insight) Report(ctx context.Context, act auth.Actor, name string, since, until time.Time) (Report, error) {
	return s.ReportFor(ctx, act, name, since, until, nil)
}

// ReportFor is Report about endpoints with some labels only.
func (s *Insight) ReportFor(ctx context.Context, act auth.Actor, name string, since, until time.Time, labels map[string]string) (Report, error) {
	if err := act.Can(auth.ReportsRead); err != nil {
		return Report{}, err
	}
	i := slices.IndexFunc(reports(), func(r report) bool { return r.name == name })
	if i < 0 {
		return Report{}, fmt.Errorf("report: %w", elevation.ErrNotFound)
	}
	def := reports()[i]
	if err := may(act, def.needs...); err != nil {
		return Report{}, err
	}
	p := period{since: since, until: until, now: s.cfg.Now(), labels: labels, set: s.cfg.Rules()}
	if p.until.IsZero() {
		p.until = p.now
	}
	if p.since.IsZero() {
		p.since = p.until.Add(-ReportDays * 24 * time.Hour)
	}
	if !p.since.Before(p.until) || p.until.Sub(p.since) > reportLongPd {
		return Report{}, fmt.Errorf("%w: the period begins before it ends and is 800 days at most", elevation.ErrInvalid)
	}
	free, err := s.slot(ctx)
	if err != nil {
		return Report{}, err
	}
	defer free()
	out := Report{Name: def.name, Title: def.title, Since: p.since, Until: p.until, Columns: def.columns}
	t := tally{}
	if def.see != nil {
		if t, out.Cut, err = s.count(ctx, act, def, p); err != nil {
			return Report{}, fmt.Errorf("make report %s: %w", name, err)
		}
	}
	if out.Rows, out.Notes, err = def.table(ctx, s, act, t, p); err != nil {
		return Report{}, fmt.Errorf("make report %s: %w", name, err)
	}
	if len(out.Rows) > reportRows {
		out.Rows, out.Cut = out.Rows[:reportRows], true
	}
	if len(act.Scope) > 0 {
		out.Notes = append(out.Notes, "Only endpoints of your scope are in it.")
	}
	return out, nil
}

// count takes every request of the period into the report's tally.
func (s *Insight) count(ctx context.Context, act auth.Actor, def report, p period) (tally, bool, error) {
	span := s.span(0, reportMost)
	span.Since, span.Until = p.since.Add(-def.earlier), p.until
	parts := make([]tally, workers())
	var work []func(*elevation.Request) error
	for i := range parts {
		parts[i] = tally{}
		endpoints := s.fleetFor(act)
		endpoints.labels = p.labels
		work = append(work, func(r *elevation.Request) error {
			ep, err := endpoints.endpoint(ctx, r.Endpoint)
			if err == nil && ep.covered { // requests
				def.see(parts[i], r, ep, p)
			}
			return err
		})
	}
	cut, err := s.cfg.Store.Each(ctx, span, work)
	if err == nil && def.seen != nil {
		var more bool
		more, err = s.countSeen(ctx, act, def, p, span, parts)
		cut = cut || more
	}
	all := tally{}
	for _, t := range parts {
		all.add(t)
	}
	return all, cut, err
}

// countSeen takes what endpoints only saw into the tallies.
func (s *Insight) countSeen(ctx context.Context, act auth.Actor, def report, p period, span store.Span, parts []tally) (cut bool, err error) {
	var work []func(*store.Sighting) error
	for i := range parts {
		endpoints := s.fleetFor(act)
		endpoints.labels = p.labels
		work = append(work, func(x *store.Sighting) error {
			ep, err := endpoints.endpoint(ctx, x.Endpoint)
			if err == nil && ep.covered {
				def.seen(parts[i], x, ep, p)
			}
			return err
		})
	}
	return s.cfg.Store.EachSighting(ctx, span, work)
}

// tally counts by key.
type tally map[string]*line

// line is what is counted under one key.
type line struct {
	cells       []string // that are the same for all of it
	n           [6]int
	waits       []time.Duration
	first, last time.Time
}

func (t tally) line(cells ...string) *line {
	key := fmt.Sprintf("%q", cells)
	l, ok := t[key]
	if !ok {
		l = &line{cells: cells}
		t[key] = l
	}
	return l
}

// at widens the line's time.
func (l *line) at(t time.Time) {
	if t.IsZero() {
		return
	}
	if l.first.IsZero() || t.Before(l.first) {
		l.first = t
	}
	if t.After(l.last) {
		l.last = t
	}
}

func (t tally) add(o tally) {
	for key, b := range o {
		a, ok := t[key]
		if !ok {
			t[key] = b
			continue
		}
		for i := range a.n {
			a.n[i] += b.n[i]
		}
		a.waits = append(a.waits, b.waits...)
		a.at(b.first)
		a.at(b.last)
	}
}

// rows are the lines in an order, then by their cells.
func (t tally) rows(order func(a, b *line) int, row func(*line) []string) [][]string {
	var lines []*line
	for _, l := range t {
		lines = append(lines, l)
	}
	slices.SortFunc(lines, func(a, b *line) int { return cmp.Or(order(a, b), slices.Compare(a.cells, b.cells)) })
	out := [][]string{}
	for _, l := range lines {
		out = append(out, row(l))
	}
	return out
}

// most puts lines with more in the counters given first.
func most(index ...int) func(a, b *line) int {
	return func(a, b *line) int {
		x, y := 0, 0
		for _, i := range index {
			x, y = x+a.n[i], y+b.n[i]
		}
		return cmp.Compare(y, x)
	}
}

// newest puts the newest first.
func newest(a, b *line) int { return b.last.Compare(a.last) }

func number(n int) string { return strconv.Itoa(n) }

func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// seconds is the wait at a part (0 to 1) of all waits, "" when there are none.
func seconds(waits []time.Duration, part float64) string {
	if len(waits) == 0 {
		return ""
	}
	slices.Sort(waits)
	i := min(int(part*float64(len(waits))), len(waits)-1)
	return strconv.FormatInt(int64(waits[i]/time.Second), 10)
}

// percent is a share as people read it.
func percent(n, of int) string {
	if of == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f %%", 100*float64(n)/float64(of))
}
