package desk

import (
	"strings"
	"testing"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/elevation"
)

// TestA18EmergenciesAndUnreviewed follows an emergency and a request with a
// review after use through the reports, until somebody has looked at them.
func TestA18EmergenciesAndUnreviewed(t *testing.T) {
	d := New(t)
	bo, aud, ann := d.Person("bo", "approver"), d.Person("aud", "auditor"), d.Person("ann", "administrator")
	d.team("Audit", aud)
	d.Rules(strings.Replace(reviewedAfterwards, ", blocks: true", "", 1))
	web := d.Able([]string{"session", "admin"}, "web-1", "role=web")
	linked(ann, web, "root-ann")
	here := ann.SignIn()
	urgent := here.files(client.NewRequest{AccessType: "session", Endpoint: "web-1", Emergency: true, Justification: "the shop is down"})
	web.Uses(urgent.ID)
	web.Ends(urgent.ID, elevation.Completed)
	id := web.Ask("eve", "/usr/bin/id")
	bo.Does("approve", id, nil)
	web.Uses(id)
	web.Ends(id, elevation.Completed)

	row := d.report(aud, "emergencies")
	if len(row) != 1 || row[0]["request"] != urgent.ID || row[0]["user"] != "root-ann" || row[0]["reason"] != "the shop is down" || row[0]["used"] != "yes" || row[0]["reviewed_by"] != "" {
		t.Errorf("emergencies: %v", row)
	}
	if rows := d.report(aud, "unreviewed"); len(rows) != 2 {
		t.Errorf("unreviewed: %v", rows)
	}
	aud.Does("after-review", id, map[string]any{"comment": "as agreed"})
	if rows := d.report(aud, "unreviewed"); len(rows) != 1 || rows[0]["request"] != urgent.ID {
		t.Errorf("unreviewed after one review: %v", rows)
	}
	cover := d.report(aud, "could-and-did")
	if len(cover) != 2 || cover[0]["emergency"]+cover[1]["emergency"] != "10" && cover[0]["emergency"]+cover[1]["emergency"] != "01" {
		t.Errorf("could-and-did: %v", cover)
	}
	other := d.Scoped("otto", map[string]string{"role": "db"}, "auditor")
	for _, name := range []string{"emergencies", "unreviewed", "could-and-did"} {
		if rows := d.report(other, name); len(rows) != 0 {
			t.Errorf("%s outside of the scope: %v", name, rows)
		}
	}
}
