package desk

import (
	"testing"

	"github.com/assent-epm/assent/shared/elevation"
)

// TestDesk is the shortest story: asked, approved, used, ended.
func TestDesk(t *testing.T) {
	d := New(t)
	bo := d.Person("bo", "approver")
	web := d.Endpoint("web-1", "role=web")
	id := web.Ask("eve", "/usr/bin/systemctl", "restart", "nginx")
	if r := bo.See(id); r.State != "pending" || *r.Endpoint.Name != "web-1" || r.Queue == nil {
		t.Fatalf("asked: %s", JSON(r))
	}
	if out := d.Works(bo, "approval", "list", "--format", "id"); out != id+"\n" {
		t.Errorf("the list is %q", out)
	}
	bo.Does("approve", id, map[string]any{"comment": "fine"})
	if g := web.Uses(id); string(g.Request) != id {
		t.Errorf("the grant is %+v", g)
	}
	if r := bo.See(id); r.State != "active" {
		t.Errorf("in use: %s", JSON(r))
	}
	web.Ends(id, elevation.Completed)
	if r := bo.See(id); r.State != "ended" || *r.EndReason != "completed" {
		t.Errorf("over: %s", JSON(r))
	}
	bo.Refused("already_decided", "deny", id, nil)
	if got := d.Kinds(id); got != "request.submitted request.reviewed request.approved grant.issued grant.delivered grant.started grant.ended auth.refused" {
		t.Errorf("it happened: %s", got)
	}
}
