package sudo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/words"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

func TestExplain(t *testing.T) {
	id := elevation.NewRequestID(time.Now())
	tests := []struct {
		name   string
		err    error
		silent bool
		want   string
	}{
		{"denied", &intercept.Refused{By: "bo", Text: "no"}, false, "denied by bo: no\n"},
		{"denied without a word", &intercept.Refused{By: "bo"}, false, "denied by bo\n"},
		{"denied with escapes", &intercept.Refused{By: "b\x1b[2Jo", Text: "a\nb\u202e"}, false, `denied by b\x1b[2Jo: a b\u{202e}` + "\n"},
		{"denied at length", &intercept.Refused{By: "bo", Text: strings.Repeat("x", 5000)}, false, "denied by bo: " + strings.Repeat("x", 1999) + "…\n"},
		{"kept", &intercept.Kept{Request: id}, false, "kept as " + string(id) + ", run the same command again\n"},
		{"kept, silent", &intercept.Kept{Request: id}, true, "request " + string(id) + "\n"},
		{"withdrawn", fmt.Errorf("ask: %w", intercept.ErrWithdrawn), false, ""},
		{"unknown", errors.New("dial tcp 10.0.0.1: secret detail"), false, "error: this could not be approved because of a fault on this machine\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := explain(tt.err, tt.silent); !strings.HasPrefix(got, tt.want) || tt.want == "" && got != "" || strings.Contains(got, "secret") {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	for _, err := range []error{intercept.ErrNobody, intercept.ErrUnreachable, intercept.ErrNeedsPerson, intercept.ErrExpired, intercept.ErrCancelled, intercept.ErrWaitOver, intercept.ErrRemoved} {
		got := explain(err, false)
		if !strings.HasPrefix(got, "error: ") || !strings.Contains(got, "\nhint: ") {
			t.Errorf("%v: got %q", err, got)
		}
	}
}

// terminalOf answers prompts with the given lines and returns all that is shown.
func terminalOf(t *testing.T, tty bool, answers ...string) (*person, func() string) {
	t.Helper()
	ours, theirs := net.Pipe()
	k := newConn(context.Background(), ours)
	go k.listen()
	text := make(chan string, 1)
	go func() {
		var shown strings.Builder
		for {
			kind, body, err := readFrame(theirs, maxShown)
			if err != nil {
				text <- shown.String()
				return
			}
			fmt.Fprintf(&shown, "%c %s\n", kind, body)
			if kind != 'P' {
				continue
			}
			if len(answers) == 0 {
				theirs.Write(raw("X"))
				continue
			}
			theirs.Write(raw("R" + answers[0]))
			answers = answers[1:]
		}
	}()
	t.Cleanup(func() { ours.Close() })
	return &person{k: k, tty: tty, cols: 80, now: time.Now}, func() string { ours.Close(); return <-text }
}

func TestAsk(t *testing.T) {
	need := wire.Need{ReasonMin: 8, GoesTo: []string{"Approvers"}, Presets: []string{"update of the system"}, Message: "mind\x1bthe gap", UsualWait: time.Minute}
	ticket := wire.Need{ReasonMin: 8, Ticket: `INC-\d+`}
	tests := []struct {
		name           string
		need           wire.Need
		answers        []string
		reason, ticket string
		err            error
	}{
		{"a reason", need, []string{"  disk is full "}, "disk is full", "", nil},
		{"too short first", need, []string{"x", "", "disk is full"}, "disk is full", "", nil},
		{"a preset", need, []string{"1"}, "update of the system", "", nil},
		{"no such preset", need, []string{"2", "2", "disk is full"}, "disk is full", "", nil},
		{"never", need, []string{"", "", "", "", "", "disk is full"}, "", "", intercept.ErrWithdrawn},
		{"Ctrl-C", need, nil, "", "", intercept.ErrWithdrawn},
		{"not text", need, []string{"\xff\xfe\xff\xfe\xff\xfe\xff\xfe", "disk is full"}, "disk is full", "", nil},
		{"a ticket", ticket, []string{"disk is full", "INC-", "INC-7 or so", "INC-7"}, "disk is full", "INC-7", nil},
		{"nothing needed", wire.Need{}, nil, "", "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, shown := terminalOf(t, true, tt.answers...)
			reason, ticket, err := p.Ask(t.Context(), tt.need)
			if reason != tt.reason || ticket != tt.ticket || !errors.Is(err, tt.err) {
				t.Errorf("got %q %q %v", reason, ticket, err)
			}
			if s := shown(); strings.Contains(s, "\x1bt") {
				t.Errorf("shown: %q", s)
			}
		})
	}
	p, _ := terminalOf(t, false)
	if _, _, err := p.Ask(t.Context(), need); !errors.Is(err, intercept.ErrNobody) {
		t.Errorf("without a terminal: %v", err)
	}
}

