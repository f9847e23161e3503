package console

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/e2e/browser"
	"github.com/assent-epm/assent/e2e/desk"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
)

// able is what the machines of these tests can do.
var able = []string{"run", "session", "admin", "policy", "observe", "rights"}

// right is a standing right whose id is made of n.
func right(n int, kind elevation.RightKind, user, group, source, text, fixed string) elevation.Right {
	return elevation.Right{ID: fmt.Sprintf("%016x", n), Kind: kind, User: user, Group: group, Source: source, Text: text,
		NoAsk: strings.Contains(text, "NOPASSWD"), All: strings.Contains(text, "ALL"), Fixed: fixed}
}

// usual are the standing rights of a machine as machines are.
func usual() []elevation.Right {
	return []elevation.Right{
		right(1, elevation.RightGroup, "dina.osei", "sudo", "/etc/group", "%sudo ALL=(ALL:ALL) ALL", ""),
		right(2, elevation.RightSudoers, "deploy", "", "/etc/sudoers.d/deploy:3", "deploy ALL=(root) NOPASSWD: /usr/bin/systemctl restart app", ""),
		right(3, elevation.RightRootGroup, "carl.meyer", "docker", "/etc/group", "member of docker", ""),
		right(4, elevation.RightSudoers, "", "wheel", "/etc/sudoers:42", "%wheel ALL=(ALL) ALL", "the members of this group are known to no file of this machine"),
	}
}

// tells makes an endpoint say its standing rights, and waits until they are known.
func tells(d *desk.Desk, e *desk.Endpoint, rights, taken []elevation.Right) {
	d.T.Helper()
	if err := e.Link.Tell(wire.Rights{At: d.Now(), Rights: rights, Taken: taken}); err != nil {
		d.T.Fatal(err)
	}
	d.Eventually("the rights are known", func() bool { return e.Link.Waiting() == 0 })
}

// obeys makes an endpoint do the newest order about its rights.
func obeys(d *desk.Desk, e *desk.Endpoint, nth int, rights, taken []elevation.Right) elevation.RightsOrder {
	d.T.Helper()
	var o elevation.RightsOrder
	d.Eventually("the order comes", func() bool { return len(desk.Frames(e, wire.TOrder, func(wire.Signed) bool { return true })) >= nth })
	raw := desk.Frames(e, wire.TOrder, func(wire.Signed) bool { return true })[nth-1].Raw
	if err := e.Link.KeySet().Open(sign.Rights, raw, d.Now(), &o); err != nil {
		d.T.Fatal(err)
	}
	if err := e.Link.Tell(wire.Ordered{Order: o.ID, Done: o.Rights, At: d.Now()}); err != nil {
		d.T.Fatal(err)
	}
	tells(d, e, rights, taken)
	return o
}

// crowd stores n machines that are not connected, as a fleet has them.
func crowd(d *desk.Desk, n int) {
	d.T.Helper()
	systems := []string{"Debian GNU/Linux 12", "Ubuntu 24.04.1 LTS", "Red Hat Enterprise Linux 9.4", "Windows 11 Pro 23H2", "macOS 15.1"}
	roles, sites := []string{"web", "db", "build", "laptop", "laptop"}, []string{"fra", "ams", "lis"}
	now := d.Now()
	err := d.Store().Update(d.T.Context(), func(tx *store.Tx) error {
		for i := range n {
			id := elevation.EndpointID(elevation.NewID(elevation.EndpointPrefix, now))
			ep := store.Endpoint{ID: id, Name: fmt.Sprintf("%s-%04d", roles[i%5], i), SPKI: []byte(id), Mode: []string{"observe", "ask"}[i%2], Capabilities: able,
				EnrolledAt: now.AddDate(0, -3, -i%28), LastSeen: now.Add(-time.Duration(i%40) * 7 * time.Hour), CertNotAfter: now.AddDate(0, 0, 20),
				Labels: map[string]string{"role": roles[i%5], "site": sites[i%3], "ring": fmt.Sprint(1 + i%4)},
				Facts:  wire.Facts{OS: "linux", OSVersion: systems[i%5], Arch: "amd64", AgentVersion: []string{"1.4.2", "1.4.0"}[i%7/6], IP: fmt.Sprintf("192.0.2.%d", i%250)}}
			if err := tx.InsertEndpoint(ep); err != nil {
				return err
			}
		}
		return tx.Append(audit.Event{At: now, Kind: audit.EndpointEnrolled, Actor: elevation.Actor{Kind: elevation.BySystem}})
	})
	if err != nil {
		d.T.Fatal(err)
	}
}

