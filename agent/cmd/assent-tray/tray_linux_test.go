package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/agent/tray"
	"github.com/assent-epm/assent/e2e/testgroup"
	"github.com/assent-epm/assent/shared/elevation"
)

// patience is how long anything may take on a machine that is busy.
const patience = 40 * time.Second

// flow is an agent behind its real door: the test says how things stand.
type flow struct {
	local.Flow
	mu      sync.Mutex // guards the fields below
	status  local.Status
	items   []local.Item
	watches []chan local.Notice
	ended   chan elevation.RequestID
}

func (f *flow) Status(string) local.Status { f.mu.Lock(); defer f.mu.Unlock(); return f.status }
func (f *flow) List(string) []local.Item   { f.mu.Lock(); defer f.mu.Unlock(); return f.items }
func (f *flow) Sits(string) func()         { return func() {} }

func (f *flow) View(_ string, id elevation.RequestID) (local.Item, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, it := range f.items {
		if it.ID == id {
			return it, nil
		}
	}
	return local.Item{}, local.ErrNotFound
}

func (f *flow) CheckIn(_ string, id elevation.RequestID) error {
	f.set(local.Status{Connected: true})
	f.ended <- id
	return nil
}

func (f *flow) Watch(string) (<-chan local.Notice, func(), error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := make(chan local.Notice, 64)
	f.watches = append(f.watches, c)
	return c, func() {}, nil
}

// set says how things stand from now on.
func (f *flow) set(s local.Status, items ...local.Item) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.status, f.items = s, items
	for _, w := range f.watches {
		select {
		case w <- local.Notice{At: time.Now(), Request: "req_x", Kind: "seen"}:
		default: // it has enough to read
		}
	}
}

// screen is a real desktop session: a screen, a bus, a window manager and a panel
// that hosts trays.
type screen struct {
	t   *testing.T
	env []string
	bus *dbus.Conn
}

func begin(t *testing.T, env []string, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = env
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd
}

const panel = `<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfce4-panel" version="1.0"><property name="configver" type="int" value="2"/>
<property name="panels" type="array"><value type="int" value="1"/><property name="dark-mode" type="bool" value="%v"/><property name="panel-1" type="empty">
<property name="position" type="string" value="p=6;x=0;y=0"/><property name="length" type="uint" value="100"/><property name="position-locked" type="bool" value="true"/>
<property name="size" type="uint" value="30"/><property name="icon-size" type="uint" value="22"/>
<property name="plugin-ids" type="array"><value type="int" value="1"/><value type="int" value="2"/><value type="int" value="3"/></property></property></property>
<property name="plugins" type="empty"><property name="plugin-1" type="string" value="separator"><property name="expand" type="bool" value="true"/><property name="style" type="uint" value="0"/></property>
<property name="plugin-2" type="string" value="systray"><property name="square-icons" type="bool" value="true"/></property><property name="plugin-3" type="string" value="clock"/></property></channel>`

