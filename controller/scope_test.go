package controller

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/elevation"
)

// outside is a marker that stands in everything outside the callers' scope.
const outside = "zzoutside"

// scopeBed has one endpoint inside and one outside the scope {role: db}, each
// with a request that waits and one that was answered.
type scopeBed struct {
	*bed
	inside, inside2, hidden, hiddenDone string
	endpoint                            elevation.EndpointID
	callers                             map[string]string // role → token
}

func newScopeBed(t *testing.T) *scopeBed {
	b := &scopeBed{bed: start(t), callers: map[string]string{}}
	in := b.bed.endpoint("db-1", map[string]string{"role": "db"})
	b.endpoint = b.bed.endpoint(outside+"-host", map[string]string{"role": "web"})
	b.inside = b.ask(in, "ian", "a")
	b.hidden = b.ask(b.endpoint, outside+"-user", outside+"-a")
	b.hiddenDone = b.ask(b.endpoint, outside+"-user", outside+"-b")
	must[client.Request](t)(b.admin.Act(t.Context(), b.hiddenDone, "approve", client.Answer{Comment: outside + "-comment"}))
	b.inside2 = b.ask(in, "ian", "b")
	for _, role := range []string{"approver", "auditor", "administrator", "security_admin", "rule_author"} {
		b.callers[role] = b.person(strings.ReplaceAll(role, "_", "-")+"-db", map[string]string{"role": "db"}, role).Token
	}
	return b
}

// ids are what differs between two answers that must be equal.
var ids = regexp.MustCompile(`(req|ep|gr|usr|tok|acc|link|team)_[0-9a-f-]{36}`)

// TestOutsideTheScope tries every operation that names a thing with one outside
// the caller's scope and with one that does not exist: the answers are equal.
func TestOutsideTheScope(t *testing.T) {
	b := newScopeBed(t)
	doc, _ := b.document()
	n := 0
	for path, verbs := range doc.Paths {
		thing, unknown := b.hidden, string(elevation.NewRequestID(time.Now()))
		switch {
		case strings.Contains(path, "/requests/{id}"):
		case strings.Contains(path, "/endpoints/{id}"):
			thing, unknown = string(b.endpoint), elevation.NewID(elevation.EndpointPrefix, time.Now())
		default:
			continue
		}
		for verb, op := range verbs {
			name := strings.ToUpper(verb) + " " + path
			for role, token := range b.callers {
				n++
				call := func(id string) (int, string) {
					var body io.Reader
					if op.RequestBody != nil {
						body = bytes.NewReader(bodyFor(name, n, op.RequestBody.Content["application/json"].Example))
					}
					status, _, text := b.call(strings.ToUpper(verb), strings.Replace(path, "{id}", id, 1), token, body)
					return status, ids.ReplaceAllString(text, "ID")
				}
				status, text := call(thing)
				if status2, text2 := call(unknown); status != status2 || text != text2 {
					t.Errorf("%s by a %s: outside the scope %d %s, unknown %d %s", name, role, status, text, status2, text2)
				}
				if status < 400 || strings.Contains(text, outside) {
					t.Errorf("%s by a %s outside the scope: %d %s", name, role, status, text)
				}
			}
		}
	}
	if n < 50 {
		t.Errorf("only %d calls", n)
	}
	for _, id := range []string{b.hidden, b.hiddenDone} {
		if r := must[client.Request](t)(b.admin.Request(t.Context(), id)); r.State != map[string]string{b.hidden: "pending", b.hiddenDone: "available"}[id] {
			t.Errorf("somebody changed %s: it is %s", id, r.State)
		}
	}
}

