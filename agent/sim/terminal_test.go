package sim

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestTerminalIsForItsOwnPage: another site's page, another name for loopback and
// large or odd input raise nothing. The terminal has no fleet here: what came
// through would end the test.
func TestTerminalIsForItsOwnPage(t *testing.T) {
	const own = "127.0.0.1:4711"
	h := (&terminal{}).handler(own)
	for name, row := range map[string]struct {
		method, path, host, body string
		header                   map[string]string
		want                     int
	}{
		"the page":             {method: "GET", path: "/", want: 200},
		"its script":           {method: "GET", path: "/terminal.js", want: 200},
		"by name":              {method: "GET", path: "/", host: "localhost:4711", want: 200},
		"a rebound name":       {method: "GET", path: "/", host: "evil.example:4711", want: 421},
		"a rebound call":       {method: "POST", path: "/run", host: "evil.example:4711", want: 421},
		"another port":         {method: "POST", path: "/run", host: "127.0.0.1:80", want: 421},
		"no host":              {method: "POST", path: "/run", host: "-", want: 421},
		"another site":         {method: "POST", path: "/run", header: map[string]string{"Sec-Fetch-Site": "cross-site"}, want: 403},
		"another port's page":  {method: "POST", path: "/run", header: map[string]string{"Sec-Fetch-Site": "same-site"}, want: 403},
		"an old browser":       {method: "POST", path: "/withdraw", header: map[string]string{"Origin": "https://evil.example"}, want: 403},
		"an origin of nothing": {method: "POST", path: "/reason", header: map[string]string{"Origin": "null"}, want: 403},
		"read, not asked":      {method: "GET", path: "/run", want: 404},
		"outside of its files": {method: "GET", path: "/..%2f..%2fterminal.go", want: 400},
		"a large line":         {method: "POST", path: "/run", body: `{"line":"` + strings.Repeat("a", 9<<10) + `"}`, want: 400},
		"no line":              {method: "POST", path: "/run", body: `{}`, want: 422},
		"another program":      {method: "POST", path: "/run", body: `{"line":"rm -rf /"}`, want: 422},
		"very many words":      {method: "POST", path: "/run", body: `{"line":"sudo` + strings.Repeat(" a", 41) + `"}`, want: 422},
		"nobody's request":     {method: "POST", path: "/reason", body: `{"request":"req_x"}`, want: 404},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(row.method, row.path, strings.NewReader(row.body))
			r.Host = own
			if row.host != "" {
				r.Host = strings.Trim(row.host, "-")
			}
			for k, v := range row.header {
				r.Header.Set(k, v)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != row.want {
				t.Errorf("%d: %s", w.Code, w.Body)
			}
			if csp := w.Header().Get("Content-Security-Policy"); w.Code == http.StatusOK && !strings.Contains(csp, "frame-ancestors 'none'") {
				t.Errorf("policy %q", csp)
			}
		})
	}
}
