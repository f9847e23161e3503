package main

import (
	"bufio"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/desk"
)

// TestFollowing: tail and --watch show what happens while they run, and end
// well when they are stopped.
func TestFollowing(t *testing.T) {
	d := desk.Open(t, time.Now())
	rest := d.Admin.Client
	env := func(name string) string {
		return map[string]string{"ASSENT_URL": d.URL, "ASSENT_TOKEN": rest.Token}[name]
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	out, in := io.Pipe()
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, []string{"audit", "tail"}, strings.NewReader(""), in, io.Discard, env)
		in.Close()
	}()
	// Events that come before the stream is open are not shown, so new ones are
	// made until one is seen.
	seen := make(chan struct{})
	go func() {
		for i := 0; ; i++ {
			select {
			case <-seen:
				return
			case <-ctx.Done():
				return
			case <-time.After(100 * time.Millisecond):
				_, _ = client.Post[client.User](ctx, rest, "/users", client.NewUser{Login: "u" + strings.Repeat("x", i)})
			}
		}
	}()
	lines := bufio.NewScanner(out)
	if !lines.Scan() || !strings.Contains(lines.Text(), "user.created") {
		t.Errorf("tail prints %q", lines.Text())
	}
	close(seen)
	cancel()
	go func() { _, _ = io.Copy(io.Discard, out) }()
	if got := <-code; got != exitDone {
		t.Errorf("stopped tail exits %d", got)
	}
}
