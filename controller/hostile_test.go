package controller

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/assent-epm/assent/controller/client"
)

// hostileBed calls with several tokens of one administrator in turn, because
// each is good for so many calls a second.
type hostileBed struct {
	*bed
	tokens []string
	calls  int
	ep     string
	id     string
}

func newHostileBed(t *testing.T) *hostileBed {
	b := &hostileBed{bed: start(t)}
	ep := b.bed.endpoint("web-1", nil)
	b.ep, b.id = string(ep), b.ask(ep, "eve", "a")
	for range 24 {
		b.tokens = append(b.tokens, must[client.Token](t)(client.Post[client.Token](t.Context(), b.admin, "/tokens", client.NewToken{Name: "h", User: "admin"})).Token)
	}
	return b
}

// try does a call and gives its status; where a token may not, admin.token does.
func (b *hostileBed) try(method, path, body string) int {
	b.t.Helper()
	b.calls++
	token := b.tokens[b.calls%len(b.tokens)]
	for _, full := range []string{"/tokens", "/links", "/settings", "/users", "/teams", "/delegations", "/hooks", "/identity-providers", "/directory"} {
		if strings.HasPrefix(path, "/api/v1"+full) {
			token = b.admin.Token
		}
	}
	for {
		req, err := http.NewRequestWithContext(b.t.Context(), method, b.base+path, strings.NewReader(body))
		if err != nil {
			b.t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		if body != "" {
			req.Header.Set("Content-Type", "application/json")
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			b.t.Fatalf("%s %s: %v", method, path, err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusTooManyRequests {
			return resp.StatusCode
		}
		<-time.After(200 * time.Millisecond)
	}
}

// path puts ids into a path.
func (b *hostileBed) path(path string) string {
	for _, p := range []struct{ folder, id string }{{"/requests/", b.id}, {"/endpoints/", b.ep}, {"/users/", "admin"}} {
		path = strings.Replace(path, p.folder+"{id}", p.folder+p.id, 1)
	}
	path = strings.ReplaceAll(path, "{id}", "x")
	path = strings.ReplaceAll(path, "{name}", "x")
	return strings.ReplaceAll(path, "{event}", "1")
}

// property is one field of a body.
type property struct {
	Type   any    `json:"type"`
	Ref    string `json:"$ref"`
	Format string `json:"format"`
	Items  *struct {
		Type any `json:"type"`
	} `json:"items"`
}

func (p property) is(kind string) bool {
	list, ok := p.Type.([]any)
	return p.Type == kind || ok && slices.Contains(list, any(kind))
}

// TestHostileBodies sends to every operation with a body, field by field, what
// is no body of it. Nothing of it may work, and nothing may break.
func TestHostileBodies(t *testing.T) {
	b := newHostileBed(t)
	doc, _ := b.document()
	deep := strings.Repeat(`{"a":`, 5_000) + "1" + strings.Repeat("}", 5_000)
	tried := 0
	for path, verbs := range doc.Paths {
		for verb, op := range verbs {
			if op.RequestBody == nil || path == "/api/v1/sessions" {
				continue
			}
			where := strings.ToUpper(verb) + " " + path
			refuse := func(what, body string, want ...int) {
				tried++
				if got := b.try(strings.ToUpper(verb), b.path(path), body); !slices.Contains(want, got) {
					t.Errorf("%s with %s: status %d, want one of %v", where, what, got, want)
				}
			}
			for what, body := range map[string]string{"an unknown field": `{"zz_unknown":1}`, "a list": `[]`, "text": `"x"`, "two values": `{}{}`,
				"deep nesting": deep, "deep lists": strings.Repeat("[", 100_000), "half a body": `{"`, "NUL as a name": `{"\u0000":1}`, "bytes": "\xff\xfe"} {
				refuse(what, body, 400, 413) // some bodies may be small only
			}
			refuse("a huge body", `{"zz":"`+strings.Repeat("a", 5<<20)+`"}`, 400, 413)
			example := map[string]json.RawMessage{}
			if err := json.Unmarshal(bodyFor(where, tried, op.RequestBody.Content["application/json"].Example), &example); err != nil {
				continue // a list
			}
			for name, p := range fields(t, doc, op.RequestBody.Content["application/json"].Schema) {
				with := func(value string) string {
					body := maps.Clone(example)
					body[name] = json.RawMessage(`"MARK"`)
					raw, err := json.Marshal(body)
					if err != nil {
						t.Fatal(err)
					}
					return strings.Replace(string(raw), `"MARK"`, value, 1)
				}
				switch {
				case p.is("string"):
					for what, value := range map[string]string{"NUL": `"a\u0000b"`, "no UTF-8": "\"a\xffb\"", "a number": `12`, "an object": `{}`, "2 MB": `"` + strings.Repeat("a", 2<<20) + `"`} {
						want := []int{400, 413}
						if name == "yaml" && what == "2 MB" {
							want = []int{200, 400, 404, 413} // rules may be as long, and a check tells of their faults
						}
						refuse(name+" as "+what, with(value), want...)
					}
				case p.is("integer"):
					for what, value := range map[string]string{"text": `"x"`, "half": `1.5`, "too large": `1e30`, "a bool": `true`, "the smallest": `-9223372036854775808`} {
						refuse(name+" as "+what, with(value), 400)
					}
				case p.is("boolean"):
					refuse(name+" as text", with(`"yes"`), 400)
				case p.is("array"):
					refuse(name+" as text", with(`"x"`), 400)
					refuse(name+" of objects and NUL", with(`["a\u0000b"]`), 400)
				}
			}
		}
	}
	if tried < 200 {
		t.Errorf("only %d bodies", tried)
	}
	if status := b.try("GET", "/readyz", ""); status != 200 {
		t.Errorf("afterwards: %d", status)
	}
	if r := must[client.Request](t)(b.admin.Request(t.Context(), b.id)); r.State != "pending" {
		t.Errorf("afterwards the request is %s", r.State)
	}
}

func fields(t *testing.T, doc openAPI, schema map[string]any) map[string]property {
	t.Helper()
	if ref, ok := schema["$ref"].(string); ok {
		schema = doc.Components.Schemas[ref[strings.LastIndexByte(ref, '/')+1:]]
	}
	raw, err := json.Marshal(schema["properties"])
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]property
	if err := json.NewDecoder(bytes.NewReader(raw)).Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

// probes are what breaks out of LIKE patterns, full-text queries and SQL.
func probes() []string {
	return []string{"%", "_", "%%%%%%", "\\", "'", `"`, `""`, `"a`, "a\" OR \"b", "a OR b", "NEAR(a b)", "a*", "*", "^a", "-a", "(", ")", "a:b", "justification:a",
		"{a b}: c", "+", "AND", "NOT", "NOT NOT", "a' OR '1'='1", "; DROP TABLE requests", "--", "/*", "[a-z]", "?1", "$a", ":a", "@", "\t", "\u202e", "😀", "é",
		strings.Repeat("a", 200), strings.Repeat("a ", 100), strings.Repeat("\"", 99), strings.Repeat("(", 90)}
}

// TestHostileQueries sends to every list, parameter by parameter, what is no
// value of it.
func TestHostileQueries(t *testing.T) {
	b := newHostileBed(t)
	doc, _ := b.document()
	tried := 0
	for path, verbs := range doc.Paths {
		op, ok := verbs["get"]
		if !ok || path == "/api/v1/events" {
			continue
		}
		check := func(query string, want ...int) {
			tried++
			got := b.try("GET", b.path(path)+"?"+query, "")
			if !slices.Contains(want, got) {
				t.Errorf("GET %s?%.80s: status %d, want one of %v", path, query, got, want)
			}
		}
		check("zz_unknown=1", 400)
		check("%zz=1", 400)
		check("q=%ff", 400)
		for _, p := range op.Parameters {
			if p["in"] != "query" {
				continue
			}
			name, _ := p["name"].(string)
			schema, _ := p["schema"].(map[string]any)
			check(name+"=a%00b", 400)
			check(name+"=1&"+name+"=2", 400)
			switch schema["type"] {
			case "integer":
				for _, v := range []string{"-1", "x", "1.5", "99999999999999999999", "0x10"} {
					check(name+"="+v, 400)
				}
			case "boolean":
				check(name+"=maybe", 400)
			case "string":
				check(name+"="+strings.Repeat("a", 20_000), 400, 404, 414, 431)
				for _, v := range probes() {
					check(name+"="+url.QueryEscape(v), 200, 400, 404)
				}
			}
			if name == "sort" {
				for _, v := range []string{"password_hash", "id;drop table requests", "1", "--user", "user desc", "queue,newest"} {
					check("sort="+url.QueryEscape(v), 400)
				}
			}
		}
	}
	if tried < 100 {
		t.Errorf("only %d queries", tried)
	}
}

// TestSearchIsLiteral wants signs that mean something to a database to mean
// themselves.
func TestSearchIsLiteral(t *testing.T) {
	b := newHostileBed(t)
	for _, q := range append(probes(), "web-1", "INC-4821", "eve") {
		page, err := client.Get[client.List[client.Request]](t.Context(), b.admin, "/requests", url.Values{"q": {q}})
		if err != nil {
			if codeOf(err) != "invalid" {
				t.Errorf("searching %q: %v", q, err)
			}
			continue
		}
		want := 0
		if slices.Contains([]string{"web-1", "INC-4821", "eve"}, q) {
			want = 1
		}
		// Words are found by what they begin with; signs among them mean nothing.
		if words := strings.ContainsFunc(q, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }); len(page.Items) != want && (!words || want == 1) {
			t.Errorf("searching %q finds %d", q, len(page.Items))
		}
	}
	for _, signs := range []string{"%", "_", "%%", "__", "*", "'", "\\"} {
		page, err := client.Get[client.List[client.Request]](t.Context(), b.admin, "/requests", url.Values{"user": {signs}, "status": {"all"}})
		if err == nil && len(page.Items) > 0 {
			t.Errorf("the user %q is found", signs)
		}
	}
}

// TestHostileTextIsInert puts what terminals, browsers and tables act on into
// every field that strangers fill, and reads it back as JSON.
func TestHostileTextIsInert(t *testing.T) {
	b := newHostileBed(t)
	evil := "=cmd|' /C calc'!A0 <script>alert(1)</script> \x1b]0;gone\x07\x1b[2J \u202etxt.exe\u2066 \r\nInjected: 1"
	if _, err := b.admin.Act(t.Context(), b.id, "approve", client.Answer{Comment: evil}); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/requests/" + b.id, "/requests/" + b.id + "/timeline", "/requests?status=all", "/audit", "/audit?request=" + b.id} {
		status, _, text := b.call("GET", "/api/v1"+path, b.admin.Token, nil)
		var any any
		if err := json.Unmarshal([]byte(text), &any); err != nil || status != 200 {
			t.Fatalf("%s: %d %v", path, status, err)
		}
		for _, raw := range []string{"\x1b", "\x07", "\r", "<script>"} {
			if strings.Contains(strings.TrimSuffix(text, "\n"), raw) {
				t.Errorf("%s has %q raw", path, raw)
			}
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), "GET", b.base+"/api/v1/requests/"+b.id, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+b.admin.Token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if h := resp.Header; h.Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(h.Get("Content-Type"), "application/json") || !strings.Contains(h.Get("Cache-Control"), "no-store") {
		t.Errorf("headers: %s", fmt.Sprint(h))
	}
}
