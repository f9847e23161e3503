package doors

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/assent-epm/assent/controller"
	"github.com/assent-epm/assent/controller/client"
	. "github.com/assent-epm/assent/e2e/desk"
)

// hit is one call of a receiver.
type hit struct {
	at     time.Time
	header http.Header
	body   []byte
}

// said is the body of a call without a template.
type said struct {
	Type      string
	Timestamp time.Time
	Data      struct {
		Event   *client.AuditEvent
		Request *client.Request
		Items   []struct{ Type string }
	}
}

// receiver is the other side of a webhook.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex // guards the fields below
	hits   []hit
	answer func(n int, w http.ResponseWriter, r *http.Request) // n counts calls from 1
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		r.mu.Lock()
		r.hits = append(r.hits, hit{time.Now(), req.Header.Clone(), body})
		n, answer := len(r.hits), r.answer
		r.mu.Unlock()
		if answer != nil {
			answer(n, w, req)
		}
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) all() []hit {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.hits)
}

func (r *receiver) says(answer func(n int, w http.ResponseWriter, r *http.Request)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

// wait gives the calls once there are so many.
func (r *receiver) wait(d *Desk, n int) []hit {
	d.T.Helper()
	d.Eventually(fmt.Sprintf("the receiver was called %d times", n), func() bool { return len(r.all()) >= n })
	return r.all()
}

func (h hit) read(t testing.TB) said {
	t.Helper()
	var s said
	if err := json.Unmarshal(h.body, &s); err != nil {
		t.Fatalf("%v\n%s", err, h.body)
	}
	return s
}

// local lets a controller call this machine.
func local(c *controller.Config) { c.NotifyAllow = []string{"127.0.0.0/8", "::1"} }

func newDesk(t *testing.T) *Desk {
	t.Helper()
	t.Parallel()
	return Open(t, time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC), local)
}

// hook makes a webhook channel and an alert of these events through it.
func hook(d *Desk, r *receiver, events ...string) client.Channel {
	d.T.Helper()
	c := channel(d, "webhook", client.ChannelConfig{URL: new(r.URL + "/in")})
	alert(d, client.NewAlert{Events: events, Channels: []string{c.ID}})
	return c
}

func channel(d *Desk, kind string, config client.ChannelConfig) client.Channel {
	d.T.Helper()
	n := len(Must(d.Admin.Channels(d.T.Context()))(d.T))
	return Must(d.Admin.AddChannel(d.T.Context(), client.NewChannel{Name: fmt.Sprintf("Channel %d", n), Kind: kind, Config: config}))(d.T)
}

func alert(d *Desk, in client.NewAlert) client.Alert {
	d.T.Helper()
	in.Name = fmt.Sprintf("Alert %d", len(Must(d.Admin.Alerts(d.T.Context()))(d.T)))
	return Must(d.Admin.AddAlert(d.T.Context(), in))(d.T)
}

// deliveries are those of a channel, once fits says so of them.
func deliveries(d *Desk, channel, what string, fits func([]client.Delivery) bool) []client.Delivery {
	d.T.Helper()
	var list []client.Delivery
	looked := time.Time{}
	d.Eventually(what, func() bool {
		if time.Since(looked) < 50*time.Millisecond {
			return false // calls are limited
		}
		looked = time.Now()
		list = Must(d.Admin.Deliveries(d.T.Context(), url.Values{"channel": {channel}}, 0))(d.T)
		return fits(list)
	})
	return list
}

// states gives the states of deliveries, the oldest first.
func states(list []client.Delivery) string {
	var out []string
	for _, x := range slices.Backward(list) {
		out = append(out, x.State)
	}
	return strings.Join(out, " ")
}

func are(want string) func([]client.Delivery) bool {
	return func(list []client.Delivery) bool { return states(list) == want }
}

