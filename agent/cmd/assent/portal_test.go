package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The link is in no argument of a process: the browser is led by a file that only
// the person can read, in a folder that is only theirs.
func TestPortalLinkIsInNoArgument(t *testing.T) {
	if _, err := os.Stat(xdgOpen); err != nil {
		t.Skip("no xdg-open here")
	}
	const address = "https://assent.example/#/sign-in?link=lnk_secret&\"<x>"
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"DISPLAY": ":1", "XDG_RUNTIME_DIR": dir}
	var argv []string
	start := func(_ string, args []string) error { argv = args; return nil }
	for range 2 { // the second takes the place of the first
		if err := showPortal(address, func(k string) string { return env[k] }, os.Getuid(), start); err != nil {
			t.Fatal(err)
		}
	}
	if len(argv) != 2 || argv[0] != xdgOpen || strings.Contains(argv[1], "lnk_") {
		t.Fatalf("started: %q", argv)
	}
	info, err := os.Lstat(argv[1])
	if err != nil || info.Mode().Perm() != 0o600 || filepath.Dir(argv[1]) != dir {
		t.Errorf("the file: %v, %v", info, err)
	}
	text, err := os.ReadFile(argv[1])
	if err != nil || !strings.Contains(string(text), "link=lnk_secret&amp;") || strings.Contains(string(text), "<x>") {
		t.Errorf("it has %q, %v", text, err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := showPortal(address, func(k string) string { return env[k] }, os.Getuid(), start); !errors.Is(err, errNoDesktop) {
		t.Errorf("in a folder that others can read: %v", err)
	}
	if err := showPortal(address, func(string) string { return "" }, os.Getuid(), start); !errors.Is(err, errNoDesktop) {
		t.Errorf("without a desktop: %v", err)
	}
}

func TestPortalAddressIsAPage(t *testing.T) {
	for text, good := range map[string]bool{"https://assent.example/#/x": true, "http://localhost:1/#/x": true,
		"file:///etc/passwd": false, "javascript:alert(1)": false, "": false, "https://x/\x1b[2J": false} {
		if err := webAddress(text); (err == nil) != good {
			t.Errorf("%q: %v", text, err)
		}
	}
}
