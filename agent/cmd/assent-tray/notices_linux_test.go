package main

import (
	"context"
	"encoding/json"
	"fmt"
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/agent/tray"
	"github.com/assent-epm/assent/e2e/browser"
	"github.com/assent-epm/assent/e2e/testgroup"
	"github.com/assent-epm/assent/shared/elevation"
)

// tell brings a notice to everybody who watches.
func (f *flow) tell(n local.Notice) {
	n.At = time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, w := range f.watches {
		w <- n
	}
}

func (f *flow) watched() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.watches) > 0
}

// Elevate wants to know the reason of what is tried, and waits for it.
func (f *flow) Elevate(ctx context.Context, ask intercept.Ask, _ intercept.Person) (intercept.Permit, error) {
	s := ask.Attempt.Subject
	it := local.Item{ID: elevation.NewRequestID(time.Now()), State: "pending", Access: "run", Path: s.Path, Args: s.Args, RunAs: s.RunAs, Cwd: s.Cwd, Mechanism: ask.Attempt.Mechanism,
		At: time.Now(), Asker: "Assent", Question: "why do you need this?",
		Wants: &local.Wants{Reason: 8, Presets: []string{"Planned maintenance", "Incident"}, GoesTo: []string{"Service desk"}, Usual: 4 * time.Minute}}
	f.set(local.Status{Connected: true, Endpoint: "lena-laptop"}, it)
	f.tell(local.Notice{Request: it.ID, Kind: "reason", Path: it.Path})
	<-ctx.Done()
	return intercept.Permit{}, context.Cause(ctx)
}

// leaver is the tray itself with one call of the system in exchange: logging off
// leaves a file in the person's home.
const leaver = `package main

import (
	"os"
	"path/filepath"
)

func logOff() func() error {
	return func() error { return os.WriteFile(filepath.Join(os.Getenv("HOME"), "left"), nil, 0o600) }
}
`

func buildLeaver(t *testing.T, dir string) string {
	t.Helper()
	program, fake, overlay := filepath.Join(dir, "assent-tray"), filepath.Join(dir, "leave.go"), filepath.Join(dir, "overlay.json")
	real, err := filepath.Abs("leave_other.go")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(map[string]any{"Replace": map[string]string{real: fake}})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{fake: leaver, overlay: string(raw)} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.Command("go", "build", "-tags", "tray", "-overlay", overlay, "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=1")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return program
}

// noticeService draws notices as its own windows.
const noticeService = "/usr/lib/notification-daemon/notification-daemon"

// popup is where the one notice on the screen has its buttons: the pieces of text in
// its last line.
func (s *screen) popup() []image.Point {
	cmd := exec.Command("xdotool", "search", "--onlyvisible", "--name", "^Notification$", "getwindowgeometry", "--shell")
	cmd.Env = s.env
	out, err := cmd.Output()
	if err != nil {
		return nil // there is none
	}
	var x, y, w, h int
	for line := range strings.Lines(string(out)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		for want, to := range map[string]*int{"X": &x, "Y": &y, "WIDTH": &w, "HEIGHT": &h} {
			if name == want {
				_, _ = fmt.Sscan(value, to)
			}
		}
	}
	const below, high, gap = 39, 8, 14 // the middle of the line above the window's end; between two buttons
	im, begin, last := s.shot(), 0, -1000
	var all []image.Point
	for at := x + 20; at < x+w-20; at++ {
		dark := false
		for up := -high; up <= high; up++ {
			r, g, b, _ := im.At(at, y+h-below+up).RGBA()
			dark = dark || max(r, g, b) < 0x6000
		}
		switch {
		case !dark:
			continue
		case at-last > gap:
			begin, all = at, append(all, image.Point{})
		}
		last = at
		all[len(all)-1] = image.Pt((begin+at)/2, y+h-below)
	}
	return all
}

// notice waits for one with so many buttons, keeps its picture, and presses one.
func (s *screen) notice(name string, buttons, press int) {
	s.t.Helper()
	s.until("the notice "+name, func() bool { return len(s.popup()) == buttons })
	s.settles()
	s.picture("notice-" + name)
	at := s.popup()[press]
	s.do("mousemove", fmt.Sprint(at.X), fmt.Sprint(at.Y), "click", "1")
}

