package console

import (
	"archive/zip"
	"bytes"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/assent-epm/assent/controller"
	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/e2e/desk"
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

// TestFromTheFirstLink: the first administrator comes by the link that the
// controller printed, sees a request come, approves it, and the decision reaches
// the endpoint. The whole log verifies afterwards, offline.
func TestFromTheFirstLink(t *testing.T) {
	var out lines
	d, b := browsing(t, func(c *controller.Config) { c.Out = &out })
	b.Go(regexp.MustCompile(`http\S+#/sign-in\?link=\S+`).FindString(out.String()))
	b.Sees(".live:not(.lost)")
	b.Sees(".empty")
	e := d.Endpoint("ubu-0810")
	id := e.AskWith(e.Attempt("dina", "/usr/bin/apt", "install", "wireshark"), "packet capture for INC-4821", "")
	b.Click(`[id="` + id + `"]`)
	b.Type("#comment", "go ahead")
	b.Click("button.approve")
	b.Sees(".decided.ok")
	if dec := e.Decision(id); dec.Verdict != "approved" || len(dec.Grant) == 0 {
		t.Errorf("the endpoint got %s", desk.JSON(dec))
	}
	for _, want := range []string{"Approved by you", "go ahead", "packet capture", "ubu-0810", "No rule"} {
		b.Reads(".details", want)
	}
	b.Picture("first-decision")

	raw := desk.Must(d.Admin.Download(t.Context(), "/audit/export"))(t)
	z := desk.Must(zip.NewReader(bytes.NewReader(raw), int64(len(raw))))(t)
	if got, err := audit.VerifyFS(z, audit.Options{}); err != nil || got.Events == 0 {
		t.Errorf("the log does not verify: %+v, %v", got, err)
	}
	var address string
	b.Eval("location.href", &address)
	if strings.Contains(address, "link") {
		t.Errorf("the link stays in the address %q", address)
	}
}