func TestN1WebhooksAreSignedAndLogged(t *testing.T) {
	d, r := newDesk(t), newReceiver(t)
	made := hook(d, r, "request.created", "request.denied")
	if !strings.HasPrefix(made.Secret, "whsec_") || !made.SecretSet {
		t.Fatalf("%+v", made)
	}
	if again := Must(client.Get[client.Channel](t.Context(), d.Admin.Client, "/channels/"+made.ID, nil))(t); again.Secret != "" || !again.SecretSet || again.Config.Secret != nil {
		t.Errorf("the secret is shown again: %+v", again)
	}
	key := Must(standardwebhooks.NewWebhook(made.Secret))(t)
	bo := d.Person("bo", "approver")
	web := d.Endpoint("web-1")
	id := web.Ask("eve", "/usr/bin/id", "-u")
	first := r.wait(d, 1)[0]
	bo.Does("deny", id, map[string]any{"comment": "not today"})
	for i, h := range r.wait(d, 2) {
		if err := key.VerifyIgnoringTimestamp(h.body, h.header); err != nil {
			t.Errorf("call %d: %v", i, err)
		}
		bad := append(slices.Clone(h.body), ' ')
		if key.VerifyIgnoringTimestamp(bad, h.header) == nil {
			t.Error("a changed body passes")
		}
	}
	s := first.read(t)
	if s.Type != "request.submitted" || s.Data.Event == nil || s.Data.Event.Request != id || s.Data.Event.Seq == 0 || s.Timestamp.IsZero() ||
		s.Data.Request == nil || s.Data.Request.ID != id || s.Data.Request.User.Name != "eve" || s.Data.Request.Subject.Path != "/usr/bin/id" {
		t.Errorf("%s", first.body)
	}
	if s := r.all()[1].read(t); s.Type != "request.denied" || s.Data.Request.Decision == nil || *s.Data.Request.Decision.Comment != "not today" {
		t.Errorf("%s", r.all()[1].body)
	}
	list := deliveries(d, made.ID, "both are sent", are("sent sent"))
	if got := first.header.Get("webhook-id"); got != list[1].ID || list[1].Kind != "request.submitted" || list[1].Request != id || list[1].Tries != 1 || list[1].SentAt == nil {
		t.Errorf("webhook-id %s, %+v", got, list[1])
	}
	if ct := first.header.Get("Content-Type"); ct != "application/json" {
		t.Errorf("content type %s", ct)
	}
}

func TestN1FailuresAreTriedAgainWithTheSameID(t *testing.T) {
	d, r := newDesk(t), newReceiver(t)
	r.says(func(n int, w http.ResponseWriter, _ *http.Request) {
		if n <= 2 {
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprint(w, "<b>the secret of the other side</b>")
		}
	})
	c := hook(d, r, "request.submitted")
	d.Endpoint("web-1").Ask("eve", "/usr/bin/id")
	r.wait(d, 1)
	waiting := deliveries(d, c.ID, "the error is shown", func(l []client.Delivery) bool { return len(l) == 1 && l[0].LastError != "" })
	if x := waiting[0]; x.State != "waiting" || x.NextAt == nil || !strings.Contains(x.LastError, "500") || strings.Contains(x.LastError, "secret") || strings.Contains(x.LastError, "/in") {
		t.Errorf("%+v", x)
	}
	hits := r.wait(d, 3)
	list := deliveries(d, c.ID, "it is sent", are("sent"))
	if list[0].Tries != 3 || list[0].LastError != "" {
		t.Errorf("%+v", list[0])
	}
	for _, h := range hits {
		if h.header.Get("webhook-id") != list[0].ID || string(h.body) == "" {
			t.Errorf("webhook-id %s, want %s", h.header.Get("webhook-id"), list[0].ID)
		}
	}
	if gap := hits[1].at.Sub(hits[0].at); gap < 900*time.Millisecond {
		t.Errorf("tried again after %s", gap)
	}
}

func TestN1RetryAfterIsHonoured(t *testing.T) {
	d, r := newDesk(t), newReceiver(t)
	r.says(func(n int, w http.ResponseWriter, _ *http.Request) {
		if n == 1 {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusTooManyRequests)
		}
	})
	c := hook(d, r, "request.submitted")
	web := d.Endpoint("web-1")
	web.Ask("eve", "/usr/bin/id")
	list := deliveries(d, c.ID, "it is put off", func(l []client.Delivery) bool { return len(l) == 1 && l[0].LastError != "" })
	if wait := list[0].NextAt.Sub(d.Now()); wait < 59*time.Minute || wait > time.Hour {
		t.Errorf("tried again after %s", wait)
	}
	web.Ask("eve", "/usr/bin/id", "-u")
	d.Pass(59 * time.Minute)
	if got := states(deliveries(d, c.ID, "both wait", func(l []client.Delivery) bool { return len(l) == 2 })); got != "waiting waiting" || len(r.all()) != 1 {
		t.Errorf("%s after %d calls", got, len(r.all()))
	}
	d.Pass(time.Minute)
	deliveries(d, c.ID, "both are sent", are("sent sent"))
}

