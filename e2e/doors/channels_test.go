package doors

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/quotedprintable"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/assent-epm/assent/controller/client"
	. "github.com/assent-epm/assent/e2e/desk"
	"github.com/assent-epm/assent/e2e/servers"
)

// poison is a justification that wants to be more than that, in each of the
// formats that it gets into.
const poison = "<!channel> @everyone <@U1> [x](http://evil) \"}]} a|b=c ]\\ <script>alert(1)</script>\r\nBcc: all@example.org\x1b[31m\u202e"

// ask lets eve ask on an endpoint with a reason and a ticket.
func ask(e *Endpoint, reason, ticket string) string {
	return e.AskWith(e.Attempt("eve", "/usr/bin/systemctl", "restart", "nginx"), reason, ticket)
}

func TestN1MailOverSTARTTLSWithPassword(t *testing.T) {
	d := newDesk(t)
	ca := servers.NewAuthority(t)
	box := postbox{servers.NewMailServer(t, servers.MailConfig{TLS: ca.Server("127.0.0.1"), Password: "the right one"})}
	reached(d, d.Person("bo", "approver"))
	config := client.ChannelConfig{Host: new("127.0.0.1"), Port: &box.Port, TLS: "starttls", Username: new("assent"), Password: new("a wrong one"),
		From: new("Assent <assent@example.org>"), CAPEM: &ca.PEM}
	c := channel(d, "email", config)
	alert(d, client.NewAlert{Events: []string{"request.submitted"}, Channels: []string{c.ID}, Recipients: &client.AlertRecipients{Users: []string{"bo"}}})
	test := Must(client.Post[client.ChannelTest](t.Context(), d.Admin.Client, "/channels/"+c.ID+"/test", struct{}{}))(t)
	if test.OK {
		t.Errorf("%+v", test)
	}
	id := ask(d.Endpoint("web-1"), poison, "")
	list := deliveries(d, c.ID, "the password is refused", func(l []client.Delivery) bool { return len(l) == 1 && l[0].LastError != "" })
	if x := list[0]; x.State != "waiting" || !strings.Contains(x.LastError, "535") || strings.Contains(x.LastError, "wrong one") {
		t.Errorf("%+v", x)
	}
	config.Password = new("the right one")
	if err := d.Admin.Call(t.Context(), "PUT", "/channels/"+c.ID, nil, map[string]any{"config": config}, nil); err != nil {
		t.Fatal(err)
	}
	if r := d.Ctl(d.Admin, "delivery", "retry", list[0].ID); r.Code != 0 { // or it goes by itself a moment later
		t.Logf("%s%s", r.Out, r.Err)
	}
	m := box.wait(d, 1)[0]
	head, body, _ := strings.Cut(m.Raw, "\r\n\r\n")
	raw := Must(io.ReadAll(quotedprintable.NewReader(strings.NewReader(body))))(t)
	if m.To != "bo@example.org" || !strings.Contains(head, "Message-ID: <"+list[0].ID+"@example.org>") || strings.Contains(head, "Bcc") {
		t.Errorf("%s", m.Raw)
	}
	text, page, _ := strings.Cut(string(raw), "<!doctype html>")
	if !strings.Contains(text, "/#/requests/"+id) || !strings.Contains(page, "/#/requests/"+id) || strings.Contains(page, "<script") || strings.ContainsAny(text+page, "\x1b\u202e") {
		t.Errorf("%s", raw)
	}
	deliveries(d, c.ID, "it is sent", are("sent"))
}

func TestN1SMSReachesAPhone(t *testing.T) {
	d, r := newDesk(t), newReceiver(t)
	r.says(func(n int, w http.ResponseWriter, _ *http.Request) {
		if n == 1 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		w.WriteHeader(http.StatusCreated)
	})
	bo := d.Person("bo", "approver")
	if err := bo.Call(t.Context(), "PUT", "/me/settings", nil, map[string]any{"notify": map[string]any{"phone": "+4930123456"}}, nil); err != nil {
		t.Fatal(err)
	}
	c := channel(d, "sms", client.ChannelConfig{URL: new(r.URL), Account: new("AC0123456789abcdef"), AuthToken: new("the-secret"), From: new("+4930999999")})
	if c.Config.AuthToken != nil || !c.SecretSet {
		t.Errorf("%+v", c)
	}
	alert(d, client.NewAlert{Events: []string{"request.submitted"}, Channels: []string{c.ID}, Recipients: &client.AlertRecipients{Users: []string{"bo"}}})
	id := ask(d.Endpoint("web-1"), poison, "")
	h := r.wait(d, 2)[1]
	form := Must(url.ParseQuery(string(h.body)))(t)
	if form.Get("To") != "+4930123456" || form.Get("From") != "+4930999999" || !strings.Contains(form.Get("Body"), "/#/requests/"+id) ||
		strings.Contains(form.Get("Body"), "channel") || strings.ContainsAny(form.Get("Body"), "\r\n\x1b") {
		t.Errorf("%v", form)
	}
	deliveries(d, c.ID, "it is sent", are("sent"))
}

