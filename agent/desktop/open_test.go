package desktop

import (
	"context"
	"testing"
	"time"

	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/agent/words"
)

// TestStartable: where the program can start what was approved, the notice has
// buttons for it; nobody else gets them.
func TestStartable(t *testing.T) {
	it := local.Item{ID: "req_1", State: "available", Mechanism: "assent", Path: "/usr/bin/apt", Args: []string{"update"}, Cwd: "/home/lena"}
	approved := local.Notice{Kind: "approved", Request: "req_1", By: "bo", Text: "fine"}
	show := func(d *Desktop, n local.Notice) Notice {
		return d.startable(words.English, n, it, noticeOf(words.English, n, it, true, time.Now()))
	}
	none := New(Config{Env: noEnv})
	if n := show(none, approved); len(n.Buttons) != 1 || n.Text != "by bo: fine\nDo the same again, and it goes through." {
		t.Errorf("without a way to start it: %+v", n)
	}
	can := New(Config{Env: noEnv, Runs: func(it local.Item) bool { return it.Cwd == "/home/lena" }, Run: func(context.Context, string) error { return nil }})
	if n := show(can, approved); len(n.Buttons) != 3 || n.Buttons[0].Key != pressRun || n.Buttons[1].Key != pressLater || n.Text != "by bo: fine" {
		t.Errorf("with one: %+v", n)
	}
	if n := show(can, local.Notice{Kind: "denied", Request: "req_1", By: "bo"}); len(n.Buttons) != 1 {
		t.Errorf("denied: %+v", n)
	}
	it.Cwd = "/srv"
	if n := show(can, approved); len(n.Buttons) != 1 {
		t.Errorf("of elsewhere: %+v", n)
	}
}

func noEnv(string) string { return "" }
