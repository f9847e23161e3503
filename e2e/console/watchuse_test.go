package console

import (
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/browser"
	"github.com/assent-epm/assent/e2e/desk"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// reviewRules want a review after use, one with a comment.
const reviewRules = `rules:
  - name: looked-at
    match: {path: /usr/bin/visudo, args: [{rest: true}]}
    then: require
    require: {stages: [{team: Approvers, quorum: 1}], after_review: {team: Approvers, comment: true, blocks: true}}
  - name: glanced-at
    match: {path: /usr/bin/mount, args: [{rest: true}]}
    then: require
    require: {stages: [{team: Approvers, quorum: 1}], after_review: {team: Approvers}}
`

// ran tells that a program ran inside a grant; why says that it was not let.
func ran(d *desk.Desk, e *desk.Endpoint, id, why string, argv ...string) {
	d.T.Helper()
	s := elevation.Subject{Path: argv[0], Args: argv[1:], Cwd: "/root", RunAs: "root"}
	if err := e.Link.Report(wire.Report{Request: elevation.RequestID(id), Grant: e.Grant(id).ID, Kind: elevation.ReportListed, Failed: why != "", Text: why, Subject: &s, At: d.Now().UTC()}); err != nil {
		d.T.Fatal(err)
	}
	d.Eventually("what ran is accepted", func() bool { return e.Link.Waiting() == 0 })
}

// Live sessions come, show what runs in them, tick, and are ended from the page.
func TestLivePage(t *testing.T) {
	d, bo, b := open(t, "approver")
	b.Go("#/live")
	b.Reads(".page", "Nothing runs right now")
	m := fill(d)
	b.Reads(".grid", "carl.meyer")
	shell := m.build.AskWith(m.build.Attempt("hiro.sato", "/usr/bin/bash", "-l"), "The backup job ate the disk "+hostile, "INC-77")
	bo.Does("approve", shell, map[string]any{"duration_seconds": 900})
	m.build.Uses(shell)
	b.Reads(".livesum", "2 run")
	b.Until(`document.querySelectorAll(".gridrow.opens").length === 2`)
	b.Looks("live", nil)
	var before, after string
	b.Until(`/^1[45]:[0-5][0-9]$/m.test(document.querySelector(".grid").innerText)`)
	b.Eval(`[...document.querySelectorAll(".timeleft b")].map((e) => e.innerText).find((t) => /^1[45]:/.test(t))`, &before)
	b.Until(`[...document.querySelectorAll(".timeleft b")].map((e) => e.innerText).find((t) => /^1[45]:/.test(t)) !== ` + browser.Quote(before))
	b.Eval(`[...document.querySelectorAll(".timeleft b")].map((e) => e.innerText).find((t) => /^1[45]:/.test(t))`, &after)
	if after >= before {
		t.Errorf("the time goes from %q to %q", before, after)
	}

	b.Go("#/live/" + shell)
	b.Reads(".page", "What ran")
	ran(d, m.build, shell, "", "/usr/bin/df", "-h")
	b.Reads(".ranlist", "/usr/bin/df")
	ran(d, m.build, shell, "shells are not for this session", "/usr/bin/su", hostile)
	b.Reads(".ranlist li:first-child", "shells are not for this session")
	b.Reads(".ranlist li:first-child", "onerror=alert(1)")
	b.Looks("live-one", nil)
	b.ClickText(".pageacts button", "End now")
	b.Reads("dialog", "takes the rights back")
	b.ClickText("dialog button", "End now")
	b.Until(`document.querySelector("dialog textarea").matches(":invalid")`)
	b.Type("dialog textarea", "the change is called off")
	b.Looks("live-end", nil)
	b.ClickText("dialog button", "End now")
	if r := m.build.Revocation(shell); r.Request != elevation.RequestID(shell) {
		t.Errorf("at the endpoint: %+v", r)
	}
	m.build.Ends(shell, elevation.RevokedEnd)
	b.Reads(".page", "does not run any more")
	if r := bo.See(shell); r.State != "revoked" && r.State != "ended" {
		t.Errorf("it is %s", r.State)
	}
	b.Go("#/live")
	b.Until(`document.querySelectorAll(".gridrow.opens").length === 1`)
	if n := len(get[client.List[client.Request]](t, bo, "/live", nil).Items); n != 1 {
		t.Errorf("%d run by REST", n)
	}
}

// Who only reads sees what runs, and no way to end it.
func TestLivePageOfAnAuditor(t *testing.T) {
	d, _, b := open(t, "auditor")
	m := fill(d)
	b.Go("#/live")
	b.Reads(".grid", "carl.meyer")
	b.Go("#/live/" + m.used)
	b.Reads(".page", "What ran")
	b.Until(`![...document.querySelectorAll("button")].some((e) => e.innerText.includes("End now"))`)
}

// What waits for a review is looked at and reviewed, with a comment where a rule
// wants one; then it is among what was done.
func TestReviewsPage(t *testing.T) {
	d, bo, b := open(t, "approver")
	b.Go("#/reviews")
	b.Reads(".page", "Nothing waits for a review")
	mika := d.Person("mika", "approver")
	d.Rules(reviewRules)
	web := d.Able([]string{"session", "admin"}, "web-0134", "role=web")
	first := web.AskWith(web.Attempt("eve.novak", "/usr/bin/visudo", "-f", "/etc/sudoers.d/ops"), "Ops needs the new group "+hostile, "INC-90")
	mika.Does("approve", first, map[string]any{"comment": "only the one group"})
	web.Uses(first)
	ran(d, web, first, "", "/usr/bin/vi", "/etc/sudoers.d/ops")
	ran(d, web, first, "", "/usr/bin/cat", "/etc/group")
	web.Ends(first, elevation.Completed)
	second := web.Ask("dina.osei", "/usr/bin/mount", "/dev/sdb1", "/mnt")
	mika.Does("approve", second, nil)
	web.Uses(second)
	web.Ends(second, elevation.Completed)
	b.Reads(".grid", "eve.novak")
	b.Reads(".tabs .on .n", "2")
	b.Looks("reviews", nil)

	b.Go("#/reviews/" + first)
	b.Reads(".ranlist", "/etc/sudoers.d/ops")
	b.Reads(".page", "Until then the same can not be asked for again")
	b.Looks("review", nil)
	b.ClickText("button", "I have looked at it")
	b.Until(`document.querySelector("textarea").matches(":invalid")`)
	b.Type("textarea", "The one group, as agreed.")
	b.ClickText("button", "I have looked at it")
	b.Until(`location.hash === "#/reviews"`)
	if a := bo.See(first).AfterReview; a.By == nil || a.By.Login != "bo" || a.Comment == nil || *a.Comment != "The one group, as agreed." {
		t.Errorf("reviewed: %s", desk.JSON(a))
	}
	b.Until(`document.querySelectorAll(".gridrow.opens").length === 1`)
	b.Click(".gridrow.opens")
	b.ClickText("button", "I have looked at it") // no comment is asked for
	b.Reads(".page", "Nothing waits for a review")
	b.ClickText(".tabs a", "Done")
	b.Reads(".grid", "The one group, as agreed.")
	b.Until(`document.querySelectorAll(".gridrow.opens").length === 2`)
	b.Looks("reviews-done", nil)
	b.Go("#/reviews/" + first)
	b.Reads(".page blockquote", "The one group, as agreed.")
}

// An emergency is reviewed by somebody else than who had it.
func TestReviewOfAnEmergency(t *testing.T) {
	d, _, b := open(t, "approver")
	ann := d.Person("ann", "administrator")
	web := d.Able([]string{"session", "admin"}, "web-0134")
	desk.Must(d.Admin.Do("POST", "/links", map[string]any{"account": "ann", "endpoint": string(web.ID), "user": "root-ann", "uid": desk.UID("root-ann")}))(t)
	r, err := ann.SignIn().File(t.Context(), client.NewRequest{AccessType: "admin", Endpoint: "web-0134", Emergency: true, Justification: "the shop is down"})
	if err != nil {
		t.Fatal(err)
	}
	web.Uses(r.ID)
	if err := web.Link.Report(wire.Report{Request: elevation.RequestID(r.ID), Grant: web.Grant(r.ID).ID, Kind: elevation.ReportEnded, Reason: elevation.Completed, At: d.Now().UTC(),
		Changes: []wire.Change{{What: "sudoers", Name: "/etc/sudoers.d/backdoor", How: "added", Text: "dina ALL=(ALL) NOPASSWD: ALL " + hostile}}}); err != nil {
		t.Fatal(err)
	}
	b.Go("#/reviews")
	b.Reads(".grid", "Emergency")
	b.Click(".gridrow.opens")
	b.Reads(".page", "Emergency, nobody was asked")
	b.Reads(".page", "/etc/sudoers.d/backdoor")
	b.Looks("review-emergency", nil)
	b.Type("textarea", "Removed the rule again, talked to ann.")
	b.ClickText("button", "I have looked at it")
	b.Until(`location.hash === "#/reviews"`)

	b.SignOut()
	d.Password("ann")
	b.SignIn("ann", desk.Password)
	b.Go("#/reviews/" + r.ID)
	b.Reads(".page", "Removed the rule again")
}

// history is a desk with some days behind it, that ends now.
func history(t *testing.T, days int) (*desk.Desk, *desk.Person) {
	t.Helper()
	browser.Need(t)
	d := desk.Open(t, time.Now().Add(-time.Duration(days)*24*time.Hour), func(c *controller.Config) {
		c.Log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))
	})
	bo, mika := account(d, "bo", "auditor"), d.Person("mika", "approver")
	d.Rules("rules:\n  - name: looks\n    match: {path: /usr/bin/uptime, args: []}\n    then: approve\n")
	web, lap := d.Endpoint("web-0134", "role=web"), d.Endpoint("ubu-0810", "role=laptop")
	programs := [][]string{{"/usr/bin/systemctl", "restart", "nginx"}, {"/usr/bin/mount", "/dev/sdb1"}, {"/usr/sbin/modprobe", "evdi"}, {"/usr/bin/systemctl", "status"}}
	for day := range days {
		for n := range 1 + day*7%4 {
			lap.Send(lap.Attempt("dina.osei", "/usr/bin/uptime"))
			e := []*desk.Endpoint{web, lap}[n%2]
			id := e.Ask([]string{"dina.osei", "carl.meyer", "eve.novak"}[(day+n)%3], programs[(day*3+n)%len(programs)]...)
			d.Pass(time.Duration(2+(day*5+n*11)%23) * time.Minute)
			if (day+n)%5 == 4 {
				mika.Does("deny", id, map[string]any{"comment": "not on a Friday"})
				continue
			}
			mika.Does("approve", id, nil)
			e.Uses(id)
			e.Ends(id, elevation.Completed)
		}
		if left := time.Until(d.Now()); day < days-1 || left < -24*time.Hour {
			d.Pass(22 * time.Hour)
		}
	}
	return d, bo
}

