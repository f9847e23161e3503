package notify

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// This file is reports that are sent: when a week or a month is over and an alert
// wants to tell of it, its numbers are written into the log as an event, which
// alerts tell like any other, with their channels, retries and list of deliveries.

// When reports are made, in the zone of the settings.
const (
	reportHour = 7           // of Monday, of the first of the month
	reportRest = time.Second // between two looks at the clock
)

// isReport reports whether an event carries the numbers of a period.
func isReport(k audit.Kind) bool { return k == audit.ReportWeekly || k == audit.ReportMonthly }

// span is a period that is over, and when its report is due.
type span struct{ since, until, due time.Time }

// lastSpan is the newest period whose report is due at now, in the zone of now.
func lastSpan(kind audit.Kind, now time.Time) span {
	year, month, day := now.Date()
	back := func(until time.Time) time.Time { return until.AddDate(0, -1, 0) }
	until := time.Date(year, month, 1, 0, 0, 0, 0, now.Location())
	if kind == audit.ReportWeekly {
		back = func(until time.Time) time.Time { return until.AddDate(0, 0, -7) }
		until = time.Date(year, month, day-(int(now.Weekday())+6)%7, 0, 0, 0, 0, now.Location())
	}
	due := func(until time.Time) time.Time {
		y, m, d := until.Date()
		return time.Date(y, m, d, reportHour, 0, 0, 0, now.Location())
	}
	if due(until).After(now) {
		until = back(until)
	}
	return span{since: back(until), until: until, due: due(until)}
}

// reports makes what is due until ctx ends.
func (n *Notify) reports(ctx context.Context) {
	looked := map[audit.Kind]time.Time{} // the last one that was due and is done with
	for ctx.Err() == nil {
		news := n.cfg.Store.Appended()
		for _, kind := range []audit.Kind{audit.ReportWeekly, audit.ReportMonthly} {
			s := lastSpan(kind, n.cfg.Now().In(n.zone()))
			if s.due.Equal(looked[kind]) {
				continue
			}
			if err := n.report(ctx, kind, s); err != nil {
				if ctx.Err() == nil {
					n.cfg.Log.Error("make a report", "kind", kind.String(), "error", err)
				}
				news = nil // not at once, whatever happens
				continue
			}
			looked[kind] = s.due
		}
		if !waitFor(ctx, news, slowPoll) || !waitFor(ctx, nil, reportRest) {
			return
		}
	}
}

// zone is where days begin and end.
func (n *Notify) zone() *time.Location {
	z, err := time.LoadLocation(n.cfg.Store.Settings().TimeZone)
	if err != nil {
		return time.UTC
	}
	return z
}

// report writes the numbers of a period, once, when an alert wants them that was
// there when they were due.
func (n *Notify) report(ctx context.Context, kind audit.Kind, s span) error {
	wanted := false
	err := n.cfg.Store.View(ctx, func(tx *store.Tx) error {
		wanted = false
		alerts, err := tx.Alerts()
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(alerts, func(a store.Alert) bool {
			return a.Enabled && slices.Contains(a.Body.Kinds, kind) && !a.ChangedAt.After(s.due)
		}) {
			return nil
		}
		last, _, err := tx.EventsBefore(0, 1, store.EventFilter{Kinds: []audit.Kind{kind}}, nil)
		wanted = err == nil && (len(last) == 0 || last[0].At.Before(s.due))
		return err
	})
	if err != nil || !wanted {
		return err
	}
	data, err := n.cfg.Numbers(ctx, s.since, s.until)
	if err != nil {
		return err
	}
	data["since"], data["until"] = s.since.Format(time.DateOnly), s.until.AddDate(0, 0, -1).Format(time.DateOnly)
	e := audit.Event{At: n.cfg.Now(), Kind: kind, Actor: elevation.Actor{Kind: elevation.BySystem, Name: "reports"}, Data: data}
	return n.cfg.Store.Update(ctx, func(tx *store.Tx) error { return tx.Append(e) })
}

// reportWords are title and text of the report that an event carries, and where
// the console shows more of the same days.
func reportWords(kind audit.Kind, data map[string]string) (title, text, path string) {
	n := func(name string) int { v, _ := strconv.Atoi(data[name]); return v }
	since, _ := time.Parse(time.DateOnly, data["since"])
	until, _ := time.Parse(time.DateOnly, data["until"])
	name := since.Format("January 2006")
	if kind == audit.ReportWeekly {
		name = "The week from " + since.Format("2 January") + " to " + until.Format("2 January 2006")
	}
	all := n("requests")
	title = name + ": " + counted(all, "request", "requests")
	var lines []string
	if all == 0 {
		lines = append(lines, "Nothing was asked for.")
	} else {
		lines = append(lines, fmt.Sprintf("Answered: %s by rules, %s by people, %s by nobody in time", grouped(n("by_rule")), grouped(n("by_person")), grouped(n("unanswered"))),
			fmt.Sprintf("Denied: %s", grouped(n("denied"))))
	}
	if data["median_seconds"] != "" {
		lines = append(lines, fmt.Sprintf("Waiting for people: half of the answers came within %s, 95 %% within %s", lasted(n("median_seconds")), lasted(n("p95_seconds"))))
	}
	if e := n("emergencies"); e > 0 {
		lines = append(lines, "Emergency access: "+grouped(e))
	}
	if r := n("to_review"); r > 0 {
		lines = append(lines, "Nobody has looked yet at: "+counted(r, "use", "uses"))
	}
	if list := line(data["programs"]); list != "" {
		lines = append(lines, "Asked for most: "+list)
	}
	if cut := line(data["cut"]); cut != "" {
		lines = append(lines, "Note: "+cut)
	}
	return title, strings.Join(lines, "\n"), "/#/reports?from=" + since.Format(time.DateOnly) + "&to=" + until.Format(time.DateOnly)
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return grouped(n) + " " + many
}

func lasted(seconds int) string {
	return elevation.FormatDuration(time.Duration(seconds) * time.Second)
}