// chat makes a channel with a template and gives what arrives of a request.
func chat(t *testing.T, template string, more client.ChannelConfig, events ...string) (*Desk, *receiver, string) {
	t.Helper()
	d, r := newDesk(t), newReceiver(t)
	more.URL, more.Template = new(r.URL+"/in"), &template
	c := channel(d, "webhook", more)
	alert(d, client.NewAlert{Events: events, Channels: []string{c.ID}})
	return d, r, ask(d.Endpoint("web-1"), poison, "")
}

func TestN1SlackMessagesMentionNobody(t *testing.T) {
	d, r, id := chat(t, "slack", client.ChannelConfig{}, "request.submitted")
	h := r.wait(d, 1)[0]
	var m struct {
		Text   string           `json:"text"`
		Blocks []map[string]any `json:"blocks"`
	}
	if err := json.Unmarshal(h.body, &m); err != nil || m.Text == "" || len(m.Blocks) < 3 {
		t.Fatalf("%v %s", err, h.body)
	}
	all := string(Must(json.Marshal(m.Blocks))(t))
	for _, bad := range []string{`<!channel`, `<@U1`, `\u003c!channel`, `\u003c@U1`, `\u001b`, "\u202e"} {
		if strings.Contains(all, bad) {
			t.Errorf("%q in %s", bad, all)
		}
	}
	if !strings.Contains(all, "&lt;!channel&gt;") && !strings.Contains(all, `\u0026lt;!channel\u0026gt;`) || !strings.Contains(all, id) || !strings.Contains(all, "eve") {
		t.Errorf("%s", all)
	}
}

func TestN1TeamsCardsReadNoMarkdown(t *testing.T) {
	d, r, id := chat(t, "teams", client.ChannelConfig{}, "request.submitted")
	h := r.wait(d, 1)[0]
	var m struct {
		Type        string
		Attachments []struct {
			ContentType string
			Content     struct {
				Type    string
				Body    []struct{ Type string }
				Actions []struct{ Type, URL string }
			}
		}
	}
	if err := json.Unmarshal(h.body, &m); err != nil || m.Type != "message" || len(m.Attachments) != 1 || m.Attachments[0].Content.Type != "AdaptiveCard" {
		t.Fatalf("%v %s", err, h.body)
	}
	card := m.Attachments[0].Content
	if slices.ContainsFunc(card.Body, func(x struct{ Type string }) bool { return x.Type != "RichTextBlock" }) {
		t.Errorf("an element that reads Markdown: %s", h.body)
	}
	if len(card.Actions) != 1 || !strings.HasSuffix(card.Actions[0].URL, "/#/requests/"+id) || card.Actions[0].Type != "Action.OpenUrl" {
		t.Errorf("%s", h.body)
	}
}

func TestN1PagerDutyTriggersAndResolves(t *testing.T) {
	key := "0123456789abcdef0123456789abcdef"
	d, r, id := chat(t, "pagerduty", client.ChannelConfig{RoutingKey: &key}, "request.submitted", "request.denied")
	r.wait(d, 1)
	d.Person("bo", "approver").Does("deny", id, map[string]any{"comment": "not today"})
	var actions []string
	for _, h := range r.wait(d, 2) {
		var e struct {
			Key    string `json:"routing_key"`
			Action string `json:"event_action"`
			Dedup  string `json:"dedup_key"`
		}
		if err := json.Unmarshal(h.body, &e); err != nil || e.Key != key || e.Dedup != id {
			t.Errorf("%v %s", err, h.body)
		}
		actions = append(actions, e.Action)
	}
	if strings.Join(actions, " ") != "trigger resolve" {
		t.Errorf("%v", actions)
	}
	shown := Must(client.Get[map[string]any](t.Context(), d.Admin.Client, "/channels", nil))(t)
	if strings.Contains(fmt.Sprint(shown), key) {
		t.Error("the routing key is shown")
	}
}

