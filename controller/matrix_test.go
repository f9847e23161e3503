package controller

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/testgroup"
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
		if s["type"] == "object" {
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
// Words after that are the other roles that may (security_admin, rule_author)
// and the scopes with which a token of an administrator may; without a word
// there is none, and "any" is all of them. An operation that is not here fails the test, so none comes
// without a thought.
func matrix() map[string]string {
	return map[string]string{
		"GET /api/v1/access":                        "nyyyyn security_admin rule_author requests.read requests.decide",
		"DELETE /api/v1/access/{id}":                "nnnyyn security_admin requests.decide",
		"GET /api/v1/audit":                         "nnynyn audit.read",
		"GET /api/v1/audit/checkpoint":              "nnynyn audit.read",
		"GET /api/v1/audit/export":                  "nnynyn audit.read",
		"GET /api/v1/audit/proof/{event}":           "nnynyn audit.read",
		"GET /api/v1/live":                          "nyyyyn security_admin rule_author requests.read requests.decide",
		"POST /api/v1/live/{id}/terminate":          "nnnyyn security_admin requests.decide",
		"GET /api/v1/canned":                        "nnnyyn requests.decide",
		"GET /api/v1/counts":                        "nyyyyn security_admin rule_author requests.read requests.decide",
		"GET /api/v1/endpoints":                     "nnyyyn rule_author security_admin endpoints",
		"GET /api/v1/endpoints/{id}":                "nnyyyn rule_author security_admin endpoints",
		"DELETE /api/v1/endpoints/{id}":             "nnnnyn endpoints",
		"POST /api/v1/endpoints/{id}/lock":          "nnnnyn endpoints",
		"POST /api/v1/endpoints/{id}/unlock":        "nnnnyn endpoints",
		"POST /api/v1/endpoints/{id}/revoke-grants": "nnnyyn security_admin endpoints requests.decide",
		"POST /api/v1/endpoints/{id}/take-over":     "nnnnyn endpoints",
		"POST /api/v1/endpoints/{id}/give-back":     "nnnnyn endpoints",
		"GET /api/v1/standing-rights":               "nnynyn security_admin endpoints",
		"POST /api/v1/standing-rights/take-over":    "nnnnyn endpoints",
		"POST /api/v1/standing-rights/give-back":    "nnnnyn endpoints",
		"POST /api/v1/endpoints/{id}/pause":         "nnnnyn endpoints",
		"GET /api/v1/pauses":                        "nnyyyn security_admin rule_author endpoints",
		"POST /api/v1/pauses":                       "nnnnyn endpoints",
		"DELETE /api/v1/pauses/{id}":                "nnnnyn endpoints",
		"GET /api/v1/attempts":                      "nnyyyn security_admin rule_author", // needs endpoints and requests
		"GET /api/v1/enrollment-tokens":             "nnynyn endpoints",
		"POST /api/v1/enrollment-tokens":            "nnnnyn endpoints",
		"DELETE /api/v1/enrollment-tokens/{id}":     "nnnnyn endpoints",
		"GET /api/v1/events":                        "nyyyyn security_admin rule_author requests.read requests.decide audit.read",
		"GET /api/v1/me":                            "nyyyyy any",
		"GET /api/v1/requests":                      "nyyyyn security_admin rule_author requests.read requests.decide",
		"POST /api/v1/requests":                     "nnnyyn requests.decide", // without a link: on behalf
		"POST /api/v1/requests/{id}/extend":         "nnnnnn",                 // only the requester, by a strong link
		"POST /api/v1/requests/{id}/resubmit":       "nnnnnn",
		"POST /api/v1/requests/by-code":             "nnyyyn rule_author security_admin requests.read requests.decide",
		"POST /api/v1/requests/batch":               "nyyyyy any", // each id is judged on its own
		"GET /api/v1/requests/{id}":                 "nnyyyn rule_author security_admin requests.read requests.decide",
		"GET /api/v1/requests/{id}/explain":         "nnyyyn rule_author security_admin requests.read requests.decide",
		"GET /api/v1/requests/{id}/proof":           "nnyyyn rule_author security_admin requests.read requests.decide",
		"GET /api/v1/requests/{id}/timeline":        "nnyyyn rule_author security_admin requests.read requests.decide",
		"POST /api/v1/requests/{id}/approve":        "nnnyyn requests.decide",
		"POST /api/v1/requests/{id}/deny":           "nnnyyn requests.decide",
		"POST /api/v1/requests/{id}/offline-code":   "nnnyyn requests.decide",
		"POST /api/v1/requests/{id}/undo":           "nnnnnn", // only who answered, see TestUndo
		"POST /api/v1/requests/{id}/revoke":         "nnnyyn security_admin requests.decide",
		"POST /api/v1/requests/{id}/ask":            "nnnyyn requests.decide",
		"POST /api/v1/requests/{id}/answer":         "nnnnnn", // only the requester's linked account
		"POST /api/v1/requests/{id}/nudge":          "nnnnnn",
		"POST /api/v1/requests/{id}/claim":          "nnnyyn requests.decide",
		"POST /api/v1/requests/{id}/prioritize":     "nnnyyn requests.decide",
		"POST /api/v1/requests/{id}/escalate":       "nnnnyn requests.decide", // to a team that is on nobody's ladder
		"POST /api/v1/requests/{id}/after-review":   "nnnnnn",                 // only the team that a rule names, see e2e/desk
		"POST /api/v1/requests/{id}/cancel":         "nnnnnn",                 // only the requester
		"POST /api/v1/requests/{id}/check-in":       "nnnnnn",
		"POST /api/v1/requests/{id}/confirm":        "nnnnnn",
		"POST /api/v1/requests/{id}/remove":         "nnnyyn requests.decide",
		"GET /api/v1/reports":                       "nnynyn audit.read",
		"GET /api/v1/reports/{name}":                "nnynyn audit.read",
		"GET /api/v1/rules":                         "nnyyyn rule_author rules",
		"GET /api/v1/rules/versions":                "nnyyyn rule_author rules",
		"GET /api/v1/rules/{id}":                    "nnyyyn rule_author rules",
		"POST /api/v1/rules":                        "nnnnyn rule_author rules",
		"PUT /api/v1/rules/{id}":                    "nnnnyn rule_author rules",
		"DELETE /api/v1/rules/{id}":                 "nnnnyn rule_author rules",
		"GET /api/v1/rules/versions/{version}":      "nnyyyn rule_author rules",
		"POST /api/v1/rules/rollback":               "nnnnyn rule_author rules",
		"GET /api/v1/rules/proposals":               "nnyyyn rule_author rules",
		"GET /api/v1/rules/proposals/{id}":          "nnyyyn rule_author rules",
		"POST /api/v1/rules/proposals/{id}/confirm": "nnnnyn rule_author rules",
		"POST /api/v1/rules/proposals/{id}/reject":  "nnnnyn rule_author rules",
		"GET /api/v1/requests/{id}/rule":            "nnyyyn rule_author", // needs rules and requests
		"GET /api/v1/packs":                         "nnyyyn rule_author rules",
		"POST /api/v1/packs/{name}/enable":          "nnnnyn rule_author rules",
		"POST /api/v1/packs/{name}/disable":         "nnnnyn rule_author rules",
		"GET /api/v1/policies":                      "nnyyyn security_admin rule_author endpoints",
		"PUT /api/v1/policies":                      "nnnnyn endpoints",
		"POST /api/v1/rules/apply":                  "nnnnyn rule_author rules",
		"POST /api/v1/rules/check":                  "nnyyyn rule_author rules",
		"POST /api/v1/rules/draft":                  "nnyyyn rule_author rules",
		"GET /api/v1/rules/hits":                    "nnyyyn rule_author", // needs rules and requests
		"POST /api/v1/rules/evaluate":               "nnyyyn rule_author rules",
		"POST /api/v1/rules/replay":                 "nnyyyn rule_author", // needs rules and requests
		"GET /api/v1/rules/suggestions":             "nnyyyn rule_author",
		"POST /api/v1/sessions":                     "nnnnnn", // the credential decides, not the caller
		"DELETE /api/v1/sessions":                   "nyyyyy any",
		"POST /api/v1/sessions/passkey":             "yyyyyy any", // gives a challenge to everybody
		"POST /api/v1/sessions/step-up":             "nnnnnn",     // no token proves presence
		"POST /api/v1/sessions/step-up/passkey":     "nnnnnn",
		"GET /api/v1/sign-in":                       "yyyyyy any",
		"POST /api/v1/sessions/oidc":                "nnnnnn",     // the provider decides, and there is none
		"POST /api/v1/sessions/device":              "yyyyyy any", // gives a code to everybody
		"POST /api/v1/sessions/device/token":        "nnnnnn",     // whoever has the code, once it is allowed
		"GET /api/v1/sessions/device/{user_code}":   "nnnnnn",     // whoever signed in, never a token
		"POST /api/v1/sessions/device/{user_code}":  "nnnnnn",
		"GET /api/v1/identity-providers":            "nnynyn",
		"POST /api/v1/identity-providers":           "nnnnyn", // never by a token, except admin.token
		"GET /api/v1/identity-providers/{id}":       "nnynyn",
		"PUT /api/v1/identity-providers/{id}":       "nnnnyn",
		"DELETE /api/v1/identity-providers/{id}":    "nnnnyn",
		"GET /api/v1/directory":                     "nnynyn",
		"PUT /api/v1/directory":                     "nnnnyn",
		"GET /api/v1/me/factors":                    "nyyyyy any",
		"POST /api/v1/me/passkeys":                  "nnnnnn", // no token changes factors
		"POST /api/v1/me/passkeys/begin":            "nnnnnn",
		"DELETE /api/v1/me/passkeys/{id}":           "nnnnnn",
		"POST /api/v1/me/totp":                      "nnnnnn",
		"POST /api/v1/me/totp/begin":                "nnnnnn",
		"DELETE /api/v1/me/totp":                    "nnnnnn",
		"DELETE /api/v1/users/{id}/factors":         "nnnnyn users",
		"GET /api/v1/settings":                      "nnynyn",
		"PUT /api/v1/settings":                      "nnnnyn",
		"PATCH /api/v1/endpoints/{id}":              "nnnnyn endpoints",
		"PUT /api/v1/me/password":                   "nnnnnn", // whoever signed in, never a token
		"GET /api/v1/teams":                         "nnyyyn rule_author security_admin requests.read requests.decide users",
		"POST /api/v1/teams":                        "nnnnyn users",
		"GET /api/v1/teams/{id}":                    "nnyyyn rule_author security_admin requests.read requests.decide users",
		"GET /api/v1/teams/{id}/preview":            "nnyyyn rule_author security_admin requests.read requests.decide users",
		"PUT /api/v1/teams/{id}":                    "nnnnyn users",
		"DELETE /api/v1/teams/{id}":                 "nnnnyn users",
		"GET /api/v1/links":                         "nyyyyn security_admin rule_author requests.read requests.decide users",
		"POST /api/v1/links":                        "nnnnyn", // tokens make no links, except admin.token
		"GET /api/v1/links/{id}":                    "nnynyn users",
		"PUT /api/v1/links/{id}":                    "nnnnyn",
		"DELETE /api/v1/links/{id}":                 "nnnnyn",
		"GET /api/v1/delegations":                   "nyyyyn security_admin rule_author requests.read requests.decide users",
		"POST /api/v1/delegations":                  "nnnyyn requests.decide users",
		"GET /api/v1/delegations/{id}":              "nnyyyn rule_author security_admin requests.read requests.decide users",
		"PUT /api/v1/delegations/{id}":              "nnnnyn users",
		"DELETE /api/v1/delegations/{id}":           "nnnnyn users",
		"GET /api/v1/channels":                      "nnynyn",
		"POST /api/v1/channels/preview":             "nnynyn",
		"GET /api/v1/hooks":                         "nnnnyn", // never by a token, except admin.token
		"POST /api/v1/hooks":                        "nnnnyn",
		"DELETE /api/v1/hooks/{id}":                 "nnnnyn",
		"POST /api/v1/hooks/{id}":                   "nnnnnn", // the signature decides, and there is none
		"POST /api/v1/channels":                     "nnnnyn",
		"GET /api/v1/channels/{id}":                 "nnynyn",
		"PUT /api/v1/channels/{id}":                 "nnnnyn",
		"DELETE /api/v1/channels/{id}":              "nnnnyn",
		"POST /api/v1/channels/{id}/test":           "nnnnyn",
		"GET /api/v1/alerts":                        "nnynyn",
		"POST /api/v1/alerts":                       "nnnnyn",
		"GET /api/v1/alerts/{id}":                   "nnynyn",
		"PUT /api/v1/alerts/{id}":                   "nnnnyn",
		"DELETE /api/v1/alerts/{id}":                "nnnnyn",
		"GET /api/v1/deliveries":                    "nnynyn",
		"POST /api/v1/deliveries/{id}/retry":        "nnnnyn",
		"GET /api/v1/me/settings":                   "nyyyyn security_admin rule_author requests.read requests.decide",
		"PUT /api/v1/me/settings":                   "nyyyyn security_admin rule_author requests.read requests.decide",
		"GET /api/v1/tokens":                        "nnnnyn", // tokens see no tokens, except admin.token
		"POST /api/v1/tokens":                       "nnnnyn", // tokens make no tokens, except admin.token
		"GET /api/v1/tokens/{id}":                   "nnnnyn",
		"PUT /api/v1/tokens/{id}":                   "nnnnyn",
		"DELETE /api/v1/tokens/{id}":                "nnnnyn",
		"GET /api/v1/users":                         "nnynyn users",
		"POST /api/v1/users":                        "nnnnyn users",
		"GET /api/v1/users/{id}":                    "nnynyn users",
		"PUT /api/v1/users/{id}":                    "nnnnyn users",
		"DELETE /api/v1/users/{id}":                 "nnnnyn users",
	}
}

// caller is somebody who tries every operation.
type caller struct {
	name, token string
	may         func(row string) bool
}

// callers are the columns of the matrix, the other roles, and one token for
// each scope.
func (b *bed) callers(t *testing.T) []caller {
	t.Helper()
	scoped := func(scope string) string {
		return must[client.Token](t)(client.Post[client.Token](t.Context(), b.admin, "/tokens", client.NewToken{Name: "m", Scopes: []string{scope}})).Token
	}
	var all []caller
	for i, token := range [columns]string{requester: b.person("req", nil, "requester").Token, auditor: b.person("aud", nil, "auditor").Token,
		approver: b.person("app", nil, "approver").Token, administrator: b.admin.Token, narrow: scoped("metrics")} {
		all = append(all, caller{name: []string{"nobody", "requester", "auditor", "approver", "administrator", "metrics"}[i], token: token,
			may: func(row string) bool { return row[i] == 'y' }})
	}
	word := func(name, token string) {
		all = append(all, caller{name: name, token: token, may: func(row string) bool {
			words := strings.Fields(row)[1:]
			return slices.Contains(words, name) || slices.Contains(words, "any")
		}})
	}
	for _, role := range []string{"security_admin", "rule_author"} {
		word(role, b.person(role, nil, role).Token)
	}
	for _, scope := range auth.Scopes() {
		if scope != auth.ScopeMetrics {
			word(scope, scoped(scope))
		}
	}
	return all
}

// TestAuthorisationMatrix tries every operation of the document as everybody.
func TestAuthorisationMatrix(t *testing.T) {
	b := startWith(t, 10_000) // how fast this machine is must not decide
	doc, _ := b.document()
	callers := b.callers(t)
	if testgroup.Race {
		callers = slices.DeleteFunc(callers, func(c caller) bool { return c.name != "nobody" && c.name != "administrator" })
	}
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
			if !ok || len(row) < columns || len(strings.Fields(row)[0]) != columns {
				t.Errorf("%s is not in the matrix", name)
				continue
			}
			for _, who := range callers {
				n++
				// Each call gets things of its own, so that no call spoils the next.
				target := b.target(t, name, ep, n)
				var body *bytes.Reader
				if op.RequestBody != nil {
					body = bytes.NewReader(b.bodyOf(t, name, n, op.RequestBody.Content["application/json"].Example))
				}
				status := b.status(strings.ToUpper(verb), target, who.token, body)
				if status >= 500 {
					t.Errorf("%s by %s: status %d", name, who.name, status)
				}
				allowed := status < 300
				if want := who.may(row); allowed != want {
					t.Errorf("%s by %s: status %d, allowed should be %v", name, who.name, status, want)
				}
				if !allowed && who.token == "" && status != 401 && !credentials(name) {
					t.Errorf("%s by nobody: status %d, want 401", name, status)
				}
			}
		}
	}
	for name := range known {
		t.Errorf("%s is in the matrix but not served", name)
	}
}

// credentials reports whether an operation is open to everybody who has what its
// body wants.
func credentials(name string) bool {
	return slices.Contains([]string{"POST /api/v1/sessions", "POST /api/v1/sessions/oidc", "POST /api/v1/sessions/device/token"}, name)
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