func desktopSession(t *testing.T, dark bool) *screen {
	t.Helper()
	home := t.TempDir()
	runtime := filepath.Join(home, "run")
	conf := filepath.Join(home, ".config", "xfce4", "xfconf", "xfce-perchannel-xml")
	for _, dir := range []string{runtime, conf} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(conf, "xfce4-panel.xml"), fmt.Appendf(nil, panel, dark), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &screen{t: t, env: []string{"PATH=/usr/bin:/bin:/usr/sbin:/sbin", "HOME=" + home, "XDG_RUNTIME_DIR=" + runtime, "LC_ALL=C.UTF-8", "NO_AT_BRIDGE=1", "GTK_THEME=Adwaita"}}
	fakeBrowser(t, home)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	x := begin(t, s.env, "Xvfb", "-displayfd", "3", "-screen", "0", "760x420x24", "-nolisten", "tcp")
	x.ExtraFiles = []*os.File{w}
	if err := x.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	display, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	s.env = append(s.env, "DISPLAY=:"+strings.TrimSpace(display))
	daemon := begin(t, s.env, "dbus-daemon", "--session", "--nofork", "--print-address", "--address=unix:path="+filepath.Join(runtime, "bus"))
	out, err := daemon.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	s.env = append(s.env, "DBUS_SESSION_BUS_ADDRESS="+strings.TrimSpace(address))
	if s.bus, err = dbus.Connect(strings.TrimSpace(address)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.bus.Close() })
	for _, args := range [][]string{{"openbox"}, {"xfce4-panel", "--disable-wm-check"}} {
		if err := begin(t, s.env, args[0], args[1:]...).Start(); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// until looks again and again.
func (s *screen) until(what string, look func() bool) {
	s.t.Helper()
	tick := time.NewTicker(150 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !look(); <-tick.C {
		if time.Now().After(end) {
			s.picture("failed")
			s.t.Fatalf("never: %s; the menu says %q", what, s.menu())
		}
	}
}

func (s *screen) shot() image.Image {
	cmd := exec.Command("import", "-window", "root", "png:-")
	cmd.Env = s.env
	raw, err := cmd.Output()
	if err != nil {
		return image.NewNRGBA(image.Rect(0, 0, 1, 1))
	}
	im, err := png.Decode(bytes.NewReader(raw))
	if err != nil {
		s.t.Fatal(err)
	}
	return im
}

// picture keeps what is on the screen where ASSENT_PICTURES names a folder.
func (s *screen) picture(name string) {
	dir := os.Getenv("ASSENT_PICTURES")
	if dir == "" {
		return
	}
	var b bytes.Buffer
	err := png.Encode(&b, s.shot())
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), b.Bytes(), 0o644)
	}
	if err != nil {
		s.t.Errorf("keep a picture: %v", err)
	}
}

// item is our icon as the panel knows it.
func (s *screen) item() (name, path string) {
	v, err := s.bus.Object("org.kde.StatusNotifierWatcher", "/StatusNotifierWatcher").GetProperty("org.kde.StatusNotifierWatcher.RegisteredStatusNotifierItems")
	if err != nil {
		return "", ""
	}
	all, _ := v.Value().([]string)
	for _, one := range all {
		if at := strings.IndexByte(one, '/'); at > 0 {
			return one[:at], one[at:]
		}
	}
	return "", ""
}

// menu is what the panel would show, line by line.
func (s *screen) menu() []string {
	name, path := s.item()
	if name == "" {
		return nil
	}
	var revision uint32
	var top struct {
		ID    int32
		Props map[string]dbus.Variant
		Kids  []dbus.Variant
	}
	err := s.bus.Object(name, dbus.ObjectPath(path+"/Menu")).Call("com.canonical.dbusmenu.GetLayout", 0, int32(0), int32(-1), []string{}).Store(&revision, &top)
	if err != nil {
		return nil
	}
	var lines []string
	for _, kid := range top.Kids {
		parts, _ := kid.Value().([]any)
		if len(parts) < 2 {
			continue
		}
		props, _ := parts[1].(map[string]dbus.Variant)
		text, _ := props["label"].Value().(string)
		if kind, _ := props["type"].Value().(string); kind == "separator" {
			text = "---"
		}
		if seen, told := props["visible"].Value().(bool); told && !seen {
			continue
		}
		lines = append(lines, strings.ReplaceAll(text, "__", "_"))
	}
	return lines
}

// icon is where the shield is in the panel, by its colour.
func (s *screen) icon(l tray.Look) (image.Point, bool) {
	im := s.shot()
	r, g, b, _ := tray.Image(l, 48).At(24, 44).RGBA() // within the ground, below each sign
	n, sum := 0, image.Point{}
	for y := 0; y < min(32, im.Bounds().Dy()); y++ {
		for x := range im.Bounds().Dx() {
			r2, g2, b2, _ := im.At(x, y).RGBA()
			if near(r, r2) && near(g, g2) && near(b, b2) {
				n, sum = n+1, sum.Add(image.Pt(x, y))
			}
		}
	}
	if n < 20 {
		return image.Point{}, false
	}
	return sum.Div(n), true
}

func near(a, b uint32) bool { return max(a, b)-min(a, b) < 0x0800 }

func (s *screen) do(args ...string) {
	s.t.Helper()
	cmd := exec.Command("xdotool", args...)
	cmd.Env = s.env
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("xdotool %v: %v %s", args, err, out)
	}
}

