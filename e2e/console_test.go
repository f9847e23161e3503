package e2e

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"

	"github.com/assent-epm/assent/agent/link"
	"github.com/assent-epm/assent/controller"
	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/controller/console"
	"github.com/assent-epm/assent/e2e/testgroup"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// lines is a writer that several goroutines may use.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// TestConsoleOverRealController: an endpoint asks, the first administrator comes
// by the one-time link, sees the request come, approves it in the browser, and
// the decision reaches the endpoint. The whole log verifies afterwards.
func TestConsoleOverRealController(t *testing.T) {
	testgroup.Need(t, "chromium")
	if !console.Built() {
		t.Skipf("%schromium: the console was not built; run make console", testgroup.Mark)
	}
	data := t.TempDir()
	var out lines
	c, err := controller.New(t.Context(), controller.Config{Data: data, Listen: "127.0.0.1:0", AgentListen: "127.0.0.1:0", Out: &out,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- c.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ran; err != nil {
			t.Errorf("controller: %v", err)
		}
	})
	token, err := os.ReadFile(filepath.Join(data, "admin.token"))
	if err != nil {
		t.Fatal(err)
	}
	admin := &client.Client{URL: "http://" + c.Addr(), Token: strings.TrimSpace(string(token))}
	signIn := regexp.MustCompile(`http\S+#/sign-in\?link=\S+`).FindString(out.String())
	page, problems := window(t)
	if err := chromedp.Run(page, cdplog.Enable(), chromedp.Navigate(signIn), chromedp.WaitVisible(".live:not(.lost)"), chromedp.WaitVisible(".empty")); err != nil {
		t.Fatal(err)
	}

	decided := make(chan wire.Decision, 1)
	id := ask(t, admin, "https://"+c.AgentAddr(), decided)
	step, cancel := context.WithTimeout(page, 20*time.Second)
	defer cancel()
	if err := chromedp.Run(step, chromedp.WaitVisible("#"+id), chromedp.WaitVisible("button.approve"), chromedp.WaitVisible(".timeline"),
		chromedp.SendKeys("#comment", "go ahead"), chromedp.Click("button.approve"), chromedp.WaitVisible(".decided.ok")); err != nil {
		var said string
		again := chromedp.Run(page, chromedp.Text("body", &said))
		t.Fatalf("%v; the browser logged %q; the page says %q %v", err, problems.String(), said, again)
	}
	select {
	case d := <-decided:
		if d.Verdict != elevation.Approved || len(d.Grant) == 0 {
			t.Errorf("the endpoint got %+v", d)
		}
	case <-time.After(15 * time.Second):
		t.Error("no decision reached the endpoint")
	}
	var said string
	if err := chromedp.Run(page, chromedp.Text(".details", &said)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Approved by you", "go ahead", "packet capture", "ubu-0810", "No rule"} {
		if !strings.Contains(said, want) {
			t.Errorf("the details lack %q: %s", want, said)
		}
	}
	picture(t, page, "real-1440-light")
	if p := problems.String(); p != "" {
		t.Errorf("the browser logged: %s", p)
	}
	verifies(t, admin)
}

// verifies reads the log as assentctl does and proves it offline.
func verifies(t *testing.T, admin *client.Client) {
	t.Helper()
	raw, err := admin.Download(t.Context(), "/audit/export")
	if err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := audit.VerifyFS(z, audit.Options{}); err != nil || got.Events == 0 {
		t.Errorf("the log does not verify: %+v, %v", got, err)
	}
}

// ask lets an endpoint enrol and raise one request; its decision comes back.
func ask(t *testing.T, admin *client.Client, agents string, decided chan<- wire.Decision) string {
	t.Helper()
	var made client.EnrollToken
	if err := admin.Call(t.Context(), http.MethodPost, "/enrollment-tokens", nil, client.NewEnrollToken{MaxUses: 1}, &made); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	facts := wire.Facts{Hostname: "ubu-0810", OS: "linux", OSVersion: "Debian GNU/Linux 12", Arch: "amd64", AgentVersion: "0", Reported: map[string]string{}}
	who, err := link.Enroll(t.Context(), link.EnrollConfig{URL: agents, Token: made.Token, Dir: dir, Facts: facts})
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("program"))
	id := elevation.NewRequestID(time.Now())
	var l *link.Link
	up := make(chan struct{})
	var once sync.Once
	l, err = link.New(link.Config{Dir: dir, Identity: who, Facts: func() wire.Facts { return facts }, BootID: "boot", Log: slog.New(slog.DiscardHandler),
		OnState: func(connected bool) {
			if connected {
				once.Do(func() { close(up) })
			}
		},
		OnFrame: func(_ context.Context, f wire.Frame) error {
			switch f.Type {
			case wire.TNeed:
				return l.Send(wire.TComplete, wire.Complete{Request: id, Justification: "packet capture for INC-4821"})
			case wire.TDecision:
				var d wire.Decision
				if err := f.Into(&d); err != nil {
					return err
				}
				decided <- d
			}
			return nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	t.Cleanup(func() { stop(); <-done })
	<-up
	err = l.Send(wire.TAttempt, wire.Attempt{Request: id, Attempt: elevation.Attempt{AccessType: elevation.Run,
		User: elevation.User{Name: "dina", Display: "Dina Osei", UID: "1001", Groups: []string{"users"}},
		Subject: elevation.Subject{Path: "/usr/bin/apt", Args: []string{"install", "wireshark"}, ArgsDigest: sum[:], Cwd: "/home/dina", RunAs: "root",
			SHA256: hex.EncodeToString(sum[:]), Size: 7, Parent: "/usr/bin/bash", Marks: []string{}}, Mechanism: "assent"}})
	if err != nil {
		t.Fatal(err)
	}
	return string(id)
}

// window opens a browser; what it logs as wrong is collected.
func window(t *testing.T) (context.Context, *lines) {
	t.Helper()
	var problems lines
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-dev-shm-usage", true), chromedp.UserDataDir(t.TempDir()),
		chromedp.WindowSize(1440, 900), chromedp.WSURLReadTimeout(time.Minute))
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Logf("end the browser: %v", err)
		}
		cancel()
	})
	chromedp.ListenTarget(ctx, func(ev any) {
		switch e := ev.(type) {
		case *runtime.EventExceptionThrown:
			_, _ = problems.Write([]byte("exception: " + e.ExceptionDetails.Error() + "\n"))
		case *cdplog.EventEntryAdded:
			if e.Entry.Level == cdplog.LevelError || e.Entry.Level == cdplog.LevelWarning {
				_, _ = problems.Write([]byte("log: " + e.Entry.Text + " " + e.Entry.URL + "\n"))
			}
		}
	})
	return ctx, &problems
}

func picture(t *testing.T, page context.Context, name string) {
	t.Helper()
	var png []byte
	if err := chromedp.Run(page, chromedp.CaptureScreenshot(&png)); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join("..", ".artifacts", "console")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		t.Fatal(err)
	}
}
