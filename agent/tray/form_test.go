package tray

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assent-epm/assent/agent/local"
)

// bed is a form of a person, with its door, as a browser would find it.
type bed struct {
	t    *testing.T
	d    *door
	form *Form
	link string
	base string
	over <-chan struct{}
	jar  http.CookieJar
	key  string

	mu  sync.Mutex // guards now
	now time.Time
}

func (b *bed) clock() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

func (b *bed) later(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(d)
}

func open(t *testing.T, d *door, w Wish, sits bool) *bed {
	t.Helper()
	b := &bed{t: t, d: d, now: time.Now()}
	var mu sync.Mutex
	var forms []*Form
	t.Cleanup(served(context.Background(), d, func() []*Form { mu.Lock(); defer mu.Unlock(); return forms }))
	cfg := FormConfig{Agent: d, Sits: sits, Env: func(string) string { return "" }, Folder: "/home/lena", Publisher: func(string) string { return "Debian, package apt" },
		Programs: func() []Program {
			return []Program{{Name: "Disks", Path: "/usr/bin/gnome-disks"}, {Name: "Software", Path: "/usr/bin/synaptic"}}
		}}
	mu.Lock() // the first notice finds the form
	b.form = NewForm(cfg, w)
	forms = append(forms, b.form)
	mu.Unlock()
	var stop func()
	var err error
	b.link, b.over, stop, err = Serve(b.form, DoorConfig{Now: b.clock, Every: 5 * time.Millisecond, MayCall: MayCall()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(); <-b.over; b.form.Close() })
	u, err := url.Parse(b.link)
	if err != nil || u.Hostname() != "127.0.0.1" || len(u.Fragment) != 32 {
		t.Fatalf("the link is %s, %v", b.link, err)
	}
	b.base = "http://" + u.Host
	b.jar, _ = cookiejar.New(nil)
	return b
}

// post sends something as the page does; change alters it.
func (b *bed) post(path string, body any, change func(*http.Request)) (int, []byte) {
	b.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		b.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.base+path, bytes.NewReader(raw))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Origin", b.base)
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	req.Header.Set(keyHeader, b.key)
	client := &http.Client{Jar: b.jar, Transport: &http.Transport{DisableKeepAlives: true}}
	if change != nil {
		change(req)
	}
	res, err := client.Do(req)
	if err != nil {
		return 0, nil
	}
	defer res.Body.Close()
	got, _ := io.ReadAll(res.Body)
	return res.StatusCode, got
}

func (b *bed) enter() {
	b.t.Helper()
	code, raw := b.post("/enter", map[string]string{"token": b.link[len(b.base)+2:]}, nil)
	var in struct{ Key string }
	if err := json.Unmarshal(raw, &in); code != 200 || err != nil {
		b.t.Fatalf("enter: %d %s", code, raw)
	}
	b.key = in.Key
}

// until waits for a stage.
func (b *bed) until(want stage) View {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 10*time.Second)
	defer cancel()
	for {
		v := b.form.View()
		if v.Stage == want {
			return v
		}
		if b.form.Await(ctx, v.Version); ctx.Err() != nil {
			b.t.Fatalf("never %s, but %+v", want, v)
		}
	}
}

func (b *bed) ask(reason string) (int, View) {
	b.t.Helper()
	code, raw := b.post("/ask", map[string]any{"reason": reason}, nil)
	var v View
	_ = json.Unmarshal(raw, &v)
	return code, v
}

func apt() Wish { return Wish{Path: "/usr/bin/apt", Args: []string{"install", "nginx"}} }

