package controller

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/assent-epm/assent/controller/client"
)

// openAPI is the part of the document that tests read.
type openAPI struct {
	Paths map[string]map[string]struct {
		OperationID string           `json:"operationId"`
		Parameters  []map[string]any `json:"parameters"`
		RequestBody *struct {
			Content map[string]media `json:"content"`
		} `json:"requestBody"`
		Responses map[string]struct {
			Content map[string]media `json:"content"`
		} `json:"responses"`
	} `json:"paths"`
	Components struct {
		Schemas map[string]map[string]any `json:"schemas"`
	} `json:"components"`
}

type media struct {
	Schema  map[string]any  `json:"schema"`
	Example json.RawMessage `json:"example"`
}

func (b *bed) document() (openAPI, []byte) {
	b.t.Helper()
	_, _, text := b.call("GET", "/openapi.json", "", nil)
	var doc openAPI
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		b.t.Fatal(err)
	}
	return doc, []byte(text)
}

// TestOpenAPIDrift keeps the committed document equal to the served one.
func TestOpenAPIDrift(t *testing.T) {
	b := start(t)
	_, got := b.document()
	const golden = "api/openapi.json"
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what the controller serves; run: go test ./controller -run OpenAPI -update", golden)
	}
}

// TestOpenAPIBodies wants a schema that refuses unknown fields and an example
// for every body, in both directions.
func TestOpenAPIBodies(t *testing.T) {
	b := start(t)
	doc, _ := b.document()
	for name, s := range doc.Components.Schemas {
		if s["type"] == "object" || isNullableObject(s["type"]) {
			if s["additionalProperties"] != false {
				t.Errorf("schema %s lets unknown fields through", name)
			}
		}
	}
	check := func(where string, content map[string]media) {
		for kind, m := range content {
			if m.Schema == nil {
				t.Errorf("%s %s has no schema", where, kind)
			}
			if len(m.Example) == 0 || string(m.Example) == "null" {
				t.Errorf("%s %s has no example", where, kind)
			}
		}
	}
	for path, verbs := range doc.Paths {
		for verb, op := range verbs {
			where := strings.ToUpper(verb) + " " + path
			if op.RequestBody != nil {
				check(where+" body", op.RequestBody.Content)
			}
			for status, resp := range op.Responses {
				check(where+" "+status, resp.Content)
			}
		}
	}
}

func isNullableObject(kind any) bool {
	list, ok := kind.([]any)
	return ok && slices.Contains(list, any("object"))
}

// The columns of the matrix.
const (
	nobody = iota
	requester
	auditor
	approver
	administrator
	narrow // an administrator's token with the scope metrics alone
	columns
)