// opens clicks the icon and waits for the menu on the screen.
func (s *screen) opens(l tray.Look) {
	s.t.Helper()
	s.until("the icon of "+string(l.Mood), func() bool { _, ok := s.icon(l); return ok })
	closed, looks := s.shot(), 0
	s.until("the menu on the screen", func() bool {
		if differs(closed, s.shot()) > 8000 {
			return true
		}
		if at, ok := s.icon(l); ok && looks%15 == 0 { // a panel that was just moving its icons misses a click
			s.do("mousemove", fmt.Sprint(at.X), fmt.Sprint(at.Y), "click", "1")
		}
		looks++
		return false
	})
}

func (s *screen) closes() {
	s.t.Helper()
	s.do("key", "Escape")
	s.until("no menu on the screen", func() bool {
		im := s.shot()
		x, y, w, _ := im.At(10, 200).RGBA()
		a, b, c, _ := im.At(im.Bounds().Dx()-60, 60).RGBA()
		return x == a && y == b && w == c
	})
}

// differs is how many pixels have changed.
func differs(a, b image.Image) int {
	n := 0
	for y := range min(a.Bounds().Dy(), b.Bounds().Dy()) {
		for x := range min(a.Bounds().Dx(), b.Bounds().Dx()) {
			if a.At(x, y) != b.At(x, y) {
				n++
			}
		}
	}
	return n
}

// TestTrayInAPanel: the program itself, in a real panel, at the real door of the
// agent: each state has its icon and its menu, and a line of the menu is clicked.
func TestTrayInAPanel(t *testing.T) {
	testgroup.Need(t, "tray")
	dir := t.TempDir()
	program := filepath.Join(dir, "assent-tray")
	build := exec.Command("go", "build", "-tags", "tray", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=1")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	runtime := filepath.Join(dir, "runtime")
	if err := os.Mkdir(runtime, 0o755); err != nil {
		t.Fatal(err)
	}
	f := &flow{status: local.Status{Connected: true}, ended: make(chan elevation.RequestID, 1)}
	server, err := local.Listen(local.Config{Path: local.Address(runtime), Flow: f})
	if err != nil {
		t.Fatal(err)
	}
	ctx, away := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx) }()
	s := desktopSession(t, false)
	s.until("a panel that hosts trays", func() bool { // before it the library shows an icon of an older kind, too
		var is bool
		err := s.bus.BusObject().Call("org.freedesktop.DBus.NameHasOwner", 0, "org.kde.StatusNotifierWatcher").Store(&is)
		return err == nil && is
	})
	running := begin(t, s.env, program, "--runtime", runtime)
	running.Stderr = os.Stderr
	if err := running.Start(); err != nil {
		t.Fatal(err)
	}
	ask := func(state string, with func(*local.Item)) local.Item {
		it := local.Item{ID: elevation.NewRequestID(time.Now()), State: state, Access: "run", Path: "/usr/bin/apt", Args: []string{"install", "nginx"}, RunAs: "root", Mechanism: "assent", Cwd: home(s.env), At: time.Now().Add(-3 * time.Minute)}
		if with != nil {
			with(&it)
		}
		return it
	}
	on := local.Status{Connected: true}
	active := ask("active", func(it *local.Item) { it.Until = time.Now().Add(25*time.Minute - time.Second) })
	ready := ask("available", func(it *local.Item) {
		it.Until, it.Path, it.Args = time.Now().Add(10*time.Minute), "/usr/sbin/gparted", nil
	})
	question := ask("pending", func(it *local.Item) {
		it.Question, it.Asker, it.Path, it.Args = "Which host?", "Bo Chen", "/usr/bin/systemctl", []string{"restart", "cups"}
	})
	rest := []string{"---", "Ask for access…", "My requests", "About Assent"}
	for _, tt := range []struct {
		name  string
		look  tray.Look
		s     local.Status
		items []local.Item
		want  []string
	}{
		{"idle", tray.Look{Mood: tray.Idle}, on, nil, append([]string{"Nothing is waiting"}, rest...)},
		{"waiting", tray.Look{Mood: tray.Waiting}, on, []local.Item{ask("pending", nil)}, append([]string{"A request waits for an answer", "Waiting: apt install nginx (3 min)"}, rest...)},
		{"question", tray.Look{Mood: tray.Question}, on, []local.Item{question}, append([]string{"A question waits for your answer", "Answer: systemctl restart cups"}, rest...)},
		{"ready", tray.Look{Mood: tray.Ready}, on, []local.Item{ready}, append([]string{"Approved: ready to run", "Run now: gparted (until " + ready.Until.Format("15:04") + ")"}, rest...)},
		{"locked", tray.Look{Mood: tray.Locked}, local.Status{Connected: true, Locked: "Locked by Ada Park: lost device"}, nil, []string{"Locked: nothing can be approved here", "Locked by Ada Park: lost device", "---", "My requests", "About Assent"}},
		{"paused", tray.Look{Mood: tray.Paused}, local.Status{Connected: true, PausedUntil: time.Now().Add(time.Hour), PausedWhy: "patch day"}, nil,
			append([]string{"Paused until " + time.Now().Add(time.Hour).Format("15:04"), "patch day"}, rest...)},
		{"offline", tray.Look{Mood: tray.Offline}, local.Status{}, nil, []string{"Offline: the controller can not be reached", "---", "Ask for access…", "About Assent"}},
		{"active", tray.Look{Mood: tray.Active, Attention: true}, on, []local.Item{active, question, ready, ask("pending", nil)}, append([]string{"Access active, 25 min left", "End now: apt install nginx (25 min left)",
			"Answer: systemctl restart cups", "Run now: gparted (until " + ready.Until.Format("15:04") + ")", "Waiting: apt install nginx (3 min)"}, rest...)},
	} {
		f.set(tt.s, tt.items...)
		s.until(tt.name+" in the menu", func() bool { return slices.Equal(s.menu(), tt.want) })
		s.opens(tt.look)
		s.picture("menu-" + tt.name)
		if tt.name != "active" {
			s.closes()
		}
	}
	s.do("key", "Down", "Return") // the first line that can be clicked: End now
	select {
	case id := <-f.ended:
		if id != active.ID {
			t.Errorf("ended %s, not %s", id, active.ID)
		}
	case <-time.After(patience):
		t.Fatal("a click on End now ends nothing")
	}
	secondStart(t, s, program, runtime)
	away()
	_ = server.Close() // it may be closed already
	<-served
	s.until("no agent in the menu", func() bool {
		return slices.Equal(s.menu(), []string{"The Assent agent does not answer", "---", "About Assent"})
	})
	s.picture("icon-gone")
	if err := running.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.until("its icon is gone", func() bool { name, _ := s.item(); return name == "" })
}

