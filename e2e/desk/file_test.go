package desk

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// noon is the time of desks that a test starts with settings of its own.
func noon() time.Time { return time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC) }

// linked ties an account to a user of an endpoint.
func linked(p *Person, e *Endpoint, user string) {
	p.desk.T.Helper()
	Must(p.desk.Admin.Do("POST", "/links", map[string]any{"account": p.Login, "endpoint": string(e.ID), "user": user, "uid": UID(user)}))(p.desk.T)
}

// files files a request that must be made.
func (p *Person) files(in client.NewRequest) client.Request {
	p.desk.T.Helper()
	if in.Justification == "" {
		in.Justification = "the disk is full again"
	}
	return Must(p.File(p.desk.T.Context(), in))(p.desk.T)
}

// notFiled files a request that must be refused with a code.
func (p *Person) notFiled(code string, in client.NewRequest) {
	p.desk.T.Helper()
	if in.Justification == "" {
		in.Justification = "the disk is full again"
	}
	if r, err := p.File(p.desk.T.Context(), in); Code(err) != code {
		p.desk.T.Errorf("%s files %s: got %v (%s), want it refused as %s", p.Login, JSON(in), err, r.ID, code)
	}
}

// seen is an ended request by which an endpoint has told of a program.
func seen(e *Endpoint, by *Person, user string, argv ...string) string {
	e.desk.T.Helper()
	id := e.Ask(user, argv...)
	by.Does("approve", id, nil)
	e.Uses(id)
	e.Ends(id, elevation.Completed)
	return id
}

