package console

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/assent-epm/assent/controller"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/desk"
)

// inbox is another system that takes calls: it keeps their bodies, and answers
// with what it is told to.
type inbox struct {
	*httptest.Server
	mu     sync.Mutex
	bodies []string
	auth   []string
	status int
}

func newInbox(t *testing.T) *inbox {
	in := &inbox{status: http.StatusOK}
	in.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		in.mu.Lock()
		defer in.mu.Unlock()
		in.bodies, in.auth = append(in.bodies, string(raw)), append(in.auth, r.Header.Get("Authorization"))
		w.WriteHeader(in.status)
	}))
	t.Cleanup(in.Close)
	return in
}

func (in *inbox) answers(status int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.status = status
}

func (in *inbox) got() (bodies, auth []string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	return slices.Clone(in.bodies), slices.Clone(in.auth)
}

func loopback(c *controller.Config) { c.NotifyAllow = []string{"127.0.0.0/8"} }

// Channels of several kinds are made, tested, changed and deleted on the page, and
// none of their secrets comes back.
func TestChannelsPage(t *testing.T) {
	d, ann, b := open(t, "administrator", loopback)
	in := newInbox(t)
	b.Go("#/alerts")
	b.Reads(".page", "First add a channel")
	b.ClickText("a", "Add a channel")
	b.Reads("dialog", "Microsoft Teams")
	b.Looks("channel-kinds", nil)

	b.ClickText("dialog a", "Slack")
	fields(b, "Name", "Operations chat", "Webhook address", in.URL+"/services/T0/B0/very-secret")
	b.ClickText("dialog button", "Show what is sent")
	b.Reads("dialog pre", "restart nginx")
	b.Choose("dialog select[aria-label='Event of the preview']", "endpoint.silent")
	b.Reads("dialog pre", "endpoint.silent")
	b.Looks("channel-slack", nil)
	b.ClickText("dialog button", "Add it")
	b.Reads(".channel", "Operations chat")
	all := func() []client.Channel { return get[client.List[client.Channel]](t, ann, "/channels", nil).Items }
	if c := all(); len(c) != 1 || c[0].Kind != "webhook" || c[0].Config.Template == nil || *c[0].Config.Template != "slack" {
		t.Fatalf("the channel: %s", desk.JSON(c))
	}
	if text := b.Text("#app"); strings.Contains(text, "very-secret") {
		t.Error("the page shows the address of the chat")
	}

	// A test that goes through, and one that does not.
	b.ClickText(".channel button", "Send test")
	b.Reads(".channel .note.ok", "answer 200")
	in.answers(http.StatusForbidden)
	b.ClickText(".channel button", "Send test")
	b.Reads(".channel .note.no", "answer 403")
	in.answers(http.StatusOK)
	if bodies, _ := in.got(); len(bodies) != 2 || !strings.Contains(bodies[0], "blocks") {
		t.Errorf("the chat got %q", bodies)
	}

	// The secret stays when the channel is changed without it.
	b.Click(".channel a[aria-label='Edit Operations chat']")
	b.Fill(field(b, "Name"), "Ops chat")
	b.ClickText("dialog button", "Save")
	b.Reads(".channel h2", "Ops chat")
	b.ClickText(".channel button", "Send test")
	b.Reads(".channel .note.ok", "answer 200")

	// Jira with a header, whose value is kept.
	b.Go("#/alerts/channels/new?kind=jira")
	fields(b, "Address of Jira", in.URL, "Project", "OPS")
	b.ClickText("dialog button", "Add a header")
	b.Fill("dialog input[aria-label='Header 1: name']", "Authorization")
	b.Fill("dialog input[aria-label='Header 1: value']", "Bearer hidden-thing")
	b.Looks("channel-jira", nil)
	b.ClickText("dialog button", "Add it")
	b.Reads(".channels", "Jira")
	b.Click(".channel a[aria-label='Edit Jira']")
	b.Reads("dialog", "Address of Jira")
	b.Until(`document.querySelector("dialog input[aria-label='Header 1: value']").value === ""`)
	b.Fill(field(b, "Issue type"), "Incident")
	b.ClickText("dialog button", "Save")
	b.Gone("dialog")
	b.ClickText(".channel[aria-label=Jira] button", "Send test")
	b.Reads(".channel[aria-label=Jira] .note", "test")
	if _, auth := in.got(); !slices.Contains(auth, "Bearer hidden-thing") {
		t.Errorf("Jira was called with %q", auth)
	}

	// A webhook's secret is shown once.
	b.Go("#/alerts/channels/new?kind=webhook")
	fields(b, "Name", "Plain <b>hook", "Address", in.URL+"/hook")
	b.ClickText("dialog button", "Add it")
	b.Reads("dialog code", "whsec_")
	b.Looks("channel-secret", nil)
	b.ClickText("dialog button", "I have kept it")
	b.Gone("dialog")

	// What is refused says why, beside the form.
	b.Expect("400", "422")
	b.Go("#/alerts/channels/new?kind=pagerduty")
	b.Fill(field(b, "Routing key"), "too short")
	b.ClickText("dialog button", "Add it")
	b.Reads("dialog .note.no", "32 letters")
	b.Go("#/alerts/channels/new?kind=own")
	fields(b, "Address", in.URL, "Body", `{"text": "{{.nothing.there`)
	b.ClickText("dialog button", "Show what is sent")
	b.Reads("dialog .preview .note.no", "")
	b.Key("Escape")

	// Mail, a log server and a phone: the fields of their kinds.
	for kind, has := range map[string][]string{"email": {"Mail server", "From", "Password"}, "sms": {"Account", "Auth token"}, "syslog": {"Server", "Form"}, "servicenow": {"Assignment group"}, "teams": {"Webhook address"}} {
		b.Go("#/alerts/channels/new?kind=" + kind)
		for _, name := range has {
			b.Sees(field(b, name))
		}
		if kind == "email" || kind == "syslog" {
			b.Looks("channel-"+kind, nil)
		}
		b.Key("Escape")
		b.Gone("dialog")
	}

	b.Looks("channels", nil)
	b.Click("button[aria-label='Turn off Jira']")
	b.Reads(".channel[aria-label=Jira] .chip", "Off")
	b.Click("button[aria-label='Delete Jira']")
	b.ClickText("dialog button", "Delete it")
	b.Gone(".channel[aria-label=Jira]")
	if n := len(all()); n != 2 {
		t.Errorf("%d channels are left", n)
	}
	_ = d
}