// TestListsKeepTheScope reads every list as somebody who sees a part: nothing of
// the rest is in it, whatever is asked for.
func TestListsKeepTheScope(t *testing.T) {
	b := newScopeBed(t)
	doc, _ := b.document()
	queries := map[string][]string{"/api/v1/requests": {"", "?status=all", "?q=" + outside, "?user=" + outside + "-user", "?endpoint=" + outside + "-host",
		"?endpoint=" + string(b.endpoint), "?status=available", "?sort=user&status=all", "?q=" + b.hidden[len(b.hidden)-6:],
		"?group_by=program", "?group_by=user", "?group_by=endpoint", "?group_by=publisher", "?mine=true&status=all"}}
	for path, verbs := range doc.Paths {
		if _, ok := verbs["get"]; !ok || strings.Contains(path, "{") || path == "/api/v1/events" || b.wholeFleet(path) {
			continue
		}
		for role, token := range b.callers {
			for _, q := range append([]string{""}, queries[path]...) {
				status, _, text := b.call("GET", path+q, token, nil)
				if status >= 500 || status == 400 && q == "" {
					t.Errorf("GET %s by a %s: %d %s", path+q, role, status, text)
				}
				for _, secret := range []string{outside, b.hidden, b.hiddenDone, string(b.endpoint)} {
					if status < 300 && strings.Contains(text, secret) {
						t.Errorf("GET %s by a %s tells of %s: %.600s", path+q, role, secret, text)
						break
					}
				}
			}
		}
	}
	for _, role := range []string{"approver", "auditor", "administrator", "security_admin"} {
		c := b.client(b.callers[role])
		if n := must[client.Counts](t)(client.Get[client.Counts](t.Context(), c, "/counts", nil)); n.All != 2 || n.Pending != 2 || n.Available != 0 {
			t.Errorf("the counts of a %s are %+v", role, n)
		}
		page := must[client.List[client.Request]](t)(client.Get[client.List[client.Request]](t.Context(), c, "/requests", nil))
		if len(page.Items) != 2 || page.Total != 2 {
			t.Errorf("a %s sees %d of %d", role, len(page.Items), page.Total)
		}
	}
}

// wholeFleet reports whether a list is of the installation, not of endpoints:
// who reads it at all reads all of it.
func (b *scopeBed) wholeFleet(path string) bool {
	return slices.Contains([]string{"/api/v1/me", "/api/v1/settings", "/api/v1/audit/checkpoint"}, path)
}

// TestBatchKeepsTheScope does every action of a batch to a request outside.
func TestBatchKeepsTheScope(t *testing.T) {
	b := newScopeBed(t)
	unknown := string(elevation.NewRequestID(time.Now()))
	for _, action := range []string{"approve", "deny", "undo", "revoke", "cancel", "check-in", "remove"} {
		for role, token := range b.callers {
			got := must[client.BatchResults](t)(client.Post[client.BatchResults](t.Context(), b.client(token), "/requests/batch",
				client.Batch{Action: action, IDs: []string{b.hidden, unknown}}))
			one, two := got.Results[0], got.Results[1]
			one.ID, two.ID = "", ""
			x, _ := json.Marshal(one)
			y, _ := json.Marshal(two)
			if one.OK || ids.ReplaceAllString(string(x), "ID") != ids.ReplaceAllString(string(y), "ID") {
				t.Errorf("%s by a %s: outside the scope %s, unknown %s", action, role, x, y)
			}
		}
	}
	for role, token := range b.callers {
		evaluate := func(id string) string {
			_, _, text := b.call("POST", "/api/v1/rules/evaluate", token, strings.NewReader(`{"request_id":"`+id+`"}`))
			return ids.ReplaceAllString(text, "ID")
		}
		if x, y := evaluate(b.hidden), evaluate(unknown); x != y || strings.Contains(x, outside) {
			t.Errorf("evaluate by a %s: outside the scope %s, unknown %s", role, x, y)
		}
	}
}

