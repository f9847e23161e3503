package doors

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assent-epm/assent/e2e/desk"
	"github.com/assent-epm/assent/e2e/testgroup"
)

// terminal is a tmux of its own with "assentctl approval watch" in it.
type terminal struct {
	d      *desk.Desk
	socket string
}

// tmux opens a terminal of a size in which somebody watches the queue.
func tmux(d *desk.Desk, p *desk.Person, url string, wide, high int, env ...string) *terminal {
	d.T.Helper()
	return tmuxOf(d, p, url, "approval watch", wide, high, env...)
}

// tmuxOf is tmux with another command of assentctl.
func tmuxOf(d *desk.Desk, p *desk.Person, url, command string, wide, high int, env ...string) *terminal {
	d.T.Helper()
	testgroup.Need(d.T, "tmux")
	x := &terminal{d, filepath.Join(d.T.TempDir(), "tmux")}
	set := append([]string{"ASSENT_URL=" + url, "ASSENT_TOKEN=" + p.Client.Token, "XDG_CONFIG_HOME=" + d.Data, "TZ=UTC", "LC_ALL=C.UTF-8"}, env...)
	line := "cd " + d.Data + " && env " + strings.Join(set, " ") + " " + d.Program() + " " + command
	x.run("-f", "/dev/null", "new-session", "-d", "-x", fmt.Sprint(wide), "-y", fmt.Sprint(high), line+"; echo it ended with $?; read line")
	d.T.Cleanup(func() { _ = exec.Command("tmux", "-S", x.socket, "kill-server").Run() })
	return x
}

