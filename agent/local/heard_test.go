package local

import (
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// Who it is, is known by their first byte, which is not lost; who says nothing is
// not waited for longer than others are.
func TestHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		go func() {
			_, _ = theirs.Write([]byte("hello"))
			_ = theirs.Close()
		}()
		h := &heard{Conn: ours}
		if err := h.hear(); err != nil {
			t.Fatal(err)
		}
		if n, err := h.Read(nil); n != 0 || err != nil {
			t.Errorf("read nothing: %d, %v", n, err)
		}
		if text, err := io.ReadAll(h); string(text) != "hello" || err != nil {
			t.Errorf("%q, %v", text, err)
		}
		ours, theirs = net.Pipe()
		began := time.Now()
		if err := (&heard{Conn: ours}).hear(); !errors.Is(err, errSilent) || time.Since(began) != firstWithin {
			t.Errorf("nothing was said for %v: %v", time.Since(began), err)
		}
		_ = theirs.Close()
		if err := (&heard{Conn: ours}).hear(); err == nil {
			t.Error("who is gone was heard")
		}
	})
}
