package notify

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// node walks a JSON value.
type node struct {
	t *testing.T
	v any
}

func parsed(t *testing.T, raw string) node {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(raw), &v); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	return node{t, v}
}

// at goes down by names; what is missing has the value nil.
func (n node) at(names ...string) node {
	for _, name := range names {
		m, _ := n.v.(map[string]any)
		n.v = m[name]
	}
	return n
}

func (n node) text() string { s, _ := n.v.(string); return s }

func (n node) list() []node {
	items, _ := n.v.([]any)
	out := make([]node, 0, len(items))
	for _, x := range items {
		out = append(out, node{n.t, x})
	}
	return out
}

// length wants a text with 1 to most characters.
func (n node) length(what string, most int) {
	n.t.Helper()
	s, ok := n.v.(string)
	if size := utf8.RuneCountInString(s); !ok || size < 1 || size > most {
		n.t.Errorf("%s has %d of %d characters", what, size, most)
	}
}

// only wants no other fields than those.
func (n node) only(what string, names ...string) {
	n.t.Helper()
	m, ok := n.v.(map[string]any)
	if !ok {
		n.t.Errorf("%s is no object", what)
	}
	for k := range m {
		if !slices.Contains(names, k) {
			n.t.Errorf("%s has a field %q that its maker does not know", what, k)
		}
	}
}

// texts calls f with every text of the value and the name of its field.
func (n node) texts(f func(name, text string)) {
	var walk func(name string, v any)
	walk = func(name string, v any) {
		switch v := v.(type) {
		case string:
			f(name, v)
		case []any:
			for _, x := range v {
				walk(name, x)
			}
		case map[string]any:
			for k, x := range v {
				walk(k, x)
			}
		}
	}
	walk("", n.v)
}

func (n node) inert() {
	n.t.Helper()
	n.texts(func(name, text string) {
		if name != "work_notes" && name != "description" && strings.ContainsAny(text, "\x00\x1b\r\a\u202e") || strings.ContainsAny(text, "\x00\x1b\r\a\u202e") {
			n.t.Errorf("%s has control characters: %q", name, text)
		}
	})
}

// many are messages of every shape, with texts that are usual, hostile and huge.
func many() map[string]Message {
	out := map[string]Message{}
	for _, kind := range []string{"request.submitted", "request.denied", "request.approved", "grant.end_failed", "emergency.used", "endpoint.silent", KindTest, KindDigest} {
		out[kind] = Example(kind, "https://assent.example")
		out["hostile "+kind] = evil(kind)
		out["huge "+kind] = huge(kind)
	}
	d := Example(KindDigest, "https://assent.example")
	for range 200 {
		d.Items = append(d.Items, huge("request.submitted"))
	}
	out["huge digest"] = d
	return out
}

func webhookFields(r *receiver, template string, more map[string]any) map[string]any {
	f := map[string]any{"url": r.URL + "/hook", "template": template, "secret": newSecret()}
	for k, v := range more {
		f[k] = v
	}
	return f
}

func fine(w http.ResponseWriter, _ received) { w.WriteHeader(http.StatusOK) }

// TestSlackFields checks messages as docs.slack.dev/reference/block-kit has them.
func TestSlackFields(t *testing.T) {
	r := newReceiver(t, fine)
	s := opened(t, Webhook, local(t), webhookFields(r, Slack, nil))
	for name, m := range many() {
		t.Run(name, func(t *testing.T) {
			if _, err := send(t, s, m); err != nil {
				t.Fatal(err)
			}
			c := r.last(t)
			if c.header.Get("Content-Type") != "application/json" {
				t.Errorf("%v", c.header)
			}
			body := parsed(t, c.body)
			body.only("the message", "text", "mrkdwn", "unfurl_links", "unfurl_media", "blocks")
			body.at("text").length("text", 3000)
			blocks := body.at("blocks").list()
			if len(blocks) < 2 || len(blocks) > 50 {
				t.Errorf("%d blocks", len(blocks))
			}
			for _, b := range blocks {
				slackBlock(b)
			}
			body.inert()
			body.texts(func(name, text string) {
				bare := regexp.MustCompile(`&(amp|lt|gt);`).ReplaceAllString(text, "")
				link := "<https://assent.example/"
				if strings.Contains(bare, "&") || strings.Contains(bare, "<") && !(strings.HasPrefix(text, link) && strings.HasSuffix(text, "|Open in the console>") &&
					strings.Count(text, "<") == 1) {
					t.Errorf("%s can be read as a mark: %q", name, text)
				}
			})
		})
	}
}

