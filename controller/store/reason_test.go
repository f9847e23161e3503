package store

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
)

// TestReasons: lists by justification have all requests in their order, page by
// page, those that an older program stored too, also when a start was cut off
// while it filled them in.
func TestReasons(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "assent.db"))
	reasons := []string{"zebra", "Älter", "apt update", "", strings.Repeat("ü", 200), "Apt upgrade", "apt update", "b", "", "printer"}
	var list []elevation.Request
	var want []string
	for i := range 2*fillBatch + 10 {
		r := pending(fmt.Sprintf("%05d", i), day.Add(time.Duration(i)*time.Second), elevation.Low)
		r.Justification = reasons[i%len(reasons)]
		want = append(want, lowerASCII(sortedReason(&r))+"\x00"+string(r.ID))
		list = append(list, r)
	}
	insert(t, s, list...)
	slices.Sort(want)
	look := func(when string) {
		t.Helper()
		f := RequestFilter{Sort: "justification", Limit: MaxLimit}
		for at := 0; at < len(want); {
			var p Page
			view(t, s, func(tx *Tx) (err error) { p, err = tx.RequestPage(f); return err })
			for _, r := range p.Items {
				if got := lowerASCII(sortedReason(&r)) + "\x00" + string(r.ID); got != want[at] {
					t.Fatalf("%s: place %d has %q, want %q", when, at, got, want[at])
				}
				at++
			}
			if f.Cursor = p.Next; (f.Cursor == "") != (at == len(want)) {
				t.Fatalf("%s: the list ends after %d of %d", when, at, len(want))
			}
		}
	}
	look("at first")
	older := func(left int) {
		t.Helper()
		update(t, s, func(tx *Tx) error {
			_, err := tx.exec("UPDATE requests SET reason = '' WHERE pos <= ?", left)
			if err == nil {
				_, err = tx.exec("UPDATE lists_head SET reasons = ?", left)
			}
			return err
		})
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, s.cfg.Path)
	}
	older(len(want))
	look("after an older program")
	older(fillBatch + 5)
	look("after a start that was cut off")
	var left int
	if err := s.View(context.Background(), func(tx *Tx) error { return tx.row([]any{&left}, "SELECT reasons FROM lists_head") }); err != nil || left != 0 {
		t.Errorf("%d are left (%v)", left, err)
	}
}