// TestFormAsksAndRuns: the whole way through the door that a person takes, when
// the agent says what it wants to know.
func TestFormAsksAndRuns(t *testing.T) {
	b := open(t, newDoor(), apt(), true)
	b.enter()
	var v View
	for v = b.until(stageAsk); v.Fields.Reading || v.Program.Publisher == ""; v = b.form.View() {
		b.form.Await(t.Context(), v.Version)
	}
	if v.Fields.Least != 8 || v.Fields.Goes != "Platform, Service desk" || v.Fields.Usual != "usually within 4 min" || len(v.Fields.Presets) != 2 || v.Program.Name != "apt" {
		t.Errorf("asks %+v of %+v", v.Fields, v.Program)
	}
	if _, v := b.ask("no"); v.Stage != stageAsk || v.Wrong != "Please give at least 8 characters." {
		t.Errorf("too short: %s %q", v.Stage, v.Wrong)
	}
	if code, _ := b.ask("a web server for the trial"); code != 200 {
		t.Fatalf("ask: %d", code)
	}
	b.until(stageWaiting)
	it := b.d.newest()
	if it.Justification != "a web server for the trial" || len(b.d.attempts(t, 1)) != 1 {
		t.Errorf("asked %+v, %d times", it, len(b.d.attempts(t, 1)))
	}
	b.d.set(it.ID, "question", func(it *local.Item) { it.Asker, it.Question = "Bo Chen", "Which host is it for?" })
	if v := b.until(stageQuestion); v.Quote.Text != "Which host is it for?" || !v.Replies {
		t.Errorf("the question is %+v", v.Quote)
	}
	if code, _ := b.post("/answer", map[string]string{"text": "only lena-laptop"}, nil); code != 200 {
		t.Errorf("answer: %d", code)
	}
	b.until(stageWaiting)
	b.d.set(it.ID, "approved", func(it *local.Item) { it.State, it.By, it.Text = "available", "Bo Chen", "for today" })
	v = b.until(stageActive)
	if v.Clock == nil || v.Quote.Text != "for today" || v.Lead != "by Bo Chen" {
		t.Errorf("active: %+v", v)
	}
	if code, _ := b.post("/press", map[string]string{"key": "run"}, nil); code != 409 {
		t.Errorf("run once more: %d", code)
	}
	if code, _ := b.post("/press", map[string]string{"key": "end"}, nil); code != 200 {
		t.Errorf("end: %d", code)
	}
	if v := b.until(stageEnded); !v.Over {
		t.Errorf("ended: %+v", v)
	}
	if code, _ := b.ask("one more, please"); code != 409 {
		t.Errorf("a second request by one form: %d", code)
	}
	if items, _, _ := b.d.List(t.Context()); len(items) != 1 {
		t.Errorf("%d requests", len(items))
	}
	for tick := time.NewTicker(10 * time.Millisecond); ; b.later(time.Second) { // it closes long before it would for silence
		select {
		case <-b.over:
			tick.Stop()
			if since := time.Until(b.clock()); since >= idleAfter {
				t.Errorf("closed only after %s", since)
			}
			return
		case <-tick.C:
		}
	}
}

// TestFormWithoutAHead: where another program asks for reasons, the form asks for
// all itself; nothing starts until the person says so.
func TestFormWithoutAHead(t *testing.T) {
	b := open(t, newDoor(), apt(), false)
	b.enter()
	b.until(stageAsk)
	if opts := b.d.attempts(t, 0); len(opts) != 0 {
		t.Errorf("asked already: %+v", opts)
	}
	if code, _ := b.post("/ask", map[string]any{"reason": "a web server", "ticket": "OPS-1", "for": time.Hour}, nil); code != 200 {
		t.Fatalf("ask: %d", code)
	}
	b.until(stageWaiting)
	if opt := b.d.attempts(t, 1)[0]; opt.For != time.Hour || opt.Ticket != "OPS-1" || !opt.NoWait || opt.Reason != "a web server" {
		t.Errorf("asked %+v", opt)
	}
	b.d.set(b.d.newest().ID, "approved", func(it *local.Item) { it.State, it.By = "available", "Bo Chen" })
	if v := b.until(stageApproved); v.Buttons[0].Key != pressRun {
		t.Errorf("buttons %+v", v.Buttons)
	}
	if code, _ := b.post("/press", map[string]string{"key": "run"}, nil); code != 200 {
		t.Errorf("run: %d", code)
	}
	b.until(stageActive)
	if opt := b.d.attempts(t, 2)[1]; opt.As != "" { // Windows refuses whoever is named
		t.Errorf("run as %q", opt.As)
	}
	close(b.d.ended[b.d.newest().ID])
	for v := b.until(stageEnded); !strings.Contains(v.Output, "Unpacking nginx"); v = b.until(stageEnded) { // it may come after the news of the end
		b.form.Await(t.Context(), v.Version)
	}
}

// lateDoor answers the first question about a request that may be used with what
// was true when it came, but only when the test lets it.
type lateDoor struct {
	*door
	came, free chan struct{}
	once       sync.Once
}

