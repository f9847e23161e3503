package desk

import (
	"net/http"
	"strings"
	"testing"
)

// TestA5UnlinkedRiskyNeedsMore: what gives the whole machine to somebody whom no
// account stands for needs as many people as the settings say; nothing else does.
func TestA5UnlinkedRiskyNeedsMore(t *testing.T) {
	d := New(t)
	bo, cy, dina := d.Person("bo", "approver"), d.Person("cy", "approver"), d.Person("dina")
	web := d.Endpoint("web-1")
	linked(dina, web, "dina")
	if r := bo.Does("approve", web.Ask("eve", "/usr/bin/bash"), nil); r.State != "available" {
		t.Errorf("at first one is enough: %s", r.State)
	}
	for _, wrong := range []string{"0", "6", "-1", `"2"`} {
		if status, _, text := d.Raw(d.Admin, "PUT", "/api/v1/settings", `{"unlinked_risky_approvers":`+wrong+`}`); status != http.StatusBadRequest {
			t.Errorf("%s people: %d %s", wrong, status, text)
		}
	}
	d.Settings(map[string]any{"unlinked_risky_approvers": 2})
	if _, _, text := d.Raw(d.Admin, "GET", "/api/v1/settings", ""); !strings.Contains(text, `"unlinked_risky_approvers":2`) {
		t.Errorf("the settings: %s", text)
	}
	for name, row := range map[string]struct {
		user string
		argv []string
		need int
	}{
		"unlinked, a shell":           {"fay", []string{"/usr/bin/bash"}, 2},
		"linked, a shell":             {"dina", []string{"/usr/bin/bash"}, 1},
		"unlinked, a bounded command": {"fay", []string{"/usr/bin/id", "-u"}, 1},
	} {
		id := web.Ask(row.user, row.argv...)
		r := bo.See(id)
		if r.Approvals.Need != row.need || len(r.Approvals.Stages) != 1 {
			t.Errorf("%s: %s", name, JSON(r.Approvals))
		}
		r = bo.Does("approve", id, nil)
		if row.need == 1 {
			if r.State != "available" {
				t.Errorf("%s, with one vote: %s", name, r.State)
			}
			continue
		}
		if r.State != "pending" || r.Grant != nil {
			t.Errorf("%s, with one vote: %s", name, JSON(r))
		}
		if r = bo.Does("approve", id, nil); r.State != "pending" {
			t.Errorf("%s, with the same person twice: %s", name, r.State)
		}
		if r = cy.Does("approve", id, nil); r.State != "available" {
			t.Errorf("%s, with two votes: %s", name, r.State)
		}
	}
	// A rule that wants presence is of high risk too, and its larger quorum stays.
	d.Rules("rules:\n- name: there\n  match: {path: /usr/bin/mount}\n  then: require\n  require: {step_up: true}\n" +
		"- name: three\n  match: {path: /usr/bin/zsh}\n  then: require\n  require: {step_up: true, stages: [{team: Approvers, quorum: 3}]}\n")
	if r := bo.See(web.Ask("fay", "/usr/bin/mount")); r.Approvals.Need != 2 {
		t.Errorf("where presence is wanted: %s", JSON(r.Approvals))
	}
	if r := bo.See(web.Ask("fay", "/usr/bin/zsh")); r.Approvals.Need != 3 {
		t.Errorf("a rule's quorum: %s", JSON(r.Approvals))
	}
}
