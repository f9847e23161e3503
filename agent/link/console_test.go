package link

import (
	"strings"
	"testing"

	"github.com/assent-epm/assent/shared/wire"
)

// Only an address that can be shown as it is becomes the console's.
func TestConsoleAddress(t *testing.T) {
	for said, want := range map[string]string{
		"https://assent.example":                   "https://assent.example",
		"http://localhost:8080":                    "http://localhost:8080",
		"https://assent.example/console":           "https://assent.example/console",
		"":                                         "",
		"assent.example":                           "",
		"javascript:alert(1)":                      "",
		"https://":                                 "",
		"https://bo:secret@assent.example":         "",
		"https://assent.example and more":          "",
		"https://assent.example/\u202emoc":         "",
		"https://assent.example\x1b[2J":            "",
		"https://a/" + strings.Repeat("x", 200):    "",
		"file:///etc/passwd":                       "",
		"https://assent.example/\nrun this now: x": "",
	} {
		if got := consoleURL(said); got != want {
			t.Errorf("%q: got %q, want %q", said, got, want)
		}
	}
}

func TestConsoleComesWithTheWelcome(t *testing.T) {
	s := newScript(t, func(_ int, p *peer) {
		p.welcome(func(w *wire.Welcome) { w.Console = "https://assent.example" })
		p.send(wire.TQuestion, 1, wire.Question{})
		p.rest()
	})
	dir, id := enrolled(t, s)
	x := start(t, dir, id, nil)
	if got := x.link.Console(); got != "" {
		t.Errorf("before any welcome: %q", got)
	}
	x.run()
	recv(t, x.frames)
	if got := x.link.Console(); got != "https://assent.example" {
		t.Errorf("got %q", got)
	}
}
