package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/assent-epm/assent/controller"
	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// queued is a controller with an endpoint on which somebody asked for n things.
func queued(t *testing.T, n int) (*client.Client, []string) {
	t.Helper()
	data := t.TempDir()
	c, err := controller.New(t.Context(), controller.Config{Data: data, Listen: "127.0.0.1:0", AgentListen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(running) }()
	t.Cleanup(func() { stop(); <-done })
	now := time.Now()
	ep := elevation.EndpointID(elevation.NewID(elevation.EndpointPrefix, now))
	err = c.Store().Update(t.Context(), func(tx *store.Tx) error {
		if err := tx.InsertEndpoint(store.Endpoint{ID: ep, Name: "web-1", SPKI: []byte("1"), Labels: map[string]string{}, Mode: "ask", EnrolledAt: now}); err != nil {
			return err
		}
		return tx.Append(audit.Event{At: now, Kind: audit.EndpointEnrolled, Actor: elevation.Actor{Kind: elevation.BySystem}, Endpoint: ep})
	})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for i := range n {
		id := elevation.NewRequestID(time.Now())
		a := wire.Attempt{Request: id, Attempt: elevation.Attempt{AccessType: elevation.Run, Mechanism: "sudo", User: elevation.User{Name: "eve", UID: "1000", Groups: []string{}},
			Subject: elevation.Subject{Path: "/usr/bin/id", Args: []string{fmt.Sprint("evil\x1b[2J", i)}, ArgsDigest: fmt.Appendf(nil, "%032d", i), Cwd: "/", RunAs: "root",
				SHA256: fmt.Sprintf("%064x", 1), Size: 10, Marks: []string{}}}}
		if _, err := c.Queue().Draft(t.Context(), ep, a); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Queue().Complete(t.Context(), ep, wire.Complete{Request: id, Justification: "because \x1b[31m I must"}); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, string(id))
	}
	raw, err := os.ReadFile(filepath.Join(data, "admin.token"))
	if err != nil {
		t.Fatal(err)
	}
	rest, err := client.New("http://"+c.Addr(), strings.TrimSpace(string(raw)))
	if err != nil {
		t.Fatal(err)
	}
	return rest, ids
}

// TestScreen answers a queue by keys.
func TestScreen(t *testing.T) {
	c, ids := queued(t, 5)
	w := &watcher{c: c, marked: map[string]bool{}, now: time.Now}
	if err := w.load(t.Context()); err != nil {
		t.Fatal(err)
	}
	press := func(keys ...string) string {
		t.Helper()
		for _, k := range keys {
			if w.press(t.Context(), k) {
				t.Fatalf("%q quits", k)
			}
		}
		lines := w.draw(100, 40)
		for _, l := range lines {
			if strings.ContainsRune(l, 0x1b) || len([]rune(l)) > 100 {
				t.Errorf("on the screen: %q", l)
			}
		}
		if len(lines) != 40 {
			t.Errorf("%d lines", len(lines))
		}
		return strings.Join(lines, "\n")
	}
	state := func(id string) string {
		r, err := c.Request(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return r.State
	}
	if s := press(); !strings.Contains(s, "Assent: 5 waiting") || !strings.Contains(s, ">   "+elevation.ShortID(ids[0])) {
		t.Errorf("at first\n%s", s)
	}
	if s := press("j", "a"); !strings.Contains(s, "approved, now available") || state(ids[1]) != "available" || len(w.rows) != 4 {
		t.Errorf("J A\n%s", s)
	}
	// The focus is on the next one, and stays there when others go.
	if w.focus != ids[2] {
		t.Errorf("the focus is on %s", w.focus)
	}
	if _, err := c.Act(t.Context(), ids[0], "deny", client.Answer{}); err != nil {
		t.Fatal(err)
	}
	if err := w.load(t.Context()); err != nil || w.focus != ids[2] || w.at != 0 {
		t.Errorf("after another went: %s at %d, %v", w.focus, w.at, err)
	}
	press("x", "x", "d", "n", "o", "t", "x", "back", " ", "n", "o", "w", "enter")
	for _, id := range ids[2:4] {
		if r, err := c.Request(t.Context(), id); err != nil || r.State != "denied" || *r.Decision.Comment != "not now" {
			t.Errorf("selected and denied: %s %v", r.State, err)
		}
	}
	if s := press("c", "w", "h", "y", "?", "enter", "enter"); !strings.Contains(s, "asks: why? - not answered yet") {
		t.Errorf("opened\n%s", s)
	}
	if s := press("esc", "/", "n", "o", "p", "e", "enter"); !strings.Contains(s, "0 waiting with nope") || !strings.Contains(s, "Nothing waits.") {
		t.Errorf("searched\n%s", s)
	}
	if s := press("?"); !strings.Contains(s, "J/K move") {
		t.Errorf("help\n%s", s)
	}
	if !w.press(t.Context(), "q") {
		t.Error("Q does not quit")
	}
}

// TestScreenRuns: news are shown, and it ends with the keys.
func TestScreenRuns(t *testing.T) {
	c, ids := queued(t, 2)
	w := &watcher{c: c, marked: map[string]bool{}, now: time.Now}
	keys, news, drawn, done := make(chan string), make(chan struct{}), make(chan string), make(chan error, 1)
	go func() {
		done <- w.run(t.Context(), keys, news, func() {
			select {
			case drawn <- strings.Join(w.draw(80, 24), "\n"):
			case <-t.Context().Done():
			}
		})
	}()
	if s := <-drawn; !strings.Contains(s, "2 waiting") {
		t.Error(s)
	}
	if _, err := c.Act(t.Context(), ids[0], "deny", client.Answer{}); err != nil {
		t.Fatal(err)
	}
	news <- struct{}{}
	if s := <-drawn; !strings.Contains(s, "1 waiting") {
		t.Error(s)
	}
	close(keys)
	for {
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
			return
		case <-drawn: // the clock ticked
		}
	}
}

func TestParseKeys(t *testing.T) {
	for raw, want := range map[string][]string{
		"j":           {"j"},
		"\x1b[A":      {"up"},
		"\x1bOBx":     {"down", "x"},
		"\r":          {"enter"},
		"\x1b":        {"esc"},
		"\x7f\x03":    {"back", "quit"},
		"ä":           {"ä"},
		"\x1b[15~abc": nil, // a key without a meaning takes what came with it along
	} {
		if got := parseKeys([]byte(raw)); !slices.Equal(got, want) {
			t.Errorf("%q: %q", raw, got)
		}
	}
}

// A table fits the terminal, whatever is in it; without one it is whole.
func TestTablesFit(t *testing.T) {
	cols := []column[string]{{name: "id", text: func(string) string { return "f2a77c" }}, {name: "application", text: strings.ToUpper},
		{name: "justification", text: func(s string) string { return s + s }, tight: func(s string) string { return s }}}
	rows := []string{strings.Repeat("long ", 60), "short"}
	var narrow, whole bytes.Buffer
	if err := errors.Join(writeTable(&narrow, rows, cols, false, 100), writeTable(&whole, rows, cols, false, 0)); err != nil {
		t.Fatal(err)
	}
	for _, l := range strings.Split(narrow.String(), "\n") {
		if n := utf8.RuneCountInString(l); n > 100 {
			t.Errorf("%d columns: %s", n, l)
		}
	}
	if !strings.Contains(whole.String(), strings.Repeat("LONG ", 59)) || strings.Contains(whole.String(), "…") {
		t.Errorf("it is cut off: %s", whole.String())
	}
}
