package desktop

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/agent/words"
	"github.com/assent-epm/assent/shared/elevation"
)

const (
	first  = elevation.RequestID("req_01a202a4-e086-7992-a8ec-2139ffff0ba7")
	second = elevation.RequestID("req_01a202a4-e086-7992-a8ec-2139ffff0ba8")
)

// fakeAgent is an agent with a list of items.
type fakeAgent struct {
	notices chan local.Notice // closed: the agent goes away
	watched int
	version bool // it is of another version

	mu    sync.Mutex // guards the fields below
	items map[elevation.RequestID]local.Item
	did   []string
}

func newAgent(items ...local.Item) *fakeAgent {
	a := &fakeAgent{notices: make(chan local.Notice, 10), items: map[elevation.RequestID]local.Item{}}
	for _, it := range items {
		a.items[it.ID] = it
	}
	return a
}

func (a *fakeAgent) WatchDesktop(ctx context.Context, ready func(), each func(local.Notice) error) error {
	a.watched++
	if a.version {
		return local.ErrVersion
	}
	if a.watched == 2 { // away for a moment
		return local.ErrNoAgent
	}
	ready()
	for {
		select {
		case n, ok := <-a.notices:
			if !ok {
				a.notices = make(chan local.Notice, 10)
				return local.ErrNoAgent
			}
			each(n)
		case <-ctx.Done():
			return nil
		}
	}
}

func (a *fakeAgent) List(context.Context) (items []local.Item, more bool, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, it := range a.items {
		it.Wants = nil // only in a view
		items = append(items, it)
	}
	return items, false, nil
}

func (a *fakeAgent) View(_ context.Context, id string) (local.Item, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	it, ok := a.items[elevation.RequestID(id)]
	if !ok {
		return it, local.ErrNotFound
	}
	return it, nil
}

func (a *fakeAgent) act(what, id string) (local.Item, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.did = append(a.did, what)
	it := a.items[elevation.RequestID(id)]
	if it.Wants == nil || strings.HasPrefix(what, "end") {
		return it, nil
	}
	if strings.HasPrefix(what, "cancel") || it.Wants.Reason == 0 || it.Wants.Ticket == "" {
		delete(a.items, it.ID)
		return it, nil
	}
	w := *it.Wants
	w.Reason, it.Wants = 0, &w
	a.items[it.ID] = it
	return it, nil
}

func (a *fakeAgent) Answer(_ context.Context, id, text string) (local.Item, error) {
	if text == "the agent refuses this" {
		return local.Item{}, local.ErrInvalid
	}
	return a.act("answer "+text, id)
}
func (a *fakeAgent) Cancel(_ context.Context, id string) (local.Item, error) {
	return a.act("cancel", id)
}

// Confirm is an agent that knows one password.
func (a *fakeAgent) Confirm(_ context.Context, id, password string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.did = append(a.did, "confirm "+password)
	it := a.items[elevation.RequestID(id)]
	if it.Wants == nil || it.Wants.Password == "" {
		return local.ErrConflict
	}
	w := *it.Wants
	right := password == "geheim"
	w.Tries, w.Wrong = w.Tries-1, !right
	if over := right || password == "" || w.Tries == 0; over {
		it.Wants, it.Confirm = nil, ""
		a.items[it.ID] = it
		a.notices <- local.Notice{Kind: "settled", Request: it.ID}
		if right {
			a.notices <- local.Notice{Kind: "confirmed", Request: it.ID}
		} else if password != "" {
			a.notices <- local.Notice{Kind: "unconfirmed", Request: it.ID, Text: "3 were wrong"}
		}
		return nil
	}
	it.Wants = &w
	a.items[it.ID] = it
	a.notices <- local.Notice{Kind: "password", Request: it.ID}
	return nil
}

func (a *fakeAgent) CheckIn(_ context.Context, id string) (local.Item, error) {
	return a.act("end", id)
}

func (a *fakeAgent) list() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.did)
}

// person answers dialogs, one after the other, and presses buttons.
type person struct {
	mu      sync.Mutex // guards the fields below
	answers []func(ctx context.Context) (string, error)
	asked   []Question
	now     int // dialogs that are open
	most    int
	told    []string
	shown   map[string]Notice
	presses chan Press
}

func typed(s string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return s, nil }
}

func fails(err error) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return "", err }
}

// stares leaves the dialog open until it is taken away.
func stares(ctx context.Context) (string, error) { <-ctx.Done(); return "", ctx.Err() }