func TestN1PreviewOfTemplates(t *testing.T) {
	d := newDesk(t)
	for _, name := range []string{"slack", "teams", "jira", "servicenow", "pagerduty"} {
		p := Must(d.Admin.PreviewTemplate(t.Context(), client.PreviewTemplate{Template: name, Kind: "request.denied"}))(t)
		if p.ContentType != "application/json" || !json.Valid([]byte(p.Body)) || !strings.Contains(p.Body, "ubu-0810") {
			t.Errorf("%s: %+v", name, p)
		}
	}
	own := "{\"who\":\"{{.request.user.display}}\",\n\"why\":{{json .request.justification}}}"
	if p := Must(d.Admin.PreviewTemplate(t.Context(), client.PreviewTemplate{Body: own}))(t); !strings.HasPrefix(p.Body, `{"who":"Dina Osei",`) {
		t.Errorf("%+v", p)
	}
	var problem *client.Problem
	_, err := d.Admin.PreviewTemplate(t.Context(), client.PreviewTemplate{Body: "{\n\"x\":\"{{.request.usr}}\"}"})
	if !errors.As(err, &problem) || problem.Status != 400 || !strings.Contains(problem.Detail, "line 2") || !strings.Contains(problem.Detail, ".request.usr") {
		t.Errorf("%v", err)
	}
	// What a preview refuses can not be saved either.
	_, err = d.Admin.AddChannel(t.Context(), client.NewChannel{Name: "bad", Kind: "webhook", Config: client.ChannelConfig{URL: new("https://example.org/x"), Body: new("{{printf `x`}}")}})
	if Code(err) != "invalid" {
		t.Errorf("%v", err)
	}
	if _, err := d.Person("bo", "approver").PreviewTemplate(t.Context(), client.PreviewTemplate{Template: "slack"}); Code(err) != "forbidden" {
		t.Errorf("an approver: %v", err)
	}
	// Every field of a request is in the example that templates are tried with.
	var made map[string]any
	p := Must(d.Admin.PreviewTemplate(t.Context(), client.PreviewTemplate{Body: "{{json .request}}"}))(t)
	if err := json.Unmarshal([]byte(p.Body), &made); err != nil {
		t.Fatal(err)
	}
	real := Must(client.Get[map[string]any](t.Context(), d.Admin.Client, "/requests/"+ask(d.Endpoint("web-1"), "restart after the update", ""), nil))(t)
	same(t, "request", made, real)
}

// same wants the same fields on both sides, as far down as both have them.
func same(t *testing.T, path string, a, b map[string]any) {
	t.Helper()
	for k := range a {
		if _, ok := b[k]; !ok && !strings.HasSuffix(path, "labels") {
			t.Errorf("%s.%s is not there", path, k)
		}
	}
	for k, v := range b {
		is, ok := a[k]
		if !ok && !strings.HasSuffix(path, "labels") && !strings.HasSuffix(path, "reported") {
			t.Errorf("%s.%s is not in the example", path, k)
		}
		x, ok1 := is.(map[string]any)
		y, ok2 := v.(map[string]any)
		if ok1 && ok2 {
			same(t, path+"."+k, x, y)
		}
	}
}

func TestN5DecisionsCommentTheTicket(t *testing.T) {
	d, r := newDesk(t), newReceiver(t)
	paths := make(chan string, 10)
	r.says(func(_ int, w http.ResponseWriter, req *http.Request) {
		paths <- req.Method + " " + req.URL.Path + " " + req.Header.Get("Authorization")
		w.WriteHeader(http.StatusCreated)
	})
	c := channel(d, "webhook", client.ChannelConfig{URL: new(r.URL + "/rest/api/3/issue"), Template: new("jira"), Headers: &map[string]string{"Authorization": "Basic Ym90OnRva2Vu"},
		Options: &map[string]string{"comments_only": "true"}})
	alert(d, client.NewAlert{Events: []string{"request.approved", "request.denied"}, Channels: []string{c.ID}})
	web, bo := d.Endpoint("web-1"), d.Person("bo", "approver")
	bo.Does("deny", web.AskWith(web.Attempt("eve", "/usr/bin/id"), "no ticket", ""), nil) // nothing to comment
	id := ask(web, poison, "OPS-17")
	bo.Does("approve", id, map[string]any{"comment": "ok [x](http://evil)"})
	if got := <-paths; got != "POST /rest/api/3/issue/OPS-17/comment Basic Ym90OnRva2Vu" {
		t.Errorf("%s", got)
	}
	h := r.wait(d, 1)[0]
	var m struct {
		Body struct {
			Type    string
			Version int
			Content []struct {
				Type    string
				Content []struct{ Type, Text string }
			}
		}
	}
	if err := json.Unmarshal(h.body, &m); err != nil || m.Body.Type != "doc" || m.Body.Version != 1 {
		t.Fatalf("%v %s", err, h.body)
	}
	text := ""
	for _, p := range m.Body.Content {
		for _, x := range p.Content {
			if x.Type != "text" || x.Text == "" {
				t.Errorf("%+v", x)
			}
			text += x.Text
		}
		text += "\n"
	}
	for _, want := range []string{"Decision: approved", "By: bo", "Comment: ok [x](http://evil)", "Who: eve", "Delivery: dlv_"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
	deliveries(d, c.ID, "both are sent", are("sent sent"))
}
