package desktop

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/assent-epm/assent/e2e/testgroup"
)

// notified is one call of a small notification service.
type notified struct {
	replaces       uint32
	summary, body  string
	actions        []string
	app, desktopID string
}

// service is a notification service on a real bus.
type service struct {
	conn   *dbus.Conn
	calls  chan notified
	closed chan uint32
	can    []string
	next   uint32
}

func (s *service) GetCapabilities() ([]string, *dbus.Error) { return s.can, nil }

func (s *service) Notify(app string, replaces uint32, _ string, summary, body string, actions []string, hints map[string]dbus.Variant, _ int32) (uint32, *dbus.Error) {
	id, _ := hints["desktop-entry"].Value().(string)
	s.calls <- notified{replaces, summary, body, actions, app, id}
	if replaces != 0 {
		return replaces, nil
	}
	s.next++
	return s.next, nil
}

func (s *service) CloseNotification(id uint32) *dbus.Error {
	s.closed <- id
	return nil
}

// bus starts a bus of its own, and gives its address.
func bus(t *testing.T) string {
	t.Helper()
	testgroup.Need(t, "desktop")
	cmd := exec.Command("dbus-daemon", "--session", "--nofork", "--print-address", "--address=unix:path="+filepath.Join(t.TempDir(), "bus"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(address)
}

func serve(t *testing.T, address string, can ...string) *service {
	t.Helper()
	conn, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	s := &service{conn: conn, calls: make(chan notified, 10), closed: make(chan uint32, 10), can: can}
	if err := conn.Export(s, noticePath, noticeName); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.RequestName(noticeName, dbus.NameFlagDoNotQueue); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestBus: notices go to the service of a real bus, what is in them is no markup,
// buttons come back under the notice's name, and nobody else's do.
func TestBus(t *testing.T) {
	address := bus(t)
	s := serve(t, address, "body", "body-markup", "actions")
	b, err := Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if _, err := Connect(t.Context(), address); !errors.Is(err, ErrRuns) {
		t.Errorf("a second one: %v", err)
	}
	n := Notice{Title: "Approved: <b>apt</b>", Text: "by <a href='x'>bo</a> & co", Buttons: []Button{{pressRun, "Run now"}}}
	if err := b.Show("one", n); err != nil {
		t.Fatal(err)
	}
	got := <-s.calls
	if got.summary != n.Title || got.body != "by &lt;a href='x'&gt;bo&lt;/a&gt; &amp; co" || !slices.Equal(got.actions, []string{"run", "Run now"}) || got.desktopID != "assent-desktop" {
		t.Errorf("got %+v", got)
	}
	if err := b.Show("two", n); err != nil {
		t.Fatal(err)
	}
	<-s.calls
	if err := b.Show("one", n); err != nil {
		t.Fatal(err)
	}
	if got := <-s.calls; got.replaces != 1 {
		t.Errorf("it stands twice: %+v", got)
	}
	stranger, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	emit := func(c *dbus.Conn, id uint32, key string) {
		if err := c.Emit(noticePath, noticeName+".ActionInvoked", id, key); err != nil {
			t.Fatal(err)
		}
	}
	emit(stranger, 1, "end")
	emit(s.conn, 99, "run")
	emit(s.conn, 2, "run")
	if p := <-b.Pressed(); p != (Press{Name: "two", Key: "run"}) {
		t.Errorf("pressed %+v", p)
	}
	b.Remove("one")
	if id := <-s.closed; id != 1 {
		t.Errorf("closed %d", id)
	}
	emit(s.conn, 1, "run") // it is gone
	emit(s.conn, 2, "later")
	if p := <-b.Pressed(); p != (Press{Name: "two", Key: "later"}) {
		t.Errorf("pressed %+v", p)
	}
	b.Close()
	<-b.Done()
}

// TestBusWithout: a service without buttons and markup gets neither; where there
// is none, or no bus, that is an error.
func TestBusWithout(t *testing.T) {
	address := bus(t)
	b, err := Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	n := Notice{Title: "t", Text: "a < b", Buttons: []Button{{pressRun, "Run now"}}}
	if err := b.Show("one", n); err == nil {
		t.Error("shown to nobody")
	}
	s := serve(t, address, "body") // it comes later
	if err := b.Show("one", n); err != nil {
		t.Fatal(err)
	}
	if got := <-s.calls; got.body != "a < b" || len(got.actions) > 0 {
		t.Errorf("got %+v", got)
	}
	if _, err := Connect(t.Context(), "unix:path="+filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("joined no bus")
	}
}

// screen starts a screen and makes it this test's.
func screen(t *testing.T) {
	t.Helper()
	testgroup.Need(t, "desktop")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", "900x600x24", "-nolisten", "tcp")
	cmd.ExtraFiles = []*os.File{w}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	display, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("DISPLAY", ":"+strings.TrimSpace(display))
	t.Setenv("WAYLAND_DISPLAY", "")
	t.Setenv("NO_AT_BRIDGE", "1")
	t.Setenv("LC_ALL", "C.UTF-8")
}

// window waits for the dialog with a title and gives its number.
func window(t *testing.T, title string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		out, err := exec.CommandContext(ctx, "xdotool", "search", "--sync", "--onlyvisible", "--name", "^"+title).Output()
		if err == nil {
			return strings.Fields(string(out))[0]
		}
		if ctx.Err() != nil { // a window that closes just now ends a search
			t.Fatalf("no dialog: %v", err)
		}
	}
}

func xdo(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("xdotool", args...).CombinedOutput(); err != nil {
		t.Fatalf("xdotool %v: %v %s", args, err, out)
	}
}

type answered struct {
	text string
	err  error
}

func asks(ctx context.Context, p program, q Question) <-chan answered {
	done := make(chan answered, 1)
	go func() {
		text, err := p.question(ctx, q)
		done <- answered{text, err}
	}()
	return done
}

// picture of the screen, for whoever sets ASSENT_PICTURES to a folder.
func picture(t *testing.T, name string) {
	t.Helper()
	if dir := os.Getenv("ASSENT_PICTURES"); dir != "" {
		if out, err := exec.CommandContext(t.Context(), "import", "-window", "root", filepath.Join(dir, name+".png")).CombinedOutput(); err != nil {
			t.Logf("no picture: %v %s", err, out)
		}
	}
}

// TestDialog: the real dialog programs of this machine on a real screen ask, ask
// for a password without showing it, and tell.
func TestDialog(t *testing.T) {
	screen(t)
	found := 0
	for _, p := range programs() {
		if _, err := os.Stat(p.path); err != nil {
			continue
		}
		found++
		name := filepath.Base(p.path)
		t.Run(name+" asks", func(t *testing.T) { dialogAsks(t, p, name) })
		t.Run(name+" hides", func(t *testing.T) { dialogHides(t, p, name) })
		t.Run(name+" tells", func(t *testing.T) { dialogTells(t, p, name) })
	}
	if found == 0 {
		t.Error("there is none")
	}
}

func dialogAsks(t *testing.T, p program, name string) {
	q := Question{Title: "Approval", Text: `/usr/bin/printf a_b \n <b>&amp;</b> needs an approval.` + "\n\nThis needs an approval by Platform, usually within 2m.\nHelp: call 4711\n\nWhy do you need this? (at least 8 characters)",
		Choices: []string{"Planned maintenance", "--help", "Incident"}, OK: "Ask for it", Cancel: "Do not ask"}
	done := asks(t.Context(), p, q)
	w := window(t, "Approval")
	xdo(t, "windowfocus", "--sync", w)
	xdo(t, "type", "new certificate, a_b")
	picture(t, name+"-asks")
	xdo(t, "key", "Return")
	if got := <-done; got.err != nil || got.text != "new certificate, a_b" {
		t.Errorf("answered %+v", got)
	}
	closes(t, p, q)
	ctx, away := context.WithCancel(t.Context())
	done = asks(ctx, p, q)
	window(t, "Approval")
	away()
	if got := <-done; !errors.Is(got.err, context.Canceled) {
		t.Errorf("taken away: %+v", got)
	}
}

// closes asks once more, and the person closes the dialog.
func closes(t *testing.T, p program, q Question) {
	t.Helper()
	for begin := time.Now(); time.Since(begin) < 20*time.Second; { // the dialog before has the same title
		if exec.CommandContext(t.Context(), "xdotool", "search", "--onlyvisible", "--name", "^"+q.Title).Run() != nil {
			break
		}
	}
	done := asks(t.Context(), p, q)
	xdo(t, "windowfocus", "--sync", window(t, q.Title))
	xdo(t, "key", "Escape")
	if got := <-done; !errors.Is(got.err, ErrClosed) {
		t.Errorf("closed: %+v", got)
	}
}

// dialogHides: what is typed is given back to the letter, also a blank at its end
// and what looks like a choice, and is in no argument and no variable of any process.
func dialogHides(t *testing.T, p program, name string) {
	q := Question{Title: "Password", Text: "Approved: /usr/bin/apt <b>&amp;</b> a\\nb.\nby bo & co\n\nThat was not the password. Tries left: 2\nPassword of al_ice, to confirm\nHelp: call 4711", Hidden: true, OK: "Confirm", Cancel: "Later"}
	done := asks(t.Context(), p, q)
	w := window(t, "Password")
	xdo(t, "windowfocus", "--sync", w)
	xdo(t, "type", "s3cret_word -1 ")
	picture(t, name+"-hides")
	for _, file := range []string{"cmdline", "environ"} {
		all, _ := filepath.Glob("/proc/[0-9]*/" + file)
		for _, path := range all {
			raw, err := os.ReadFile(path)
			if err == nil && strings.Contains(string(raw), "s3cret_word") && !strings.Contains(string(raw), "xdotool") {
				t.Errorf("%s has the password", path)
			}
		}
	}
	xdo(t, "key", "Return")
	if got := <-done; got.err != nil || got.text != "s3cret_word -1 " {
		t.Errorf("answered %+v", got)
	}
	closes(t, p, q)
}

func dialogTells(t *testing.T, p program, name string) {
	done := make(chan error, 1)
	go func() {
		done <- p.says(t.Context(), "Not confirmed: /usr/bin/apt", `too many wrong passwords & <b>no</b> a_b \n; try again in 10m`)
	}()
	w := window(t, "Not confirmed")
	xdo(t, "windowfocus", "--sync", w)
	picture(t, name+"-tells")
	xdo(t, "key", "Return")
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestDialogWithoutAScreen: a program that can not draw is no person who closed it.
func TestDialogWithoutAScreen(t *testing.T) {
	testgroup.Need(t, "desktop")
	t.Setenv("DISPLAY", ":4711")
	t.Setenv("WAYLAND_DISPLAY", "")
	if _, err := (Programs{}).Ask(t.Context(), Question{Title: "x", Text: "x", OK: "x", Cancel: "x"}); !errors.Is(err, ErrNoDialog) {
		t.Errorf("got %v", err)
	}
	for _, p := range programs() {
		if _, err := os.Stat(p.path); err != nil {
			continue
		}
		for _, hidden := range []bool{false, true} {
			if _, err := p.question(t.Context(), Question{Title: "x", Text: "x", Hidden: hidden, OK: "x", Cancel: "x"}); !errors.Is(err, ErrNoDialog) {
				t.Errorf("%s: got %v", p.path, err)
			}
		}
	}
}

// TestSessionBus: the session's bus is found, and nothing is started for it.
func TestSessionBus(t *testing.T) {
	for _, tt := range []struct{ bus, dir, want string }{
		{"unix:path=/x", "/run/user/1", "unix:path=/x"}, {"", "/run/user/1", "unix:path=/run/user/1/bus"}, {"", "", ""}, {"", "rel", ""},
	} {
		got := SessionBus(func(name string) string {
			return map[string]string{"DBUS_SESSION_BUS_ADDRESS": tt.bus, "XDG_RUNTIME_DIR": tt.dir}[name]
		})
		if got != tt.want {
			t.Errorf("%+v: %q", tt, got)
		}
	}
	if got := fmt.Sprint(kdialog(Question{Title: "t", Text: "x", Choices: []string{"a"}})); got != "[--title t --inputbox x\n  1  a ]" {
		t.Errorf("kdialog %s", got)
	}
	if got := chosen(Question{Choices: []string{"a"}}, "1\n"); got != "a" {
		t.Errorf("chosen %q", got)
	}
}
