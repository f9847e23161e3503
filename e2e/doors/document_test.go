package doors

import (
	"encoding/json"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/e2e/desk"
	"github.com/assent-epm/assent/e2e/testgroup"
)

// described is the OpenAPI document as a stranger reads it.
type described struct {
	OpenAPI    string
	Paths      map[string]map[string]*called
	Components struct{ Schemas map[string]*shape }
}

// called is one operation.
type called struct {
	ID         string `json:"operationId"`
	Security   []map[string][]string
	Parameters []struct {
		Name, In string
		Required bool
		Schema   *shape
	}
	RequestBody *struct {
		Required bool
		Content  map[string]content
	}
	Responses map[string]struct{ Content map[string]content }

	path, method string
}

type content struct {
	Schema  *shape
	Example json.RawMessage
}

// shape is a JSON schema, as far as the document uses it.
type shape struct {
	Ref        string `json:"$ref"`
	Type       any
	Format     string
	Enum       []any
	Examples   []any
	Properties map[string]*shape
	Required   []string
	Items      *shape
	OneOf      []*shape
	Additional any `json:"additionalProperties"`
	Minimum    *float64
	Maximum    *float64
	MinLength  *int
	MaxLength  *int
	MinItems   *int
	MaxItems   *int
	Pattern    string
}

// is are the names of the types that a value may have.
func (s *shape) is() []string {
	switch t := s.Type.(type) {
	case string:
		return []string{t}
	case []any:
		var out []string
		for _, one := range t {
			out = append(out, one.(string))
		}
		return out
	}
	return nil
}

// document reads the document that a controller serves.
func document(t testing.TB, d *desk.Desk) *described {
	t.Helper()
	status, header, text := d.Raw(nil, "GET", "/openapi.json", "")
	if status != 200 || header.Get("Content-Type") != "application/json" {
		t.Fatalf("%d %s", status, header)
	}
	var doc described
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	return &doc
}

// operations are all of them, in an order that stays.
func (d *described) operations() []*called {
	var out []*called
	for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(d.Paths[path])) {
			op := d.Paths[path][method]
			op.path, op.method = path, strings.ToUpper(method)
			out = append(out, op)
		}
	}
	return out
}

// resolve follows a reference.
func (d *described) resolve(s *shape) *shape {
	for s.Ref != "" {
		s = d.Components.Schemas[s.Ref[strings.LastIndex(s.Ref, "/")+1:]]
	}
	return s
}

// body is the JSON body of an operation, nil when it has none.
func (c *called) body() *content {
	if c.RequestBody == nil {
		return nil
	}
	b, ok := c.RequestBody.Content["application/json"]
	if !ok {
		return nil
	}
	return &b
}

// streams reports whether the operation answers without an end.
func (c *called) streams() bool {
	_, streams := c.Responses["200"].Content["text/event-stream"]
	return streams
}

// TestC2ExamplesAreSent sends the example of every operation as it stands in the
// document. Ids in it need not exist, but nothing may be wrong with it.
func TestC2ExamplesAreSent(t *testing.T) {
	d := desk.New(t)
	doc := document(t, d)
	if doc.OpenAPI != "3.1.0" {
		t.Errorf("version %s", doc.OpenAPI)
	}
	d.Person("ada", "administrator") // those whom the examples name
	d.Person("bo", "approver")
	d.Person("dina")
	d.Endpoint("web-1", "role=workstation")
	for path, body := range map[string]string{"/api/v1/teams": `{"name":"Platform"}`,
		"/api/v1/channels": `{"name":"Operations","kind":"webhook","config":{"url":"https://example.org/hook"}}`} {
		if status, _, answer := d.Raw(d.Admin, "POST", path, body); status != 201 {
			t.Fatalf("%s: %d %s", path, status, answer)
		}
	}
	sent := 0
	for _, op := range doc.operations() {
		if op.streams() {
			continue
		}
		path := op.path
		query := url.Values{}
		for _, p := range op.Parameters {
			s := doc.resolve(p.Schema)
			value := "web-1"
			if len(s.Examples) > 0 {
				value = text(s.Examples[0])
			}
			switch {
			case p.In == "path":
				path = strings.ReplaceAll(path, "{"+p.Name+"}", url.PathEscape(value))
			case p.In == "query" && p.Required:
				query.Set(p.Name, value)
			}
		}
		if len(query) > 0 {
			path += "?" + query.Encode()
		}
		body := ""
		if b := op.body(); b != nil {
			if len(b.Example) == 0 {
				t.Errorf("%s has a body without an example", op.ID)
				continue
			}
			body = string(b.Example)
		}
		status, header, answer := d.Raw(d.Admin, op.method, path, body)
		sent++
		d.Pass(time.Second) // of the allowance of calls
		switch {
		case status >= 200 && status < 300:
		case op.ID == "device-claim" && status == 400 && strings.Contains(answer, "expired_token"): // RFC 8628 wants it so
		case slices.Contains([]int{401, 403, 404, 409, 410}, status) && header.Get("Content-Type") == "application/problem+json":
		default:
			t.Errorf("%s %s %s: %d %.400s", op.ID, path, body, status, answer)
		}
	}
	if sent < 80 {
		t.Errorf("%d examples were sent", sent)
	}
}

func text(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	raw, _ := json.Marshal(v)
	return string(raw)
}

// TestC2DocumentIsValid asks another implementation whether the document is an
// OpenAPI 3.1 document.
func TestC2DocumentIsValid(t *testing.T) {
	testgroup.Need(t, "npm")
	program := filepath.Join("..", "..", "controller", "console", "node_modules", ".bin", "validate-api")
	if _, err := os.Stat(program); err != nil {
		t.Skipf("%snpm: the validator is not there, make build loads it", testgroup.Mark)
	}
	d := desk.New(t)
	_, _, text := d.Raw(nil, "GET", "/openapi.json", "")
	for name, row := range map[string]struct {
		text string
		want bool
	}{
		"as it is":      {text, true},
		"a wrong field": {strings.Replace(text, `"operationId"`, `"operation_id"`, 1), false},
	} {
		file := filepath.Join(t.TempDir(), "openapi.json")
		if err := os.WriteFile(file, []byte(row.text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), program, file).CombinedOutput()
		if got := err == nil && strings.Contains(string(out), `"valid": true`); got != row.want {
			t.Errorf("%s: %v %.2000s", name, err, out)
		}
	}
}

// TestC2Docs: the reference works without scripts and names every operation.
func TestC2Docs(t *testing.T) {
	d := desk.New(t)
	status, header, page := d.Raw(nil, "GET", "/docs", "")
	if status != 200 || !strings.Contains(header.Get("Content-Security-Policy"), "default-src 'none'") || strings.Contains(page, "<script") {
		t.Errorf("%d %v", status, header)
	}
	for _, op := range document(t, d).operations() {
		if !strings.Contains(page, `id="`+op.ID+`"`) {
			t.Errorf("the reference does not have %s", op.ID)
		}
	}
}