// An alert says when, only if, to whom and through what; deliveries show what came
// of it, and what failed is tried again.
func TestAlertsAndDeliveriesPages(t *testing.T) {
	d, ann, b := open(t, "administrator", loopback)
	in := newInbox(t)
	hook, template := in.URL+"/x", "slack"
	c := desk.Must(d.Admin.AddChannel(t.Context(), client.NewChannel{Name: "Chat", Kind: "webhook", Config: client.ChannelConfig{URL: &hook, Template: &template}}))(t)
	d.Person("mika", "approver")
	b.Go("#/alerts/alerts")
	form(b, "Add the first alert", "Name", "New requests <img src=x onerror=alert(1)>")
	b.ClickText("dialog label", "Emergency access")
	b.Looks("alert-new", nil)
	b.ClickText("dialog button", "Add it")
	b.Reads(".alert", "New requests <img")
	alerts := get[client.List[client.Alert]](t, ann, "/alerts", nil).Items
	if len(alerts) != 1 || !slices.Contains(alerts[0].Events, "emergency.used") || !slices.Contains(alerts[0].Events, "request.submitted") || !slices.Equal(alerts[0].Channels, []string{c.ID}) || !alerts[0].Recipients.Answerers {
		t.Fatalf("the alert: %s", desk.JSON(alerts))
	}

	// With a filter: what waits too long, of some endpoints, gathered.
	form(b, "Add an alert", "Name", "Waits too long")
	b.ClickText("dialog label", "It still waits after a while")
	b.Fill("dialog input[aria-label='Waits longer than']", "25")
	b.ClickText("dialog summary", "Whom and what it is about")
	b.Choose(field(b, "Priority at least"), "high")
	label(b, "Endpoints with labels", "role", "web")
	b.ClickText("dialog label", "Gather what happens and send it together")
	b.ClickText("dialog summary", "Everybody with a role")
	b.ClickText("dialog label", "Every security administrator")
	b.Fill(field(b, "Accounts"), "mika")
	b.Looks("alert-filter", nil)
	b.ClickText("dialog button", "Add it")
	b.Reads(".alertlist", "it waits longer than 25 minutes")
	alerts = get[client.List[client.Alert]](t, ann, "/alerts", nil).Items
	i := slices.IndexFunc(alerts, func(a client.Alert) bool { return a.Name == "Waits too long" })
	if a := alerts[i]; a.Filter.WaitingSeconds != 1500 || a.Filter.PriorityAtLeast != "high" || a.Filter.EndpointLabels["role"] != "web" || a.DigestSeconds != 900 || !slices.Equal(a.Recipients.Users, []string{"mika"}) || !slices.Equal(a.Recipients.Roles, []string{"security_admin"}) {
		t.Errorf("the alert: %s", desk.JSON(a))
	}
	b.Looks("alerts", nil)
	b.Click("a[aria-label='Edit Waits too long']")
	b.Until(`document.querySelector("dialog input[aria-label='Waits longer than']").value === "25"`)
	b.ClickText("dialog label", "It still waits after a while")
	b.ClickText("dialog button", "Save")
	b.Gone("dialog")
	if a := get[client.Alert](t, ann, "/alerts/"+alerts[i].ID, nil); a.Filter.WaitingSeconds != 0 || a.Filter.PriorityAtLeast != "high" {
		t.Errorf("changed: %s", desk.JSON(a))
	}
	b.Click("button[aria-label='Turn off Waits too long']")
	b.Reads(".alert.off", "Off")
	b.Click("button[aria-label='Delete Waits too long']")
	b.ClickText("dialog button", "Delete it")
	b.Until(`document.querySelectorAll(".alert").length === 1`)

	// The report of each week is an alert too, which its page offers.
	b.Go("#/reports")
	b.ClickText("a", "By mail…")
	b.Until(`document.querySelector("dialog input").value === "Report of each week"`)
	b.Looks("alert-report", nil)
	b.ClickText("dialog button", "Add it")
	b.Reads(".alertlist", "every administrator and every auditor")
	alerts = get[client.List[client.Alert]](t, ann, "/alerts", nil).Items
	i = slices.IndexFunc(alerts, func(a client.Alert) bool { return a.Name == "Report of each week" })
	if a := alerts[i]; !slices.Equal(a.Events, []string{"report.weekly"}) || !slices.Equal(a.Recipients.Roles, []string{"administrator", "auditor"}) || a.Recipients.Answerers {
		t.Errorf("the alert: %s", desk.JSON(a))
	}

	// What was told, and what failed.
	web := d.Endpoint("web-0134")
	web.Ask("dina", "/usr/bin/uptime")
	b.Go("#/alerts/deliveries")
	b.Reads(".grid", "Sent")
	in.answers(http.StatusBadRequest)
	bad := web.AskWith(web.Attempt("mallory", "/usr/bin/id", hostile), "because "+hostile, "")
	b.Reads(".grid", "Waits")
	b.Reads(".grid", "answered 400")
	b.Looks("deliveries", nil)
	b.Choose("select[aria-label=State]", "Waits")
	b.Until(`document.querySelectorAll(".grid .retry").length === 1 && location.hash.includes("state=waiting")`)
	b.Click(".retry")
	b.Reads(".toasts", "tried again")
	in.answers(http.StatusOK) // after the click: it is tried by itself too
	b.Reads(".page", "No message is like this")
	b.Go("#/alerts/deliveries?request=" + url.QueryEscape(bad))
	b.Reads(".grid", "Sent")
	sent := get[client.List[client.Delivery]](t, ann, "/deliveries", url.Values{"request": {bad}}).Items
	if len(sent) != 1 || sent[0].State != "sent" {
		t.Errorf("the delivery: %s", desk.JSON(sent))
	}
	b.Go("#/alerts/channels")
	b.Reads(".fares", "Last message: sent")
}

