package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/assent-epm/assent/e2e/testgroup"
	"github.com/assent-epm/assent/shared/elevation"
)

// vault takes passwords for one request.
type vault struct {
	id elevation.RequestID

	mu    sync.Mutex // guards the field below
	given []string
}

func (v *vault) Confirm(user string, id elevation.RequestID, password string) error {
	if id != v.id {
		return fmt.Errorf("%w: it waits for no password", ErrConflict)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.given = append(v.given, user+" "+password)
	return nil
}

// TestConfirm: a password reaches whoever waits for it to the letter and as the
// one whom the kernel names; it needs the whole id, and is in no log and no error.
func TestConfirm(t *testing.T) {
	testgroup.Need(t, "root")
	const mine = elevation.RequestID("req_01a1fffc-7b9d-7152-a85a-4e800f9fd3b7")
	serve := func(c Confirms) Client {
		dir, err := os.MkdirTemp("/run", "assent-test-")
		if err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		s, err := Listen(Config{Path: filepath.Join(dir, "agent.sock"), Flow: book{owner: "0", items: []Item{{ID: mine}}}, Confirms: c,
			Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(context.Background())
		served := make(chan error, 1)
		go func() { served <- s.Serve(ctx) }()
		t.Cleanup(func() {
			stop()
			if err := errors.Join(<-served, os.RemoveAll(dir)); err != nil {
				t.Error(err)
			}
			if strings.Contains(log.String(), "s3cret") {
				t.Errorf("the log has it: %s", log.String())
			}
		})
		return Client{Path: filepath.Join(dir, "agent.sock")}
	}
	v := &vault{id: mine}
	c := serve(v)
	other := elevation.RequestID("req_01a1fffc-7b9d-7152-a85a-4e800f9fd3b8")
	for _, row := range []struct {
		id   elevation.RequestID
		text string
		want error
	}{
		{mine, " s3cret \u00e4\x7f ", nil}, {mine, "", nil}, {"9fd3b7", "s3cret", ErrNotFound}, {"", "s3cret", ErrNotFound},
		{other, "s3cret", ErrConflict}, {mine, "s3cret" + strings.Repeat("x", maxFrame), ErrInvalid},
	} {
		err := c.Confirm(t.Context(), string(row.id), row.text)
		if !errors.Is(err, row.want) || err != nil && (row.want == nil || strings.Contains(err.Error(), "s3cret")) {
			t.Errorf("%s: %v, want %v", row.id, err, row.want)
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if !slices.Equal(v.given, []string{"0  s3cret \u00e4\x7f ", "0 "}) {
		t.Errorf("given %q", v.given)
	}
	c = serve(nil)
	if err := c.Confirm(t.Context(), string(mine), "s3cret"); !errors.Is(err, ErrConflict) {
		t.Errorf("nobody takes it: %v", err)
	}
}
