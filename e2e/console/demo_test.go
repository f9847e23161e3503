package console

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/agent/sim"
	"github.com/assent-epm/assent/controller"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/browser"
	"github.com/assent-epm/assent/shared/office"
)

// printed is what a program prints; the addresses to sign in at are taken out of it.
type printed struct{ sign, roles chan string }

func (l printed) Write(p []byte) (int, error) {
	for _, line := range strings.Split(string(p), "\n") {
		if url, ok := strings.CutPrefix(line, "sign in "); ok {
			l.sign <- url
		}
		if role, ok := strings.CutPrefix(line, "role "); ok {
			l.roles <- role
		}
	}
	return len(p), nil
}

// The first minute of somebody new, without reading anything: from the printed
// link, and the visitor's simulated computer beside it, to a request that was
// asked for, approved and used.
func TestDemoFirstMinute(t *testing.T) {
	browser.Need(t)
	t.Parallel()
	quiet := slog.New(slog.DiscardHandler)
	said := printed{sign: make(chan string, 1), roles: make(chan string, 9)}
	dir := t.TempDir()
	c, err := controller.New(t.Context(), controller.Config{Demo: true, Data: dir + "/data", Listen: "127.0.0.1:0", AgentListen: "127.0.0.1:0", Out: said, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() { ended <- c.Run(ctx) }()
	admin, err := client.New(c.URL(), readToken(t, dir+"/data/admin.token"))
	if err != nil {
		t.Fatal(err)
	}
	page, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	token := enrolToken(t, admin)
	go func() {
		_, err := sim.Run(ctx, sim.Config{URL: "https://" + c.AgentAddr(), Token: token, Endpoints: 3, Users: 1, Rate: 0.5, Scenario: sim.Demo, Seed: 1, Use: time.Second,
			Dir: dir + "/fleet", Log: quiet, Terminal: page})
		ended <- err
	}()
	t.Cleanup(func() {
		stop()
		for range 2 {
			if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
	})

	desk := people.Open(t)
	desk.Expect("401", "403")
	start := <-said.sign
	desk.Go(start)
	desk.Reads(".top", "Demo")
	other := people.Open(t) // the address is good for as long as the demonstration is
	other.Expect("401", "403")
	other.Go(start)
	other.Reads(".top", "Demo")
	desk.Until(`document.querySelectorAll(".list .row").length >= 1`)
	mine := people.Open(t)
	mine.Go("http://" + page.Addr().String())
	mine.Reads("#ps", "you@ubu-") // as the console calls the machine
	mine.Fill("#line", "sudo ls /root/of-mine")
	mine.Key("Enter")
	mine.Reads("#screen", "This needs an approval")
	mine.Reads("#screen", "Say why in at least 8 characters.")
	mine.Reads("#ps", "Reason:")
	mine.Fill("#line", "a key")
	mine.Key("Enter")
	mine.Reads("#screen", "Please give at least 8 characters; Ctrl-C withdraws.")
	mine.Fill("#line", "Looking for the key file of the new shop")
	mine.Key("Enter")
	mine.Reads("#screen", "waiting for approval")
	mine.Until(`document.getElementById("console").href === ` + strconv.Quote(strings.TrimSuffix(c.URL(), "/")+"/"))
	desk.Until(`[...document.querySelectorAll(".list .row")].some((r) => r.innerText.includes("of-mine"))`)
	desk.Until(`(() => { const r = [...document.querySelectorAll(".list .row")].find((r) => r.innerText.includes("of-mine")); r?.click(); return document.querySelector(".details")?.innerText.includes("of-mine"); })()`)
	desk.Gone(".tip") // a visitor is not reminded of passkeys
	desk.Looks("demo", nil)
	desk.Press("a")
	mine.Reads("#screen", "approved by admin")
	mine.Reads("#screen", "here nothing really happens")
	mine.Until(`!document.querySelector("#screen").innerText.includes("waiting for approval") && document.querySelector("#ps").innerText.startsWith("you@")`)
	mine.Reads("#screen", "(ls /root/of-mine has ended)")
	mine.Looks("demo-terminal", nil)

	other.Passkeys()
	other.Go(strings.TrimSuffix(c.URL(), "/") + "/#/me")
	other.ClickText("button", "Add a passkey")
	other.Fill(".panel input[name=name]", "this laptop")
	other.ClickText("button", "Add")
	other.Reads(".things", "this laptop")
	third := people.Open(t) // and whatever a visitor tries
	third.Expect("401", "403")
	third.Go(start)
	third.Reads(".top", "Demo")

	// What is no sudo, and a second address of the same page, are refused kindly.
	mine.Expect("422")
	mine.Fill("#line", "rm -rf /")
	mine.Key("Enter")
	mine.Reads("#screen", "knows sudo only")

	// A new passkey ends the other sessions of its person, whoever has them.
	desk.Go("about:blank")
	desk.Go(start)
	desk.Reads(".top", "Demo")

	// What everybody there needs is nothing to be careful about.
	mine.Fill("#line", "sudo apt install wireshark")
	mine.Key("Enter")
	mine.Reads("#ps", "Reason:")
	mine.Fill("#line", "Looking into the calls that break off")
	mine.Key("Enter")
	desk.Until(`[...document.querySelectorAll(".list .row")].some((r) => r.innerText.includes("you") && r.innerText.includes("wireshark") && !r.querySelector(".flag"))`)
	pastOf(t, admin)

	// Each role has an address of its own; the requester is the visitor.
	var roles []string
	for range 5 {
		f := strings.Fields(<-said.roles)
		roles = append(roles, f[0]+" "+f[1])
		if f[1] == office.Visitor {
			own := people.Open(t)
			own.Expect("401", "403")
			own.Go(f[2])
			own.Reads("#app", "My requests")
			own.Until(`!document.querySelector(".side a[href='#/']")`)
		}
	}
	if got := strings.Join(roles, ", "); got != "approver maria.lopez, rule_author rita.lang, security_admin sofia.marin, auditor paul.dietz, requester you" {
		t.Errorf("the roles are %s", got)
	}
}

// pastOf sees that rules and people answered in the past, and that not everything
// was approved.
func pastOf(t *testing.T, admin *client.Client) {
	t.Helper()
	r, err := client.Get[client.Report](t.Context(), admin, "/reports/volume", nil)
	if err != nil {
		t.Fatal(err)
	}
	sum := map[string]int{}
	for _, row := range r.Rows {
		for i, name := range r.Columns {
			n, _ := strconv.Atoi(row[i])
			sum[name] += n
		}
	}
	if sum["by_rule"] < 50 || sum["by_person"] < 200 || sum["denied"] < 20 || sum["unanswered"] == 0 {
		t.Errorf("the past is %v", sum)
	}
}

// A demonstration is for new data and for this machine alone.
func TestDemoIsApart(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]controller.Config{
		"loopback": {Demo: true, Listen: "127.0.0.1:0", AgentListen: "0.0.0.0:0"},
	} {
		cfg.Data = t.TempDir() + "/data"
		if c, err := controller.New(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
			if c != nil {
				c.Close()
			}
		}
	}
	used := t.TempDir()
	c, err := controller.New(t.Context(), controller.Config{Data: used, Listen: "127.0.0.1:0", AgentListen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if _, err := controller.New(t.Context(), controller.Config{Demo: true, Data: used, Listen: "127.0.0.1:0", AgentListen: "127.0.0.1:0"}); err == nil || !strings.Contains(err.Error(), "new data") {
		t.Errorf("used data: %v", err)
	}
}

func readToken(t *testing.T, file string) string {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(raw))
}

func enrolToken(t *testing.T, c *client.Client) string {
	t.Helper()
	var made client.EnrollToken
	for deadline := time.Now().Add(20 * time.Second); ; {
		err := c.Call(t.Context(), "POST", "/enrollment-tokens", nil, client.NewEnrollToken{MaxUses: 3, Mode: "ask"}, &made)
		if err == nil {
			return made.Token
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		<-time.After(20 * time.Millisecond)
	}
}