func TestN1GoneDisablesTheChannel(t *testing.T) {
	d, r := newDesk(t), newReceiver(t)
	r.says(func(n int, w http.ResponseWriter, _ *http.Request) {
		if n == 1 {
			w.WriteHeader(http.StatusGone)
		}
	})
	c := hook(d, r, "request.submitted")
	id := d.Endpoint("web-1").Ask("eve", "/usr/bin/id")
	list := deliveries(d, c.ID, "it is given up", are("failed"))
	now := Must(client.Get[client.Channel](t.Context(), d.Admin.Client, "/channels/"+c.ID, nil))(t)
	if now.Enabled || now.DisabledWhy == "" {
		t.Errorf("%+v", now)
	}
	if kinds := d.Kinds(id); !strings.Contains(kinds, "delivery.failed") {
		t.Errorf("kinds %s", kinds)
	}
	Must(d.Admin.EditChannel(t.Context(), c.ID, client.EditChannel{Enabled: new(true)}))(t)
	Must(d.Admin.RetryDelivery(t.Context(), list[0].ID))(t)
	deliveries(d, c.ID, "it is sent", are("sent"))
	if ids := r.all(); ids[0].header.Get("webhook-id") != ids[1].header.Get("webhook-id") {
		t.Error("the id changed")
	}
	if _, err := d.Admin.RetryDelivery(t.Context(), list[0].ID); Code(err) != "conflict" {
		t.Errorf("what was sent is sent again: %v", err)
	}
}

// TestN1OneSlowReceiverDelaysNoOther has one receiver that never answers.
func TestN1OneSlowReceiverDelaysNoOther(t *testing.T) {
	d, slow, quick := newDesk(t), newReceiver(t), newReceiver(t)
	hold := make(chan struct{})
	t.Cleanup(func() { close(hold) })
	slow.says(func(int, http.ResponseWriter, *http.Request) { <-hold })
	hook(d, slow, "request.submitted")
	hook(d, quick, "request.submitted")
	web := d.Endpoint("web-1")
	for i := range 5 {
		web.Ask("eve", "/usr/bin/id", fmt.Sprint(i))
	}
	quick.wait(d, 5)
	if n := len(slow.all()); n > 1 {
		t.Errorf("the slow one was called %d times", n)
	}
}

func TestN1TestButton(t *testing.T) {
	d, r := newDesk(t), newReceiver(t)
	c := channel(d, "webhook", client.ChannelConfig{URL: new(r.URL)})
	if got := Must(d.Admin.TestChannel(t.Context(), c.Name))(t); !got.OK || got.Status != 200 || got.Error != "" {
		t.Errorf("%+v", got)
	}
	if s := r.wait(d, 1)[0].read(t); s.Type != "test" || s.Data.Request != nil {
		t.Errorf("%s", r.all()[0].body)
	}
	r.says(func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
	if got := Must(d.Admin.TestChannel(t.Context(), c.ID))(t); got.OK || got.Status != 403 || !strings.Contains(got.Error, "403") {
		t.Errorf("%+v", got)
	}
}

// TestN1DestinationsAreRefused is A55 of the research: whoever may write a
// channel does not reach what only the controller can.
func TestN1DestinationsAreRefused(t *testing.T) {
	t.Parallel()
	d := Open(t, time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)) // nothing private is allowed
	for _, bad := range []string{"http://0.0.0.0/", "http://[::ffff:169.254.169.254]/", "http://[::ffff:7f00:1]:80/", "http://2130706433/", "http://0x7f.0.0.1/", "http://0x7f000001/",
		"http://127.1/", "http://0177.0.0.1/", "http://127.0.0.1:8080/", "http://localhost/", "http://a.localhost/", "http://LOCALHOST./", "http://[::1]/", "http://[::]/", "http://169.254.169.254/latest",
		"http://10.0.0.1/", "http://192.168.1.1/", "http://172.16.0.1/", "http://100.64.0.1/", "http://[fd00:ec2::254]/", "http://[fe80::1]/", "http://[fe80::1%25eth0]/", "http://224.0.0.1/", "http://255.255.255.255/",
		"http://[64:ff9b::7f00:1]/", "file:///etc/passwd", "gopher://example.org/", "ftp://example.org/", "//example.org/", "http://", "http:///x", "https://u:p@example.org/", "https://example.org/#x",
		"https://example.org:0/", "https://example.org:99999/", "https://exa mple.org/", "https://example.org/\r\nX: y", "javascript:alert(1)"} {
		_, err := d.Admin.AddChannel(t.Context(), client.NewChannel{Name: "x", Kind: "webhook", Config: client.ChannelConfig{URL: &bad}})
		if Code(err) != "invalid" {
			t.Errorf("%s: got %v", bad, err)
		}
	}
	for name, value := range map[string]string{"X-A\r\nB": "c", "X-A": "b\r\nC: d", "X-B": "a\x00", "Host": "x", "Content-Length": "1", "webhook-id": "x", "": "x", "X Y": "z", "X-É": "z"} {
		_, err := d.Admin.AddChannel(t.Context(), client.NewChannel{Name: "x", Kind: "webhook", Config: client.ChannelConfig{URL: new("https://example.org/"), Headers: &map[string]string{name: value}}})
		if Code(err) != "invalid" {
			t.Errorf("header %q: got %v", name, err)
		}
	}
	if n := len(Must(d.Admin.Channels(t.Context()))(t)); n != 0 {
		t.Errorf("%d channels were made", n)
	}
}

