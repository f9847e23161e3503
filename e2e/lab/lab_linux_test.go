package lab

import (
	"path/filepath"
	"strings"
	"testing"
)

// A controller keeps its addresses and its people over a crash, and its link of
// the first start is printed once.
func TestControllerComesBack(t *testing.T) {
	bin, err := Bin()
	if err != nil {
		t.Fatal(err)
	}
	c, err := StartController(t.Context(), Config{Bin: bin, Data: filepath.Join(t.TempDir(), "data")})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Kill()
	url, agents, link := c.URL, c.AgentURL, c.SignIn
	if !strings.Contains(link, "/#/sign-in?link=") || !strings.HasPrefix(agents, "https://") {
		t.Errorf("the first start: sign in %q, agents %q", link, agents)
	}
	if _, err := c.EnrollToken(t.Context()); err != nil {
		t.Error(err)
	}
	bo, err := c.AddUser(t.Context(), "bo", "approver")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c.URL != url || c.AgentURL != agents {
		t.Errorf("after the crash: %s and %s, before %s and %s", c.URL, c.AgentURL, url, agents)
	}
	if got, err := c.CtlAs(t.Context(), bo, "approval", "list"); err != nil || got.Code != 0 {
		t.Errorf("bo after the crash: %v, %s", err, got)
	}
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
}
