package controller

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/elevation"
)

// seated is the cookie of somebody for whom an endpoint vouches.
func (b *bed) seated(t *testing.T, ep elevation.EndpointID, uid string) string {
	t.Helper()
	var cookie string
	link, _, err := b.accounts.NewSeatLink(t.Context(), auth.Seat{Endpoint: ep, UID: uid, Name: "ute"})
	if err == nil {
		cookie, _, err = b.accounts.SignInByLink(t.Context(), link, "127.0.0.1")
	}
	if err != nil {
		t.Fatal(err)
	}
	return cookie
}

// forSeats says what is open to seats: "y" what works without a request of one's
// own, "o" what needs one, "c" where the credential in the body decides; "" is
// refused to everybody who has no account. A new operation is "".
func forSeats(name string) string {
	switch name {
	case "GET /api/v1/me", "GET /api/v1/events", "GET /api/v1/requests", "GET /api/v1/counts", "GET /api/v1/access", "DELETE /api/v1/sessions",
		"GET /api/v1/sign-in", "POST /api/v1/sessions/passkey", "POST /api/v1/sessions/device":
		return "y"
	case "GET /api/v1/requests/{id}", "GET /api/v1/requests/{id}/timeline", "GET /api/v1/requests/{id}/explain", "POST /api/v1/requests",
		"POST /api/v1/requests/{id}/cancel", "POST /api/v1/requests/{id}/check-in", "POST /api/v1/requests/{id}/remove",
		"POST /api/v1/requests/{id}/nudge", "POST /api/v1/requests/{id}/answer", "POST /api/v1/requests/{id}/resubmit",
		"POST /api/v1/requests/{id}/extend", "DELETE /api/v1/access/{id}":
		return "o"
	case "POST /api/v1/sessions", "POST /api/v1/sessions/oidc", "POST /api/v1/sessions/device/token", "POST /api/v1/hooks/{id}":
		return "c" // the credential in the body decides
	}
	return ""
}

// TestAuthorisationMatrixOfSeats tries every operation of the document as somebody
// for whom an endpoint vouches, on things that are not theirs.
func TestAuthorisationMatrixOfSeats(t *testing.T) {
	b := startWith(t, 10_000)
	doc, _ := b.document()
	ep := b.endpoint("web-1", nil)
	must[client.Ruleset](t)(client.Post[client.Ruleset](t.Context(), b.admin, "/rules/apply",
		client.ApplyRules{YAML: "rules:\n  - name: x\n    match: {path: /usr/bin/x, args: []}\n    then: approve\n"}))
	n := 0
	for path, verbs := range doc.Paths {
		for verb, op := range verbs {
			name := strings.ToUpper(verb) + " " + path
			n++
			target, body := b.target(t, name, ep, n), []byte(nil)
			if op.RequestBody != nil {
				body = b.bodyOf(t, name, n, op.RequestBody.Content["application/json"].Example)
			}
			status := b.bySeat(t, strings.ToUpper(verb), target, body, b.seated(t, ep, strconv.Itoa(n)))
			good := false
			switch forSeats(name) {
			case "y":
				good = status < 300
			case "o":
				good = status == http.StatusNotFound || status == http.StatusForbidden || status == http.StatusBadRequest
			case "c":
				good = status >= 400 && status < 500
			default:
				good = status == http.StatusForbidden
			}
			if !good {
				t.Errorf("%s by a seat: status %d, it is %q", name, status, forSeats(name))
			}
		}
	}
}

// bySeat does a call with a cookie.
func (b *bed) bySeat(t *testing.T, method, path string, body []byte, cookie string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, b.base+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.AddCookie(&http.Cookie{Name: "assent_session_" + b.base[strings.LastIndex(b.base, ":")+1:], Value: cookie})
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}
