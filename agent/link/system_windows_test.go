package link

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"golang.org/x/sys/windows/registry"
)

// What an administrator sets for all users of the machine is found, a script is
// fetched and run by Windows itself.
func TestSettingsOfTheMachine(t *testing.T) {
	policy := keyFor(t, internetPolicy)
	key := keyFor(t, internetSettings)
	s := systemSettings()
	to := &url.URL{Scheme: "https", Host: "assent.example:8443"}
	if err := key.SetDWordValue("ProxyEnable", 1); err != nil {
		t.Fatal(err)
	}
	if err := key.SetStringValue("ProxyServer", "http=a:1;https=proxy.example:3128"); err != nil {
		t.Fatal(err)
	}
	if ways, from, err := fromSystem(s, to); err != nil || from == "the machine's internet settings" {
		t.Errorf("without the policy: %v %s %v", ways, from, err)
	}
	if err := policy.SetDWordValue("ProxySettingsPerUser", 0); err != nil {
		t.Fatal(err)
	}
	if ways, from, err := fromSystem(s, to); err != nil || len(ways) != 1 || ways[0].String() != "http://proxy.example:3128" || from != "the machine's internet settings" {
		t.Errorf("with the policy: %v %s %v", ways, from, err)
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-ns-proxy-autoconfig")
		_, _ = w.Write([]byte(`function FindProxyForURL(url, host) { return host == "assent.example" ? "PROXY one.example:1; PROXY two.example:2" : "DIRECT"; }`))
	}))
	defer srv.Close()
	if err := key.SetStringValue("AutoConfigURL", srv.URL+"/x.pac"); err != nil {
		t.Fatal(err)
	}
	ways, from, err := fromSystem(s, to)
	if err != nil || from != "the machine's internet settings (PAC)" || len(ways) == 0 || ways[0].String() != "http://one.example:1" {
		t.Errorf("a script: %v %s %v", ways, from, err)
	}
	other := &url.URL{Scheme: "https", Host: "other.example"}
	if ways, _, err := fromSystem(s, other); err != nil || len(ways) != 1 || ways[0] != nil {
		t.Errorf("a script that says none: %v %v", ways, err)
	}
}

// keyFor is a key of the machine, without its values after the test.
func keyFor(t *testing.T, path string) registry.Key {
	t.Helper()
	key, _, err := registry.CreateKey(registry.LOCAL_MACHINE, path, registry.SET_VALUE|registry.QUERY_VALUE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, name := range []string{"ProxyEnable", "ProxyServer", "AutoConfigURL", "ProxySettingsPerUser"} {
			_ = key.DeleteValue(name) // most are in one of the two alone
		}
		_ = key.Close()
	})
	return key
}
