package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/assent-epm/assent/controller/client"
)

// queueOf makes requests r0…, in the controller's order.
func queueOf(ids ...string) queueMsg {
	m := queueMsg{total: int64(len(ids))}
	at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for _, id := range ids {
		why := "because \x1b[31m\u202eI must"
		m.rows = append(m.rows, client.Request{ID: id, State: "pending", AccessType: "run", User: client.RequestUser{Name: "eve"}, SubmittedAt: &at,
			Endpoint: client.EndpointRef{ID: "ep_1"}, Priority: client.Priority{Value: "normal"}, Justification: &why,
			Subject: client.Subject{Path: "/usr/bin/tool-" + id, Args: []string{"\x1b[2J", "資料"}, RunAs: "root"}})
	}
	return m
}

// still is a screen without a controller, at a time that stands.
func still(t *testing.T, wide, high int, ids ...string) (*screen, *time.Time) {
	t.Helper()
	now := time.Date(2026, 11, 24, 12, 5, 0, 0, time.UTC)
	s := newScreen(t.Context(), &client.Client{URL: "http://127.0.0.1:1"}, client.Me{ID: "usr_me", Login: "bo"})
	s.now = func() time.Time { return now }
	s.Update(tea.WindowSizeMsg{Width: wide, Height: high})
	s.Update(queueOf(ids...))
	return s, &now
}

func key(name string) tea.KeyPressMsg {
	switch name {
	case "enter":
		return tea.KeyPressMsg{Code: tea.KeyEnter}
	case "esc":
		return tea.KeyPressMsg{Code: tea.KeyEscape}
	case "down":
		return tea.KeyPressMsg{Code: tea.KeyDown}
	}
	r := []rune(name)[0]
	return tea.KeyPressMsg{Code: r, Text: name}
}

// place is the line of the screen with the cursor, and what stands there.
func cursor(s *screen) (int, string) {
	for i, l := range s.lay() {
		if text := ansi.Strip(l); strings.HasPrefix(text, "▌") {
			return i, strings.Fields(strings.TrimPrefix(text, "▌"))[3]
		}
	}
	return -1, ""
}

func gone(id, by string) newsMsg {
	r := queueOf(id).rows[0]
	r.State, r.Decision = "denied", &client.Decision{Verdict: "denied", By: &client.Person{ID: "usr_" + by, Login: by}}
	return newsMsg{&r}
}

// Whatever comes and goes, the row under the cursor stays on its line until a key
// moves it, and no other one takes its place.
func TestTheFocusedRowDoesNotMove(t *testing.T) {
	s, now := still(t, 80, 24, "r0", "r1", "r2", "r3", "r4")
	for range 3 {
		s.Update(key("j"))
	}
	at, what := cursor(s)
	if !strings.Contains(what, "r3") {
		t.Fatalf("on %s", what)
	}
	same := func(when string) {
		t.Helper()
		if a, w := cursor(s); a != at || w != what {
			t.Errorf("%s: line %d %s, was %d %s\n%s", when, a, w, at, what, ansi.Strip(strings.Join(s.lay(), "\n")))
		}
	}
	s.Update(queueOf("new1", "r0", "r1", "new2", "r2", "r3", "r4", "new3"))
	same("new ones came")
	if out := ansi.Strip(strings.Join(s.lay(), "\n")); !strings.Contains(out, "3 new") || strings.Contains(out, "tool-new1") {
		t.Errorf("new ones:\n%s", out)
	}
	s.Update(gone("r0", "cy"))
	s.Update(gone("r4", "cy"))
	same("others answered")
	if out := ansi.Strip(strings.Join(s.lay(), "\n")); strings.Count(out, "denied by cy") != 2 {
		t.Errorf("what others answered:\n%s", out)
	}
	*now = now.Add(2 * time.Second)
	s.Update(sweepMsg{})
	if len(s.rows) != 5 {
		t.Errorf("%d rows after 2 s", len(s.rows))
	}
	*now = now.Add(2 * time.Second)
	s.Update(sweepMsg{})
	same("they left")
	if len(s.rows) != 3 {
		t.Errorf("%d rows after 4 s", len(s.rows))
	}
	// The focused one itself: it says so, goes, and the cursor is on none.
	s.Update(gone("r3", "cy"))
	same("the focused one was answered")
	*now = now.Add(4 * time.Second)
	s.Update(sweepMsg{})
	if a, w := cursor(s); a != -1 {
		t.Errorf("the cursor jumped to %s", w)
	}
	if _, cmd := s.Update(key("a")); cmd != nil {
		t.Error("an answer to nothing is sent")
	}
	s.Update(key("k"))
	if _, w := cursor(s); !strings.Contains(w, "r2") {
		t.Errorf("K goes to %s", w)
	}
	s.Update(key("."))
	if _, w := cursor(s); !strings.Contains(w, "r2") || len(s.fresh) != 0 || len(s.rows) != 5 {
		t.Errorf("after .: on %s, %d rows", w, len(s.rows))
	}
}