func home(env []string) string {
	for _, v := range env {
		if dir, ok := strings.CutPrefix(v, "HOME="); ok {
			return dir
		}
	}
	return ""
}

// fakeBrowser makes a program the person's own for pages; it notes what it opens.
func fakeBrowser(t *testing.T, dir string) {
	t.Helper()
	name := filepath.Join(dir, "browser")
	apps := filepath.Join(dir, ".local", "share", "applications")
	if err := os.MkdirAll(apps, 0o700); err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string]string{
		name: "#!/bin/sh\ncp -- \"$1\" " + dir + "/opened.part && mv " + dir + "/opened.part " + dir + "/opened\n",
		filepath.Join(apps, "test-browser.desktop"):    "[Desktop Entry]\nType=Application\nName=Browser\nExec=" + name + " %f\nMimeType=text/html;\n",
		filepath.Join(dir, ".config", "mimeapps.list"): "[Default Applications]\ntext/html=test-browser.desktop\n",
	} {
		if err := os.WriteFile(file, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
}

// secondStart: `assent-tray request` goes to the one that runs, and ends; the form
// opens in the person's browser, with its secret in no argument.
func secondStart(t *testing.T, s *screen, program, runtime string) {
	t.Helper()
	second := begin(t, s.env, program, "--runtime", runtime, "request", "/usr/bin/apt", "install", "nginx")
	if out, err := second.CombinedOutput(); err != nil {
		t.Fatalf("a second one: %v %s", err, out)
	}
	link := s.opened()
	if !strings.HasPrefix(link, "http://127.0.0.1:") || len(link) < 50 {
		t.Fatalf("it opens %q", link)
	}
	res, err := http.Get(link)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("the form is not there: %s", res.Status)
	}
}
