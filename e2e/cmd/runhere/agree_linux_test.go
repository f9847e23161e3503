package main

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
)

// All but a yes leaves the machine as it is, and so does Ctrl-C.
func TestAgreed(t *testing.T) {
	for said, want := range map[string]bool{"y\n": true, "Yes\n": true, " y \n": true, "\n": false, "": false, "n\n": false, "yesterday\n": false, "q": false} {
		var out bytes.Buffer
		got, err := agreed(t.Context(), strings.NewReader(said), &out)
		if got != want || err != nil || !strings.HasPrefix(out.String(), "Go on? [y/N] ") || strings.Contains(out.String(), "Nothing was changed.") == want {
			t.Errorf("%q: %v %v, %q", said, got, err, out.String())
		}
	}
	never, end := io.Pipe()
	defer end.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := agreed(ctx, never, io.Discard); got || err != nil {
		t.Errorf("ended: %v %v", got, err)
	}
}
