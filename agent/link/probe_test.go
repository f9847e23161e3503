package link

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// TestProbe: each stage on the way to the controller that fails is named, and
// says what to do.
func TestProbe(t *testing.T) {
	s := newScript(t, func(_ int, p *peer) { p.rest() })
	_, id := enrolled(t, s)
	refuses := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	refuses.TLS = s.serverTLS("gateway." + id.Cluster)
	refuses.StartTLS()
	t.Cleanup(refuses.Close)
	foreign := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(foreign.Close)
	rows := map[string]struct {
		url   string
		proxy string
		stage string // that fails, "" = none
		says  string
	}{
		"all is well":           {id.URL, "none", "", "the controller opens sessions"},
		"a proxy that is none":  {id.URL, "ftp://x", "proxy", "is not an address"},
		"no such name":          {"https://nowhere.invalid:8443", "none", "name", "could not be found"},
		"nobody listens":        {"https://127.0.0.1:1", "none", "connection", "refused"},
		"somebody else answers": {foreign.URL, "none", "TLS", "Acme Co"},
		"it is not let in":      {refuses.URL, "none", "door", "refuses this endpoint"},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			id := id
			if _, err := url.Parse(row.url); err != nil {
				t.Fatal(err)
			}
			id.URL = row.url
			steps := Probe(t.Context(), id, Proxies{Setting: row.proxy}, time.Now)
			last := steps[len(steps)-1]
			said := last.Text
			if last.Err != nil {
				said = last.Err.Error()
			}
			if row.stage == "" && (last.Err != nil || len(steps) != 5) || row.stage != "" && (last.Err == nil || last.Name != row.stage || last.Hint == "") {
				t.Errorf("got %+v", steps)
			}
			if !strings.Contains(said, row.says) {
				t.Errorf("got %q", said)
			}
		})
	}
}
