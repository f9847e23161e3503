package desk

import (
	"net/http"
	"net/http/cookiejar"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// linkNumber numbers the links that endpoints ask for.
var linkNumber atomic.Uint64

// asksLink has the endpoint ask for a link for one of its users.
func asksLink(e *Endpoint, name, uid string) wire.Portal {
	e.desk.T.Helper()
	n := linkNumber.Add(1)
	e.send(wire.TPortalLink, wire.PortalLink{N: n, User: elevation.User{Name: name, UID: uid, Groups: []string{}}})
	return Wait(e, wire.TPortal, func(p wire.Portal) bool { return p.N == n })
}

// secretOf is what a link has behind its address.
func secretOf(p wire.Portal) string { _, s, _ := strings.Cut(p.URL, "/#/sign-in?link="); return s }

// opens opens a link in a browser of its own.
func opens(d *Desk, link string) (*Person, error) {
	jar := Must(cookiejar.New(nil))(d.T)
	s := &Person{Client: Must(client.New(d.URL, ""))(d.T), Login: "seat", desk: d}
	s.HTTP = &http.Client{Jar: jar}
	return s, s.Call(d.T.Context(), "POST", "/sessions", nil, map[string]string{"link": link}, nil)
}

// sits is a user of an endpoint in a browser, by a link of that endpoint.
func sits(e *Endpoint, user string) *Person {
	e.desk.T.Helper()
	s, err := opens(e.desk, secretOf(asksLink(e, user, UID(user))))
	if err != nil {
		e.desk.T.Fatal(err)
	}
	s.Login = user
	return s
}

// The portal by a link of the endpoint: who somebody is, what they see, and what
// they may do with it; the audit log says that the endpoint vouched.
func TestSeatHasItsOwnRequests(t *testing.T) {
	d := New(t)
	bo := d.Person("bo", "approver")
	web, db := d.Able([]string{"session"}, "web-1"), d.Endpoint("db-1")
	mine, others, elsewhere := web.Ask("dina", "/usr/bin/id"), web.Ask("eve", "/usr/bin/id"), db.Ask("dina", "/usr/bin/id")
	link := asksLink(web, "dina", UID("dina"))
	if !strings.Contains(link.URL, "/#/sign-in?link=lnk_") || link.Code != "" || link.Expires.Sub(d.Now()) > 3*time.Minute || link.Expires.Sub(d.Now()) < time.Minute {
		t.Errorf("the link: %+v", link)
	}
	dina := sits(web, "dina")
	me := Must(client.Get[client.Me](t.Context(), dina.Client, "/me", nil))(t)
	if me.Login != "dina" || len(me.Roles) != 0 || strings.Join(me.Permissions, " ") != "requests.own" || me.Seat == nil || me.Seat.Endpoint != string(web.ID) ||
		me.Seat.User != "dina" || me.SignedInBy != "endpoint" || me.PresenceUntil != nil || !me.Session {
		t.Errorf("me: %s", JSON(me))
	}
	for _, path := range []string{"/requests", "/requests?mine=true", "/requests?status=pending", "/requests?q=id"} {
		got := Must(dina.Do("GET", path, nil))(t)
		if items, _ := got["items"].([]any); len(items) != 1 || items[0].(map[string]any)["id"] != mine || got["total"] != 1.0 {
			t.Errorf("%s: %s", path, JSON(got))
		}
	}
	if got := Must(dina.Do("GET", "/requests?group_by=user", nil))(t); len(got["items"].([]any)) != 1 || strings.Contains(JSON(got), "eve") {
		t.Errorf("grouped: %s", JSON(got))
	}
	if c := Must(dina.Do("GET", "/counts?mine=true", nil))(t); c["pending"] != 1.0 || c["all"] != 1.0 {
		t.Errorf("counts: %s", JSON(c))
	}
	if r := dina.See(mine); len(r.Caution) != 0 && len(r.Notes) != 0 || r.User.Name != "dina" {
		t.Errorf("the request: %s", JSON(r))
	}
	bodies := map[string]any{"answer": map[string]any{"comment": "x"}, "extend": map[string]any{"duration_seconds": 60, "justification": "x"}}
	for _, id := range []string{others, elsewhere} {
		for _, sub := range []string{"", "/timeline", "/explain"} {
			if _, err := dina.Do("GET", "/requests/"+id+sub, nil); Code(err) != "not_found" {
				t.Errorf("%s%s: %v", id, sub, err)
			}
		}
		for _, verb := range []string{"cancel", "nudge", "answer", "check-in", "remove", "resubmit", "extend"} {
			dina.Refused("not_found", verb, id, bodies[verb])
		}
	}
	bo.Does("ask", mine, map[string]any{"comment": "what for?"})
	if r := dina.Does("answer", mine, map[string]any{"comment": "to see who I am"}); *r.Questions[0].Answer != "to see who I am" {
		t.Errorf("answered: %s", JSON(r.Questions))
	}
	if r := dina.Does("cancel", mine, nil); r.State != "cancelled" {
		t.Errorf("cancelled: %s", r.State)
	}
	web.Closed(mine)
	no := web.Ask("dina", "/usr/bin/du")
	bo.Does("deny", no, map[string]any{"comment": "say more"})
	again := dina.Does("resubmit", no, map[string]any{"justification": "I need it after all"})
	if again.Origin != "resubmit" || again.User.Name != "dina" || again.User.UID != UID("dina") {
		t.Errorf("asked again: %s", JSON(again))
	}
	made := dina.files(client.NewRequest{AccessType: "session", Endpoint: string(web.ID), DurationSeconds: 900})
	if made.Origin != "portal" || made.User.UID != UID("dina") || made.Endpoint.ID != string(web.ID) {
		t.Errorf("made: %s", JSON(made))
	}
	dina.notFiled("not_found", client.NewRequest{AccessType: "session", Endpoint: string(db.ID), DurationSeconds: 900})
	dina.notFiled("not_found", client.NewRequest{AccessType: "session", Endpoint: "nowhere", DurationSeconds: 900})
	dina.notFiled("forbidden", client.NewRequest{AccessType: "session", Endpoint: string(web.ID), ForUser: "eve", DurationSeconds: 900})
	dina.notFiled("forbidden", client.NewRequest{AccessType: "session", Endpoint: string(web.ID), Emergency: true, DurationSeconds: 900})
	log := Must(d.Admin.Do("GET", "/audit?kind=request.cancelled", nil))(t)
	if text := JSON(log); !strings.Contains(text, `"kind":"endpoint"`) || !strings.Contains(text, string(web.ID)) || !strings.Contains(text, `"name":"dina"`) {
		t.Errorf("the audit log of the cancelling: %s", text)
	}
	login := JSON(Must(d.Admin.Do("GET", "/audit?kind=auth.login", nil))(t))
	if !strings.Contains(login, `"how":"endpoint"`) || !strings.Contains(login, `"uid":"`+UID("dina")+`"`) || strings.Contains(login, "lnk_") {
		t.Errorf("the audit log of the sign-in: %s", login)
	}
}

// A link works once, for two minutes; what it opened ends after half an hour of
// the controller's clock, whether it was used or not.
func TestSeatLinkWorksOnceAndEnds(t *testing.T) {
	d := New(t)
	web := d.Endpoint("web-1")
	link := secretOf(asksLink(web, "dina", UID("dina")))
	dina, err := opens(d, link)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := opens(d, link); Code(err) != "unauthenticated" {
		t.Errorf("a second time: %v", err)
	}
	late := secretOf(asksLink(web, "dina", UID("dina")))
	d.Pass(2*time.Minute + time.Second)
	if _, err := opens(d, late); Code(err) != "unauthenticated" {
		t.Errorf("after two minutes: %v", err)
	}
	for range 6 {
		if _, err := dina.Do("GET", "/me", nil); err != nil {
			t.Fatalf("within half an hour: %v", err)
		}
		d.Pass(4 * time.Minute)
	}
	d.Pass(4 * time.Minute)
	if _, err := dina.Do("GET", "/me", nil); Code(err) != "unauthenticated" {
		t.Errorf("after half an hour, with use: %v", err)
	}
	first := sits(web, "dina")
	second := sits(web, "dina")
	if _, err := first.Do("GET", "/me", nil); Code(err) != "unauthenticated" {
		t.Errorf("a new one leaves the old one: %v", err)
	}
	if _, err := second.Do("DELETE", "/sessions", nil); err != nil {
		t.Error(err)
	}
	if _, err := second.Do("GET", "/me", nil); Code(err) != "unauthenticated" {
		t.Errorf("signed out: %v", err)
	}
}

// A number that got another name is somebody else: neither sees what was the
// other's.
func TestSeatOfAReusedNumber(t *testing.T) {
	d := New(t)
	web := d.Endpoint("web-1")
	id := web.Ask("dina", "/usr/bin/id")
	heir, err := opens(d, secretOf(asksLink(web, "heir", UID("dina"))))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := heir.Do("GET", "/requests/"+id, nil); Code(err) != "not_found" {
		t.Errorf("who has the number now sees: %v", err)
	}
	if got := Must(heir.Do("GET", "/requests?mine=true", nil))(t); got["total"] != 0.0 {
		t.Errorf("lists: %s", JSON(got))
	}
	heir.Refused("not_found", "cancel", id, nil)
}

// A locked, quarantined or deleted endpoint vouches for nobody: its links and what
// they opened end, and do not come back.
func TestSeatOfALockedEndpointEnds(t *testing.T) {
	d := New(t)
	web := d.Endpoint("web-1")
	dina, open := sits(web, "dina"), secretOf(asksLink(web, "dina", UID("dina")))
	Must(d.Admin.Do("POST", "/endpoints/"+string(web.ID)+"/lock", map[string]any{"comment": "stolen"}))(t)
	if _, err := dina.Do("GET", "/me", nil); Code(err) != "unauthenticated" {
		t.Errorf("a session while it is locked: %v", err)
	}
	if _, err := opens(d, open); Code(err) != "unauthenticated" {
		t.Errorf("a link while it is locked: %v", err)
	}
	if p := asksLink(web, "eve", UID("eve")); p.URL != "" || p.Text == "" {
		t.Errorf("a new link while it is locked: %+v", p)
	}
	Must(d.Admin.Do("POST", "/endpoints/"+string(web.ID)+"/unlock", nil))(t)
	if _, err := dina.Do("GET", "/me", nil); Code(err) != "unauthenticated" {
		t.Errorf("the session of before the lock: %v", err)
	}
	eve := sits(web, "eve")
	if err := d.Admin.Call(t.Context(), "DELETE", "/endpoints/"+string(web.ID), nil, nil, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := eve.Do("GET", "/me", nil); Code(err) != "unauthenticated" {
		t.Errorf("a session of a deleted endpoint: %v", err)
	}
}

// Nobody answers, makes tokens, links or settings, or reads what others do, by a
// link of an endpoint.
func TestSeatDecidesNothing(t *testing.T) {
	d := New(t)
	web := d.Endpoint("web-1")
	id := web.Ask("dina", "/usr/bin/id")
	dina := sits(web, "dina")
	for _, verb := range []string{"approve", "deny", "undo", "revoke", "ask", "claim", "escalate", "prioritize", "after-review", "confirm"} {
		dina.Refused("forbidden", verb, id, nil)
	}
	for call, body := range map[string]any{
		"POST /tokens":                   map[string]any{"name": "mine"},
		"GET /tokens":                    nil,
		"GET /me/settings":               nil,
		"PUT /me/settings":               map[string]any{},
		"GET /me/factors":                nil,
		"POST /me/passkeys/begin":        map[string]any{},
		"POST /me/totp/begin":            map[string]any{},
		"PUT /me/password":               map[string]any{"password": "a long enough password"},
		"POST /sessions/step-up":         map[string]any{"password": "x"},
		"POST /links":                    map[string]any{"account": "bo", "user": "dina"},
		"GET /links":                     nil,
		"GET /delegations":               nil,
		"GET /canned":                    nil,
		"GET /live":                      nil,
		"GET /teams":                     nil,
		"GET /users":                     nil,
		"GET /endpoints":                 nil,
		"GET /audit":                     nil,
		"GET /settings":                  nil,
		"POST /requests/by-code":         map[string]any{"code": "AAAA-AAAA"},
		"POST /requests/batch":           map[string]any{"action": "approve", "ids": []string{id}},
		"GET /requests/" + id + "/proof": nil,
	} {
		method, path, _ := strings.Cut(call, " ")
		if _, err := dina.Do(method, path, body); Code(err) != "forbidden" {
			t.Errorf("%s: %v", call, err)
		}
	}
	if r := d.Admin.See(id); r.State != "pending" || len(r.Reviews) != 0 {
		t.Errorf("it is %s", JSON(r))
	}
}

// Links are few: three open ones of one user, and not one after the other either.
func TestSeatLinksAreFew(t *testing.T) {
	d := New(t)
	web := d.Endpoint("web-1")
	for n := range 3 {
		if p := asksLink(web, "dina", UID("dina")); p.URL == "" {
			t.Fatalf("link %d: %+v", n, p)
		}
	}
	if p := asksLink(web, "dina", UID("dina")); p.URL != "" || p.Code != wire.CodeRateLimited {
		t.Errorf("a fourth open one: %+v", p)
	}
	for n := range 5 {
		if _, err := opens(d, secretOf(asksLink(web, "eve", UID("eve")))); err != nil {
			t.Fatalf("used at once, %d: %v", n, err)
		}
	}
	if p := asksLink(web, "eve", UID("eve")); p.URL != "" || p.Code != wire.CodeRateLimited {
		t.Errorf("one after the other: %+v", p)
	}
	for _, nobody := range []elevation.User{{Name: "dina"}, {UID: "1001"}, {Name: strings.Repeat("x", 300), UID: "1"}} {
		if p := asksLink(web, nobody.Name, nobody.UID); p.URL != "" || p.Code != wire.CodeInvalid {
			t.Errorf("%.20q: %+v", nobody.Name, p)
		}
	}
}

// An answer that lasts is seen and given back by whom it is for, and by no other
// user of the same machine.
func TestSeatGivesBackWhatLasts(t *testing.T) {
	d := New(t)
	bo := d.Person("bo", "approver")
	web := d.Endpoint("web-1")
	bo.Does("approve", web.Ask("dina", "/usr/bin/id"), map[string]any{"lasts": "8h"})
	eve, dina := sits(web, "eve"), sits(web, "dina")
	if got := Must(eve.Do("GET", "/access?mine=true", nil))(t); len(got["items"].([]any)) != 0 {
		t.Errorf("another user sees %s", JSON(got))
	}
	items := Must(dina.Do("GET", "/access?mine=true", nil))(t)["items"].([]any)
	if len(items) != 1 {
		t.Fatalf("their own: %s", JSON(items))
	}
	id := items[0].(map[string]any)["id"].(string)
	if err := eve.Call(t.Context(), "DELETE", "/access/"+id, nil, nil, nil); Code(err) != "not_found" {
		t.Errorf("ended by another user: %v", err)
	}
	if err := dina.Call(t.Context(), "DELETE", "/access/"+id, nil, nil, nil); err != nil {
		t.Error(err)
	}
}
