package doors

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/assent-epm/assent/controller/client"
	. "github.com/assent-epm/assent/e2e/desk"
)

// inward is another system that knows the secret of a hook.
type inward struct {
	d    *Desk
	hook client.Hook
	key  *standardwebhooks.Webhook
}

func newInward(d *Desk, kind string) *inward {
	d.T.Helper()
	h := Must(d.Admin.AddHook(d.T.Context(), client.NewHook{Name: "From " + kind, Kind: kind}))(d.T)
	return &inward{d: d, hook: h, key: Must(standardwebhooks.NewWebhook(h.Secret))(d.T)}
}

// call calls the hook, signed at a time; change may spoil the call.
func (i *inward) call(id string, at time.Time, body any, change func(*http.Request)) (int, string) {
	i.d.T.Helper()
	t := i.d.T
	raw := Must(json.Marshal(body))(t)
	req := Must(http.NewRequestWithContext(t.Context(), "POST", i.d.URL+"/api/v1/hooks/"+i.hook.ID, bytes.NewReader(raw)))(t)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("webhook-id", id)
	req.Header.Set("webhook-timestamp", strconv.FormatInt(at.Unix(), 10))
	req.Header.Set("webhook-signature", Must(i.key.Sign(id, at, raw))(t))
	if change != nil {
		change(req)
	}
	resp := Must(http.DefaultClient.Do(req))(t)
	defer resp.Body.Close()
	text := Must(io.ReadAll(resp.Body))(t)
	return resp.StatusCode, string(text)
}

func TestC6HooksSayButNeverDecide(t *testing.T) {
	d := newDesk(t)
	note, ticket := newInward(d, "note"), newInward(d, "ticket")
	web, bo := d.Endpoint("web-1"), d.Person("bo", "approver")
	id := ask(web, "restart after the update", "INC-4821")
	other := web.AskWith(web.Attempt("eve", "/usr/bin/id"), "another thing to do", "INC-4822")
	if code, text := note.call("msg_1", d.Now(), client.HookCall{Request: id, Text: "the change was\r\npostponed \x1b[31m"}, nil); code != 200 || !strings.Contains(text, `"requests":1`) {
		t.Fatalf("%d %s", code, text)
	}
	r := bo.See(id)
	if len(r.Notes) != 1 || !strings.Contains(r.Notes[0].Text, "postponed") || strings.ContainsAny(r.Notes[0].Text, "\r\x1b") || !strings.Contains(r.Notes[0].By.Name, "From note") {
		t.Errorf("%+v", r.Notes)
	}
	if code, text := ticket.call("msg_1", d.Now(), client.HookCall{Ticket: "INC-4821", State: "Closed", Text: "no longer needed"}, nil); code != 200 || !strings.Contains(text, `"requests":1`) {
		t.Fatalf("%d %s", code, text)
	}
	r = bo.See(id)
	if r.State != "pending" || len(r.Notes) != 2 || !strings.Contains(r.Notes[1].Text, "ticket INC-4821 is Closed: no longer needed") {
		t.Errorf("%s %+v", r.State, r.Notes)
	}
	marked := func(r client.Request) bool {
		return slices.ContainsFunc(r.Caution, func(c client.Caution) bool {
			return c.Reason == "ticket_closed" && strings.Contains(c.Fact, "INC-4821")
		})
	}
	if !marked(r) {
		t.Errorf("caution %+v", r.Caution)
	}
	if r := bo.See(other); len(r.Notes) != 0 || marked(r) {
		t.Errorf("another ticket: %+v %+v", r.Notes, r.Caution)
	}
	if code, text := ticket.call("msg_2", d.Now(), client.HookCall{Ticket: "INC-9999", State: "closed"}, nil); code != 200 || !strings.Contains(text, `"requests":0`) {
		t.Errorf("a ticket that nobody carries: %d %s", code, text)
	}
	// It is for people still: whoever may decide, decides.
	bo.Does("approve", id, nil)
	if got := d.Kinds(id); !strings.Contains(got, "request.noted") {
		t.Errorf("%s", got)
	}
}