// matrix says for every operation who may do it: "y" or "n" for each column
// nobody, requester, auditor, approver, administrator, token with metrics only.
// An operation that is not here fails the test, so none comes without a thought.
func matrix() map[string]string {
	return map[string]string{
		"GET /api/v1/audit":                     "nnynyn",
		"GET /api/v1/audit/checkpoint":          "nnynyn",
		"GET /api/v1/audit/export":              "nnynyn",
		"GET /api/v1/counts":                    "nyyyyn",
		"GET /api/v1/endpoints":                 "nnyyyn",
		"GET /api/v1/endpoints/{id}":            "nnyyyn",
		"DELETE /api/v1/endpoints/{id}":         "nnnnyn",
		"GET /api/v1/enrollment-tokens":         "nnynyn",
		"POST /api/v1/enrollment-tokens":        "nnnnyn",
		"DELETE /api/v1/enrollment-tokens/{id}": "nnnnyn",
		"GET /api/v1/events":                    "nyyyyn",
		"GET /api/v1/me":                        "nyyyyy",
		"GET /api/v1/requests":                  "nyyyyn",
		"POST /api/v1/requests/batch":           "nyyyyy", // each id is judged on its own
		"GET /api/v1/requests/{id}":             "nnyyyn",
		"GET /api/v1/requests/{id}/explain":     "nnyyyn",
		"GET /api/v1/requests/{id}/timeline":    "nnyyyn",
		"POST /api/v1/requests/{id}/approve":    "nnnyyn",
		"POST /api/v1/requests/{id}/deny":       "nnnyyn",
		"POST /api/v1/requests/{id}/undo":       "nnnnnn", // only who answered, see TestUndo
		"POST /api/v1/requests/{id}/revoke":     "nnnyyn",
		"POST /api/v1/requests/{id}/cancel":     "nnnnnn", // only the requester
		"POST /api/v1/requests/{id}/check-in":   "nnnnnn",
		"POST /api/v1/requests/{id}/remove":     "nnnyyn",
		"GET /api/v1/rules":                     "nnyyyn",
		"GET /api/v1/rules/versions":            "nnyyyn",
		"GET /api/v1/rules/{id}":                "nnyyyn",
		"POST /api/v1/rules/apply":              "nnnnyn",
		"POST /api/v1/rules/check":              "nnyyyn",
		"POST /api/v1/rules/evaluate":           "nnyyyn",
		"POST /api/v1/sessions":                 "nnnnnn", // the credential decides, not the caller
		"DELETE /api/v1/sessions":               "nyyyyy",
		"GET /api/v1/settings":                  "nnynyn",
		"PUT /api/v1/settings":                  "nnnnyn",
		"GET /api/v1/tokens":                    "nnnnyn", // tokens see no tokens, except admin.token
		"POST /api/v1/tokens":                   "nnnnyn", // tokens make no tokens, except admin.token
		"DELETE /api/v1/tokens/{id}":            "nnnnyn",
		"GET /api/v1/users":                     "nnynyn",
		"POST /api/v1/users":                    "nnnnyn",
		"GET /api/v1/users/{id}":                "nnynyn",
		"PUT /api/v1/users/{id}":                "nnnnyn",
		"DELETE /api/v1/users/{id}":             "nnnnyn",
	}
}

func TestAuthorisationMatrix(t *testing.T) {
	b := start(t)
	doc, _ := b.document()
	callers := [columns]string{requester: b.person("req", nil, "requester").Token, auditor: b.person("aud", nil, "auditor").Token,
		approver: b.person("app", nil, "approver").Token, administrator: b.admin.Token}
	callers[narrow] = must[client.Token](t)(client.Post[client.Token](t.Context(), b.admin, "/tokens", client.NewToken{Name: "m", Scopes: []string{"metrics"}})).Token
	ep := b.endpoint("web-1", nil)
	must[client.Ruleset](t)(client.Post[client.Ruleset](t.Context(), b.admin, "/rules/apply",
		client.ApplyRules{YAML: "rules:\n  - name: x\n    match: {path: /usr/bin/x, args: []}\n    then: approve\n"}))
	known := matrix()
	n := 0
	for path, verbs := range doc.Paths {
		for verb, op := range verbs {
			name := strings.ToUpper(verb) + " " + path
			row, ok := known[name]
			delete(known, name)
			if !ok || len(row) != columns {
				t.Errorf("%s is not in the matrix", name)
				continue
			}
			for who, token := range callers {
				n++
				// Each call gets things of its own, so that no call spoils the next.
				target := b.target(t, name, ep, n)
				var body *bytes.Reader
				if op.RequestBody != nil {
					body = bytes.NewReader(bodyFor(name, n, op.RequestBody.Content["application/json"].Example))
				}
				status := b.status(strings.ToUpper(verb), target, token, body)
				if status >= 500 {
					t.Errorf("%s as %d: status %d", name, who, status)
				}
				allowed := status < 300
				if want := row[who] == 'y'; allowed != want {
					t.Errorf("%s by caller %d: status %d, allowed should be %v", name, who, status, want)
				}
				if !allowed && token == "" && status != 401 && name != "POST /api/v1/sessions" {
					t.Errorf("%s by nobody: status %d, want 401", name, status)
				}
			}
		}
	}
	for name := range known {
		t.Errorf("%s is in the matrix but not served", name)
	}
}

// status does a call and reads no more than its head, which ends streams.
func (b *bed) status(method, path, token string, body *bytes.Reader) int {
	b.t.Helper()
	var req *http.Request
	var err error
	if body != nil {
		req, err = http.NewRequestWithContext(b.t.Context(), method, b.base+path, body)
	} else {
		req, err = http.NewRequestWithContext(b.t.Context(), method, b.base+path, nil)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}