func (p *person) Ask(ctx context.Context, q Question) (string, error) {
	p.mu.Lock()
	p.asked = append(p.asked, q)
	answer := fails(ErrClosed)
	if len(p.answers) > 0 {
		answer, p.answers = p.answers[0], p.answers[1:]
	}
	p.now++
	p.most = max(p.most, p.now)
	p.mu.Unlock()
	defer func() { p.mu.Lock(); defer p.mu.Unlock(); p.now-- }()
	return answer(ctx)
}

func (p *person) Tell(_ context.Context, title, text string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.told = append(p.told, title+" | "+text)
	return nil
}

func (p *person) Show(name string, n Notice) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shown[name] = n
	return nil
}

func (p *person) Remove(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.shown, name)
}

func (p *person) Pressed() <-chan Press { return p.presses }

func (p *person) notice(name string) Notice {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.shown[name]
}

func (p *person) dialogs() []Question {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.asked)
}

// sits runs a Desktop in a bubble of time; stop ends it.
func sits(t *testing.T, a *fakeAgent, answers ...func(context.Context) (string, error)) (p *person, started *[][]string) {
	t.Helper()
	p = &person{answers: answers, shown: map[string]Notice{}, presses: make(chan Press)}
	started = new([][]string)
	d := New(Config{Agent: a, Notices: p, Dialog: p, Env: func(string) string { return "" },
		Start: func(cwd string, argv []string) error {
			*started = append(*started, append([]string{cwd}, argv...))
			return nil
		}, Open: func() error { *started = append(*started, []string{"open"}); return nil }})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	synctest.Wait()
	return p, started
}

func wanting(id elevation.RequestID, w local.Wants) local.Item {
	return local.Item{ID: id, State: "pending", Asker: "Assent", Question: "why?", Mechanism: "polkit", RunAs: "root",
		Path: "/usr/bin/apt", Args: []string{"update"}, Cwd: "/none of theirs", Wants: &w}
}

// TestAsksForTheReason: what the agent wants is asked for until it fits, then the
// ticket, one thing after the other.
func TestAsksForTheReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAgent(wanting(first, local.Wants{Reason: 8, Presets: []string{"Planned maintenance"}, Ticket: "OPS-[0-9]+",
			GoesTo: []string{"Platform"}, Usual: 2 * time.Minute, Message: "Only at night.", Words: elevation.Words{Help: "call 4711"}}))
		p, _ := sits(t, a, typed("short"), typed("\xff\xff\xff\xff\xff\xff\xff\xff"), typed("the agent refuses this"), typed(" because of the certificate "), typed("none"), typed("OPS-7"))
		if got, want := strings.Join(a.list(), ", "), "answer because of the certificate, answer OPS-7"; got != want {
			t.Errorf("told the agent %s, want %s", got, want)
		}
		asked := p.dialogs()
		if len(asked) != 6 || !slices.Equal(asked[0].Choices, []string{"Planned maintenance"}) || len(asked[5].Choices) > 0 {
			t.Fatalf("asked %+v", asked)
		}
		for i, want := range []string{"/usr/bin/apt update needs an approval.\n\nOnly at night.\nThis needs an approval by Platform, usually within 2m.\nHelp: call 4711\n\nWhy do you need this? (at least 8 characters)",
			"Please give at least 8", "not plain text", "can not be sent", "Which ticket is this for? (like OPS-[0-9]+)", "no such ticket"} {
			if !strings.Contains(asked[i].Text, want) {
				t.Errorf("dialog %d says %q, want %q in it", i, asked[i].Text, want)
			}
		}
	})
}

// TestOneQuestionAtATime: attempts wait for each other; one that was answered
// elsewhere takes its dialog away, and the reason given before is offered.
func TestOneQuestionAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAgent()
		p, _ := sits(t, a, stares, typed("the second reason"), typed("the third reason"))
		a.mu.Lock()
		a.items[first], a.items[second] = wanting(first, local.Wants{Reason: 8}), wanting(second, local.Wants{Reason: 8})
		a.mu.Unlock()
		for range 3 { // told twice, listed anew: it is one question
			a.notices <- local.Notice{Kind: "reason", Request: first}
			a.notices <- local.Notice{Kind: "reason", Request: second}
		}
		synctest.Wait()
		if n := len(p.dialogs()); n != 1 {
			t.Fatalf("%d dialogs", n)
		}
		a.notices <- local.Notice{Kind: "settled", Request: first}
		synctest.Wait()
		if p.most != 1 || strings.Join(a.list(), ", ") != "answer the second reason" {
			t.Errorf("%d dialogs at once, the agent was told %v", p.most, a.list())
		}
		a.mu.Lock()
		a.items[second] = wanting(second, local.Wants{Reason: 8})
		a.mu.Unlock()
		a.notices <- local.Notice{Kind: "reason", Request: second}
		synctest.Wait()
		if asked := p.dialogs(); len(asked) != 3 || !slices.Equal(asked[2].Choices, []string{"the second reason"}) {
			t.Errorf("asked %+v", asked)
		}
	})
}

