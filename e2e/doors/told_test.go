package doors

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/client"
	. "github.com/assent-epm/assent/e2e/desk"
	"github.com/assent-epm/assent/e2e/servers"
)

// postbox is a mail server at the end of a channel.
type postbox struct{ *servers.MailServer }

func newPostbox(t *testing.T) postbox {
	t.Helper()
	return postbox{servers.NewMailServer(t, servers.MailConfig{})}
}

// wait gives the mails once there are so many.
func (p postbox) wait(d *Desk, n int) []servers.Mail {
	d.T.Helper()
	d.Eventually("the mails are there", func() bool { return len(p.Mails()) >= n })
	return p.Mails()
}

func (p postbox) channel(d *Desk) client.Channel {
	d.T.Helper()
	return channel(d, "email", client.ChannelConfig{Host: new("127.0.0.1"), Port: &p.Port, TLS: "none", From: new("assent@example.org")})
}

// reached gives somebody a mail address and, where the endpoint is given, makes
// them one of its users.
func reached(d *Desk, p *Person) *Person {
	d.T.Helper()
	if err := d.Admin.Call(d.T.Context(), "PUT", "/users/"+p.Login, nil, client.EditUser{Email: new(p.Login + "@example.org")}, nil); err != nil {
		d.T.Fatal(err)
	}
	return p
}

func link(d *Desk, p *Person, endpoint, user string) {
	d.T.Helper()
	Must(client.Post[client.Link](d.T.Context(), d.Admin.Client, "/links", client.NewLink{Account: p.Login, Endpoint: &endpoint, User: &user}))(d.T)
}

// TestN1AlertsTellApprovers tells those who can answer, and nobody of what they
// may not see.
func TestN1AlertsTellApprovers(t *testing.T) {
	d, box := newDesk(t), newPostbox(t)
	reached(d, d.Person("bo", "approver"))
	reached(d, d.Scoped("dora", map[string]string{"role": "db"}, "approver"))
	reached(d, d.Scoped("dana", map[string]string{"role": "db"}, "auditor"))
	c := box.channel(d)
	alert(d, client.NewAlert{Events: []string{"request.created"}, Channels: []string{c.ID}}) // those who can answer
	alert(d, client.NewAlert{Events: []string{"request.created"}, Channels: []string{c.ID}, Recipients: &client.AlertRecipients{Users: []string{"dora", "dana", "bo"}, Roles: []string{"auditor", "approver"}}})
	web, db := d.Endpoint("web-1", "role=web"), d.Endpoint("db-1", "role=db")
	id := web.AskWith(web.Attempt("eve", "/usr/bin/id"), "the disk is full", "")
	deliveries(d, c.ID, "it is told", func(l []client.Delivery) bool { return len(l) > 0 && !strings.Contains(states(l), "waiting") })
	for _, m := range box.Mails() {
		if m.To != "bo@example.org" || !strings.Contains(m.Text, "eve") || !strings.Contains(m.Text, "web-1") || !strings.Contains(m.Text, "the disk is full") ||
			!strings.Contains(m.Text, d.Controller.URL()+"/#/requests/"+id) {
			t.Errorf("%+v", m)
		}
	}
	db.Ask("eve", "/usr/bin/id")
	all := box.wait(d, 4)
	to := []string{}
	for _, m := range all {
		to = append(to, m.To)
	}
	slices.Sort(to)
	if got := strings.Join(to, " "); got != "bo@example.org bo@example.org dana@example.org dora@example.org" {
		t.Errorf("told: %s", got)
	}
	for _, x := range deliveries(d, c.ID, "the administrator has no address", func(l []client.Delivery) bool { return !strings.Contains(states(l), "waiting") }) {
		if x.Recipient == "admin" && (x.State == "sent" || x.LastError == "") {
			t.Errorf("%+v", x)
		}
	}
}