// A request that comes to an empty screen is shown, but a key pressed at that
// moment does not answer it.
func TestWhatComesToAnEmptyScreenIsNotFocused(t *testing.T) {
	s, _ := still(t, 80, 24)
	if out := strings.Join(s.lay(), "\n"); !strings.Contains(out, "Nothing is waiting.") {
		t.Error(out)
	}
	s.Update(queueOf("r0"))
	if _, cmd := s.Update(key("a")); cmd != nil || s.focus != "" {
		t.Error("the first one is answered unseen")
	}
	s.Update(key("j"))
	if s.focus != "r0" {
		t.Errorf("J goes to %q", s.focus)
	}
}

// No size of the terminal and nothing that strangers wrote breaks the screen.
func TestScreenFits(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {200, 50}, {20, 6}, {40, 10}, {132, 18}, {131, 17}, {300, 100}} {
		for _, over := range []string{"", "?", "A", "d", "enter", "/"} {
			for _, rude := range []bool{false, true} {
				s, _ := still(t, size[0], size[1], "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9")
				s.rude = rude
				s.Update(queueOf("r0", "r1", "r2", "r3", "r5", "r9", "n1"))
				s.picked["r1"] = true
				if over != "" {
					s.Update(key(over))
				}
				lines := s.lay()
				if len(lines) != size[1] {
					t.Errorf("%v %q: %d lines", size, over, len(lines))
				}
				for _, l := range lines {
					if lipgloss.Width(l) > size[0] {
						t.Errorf("%v %q: %d wide: %q", size, over, lipgloss.Width(l), ansi.Strip(l))
					}
					if text := ansi.Strip(l); strings.ContainsAny(text, "\x1b\u202e") || strings.Contains(l, "\x1b[2J") || strings.Contains(l, "\x1b[31m") {
						t.Errorf("%v: on the screen: %q", size, l)
					}
					if rude {
						for _, r := range ansi.Strip(l) {
							if r > 0x7f && r != '資' && r != '料' && r != '…' {
								t.Errorf("%v: %q in ASCII", size, r)
							}
						}
					}
				}
			}
		}
	}
}

// Enter alone never answers several; what is typed or pasted over the list does
// nothing by accident.
func TestSeveralAreAskedFor(t *testing.T) {
	s, _ := still(t, 80, 24, "r0", "r1", "r2")
	for _, k := range []string{"x", "x", "a"} {
		s.Update(key(k))
	}
	if _, ok := s.over.(*sure); !ok {
		t.Fatalf("A on two: %T", s.over)
	}
	for _, k := range []string{"s", "h", "enter"} {
		if _, cmd := s.Update(key(k)); cmd != nil {
			t.Errorf("%s answers", k)
		}
	}
	s.Update(key("n"))
	if _, cmd := s.Update(tea.PasteMsg{Content: "aaaa"}); cmd != nil || s.rows[0].busy {
		t.Error("a paste answers")
	}
	s.Update(key("a"))
	if _, cmd := s.Update(key("y")); cmd == nil || !s.rows[0].busy || !s.rows[1].busy || s.rows[2].busy {
		t.Error("Y does not answer both")
	}
	s.Update(doneMsg{action: "approve", results: []result{{ID: "r0", OK: true}, {ID: "r1", err: &client.Problem{Status: 403, Code: "step_up_required", Detail: "sign in again"}}}})
	if out := ansi.Strip(strings.Join(s.lay(), "\n")); !strings.Contains(out, "sign in again; open http://127.0.0.1:1/#/requests/r1") {
		t.Errorf("a refusal:\n%s", out)
	}
}