func (d *lateDoor) View(ctx context.Context, id string) (local.Item, error) {
	it, err := d.door.View(ctx, id)
	if it.State == "available" {
		d.once.Do(func() { close(d.came); <-d.free })
	}
	return it, err
}

// TestNewsInOrder: what the agent said before never replaces what it said later,
// however long it takes to arrive.
func TestNewsInOrder(t *testing.T) {
	d := &lateDoor{door: newDoor(), came: make(chan struct{}), free: make(chan struct{})}
	form := NewForm(FormConfig{Agent: d, Env: func(string) string { return "" }, Folder: "/home/lena"}, apt())
	defer form.Close()
	if err := form.Ask(t.Context(), Asked{Reason: "a web server"}); err != nil {
		t.Fatal(err)
	}
	d.attempts(t, 1)
	b := &bed{t: t, form: form}
	b.until(stageWaiting)
	news := func(kind, state string) {
		d.set(d.newest().ID, kind, func(it *local.Item) { it.State = state })
		form.Hear(t.Context(), local.Notice{Request: d.newest().ID, Kind: kind})
	}
	news("approved", "available")
	<-d.came
	news("started", "active")
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for i := range 50 { // a second reading would have come by now
		if v := form.View(); i == 49 || v.Stage == stageActive {
			close(d.free)
			break
		}
		<-tick.C
	}
	b.until(stageActive)
	form.Close()
	if v := form.View(); v.Stage != stageActive {
		t.Errorf("it is in use, and the form says %s", v.Stage)
	}
}

// TestFormOtherTime: another time than the usual one is a new attempt, and the
// first is taken back.
func TestFormOtherTime(t *testing.T) {
	b := open(t, newDoor(), apt(), true)
	b.enter()
	for v := b.until(stageAsk); v.Fields.Reading; v = b.form.View() {
		b.form.Await(t.Context(), v.Version)
	}
	b.post("/ask", map[string]any{"reason": "a web server", "for": time.Hour}, nil)
	b.until(stageWaiting)
	if opts := b.d.attempts(t, 2); len(opts) != 2 || opts[1].For != time.Hour || opts[1].Reason != "a web server" {
		t.Errorf("asked %+v", opts)
	}
}

// TestFormEnds: a denial, a rule that approves at once, no controller, a
// withdrawal: each is told.
func TestFormEnds(t *testing.T) {
	d := newDoor()
	b := open(t, d, apt(), false)
	b.enter()
	b.ask("a web server")
	b.until(stageWaiting)
	d.attempts(t, 1)
	d.set(d.newest().ID, "denied", func(it *local.Item) { it.State, it.By, it.Text = "denied", "Bo Chen", "Use the container." })
	if v := b.until(stageDenied); v.Quote.Text != "Use the container." || !v.Over || len(v.Buttons) != 0 {
		t.Errorf("denied: %+v", v)
	}
	d = newDoor()
	d.rule = "rule developers"
	b = open(t, d, apt(), true)
	b.until(stageActive)
	d = newDoor()
	d.status.Connected = false
	b = open(t, d, apt(), true)
	for v := b.until(stageAsk); v.Wrong == ""; v = b.form.View() {
		b.form.Await(t.Context(), v.Version)
	}
	d = newDoor()
	b = open(t, d, apt(), false)
	b.enter()
	b.ask("a web server")
	b.until(stageWaiting)
	b.post("/press", map[string]string{"key": "cancel"}, nil)
	if v := b.until(stageOver); v.Title != "Withdrawn" {
		t.Errorf("withdrawn: %+v", v)
	}
}

// TestFormAlone: an approval that comes when nobody looks at the page any more
// waits for the person, and does not begin by itself.
func TestFormAlone(t *testing.T) {
	b := open(t, newDoor(), apt(), true)
	b.enter()
	for v := b.until(stageAsk); v.Fields.Reading; v = b.form.View() {
		b.form.Await(t.Context(), v.Version)
	}
	b.ask("a web server")
	b.until(stageWaiting)
	b.later(aloneAfter + time.Second)
	for v := b.form.View(); ; v = b.form.View() {
		b.form.mu.Lock()
		held := b.form.hold != nil
		b.form.mu.Unlock()
		if !held {
			break
		}
		b.form.Await(t.Context(), v.Version)
	}
	b.d.set(b.d.newest().ID, "approved", func(it *local.Item) { it.State, it.By = "available", "Bo Chen" })
	b.until(stageApproved)
}

