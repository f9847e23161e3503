package doors

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/assent-epm/assent/controller/client"
	. "github.com/assent-epm/assent/e2e/desk"
)

// TestN1AlertsAreKeptAsWritten makes, reads, changes and deletes an alert with
// all its fields.
func TestN1AlertsAreKeptAsWritten(t *testing.T) {
	d, r := newDesk(t), newReceiver(t)
	d.Person("bo", "approver")
	Must(client.Post[client.Team](t.Context(), d.Admin.Client, "/teams", client.NewTeam{Name: "Platform", Members: []string{"bo"}}))(t)
	c := channel(d, "webhook", client.ChannelConfig{URL: &r.URL})
	in := client.NewAlert{Name: "Late", Events: []string{"request.created", "request.submitted", "grant.end_failed"}, Channels: []string{c.Name}, DigestSeconds: 60, Mandatory: true, Enabled: new(false),
		Filter:     &client.AlertFilter{Team: "Platform", User: "eve", EndpointLabels: map[string]string{"role": "web"}, AccessType: "run", PriorityAtLeast: "high", WaitingSeconds: 900, Caution: true},
		Recipients: &client.AlertRecipients{Users: []string{"bo"}, Teams: []string{"Platform"}, Roles: []string{"auditor"}, Answerers: true, Requester: true}}
	made := Must(d.Admin.AddAlert(t.Context(), in))(t)
	if got := strings.Join(made.Events, " "); got != "request.submitted grant.end_failed" {
		t.Errorf("events %s", got)
	}
	if made.Channels[0] != c.ID || made.Enabled || !made.Mandatory || made.DigestSeconds != 60 || JSON(made.Filter) != JSON(*in.Filter) || JSON(made.Recipients) != JSON(*in.Recipients) {
		t.Errorf("%s", JSON(made))
	}
	if _, err := d.Admin.AddAlert(t.Context(), client.NewAlert{Name: "LATE", Events: in.Events, Channels: in.Channels}); Code(err) != "conflict" {
		t.Errorf("a taken name: %v", err)
	}
	changed := Must(d.Admin.EditAlert(t.Context(), "late", client.EditAlert{Enabled: new(true), Filter: &client.AlertFilter{}}))(t)
	if !changed.Enabled || changed.Filter.Team != "" || changed.ID != made.ID || JSON(changed.Recipients) != JSON(made.Recipients) || JSON(changed.Events) != JSON(made.Events) {
		t.Errorf("%s", JSON(changed))
	}
	if again := Must(d.Admin.EditAlert(t.Context(), made.ID, client.EditAlert{Enabled: new(true)}))(t); JSON(again) != JSON(changed) {
		t.Errorf("%s, was %s", JSON(again), JSON(changed))
	}
	for what, body := range map[string]string{"an unknown field": `{"priority":"high"}`, "an unknown filter": `{"filter":{"program":"x"}}`, "no events": `{"events":[]}`, "no channels": `{"channels":[]}`,
		"no label": `{"filter":{"endpoint_labels":{"":"x"}}}`, "no team": `{"filter":{"team":"Nobody"}}`, "too long": `{"digest_seconds":604801}`, "no role": `{"recipients":{"roles":["king"]}}`,
		"a control character": `{"name":"a\u001bb"}`} {
		if status, _, text := d.Raw(d.Admin, "PUT", "/api/v1/alerts/"+made.ID, body); status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", what, status, text)
		}
	}
	if err := d.Admin.DeleteAlert(t.Context(), "Late"); err != nil {
		t.Error(err)
	}
	if err := d.Admin.DeleteAlert(t.Context(), "Late"); Code(err) != "not_found" {
		t.Errorf("deleted twice: %v", err)
	}
	if err := d.Admin.DeleteChannel(t.Context(), c.Name); err != nil {
		t.Error(err)
	}
	_, _, log := d.Raw(d.Admin, "GET", "/api/v1/audit?kind=alert.changed", "")
	if n := strings.Count(log, `"alert.changed"`); n != 4 {
		t.Errorf("%d times alert.changed: %s", n, log)
	}
}

// TestN1DeliveriesArePaged reads the log of deliveries page by page.
func TestN1DeliveriesArePaged(t *testing.T) {
	d, r := newDesk(t), newReceiver(t)
	c := hook(d, r, "request.submitted")
	web := d.Endpoint("web-1")
	var asked []string
	for i := range 7 {
		asked = append(asked, web.Ask("eve", "/usr/bin/id", fmt.Sprint(i)))
	}
	r.wait(d, 7)
	deliveries(d, c.ID, "all are sent", are("sent sent sent sent sent sent sent"))
	q := url.Values{"limit": {"3"}, "channel": {c.Name}, "state": {"sent"}}
	var seen []string
	for {
		page := Must(client.Get[client.List[client.Delivery]](t.Context(), d.Admin.Client, "/deliveries", q))(t)
		for _, x := range page.Items {
			seen = append(seen, x.Request)
		}
		if page.NextCursor == "" {
			break
		}
		q.Set("cursor", page.NextCursor)
	}
	slices.Sort(seen) // of one millisecond the order is open
	if slices.Sort(asked); JSON(seen) != JSON(asked) {
		t.Errorf("got %v, want %v", seen, asked)
	}
	q.Set("state", "failed")
	if _, err := client.Get[client.List[client.Delivery]](t.Context(), d.Admin.Client, "/deliveries", q); q.Get("cursor") != "" && Code(err) != "invalid" {
		t.Errorf("a cursor of another list: %v", err)
	}
	one := Must(d.Admin.Deliveries(t.Context(), url.Values{"request": {asked[3]}}, 0))(t)
	if len(one) != 1 || one[0].Request != asked[3] || one[0].AlertName == "" || one[0].ChannelName != c.Name {
		t.Errorf("%+v", one)
	}
}

// TestN1ABurstIsToldWhole tells each of many requests once.
func TestN1ABurstIsToldWhole(t *testing.T) {
	d, r := newDesk(t), newReceiver(t)
	hook(d, r, "request.submitted")
	const endpoints, each = 4, 15
	for e := range endpoints {
		web := d.Endpoint(fmt.Sprintf("web-%d", e))
		for i := range each {
			web.Ask("eve", "/usr/bin/id", fmt.Sprint(i))
		}
	}
	ids, requests := map[string]bool{}, map[string]bool{}
	hits := r.wait(d, endpoints*each)
	for _, h := range hits {
		ids[h.header.Get("webhook-id")], requests[h.read(t).Data.Request.ID] = true, true
	}
	if len(hits) != endpoints*each || len(ids) != endpoints*each || len(requests) != endpoints*each {
		t.Errorf("%d calls with %d ids of %d requests", len(hits), len(ids), len(requests))
	}
}