func slackBlock(b node) {
	b.t.Helper()
	text := func(x node, most int) {
		b.t.Helper()
		x.only("a text", "type", "text", "emoji", "verbatim")
		x.at("text").length("a text", most)
		switch x.at("type").text() {
		case "plain_text":
		case "mrkdwn": // our own words only
			if s := x.at("text").text(); !regexp.MustCompile(`^\*[A-Z][a-z]+\*$|^<https://assent\.example/[^<>|]*\|Open in the console>$`).MatchString(s) {
				b.t.Errorf("a stranger's text with marks: %q", s)
			}
		default:
			b.t.Errorf("a text of the type %q", x.at("type").text())
		}
	}
	switch b.at("type").text() {
	case "header":
		b.only("a header", "type", "text")
		if b.at("text", "type").text() != "plain_text" {
			b.t.Error("a header that is not plain")
		}
		text(b.at("text"), 150)
	case "section":
		b.only("a section", "type", "text", "fields")
		fields := b.at("fields").list()
		if (b.at("text").v == nil) == (len(fields) == 0) || len(fields) > 10 {
			b.t.Errorf("a section with %d fields", len(fields))
		}
		for _, f := range fields {
			text(f, 2000)
		}
		if b.at("text").v != nil {
			text(b.at("text"), 3000)
		}
	case "context":
		b.only("a context", "type", "elements")
		if n := len(b.at("elements").list()); n < 1 || n > 10 {
			b.t.Errorf("a context with %d elements", n)
		}
		for _, x := range b.at("elements").list() {
			text(x, 3000)
		}
	default:
		b.t.Errorf("a block of the type %q", b.at("type").text())
	}
}

// TestTeamsFields checks Adaptive Cards in the envelope of a workflow.
func TestTeamsFields(t *testing.T) {
	r := newReceiver(t, func(w http.ResponseWriter, _ received) { w.WriteHeader(http.StatusAccepted) })
	s := opened(t, Webhook, local(t), webhookFields(r, Teams, nil))
	for name, m := range many() {
		t.Run(name, func(t *testing.T) {
			if _, err := send(t, s, m); err != nil {
				t.Fatal(err)
			}
			raw := r.last(t).body
			if len(raw) > 28<<10 {
				t.Errorf("%d bytes", len(raw))
			}
			body := parsed(t, raw)
			body.only("the message", "type", "attachments")
			at := body.at("attachments").list()
			if body.at("type").text() != "message" || len(at) != 1 {
				t.Fatalf("%s", raw)
			}
			at[0].only("the attachment", "contentType", "contentUrl", "content")
			card := at[0].at("content")
			card.only("the card", "$schema", "type", "version", "body", "actions", "fallbackText", "msteams")
			if at[0].at("contentType").text() != "application/vnd.microsoft.card.adaptive" || card.at("type").text() != "AdaptiveCard" || card.at("version").text() != "1.4" {
				t.Errorf("%s", raw)
			}
			if card.at("msteams", "entities").v != nil {
				t.Error("somebody is mentioned")
			}
			for _, x := range card.at("body").list() {
				x.only("an element", "type", "inlines")
				if x.at("type").text() != "RichTextBlock" || len(x.at("inlines").list()) == 0 {
					t.Errorf("an element %v reads Markdown", x.v)
				}
				for _, run := range x.at("inlines").list() {
					run.only("a run", "type", "text", "size", "weight", "isSubtle", "selectAction")
					run.at("text").length("a run", 28<<10)
					if run.at("type").text() != "TextRun" {
						t.Errorf("%v", run.v)
					}
				}
			}
			for _, x := range card.at("actions").list() {
				if x.at("type").text() != "Action.OpenUrl" || !strings.HasPrefix(x.at("url").text(), "https://assent.example/") || x.at("title").text() == "" {
					t.Errorf("%v", x.v)
				}
			}
			body.inert()
		})
	}
}

