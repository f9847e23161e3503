package doors

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/client"
	. "github.com/assent-epm/assent/e2e/desk"
)

// TestA18ReportsByMail sends the numbers of a week on Monday to those who may read
// reports and have an address, once, also when the mail server is not there at
// first; an alert that is made later waits for the next week.
func TestA18ReportsByMail(t *testing.T) {
	d, box := newDesk(t), newPostbox(t) // Tuesday noon
	reached(d, d.Person("ada", "auditor"))
	d.Person("silent", "auditor")          // has no address
	reached(d, d.Person("bo", "approver")) // is named, and may not read reports
	reached(d, d.Scoped("sam", map[string]string{"role": "db"}, "auditor"))
	c := box.channel(d)
	alert(d, client.NewAlert{Events: []string{"report.weekly"}, Channels: []string{c.ID}, Recipients: &client.AlertRecipients{Users: []string{"bo"}, Roles: []string{"auditor"}}})
	web, anna := d.Endpoint("web-1"), d.Person("anna", "administrator") // whose token lasts
	d.Rules("rules:\n  - {name: clock, match: {path: /usr/sbin/ntpdate, args: [{rest: true}]}, then: approve}\n")
	web.Decision(sent(web, "eve", "/usr/sbin/ntpdate", "pool"))
	one, two := web.Ask("eve", "/usr/bin/apt", "update"), web.Ask("eve", "/usr/bin/apt", "upgrade")
	d.Pass(2 * time.Minute)
	d.Admin.Does("approve", one, nil)
	d.Admin.Does("deny", two, map[string]any{"comment": "not today"})
	web.Ask("eve", "/usr/bin/<b>bold", "\u202e") // nobody answers
	d.Admin = anna
	d.Pass(5*24*time.Hour + 18*time.Hour) // Monday, before seven
	if n := len(box.Mails()); n != 0 {
		t.Fatalf("%d mails came too soon", n)
	}
	box.Fail(errors.New("not now"))
	d.Pass(2 * time.Hour)
	m := box.wait(d, 1)[0]
	for _, want := range []string{"The week from 23 November to 29 November 2026: 4 requests", "1 by rules, 2 by people, 1 by nobody in time", "Denied: 1", "half of the answers came within 2m",
		"/usr/bin/apt 2", d.Controller.URL() + "/#/reports?from=2026-11-23&to=2026-11-29"} {
		if !strings.Contains(m.Text, want) {
			t.Errorf("the mail lacks %q:\n%s", want, m.Text)
		}
	}
	_, page, _ := strings.Cut(m.Text, "<!doctype html>")
	if m.To != "ada@example.org" || page == "" || strings.Contains(page, "<b>") || strings.Contains(m.Text, "\u202e") {
		t.Errorf("the mail to %s:\n%s", m.To, m.Text)
	}
	if l := deliveries(d, c.ID, "it is written that it was sent", are("sent")); l[0].Tries != 2 || l[0].Recipient != "ada" {
		t.Errorf("the delivery: %s", JSON(l))
	}
	if e := events(d)[0]; e.Data["requests"] != "4" || e.Data["since"] != "2026-11-23" || e.Data["until"] != "2026-11-29" || e.Actor.Kind != "system" {
		t.Errorf("the event: %s", JSON(e))
	}

	// The same week is not told again, a week later there is the next one.
	d.Pass(3 * 24 * time.Hour)
	web.Ask("eve", "/usr/bin/id") // the clock is looked at
	d.Pass(4 * 24 * time.Hour)
	web.Ask("eve", "/usr/bin/id", "-u")
	if m := box.wait(d, 2)[1]; !strings.Contains(m.Text, "30 November to 6 December 2026: 1 request") {
		t.Errorf("the second week:\n%s", m.Text)
	}
	if n := len(events(d)); n != 2 {
		t.Errorf("%d weeks are in the log", n)
	}
}

// events are the reports that were made.
func events(d *Desk) []client.AuditEvent {
	d.T.Helper()
	return Must(client.Get[client.AuditPage](d.T.Context(), d.Admin.Client, "/audit", url.Values{"kind": {"report.weekly"}}))(d.T).Items
}

func sent(e *Endpoint, user string, argv ...string) string {
	a := e.Attempt(user, argv...)
	e.Send(a)
	return string(a.Request)
}
