package desk

import (
	"testing"
)

// TestR14NeverForOneself: no approver files ahead or on behalf for the user that
// they are, by the name or by a link, at REST or by assentctl.
func TestR14NeverForOneself(t *testing.T) {
	d := New(t)
	eve, bo, cy := d.Person("eve", "approver"), d.Person("bo", "approver"), d.Person("cy", "approver")
	web := d.Endpoint("web-1")
	d.link(bo, web, "eve")
	from := web.Ask("eve", "/usr/bin/id")
	body := map[string]any{"access_type": "run", "endpoint": string(web.ID), "from_request": from, "for_user": "eve", "justification": "on Tuesday, INC-4821",
		"start": d.Now().UTC().Add(2 * 3600e9)}
	for _, p := range []*Person{eve, bo} {
		if _, err := p.Do("POST", "/requests", body); Code(err) != "self_approval" {
			t.Errorf("%s for themself: %v", p.Login, err)
		}
	}
	cy.Does("approve", from, nil)
	made := Must(cy.Do("POST", "/requests", body))(t)
	id, _ := made["id"].(string)
	if r := cy.See(id); r.Origin != "behalf" || r.State != "approved" || r.Decision == nil || r.Decision.By.Login != "cy" {
		t.Errorf("for somebody else: %s", JSON(r))
	}
	eve.Refused("self_approval", "deny", id, nil)
}