func endpoint(t testing.TB, p *desk.Person, id elevation.EndpointID) client.Endpoint {
	t.Helper()
	return get[client.Endpoint](t, p, "/endpoints/"+string(id), nil)
}

// The list of a large fleet is narrowed and opened; one endpoint is locked, paused,
// labelled and deleted.
func TestD11FleetPages(t *testing.T) {
	d, bo, b := open(t, "administrator")
	crowd(d, 1500)
	web := d.Able(able, "web-0134", "role=web", "site=fra", "ring=1")
	tells(d, web, usual(), nil)
	mika := d.Person("mika", "approver")
	used := web.Ask("carl.meyer", "/usr/bin/systemctl", "restart", "nginx")
	mika.Does("approve", used, nil)
	web.Uses(used)

	b.Go("#/endpoints")
	b.Reads(".fl-counted", "1,501 endpoints")
	if n := b.Number(".gridrow"); n < 8 || n > 60 {
		t.Errorf("%d rows are in the document", n)
	}
	b.Looks("endpoints", nil)
	b.Eval(`URL.createObjectURL = (f) => { f.text().then((t) => { window.filed = t; }); return "data:,"; }`, nil)
	b.ClickText("button", "CSV") // all of them, not only those that were read
	b.Reads(".toasts", "1,501 rows saved")
	b.Until(`window.filed.trim().split("\r\n").length === 1502 && window.filed.includes("web-0134")`)
	b.Eval(`document.querySelector(".grid").scrollTo(0, 9000), 0`, nil)
	b.Until(`[...document.querySelectorAll(".gridrow")].some((r) => Number(r.ariaRowIndex) > 150)`)
	b.Until(`document.querySelector(".grid").scrollTo(0, 1e6), [...document.querySelectorAll(".gridrow")].some((r) => Number(r.ariaRowIndex) > 1400)`)
	if n := b.Number(".gridrow"); n > 60 {
		t.Errorf("%d rows are in the document", n)
	}
	b.Type("input[type=search]", "web-0134")
	b.Reads(".fl-counted", "1 endpoint")
	b.Reads(".gridrow", "Online")
	b.Reads(".gridrow", "web-0134")
	b.ClickText("button", "Clear")
	b.Fill(".labelfilter", "role=web,ring=1")
	b.Key("Enter")
	b.Until(`location.hash.includes("labels=role%3Dweb%2Cring%3D1") && !document.querySelector(".fl-counted").innerText.includes("1,501")`)
	b.Choose("select[aria-label=State]", "Online")
	b.Reads(".fl-counted", "1 endpoint")
	b.Choose("select[aria-label=Mode]", "Off")
	b.Reads(".page", "No endpoint is like this")
	b.ClickText("button", "Clear the filters")
	b.Reads(".fl-counted", "1,501 endpoints")

	b.Go("#/endpoints/list/" + string(web.ID))
	b.Reads(".pagehead h1", "web-0134")
	b.Reads(`[aria-label="Granted now"]`, "carl.meyer")
	b.Reads(`[aria-label="Standing rights"]`, "/etc/sudoers.d/deploy:3")
	b.Reads(".fl-facts", "right") // the clock
	b.Looks("endpoint", nil)

	b.ClickText(".pageacts button", "Lock…")
	b.Reads("dialog", "what runs there with more rights is ended now")
	b.Type("dialog textarea", "somebody lost it")
	b.Looks("endpoint-lock", nil)
	b.ClickText("dialog button", "Lock it")
	b.Reads(".note.no", "somebody lost it")
	if e := endpoint(t, bo, web.ID); !e.Locked || *e.LockedWhy != "somebody lost it" || *e.LockedBy != "bo" {
		t.Errorf("locked: %s", desk.JSON(e))
	}
	web.Revocation(used)
	b.ClickText(".pageacts button", "Unlock…")
	b.ClickText("dialog button", "Unlock")
	b.Gone(".note.no")

	b.ClickText(".pageacts button", "Pause…")
	b.Choose("dialog select", "4 hours")
	b.Type("dialog input[name=comment]", "the directory is down")
	b.Looks("endpoint-pause", nil)
	b.ClickText("dialog button", "Pause")
	b.Reads(".note.warn", "the directory is down")
	e := endpoint(t, bo, web.ID)
	if e.PausedUntil == nil || time.Until(*e.PausedUntil) < 3*time.Hour || e.Mode != "observe" {
		t.Errorf("paused: %s", desk.JSON(e))
	}
	b.ClickText(".note.warn button", "Resume…")
	b.ClickText("dialog button", "Resume")
	b.Gone(".note.warn")
	if e := endpoint(t, bo, web.ID); e.PausedUntil != nil {
		t.Errorf("resumed: %s", desk.JSON(e))
	}

	b.ClickText(`[aria-label=Labels] button`, "Edit")
	label(b, "Labels", "tier", "gold")
	b.ClickText(`[aria-label=Labels] button`, "Remove site")
	b.Type(`input[aria-label="Labels: new key"]`, "owner") // without Add
	b.Type(`input[aria-label="Labels: its value"]`, "it")
	b.ClickText(`[aria-label=Labels] button`, "Save")
	b.Reads(".toasts", "The labels are changed")
	b.Reads(`[aria-label=Labels]`, "tier=gold")
	if l := endpoint(t, bo, web.ID).Labels; l["tier"] != "gold" || l["owner"] != "it" || l["site"] != "" || l["role"] != "web" {
		t.Errorf("labels: %v", l)
	}
	b.ClickText("button", "Revoke all grants…")
	b.ClickText("dialog button", "Revoke all")
	b.Reads(".toasts", "nothing to revoke")
	b.ClickText("button", "Delete this endpoint…")
	b.ClickText("dialog button", "Delete it")
	b.Until(`location.hash === "#/endpoints"`)
	b.Expect("404")
	if _, err := client.Get[client.Endpoint](t.Context(), bo.Client, "/endpoints/"+string(web.ID), nil); desk.Code(err) != "not_found" {
		t.Errorf("deleted: %v", err)
	}
}

