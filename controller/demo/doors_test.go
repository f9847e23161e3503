package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/assent-epm/assent/shared/elevation"
)

// A seat can be taken again and again, by whoever has its address and nobody else.
func TestDoors(t *testing.T) {
	made := 0
	d := NewDoors("http://localhost:8080", func(_ context.Context, login string) (string, error) {
		switch login {
		case "admin":
			made++
			return fmt.Sprint("http://localhost:8080/#/sign-in?link=", made), nil
		case "broken":
			return "", errors.New("the disk is full")
		}
		return "", elevation.ErrNotFound
	})
	h := d.Before(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	call := func(method, path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
		return w
	}
	admin := strings.TrimPrefix(d.Address("admin"), "http://localhost:8080")
	for n := 1; n < 4; n++ {
		w := call("GET", admin)
		if want := fmt.Sprint("http://localhost:8080/#/sign-in?link=", n); w.Code != http.StatusSeeOther || w.Header().Get("Location") != want || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("visit %d: %d %v", n, w.Code, w.Header())
		}
	}
	for name, row := range map[string]struct {
		method, path string
		want         int
	}{
		"everything else":   {"GET", "/", 418},
		"another secret":    {"GET", "/demo/abc/admin", 404},
		"no secret":         {"GET", "/demo//admin", 404},
		"nothing":           {"GET", "/demo/", 404},
		"only the login":    {"GET", "/demo/admin", 404},
		"nobody":            {"GET", strings.TrimSuffix(admin, "admin") + "eve", 404},
		"below a seat":      {"GET", admin + "/x", 404},
		"not only read":     {"POST", admin, 404},
		"a fault":           {"GET", strings.TrimSuffix(admin, "admin") + "broken", 500},
		"in capital letter": {"GET", strings.ToUpper(admin), 418},
	} {
		if w := call(row.method, row.path); w.Code != row.want || w.Header().Get("Location") != "" || strings.Contains(w.Body.String(), "disk") {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	if made != 3 {
		t.Errorf("%d links were made", made)
	}
	one, other := NewDoors("", nil), NewDoors("", nil)
	if one.Address("admin") == other.Address("admin") {
		t.Error("two demonstrations have the same doors")
	}
}
