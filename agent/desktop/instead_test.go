package desktop

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/assent-epm/assent/agent/local"
)

// An offer has a button, which opens the form with the newest of them, once. It
// goes away with Not now; and a hint is about no request of anybody.
func TestAskInstead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, n := newAgent(), &person{shown: map[string]Notice{}, presses: make(chan Press)}
		var asked []string
		d := New(Config{Agent: a, Notices: n, Env: func(string) string { return "" }, Ask: func(path string, args []string) error {
			asked = append(asked, append([]string{path}, args...)...)
			return errors.New("too many forms")
		}})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- d.Run(ctx) }()
		a.notices <- local.Notice{Kind: local.NoticeInstead, Path: `C:\old.exe`, Text: "old.exe"}
		a.notices <- local.Notice{Kind: local.NoticeInstead, Path: `C:\new.exe`, Args: []string{"/x"}, Text: "new.exe /x\x1b[2J"}
		synctest.Wait()
		got, ok := n.shown[insteadNotice]
		if !ok || !got.Urgent || len(n.shown) != 1 || got.Buttons[0].Key != pressAsk ||
			got.Text != `This computer asks for an administrator: new.exe /x\x1b[2J. You can ask for approval in place of that.` {
			t.Errorf("shown %+v", n.shown)
		}
		for range 2 {
			n.presses <- Press{Name: insteadNotice, Key: pressAsk}
		}
		synctest.Wait()
		if len(n.shown) != 0 || !slices.Equal(asked, []string{`C:\new.exe`, "/x"}) {
			t.Errorf("shown %+v, asked %q", n.shown, asked)
		}
		a.notices <- local.Notice{Kind: local.NoticeInstead}
		synctest.Wait()
		if got := n.shown[insteadNotice].Text; got != "This computer asks for an administrator: a program. You can ask for approval in place of that." {
			t.Errorf("without a program: %q", got)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// Where nothing can be asked for (the desktop without forms) nothing is offered.
func TestNothingIsOfferedWithoutAForm(t *testing.T) {
	n := &person{shown: map[string]Notice{}}
	d := New(Config{Agent: newAgent(), Notices: n, Env: func(string) string { return "" }})
	d.hear(t.Context(), local.Notice{Kind: local.NoticeInstead, Path: `C:\a.exe`})
	d.pressed(t.Context(), Press{Name: insteadNotice, Key: pressAsk})
	if len(n.shown) != 0 {
		t.Errorf("shown %+v", n.shown)
	}
}