// Standing rights are seen over the fleet, taken over by label after a preview, and
// given back on one endpoint.
func TestD10StandingRightsPages(t *testing.T) {
	d, bo, b := open(t, "administrator")
	web, db := d.Able(able, "web-0134", "role=web", "ring=1"), d.Able(able, "db-0007", "role=db")
	lost := d.Able([]string{"run"}, "old-0001", "role=web", "ring=1") // knows no standing rights
	for _, e := range []*desk.Endpoint{web, db} {
		tells(d, e, usual(), nil)
	}
	count := func(taken string) int64 {
		return get[client.List[client.StandingRight]](t, bo, "/standing-rights", url.Values{"taken": {taken}}).Total
	}
	b.Go("#/endpoints/rights")
	b.Reads(".fl-counted", "8 stand, 0 taken over")
	b.Reads(".grid", "Everybody in wheel")
	b.Looks("rights", nil)
	b.Click(".gridrow code")
	b.Reads("dialog", "/etc/sudoers:42")
	b.Reads("dialog", "known to no file of this machine")
	b.Looks("right", nil)
	b.Key("Escape")
	b.Gone("dialog")
	b.Choose("select[aria-label=Kind]", "sudo rule")
	b.Until(`document.querySelectorAll(".gridrow").length === 4`)
	b.ClickText("button", "Clear")
	b.Until(`document.querySelectorAll(".gridrow").length === 8`)

	b.ClickText("button", "Take over by label…")
	b.Until(`document.querySelector("dialog .primary").disabled`)
	b.Fill("dialog input", "ring=1")
	b.Reads(".fl-preview", "3 rights of 3 users on 1 endpoint")
	b.Reads(".fl-preview", "1 more are only listed")
	b.Type("dialog textarea", "ring one asks from now on")
	b.Looks("rights-take-over", nil)
	b.ClickText("dialog button", "Take over 3 rights")
	b.Reads("dialog", "Ordered on 1 of 2 endpoints")
	b.Reads(".results", "does not know standing rights")
	b.Reads(".results", "Not ordered")
	b.Reads(".results", "old-0001")
	b.Looks("rights-results", nil)
	b.ClickText("dialog button", "Done")
	b.Reads(".grid", "Taking over…")
	all := usual()
	if o := obeys(d, web, 1, all[3:], all[:3]); o.Act != elevation.TakeOver || len(o.Rights) != 3 || o.By.Name != "bo" {
		t.Errorf("the order is %+v", o)
	}
	b.Reads(".fl-counted", "5 stand, 3 taken over")
	if n := count("true"); n != 3 {
		t.Errorf("%d are taken", n)
	}
	if f := desk.Frames(lost, wire.TOrder, func(wire.Signed) bool { return true }); len(f) > 0 {
		t.Errorf("the old one got %d orders", len(f))
	}

	b.Go("#/endpoints/list/" + string(web.ID))
	b.Reads(`[aria-label="Standing rights"]`, "Taken over")
	b.Click(`[aria-label="Standing rights"] .gridrow:last-child input`) // that of dina.osei
	b.Until(`[...document.querySelectorAll("button")].some((e) => e.innerText.includes("chosen (1)"))`)
	b.Looks("endpoint-rights", nil)
	b.Eval(`[...document.querySelectorAll("button")].find((e) => e.innerText.includes("chosen (1)")).click(), 0`, nil)
	b.Reads("dialog", "byte for byte")
	b.Type("dialog textarea", "it was needed after all")
	b.ClickText("dialog button", "Give back")
	b.Reads(".toasts", "Give back of 1 right is ordered")
	if o := obeys(d, web, 2, append(slices.Clone(all[3:]), all[0]), all[1:3]); o.Act != elevation.GiveBack || len(o.Rights) != 1 {
		t.Errorf("the order is %+v", o)
	}
	b.Reads(`[aria-label="Standing rights"]`, "Stands")
	if n := count("true"); n != 2 {
		t.Errorf("%d are taken", n)
	}
}

