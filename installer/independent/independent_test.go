package independent

import (
	"os"
	"path/filepath"
	"testing"
)

// watched is a test that notices whether it failed, and goes on.
type watched struct {
	testing.TB
	failed, skipped bool
}

func (w *watched) Fatalf(string, ...any) { w.failed = true; panic(w) }
func (w *watched) Errorf(string, ...any) { w.failed = true }
func (w *watched) Skipf(string, ...any)  { w.skipped = true; panic(w) }

func (w *watched) try(do func()) {
	defer func() { _ = recover() }()
	do()
}

// TestNoEmptyTruth: a reader that fails, or says nothing, is no proof of anything;
// one that is missing skips, and a text that has changed fails.
func TestNoEmptyTruth(t *testing.T) {
	for name, do := range map[string]func(*watched){
		"fails":   func(w *watched) { Says(w, "", "false") },
		"silent":  func(w *watched) { Says(w, "", "true") },
		"undone":  func(w *watched) { Does(w, "", "false") },
		"changed": func(w *watched) { Golden(w, false, "one", "other") },
	} {
		w := &watched{TB: t}
		w.try(func() {
			if name == "changed" {
				dir := t.TempDir()
				if err := os.Mkdir(filepath.Join(dir, "testdata"), 0o700); err != nil {
					t.Fatal(err)
				}
				t.Chdir(dir)
				Golden(t, true, "one", "one")
			}
			do(w)
		})
		if !w.failed {
			t.Errorf("%s passes", name)
		}
	}
	w := &watched{TB: t}
	w.try(func() { Needs(w, "nothing", "no-such-program") })
	if !w.skipped {
		t.Error("a reader that is missing does not skip")
	}
	if got := Says(t, "/", "pwd"); got != "/\n" {
		t.Errorf("it says %q", got)
	}
	Does(t, "", "true")
}