func (x *terminal) run(args ...string) string {
	x.d.T.Helper()
	ctx, cancel := context.WithTimeout(x.d.T.Context(), desk.Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "tmux", append([]string{"-u", "-S", x.socket}, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "TERM=xterm-256color")
	out, err := cmd.CombinedOutput()
	if err != nil {
		x.d.T.Fatalf("tmux %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// screen is what stands on the terminal.
func (x *terminal) screen() string { return x.run("capture-pane", "-p") }

// press presses keys, named as tmux does.
func (x *terminal) press(keys ...string) {
	x.d.T.Helper()
	for _, k := range keys {
		x.run("send-keys", k)
	}
}

// shows waits until all of the texts stand on the terminal.
func (x *terminal) shows(texts ...string) string {
	x.d.T.Helper()
	return x.until(fmt.Sprintf("%q is on the screen", texts), func(s string) bool {
		for _, text := range texts {
			if !strings.Contains(s, text) {
				return false
			}
		}
		return true
	})
}

func (x *terminal) until(what string, holds func(string) bool) string {
	x.d.T.Helper()
	var last string
	end := time.Now().Add(desk.Patience)
	for time.Now().Before(end) {
		if last = x.screen(); holds(last) {
			return last
		}
	}
	x.d.T.Fatalf("it does not come to be that %s:\n%s", what, last)
	return ""
}

// wire is a way to the controller that can be cut.
type wire struct {
	listener net.Listener
	to       string
	mu       sync.Mutex // guards the fields below
	open     []net.Conn
	isCut    bool
}

func cable(d *desk.Desk) *wire {
	d.T.Helper()
	w := &wire{listener: desk.Must(net.Listen("tcp", "127.0.0.1:0"))(d.T), to: strings.TrimPrefix(d.URL, "http://")}
	d.T.Cleanup(func() { w.listener.Close(); w.cut(true) })
	go func() {
		for {
			in, err := w.listener.Accept()
			if err != nil {
				return
			}
			w.join(in)
		}
	}()
	return w
}

func (w *wire) join(in net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	out, err := net.Dial("tcp", w.to)
	if err != nil || w.isCut {
		in.Close()
		if err == nil {
			out.Close()
		}
		return
	}
	w.open = append(w.open, in, out)
	go func() { _, _ = io.Copy(in, out); in.Close() }()
	go func() { _, _ = io.Copy(out, in); out.Close() }()
}

func (w *wire) cut(yes bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.isCut = yes
	for _, c := range w.open {
		c.Close()
	}
	w.open = nil
}

// busyDesk has a queue as it is on a working day.
func busyDesk(t *testing.T) (*desk.Desk, *desk.Person, *desk.Endpoint, map[string]string) {
	t.Helper()
	t.Parallel()
	d := desk.Open(t, time.Now())
	ubu, web := d.Endpoint("ubu-0810", "team=finance"), d.Endpoint("web-prod-3", "role=web")
	bo := d.Person("bo", "approver")
	ids := map[string]string{}
	for _, r := range []struct {
		name, user, reason string
		at                 *desk.Endpoint
		argv               []string
	}{
		{"wireshark", "dina", "Packet capture for INC-4821: the VPN drops every ten minutes", ubu, []string{"/usr/bin/apt", "install", "wireshark"}},
		{"nginx", "carl", "restart after the certificate was renewed", web, []string{"/usr/bin/systemctl", "restart", "nginx"}},
		{"shell", "eve", "I need a shell to look at the disk \x1b[31m\u202e evil", web, []string{"/usr/bin/bash"}},
		{"docker", "hiro", "local build of the demo", ubu, []string{"/usr/bin/snap", "install", "docker"}},
		{"fdisk", "lena", "資料庫 disk is full, see the ticket", ubu, []string{"/usr/sbin/fdisk", "-l", "/dev/sda"}},
	} {
		ids[r.name] = r.at.AskWith(r.at.Attempt(r.user, r.argv...), r.reason, "")
	}
	d.Admin.Does("prioritize", ids["nginx"], map[string]any{"priority": "urgent"})
	return d, bo, ubu, ids
}

func TestC1WatchAnswersByTheKeysOfTheConsole(t *testing.T) {
	d, bo, ubu, ids := busyDesk(t)
	x := tmux(d, bo, d.URL, 80, 24)
	state := func(name string) string { return bo.See(ids[name]).State }
	keep(t, "watch-80x24-first", x.shows("5 waiting", "urgent", "systemctl restart nginx", "live", "J/K"))

	x.colours("watch-80x24-first")

	// The first one is focused and told of below; hostile text is inert.
	x.shows("Why", "restart after the certificate was renewed")
	x.press("a")
	x.shows("approved by you")
	d.Eventually("it is approved", func() bool { return state("nginx") == "available" })

	// Denied with a comment.
	x.press("/")
	x.shows("Search")
	x.press("fdisk", "Enter")
	x.shows("1 waiting with fdisk", "lena")
	x.press("d")
	keep(t, "watch-80x24-deny", x.shows("Deny", "fdisk -l /dev/sda for lena"))
	x.press("not on this disk", "Enter")
	x.shows("denied")
	if r := bo.See(ids["fdisk"]); r.State != "denied" || r.Decision.Comment == nil || *r.Decision.Comment != "not on this disk" {
		t.Errorf("denied: %s %+v", r.State, r.Decision)
	}
	x.press("Escape")
	x.shows("wireshark", "docker")

	// New ones wait behind the bar, and the row under the cursor stays on its line.
	x.press("End", "k")
	before := x.until("the cursor is on the shell", func(s string) bool { return strings.Contains(focusLine(s), "eve") })
	focused := focusLine(before)
	line := func(s string) int { return strings.Count(s[:strings.Index(s, focusLine(s))], "\n") }
	more := ubu.Ask("zoe", "/usr/bin/apt", "update")
	d.Admin.Does("prioritize", more, map[string]any{"priority": "urgent"})
	s := keep(t, "watch-80x24-new", x.shows("1 new", "press . to show"))
	if line(s) != line(before) || rowOf(focusLine(s)) != rowOf(focused) || strings.Contains(s, "apt update") {
		t.Errorf("the cursor was on line %d, %q\n%s", line(before), focused, s)
	}
	x.press(".")
	s = x.shows("apt update")
	if strings.Contains(s, "1 new") || rowOf(focusLine(s)) != rowOf(focused) {
		t.Errorf("the cursor was on %q\n%s", focused, s)
	}

	// Somebody else answers one: it says so, stays for a moment, and then goes.
	d.Admin.Does("deny", ids["docker"], map[string]any{"comment": "use podman"})
	x.shows("denied by admin")
	x.until("the denied one is off the screen", func(s string) bool { return !strings.Contains(s, "denied by admin") })

	// Asked; opened; a rule; help; with choices.
	x.press("Home", "j")
	x.press("Enter")
	keep(t, "watch-80x24-open", x.shows("Why it asks", "Sha256"))
	x.press("PageDown")
	x.shows("What happened", "Sha256")
	x.press("Escape")
	x.until("the list is back", func(s string) bool { return !strings.Contains(s, "Sha256") })
	x.press("?")
	keep(t, "watch-80x24-keys", x.shows("Keys", "Shift+A"))
	x.press("Escape")
	x.until("the list is back", func(s string) bool { return !strings.Contains(s, "Shift+A") })
	x.press("/")
	x.press("wireshark", "Enter")
	x.shows("1 waiting with wireshark")
	x.press("c")
	x.press("which server?", "Enter")
	x.shows("asked")
	x.press("A")
	x.shows("Approve", "as asked", "once")
	x.press("Right", "Right", "Down", "Down", "for today only")
	keep(t, "watch-80x24-choices", x.shows("[30m]", "for today only"))
	x.press("Enter")
	x.shows("approved")
	if r := bo.See(ids["wireshark"]); r.Granted == nil || r.Granted.DurationSeconds != 1800 || len(r.Questions) != 1 || *r.Decision.Comment != "for today only" {
		t.Errorf("approved with choices: %s", desk.JSON(r))
	}
	// Too late to take back with a token: it offers to revoke.
	x.press("z")
	x.shows("revoke instead?")
	x.press("y")
	d.Eventually("it is revoked", func() bool { return state("wireshark") == "revoked" })
	x.press("q")
	x.shows("it ended with 0")
}

func TestC1WatchOnAWideTerminal(t *testing.T) {
	d, bo, ubu, ids := busyDesk(t)
	link := cable(d)
	x := tmux(d, bo, "http://"+link.listener.Addr().String(), 200, 50)
	keep(t, "watch-200x50-first", x.shows("5 waiting", "Who may", "carl on web-prod-3", "with choices"))

	// Several at once are asked for once.
	x.press("J", "J")
	x.shows("3 selected")
	x.press("a")
	keep(t, "watch-200x50-several", x.shows("Approve 3 requests?", "3 users"))
	x.colours("watch-200x50-several")
	x.press("Enter", "n") // only Y means yes
	x.shows("nothing was done")
	x.press("Escape")
	x.until("nothing is selected", func(s string) bool { return !strings.Contains(s, "selected") })

	// A caution is told, hostile text does nothing.
	x.press("/")
	x.press("bash", "Enter")
	s := x.shows("1 waiting with bash", "can start any other program", `\x1b[31m\u{202e} evil`)
	if strings.ContainsRune(s, 0x202e) {
		t.Error("hostile text is on the terminal")
	}
	x.press("r")
	x.shows("no rule can approve this")
	x.press("/")
	x.press("C-u", "nginx", "Enter")
	x.shows("1 waiting with nginx", "carl on web-prod-3")
	x.press("r")
	keep(t, "watch-200x50-rule", x.shows("The narrowest rule", "/usr/bin/systemctl"))
	x.press("w")
	x.shows("is written")
	if found, err := filepath.Glob(filepath.Join(d.Data, "rule-*.yaml")); err != nil || len(found) != 1 {
		t.Errorf("the rule is not there: %v %v", found, err)
	}
	x.press("Escape")
	x.shows("5 waiting")

	// Offline: the bar says so, what is shown stays, nothing can be answered; then it goes on by itself.
	link.cut(true)
	keep(t, "watch-200x50-offline", x.shows("Not live since", "trying again", "wireshark"))
	x.press("a")
	x.shows("not connected: nothing was done")
	more := ubu.Ask("zoe", "/usr/bin/apt", "update")
	link.cut(false)
	x.shows("6 waiting", "1 new")
	d.Admin.Does("approve", more, nil)
	x.until("the new one is gone from the bar", func(s string) bool { return !strings.Contains(s, "1 new") })
	if r := bo.See(ids["nginx"]); r.State != "pending" {
		t.Errorf("answered without a connection: %s", r.State)
	}
	x.press("q")
	x.shows("it ended with 0")
}

// TestC1ListIsDrawnAnew: list --watch on a terminal shows the whole list after
// each event, and goes on after a break.
func TestC1ListIsDrawnAnew(t *testing.T) {
	d, bo, ubu, ids := busyDesk(t)
	link := cable(d)
	x := tmuxOf(d, bo, "http://"+link.listener.Addr().String(), "approval list --watch", 180, 30)
	x.shows("nginx", "wireshark", "live at")
	d.Admin.Does("deny", ids["nginx"], nil)
	s := x.until("the denied one is off the list", func(s string) bool { return !strings.Contains(s, "nginx") && strings.Contains(s, "live at") })
	if strings.Count(s, "STATUS") != 1 || !strings.Contains(s, "wireshark") {
		t.Errorf("drawn anew:\n%s", s)
	}
	link.cut(true)
	x.shows("note: not live", "trying again in")
	ubu.Ask("zoe", "/usr/bin/apt", "update")
	link.cut(false)
	x.shows("apt update")
}

func TestC1WatchWithoutColours(t *testing.T) {
	d, bo, _, _ := busyDesk(t)
	x := tmux(d, bo, d.URL, 80, 24, "NO_COLOR=1")
	x.shows("5 waiting")
	if s := x.run("capture-pane", "-p", "-e"); strings.Contains(s, "[38") || strings.Contains(s, "[48") || strings.Contains(s, "[31") {
		t.Errorf("colours with NO_COLOR:\n%q", s)
	}
	x.press("q")
	coloured := tmux(d, bo, d.URL, 80, 24)
	coloured.shows("5 waiting")
	if s := coloured.run("capture-pane", "-p", "-e"); !strings.Contains(s, "[38") {
		t.Errorf("no colours:\n%q", s)
	}
	plain := tmux(d, bo, d.URL, 80, 24, "LC_ALL=C", "LANG=C")
	if s := plain.shows("5 waiting"); strings.ContainsAny(s, "─│▌●") {
		t.Errorf("more than ASCII where the terminal shows no more:\n%s", s)
	}
	dumb := tmux(d, bo, d.URL, 80, 24, "TERM=dumb")
	dumb.shows("TERM is dumb", "approval list --watch", "it ended with 2")
}

// focusLine is the line under the cursor.
func focusLine(screen string) string {
	for _, l := range strings.Split(screen, "\n") {
		if strings.HasPrefix(l, "▌") {
			return l
		}
	}
	return ""
}

// rowOf is the request of a line: its id at the end.
func rowOf(l string) string {
	f := strings.Fields(l)
	if len(f) == 0 {
		return ""
	}
	return f[len(f)-1]
}

// colours keeps a screen with its colours too.
func (x *terminal) colours(name string) {
	x.d.T.Helper()
	if os.Getenv("ASSENT_SCREENS") != "" {
		if t, ok := x.d.T.(*testing.T); ok {
			keep(t, name+"-colours", x.run("capture-pane", "-p", "-e"))
		}
	}
}

// keep writes a screen where ASSENT_SCREENS names a folder, for people to look at.
func keep(t *testing.T, name, screen string) string {
	t.Helper()
	if dir := os.Getenv("ASSENT_SCREENS"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, name+".txt"), []byte(screen), 0o644); err != nil {
			t.Error(err)
		}
	}
	return screen
}