// TestPick: without a program the person chooses one, once.
func TestPick(t *testing.T) {
	b := open(t, newDoor(), Wish{}, false)
	b.enter()
	if v := b.until(stagePick); len(v.Programs) != 2 {
		t.Errorf("to choose from: %+v", v.Programs)
	}
	if code, _ := b.ask("of nothing at all"); code != 409 {
		t.Errorf("asked for nothing: %d", code)
	}
	for path, want := range map[string]int{"": 409, "/usr/bin/\x1b[2J": 409, strings.Repeat("/x", 5000): 409} {
		if code, _ := b.post("/choose", map[string]string{"path": path}, nil); code != want {
			t.Errorf("choose %.20q: %d", path, code)
		}
	}
	if code, _ := b.post("/choose", map[string]string{"path": "/usr/bin/synaptic"}, nil); code != 200 {
		t.Errorf("choose: %d", code)
	}
	if v := b.until(stageAsk); v.Program.Name != "Software" {
		t.Errorf("chosen %+v", v.Program)
	}
	if code, _ := b.post("/choose", map[string]string{"path": "/usr/bin/gnome-disks"}, nil); code != 409 {
		t.Errorf("choose another: %d", code)
	}
}

// TestDoorRefuses attacks the door: names that lead here, pages of others, links
// and cookies that were seen, and what is too much.
func TestDoorRefuses(t *testing.T) {
	b := open(t, newDoor(), apt(), false)
	token := map[string]string{"token": b.link[len(b.base)+2:]}
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	for _, tt := range []struct {
		name   string
		change func(*http.Request)
		want   int
	}{
		{"a name that was made lead here", func(r *http.Request) { r.Host = "rebind.example:" + r.URL.Port() }, 421},
		{"localhost by name", func(r *http.Request) { r.Host = "localhost:" + r.URL.Port() }, 421},
		{"without its port", func(r *http.Request) { r.Host = "127.0.0.1" }, 421},
		{"a foreign page", header("Origin", "https://evil.example"), 403},
		{"a page of another port", header("Origin", "http://127.0.0.1:1"), 403},
		{"a page without an origin", header("Origin", "null"), 403},
		{"no origin at all", func(r *http.Request) { r.Header.Del("Origin") }, 403},
		{"a page of the same site", header("Sec-Fetch-Site", "same-site"), 403},
		{"a foreign frame", header("Sec-Fetch-Site", "cross-site"), 403},
		{"a form of a page", header("Content-Type", "application/x-www-form-urlencoded"), 415},
		{"text of a page", header("Content-Type", "text/plain"), 415},
	} {
		if code, _ := b.post("/enter", token, tt.change); code != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, code, tt.want)
		}
	}
	if code, _ := b.post("/state", map[string]int{"version": -1}, nil); code != 401 {
		t.Errorf("before entering: %d", code)
	}
	if code, _ := b.post("/enter", map[string]string{"token": strings.Repeat("0", 32)}, nil); code != 401 {
		t.Errorf("a wrong token: %d", code)
	}
	if code, _ := b.post("/enter", map[string]string{"token": ""}, nil); code != 401 {
		t.Errorf("no token: %d", code)
	}
	b.enter()
	if code, _ := b.post("/enter", token, nil); code != 401 {
		t.Errorf("the link once more: %d", code)
	}
	if code, _ := b.post("/state", map[string]int{"version": -1}, header(keyHeader, "")); code != 401 {
		t.Errorf("the cookie alone, as a page of another port has it: %d", code)
	}
	jar := b.jar
	b.jar, _ = cookiejar.New(nil)
	if code, _ := b.post("/state", map[string]int{"version": -1}, nil); code != 401 {
		t.Errorf("the key alone: %d", code)
	}
	b.jar = jar
	for name, change := range map[string]func(*http.Request){"a foreign page": header("Origin", "https://evil.example"), "another name": func(r *http.Request) { r.Host = "evil.example" }} {
		if code, _ := b.post("/ask", map[string]string{"reason": "because I can"}, change); code < 400 {
			t.Errorf("%s asks: %d", name, code)
		}
	}
	if code, _ := b.post("/ask", map[string]string{"reason": strings.Repeat("x", maxBody)}, nil); code != 400 {
		t.Errorf("too much: %d", code)
	}
	if code, _ := b.post("/press", map[string]string{"key": "run"}, nil); code != 409 {
		t.Errorf("a button that is not there: %d", code)
	}
	if code, _ := b.post("/nothing", nil, nil); code != 404 {
		t.Errorf("another path: %d", code)
	}
	if opts := b.d.attempts(t, 0); len(opts) != 0 {
		t.Errorf("something was asked for: %+v", opts)
	}
}