// TestEventsKeepTheScope follows the stream from its beginning.
func TestEventsKeepTheScope(t *testing.T) {
	b := newScopeBed(t)
	for _, role := range []string{"approver", "auditor", "administrator", "security_admin"} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		req, err := http.NewRequestWithContext(ctx, "GET", b.base+"/api/v1/events", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+b.callers[role])
		req.Header.Set("Last-Event-ID", "0")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var seen bytes.Buffer
		piece := make([]byte, 4096)
		for !strings.Contains(seen.String(), b.inside2) {
			n, err := resp.Body.Read(piece)
			seen.Write(piece[:n])
			if err != nil {
				t.Errorf("the events of a %s do not tell of what is inside: %v", role, err)
				break
			}
		}
		cancel()
		resp.Body.Close()
		for _, secret := range []string{outside, b.hidden, b.hiddenDone, string(b.endpoint)} {
			if strings.Contains(seen.String(), secret) {
				t.Errorf("the events of a %s tell of %s", role, secret)
			}
		}
	}
}

// TestBodiesKeepTheScope names things outside the scope in bodies: a request
// that is filed for them, and one that is filed from them.
func TestBodiesKeepTheScope(t *testing.T) {
	b := newScopeBed(t)
	var hidden, in string
	for _, e := range must[client.List[client.Endpoint]](t)(client.Get[client.List[client.Endpoint]](t.Context(), b.admin, "/endpoints", nil)).Items {
		if e.ID == string(b.endpoint) {
			hidden = e.Name
		} else {
			in = e.ID
		}
	}
	unknownEndpoint, unknown := elevation.NewID(elevation.EndpointPrefix, time.Now()), string(elevation.NewRequestID(time.Now()))
	const why = `"justification":"because of INC-4821"`
	rows := map[string][2]string{
		"an endpoint by id":   {`{"access_type":"session","endpoint":"` + string(b.endpoint) + `",` + why + `}`, `{"access_type":"session","endpoint":"` + unknownEndpoint + `",` + why + `}`},
		"an endpoint by name": {`{"access_type":"session","endpoint":"` + hidden + `",` + why + `}`, `{"access_type":"session","endpoint":"no-such-host",` + why + `}`},
		"for somebody there": {`{"access_type":"session","endpoint":"` + string(b.endpoint) + `","for_user":"` + outside + `-user",` + why + `}`,
			`{"access_type":"session","endpoint":"` + unknownEndpoint + `","for_user":"` + outside + `-user",` + why + `}`},
		"from a request": {`{"access_type":"run","endpoint":"` + in + `","for_user":"ian","from_request":"` + b.hidden + `",` + why + `}`,
			`{"access_type":"run","endpoint":"` + in + `","for_user":"ian","from_request":"` + unknown + `",` + why + `}`},
	}
	for name, row := range rows {
		for role, token := range b.callers {
			var texts [2]string
			for i, body := range row {
				status, _, text := b.call("POST", "/api/v1/requests", token, strings.NewReader(body))
				texts[i] = ids.ReplaceAllString(text, "ID")
				if status < 400 {
					t.Errorf("%s by a %s: status %d", name, role, status)
				}
			}
			if texts[0] != texts[1] || strings.Contains(texts[0], outside) {
				t.Errorf("%s by a %s: outside the scope %s, unknown %s", name, role, texts[0], texts[1])
			}
		}
	}
}

// TestWholeFleetIsForWhoSeesIt refuses what is for every endpoint to an
// administrator who sees some.
func TestWholeFleetIsForWhoSeesIt(t *testing.T) {
	b := start(t)
	ada := b.person("ada", map[string]string{"role": "db"}, "administrator")
	for path, body := range map[string]string{
		"POST /rules/apply":    `{"yaml":"rules: []"}`,
		"POST /rules/rollback": `{"version":1}`,
		"PUT /policies":        `{"items":[]}`,
	} {
		method, where, _ := strings.Cut(path, " ")
		if status, p, text := b.call(method, "/api/v1"+where, ada.Token, strings.NewReader(body)); status != 403 || p.Code != "forbidden" {
			t.Errorf("%s by who sees some endpoints: %d %s", path, status, text)
		}
	}
}
