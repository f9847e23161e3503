package desk

import (
	"net/url"
	"strings"
	"testing"
	"time"
)

// TestT5RetentionKeepsTheProof: after the days that the settings say, arguments
// and what people wrote are at no door any more; ids, verdicts and the log stay,
// and the log verifies.
func TestT5RetentionKeepsTheProof(t *testing.T) {
	d := New(t)
	bo, chief := d.Person("bo", "approver"), d.Person("chief", "administrator") // whose token lasts
	d.Settings(map[string]any{"retention": map[string]any{"arguments_days": 2, "reasons_days": 5}})
	web := d.Endpoint("web-1")
	a := web.Attempt("dina", "/usr/bin/curl", "--header", "cookie-of-dina")
	id := web.AskWith(a, "because the parcel of dina is late", "")
	bo.Does("deny", id, map[string]any{"comment": "use the other parcel service"})
	has := func(secret string) bool {
		for _, path := range []string{"/requests/" + id, "/requests/" + id + "/timeline", "/requests?status=all", "/audit"} {
			status, _, text := d.Raw(chief, "GET", "/api/v1"+path, "")
			if status != 200 {
				t.Fatalf("%s answers %d: %s", path, status, text)
			}
			if strings.Contains(text, secret) {
				return true
			}
		}
		status, _, found := d.Raw(chief, "GET", "/api/v1/requests?"+url.Values{"status": {"all"}, "q": {secret}}.Encode(), "")
		return status != 200 || strings.Contains(found, id)
	}
	if !has("cookie-of-dina") || !has("parcel of dina") || !has("other parcel service") {
		t.Fatal("it is not even there before")
	}
	d.Pass(49 * time.Hour)
	d.Eventually("the arguments are forgotten", func() bool { return !has("cookie-of-dina") })
	if !has("parcel of dina") || !has("other parcel service") {
		t.Error("reasons went with the arguments")
	}
	d.Pass(75 * time.Hour)
	d.Eventually("the reasons are forgotten", func() bool { return !has("parcel of dina") && !has("other parcel service") })
	r := chief.See(id)
	if r.State != "denied" || r.Decision == nil || r.Subject.Path != "/usr/bin/curl" || len(r.Subject.Args) != 0 {
		t.Errorf("what stays: %s", JSON(r))
	}
	if !has("request.denied") {
		t.Error("the log has lost the denial")
	}
	d.Works(chief, "audit", "verify")
}
