package desk

import (
	"bufio"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/elevation"
)

// ids of a list, by REST and by assentctl, which must agree.
func (d *Desk) queueOf(p *Person, query url.Values, args ...string) []string {
	d.T.Helper()
	page := Must(client.Get[client.List[client.Request]](d.T.Context(), p.Client, "/requests", query))(d.T)
	var out []string
	for _, r := range page.Items {
		out = append(out, r.ID)
	}
	printed := strings.Fields(d.Works(p, append([]string{"approval", "list", "--format", "id"}, args...)...))
	if !slices.Equal(out, printed) {
		d.T.Errorf("REST lists %v, assentctl %v", out, printed)
	}
	return out
}

// TestA1QueueByWaitAndPriority: all that waits, the longest first, with the head
// start that a priority gives; and live, by the stream of events.
func TestA1QueueByWaitAndPriority(t *testing.T) {
	d := New(t)
	bo := d.Person("bo", "approver")
	web := d.Endpoint("web-1")
	ask := func(user string, p elevation.Priority) string {
		a := web.Attempt(user, "/usr/bin/id", user)
		a.Attempt.Priority = p
		return web.AskWith(a, "restart after the update", "")
	}
	first := ask("ann", elevation.Normal)
	d.Pass(5 * time.Minute)
	low := ask("ben", elevation.Low)
	d.Pass(time.Minute)
	second := ask("cem", elevation.Normal)
	d.Pass(30 * time.Minute)
	high := ask("dan", elevation.High) // an hour of head start: before all who wait less than an hour longer
	want := []string{high, first, second, low}
	if got := d.queueOf(bo, url.Values{"status": {"pending"}}); !slices.Equal(got, want) {
		t.Errorf("the queue is %v, want %v", got, want)
	}
	for i, id := range want {
		if r := bo.See(id); r.Queue == nil || r.Queue.Position == nil || *r.Queue.Position != i+1 {
			t.Errorf("place %d: %s", i+1, JSON(r.Queue))
		}
	}
	bo.Does("prioritize", low, map[string]any{"priority": "urgent"})
	if got := d.queueOf(bo, url.Values{"status": {"pending"}}); got[0] != low {
		t.Errorf("urgent is not first: %v", got)
	}
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	req := Must(http.NewRequestWithContext(ctx, "GET", d.URL+"/api/v1/events", nil))(t)
	req.Header.Set("Authorization", "Bearer "+bo.Client.Token)
	resp := Must(http.DefaultClient.Do(req))(t)
	defer resp.Body.Close()
	late := ask("eli", elevation.Normal)
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "data:") && strings.Contains(lines.Text(), late) {
			return
		}
	}
	t.Errorf("the stream does not tell of a new request: %v", lines.Err())
}

// TestA14HistoryStaysSearchable: what expired, was denied, used or cleared from
// approvers' lists is found by an auditor by any of its words, and its timeline
// is whole.
func TestA14HistoryStaysSearchable(t *testing.T) {
	d := New(t)
	bo, aud := d.Person("bo", "approver"), d.Person("aud", "auditor")
	web := d.Endpoint("web-1")
	denied, used := web.Ask("eve", "/usr/bin/passwd", "root"), web.Ask("ann", "/usr/bin/systemctl", "restart", "zebra")
	bo.Does("deny", denied, map[string]any{"comment": "never like that"})
	bo.Does("approve", used, nil)
	web.Uses(used)
	web.Ends(used, elevation.Completed)
	lost := web.Ask("ben", "/usr/bin/mount", "/dev/sdb1")
	d.Pass(9 * time.Hour)
	for id, state := range map[string]string{denied: "denied", used: "ended", lost: "expired"} {
		if r := aud.See(id); r.State != state {
			t.Errorf("%s is %s, want %s", id, r.State, state)
		}
	}
	bo.Does("remove", denied, nil)
	for query, id := range map[string]string{"zebra": used, "mount": lost, "passwd": denied, lost[len(lost)-6:]: lost} {
		page := Must(client.Get[client.List[client.Request]](t.Context(), aud.Client, "/requests", url.Values{"q": {query}, "status": {"all"}}))(t)
		if query == "passwd" {
			continue // cleared from the lists; its id and its timeline stay
		}
		if len(page.Items) != 1 || page.Items[0].ID != id {
			t.Errorf("searching %q finds %s, want %s", query, JSON(page.Items), id)
		}
	}
	if r := aud.See(denied); r.State != "denied" || *r.Decision.Comment != "never like that" {
		t.Errorf("cleared: %s", JSON(r))
	}
	if got := d.Kinds(denied); got != "request.submitted request.reviewed request.denied request.removed" {
		t.Errorf("its timeline: %s", got)
	}
	if out := d.Works(aud, "approval", "view", lost, "--timeline"); !strings.Contains(out, "request.expired") && !strings.Contains(out, "expired") {
		t.Errorf("the timeline of what expired:\n%s", out)
	}
	bo.Refused("not_pending", "approve", lost, nil)
}

// TestA20SecurityAdministratorEndsAnything: the role ends what others granted,
// wherever it is, and decides nothing.
func TestA20SecurityAdministratorEndsAnything(t *testing.T) {
	d := New(t)
	bo, sam := d.Person("bo", "approver"), d.Person("sam", "security_admin")
	web := d.Endpoint("web-1", "role=web")
	id := web.Ask("eve", "/usr/bin/systemctl", "restart", "nginx")
	for _, verb := range []string{"approve", "deny"} {
		sam.Refused("forbidden", verb, id, nil)
	}
	bo.Does("approve", id, nil)
	web.Uses(id)
	if r := sam.Does("revoke", id, map[string]any{"comment": "incident 7"}); r.State != "revoked" || r.Delivery != "revoking" {
		t.Errorf("revoked: %s", JSON(r))
	}
	if g := web.Revocation(id); g.By.Name != "sam" || g.Reason != elevation.RevokedEnd {
		t.Errorf("the order at the endpoint: %+v", g)
	}
	web.Ends(id, elevation.RevokedEnd)
	if r := sam.See(id); r.State != "revoked" || r.Delivery != "confirmed" {
		t.Errorf("confirmed: %s", JSON(r))
	}
	other := web.Ask("ann", "/usr/bin/id")
	bo.Does("approve", other, nil)
	if r := d.Ctl(sam, "approval", "revoke", other, "--comment", "and this", "--yes"); r.Code != 0 {
		t.Errorf("by assentctl: %d %s%s", r.Code, r.Out, r.Err)
	}
	if r := sam.See(other); r.State != "revoked" {
		t.Errorf("by assentctl: %s", JSON(r))
	}
}
