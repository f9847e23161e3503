package desk

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller"
)

// TestT5HiddenApproversStayHiddenInEvidence: an approver who is the requester
// reads no names in the bundle of proofs, which can not be veiled.
func TestT5HiddenApproversStayHiddenInEvidence(t *testing.T) {
	d := New(t)
	bo, cy := d.Person("bobby-approver", "approver"), d.Person("cyrus-approver", "approver")
	d.Settings(map[string]any{"show_approvers": false})
	web := d.Endpoint("web-1")
	d.link(bo, web, "eve")
	id := web.Ask("eve", "/usr/bin/id")
	cy.Does("approve", id, nil)
	if status, _, text := d.Raw(bo, "GET", "/api/v1/requests/"+id+"/proof", ""); status != http.StatusForbidden || strings.Contains(text, "cyrus") {
		t.Errorf("%d %s", status, text)
	}
	if status, _, text := d.Raw(cy, "GET", "/api/v1/requests/"+id+"/proof", ""); status != http.StatusOK || !strings.Contains(text, "cyrus") {
		t.Errorf("an approver gets %d", status)
	}
}

// TestA17RefusalsOfABatchCount: every refusal is a line of the audit log, so a
// batch of them is paid for like as many calls.
func TestA17RefusalsOfABatchCount(t *testing.T) {
	t.Parallel()
	var still atomic.Pointer[time.Time] // no allowance grows while the clock stands
	d := Open(t, time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC), func(cfg *controller.Config) {
		goes := cfg.Now
		cfg.Now = func() time.Time {
			if at := still.Load(); at != nil {
				return *at
			}
			return goes()
		}
	})
	evelyn := d.Person("evelyn")
	web := d.Endpoint("web-1")
	d.link(evelyn, web, "eve")
	id := web.Ask("eve", "/usr/bin/id")
	ids := strings.TrimSuffix(strings.Repeat(fmt.Sprintf("%q,", id), 500), ",")
	const allowed = 200 // of a burst
	at, limited := d.Now(), 0
	still.Store(&at)
	for range 2 {
		status, _, text := d.Raw(evelyn, "POST", "/api/v1/requests/batch", `{"action":"approve","ids":[`+ids+`]}`)
		if status != http.StatusOK && status != http.StatusTooManyRequests {
			t.Fatalf("%d %s", status, text)
		}
		limited += strings.Count(text, "rate_limited")
	}
	still.Store(nil)
	if limited == 0 {
		t.Error("no refusal was too many")
	}
	if n := strings.Count(d.Kinds(id), "auth.refused"); n > allowed {
		t.Errorf("%d lines in the audit log, %d are paid for", n, allowed)
	}
	bo := d.Person("bo", "approver")
	other := web.Ask("eve", "/usr/bin/id", "-u")
	bo.Does("approve", other, nil)
}
