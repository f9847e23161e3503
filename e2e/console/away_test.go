package console

import (
	"log/slog"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller"
	"github.com/assent-epm/assent/e2e/browser"
	"github.com/assent-epm/assent/e2e/desk"
)

// The controller goes away and comes back at the same address with the same data.
// Meanwhile nothing can be answered and nothing that somebody writes is lost; what
// happened behind the console's back is there afterwards, and the answer is given.
func TestQueueWhileTheControllerIsAway(t *testing.T) {
	browser.Need(t)
	data := t.TempDir()
	quiet := func(c *controller.Config) { c.Log = slog.New(slog.DiscardHandler) }
	d, stop := desk.Over(t, data, time.Now(), quiet)
	account(d, "bo", "approver")
	web, agents := d.Addr(), d.AgentAddr()
	ids := busy(d, 3)
	b := browse(t, d)
	b.SignIn("bo", desk.Password)
	b.Until(on(ids[0]))
	b.Type("#comment", "only until tonight")

	b.Expect("ERR_", "503")
	stop()
	b.Reads(".offline:not(.tip)", "Not live since")
	b.Type("#comment", ", please")
	b.Until(`[...document.querySelectorAll(".answer .actions button")].every((e) => e.disabled) && document.querySelectorAll(".list .row").length === 3`)
	b.Press("a")
	b.Reads(".toasts", "nothing was sent")
	b.Press("x")
	b.Until(`[...document.querySelectorAll(".bulk button")].filter((e) => e.disabled).length === 3`)
	b.Press("Escape")
	b.Looks("away", nil)

	// While the console can not reach it, the controller runs elsewhere.
	elsewhere, stop := desk.Over(t, data, time.Now(), quiet)
	ana := elsewhere.Person("ana", "approver")
	ana.Does("deny", ids[1], map[string]any{"comment": "not today"})
	fresh := elsewhere.Endpoint("lap-9").Ask("farid", "/usr/bin/id")
	if r := ana.See(ids[0]); r.Decision != nil {
		t.Fatalf("nobody could answer, but it has %s", desk.JSON(r.Decision))
	}
	stop()

	back, _ := desk.Over(t, data, time.Now(), quiet, func(c *controller.Config) { c.Listen, c.AgentListen = web, agents })
	b.Eval(`document.querySelector(".offline:not(.tip) button")?.click()`, nil)
	b.Gone(".offline:not(.tip)")
	b.Sees(`[id="` + fresh + `"]`)
	b.Gone(`[id="` + ids[1] + `"]`)
	b.Until(on(ids[0]))
	b.Until(`document.querySelector("#comment").value === "only until tonight, please"`)
	b.Click("button.approve")
	b.Reads(".decided", "Approved by you")
	if r := back.Admin.See(ids[0]); r.Decision == nil || r.Decision.By.Login != "bo" || *r.Decision.Comment != "only until tonight, please" {
		t.Errorf("it has %s", desk.JSON(r.Decision))
	}
}
