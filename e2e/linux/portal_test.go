package linux

import (
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"

	"github.com/assent-epm/assent/controller/client"
)

// TestPortalLink: `assent portal` gives each user of a machine a link to their own
// requests there; it works once, and nobody else's are behind it. Without the
// agent it ends with 69.
func TestPortalLink(t *testing.T) {
	w := machineFor(t, "portal")
	made := w.typed("alice", "assent run --wait 0 --reason 'nightly report' -- id -u -r")
	id := strings.TrimSpace(made.Stdout)
	if made.Code != 75 || !strings.HasPrefix(id, "req_") {
		t.Fatalf("%s", made)
	}
	link := func(user string) string {
		r := w.typed(user, "assent portal --no-open")
		_, secret, ok := strings.Cut(strings.TrimSpace(r.Stdout), "/#/sign-in?link=")
		if r.Code != 0 || !ok || !strings.Contains(r.Stderr, "it works once") {
			t.Fatalf("portal for %s: %s", user, r)
		}
		return secret
	}
	browser := func(secret string) (*client.Client, error) {
		c, err := client.New(w.controller.URL, "")
		if err != nil {
			t.Fatal(err)
		}
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		c.HTTP = &http.Client{Jar: jar}
		return c, c.Call(t.Context(), "POST", "/sessions", nil, map[string]string{"link": secret}, nil)
	}
	secret := link("alice")
	alice, err := browser(secret)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := browser(secret); err == nil {
		t.Error("a link works twice")
	}
	if r, err := alice.Request(t.Context(), id); err != nil || r.User.Name != "alice" {
		t.Errorf("alice sees %v, %v", r.User, err)
	}
	bob, err := browser(link("bob"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bob.Request(t.Context(), id); err == nil || !strings.Contains(err.Error(), "not") {
		t.Errorf("bob sees alice's: %v", err)
	}
	if _, err := client.Post[client.Request](t.Context(), alice, "/requests/"+id+"/cancel", struct{}{}); err != nil {
		t.Errorf("alice cancels: %v", err)
	}
	w.becomes(id, "cancelled")
	if r := w.typed("alice", "ASSENT_RUNTIME=/nowhere assent portal"); r.Code != 69 {
		t.Errorf("without an agent: %s", r)
	}
}