// holdsNext makes the page wait for its next answer from such a path, from when
// window.held is true until window.letGo is called.
func holdsNext(b *browser.Tab, path string) {
	b.T.Helper()
	b.Eval(`(() => {
		const real = window.fetch;
		window.fetch = async (...a) => {
			const answer = await real(...a);
			if (!String(a[0]).includes(`+browser.Quote(path)+`) || window.held) return answer;
			window.held = true;
			await new Promise((go) => { window.letGo = go; });
			return answer;
		};
	})(), 0`, nil)
}

// Rows that are asked for while the list is read anew, because something happened in
// the fleet, come all the same.
func TestMoreRowsWhileReadAnew(t *testing.T) {
	d, bo, b := open(t, "administrator")
	crowd(d, 420)
	b.Go("#/endpoints")
	b.Reads(".fl-counted", "420 endpoints")
	holdsNext(b, "/endpoints?")
	one := get[client.List[client.Endpoint]](t, bo, "/endpoints", url.Values{"limit": {"1"}}).Items[0]
	if err := d.Admin.Call(t.Context(), "PATCH", "/endpoints/"+one.ID, nil, map[string]any{"labels": map[string]string{"ring": "9"}}, nil); err != nil {
		t.Fatal(err)
	}
	b.Until(`window.held === true`)
	b.Eval(`document.querySelector(".grid").scrollTo(0, 1e6), 0`, nil)
	b.Until(`[...document.querySelectorAll(".gridrow")].some((r) => Number(r.ariaRowIndex) === 201)`)
	b.Eval(`window.letGo(), 0`, nil)
	b.Until(`document.querySelector(".gridmore")?.innerText.includes("400 of 420")`)
	b.Until(`document.querySelector(".grid").scrollTo(0, 1e6), [...document.querySelectorAll(".gridrow")].some((r) => Number(r.ariaRowIndex) === 421)`)
}