// TestN1NamesAreJudgedWhenTheyAreCalled has a name that leads to this machine.
func TestN1NamesAreJudgedWhenTheyAreCalled(t *testing.T) {
	t.Parallel()
	d, r := Open(t, time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)), newReceiver(t)
	here := Must(url.Parse(r.URL))(t)
	c := channel(d, "webhook", client.ChannelConfig{URL: new("http://" + hostname(t) + ":" + here.Port() + "/")})
	got := Must(d.Admin.TestChannel(t.Context(), c.ID))(t)
	if got.OK || !strings.Contains(got.Error, "does not call this address") || len(r.all()) != 0 {
		t.Errorf("%+v after %d calls", got, len(r.all()))
	}
}

// TestN1RedirectsAreNotFollowed has a receiver that would lead elsewhere.
func TestN1RedirectsAreNotFollowed(t *testing.T) {
	d, r, secret := newDesk(t), newReceiver(t), newReceiver(t)
	for _, to := range []string{secret.URL, "http://169.254.169.254/latest/meta-data/", "file:///etc/passwd"} {
		r.says(func(_ int, w http.ResponseWriter, req *http.Request) { http.Redirect(w, req, to, http.StatusFound) })
		c := channel(d, "webhook", client.ChannelConfig{URL: new(r.URL)})
		if got := Must(d.Admin.TestChannel(t.Context(), c.ID))(t); got.OK || got.Status != 302 {
			t.Errorf("%s: %+v", to, got)
		}
	}
	if n := len(secret.all()); n != 0 {
		t.Errorf("redirects were followed %d times", n)
	}
}

// TestN1SecretsStayWhereTheyBelong wants that secrets are never answered, stay
// when they are left out, and do not go along to another place.
func TestN1SecretsStayWhereTheyBelong(t *testing.T) {
	d, r, thief := newDesk(t), newReceiver(t), newReceiver(t)
	secret, bearer := "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", "Bearer very-secret"
	c := channel(d, "webhook", client.ChannelConfig{URL: new(r.URL + "/a"), Secret: &secret, Headers: &map[string]string{"Authorization": bearer}})
	edit := func(url string) client.Channel {
		return Must(d.Admin.EditChannel(t.Context(), c.ID, client.EditChannel{Config: &client.ChannelConfig{URL: &url, Headers: &map[string]string{"Authorization": ""}}}))(t)
	}
	kept := edit(r.URL + "/b")
	Must(d.Admin.TestChannel(t.Context(), c.ID))(t)
	h := r.wait(d, 1)[0]
	if err := Must(standardwebhooks.NewWebhook(secret))(t).VerifyIgnoringTimestamp(h.body, h.header); err != nil || h.header.Get("Authorization") != bearer || kept.Secret != "" {
		t.Errorf("%v %v %+v", err, h.header, kept)
	}
	moved := edit(thief.URL)
	Must(d.Admin.TestChannel(t.Context(), c.ID))(t)
	h = thief.wait(d, 1)[0]
	if Must(standardwebhooks.NewWebhook(secret))(t).VerifyIgnoringTimestamp(h.body, h.header) == nil || h.header.Get("Authorization") != "" || moved.Secret == "" || moved.Secret == secret {
		t.Errorf("the secrets went along: %v", h.header)
	}
	_, _, list := d.Raw(d.Admin, "GET", "/api/v1/channels", "")
	_, _, log := d.Raw(d.Admin, "GET", "/api/v1/audit?limit=500", "")
	for _, text := range []string{list, log, JSON(kept)} {
		if strings.Contains(text, "very-secret") || strings.Contains(text, secret[6:]) || strings.Contains(text, moved.Secret[6:]) {
			t.Errorf("a secret is shown: %s", text)
		}
	}
}

