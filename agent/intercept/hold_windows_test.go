package intercept

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/assent-epm/assent/shared/elevation"
)

func TestHoldingByWindows(t *testing.T) {
	holdingContract(t, holder{}, func(path, text string) error { return os.WriteFile(path, []byte(text), 0o600) })
}

// Whoever owns what an installer is told to run can not change it between the last
// look and the end of the installer.
func TestFeedsAreHeld(t *testing.T) {
	path := filepath.Join(t.TempDir(), "setup.msi")
	if err := os.WriteFile(path, []byte("approved"), 0o600); err != nil {
		t.Fatal(err)
	}
	resolved, err := filepath.EvalSymlinks(path)
	if err != nil {
		t.Fatal(err)
	}
	feed, err := feedAt(resolved)
	if err != nil {
		t.Fatal(err)
	}
	release, err := Real{Feeds: []Feed{feed}}.HoldFeeds()
	if err != nil {
		t.Fatal(err)
	}
	if raw, err := os.ReadFile(path); string(raw) != "approved" || err != nil {
		t.Errorf("the installer can not read it: %q, %v", raw, err)
	}
	if err := os.WriteFile(path, []byte("something else"), 0o600); err == nil {
		t.Error("it was written to")
	}
	if err := os.Rename(path, path+".old"); err == nil {
		t.Error("its name was taken")
	}
	if err := os.Remove(path); err == nil {
		t.Error("it was removed")
	}
	release()
	if err := os.WriteFile(path, []byte("something else"), 0o600); err != nil {
		t.Errorf("it is held still: %v", err)
	}
	if _, err := (Real{Feeds: []Feed{feed}}).HoldFeeds(); err == nil {
		t.Error("what has changed is held and run")
	}
	feed.Path = filepath.Join(filepath.Dir(feed.Path), "..", "elsewhere", "setup.msi")
	if _, err := (Real{Feeds: []Feed{feed}}).HoldFeeds(); err == nil {
		t.Error("another place is held")
	}
}

// What changes a package is bound as the package is: a transform or a patch that is
// another one than at the approval is not run, and one that is not there yet is no
// part of a request.
func TestTransformsAreBound(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	msi, mst := filepath.Join(dir, "setup.msi"), filepath.Join(dir, "site.mst")
	for _, path := range []string{msi, mst} {
		if err := os.WriteFile(path, []byte("approved"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	real := Real{Called: `C:\windows\system32\msiexec.exe`, Cwd: `C:\`, Args: []string{"/i", msi, "TRANSFORMS=" + mst, "/qn"}}
	files, err := readByInstaller(real.Args)
	if err != nil || len(files) != 2 {
		t.Fatalf("%v %v", files, err)
	}
	for _, file := range files { // Wine takes each for one that people can not change: feeds leaves it out there
		f, err := feedAt(file)
		if err != nil {
			t.Fatal(err)
		}
		real.Feeds = append(real.Feeds, f)
	}
	if _, err := feeds(real); err != nil {
		t.Errorf("a request for it: %v", err)
	}
	if err := os.WriteFile(mst, []byte("something else"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := real.HoldFeeds(); err == nil {
		t.Error("another transform is held and run")
	}
	if err := os.Remove(mst); err != nil {
		t.Fatal(err)
	}
	if _, err := feeds(real); !errors.Is(err, elevation.ErrInvalid) {
		t.Errorf("a transform that is not there: %v", err)
	}
}