// Without a connection the bar says since when, rows stay, and nothing is sent.
func TestOffline(t *testing.T) {
	s, now := still(t, 80, 24, "r0", "r1")
	s.Update(brokenMsg{client.ErrUnreachable, now.Add(4 * time.Second)})
	out := ansi.Strip(strings.Join(s.lay(), "\n"))
	if !strings.Contains(out, "Not live since "+now.Local().Format(time.TimeOnly)+", trying again in 4s") || !strings.Contains(out, "tool-r1") {
		t.Error(out)
	}
	if _, cmd := s.Update(key("a")); cmd != nil || s.rows[0].busy {
		t.Error("an answer is sent without a connection")
	}
	s.Update(openMsg{})
	if out := ansi.Strip(strings.Join(s.lay(), "\n")); strings.Contains(out, "Not live") || !strings.Contains(out, "live again") {
		t.Error(out)
	}
	if _, cmd := s.Update(brokenMsg{errors.New("signed out"), time.Time{}}); cmd == nil || s.failed == nil {
		t.Error("being signed out does not end it")
	}
}

// An answer for an older search changes nothing.
func TestSearchTakesItsOwnAnswer(t *testing.T) {
	s, _ := still(t, 80, 24, "r0", "r1")
	s.search("nginx")
	s.Update(queueOf("r0", "r1"))
	if len(s.rows) != 0 {
		t.Error("the answer to another question is shown")
	}
	m := queueOf()
	m.filter = "nginx"
	s.Update(m)
	if out := strings.Join(s.lay(), "\n"); !strings.Contains(out, "Nothing that waits has these words") {
		t.Error(out)
	}
}

func TestEntry(t *testing.T) {
	var got string
	s, _ := still(t, 80, 24, "r0")
	e := &entry{needed: true, ready: []string{"first", "second"}, done: func(_ *screen, text string) tea.Cmd { got = text; return nil }}
	s.over = e
	s.Update(key("enter"))
	if s.over == nil {
		t.Error("nothing typed is sent")
	}
	s.Update(key("down"))
	s.Update(key("down"))
	for _, k := range []tea.KeyPressMsg{{Code: tea.KeyBackspace}, {Code: 'w', Mod: tea.ModCtrl}, {Code: 'n', Text: "n"}, {Code: 'o', Text: "o"}, {Code: tea.KeyLeft}, {Code: 'N', Text: "N"}, {Code: tea.KeyDelete}} {
		s.Update(k)
	}
	s.Update(tea.PasteMsg{Content: "a\nb" + strings.Repeat("x", 5000)})
	s.Update(key("enter"))
	if want := "nNa b" + strings.Repeat("x", longestTyped-5); got != want {
		t.Errorf("typed %d %.20q, want %.20q", len(got), got, want)
	}
}

// following: a broken stream is tried again with growing breaks, and ends when
// the caller may not follow.
func TestLiveGivesUpWhenRefused(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c, err := client.New("http://127.0.0.1:1", "x")
	if err != nil {
		t.Fatal(err)
	}
	var waits []string
	err = live{c: c, up: func() {}, each: func(client.Event) error { return nil }, down: func(_ error, again time.Duration) {
		waits = append(waits, fmt.Sprint(again))
		cancel()
	}}.run(ctx)
	if err != nil || len(waits) != 1 || waits[0] != "1s" {
		t.Errorf("%v %v", err, waits)
	}
	if passing(&client.Problem{Status: 401}) || passing(&client.Problem{Status: 403}) || !passing(&client.Problem{Status: 503}) || !passing(client.ErrUnreachable) {
		t.Error("which errors pass by themselves")
	}
}

// Times are those of the machine where they are read, and say so; a program reads
// them too.
func TestTimesAreOfHere(t *testing.T) {
	was := time.Local
	defer func() { time.Local = was }()
	time.Local = time.FixedZone("CET", 3600)
	at := time.Date(2026, 11, 22, 23, 30, 0, 0, time.UTC)
	if got := when(&at); got != "2026-11-23T00:30:00+01:00" {
		t.Error(got)
	}
	if got := when(nil) + when(&time.Time{}); got != "" {
		t.Error(got)
	}
}
