package link

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"golang.org/x/sys/windows/registry"
)

// TestWinHTTP: a script is fetched and run by Windows itself.
func TestWinHTTP(t *testing.T) {
	keys := map[string]registry.Key{internetPolicy: keyFor(t, internetPolicy), internetSettings: keyFor(t, internetSettings)}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-ns-proxy-autoconfig")
		_, _ = w.Write([]byte(`function FindProxyForURL(url, host) { return host == "assent.example" ? "PROXY one.example:1; PROXY two.example:2" : "DIRECT"; }`))
	}))
	defer srv.Close()
	internetContract(t, internet{winHTTP{}, srv.URL + "/x.pac",
		func(key, name string, n uint32) error { return keys[key].SetDWordValue(name, n) },
		func(key, name, text string) error { return keys[key].SetStringValue(name, text) }})
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