func TestQuestion(t *testing.T) {
	ask := intercept.Question{Request: "req_x", By: "b\x1bo", Text: "why\non a \u202eSunday?"}
	for name, tt := range map[string]struct {
		answers []string
		want    string
		err     error
	}{
		"an answer":      {[]string{" the shop is closed "}, "the shop is closed", nil},
		"Enter alone":    {[]string{""}, "", nil},
		"not text first": {[]string{"\xff\xfe", "plain"}, "plain", nil},
		"never text":     {[]string{"\xff", "\xff", "\xff", "\xff", "\xff"}, "", nil},
		"Ctrl-C":         {nil, "", intercept.ErrWithdrawn},
	} {
		t.Run(name, func(t *testing.T) {
			p, shown := terminalOf(t, true, tt.answers...)
			got, err := p.Question(t.Context(), ask)
			if got != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("got %q, %v", got, err)
			}
			if s := shown(); !strings.Contains(s, `b\x1bo asks: why on a \u{202e}Sunday?`) || strings.ContainsAny(s, "\u202e") {
				t.Errorf("shown: %q", s)
			}
		})
	}
	p, _ := terminalOf(t, false)
	if _, err := p.Question(t.Context(), ask); !errors.Is(err, intercept.ErrNobody) {
		t.Errorf("without a terminal: %v", err)
	}
}

// While the plugin reads the terminal nothing is sent to it, or its socket would
// be full after some minutes and the request be lost; the waiting line comes back
// with the answer. A question that is over is said past the plugin.
func TestNothingIsSentWhileAPersonThinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer ours.Close()
		k := newConn(t.Context(), ours)
		go k.listen()
		go k.heartbeats()
		defer k.cancel(nil)
		var mu sync.Mutex // guards kinds
		var kinds []byte
		go func() {
			for {
				kind, _, err := readFrame(theirs, maxShown)
				if err != nil {
					return
				}
				mu.Lock()
				kinds = append(kinds, kind)
				mu.Unlock()
			}
		}()
		told := make(chan string, 1)
		p := &person{k: k, tty: true, cols: 80, now: time.Now, tell: func(text string) { told <- text }}
		ctx, over := context.WithCancel(t.Context())
		defer over()
		done := make(chan string, 1)
		go func() {
			text, err := p.Question(ctx, intercept.Question{Request: "req_x", By: "bo", Text: "why?"})
			if err != nil {
				t.Error(err)
			}
			done <- text
		}()
		synctest.Wait()
		p.Waiting(intercept.Waiting{Request: "req_x", Since: time.Now()})
		time.Sleep(time.Hour)
		synctest.Wait()
		mu.Lock()
		if got := string(kinds); got != "TP" {
			t.Errorf("an hour of thinking: %.40q", got)
		}
		mu.Unlock()
		over()
		if text := <-told; !strings.Contains(text, "press Enter") {
			t.Errorf("told %q", text)
		}
		theirs.Write(raw("Rtoo late"))
		if text := <-done; text != "" {
			t.Errorf("an answer to what is over: %q", text)
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		if got := string(kinds); !strings.HasPrefix(got, "TPHLT") {
			t.Errorf("afterwards: %q", got)
		}
	})
}

// TestLinesBreakBetweenWords: what is said fits the terminal, and an address stays
// whole; without a terminal it is one line.
func TestLinesBreakBetweenWords(t *testing.T) {
	const address = "https://assent.internal.example.com:8443/#/b/7K2Q-M9XD"
	line := intercept.BesideLine(words.English, address, "7K2Q-M9XD")
	for _, cols := range []int{0, 40, 80, 100, 120} {
		p, shown := terminalOf(t, true)
		p.cols = cols
		p.Say(line)
		text := shown()
		parts := strings.Split(strings.TrimSpace(strings.TrimPrefix(text, "T ")), "\n")
		for _, part := range parts {
			if cols > 0 && len(strings.TrimSpace(part)) > cols && part != address {
				t.Errorf("%d: wider is %q", cols, part)
			}
		}
		if !strings.Contains(text, address) || (cols == 0) != (len(parts) == 1) {
			t.Errorf("%d: shown %q", cols, text)
		}
	}
	p, shown := terminalOf(t, false)
	p.cols = 40
	p.Say(line)
	if got, want := shown(), "M "+strings.Join(strings.Fields(line), " ")+"\n\n"; got != want {
		t.Errorf("without a terminal: %q, want %q", got, want)
	}
}

