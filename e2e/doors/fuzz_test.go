package doors

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/assent-epm/assent/e2e/desk"
	"github.com/assent-epm/assent/e2e/testgroup"
)

// The size of one story of the fuzzer.
const (
	fuzzCalls = 40
	fuzzDepth = 5
)

// fuzzer makes calls from the document: mostly good values, and now and then one
// that is not.
type fuzzer struct {
	*rapid.T
	doc *described
	ids []string // of what there is
}

// TestC2FuzzFindsNoServerError sends thousands of calls that are drawn from the
// document, as people of every role. Whatever comes in, the answer is one that
// the document knows, and never a failure of the server.
func TestC2FuzzFindsNoServerError(t *testing.T) {
	d := desk.New(t)
	doc := document(t, d)
	ops := slices.DeleteFunc(doc.operations(), (*called).streams)
	people := []*desk.Person{d.Admin, nil}
	for _, role := range []string{"administrator", "security_admin", "rule_author", "approver", "auditor", "requester"} {
		people = append(people, d.Person("fuzz-"+role, role))
	}
	web := d.Able([]string{"session", "admin"}, "web-1", "role=web")
	ids := []string{"web-1", "admin", "fuzz-approver", "team_approvers", "Approvers"}
	for _, p := range people[2:] {
		ids = append(ids, p.ID)
	}
	for range 6 {
		ids = append(ids, web.Ask("eve", "/usr/bin/id"))
	}
	if testgroup.Race {
		if err := flag.Set("rapid.checks", "10"); err != nil {
			t.Fatal(err)
		}
	}
	var made []string // by calls of the fuzzer itself
	seen := map[string]map[int]int{}
	rapid.Check(t, func(rt *rapid.T) {
		f := &fuzzer{T: rt, doc: doc, ids: slices.Concat(ids, made)}
		for range fuzzCalls {
			op := ops[rapid.IntRange(0, len(ops)-1).Draw(rt, "operation")]
			who := people[rapid.IntRange(0, len(people)-1).Draw(rt, "who")]
			path, body := f.call(op)
			status, header, answer := d.Raw(who, op.method, path, body)
			d.Pass(200 * time.Millisecond) // of the allowance of calls
			if seen[op.ID] == nil {
				seen[op.ID] = map[int]int{}
			}
			seen[op.ID][status]++
			_, known := op.Responses[fmt.Sprint(status)]
			problem := status >= 400 && strings.HasPrefix(header.Get("Content-Type"), "application/problem+json")
			if status >= 500 || !known && !problem {
				rt.Fatalf("%s %s %s\n%d %.600s", op.method, path, body, status, answer)
			}
			var object struct{ ID string }
			if status == 201 && json.Unmarshal([]byte(answer), &object) == nil && object.ID != "" && len(made) < 200 {
				made = append(made, object.ID)
			}
		}
	})
	if status, _, answer := d.Raw(d.Admin, "GET", "/readyz", ""); status != 200 {
		t.Errorf("after all that the controller is not ready: %s", answer)
	}
	good, whole := 0, 0
	for _, op := range ops {
		for status := range seen[op.ID] {
			if status < 300 {
				good++
				break
			}
		}
		if len(seen[op.ID]) > 0 {
			whole++
		}
	}
	if t.Failed() || testgroup.Race {
		return
	}
	if whole < len(ops)*9/10 || good < len(ops)/3 {
		t.Errorf("of %d operations %d were called and %d of them worked at least once: the fuzzer does not reach them", len(ops), whole, good)
	}
}