func TestC6HooksRefuse(t *testing.T) {
	d := newDesk(t)
	note, ticket := newInward(d, "note"), newInward(d, "ticket")
	id := ask(d.Endpoint("web-1"), "restart after the update", "INC-4821")
	say := client.HookCall{Request: id, Text: "hello"}
	head := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	for name, tt := range map[string]struct {
		at     time.Time
		change func(*http.Request)
	}{
		"another body": {d.Now(), func(r *http.Request) {
			r.Body = io.NopCloser(strings.NewReader(`{"request":"` + id + `","text":"evil"}`))
			r.ContentLength = -1
		}},
		"another id":   {d.Now(), head("webhook-id", "msg_x")},
		"no signature": {d.Now(), func(r *http.Request) { r.Header.Del("webhook-signature") }},
		"no headers": {d.Now(), func(r *http.Request) {
			r.Header.Del("webhook-id")
			r.Header.Del("webhook-timestamp")
			r.Header.Del("webhook-signature")
		}},
		"too old":      {d.Now().Add(-6 * time.Minute), nil},
		"too new":      {d.Now().Add(6 * time.Minute), nil},
		"another hook": {d.Now(), func(r *http.Request) { r.URL.Path = "/api/v1/hooks/" + ticket.hook.ID }},
		"no hook":      {d.Now(), func(r *http.Request) { r.URL.Path = "/api/v1/hooks/hook_019aa8d2-1111-7c41-9d10-3b1f0c5f2a77" }},
		"its name":     {d.Now(), func(r *http.Request) { r.URL.Path = "/api/v1/hooks/From note" }},
	} {
		if code, text := note.call("msg_0", tt.at, say, tt.change); code != 401 || !strings.Contains(text, "unauthenticated") {
			t.Errorf("%s: %d %s", name, code, text)
		}
	}
	if code, _ := note.call("msg_1", d.Now(), say, nil); code != 200 {
		t.Errorf("a good call: %d", code)
	}
	if code, text := note.call("msg_1", d.Now(), say, nil); code != 409 {
		t.Errorf("the same call again: %d %s", code, text)
	}
	for name, tt := range map[string]struct {
		from *inward
		body any
		code int
	}{
		"no request":          {note, client.HookCall{Text: "x"}, 400},
		"no text":             {note, client.HookCall{Request: id}, 400},
		"a ticket":            {note, client.HookCall{Ticket: "INC-4821", State: "closed"}, 400},
		"a request":           {ticket, client.HookCall{Request: id, Text: "x"}, 400},
		"a verdict":           {note, map[string]any{"request": id, "text": "x", "verdict": "approved"}, 400},
		"request not there":   {note, client.HookCall{Request: "req_019aa8d2-0000-7c41-9d10-3b1f0c5f2a77", Text: "x"}, 404},
		"a text that is long": {note, client.HookCall{Request: id, Text: strings.Repeat("x", 1501)}, 400},
	} {
		if code, text := tt.from.call("msg_"+strings.ReplaceAll(name, " ", "-"), d.Now(), tt.body, nil); code != tt.code {
			t.Errorf("%s: %d %s", name, code, text)
		}
	}
	if n := len(d.Admin.See(id).Notes); n != 1 {
		t.Errorf("%d notes", n)
	}
	// What was refused stands in the log, and the secret is nowhere.
	page := Must(client.Get[client.AuditPage](t.Context(), d.Admin.Client, "/audit", map[string][]string{"kind": {"auth.refused"}, "limit": {"500"}}))(t)
	found := false
	for _, e := range page.Items {
		found = found || e.Data["act"] == "hook.call"
	}
	if !found {
		t.Error("a refused call is not in the log")
	}
	list := Must(d.Admin.Hooks(t.Context()))(t)
	if len(list.Items) != 2 || list.Items[0].Secret != "" || list.Items[0].UsedAt == nil {
		t.Errorf("%+v", list.Items)
	}
	if _, err := d.Admin.AddHook(t.Context(), client.NewHook{Name: "from NOTE", Kind: "note"}); Code(err) != "conflict" {
		t.Errorf("a name that is taken: %v", err)
	}
	if _, err := d.Person("bo", "approver").AddHook(t.Context(), client.NewHook{Name: "mine", Kind: "note"}); Code(err) != "forbidden" {
		t.Errorf("an approver: %v", err)
	}
	if err := d.Admin.DeleteHook(t.Context(), "From note"); err != nil {
		t.Fatal(err)
	}
	if code, _ := note.call("msg_9", d.Now(), say, nil); code != 401 {
		t.Errorf("a hook that was deleted: %d", code)
	}
}

// TestC6HooksAreLimited: one who guesses is soon made to wait.
func TestC6HooksAreLimited(t *testing.T) {
	d := newDesk(t)
	note := newInward(d, "note")
	for n := range 40 {
		code, _ := note.call("msg_"+strconv.Itoa(n), d.Now(), client.HookCall{Request: "x", Text: "x"}, func(r *http.Request) { r.Header.Set("webhook-signature", "v1,AAAA") })
		if code == http.StatusTooManyRequests {
			return
		}
		if code != 401 {
			t.Fatalf("%d", code)
		}
	}
	t.Error("nobody is made to wait")
}