// settles waits until nothing moves on the screen.
func (s *screen) settles() {
	s.t.Helper()
	was := s.shot()
	s.until("a screen that is still", func() bool {
		is := s.shot()
		still := differs(was, is) == 0
		was = is
		return still
	})
}

// opened is the page that the person's browser was led to last.
func (s *screen) opened() string {
	s.t.Helper()
	var page string
	s.until("the form in the browser", func() bool {
		raw, err := os.ReadFile(filepath.Join(home(s.env), "opened"))
		page = string(raw)
		return err == nil
	})
	_, link, _ := strings.Cut(page, "url=")
	link, _, _ = strings.Cut(link, "\"")
	return link
}

// TestNoticesOfTheTray: what the agent of a Windows tells is shown by the tray itself
// in a real panel and by a real service of notices, and each button does what it says.
func TestNoticesOfTheTray(t *testing.T) {
	testgroup.Need(t, "tray")
	dir := t.TempDir()
	program, runtime := buildLeaver(t, dir), filepath.Join(dir, "runtime")
	if err := os.Mkdir(runtime, 0o755); err != nil {
		t.Fatal(err)
	}
	f := &flow{status: local.Status{Connected: true, Endpoint: "lena-laptop"}}
	server, err := local.Listen(local.Config{Path: local.Address(runtime), Flow: f, Elevator: f, Salt: []byte("0123456789abcdef")})
	if err != nil {
		t.Fatal(err)
	}
	ctx, away := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx) }()
	t.Cleanup(func() { away(); _ = server.Close(); <-served })
	s := desktopSession(t, false)
	for what, name := range map[string]string{"a panel that hosts trays": "org.kde.StatusNotifierWatcher", "a service of notices": "org.freedesktop.Notifications"} {
		if name == "org.freedesktop.Notifications" {
			if err := begin(t, s.env, noticeService).Start(); err != nil {
				t.Fatal(err)
			}
		}
		s.until(what, func() bool {
			var is bool
			err := s.bus.BusObject().Call("org.freedesktop.DBus.NameHasOwner", 0, name).Store(&is)
			return err == nil && is
		})
	}
	running := begin(t, s.env, program, "--runtime", runtime)
	running.Stderr, running.SysProcAttr.Setsid = os.Stderr, true // who has a terminal is asked there
	if err := running.Start(); err != nil {
		t.Fatal(err)
	}
	s.until("its icon", func() bool { _, ok := s.icon(tray.Look{Mood: tray.Idle}); return ok && f.watched() })
	f.tell(local.Notice{Kind: local.NoticeInstead, Path: "/usr/bin/apt", Args: []string{"install", "nginx"}, Text: "apt install nginx"})
	s.notice("instead", 2, 0)
	link := s.opened()
	t.Run("the form", func(t *testing.T) { filledIn(t, link) })
	logsOff(t, s, f)
}

// filledIn: the form has the program of the offer, and what the agent wants to know.
func filledIn(t *testing.T, link string) {
	t.Helper()
	browser.Need(t)
	tab := browser.Open(t)
	tab.Size(1000, 760, 1)
	tab.Go(link)
	tab.Reads("h1", "Ask for approval")
	tab.Reads("h2", "apt")
	tab.Reads("body", "install nginx")
	tab.Reads("#goes", "Service desk")
	tab.Until(`document.activeElement.id === "reason"`)
	tab.Picture("tray-form-instead")
}

// logsOff: at the end of administrator's time a notice has a button; it asks once
// more, and only the second press does it.
func logsOff(t *testing.T, s *screen, f *flow) {
	t.Helper()
	over := local.Item{ID: elevation.NewRequestID(time.Now()), State: "ended", Access: "admin", At: time.Now()}
	f.set(local.Status{Connected: true}, over)
	left := func() bool { _, err := os.Stat(filepath.Join(home(s.env), "left")); return err == nil }
	for _, press := range []int{1, 0} { // Stay, then Log off
		f.tell(local.Notice{Kind: "log_off", Request: over.ID, Path: "administrator"})
		s.notice("log-off", 3, 0)
		s.notice("log-off-sure", 2, press)
		s.until("no notice", func() bool { return len(s.popup()) == 0 })
		if press == 1 && left() {
			t.Fatal("they are logged off, and said Stay")
		}
	}
	s.until("they are logged off", left)
}