// TestN1AlertsAreForAdministratorsOfAll refuses everybody else.
func TestN1AlertsAreForAdministratorsOfAll(t *testing.T) {
	d, r := newDesk(t), newReceiver(t)
	c := hook(d, r, "request.submitted")
	narrow, bo := d.Scoped("narrow", map[string]string{"role": "web"}, "administrator"), d.Person("bo", "approver")
	for _, p := range []*Person{narrow, bo} {
		_, err1 := p.AddChannel(t.Context(), client.NewChannel{Name: "mine", Kind: "webhook", Config: client.ChannelConfig{URL: &r.URL}})
		_, err2 := p.AddAlert(t.Context(), client.NewAlert{Name: "mine", Events: []string{"request.submitted"}, Channels: []string{c.ID}})
		_, err3 := p.Deliveries(t.Context(), nil, 0)
		_, err4 := p.TestChannel(t.Context(), c.ID)
		for i, err := range []error{err1, err2, err3, err4} {
			if Code(err) != "forbidden" {
				t.Errorf("%s, %d: got %v", p.Login, i, err)
			}
		}
	}
	if err := d.Admin.DeleteChannel(t.Context(), c.ID); Code(err) != "conflict" {
		t.Errorf("a channel that an alert names: %v", err)
	}
	for what, in := range map[string]client.NewAlert{"no event": {Events: []string{"nothing.ever"}, Channels: []string{c.ID}}, "no channel": {Events: []string{"request.submitted"}, Channels: []string{"nowhere"}},
		"no person": {Events: []string{"request.submitted"}, Channels: []string{c.ID}, Recipients: &client.AlertRecipients{Users: []string{"nobody"}}}} {
		in.Name = what
		if _, err := d.Admin.AddAlert(t.Context(), in); Code(err) != "invalid" {
			t.Errorf("%s: got %v", what, err)
		}
	}
}

// TestN3ChatNeverDecides opens the link of a message in every way that a chat or
// a mail scanner does, and wants that nothing has changed.
func TestN3ChatNeverDecides(t *testing.T) {
	d, r := newDesk(t), newReceiver(t)
	c := channel(d, "webhook", client.ChannelConfig{URL: &r.URL, Body: new(`{"text": "{{.title}}", "link": "{{.link}}"}`)})
	alert(d, client.NewAlert{Events: []string{"request.submitted"}, Channels: []string{c.ID}})
	bo := d.Person("bo", "approver")
	id := d.Endpoint("web-1").Ask("eve", "/usr/bin/id")
	var said struct{ Link string }
	if err := json.Unmarshal(r.wait(d, 1)[0].body, &said); err != nil || said.Link != d.Controller.URL()+"/#/requests/"+id {
		t.Fatalf("%v: %s", err, r.all()[0].body)
	}
	before, kinds := JSON(bo.See(id)), d.Kinds(id)
	for _, method := range []string{"GET", "HEAD", "POST", "OPTIONS"} {
		for _, who := range []*Person{nil, bo, d.Admin} {
			for _, path := range []string{"/", "/?x=approve", "/requests/" + id, "/requests/" + id + "/approve"} {
				if status, _, _ := d.Raw(who, method, path, ""); status >= 500 {
					t.Errorf("%s %s: %d", method, path, status)
				}
			}
		}
	}
	if after := JSON(bo.See(id)); after != before || d.Kinds(id) != kinds {
		t.Errorf("something changed:\n%s\n%s", before, after)
	}
}

// hostname is a name of this machine that leads to itself.
func hostname(t *testing.T) string {
	t.Helper()
	name := Must(os.Hostname())(t)
	ips, err := net.DefaultResolver.LookupHost(t.Context(), name)
	if err != nil || len(ips) == 0 {
		t.Skipf("this machine's name %s leads nowhere: %v", name, err)
	}
	return name
}
