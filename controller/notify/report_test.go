package notify

import (
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/audit"
)

// A period is over at midnight and its report is due at seven, where people are,
// also when the clock is changed meanwhile.
func TestLastSpan(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	const form = "2006-01-02 15:04"
	for _, c := range []struct {
		kind                   audit.Kind
		now, since, until, due string
	}{
		{audit.ReportWeekly, "2026-11-23 07:00", "2026-11-16 00:00", "2026-11-23 00:00", "2026-11-23 07:00"}, // a Monday
		{audit.ReportWeekly, "2026-11-23 06:59", "2026-11-09 00:00", "2026-11-16 00:00", "2026-11-16 07:00"},
		{audit.ReportWeekly, "2026-11-29 23:59", "2026-11-16 00:00", "2026-11-23 00:00", "2026-11-23 07:00"}, // a Sunday
		{audit.ReportWeekly, "2026-10-26 08:00", "2026-10-19 00:00", "2026-10-26 00:00", "2026-10-26 07:00"}, // the clock went back on Sunday
		{audit.ReportWeekly, "2027-01-02 12:00", "2026-12-21 00:00", "2026-12-28 00:00", "2026-12-28 07:00"},
		{audit.ReportMonthly, "2026-11-30 12:00", "2026-10-01 00:00", "2026-11-01 00:00", "2026-11-01 07:00"},
		{audit.ReportMonthly, "2027-01-01 06:00", "2026-11-01 00:00", "2026-12-01 00:00", "2026-12-01 07:00"},
		{audit.ReportMonthly, "2027-01-01 07:00", "2026-12-01 00:00", "2027-01-01 00:00", "2027-01-01 07:00"},
	} {
		now, err := time.ParseInLocation(form, c.now, berlin)
		if err != nil {
			t.Fatal(err)
		}
		s := lastSpan(c.kind, now)
		if got, want := s.since.Format(form)+", "+s.until.Format(form)+", "+s.due.Format(form), c.since+", "+c.until+", "+c.due; got != want {
			t.Errorf("%s at %s: %s, want %s", c.kind, c.now, got, want)
		}
	}
}

// A report says its numbers in sentences, and what strangers wrote is inert.
func TestReportWords(t *testing.T) {
	title, text, path := reportWords(audit.ReportMonthly, map[string]string{"since": "2026-10-01", "until": "2026-10-31", "requests": "1812", "by_rule": "1200", "by_person": "600", "unanswered": "12",
		"denied": "18", "emergencies": "2", "to_review": "1", "median_seconds": "95", "p95_seconds": "1200", "programs": "/usr/bin/apt 700, /opt/\u202ex\n 3"})
	if title != "October 2026: 1,812 requests" || path != "/#/reports?from=2026-10-01&to=2026-10-31" {
		t.Errorf("%q, %q", title, path)
	}
	for _, want := range []string{"Answered: 1,200 by rules, 600 by people, 12 by nobody in time", "Denied: 18", "within 1m35s, 95 % within 20m", "Emergency access: 2", "at: 1 use", "Asked for most: /usr/bin/apt 700"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if strings.Contains(text, "\u202e") || strings.Count(text, "\n") != 5 {
		t.Errorf("not inert: %q", text)
	}
}
