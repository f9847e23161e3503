package privilege

import (
	"os"
	"path/filepath"
	"testing"
)

// windowsPlace is a folder of this machine for the contract.
type windowsPlace struct {
	trees *Trees
	dir   string
}

func TestContractOfWindowsHere(t *testing.T) {
	contractOfWindows(t, func(t *testing.T) (winStart, winPlace) {
		dir := t.TempDir()
		trees := here(t, filepath.Join(dir, "stage"))
		return winStart{sys: windowsSystem{trees: trees.os}, trees: trees, only: trees.os.only}, windowsPlace{trees, dir}
	})
}

func (p windowsPlace) spec(t *testing.T, args ...string) Spec {
	s, _ := program(t, p.dir, args...)
	t.Cleanup(func() { closeFiles(s.Files[:]) })
	return s
}

func (windowsPlace) write(path, text string) error { return os.WriteFile(path, []byte(text), 0o700) }
func (windowsPlace) remove(path string) error      { return os.Remove(path) }
func (windowsPlace) rename(from, to string) error  { return os.Rename(from, to) }

func (windowsPlace) openToWrite(path string) (func(), error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	return func() { _ = f.Close() }, err
}

func (windowsPlace) there(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func (p windowsPlace) clean(t *testing.T) {
	t.Helper()
	if left, err := p.trees.List(); len(left) > 0 || err != nil {
		t.Errorf("left: %v, %v", left, err)
	}
}

func (windowsPlace) split(s Spec) Spec { return s }

// lacks is what Wine has none of. The choices about it are told by TestTokenFor and
// TestLogOnByWindows, and the calls are to be tried on Windows.
func (windowsPlace) lacks() map[string]string {
	return map[string]string{
		"a session of nobody":         "Wine gives its one person's token for every session",
		"a split token":               "Wine has no UAC and splits no token",
		"a log-on without a password": "Wine has no log-on service: see TestLogOnWithoutPassword",
	}
}