// TestGuessesDoNotCloseTheDoor: whoever finds the port can not take the page away
// from its person, and does not keep it open either.
func TestGuessesDoNotCloseTheDoor(t *testing.T) {
	b := open(t, newDoor(), apt(), false)
	guess := func() {
		t.Helper()
		if code, _ := b.post("/enter", map[string]string{"token": "guess"}, nil); code != 401 {
			t.Errorf("a guess: %d", code)
		}
	}
	for range 50 {
		guess()
	}
	b.enter()
	guess()
	if code, _ := b.post("/state", map[string]int{"version": -1}, nil); code != 200 {
		t.Errorf("the person, after guesses: %d", code)
	}
	b = open(t, newDoor(), apt(), false)
	guess()
	b.later(enterWithin + time.Second)
	<-b.over
}

// TestDoorCloses: silence closes it, before the page came and after; so does the
// person.
func TestDoorCloses(t *testing.T) {
	b := open(t, newDoor(), apt(), false)
	b.later(enterWithin + time.Second)
	<-b.over
	b = open(t, newDoor(), apt(), false)
	b.enter()
	b.later(idleAfter + time.Second)
	<-b.over
	b = open(t, newDoor(), apt(), false)
	b.enter()
	if code, _ := b.post("/close", nil, nil); code != 200 {
		t.Errorf("close: %d", code)
	}
	<-b.over
}

// TestPageHoldsNothing: what anybody can fetch is the same for everybody, and
// everything has the policy.
func TestPageHoldsNothing(t *testing.T) {
	b := open(t, newDoor(), apt(), false)
	for _, path := range []string{"/", "/form.css", "/form.js", "/icon.svg"} {
		res, err := http.Get(b.base + path)
		if err != nil {
			t.Fatal(err)
		}
		raw, _ := io.ReadAll(res.Body)
		res.Body.Close()
		csp := res.Header.Get("Content-Security-Policy")
		if res.StatusCode != 200 || !strings.HasPrefix(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || res.Header.Get("Cache-Control") != "no-store" || len(res.Cookies()) > 0 {
			t.Errorf("%s: %d %v", path, res.StatusCode, res.Header)
		}
		for _, own := range []string{"nginx", "lena", "https://"} {
			if bytes.Contains(raw, []byte(own)) {
				t.Errorf("%s has %q", path, own)
			}
		}
	}
	for _, path := range []string{"/page/form.html", "/../form.go", "/state", "/%2e%2e/form.go"} {
		if res, err := http.Get(b.base + path); err == nil {
			res.Body.Close()
			if res.StatusCode == 200 {
				t.Errorf("%s is served", path)
			}
		}
	}
}

// The page is told everything in one way of writing, and the door asks for the end
// without the rest.
func TestViewAsThePageReadsIt(t *testing.T) {
	raw, err := json.Marshal(View{Program: &Program{Publisher: "x"}, Fields: &Fields{Times: []Time{{}}}, Clock: &Clock{}, Quote: &Quote{}, Facts: []Fact{{}}, Buttons: []Button{{}}})
	if err != nil || string(bytes.ToLower(raw)) != string(raw) {
		t.Errorf("%s, %v", raw, err)
	}
	b := open(t, newDoor(), apt(), false)
	for _, over := range []bool{false, true} {
		if over {
			b.form.change(func() { b.form.end, b.form.asked = &local.Outcome{Kind: local.Denied}, true })
		}
		if got := b.form.Over(); got != over || b.form.View().Over != over {
			t.Errorf("over: %v, the page is told %v", got, b.form.View().Over)
		}
	}
}