// TestClosedOrNoDialog: a closed dialog takes the attempt back; where no dialog
// can be shown a notice says how to answer.
func TestClosedOrNoDialog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAgent(wanting(first, local.Wants{Reason: 8}))
		sits(t, a, fails(ErrClosed))
		if got := a.list(); !slices.Equal(got, []string{"cancel"}) {
			t.Errorf("told the agent %q", got)
		}
		b := newAgent(wanting(first, local.Wants{Reason: 8}))
		p, _ := sits(t, b, fails(ErrNoDialog))
		if n := p.notice(reasonNotice(first)); len(b.list()) > 0 || !strings.Contains(n.Text, "assent answer ff0ba7 REASON") {
			t.Errorf("shown %+v, told %v", n, b.list())
		}
		b.notices <- local.Notice{Kind: "settled", Request: first}
		synctest.Wait()
		if n := p.notice(reasonNotice(first)); n.Text != "" {
			t.Errorf("it stays: %+v", n)
		}
	})
}

// TestAgentComesBack: it connects anew, and what waited meanwhile is asked.
func TestAgentComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAgent()
		p, _ := sits(t, a, typed("the long reason"))
		a.mu.Lock()
		a.items[first] = wanting(first, local.Wants{Reason: 8})
		a.mu.Unlock()
		close(a.notices)
		time.Sleep(time.Minute)
		synctest.Wait()
		if a.watched != 3 || len(p.dialogs()) != 1 {
			t.Errorf("watched %d times, %d dialogs", a.watched, len(p.dialogs()))
		}
	})
	if err := New(Config{Agent: &fakeAgent{version: true}, Env: func(string) string { return "" }}).Run(t.Context()); !errors.Is(err, local.ErrVersion) {
		t.Errorf("an agent of another version: %v", err)
	}
}

// TestNotices: what is shown, and with which buttons.
func TestNotices(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	apt := local.Item{ID: first, Mechanism: "polkit", RunAs: "root", Path: "/usr/bin/apt", Args: []string{"update"}, Cwd: "/none of theirs"}
	sudo := apt
	sudo.Mechanism = "sudo"
	tests := []struct {
		name    string
		n       local.Notice
		it      local.Item
		waited  time.Duration // since it was queued; -1 = it was not
		title   string        // "" = nothing is shown
		text    string
		buttons string
	}{
		{"approved after a while", local.Notice{Kind: "approved", By: "bo", Text: "fine", Until: now.Add(time.Hour)}, apt, time.Minute, "Approved: /usr/bin/apt update", "by bo: fine\nUse it before " + now.Add(time.Hour).Local().Format("15:04") + ".", "run later open"},
		{"approved, of a terminal", local.Notice{Kind: "approved", By: "bo"}, sudo, time.Minute, "Approved: /usr/bin/apt update", "by bo.\nDo the same again, and it goes through.", "open"},
		{"approved at once by a rule", local.Notice{Kind: "approved", By: "the rule x"}, apt, time.Second, "", "", ""},
		{"approved, nobody was waited for", local.Notice{Kind: "approved", By: "the rule x"}, apt, -1, "", "", ""},
		{"denied", local.Notice{Kind: "denied", By: "bo\x1b[2J", Text: "not\ntoday"}, apt, -1, "Denied: /usr/bin/apt update", `by bo\x1b[2J: not today`, "open"},
		{"a question", local.Notice{Kind: "question", By: "bo", Text: "why now?"}, apt, -1, "A question about /usr/bin/apt update", "bo asks: why now?", "answer open"},
		{"a passkey is wanted", local.Notice{Kind: "passkey", Text: "https://assent.example/#/b/7K2Q-M9XD"}, sudo, -1, "Confirm with your passkey: /usr/bin/apt update", "https://assent.example/#/b/7K2Q-M9XD", "page open"},
		{"a passkey at no page", local.Notice{Kind: "passkey", Text: "file:///etc/passwd"}, sudo, -1, "", "", ""},
		{"a passkey at a program", local.Notice{Kind: "passkey", Text: "--help"}, sudo, -1, "", "", ""},
		{"ends soon", local.Notice{Kind: "ends_soon", Text: "5m", Until: now.Add(5 * time.Minute)}, apt, -1, "Ends soon: /usr/bin/apt update", "It ends at " + now.Add(5*time.Minute).Local().Format("15:04") + ".", "end open"},
		{"ended by itself", local.Notice{Kind: "ended", Text: string(elevation.Completed)}, apt, -1, "", "", ""},
		{"its time is over", local.Notice{Kind: "ended", Text: string(elevation.Deadline), Line: "apt (0ba7): its time is over"}, apt, -1, "It has ended: /usr/bin/apt update", "Its time is over.", "open"},
		{"approved, and to be confirmed", local.Notice{Kind: "approved", By: "bo"}, local.Item{ID: first, Mechanism: "polkit", Path: "/usr/bin/apt", Confirm: "password"}, time.Minute, "Approved: /usr/bin/apt", "by bo.\nYou are asked who you are before it runs.", "open"},
		{"confirmed", local.Notice{Kind: "confirmed", By: "alice"}, apt, -1, "Confirmed: /usr/bin/apt update", "", "run later open"},
		{"not confirmed", local.Notice{Kind: "unconfirmed", By: "Assent", Text: "3 were wrong"}, apt, -1, "Not confirmed: /usr/bin/apt update", "3 were wrong", "open"},
		{"log off", local.Notice{Kind: "log_off"}, local.Item{ID: first, Access: "admin"}, -1, "Log off and on again", "You are not administrator any more. A log-on of that time still has the rights, until it is over.", "open"},
		{"looked at", local.Notice{Kind: "seen", By: "bo"}, apt, -1, "", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.n.At = now
			if got := shows(tt.n, tt.waited >= 0, now.Add(-tt.waited)); got != (tt.title != "") {
				t.Fatalf("shown: %v", got)
			}
			if tt.title == "" {
				return
			}
			n := noticeOf(words.English, tt.n, tt.it, true, now)
			var keys []string
			for _, b := range n.Buttons {
				keys = append(keys, b.Key)
			}
			if n.Title != tt.title || n.Text != tt.text || strings.Join(keys, " ") != tt.buttons {
				t.Errorf("got %+v", n)
			}
		})
	}
}