// TestKeysAreToldOfLast: who can answer stands above the hint of the keys, also when
// that comes a moment later than the request's id, and the hint stands there once.
func TestKeysAreToldOfLast(t *testing.T) {
	p, shown := terminalOf(t, true)
	p.keys = true
	w := intercept.Waiting{Request: "req_x", Since: time.Now()}
	p.Waiting(w)
	p.Say("assent: somebody beside you can answer")
	w.Beside, w.Position = "https://assent.example/#/b/7K2Q-M9XD", 1
	p.Waiting(w)
	p.Waiting(w)
	text := shown()
	const keys = "assent: b leaves it waiting, Ctrl-C withdraws it\n"
	beside, hint := strings.Index(text, "somebody beside you"), strings.Index(text, keys)
	if beside < 0 || hint < beside || strings.Count(text, keys) != 1 || !strings.Contains(text, keys+"waiting for approval 0s req_x place 1") && !strings.Contains(text, keys+"waiting for approval 0s req_x, place 1") {
		t.Errorf("shown %q", text)
	}
	p, _ = terminalOf(t, true)
	p.keys = true
	if p.hintOfKeys() == "" || p.hintOfKeys() != "" {
		t.Error("the hint is not given once")
	}
}

func TestWaitingWithoutATerminal(t *testing.T) {
	p, shown := terminalOf(t, false)
	w := intercept.Waiting{Request: "req_x", Since: time.Now()}
	p.Waiting(w)
	w.Position = 3
	p.Waiting(w) // one line, not many
	p.leave()
	if got, want := shown(), "L \nkept as req_x, run the same command again\n\nM waiting for approval 0s req_x\n\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestReplyNobodyAskedFor(t *testing.T) {
	for _, frames := range [][]string{{"Ra", "Rb"}, {"A"}, {"Q"}, {"R" + strings.Repeat("x", maxReply+1)}} {
		ours, theirs := net.Pipe()
		k := newConn(t.Context(), ours)
		go theirs.Write(raw(frames...))
		k.listen()
		if err := context.Cause(k.ctx); !errors.Is(err, errGone) {
			t.Errorf("%.20q: %v", frames, err)
		}
		ours.Close()
		io.Copy(io.Discard, theirs)
	}
}

// TestTheCodeIsDrawn: with ASSENT_QR the code stands above the waiting line, once,
// and whole; on a terminal that is too small it is said.
func TestTheCodeIsDrawn(t *testing.T) {
	const address = "https://assent.example.com/#/b/7K2Q-M9XD"
	w := intercept.Waiting{Request: elevation.NewRequestID(time.Now()), Code: "7K2Q-M9XD", Beside: address}
	lines, err := intercept.QR(address, 80, 24)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		qr         bool
		cols, rows int
		drawn      int
		want       string
	}{{true, 80, 24, 1, strings.Join(lines, "\n") + "\n"}, {false, 80, 24, 0, "7K2Q-M9XD"}, {true, 30, 24, 0, "needs a terminal of 37 columns"}} {
		p, shown := terminalOf(t, true)
		p.qr, p.cols, p.rows = row.qr, row.cols, row.rows
		for range 3 {
			p.Waiting(w)
		}
		p.leave()
		text := shown()
		if !strings.Contains(text, row.want) || strings.Count(text, lines[3]) != row.drawn {
			t.Errorf("%+v: shown %q", row, text)
		}
	}
}

// What the plugin prints at the end fits the terminal; without one nothing is broken.
func TestEndFitsTheTerminal(t *testing.T) {
	const text = "error: nobody answered in time\nhint: run the command again to ask again\n"
	for _, row := range []struct {
		user []string
		want string
	}{
		{[]string{"tty=/dev/pts/1", "cols=24"}, "error: nobody answered\nin time\nhint: run the command\nagain to ask again\n"},
		{[]string{"tty=/dev/pts/1", "cols=80"}, text},
		{[]string{"tty=/dev/pts/1"}, text},
		{[]string{"cols=24"}, text},
	} {
		if got := (call{user: row.user}).fitted(text); got != row.want {
			t.Errorf("%v: %q", row.user, got)
		}
	}
}