// Reports have their pictures, their table and what is taken along.
func TestReportsPages(t *testing.T) {
	d, bo := history(t, 9)
	b := browse(t, d)
	b.SignIn("bo", desk.Password)
	b.Go("#/reports")
	b.Reads(".figures", "answered by rules")
	b.Sees(".chart :is(canvas, svg)")
	b.Reads(".bars-chart", "systemctl")
	b.Looks("reports", nil)
	all := get[client.List[client.ReportInfo]](t, bo, "/reports", nil).Items
	for _, r := range all {
		b.Go("#/reports/" + r.Name)
		b.Reads(".pagehead h1", r.Title)
		b.Until(`document.querySelector(".page .counted") && !document.querySelector(".waiting")`)
		b.Until(`document.querySelector(".pagehead > p.mute").innerText.length > 30`)
		got := get[client.Report](t, bo, "/reports/"+r.Name, nil)
		b.Reads(".counted", strings.Replace(fmt.Sprintf("%d line", len(got.Rows)), "0 line", "0 lines", 1))
		b.Axe()
	}
	for _, name := range []string{"volume", "per-application", "waiting-times", "could-and-did", "coverage"} {
		b.Go("#/reports/" + name)
		b.Sees(".gridrow")
		b.Looks("report-"+name, nil)
	}

	// Another time, labels, the files and paper.
	b.Go("#/reports/per-application")
	b.Reads(".grid", "/usr/bin/uptime")
	b.Fill(".bylabel", "role=web")
	b.Key("Enter")
	b.Until(`!document.querySelector(".grid")?.innerText.includes("/usr/bin/uptime") && location.hash.includes("labels=role%3Dweb")`)
	want := get[client.Report](t, bo, "/reports/per-application", url.Values{"labels": {"role=web"}})
	b.Reads(".counted", fmt.Sprintf("%d line", len(want.Rows)))
	b.Expect("400") // a time that begins after it ends
	b.Choose("select[aria-label=Time]", "From … to …")
	b.Eval(`{const set = (n, v) => { const e = document.querySelector("input[aria-label=" + n + "]"); e.value = v; e.dispatchEvent(new Event("change", {bubbles: true})); }; set("To", "2001-01-31"); setTimeout(() => set("From", "2001-01-01"), 300)}`, nil)
	b.Reads(".page", "Nothing in this time")
	b.Go("#/reports/per-application")
	b.Reads(".grid", "/usr/bin/uptime")
	b.Eval(`window.csv = ""; {const real = URL.createObjectURL; URL.createObjectURL = (blob) => { blob.text().then((t) => { window.csv = t; }); return real(blob); };}`, nil)
	b.ClickText(".export button", "CSV")
	b.Until(`window.csv.includes('"program","requests"') && window.csv.includes('"/usr/bin/uptime"')`)
	b.Eval(`window.print = () => { window.printed = document.querySelectorAll(".paper tbody tr").length }`, nil)
	b.ClickText("button", "Print")
	b.Until(fmt.Sprintf(`window.printed === %d`, len(get[client.Report](t, bo, "/reports/per-application", nil).Rows)))
}
