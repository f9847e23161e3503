package desktop

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/shared/elevation"
)

func unproved(mechanism string) local.Item {
	it := wanting(first, local.Wants{Password: "alice", Tries: 3, Words: elevation.Words{Help: "call 4711"}})
	it.State, it.Mechanism, it.By, it.Asker, it.Question, it.Confirm = "available", mechanism, "bo", "", "", "password"
	return it
}

// TestAsksForThePassword: three tries in hidden dialogs, each saying what is left;
// then it has ended, with a word.
func TestAsksForThePassword(t *testing.T) {
	rows := map[string]struct {
		mechanism string
		answers   []func(context.Context) (string, error)
		did       []string
		dialogs   int
		title     string // of the notice at the end
	}{
		"the right one":         {"polkit", list(typed("geheim")), []string{"confirm geheim"}, 1, "Confirmed: /usr/bin/apt update"},
		"it goes on by itself":  {"sudo", list(typed("geheim")), []string{"confirm geheim"}, 1, ""},
		"right at the third":    {"polkit", list(typed("a"), typed("b "), typed("geheim")), []string{"confirm a", "confirm b ", "confirm geheim"}, 3, "Confirmed: /usr/bin/apt update"},
		"three wrong ones":      {"polkit", list(typed("a"), typed("b"), typed("c"), typed("geheim")), []string{"confirm a", "confirm b", "confirm c"}, 3, "Not confirmed: /usr/bin/apt update"},
		"closed":                {"polkit", list(fails(ErrClosed)), []string{"confirm "}, 1, ""},
		"Enter alone is no try": {"polkit", list(typed(""), typed("geheim")), []string{"confirm geheim"}, 2, "Confirmed: /usr/bin/apt update"},
		"Enter alone for ever":  {"polkit", list(typed(""), typed(""), typed(""), typed("geheim")), []string{"confirm "}, 3, ""},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAgent(unproved(row.mechanism))
				p, _ := sits(t, a, row.answers...)
				if got := a.list(); !slices.Equal(got, row.did) {
					t.Errorf("told the agent %q", got)
				}
				asked := p.dialogs()
				if len(asked) != row.dialogs {
					t.Fatalf("asked %+v", asked)
				}
				for _, q := range asked {
					if !q.Hidden || len(q.Choices) > 0 || !strings.HasPrefix(q.Text, "Approved: /usr/bin/apt update.\nby bo\n\n") || !strings.Contains(q.Text, "Password of alice, to confirm") || !strings.Contains(q.Text, "call 4711") {
						t.Errorf("asked %+v", q)
					}
				}
				if last := asked[len(asked)-1]; strings.HasPrefix(name, "right at") != strings.Contains(last.Text, "Tries left: 1") && row.title != "Not confirmed: /usr/bin/apt update" {
					t.Errorf("asked %q", last.Text)
				}
				if n := p.notice(string(first)); n.Title != row.title {
					t.Errorf("shown %+v", n)
				}
			})
		})
	}
}

func list(answers ...func(context.Context) (string, error)) []func(context.Context) (string, error) {
	return answers
}

// TestPasswordElsewhere: what was answered elsewhere takes the dialog away, and
// gives no password of its own.
func TestPasswordElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAgent(unproved("sudo"))
		p, _ := sits(t, a, stares)
		a.notices <- local.Notice{Kind: "settled", Request: first}
		synctest.Wait()
		if got := a.list(); len(got) > 0 || p.now != 0 {
			t.Errorf("told the agent %q, %d dialogs stand", got, p.now)
		}
	})
}

// TestPasswordWithoutADialog: where no dialog can be shown a notice says what to
// do, and the attempt does not wait for one.
func TestPasswordWithoutADialog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAgent(unproved("sudo"))
		sits(t, a, fails(ErrNoDialog))
		if got := a.list(); !slices.Equal(got, []string{"confirm "}) {
			t.Errorf("told the agent %q", got)
		}
	})
}

// TestPasswordIsNotLogged: whatever fails, the log does not have it; without
// notices a dialog tells the end.
func TestPasswordIsNotLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAgent(unproved("sudo"))
		var log bytes.Buffer
		p := &person{answers: list(typed("s3cret-1"), typed("s3cret-2"), typed("s3cret-3"))}
		d := New(Config{Agent: a, Dialog: p, Env: func(string) string { return "" }, Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- d.Run(ctx) }()
		synctest.Wait()
		a.mu.Lock()
		delete(a.items, first)
		a.mu.Unlock()
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if strings.Contains(log.String(), "s3cret") {
			t.Error(log.String())
		}
		if len(a.list()) != 3 || !slices.Equal(p.told, []string{"Not confirmed: /usr/bin/apt update | 3 were wrong"}) {
			t.Errorf("told the agent %q, and the person %q", a.list(), p.told)
		}
	})
}