// call draws the path with its query and the body of a call.
func (f *fuzzer) call(op *called) (path, body string) {
	path = op.path
	query := url.Values{}
	for _, p := range op.Parameters {
		switch p.In {
		case "path":
			path = strings.ReplaceAll(path, "{"+p.Name+"}", url.PathEscape(f.name("path")))
		case "query":
			if p.Required || f.odds("query", 4) {
				query.Set(p.Name, text(f.value(p.Schema, p.Name, 0)))
			}
		}
	}
	if f.odds("unknown query", 40) {
		query.Set("nope", "1")
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	b := op.body()
	if b == nil {
		return path, ""
	}
	if f.odds("no JSON", 60) {
		return path, rapid.SampledFrom([]string{"", "{", "null", "[]", "7", `"a"`, strings.Repeat("[", 5000), "{\"a\":1,\"a\":2}", "\xff\xfe"}).Draw(f.T, "text")
	}
	raw, err := json.Marshal(f.value(b.Schema, "", 0))
	if err != nil {
		f.Fatal(err)
	}
	return path, string(raw)
}

// odds is true once in n.
func (f *fuzzer) odds(what string, n int) bool { return rapid.IntRange(1, n).Draw(f.T, what) == 1 }

// name is what a call may name: mostly something that there is.
func (f *fuzzer) name(what string) string {
	if f.odds(what+" is odd", 8) {
		return rapid.SampledFrom(hostile()).Draw(f.T, what)
	}
	return rapid.SampledFrom(f.ids).Draw(f.T, what)
}

// hostile are texts that break what is careless.
func hostile() []string {
	return []string{"", " ", "a", "..", "%", "%00", "a\x00b", "\x1b[2J", "\r\nX: y", "' OR 1=1 --", "=1+1", "<script>", "{{.}}", "${jndi:x}", "\u202eevil", "\u2028", "💥",
		strings.Repeat("a", 300), strings.Repeat("ä", 3000), "-1", "9223372036854775808", "1e309", "NaN", "req_", "req_00000000-0000-0000-0000-000000000000", "/etc/passwd", "null"}
}

// value draws a value for a schema. Most fit it.
func (f *fuzzer) value(s *shape, name string, depth int) any {
	s = f.doc.resolve(s)
	if f.odds("of another type", 40) {
		return rapid.SampledFrom([]any{nil, true, -1, 1.5, "text", []any{}, map[string]any{"a": 1}, 1e300}).Draw(f.T, "odd")
	}
	switch {
	case len(s.OneOf) > 0:
		return f.value(rapid.SampledFrom(s.OneOf).Draw(f.T, "one of"), name, depth)
	case len(s.Enum) > 0 && !f.odds("no such word", 12):
		return rapid.SampledFrom(s.Enum).Draw(f.T, name)
	}
	for _, kind := range s.is() {
		switch kind {
		case "object":
			return f.object(s, depth)
		case "array":
			return f.list(s, name, depth)
		case "boolean":
			return rapid.Bool().Draw(f.T, name)
		case "integer", "number":
			return f.number(s, name)
		case "string":
			return f.text(s, name)
		}
	}
	return nil
}

func (f *fuzzer) object(s *shape, depth int) any {
	out := map[string]any{}
	if depth > fuzzDepth {
		return out
	}
	for _, field := range slices.Sorted(maps.Keys(s.Properties)) {
		required := slices.Contains(s.Required, field)
		if required && !f.odds("leave out", 30) || !required && f.odds("put in", 3) {
			out[field] = f.value(s.Properties[field], field, depth+1)
		}
	}
	if extra, ok := s.Additional.(map[string]any); ok && len(s.Properties) == 0 && extra["type"] == "string" {
		for i := range rapid.IntRange(0, 3).Draw(f.T, "labels") {
			out[fmt.Sprint("k", i)] = f.text(&shape{}, "label")
		}
	}
	if f.odds("unknown field", 40) {
		out["nope"] = 1
	}
	return out
}

func (f *fuzzer) list(s *shape, name string, depth int) any {
	out := []any{}
	most := 3
	if s.MaxItems != nil && f.odds("too many", 30) {
		most = *s.MaxItems + 1
		for range most {
			out = append(out, "a")
		}
		return out
	}
	for range rapid.IntRange(0, most).Draw(f.T, "items") {
		out = append(out, f.value(s.Items, name, depth+1))
	}
	return out
}

func (f *fuzzer) number(s *shape, name string) any {
	low, high := 0.0, 1000.0
	if s.Minimum != nil {
		low = *s.Minimum
	}
	if s.Maximum != nil {
		high = *s.Maximum
	}
	switch rapid.IntRange(0, 12).Draw(f.T, name) {
	case 0:
		return low - 1
	case 1:
		return high + 1
	case 2:
		return int64(9223372036854775807)
	case 3:
		return int64(high)
	case 4, 5:
		return int64(low)
	}
	return int64(low) + int64(rapid.IntRange(0, 100).Draw(f.T, name))
}

func (f *fuzzer) text(s *shape, name string) any {
	switch {
	case s.Format == "date-time" && !f.odds("no time", 8):
		return rapid.SampledFrom([]string{"2026-11-24T12:30:00Z", "2026-11-25T08:00:00+01:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "1969-12-31T23:59:59Z"}).Draw(f.T, name)
	case slices.Contains([]string{"id", "ids", "user", "endpoint", "team", "members", "account", "request_id", "from_request", "delegate", "login", "channels", "channel"}, name):
		return f.name(name)
	case f.odds("hostile", 6):
		return rapid.SampledFrom(hostile()).Draw(f.T, name)
	case len(s.Examples) > 0 && !f.odds("no example", 3):
		return s.Examples[0]
	}
	return rapid.StringMatching(`[a-z][a-z0-9 .:/-]{0,20}`).Draw(f.T, name)
}
