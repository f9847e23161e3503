package intercept

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A link could lead elsewhere between the last look and the program's own. It is
// refused wherever it is on the way, also where a system that knows fewer letters
// takes its name for that of the folder (ſ for s, the sign of Kelvin for k).
func TestStraight(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	work := filepath.Join(dir, "tasks", "work")
	file := filepath.Join(work, "setup.msi")
	if err := errors.Join(os.MkdirAll(work, 0o700), os.WriteFile(file, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := straight(file); err != nil {
		t.Errorf("the file itself: %v", err)
	}
	if err := straight(filepath.Join(work, "none.msi")); err == nil {
		t.Error("what is not there is straight")
	}
	links := map[string]string{
		filepath.Join(dir, "tasks", "wor\u212a"):  work,
		filepath.Join(dir, "ta\u017fks"):          filepath.Join(dir, "tasks"),
		filepath.Join(dir, "other"):               work,
		filepath.Join(dir, "tasks", "linked.msi"): file,
	}
	for link, to := range links {
		if err := os.Symlink(to, link); err != nil {
			t.Skipf("this system makes no links: %v", err)
		}
	}
	for _, path := range []string{
		filepath.Join(dir, "tasks", "wor\u212a", "setup.msi"), filepath.Join(dir, "ta\u017fks", "work", "setup.msi"),
		filepath.Join(dir, "other", "setup.msi"), filepath.Join(dir, "tasks", "linked.msi"),
	} {
		err := straight(path)
		if _, missing := os.Stat(path); missing != nil && err != nil {
			continue // links of Wine lead nowhere
		}
		if err == nil || !strings.Contains(err.Error(), "name the file itself") {
			t.Errorf("%s: %v", path, err)
		}
	}
}
