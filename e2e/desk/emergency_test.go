package desk

import (
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// progress is what the endpoint is told when it asks.
func (e *Endpoint) progress(user string, argv ...string) wire.Progress {
	e.desk.T.Helper()
	a := e.Attempt(user, argv...)
	id := elevation.RequestID(e.AskWith(a, "the shop is down", ""))
	return Wait(e, wire.TProgress, func(m wire.Progress) bool { return m.Request == id })
}

// TestR15EndpointKnowsTheWay: whoever waits at an endpoint learns where to sign
// in, whether emergency access is for them, and from when somebody can answer;
// taken at the console, what waits goes on by itself.
func TestR15EndpointKnowsTheWay(t *testing.T) {
	t.Parallel()
	saturday := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	d := Open(t, saturday, func(c *controller.Config) { c.PublicURL = "http://assent.example/" })
	ann, dina := d.Person("ann", "administrator"), d.Person("dina")
	d.Person("bo", "approver")
	d.squad("Web", "--member", "bo", "--label", "role=web", "--hours", "Mon-Fri 09:00-17:00", "--tz", "UTC")
	web := d.Endpoint("web-1", "role=web")
	linked(ann, web, "root-ann")
	linked(dina, web, "dina")
	if got := web.Link.Console(); got != "http://assent.example" {
		t.Errorf("the endpoint tells people to sign in at %q", got)
	}
	monday := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	p := web.progress("root-ann", "/usr/bin/systemctl", "restart", "nginx")
	if p.Emergency != wire.EmergencyPossible || len(p.CanAnswer) != 0 || !p.CanAnswerFrom.Equal(monday) {
		t.Fatalf("for ann: %+v", p)
	}
	for _, user := range []string{"eve", "ann", "dina"} { // nobody's, a weak link, an account without the role
		if p := web.progress(user, "/usr/bin/id"); p.Emergency != wire.EmergencyUnlinked {
			t.Errorf("for %s: %+v", user, p)
		}
	}
	d.Settings(map[string]any{"emergency": map[string]any{"enabled": false}})
	if p := web.progress("root-ann", "/usr/bin/whoami"); p.Emergency != wire.EmergencyOff {
		t.Errorf("turned off: %+v", p)
	}
	here, id := ann.SignIn(), string(p.Request)
	in := client.NewRequest{AccessType: "run", Endpoint: "web-1", FromRequest: id, Emergency: true, Justification: "the shop is down"}
	here.notFiled("forbidden", in)
	d.Settings(map[string]any{"emergency": map[string]any{"enabled": true, "roles": []string{"approver"}}})
	if p := web.progress("root-ann", "/usr/bin/uptime"); p.Emergency != wire.EmergencyUnlinked {
		t.Errorf("for other roles: %+v", p)
	}
	here.notFiled("forbidden", in)
	d.Settings(map[string]any{"emergency": map[string]any{"roles": []string{"administrator"}}})
	// The token of a script is no presence: assentctl says where to go.
	r := d.Ctl(ann, "request", "new", "--from-request", id, "--emergency", "--reason", "the shop is down")
	if r.Code != 4 || !strings.Contains(r.Err, "sign in") {
		t.Errorf("assentctl: %d %s", r.Code, r.Err)
	}
	if r := here.files(in); r.ID != id || r.State != "available" {
		t.Fatalf("taken: %s", JSON(r))
	}
	if g := web.Grant(id); string(g.Request) != id { // what is held goes on
		t.Errorf("the grant: %+v", g)
	}
	if n := d.Kinds(id); !strings.Contains(n, "emergency.used") {
		t.Errorf("it happened: %s", n)
	}
}
