package notify

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/assent-epm/assent/shared/elevation"
)

// received is a call that a receiver has got.
type received struct {
	method, path string
	query        url.Values
	header       http.Header
	body         string
	user, pass   string
}

// receiver is an HTTP server that keeps what it is sent and answers what the test
// says: answers in turn, then good.
type receiver struct {
	*httptest.Server
	mu      sync.Mutex // guards the fields below
	calls   []received
	answers []func(w http.ResponseWriter)
	good    func(w http.ResponseWriter, c received)
}

func newReceiver(t *testing.T, good func(w http.ResponseWriter, c received)) *receiver {
	t.Helper()
	r := &receiver{good: good}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		raw, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		c := received{method: req.Method, path: req.URL.EscapedPath(), query: req.URL.Query(), header: req.Header, body: string(raw)}
		c.user, c.pass, _ = req.BasicAuth()
		r.mu.Lock()
		defer r.mu.Unlock()
		r.calls = append(r.calls, c)
		if len(r.answers) > 0 {
			r.answers[0](w)
			r.answers = r.answers[1:]
			return
		}
		r.good(w, c)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) last(t *testing.T) received {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.calls) == 0 {
		t.Fatal("nothing was sent")
	}
	return r.calls[len(r.calls)-1]
}

func status(code int, headers ...string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, "secret \x1b[31m answer")
	}
}

func created(w http.ResponseWriter, _ received) {
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, `{"sid":"SM1","status":"queued"}`)
}

func smsFields(r *receiver, more map[string]any) map[string]any {
	f := map[string]any{"url": r.URL, "account": "AC0123456789abcdef0123456789abcdef", "auth_token": "secret-token", "from": "+4930999999"}
	for k, v := range more {
		f[k] = v
	}
	return f
}

func TestSMSFields(t *testing.T) {
	r := newReceiver(t, created)
	s := opened(t, SMS, local(t), smsFields(r, nil))
	m := Example("request.submitted", "https://assent.example")
	if res, err := send(t, s, m); err != nil || res.Status != 201 {
		t.Fatalf("%+v %v", res, err)
	}
	c := r.last(t)
	if c.method != http.MethodPost || c.path != "/2010-04-01/Accounts/AC0123456789abcdef0123456789abcdef/Messages.json" ||
		c.header.Get("Content-Type") != "application/x-www-form-urlencoded" || c.user != "AC0123456789abcdef0123456789abcdef" || c.pass != "secret-token" {
		t.Errorf("%+v", c)
	}
	form, err := url.ParseQuery(c.body)
	if err != nil || len(form) != 3 || form.Get("To") != "+4930123456" || form.Get("From") != "+4930999999" {
		t.Errorf("%v %v", form, err)
	}
	body := form.Get("Body")
	if !strings.Contains(body, "https://assent.example/#/requests/"+m.Dedup) || !strings.HasSuffix(body, "(5f2a77)") || gsmSize(body) < 0 || gsmSize(body) > 160 {
		t.Errorf("%d: %q", gsmSize(body), body)
	}
	if strings.Contains(body, "restart after") || strings.Contains(c.body, "secret-token") {
		t.Errorf("more is said than the title: %q", body)
	}
	service := opened(t, SMS, local(t), smsFields(r, map[string]any{"from": "MG0123456789abcdef0123456789abcdef"}))
	if _, err := send(t, service, m); err != nil {
		t.Fatal(err)
	}
	if form, _ := url.ParseQuery(r.last(t).body); form.Has("From") || form.Get("MessagingServiceSid") != "MG0123456789abcdef0123456789abcdef" {
		t.Errorf("%v", form)
	}
}

func TestSMSFits(t *testing.T) {
	link := "https://assent.example/#/requests/req_019aa8d2-6f3e-7c41-9d10-3b1f0c5f2a77"
	for name, tt := range map[string]struct {
		title, link string
		limit       int
		size        func(string) int
	}{
		"short":            {"dina waits", link, 160, gsmSize},
		"long":             {strings.Repeat("dina waits ", 100), link, 160, gsmSize},
		"two characters":   {strings.Repeat("[x]", 200), link, 160, gsmSize},
		"hostile":          {hostile, link, 160, gsmSize},
		"another script":   {strings.Repeat("日本", 100), link, 134, ucsSize},
		"beyond 16 bits":   {strings.Repeat("😀", 100), link, 134, ucsSize},
		"no link":          {strings.Repeat("a", 500), "", 160, gsmSize},
		"long link":        {strings.Repeat("a", 500), link + "?" + strings.Repeat("x", 60), 306, gsmSize},
		"nothing but link": {"", link, 160, gsmSize},
	} {
		t.Run(name, func(t *testing.T) {
			text := smsText(Message{ID: "dlv_0123456789", Title: tt.title, Link: tt.link})
			if n := tt.size(text); n < 0 || n > tt.limit {
				t.Errorf("%d of %d: %q", n, tt.limit, text)
			}
			if !strings.Contains(text, tt.link) || !strings.HasSuffix(text, "(456789)") || strings.ContainsAny(text, "\r\n\x1b\x00\u202e") || !utf8.ValidString(text) {
				t.Errorf("%q", text)
			}
		})
	}
	m := Example(KindDigest, "https://assent.example")
	if text := smsText(m); !strings.HasPrefix(text, "2 things: ") {
		t.Errorf("a digest: %q", text)
	}
}

func TestSMSRefused(t *testing.T) {
	r := newReceiver(t, created)
	s := opened(t, SMS, local(t), smsFields(r, nil))
	m := Example("request.submitted", "https://assent.example")
	for _, tt := range []struct {
		answer    func(http.ResponseWriter)
		status    int
		permanent bool
		wait      time.Duration
	}{
		{status(429, "Retry-After", "7"), 429, false, 7 * time.Second},
		{status(503), 503, false, 0},
		{status(400), 400, true, 0}, // the number
		{status(401), 401, false, 0},
		{status(410), 410, false, 0},
		{status(302, "Location", "http://127.0.0.1/"), 302, false, 0},
	} {
		r.answers = append(r.answers, tt.answer)
		res, err := send(t, s, m)
		if err == nil || res.Status != tt.status || res.Permanent != tt.permanent || res.RetryAfter != tt.wait || res.Gone {
			t.Errorf("%d: %+v %v", tt.status, res, err)
		}
		if err != nil && (strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "Accounts") || strings.Contains(err.Error(), "\x1b")) {
			t.Errorf("%d: %v", tt.status, err)
		}
	}
	if _, err := send(t, s, m); err != nil {
		t.Error(err)
	}
	for _, to := range []string{"", "030 123", "+0123456789", "+4930123456\r\nX", "+4930123456789012345"} {
		m := m
		m.To.Phone = to
		if res, err := send(t, s, m); err == nil || !res.Permanent {
			t.Errorf("a message to %q: %+v %v", to, res, err)
		}
	}
	for name, more := range map[string]map[string]any{
		"account": {"account": "../x"}, "token": {"auth_token": ""}, "from": {"from": "a&b"}, "url": {"url": "ftp://x.example"}, "password": {"url": "https://a:b@x.example"},
	} {
		if _, err := open(Channel{Kind: SMS, Config: config(t, smsFields(r, more))}, local(t)); !errors.Is(err, elevation.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	blocked := opened(t, SMS, depsFor(nil), smsFields(r, nil))
	if _, err := send(t, blocked, m); err == nil || !strings.Contains(err.Error(), "not public") || strings.Contains(err.Error(), "AC0123") {
		t.Errorf("a provider on this machine: %v", err)
	}
}