// TestRunNow: only what is known to the letter is run, by pkexec and nothing else.
func TestRunNow(t *testing.T) {
	it := local.Item{Mechanism: "polkit", RunAs: "root", Path: "/usr/bin/apt", Args: []string{"-y", "update"}}
	for name, change := range map[string]func(*local.Item){
		"of sudo":      func(i *local.Item) { i.Mechanism = "sudo" },
		"masked":       func(i *local.Item) { i.Args = []string{"--password=" + elevation.Masked} },
		"an action":    func(i *local.Item) { i.Path = "/usr/share/polkit-1/actions/org.x.policy" },
		"not a path":   func(i *local.Item) { i.Path = "--version" },
		"not a path 2": func(i *local.Item) { i.Path = "" },
	} {
		bad := it
		if change(&bad); Command(bad) != nil {
			t.Errorf("%s: %q", name, Command(bad))
		}
	}
	if got := Command(it); !slices.Equal(got, []string{"/usr/bin/pkexec", "/usr/bin/apt", "-y", "update"}) {
		t.Errorf("got %q", got)
	}
	it.RunAs, it.Cwd = "bob", "/usr"
	if got := Command(it); !slices.Equal(got, []string{"/usr/bin/pkexec", "--keep-cwd", "--user", "bob", "/usr/bin/apt", "-y", "update"}) {
		t.Errorf("got %q", got)
	}
}

// TestButtons: each does what it says, for the request of its notice.
func TestButtons(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		it := local.Item{ID: first, State: "available", Mechanism: "polkit", RunAs: "root", Path: "/usr/bin/apt", Args: []string{"update"}, Cwd: "/none of theirs",
			Question: "why now?", Asker: "bo"}
		a := newAgent(it)
		p, started := sits(t, a, typed("it is late"))
		a.notices <- local.Notice{Kind: "denied", Request: first, By: "bo"}
		synctest.Wait()
		if p.notice(string(first)).Title == "" {
			t.Fatal("no notice")
		}
		a.notices <- local.Notice{Kind: "passkey", Request: first, Text: "https://assent.example/#/b/7K2Q-M9XD"}
		synctest.Wait()
		for _, key := range []string{pressPage, pressRun, pressOpen, pressEnd, pressAnswer, pressLater, "default", "nonsense"} {
			p.presses <- Press{Name: string(first), Key: key}
			synctest.Wait()
		}
		p.presses <- Press{Name: string(second), Key: pressRun} // no such request
		synctest.Wait()
		if got := *started; len(got) != 3 || !slices.Equal(got[0], []string{"/", "/usr/bin/xdg-open", "https://assent.example/#/b/7K2Q-M9XD"}) ||
			!slices.Equal(got[1], []string{"/", "/usr/bin/pkexec", "/usr/bin/apt", "update"}) || got[2][0] != "open" {
			t.Errorf("started %q", got)
		}
		if got := a.list(); !slices.Equal(got, []string{"end", "answer it is late"}) {
			t.Errorf("told the agent %q", got)
		}
		if p.notice(string(first)).Title != "" {
			t.Error("the notice stays")
		}
	})
}