// TestN1RequestersReadNoNames keeps who answered from who asked.
func TestN1RequestersReadNoNames(t *testing.T) {
	d, box := newDesk(t), newPostbox(t)
	bo, evelyn := d.Person("bodil", "approver"), reached(d, d.Person("evelyn"))
	c := box.channel(d)
	alert(d, client.NewAlert{Events: []string{"request.denied"}, Channels: []string{c.ID}, Recipients: &client.AlertRecipients{Requester: true}})
	web := d.Endpoint("web-1")
	link(d, evelyn, "web-1", "eve")
	bo.Does("deny", web.Ask("eve", "/usr/bin/id"), map[string]any{"comment": "no"})
	if m := box.wait(d, 1)[0]; m.To != "evelyn@example.org" || !strings.Contains(m.Text, "bodil") {
		t.Errorf("%+v", m)
	}
	d.Settings(map[string]any{"show_approvers": false})
	bo.Does("deny", web.Ask("eve", "/usr/bin/id", "-u"), map[string]any{"comment": "no"})
	if m := box.wait(d, 2)[1]; strings.Contains(m.Text, "bodil") {
		t.Errorf("the name is told: %s", m.Text)
	}
}

// TestN1WaitingLongerThan tells once of what nobody has answered for long.
func TestN1WaitingLongerThan(t *testing.T) {
	d, r := newDesk(t), newReceiver(t)
	c := channel(d, "webhook", client.ChannelConfig{URL: &r.URL})
	alert(d, client.NewAlert{Events: []string{"request.created"}, Channels: []string{c.ID}, Filter: &client.AlertFilter{WaitingSeconds: 600}})
	web := d.Endpoint("web-1")
	id, done := web.Ask("eve", "/usr/bin/id"), web.Ask("eve", "/usr/bin/id", "-u")
	d.Admin.Does("deny", done, nil)
	d.Pass(9 * time.Minute)
	web.Ask("eve", "/usr/bin/id", "-g") // the follower looks
	if n := len(r.all()); n != 0 {
		t.Errorf("told %d times too soon", n)
	}
	d.Pass(time.Minute)
	if s := r.wait(d, 1)[0].read(t); s.Type != "request.waiting" || s.Data.Request.ID != id {
		t.Errorf("%s", r.all()[0].body)
	}
	// An alert that is made later counts what waits already.
	alert(d, client.NewAlert{Events: []string{"request.created"}, Channels: []string{c.ID}, Filter: &client.AlertFilter{WaitingSeconds: 300}})
	if s := r.wait(d, 2)[1].read(t); s.Type != "request.waiting" || s.Data.Request.ID != id {
		t.Errorf("%s", r.all()[1].body)
	}
}

// TestN6QuietHoursAndDigests holds what comes in quiet hours and tells it
// together, unless an administrator wants it told.
func TestN6QuietHoursAndDigests(t *testing.T) {
	d, box := newDesk(t), newPostbox(t) // Tuesday noon
	bo := reached(d, d.Person("bo", "approver"))
	c := box.channel(d)
	alert(d, client.NewAlert{Events: []string{"request.created"}, Channels: []string{c.ID}, Recipients: &client.AlertRecipients{Users: []string{"bo"}}})
	must := alert(d, client.NewAlert{Events: []string{"request.cancelled"}, Channels: []string{c.ID}, Recipients: &client.AlertRecipients{Users: []string{"bo"}}, Mandatory: true})
	set := Must(bo.EditMySettings(t.Context(), client.EditMySettings{Notify: &client.EditMyNotify{QuietHours: new("Mon-Fri 12:30-14:00"), TimeZone: new("Europe/Berlin")}}))(t)
	if set.Notify.QuietHours != "Mon-Fri 12:30-14:00" || set.Notify.TimeZone != "Europe/Berlin" || set.Notify.Channels != nil {
		t.Errorf("%+v", set.Notify)
	}
	web := d.Endpoint("web-1")
	one, two := web.Ask("eve", "/usr/bin/id"), web.Ask("eve", "/usr/bin/id", "-u")
	held := deliveries(d, c.ID, "both are held", are("waiting waiting"))
	for _, x := range held {
		if !x.NextAt.Equal(time.Date(2026, 11, 24, 13, 0, 0, 0, time.UTC)) {
			t.Errorf("told at %s", x.NextAt)
		}
	}
	web.Withdraw(two)
	if m := box.wait(d, 1)[0]; !strings.Contains(m.Text, two) || strings.Contains(m.Text, one) {
		t.Errorf("of alert %s: %s", must.Name, m.Text)
	}
	d.Pass(time.Hour)
	m := box.wait(d, 2)[1]
	if !strings.Contains(m.Text, one) || !strings.Contains(m.Text, two) {
		t.Errorf("not together: %s", m.Text)
	}
	list := deliveries(d, c.ID, "all are sent", are("sent sent sent"))
	if list[1].Message == "" || list[1].Message != list[2].Message {
		t.Errorf("%+v", list)
	}
}

