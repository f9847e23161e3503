package console_test

import (
	"os"
	"strings"
	"testing"

	"github.com/assent-epm/assent/e2e/browser"
)

// people is the browser of all tests.
var people browser.Shared

// TestMain ends it.
func TestMain(m *testing.M) {
	code := m.Run()
	people.End()
	os.Exit(code)
}

// person is somebody's browser at the small desk, with nobody signed in.
func person(t *testing.T, d *desk) *browser.Tab {
	t.Helper()
	b := people.Open(t)
	b.URL = strings.Replace(d.url, "127.0.0.1", "localhost", 1) // passkeys belong to names
	b.Expect("401", "403")                                      // before anybody signed in, and what presence is asked for
	return b
}

// signIn goes through the form and waits until the page is live.
func signIn(b *browser.Tab, login string) {
	b.T.Helper()
	b.Go("#/")
	b.SignIn(login, password)
	b.Until(`document.querySelector(".live:not(.lost)") !== null`)
}