// A program that the endpoint has seen is asked for from the portal, for later:
// the asked-for and the given time are both kept, and the window is absolute.
func TestR9AskedForStartAndDuration(t *testing.T) {
	d := New(t)
	bo, dina := d.Person("bo", "approver"), d.Person("dina")
	web := d.Endpoint("web-1", "role=web")
	old := seen(web, bo, "dina", "/usr/bin/du", "-s", "/var")
	run := client.NewRequest{AccessType: "run", Endpoint: "web-1", FromRequest: old}
	dina.notFiled("forbidden", run) // an equal name is no strong link
	linked(dina, web, "dina")

	start := d.Now().Add(2 * time.Hour).UTC().Truncate(time.Second)
	in := run
	in.Start, in.DurationSeconds = &start, 3600
	r := dina.files(in)
	if r.User.Account == nil || r.User.Account.Login != "dina" {
		t.Errorf("whose user it is: %s", JSON(r.User))
	}
	if r.State != "pending" || r.Origin != "portal" || r.User.Name != "dina" || r.User.UID != UID("dina") || r.PreviousID == nil || *r.PreviousID != old ||
		!r.Requested.Start.Equal(start) || *r.Requested.DurationSeconds != 3600 || r.Subject.Path != "/usr/bin/du" || len(r.Subject.Args) != 2 {
		t.Fatalf("filed: %s", JSON(r))
	}
	bo.Does("approve", r.ID, map[string]any{"duration_seconds": 1800})
	r = dina.See(r.ID)
	if r.State != "approved" || *r.Requested.DurationSeconds != 3600 || r.Granted.DurationSeconds != 1800 || !r.Granted.Start.Equal(start) {
		t.Fatalf("approved: %s", JSON(r))
	}
	if g := web.Grant(r.ID); !g.NotBefore.Equal(start) || !g.NotAfter.Equal(start.Add(30*time.Minute)) || g.User.Name != "dina" || g.AccessType != elevation.Run {
		t.Errorf("the grant: %+v", g)
	}
	d.Pass(2*time.Hour + time.Second)
	if r = dina.See(r.ID); r.State != "available" {
		t.Errorf("at its start: %s", r.State)
	}
	d.Pass(31 * time.Minute)
	if r = dina.See(r.ID); r.State != "expired" {
		t.Errorf("after its window: %s", r.State)
	}

	for what, change := range map[string]func(*client.NewRequest){
		"too long":      func(in *client.NewRequest) { in.DurationSeconds = 28800 + 1 },
		"in the past":   func(in *client.NewRequest) { past := d.Now().Add(-time.Hour); in.Start = &past },
		"next year":     func(in *client.NewRequest) { far := d.Now().Add(400 * 24 * time.Hour); in.Start = &far },
		"no program":    func(in *client.NewRequest) { in.FromRequest = "" },
		"wrong id":      func(in *client.NewRequest) { in.ID = "req_1" },
		"short reason":  func(in *client.NewRequest) { in.Justification = "x" },
		"two for admin": func(in *client.NewRequest) { in.AccessType = "admin" },
	} {
		in := run
		in.Justification = "the disk is full again"
		change(&in)
		if _, err := dina.File(t.Context(), in); Code(err) != "invalid" {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestR9BeforeAnythingWasAskedThere: a link by the user's name alone is enough for a
// request, also where that user has asked for nothing yet: the endpoint says who they
// are.
func TestR9BeforeAnythingWasAskedThere(t *testing.T) {
	d := New(t)
	dina := d.Person("dina", "approver")
	web := d.Able([]string{"session"}, "web-1", "role=web")
	d.link(dina, web, "dina.local")
	in := client.NewRequest{AccessType: "session", Endpoint: "web-1", Justification: "the disk is full again"}
	filed := make(chan client.Request, 1)
	go func() {
		r, err := dina.File(t.Context(), in)
		if err != nil {
			t.Error(err)
		}
		filed <- r
	}()
	m := Wait(web, wire.TWho, func(m wire.Who) bool { return m.Name == "dina.local" && m.UID == "" })
	web.send(wire.TKnown, wire.Known{N: m.N, User: elevation.User{Name: "dina.local", UID: UID("dina.local"), Groups: []string{}}})
	r := <-filed
	if r.State != "pending" || r.User.Name != "dina.local" || r.User.UID != UID("dina.local") || r.User.Account == nil || r.User.Account.Login != "dina" {
		t.Fatalf("filed: %s", JSON(r))
	}
	dina.Refused("self_approval", "approve", r.ID, nil)
}

func TestR3CancelPendingAndApproved(t *testing.T) {
	d := New(t)
	bo, dina := d.Person("bo", "approver"), d.Person("dina")
	web := d.Endpoint("web-1")
	run := client.NewRequest{AccessType: "run", Endpoint: string(web.ID), FromRequest: seen(web, bo, "dina", "/usr/bin/id")}
	linked(dina, web, "dina")
	r := dina.files(run)
	if out := d.Works(dina, "request", "list", "--format", "id", "--status", "pending"); out != r.ID+"\n" {
		t.Errorf("my requests: %q", out)
	}
	d.Works(dina, "request", "cancel", r.ID)
	if r = dina.See(r.ID); r.State != "cancelled" {
		t.Errorf("cancelled while it waits: %s", r.State)
	}
	start := d.Now().Add(time.Hour)
	run.Start = &start
	r = dina.files(run)
	bo.Does("approve", r.ID, nil)
	if r = dina.Does("cancel", r.ID, nil); r.State != "cancelled" {
		t.Errorf("cancelled before its start: %s", r.State)
	}
	if rev := web.Revocation(r.ID); string(rev.Request) != r.ID {
		t.Errorf("the endpoint is told: %+v", rev)
	}
}

// The same id is the same request, whoever repeats the call.
func TestR1SameIdSameRequest(t *testing.T) {
	d := New(t)
	bo, dina := d.Person("bo", "approver"), d.Person("dina")
	web := d.Endpoint("web-1")
	linked(dina, web, "dina")
	in := client.NewRequest{ID: string(elevation.NewRequestID(d.Now())), AccessType: "run", Endpoint: "web-1", FromRequest: seen(web, bo, "dina", "/usr/bin/id"),
		Justification: "the disk is full again", DurationSeconds: 60}
	body := JSON(in)
	status, _, text := d.Raw(dina, "POST", "/api/v1/requests", body)
	if status != http.StatusCreated || !strings.Contains(text, in.ID) {
		t.Fatalf("%d %s", status, text)
	}
	if status, _, text = d.Raw(dina, "POST", "/api/v1/requests", body); status != http.StatusOK || !strings.Contains(text, in.ID) {
		t.Errorf("again: %d %s", status, text)
	}
	other := in
	other.DurationSeconds = 90
	if status, _, text = d.Raw(dina, "POST", "/api/v1/requests", JSON(other)); status != http.StatusConflict || !strings.Contains(text, `"conflict"`) {
		t.Errorf("another body: %d %s", status, text)
	}
	if kinds := d.Kinds(in.ID); kinds != "request.submitted" {
		t.Errorf("it happened: %s", kinds)
	}
	bo.Does("approve", in.ID, nil)
	if status, _, _ = d.Raw(dina, "POST", "/api/v1/requests", body); status != http.StatusOK {
		t.Errorf("again, decided: %d", status)
	}
	if status, _, _ = d.Raw(d.Token("dina", "requests.read"), "POST", "/api/v1/requests", JSON(client.NewRequest{AccessType: "run", Endpoint: "web-1",
		FromRequest: in.FromRequest, Justification: "the disk is full again"})); status != http.StatusForbidden {
		t.Errorf("with a token for reading: %d", status)
	}
}

func TestR14AccessAheadAndOnBehalf(t *testing.T) {
	d := New(t)
	bo, cy := d.Person("bo", "approver"), d.Person("cy", "approver")
	web := d.Endpoint("web-1", "role=web")
	old := seen(web, bo, "vendor", "/usr/bin/systemctl", "restart", "nginx")
	start := d.Now().Add(21 * time.Hour).UTC().Truncate(time.Second)
	ahead := client.NewRequest{AccessType: "run", Endpoint: "web-1", FromRequest: old, ForUser: "vendor", Start: &start, DurationSeconds: 7200,
		Justification: "maintenance on Wednesday"}
	r := bo.files(ahead)
	if r.Origin != "behalf" || r.State != "approved" || r.User.Name != "vendor" || r.FiledBy == nil || r.FiledBy.Login != "bo" || r.Approvals.Have != 1 {
		t.Fatalf("given ahead: %s", JSON(r))
	}
	if g := web.Grant(r.ID); g.User.Name != "vendor" || g.User.UID != UID("vendor") || !g.NotBefore.Equal(start) || len(g.Approvers) != 1 {
		t.Errorf("the grant: %+v", g)
	}
	if kinds := d.Kinds(r.ID); !strings.HasPrefix(kinds, "request.submitted request.reviewed request.approved grant.issued") {
		t.Errorf("it happened: %s", kinds)
	}
	// Without a start it is filed for them, and somebody else answers.
	behalf := ahead
	behalf.Start = nil
	r = bo.files(behalf)
	if r.Origin != "behalf" || r.State != "pending" || r.Approvals.Have != 0 {
		t.Fatalf("on behalf: %s", JSON(r))
	}
	cy.Does("approve", r.ID, nil)
	// Two are needed: the one who gives is one of them.
	d.Rules("rules:\n  - name: two\n    match: {path: /usr/bin/systemctl}\n    then: require\n    require: {stages: [{team: Approvers, quorum: 2}]}\n")
	later := start.Add(5 * time.Hour)
	ahead.Start = &later
	r = bo.files(ahead)
	if r.State != "pending" || r.Approvals.Have != 1 || r.Approvals.Need != 2 {
		t.Errorf("two are needed: %s", JSON(r))
	}
	if again := bo.Does("approve", r.ID, nil); again.Approvals.Have != 1 {
		t.Errorf("one person counts twice: %s", JSON(again))
	}
	if r = cy.Does("approve", r.ID, nil); r.State != "approved" {
		t.Errorf("by both: %s", r.State)
	}
	// Never for oneself, by no link and no token.
	seen2 := web.Ask("bo", "/usr/bin/id")
	bo.notFiled("self_approval", client.NewRequest{AccessType: "run", Endpoint: "web-1", FromRequest: seen2, ForUser: "bo", Start: &start})
	linked(cy, web, "vendor")
	cy.notFiled("self_approval", ahead)
	// Somebody who is not known, somebody without the right, and outside the scope.
	ahead.ForUser = "nobody-knows"
	bo.notFiled("conflict", ahead)
	ahead.ForUser = "vendor"
	d.Person("req").notFiled("forbidden", ahead)
	d.Scoped("db", map[string]string{"role": "db"}, "approver").notFiled("not_found", ahead)
}

func TestR8TicketIsLookedUp(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	release := make(chan struct{})
	tickets := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		switch r.URL.Query().Get("ticket") {
		case "INC-1":
			fmt.Fprint(w, `{"valid": true}`)
		case "INC-2":
			fmt.Fprint(w, `{"valid": false, "reason": "it is closed\u0007"}`)
		case "INC-3":
			http.Redirect(w, r, "/elsewhere?ticket=INC-1", http.StatusFound)
		case "INC-4":
			<-release
		case "INC-5":
			w.WriteHeader(http.StatusInternalServerError)
		case "INC-6":
			fmt.Fprint(w, strings.Repeat("x", 10<<20))
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer tickets.Close()
	defer close(release)
	d := Open(t, noon(), func(c *controller.Config) { c.NotifyAllow = []string{"127.0.0.0/8"} })
	bo, dina := d.Person("bo", "approver"), d.Person("dina")
	web := d.Endpoint("web-1")
	linked(dina, web, "dina")
	run := client.NewRequest{AccessType: "run", Endpoint: "web-1", FromRequest: seen(web, bo, "dina", "/usr/bin/id")}
	d.Rules("rules:\n  - name: ticketed\n    match: {path: /usr/bin/id}\n    then: require\n    require: {ticket: 'INC-\\d+'}\n")
	with := func(ticket string) client.NewRequest {
		in := run
		in.Ticket = ticket
		return in
	}
	dina.notFiled("invalid", with(""))
	dina.notFiled("invalid", with("CHG-1"))
	if r := dina.files(with("INC-99")); r.Ticket == nil { // without a ticket system the pattern is all
		t.Errorf("a ticket by its pattern: %s", JSON(r))
	} else {
		dina.Does("cancel", r.ID, nil)
	}
	d.Settings(map[string]any{"ticket_validator": map[string]any{"url": tickets.URL + "/look", "timeout_seconds": 1}})
	if asked.Load() != 0 {
		t.Error("the ticket system is asked without need")
	}
	for _, bad := range []string{"INC-2", "INC-3", "INC-4", "INC-5", "INC-7"} {
		dina.notFiled("invalid", with(bad))
	}
	if _, err := dina.File(t.Context(), func() client.NewRequest { in := with("INC-2"); in.Justification = "the disk is full"; return in }()); err == nil ||
		!strings.Contains(err.Error(), "it is closed") || strings.ContainsRune(err.Error(), 7) {
		t.Errorf("the reason of the ticket system: %v", err)
	}
	if r := dina.files(with("INC-1")); *r.Ticket != "INC-1" || r.State != "pending" {
		t.Errorf("a good ticket: %s", JSON(r))
	}
	// The same at the prompt.
	a := web.Attempt("eve", "/usr/bin/id")
	if got := web.Send(a); got != wire.TNeed {
		t.Fatal(got)
	}
	if got := web.Complete(a.Request, "because I must", "INC-7"); got != wire.TError {
		t.Errorf("a ticket that is not known, at the prompt: %s", got)
	}
	if got := web.Complete(a.Request, "because I must", "INC-6"); got != wire.TProgress {
		t.Errorf("a good ticket at the prompt: %s", got)
	}
}

// Addresses that are not public are called only with the consent of whoever
// starts the controller.
func TestR8TicketSystemIsNotTheControllerItself(t *testing.T) {
	d := New(t)
	var asked atomic.Int64
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer inside.Close()
	bo, dina := d.Person("bo", "approver"), d.Person("dina")
	web := d.Endpoint("web-1")
	linked(dina, web, "dina")
	run := client.NewRequest{AccessType: "run", Endpoint: "web-1", Ticket: "INC-1", FromRequest: seen(web, bo, "dina", "/usr/bin/id")}
	d.Rules("rules:\n  - name: ticketed\n    match: {path: /usr/bin/id}\n    then: require\n    require: {ticket: 'INC-\\d+'}\n")
	d.Settings(map[string]any{"ticket_validator": map[string]any{"url": inside.URL}})
	dina.notFiled("invalid", run)
	if asked.Load() != 0 {
		t.Error("an inner address was called")
	}
}
