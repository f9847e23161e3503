//go:build !windows

package acl

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A link in the folder leads elsewhere: it is refused at each start, and nothing
// that it leads to is changed. One in the folder's place is no folder.
func TestLinks(t *testing.T) {
	m := newMemory()
	path := m.made(t, byHand)
	outside := m.put(t, t.TempDir(), "outside", system)
	link := filepath.Join(path, "a link")
	if err := os.Symlink(outside, link); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := Claim(m, path); err == nil || !strings.Contains(err.Error(), "leads elsewhere") || m.lists[path].secret() {
			t.Errorf("a link is in it: %v", err)
		}
	}
	if m.lists[outside].secret() {
		t.Error("a link was followed")
	}
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	if err := Claim(m, path); err != nil || !m.lists[path].secret() {
		t.Errorf("without the link: %v", err)
	}
	m.lists[path] = byHand
	if err := os.Symlink(path, path+"2"); err != nil {
		t.Fatal(err)
	}
	if err := Claim(m, path+"2"); err == nil || !strings.Contains(err.Error(), "is no folder") || m.lists[path].secret() {
		t.Errorf("a link in its place: %v", err)
	}
}