// TestN6EachChoosesHowTheyAreTold lets people say where, and not at all.
func TestN6EachChoosesHowTheyAreTold(t *testing.T) {
	d, box, other := newDesk(t), newPostbox(t), newPostbox(t)
	bo := reached(d, d.Person("bo", "approver"))
	c, second, r := box.channel(d), other.channel(d), newReceiver(t)
	system := channel(d, "webhook", client.ChannelConfig{URL: &r.URL})
	alert(d, client.NewAlert{Events: []string{"request.created"}, Channels: []string{c.ID}, Recipients: &client.AlertRecipients{Users: []string{"bo"}}})
	alert(d, client.NewAlert{Events: []string{"request.denied"}, Channels: []string{c.ID}, Recipients: &client.AlertRecipients{Users: []string{"bo"}}, Mandatory: true})
	choose := func(names ...string) error {
		_, err := bo.EditMySettings(t.Context(), client.EditMySettings{Notify: &client.EditMyNotify{Channels: &names}})
		return err
	}
	if s := Must(bo.MySettings(t.Context()))(t); strings.Join(s.OfferedChannels, " ") != c.Name+" "+second.Name {
		t.Errorf("offered: %v", s.OfferedChannels)
	}
	if err := choose(system.Name); Code(err) != "invalid" {
		t.Errorf("a system's channel is chosen: %v", err)
	}
	if err := choose(second.Name); err != nil {
		t.Fatal(err)
	}
	web := d.Endpoint("web-1")
	web.Ask("eve", "/usr/bin/id")
	other.wait(d, 1)
	if err := choose([]string{}...); err != nil {
		t.Fatal(err)
	}
	id := web.Ask("eve", "/usr/bin/id", "-u")
	d.Admin.Does("deny", id, nil)
	if m := box.wait(d, 1)[0]; !strings.Contains(m.Text, id) {
		t.Errorf("%+v", m)
	}
	if len(other.Mails()) != 1 || len(box.Mails()) != 1 {
		t.Errorf("told %d and %d times", len(other.Mails()), len(box.Mails()))
	}
}

