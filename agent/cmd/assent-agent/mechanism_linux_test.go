package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/agent/intercept/sudo"
	"github.com/assent-epm/assent/agent/local"
)

// A mechanism that can not begin is tried again until it works, and says why it
// does not meanwhile; one that breaks later begins anew.
func TestMechanismIsTriedAgain(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var rests []time.Duration
	var during []string
	now := make(chan time.Time)
	close(now)
	k := &keeper{log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	k.after = func(d time.Duration) <-chan time.Time {
		rests = append(rests, d)
		during = append(during, k.of("setuid"))
		if s := k.all()[0]; s.Again.Before(time.Now()) {
			t.Errorf("nobody is told when it is tried again: %+v", s)
		}
		return now
	}
	told, tries := 0, 0
	k.keep(ctx, mechanism{name: "setuid", serve: func(ctx context.Context, on func()) error {
		if tries == 0 && k.of("setuid") != mechanismStarting {
			t.Errorf("before the first try it is %q", k.of("setuid"))
		}
		switch tries++; tries {
		case 1, 2, 3:
			if want := min(tries-1, 1); told != want {
				t.Errorf("try %d: told %d times that it was tried", tries, told)
			}
			return errors.New("watch folders: too many open files")
		case 4: // it works, then breaks
			on()
			if k.of("setuid") != mechanismOn {
				t.Errorf("it works and says %q", k.of("setuid"))
			}
			return errors.New("the watch broke")
		}
		on()
		cancel()
		<-ctx.Done()
		return ctx.Err()
	}}, func() { told++ })
	if want := []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, time.Second}; !slices.Equal(rests, want) {
		t.Errorf("rested %v, want %v", rests, want)
	}
	const full = "watch folders: too many open files"
	if want := []string{full, full, full, "the watch broke"}; !slices.Equal(during, want) {
		t.Errorf("said %q", during)
	}
	if tries != 5 || told != 1 || k.of("setuid") != mechanismOn || k.of("polkit") != mechanismOff {
		t.Errorf("%d tries, told %d, %q, %q", tries, told, k.of("setuid"), k.of("polkit"))
	}
}

func TestRestsGrowToABound(t *testing.T) {
	why := errors.New("not there")
	if growing(0, why) != time.Second || growing(8, why) != 256*time.Second || growing(9, why) != restMost || growing(1<<20, why) != restMost {
		t.Error("the rests do not double up to the bound")
	}
	if got := growing(0, fmt.Errorf("install: %w", sudo.ErrUnfit)); got != restUnfit {
		t.Errorf("a sudo that fails with the plugin is tried after %v", got)
	}
}

// systemd is told that the service is ready only after all that must listen does.
func TestReadyIsToldAfterSudoListens(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	r := newReadiness("users", "sudo")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- watchdog(ctx, r, func() string { return "sudo: not yet" }) }()
	silent := func(when string) {
		t.Helper()
		if err := l.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if n, err := l.Read(make([]byte, 512)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: told %d bytes, %v", when, n, err)
		}
	}
	silent("nothing listens")
	r.reached("users")
	r.reached("users") // again, for nothing
	silent("sudo does not listen")
	r.reached("sudo")
	if err := l.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 512)
	n, err := l.Read(buf)
	if err != nil || !strings.HasPrefix(string(buf[:n]), "READY=1") || !strings.Contains(string(buf[:n]), "STATUS=sudo: not yet") {
		t.Errorf("told %q, %v", buf[:n], err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestMechanismsThatDoNotWorkAreSaid(t *testing.T) {
	got := mechanismChecks([]local.Mechanism{{Name: "sudo", Text: mechanismOn}, {Name: "polkit", Text: "there is no polkit here", Again: time.Now()}})
	if len(got) != 1 || got[0].Level != checkWarn || !strings.Contains(got[0].Text, "polkit is not intercepted: there is no polkit here; it is tried again") {
		t.Errorf("%+v", got)
	}
	if got := mechanismChecks([]local.Mechanism{{Name: "setuid", Text: mechanismStarting}}); len(got) != 1 || got[0].Text != "setuid is not intercepted yet: the agent is starting" {
		t.Errorf("%+v", got)
	}
	if got := mechanismsText([]local.Mechanism{{Name: "sudo", Text: mechanismOn}}); got != "" {
		t.Errorf("%q", got)
	}
}