// TestPagerDutyFields checks events as openapiv3.json of the Events API v2 has them.
func TestPagerDutyFields(t *testing.T) {
	r := newReceiver(t, func(w http.ResponseWriter, _ received) {
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"status":"success","message":"Event processed","dedup_key":"x"}`)
	})
	key := "0123456789abcdef0123456789abcdef"
	s := opened(t, Webhook, local(t), webhookFields(r, PagerDuty, map[string]any{"routing_key": key}))
	keys := map[string]string{}
	for name, m := range many() {
		t.Run(name, func(t *testing.T) {
			if _, err := send(t, s, m); err != nil {
				t.Fatal(err)
			}
			raw := r.last(t).body
			if len(raw) > 512<<10 {
				t.Errorf("%d bytes", len(raw))
			}
			body := parsed(t, raw)
			body.only("the event", "payload", "routing_key", "event_action", "dedup_key", "client", "client_url", "links")
			if body.at("routing_key").text() != key {
				t.Errorf("%s", raw)
			}
			want := "trigger"
			if m.Kind == "request.denied" || m.Kind == "request.approved" {
				want = "resolve"
			}
			if got := body.at("event_action").text(); got != want {
				t.Errorf("%s is a %s", m.Kind, got)
			}
			body.at("dedup_key").length("dedup_key", 255)
			keys[name] = body.at("dedup_key").text()
			p := body.at("payload")
			p.only("the payload", "summary", "timestamp", "severity", "source", "component", "group", "class", "custom_details")
			p.at("summary").length("summary", 1024)
			p.at("source").length("source", 255)
			if !slices.Contains([]string{"critical", "warning", "error", "info"}, p.at("severity").text()) {
				t.Errorf("severity %q", p.at("severity").text())
			}
			if _, err := time.Parse(time.RFC3339, p.at("timestamp").text()); err != nil {
				t.Error(err)
			}
			for _, l := range body.at("links").list() {
				l.only("a link", "href", "text")
				if !strings.HasPrefix(l.at("href").text(), "https://assent.example/") {
					t.Errorf("%v", l.v)
				}
			}
			body.inert()
		})
	}
	if keys["request.submitted"] != keys["request.denied"] || keys["request.submitted"] == keys["grant.end_failed"] || keys["request.submitted"] == keys["endpoint.silent"] {
		t.Errorf("what belongs together: %v", keys)
	}
	for name, more := range map[string]map[string]any{"no key": {}, "short": {"routing_key": "abc"}, "of slack": {"template": Slack, "routing_key": key}} {
		if _, err := open(Channel{Kind: Webhook, Config: config(t, webhookFields(r, PagerDuty, more))}, local(t)); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

func jiraFields(r *receiver, options map[string]string) map[string]any {
	return map[string]any{"url": r.URL + "/rest/api/3/issue", "template": Jira, "options": options, "headers": map[string]string{"Authorization": "Basic Ym90OnRva2Vu"}}
}

// TestJiraFields checks issues and comments as REST v3 of Jira Cloud has them.
func TestJiraFields(t *testing.T) {
	r := newReceiver(t, created)
	s := opened(t, Webhook, local(t), jiraFields(r, map[string]string{"project": "OPS", "issue_type": "Service Request"}))
	for name, m := range many() {
		t.Run(name, func(t *testing.T) {
			if _, err := send(t, s, m); err != nil {
				t.Fatal(err)
			}
			c := r.last(t)
			if c.method != http.MethodPost || c.user != "bot" || c.pass != "token" || c.header.Get("Content-Type") != "application/json" {
				t.Errorf("%+v", c)
			}
			body := parsed(t, c.body)
			body.inert()
			if ticketOf(m) != "" { // the ticket is there: it is commented
				if c.path != "/rest/api/3/issue/INC-4821/comment" {
					t.Errorf("%s", c.path)
				}
				body.only("the comment", "body")
				document(body.at("body"))
				return
			}
			if c.path != "/rest/api/3/issue" {
				t.Errorf("%s", c.path)
			}
			body.only("the issue", "fields")
			f := body.at("fields")
			f.only("the fields", "project", "issuetype", "summary", "description", "labels")
			f.at("summary").length("summary", 255)
			if strings.ContainsAny(f.at("summary").text(), "\r\n") || f.at("project", "key").text() != "OPS" || f.at("issuetype", "name").text() != "Service Request" {
				t.Errorf("%s", c.body)
			}
			document(f.at("description"))
			for _, l := range f.at("labels").list() {
				l.length("a label", 255)
				if strings.ContainsAny(l.text(), " \t") {
					t.Errorf("a label %q", l.text())
				}
			}
		})
	}
	for name, options := range map[string]map[string]string{"none": nil, "project": {"project": "ops\"}"}, "unknown": {"project": "OPS", "colour": "red"}} {
		if _, err := open(Channel{Kind: Webhook, Config: config(t, jiraFields(r, options))}, local(t)); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// document checks a document of the Atlassian Document Format: nodes, marks and
// attributes that it knows, and no empty text.
func document(d node) {
	d.t.Helper()
	d.only("the document", "type", "version", "content")
	if d.at("type").text() != "doc" || fmt.Sprint(d.at("version").v) != "1" || len(d.at("content").list()) == 0 {
		d.t.Errorf("%v", d.v)
	}
	size := 0
	for _, p := range d.at("content").list() {
		p.only("a paragraph", "type", "content")
		if p.at("type").text() != "paragraph" {
			d.t.Errorf("%v", p.v)
		}
		for _, x := range p.at("content").list() {
			x.only("a text", "type", "text", "marks")
			x.at("text").length("a text", 32767)
			size += utf8.RuneCountInString(x.at("text").text())
			if x.at("type").text() != "text" {
				d.t.Errorf("%v", x.v)
			}
			for _, mark := range x.at("marks").list() {
				switch mark.at("type").text() {
				case "strong":
					mark.only("a mark", "type")
				case "link":
					if !strings.HasPrefix(mark.at("attrs", "href").text(), "https://assent.example/") {
						d.t.Errorf("%v", mark.v)
					}
				default:
					d.t.Errorf("a mark %v", mark.v)
				}
			}
		}
	}
	if size > 32767 {
		d.t.Errorf("a document of %d characters", size)
	}
}

// TestServiceNowFields checks records as the Table API has them.
func TestServiceNowFields(t *testing.T) {
	const id = "9d385017c611228701d22104cc95c371"
	r := newReceiver(t, func(w http.ResponseWriter, c received) {
		switch {
		case c.method == http.MethodPost:
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, `{"result":{"sys_id":"`+id+`"}}`)
		case c.method == http.MethodGet && c.query.Get("sysparm_query") == "number=INC0010023":
			_, _ = io.WriteString(w, `{"result":[{"sys_id":"`+id+`"}]}`)
		case c.method == http.MethodGet:
			_, _ = io.WriteString(w, `{"result":[]}`)
		default:
			_, _ = io.WriteString(w, `{"result":{}}`)
		}
	})
	fields := map[string]any{"url": r.URL, "template": ServiceNow, "options": map[string]string{"assignment_group": "Access"},
		"headers": map[string]string{"Authorization": "Basic Ym90OnRva2Vu"}}
	s := opened(t, Webhook, local(t), fields)
	for name, m := range many() {
		t.Run(name, func(t *testing.T) {
			m.Request = []byte(strings.ReplaceAll(string(m.Request), `"INC-4821"`, "null"))
			if _, err := send(t, s, m); err != nil {
				t.Fatal(err)
			}
			c := r.last(t)
			if c.method != http.MethodPost || c.path != "/api/now/table/incident" || c.user != "bot" || c.header.Get("Accept") != "application/json" {
				t.Errorf("%+v", c)
			}
			body := parsed(t, c.body)
			body.only("the incident", "short_description", "description", "urgency", "impact", "correlation_id", "correlation_display", "assignment_group", "caller_id")
			body.at("short_description").length("short_description", 160)
			body.at("description").length("description", 4000)
			body.at("correlation_id").length("correlation_id", 100)
			if strings.Contains(body.at("short_description").text(), "\n") || !strings.Contains("123", body.at("urgency").text()) || body.at("assignment_group").text() != "Access" {
				t.Errorf("%s", c.body)
			}
			body.inert()
			if regexp.MustCompile(`(?i)\[/?code\]`).MatchString(c.body) {
				t.Errorf("a mark of the journal: %s", c.body)
			}
		})
	}
	m := evil("request.approved")
	m.Request = []byte(strings.ReplaceAll(string(m.Request), `INC-4821"`, `INC0010023"`))
	if _, err := send(t, s, m); err != nil {
		t.Fatal(err)
	}
	c := r.last(t)
	body := parsed(t, c.body)
	body.only("the note", "work_notes")
	body.at("work_notes").length("work_notes", 4000)
	if c.method != http.MethodPatch || c.path != "/api/now/table/incident/"+id || regexp.MustCompile(`(?i)\[/?code\]`).MatchString(c.body) {
		t.Errorf("%+v", c)
	}
	m.Request = []byte(strings.ReplaceAll(string(m.Request), `INC0010023"`, `INC0019999"`)) // not theirs: a new one
	if _, err := send(t, s, m); err != nil || r.last(t).method != http.MethodPost {
		t.Errorf("%v %s", err, r.last(t).method)
	}
	fields["options"] = map[string]string{"comments_only": "true"}
	before := len(r.calls)
	if _, err := send(t, opened(t, Webhook, local(t), fields), Example("endpoint.silent", "https://assent.example")); err != nil || len(r.calls) != before {
		t.Errorf("without a ticket there is nothing to comment: %v", err)
	}
}

// TestTicketsRefused is what becomes of a ticket system that does not take it.
func TestTicketsRefused(t *testing.T) {
	r := newReceiver(t, created)
	s := opened(t, Webhook, local(t), jiraFields(r, map[string]string{"project": "OPS"}))
	for code, permanent := range map[int]bool{400: true, 401: false, 403: false, 404: true, 410: true, 429: false, 500: false, 301: false} {
		r.answers = append(r.answers, status(code, "Retry-After", "3", "Location", "http://127.0.0.1/x"))
		res, err := send(t, s, Example("request.submitted", "https://assent.example"))
		if err == nil || res.Permanent != permanent || res.Gone || res.Status != code || (code == 429) != (res.RetryAfter == 3*time.Second) {
			t.Errorf("%d: %+v %v", code, res, err)
		}
		if err != nil && (strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "/rest/")) {
			t.Errorf("%d: %v", code, err)
		}
	}
}