// TestN1RestartLosesNothing closes the controller while nobody takes its calls
// and opens it again on the same data.
func TestN1RestartLosesNothing(t *testing.T) {
	t.Parallel()
	r, data := newReceiver(t), t.TempDir()
	r.says(func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	d, stop := Over(t, data, time.Now(), local)
	admin := d.Admin.Client
	c := Must(admin.AddChannel(t.Context(), client.NewChannel{Name: "Out", Kind: "webhook", Config: client.ChannelConfig{URL: &r.URL}}))(t)
	Must(admin.AddAlert(t.Context(), client.NewAlert{Name: "People", Events: []string{"user.created"}, Channels: []string{c.ID}}))(t)
	for _, login := range []string{"bo", "ada"} {
		Must(client.Post[client.User](t.Context(), admin, "/users", client.NewUser{Login: login}))(t)
	}
	r.wait(d, 1)
	stop()
	before := r.all()
	r.says(nil)
	d, _ = Over(t, data, time.Now(), local)
	admin = d.Admin.Client
	var list []client.Delivery
	looked := time.Time{}
	d.Eventually("all is sent", func() bool {
		if time.Since(looked) < 50*time.Millisecond {
			return false
		}
		looked = time.Now()
		list = Must(admin.Deliveries(t.Context(), url.Values{"state": {"sent"}}, 0))(t)
		return len(list) == 2
	})
	sent := map[string]int{}
	for _, h := range r.all()[len(before):] {
		sent[h.header.Get("webhook-id")]++
	}
	if len(sent) != 2 || sent[before[0].header.Get("webhook-id")] != 1 {
		t.Errorf("%v, tried before: %s", sent, before[0].header.Get("webhook-id"))
	}
	for _, x := range list {
		if sent[x.ID] != 1 {
			t.Errorf("%s was taken %d times", x.ID, sent[x.ID])
		}
	}
}

// TestA20SettingsOfOneself keeps what somebody chose, within bounds.
func TestA20SettingsOfOneself(t *testing.T) {
	d := newDesk(t)
	bo, ada := d.Person("bo"), d.Person("ada")
	if s := Must(bo.MySettings(t.Context()))(t); s.Density != "comfortable" || s.Notify.Channels != nil || len(s.Buttons)+len(s.Columns)+len(s.Views)+len(s.Keys) != 0 {
		t.Errorf("%+v", s)
	}
	want := client.EditMySettings{Buttons: &[]string{"new-request", "my-access"}, Columns: &map[string][]string{"approvals": {"id", "user", "waited"}},
		Views: &[]client.MyView{{Name: "Servers", Query: "status=pending&q=web"}}, Density: new("compact"), Keys: &map[string]string{"approve": "a"},
		Notify: &client.EditMyNotify{Phone: new("+4930123456"), DigestSeconds: new(int64(600))}}
	Must(bo.EditMySettings(t.Context(), want))(t)
	Must(bo.EditMySettings(t.Context(), client.EditMySettings{Notify: &client.EditMyNotify{QuietHours: new("22:00-07:00")}}))(t) // the rest stays
	got := Must(bo.MySettings(t.Context()))(t)
	if JSON(got) != `{"notify":{"channels":null,"quiet_hours":"22:00-07:00","time_zone":"UTC","digest_seconds":600,"phone":"+4930123456"},"buttons":["new-request","my-access"],`+
		`"columns":{"approvals":["id","user","waited"]},"views":[{"name":"Servers","query":"status=pending\u0026q=web"}],"density":"compact","keys":{"approve":"a"},"offered_channels":[]}` {
		t.Errorf("%s", JSON(got))
	}
	if s := Must(ada.MySettings(t.Context()))(t); len(s.Buttons) != 0 || s.Notify.Phone != "" {
		t.Errorf("ada has %+v", s)
	}
	many := strings.Repeat(`"a",`, 200)
	for what, body := range map[string]string{
		"an unknown field": `{"theme":"dark"}`, "an unknown field inside": `{"notify":{"pager":"x"}}`, "no zone": `{"notify":{"time_zone":"Mars/Olympus"}}`, "local zone": `{"notify":{"time_zone":"Local"}}`,
		"no hours": `{"notify":{"quiet_hours":"at night"}}`, "for ever": `{"notify":{"quiet_hours":"00:00-24:00"}}`, "no phone": `{"notify":{"phone":"0301234567"}}`, "a phone with a line": `{"notify":{"phone":"+4930123456\n"}}`,
		"no channel": `{"notify":{"channels":["nowhere"]}}`, "no density": `{"density":"huge"}`, "too many": `{"buttons":[` + strings.TrimSuffix(many, ",") + `]}`,
		"a control character": `{"buttons":["a\u0007"]}`, "too long a digest": `{"notify":{"digest_seconds":604801}}`, "too large": `{"keys":{"a":"` + strings.Repeat("x", 600) + `"}}`,
		"a long list": `{"columns":{"a":[` + strings.TrimSuffix(strings.Repeat(`"`+strings.Repeat("x", 400)+`",`, 100), ",") + `]}}`,
	} {
		if status, _, text := d.Raw(bo, "PUT", "/api/v1/me/settings", body); status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", what, status, text)
		}
	}
	if status, _, _ := d.Raw(nil, "GET", "/api/v1/me/settings", ""); status != http.StatusUnauthorized {
		t.Errorf("nobody: %d", status)
	}
	_, _, log := d.Raw(d.Admin, "GET", "/api/v1/audit?kind=preferences.changed", "")
	if strings.Count(log, `"preferences.changed"`) != 2 || strings.Contains(log, "4930123456") {
		t.Errorf("%s", log)
	}
}