// TestNoMarkup: what strangers wrote is no markup, no option and no mnemonic for
// the programs that ask.
func TestNoMarkup(t *testing.T) {
	q := Question{Title: "<b>a</b>", Text: `<img src="file:///etc/x"> _a \n`, Choices: []string{"<i>one</i>", "--file-selection", "two"}, OK: "ok", Cancel: "no"}
	for name, args := range map[string][]string{"zenity": zenity(q.unmarked()), "kdialog": kdialog(q.unmarked())} {
		for i, a := range args {
			if strings.Contains(a, "<") && a != "<i>one</i>" || a == "--file-selection" {
				t.Errorf("%s: argument %d is %q", name, i, a)
			}
		}
	}
	if got := kdialog(q.unmarked())[3]; !strings.Contains(got, "‹i›one‹/i›") {
		t.Errorf("kdialog shows %q", got)
	}
	if got := zenity(q.unmarked())[4]; got != `‹img src="file:///etc/x"› __a \\n` {
		t.Errorf("zenity shows %q", got)
	}
}

// TestFollow: it waits longer and longer, up to a limit, and begins anew once the
// agent was there.
func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		var waits []time.Duration
		n := 0
		err := Follow(ctx, time.Second, 5*time.Second, func(ready func()) error {
			if n++; n == 6 {
				ready()
			}
			if n == 8 {
				stop()
			}
			return local.ErrNoAgent
		}, func(err error, wait time.Duration) {
			if !errors.Is(err, local.ErrNoAgent) {
				t.Error(err)
			}
			waits = append(waits, wait/time.Second)
		})
		if want := []time.Duration{1, 2, 4, 5, 5, 1, 2}; err != nil || !slices.Equal(waits, want) {
			t.Errorf("waited %d, %v", waits, err)
		}
	})
}

func TestIsQuestion(t *testing.T) {
	button := []Button{{pressOpen, "Open"}}
	for _, c := range []struct {
		n    Notice
		want bool
	}{{Notice{Urgent: true, Buttons: button}, true}, {Notice{Buttons: button}, false}, {Notice{Urgent: true}, false}, {Notice{}, false}} {
		if c.n.IsQuestion() != c.want {
			t.Errorf("%+v: %v", c.n, !c.want)
		}
	}
}

// A question of a system without notices has three answers: nothing that a notice
// offers is left out, and nothing is done by taking it away.
func TestChoice(t *testing.T) {
	run, open, end, later := Button{pressRun, "Run now"}, Button{pressOpen, "Open"}, Button{pressEnd, "End now"}, Button{pressLater, "Later"}
	for name, row := range map[string]struct {
		buttons      []Button
		first, other Button
		away         string
	}{
		"one":                   {[]Button{open}, open, Button{}, "OK"},
		"one and away":          {[]Button{run, later}, run, Button{}, "Later"},
		"two":                   {[]Button{end, open}, end, open, "OK"},
		"two and away between":  {[]Button{run, later, open}, run, open, "Later"},
		"nothing but to remove": {[]Button{later}, Button{}, Button{}, "Later"},
	} {
		first, other, away := Notice{Buttons: row.buttons}.Choice("OK")
		if first != row.first || other != row.other || away != row.away {
			t.Errorf("%s: %v, %v, %q", name, first, other, away)
		}
	}
	var english words.Tongue
	// What this program says is never more than a question can ask.
	for _, kind := range []string{"approved", "confirmed", "passkey", "question", "ends_soon", "ended", "denied", "log_off"} {
		n := noticeOf(english, local.Notice{Kind: kind, Text: "https://assent.example/x"}, local.Item{}, true, time.Now())
		acts := 0
		for _, b := range n.Buttons {
			if b.Key != pressLater {
				acts++
			}
		}
		if acts > 2 {
			t.Errorf("%s offers %d things: %v", kind, acts, n.Buttons)
		}
	}
}