// A hook is made, its secret shown once, and deleted; who may only read sees the
// rest and changes nothing.
func TestHooksPageAndRoles(t *testing.T) {
	d, _, b := open(t, "administrator", loopback)
	b.Go("#/alerts/hooks")
	b.Reads(".page", "No system may say anything yet")
	form(b, "Add a hook", "Name", "ServiceNow")
	b.Looks("hook-new", nil)
	b.ClickText("dialog button", "Add it")
	b.Reads("dialog code", "whsec_")
	b.ClickText("dialog button", "I have kept it")
	var hooks []client.Hook // no API token may read them
	b.Eval(`fetch("/api/v1/hooks").then((r) => r.json()).then((p) => p.items)`, &hooks)
	if len(hooks) != 1 || hooks[0].Kind != "ticket" || hooks[0].Secret != "" {
		t.Fatalf("hooks: %s", desk.JSON(hooks))
	}
	b.Reads(".hooks", "/api/v1/hooks/"+hooks[0].ID)
	b.Looks("hooks", nil)
	b.Click("button[aria-label='Delete ServiceNow']")
	b.ClickText("dialog button", "Delete it")
	b.Reads(".page", "No system may say anything yet")

	where := "https://example.org/hook"
	if _, err := d.Admin.AddChannel(t.Context(), client.NewChannel{Name: "Chat", Kind: "webhook", Config: client.ChannelConfig{URL: &where}}); err != nil {
		t.Fatal(err)
	}
	account(d, "rita", "auditor")
	b.SignOut()
	b.SignIn("rita", desk.Password)
	b.Go("#/alerts/channels")
	b.Reads(".channel", "Chat")
	b.Until(`![...document.querySelectorAll(".page button, .page a")].some((e) => /Add|Send test|Edit|Delete|Turn/.test(e.innerText + e.ariaLabel))`)
	b.Until(`![...document.querySelectorAll(".tabs a")].some((e) => e.innerText === "Hooks")`)
	b.Go("#/alerts/hooks")
	b.Reads(".page", "This is not open to you")
}

// Every kind of channel can be previewed with every example that is offered.
func TestTemplatesPreview(t *testing.T) {
	d := desk.New(t)
	for _, template := range []string{"slack", "teams", "jira", "servicenow", "pagerduty", ""} {
		for _, kind := range []string{"request.submitted", "request.approved", "request.denied", "emergency.used", "endpoint.silent", "grant.end_failed"} {
			p, err := client.Post[client.TemplatePreview](t.Context(), d.Admin.Client, "/channels/preview", client.PreviewTemplate{Template: template, Kind: kind})
			if err != nil || !json.Valid([]byte(p.Body)) {
				t.Errorf("%s of %s: %v %s", template, kind, err, fmt.Sprintf("%.80s", p.Body))
			}
		}
	}
}
