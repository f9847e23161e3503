package desk

import (
	"bytes"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
)

// TestT5SecretsStayOnTheEndpoint: what looks like a secret, and what matches a
// pattern that an administrator has set, is masked before it leaves the endpoint
// and is found by no door; a pattern that can not be used is refused.
func TestT5SecretsStayOnTheEndpoint(t *testing.T) {
	d := New(t)
	web := d.Endpoint("web-1", "role=web")
	for _, bad := range []string{"(", "a*", strings.Repeat("x", 5000)} {
		body := JSON(client.PutPolicies{Items: []client.Policy{{Name: "web", Mask: []string{bad}}}})
		if status, _, _ := d.Raw(d.Admin, "PUT", "/api/v1/policies", body); bad != "a*" && status != http.StatusBadRequest {
			t.Errorf("the pattern %.10q: %d", bad, status)
		}
	}
	var out client.Policies
	if err := d.Admin.Call(t.Context(), "PUT", "/policies", nil, client.PutPolicies{Items: []client.Policy{
		{Name: "web", Labels: map[string]string{"role": "web"}, Mask: []string{`EMP-\d{6}`}}}}, &out); err != nil {
		t.Fatal(err)
	}
	var policy elevation.Policy
	Wait(web, wire.TPolicy, func(m wire.Signed) bool {
		var p elevation.Policy
		if err := web.Link.KeySet().Open(sign.Policy, m.Raw, d.Now(), &p); err != nil {
			t.Error(err)
		}
		if p.Name == "web" {
			policy = p
		}
		return p.Name == "web"
	})
	if policy.Endpoint != web.ID || !slices.Contains(policy.Mask, `EMP-\d{6}`) || policy.Version == 0 {
		t.Fatalf("%+v", policy)
	}
	masks, bad := intercept.CompilePatterns(policy.Mask)
	if len(bad) > 0 {
		t.Fatal(bad)
	}
	a, _, err := intercept.Observe(intercept.Raw{User: strconv.Itoa(os.Getuid()), Command: "/usr/bin/stat", Cwd: "/", Mechanism: "sudo",
		Args: []string{"--password", "hunter2", "EMP-123456", "/root"}, Salt: bytes.Repeat([]byte("s"), 32), Mask: masks})
	if err != nil {
		t.Fatal(err)
	}
	id := web.AskWith(wire.Attempt{Request: elevation.NewRequestID(d.Now()), Attempt: a}, "the quota is wrong", "")
	r := d.Admin.See(id)
	if want := []string{"--password", "***", "***", "/root"}; !slices.Equal(r.Subject.Args, want) {
		t.Errorf("the approver sees %q", r.Subject.Args)
	}
	for _, secret := range []string{"hunter2", "EMP-123456"} {
		if found, err := client.All[client.Request](t.Context(), d.Admin.Client, "/requests", url.Values{"q": {secret}, "status": {"all"}}, 10); err != nil || len(found) != 0 {
			t.Errorf("%s is found: %v, %v", secret, found, err)
		}
		for _, path := range []string{"/requests/" + id, "/requests/" + id + "/timeline", "/requests/" + id + "/explain", "/audit?request=" + id} {
			if _, _, body := d.Raw(d.Admin, "GET", "/api/v1"+path, ""); strings.Contains(body, secret) {
				t.Errorf("%s shows %s", path, secret)
			}
		}
	}
	d.Admin.Does("approve", id, nil)
	if g := web.Grant(id); !bytes.Equal(g.Subject.ArgsDigest, a.Subject.ArgsDigest) {
		t.Error("the grant does not bind the real arguments")
	}
}
