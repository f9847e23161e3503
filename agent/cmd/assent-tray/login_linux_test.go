package main

import (
	"slices"
	"strings"
	"testing"
)

// TestKeptAlive: the manager is told to start the tray again, and of the variables
// of the session those alone that a desktop needs.
func TestKeptAlive(t *testing.T) {
	args := keptAlive("/usr/bin/assent-tray", []string{"DISPLAY=:1", "XDG_SESSION_TYPE=x11", "LC_TIME=de_DE.UTF-8", "LD_PRELOAD=/home/ann/x.so", "AWS_SECRET=no", "LANG=a\nb", "PATH"})
	line := strings.Join(args, " ")
	for _, want := range []string{"--user ", "Restart=on-failure", "StartLimitBurst=20", "--setenv=DISPLAY=:1", "--setenv=XDG_SESSION_TYPE=x11", "--setenv=LC_TIME=de_DE.UTF-8"} {
		if !strings.Contains(line, want) {
			t.Errorf("no %q in %s", want, line)
		}
	}
	for _, bad := range []string{"LD_PRELOAD", "SECRET", "LANG=", "PATH"} {
		if strings.Contains(line, bad) {
			t.Errorf("%q is in %s", bad, line)
		}
	}
	if !slices.Equal(args[len(args)-2:], []string{"--", "/usr/bin/assent-tray"}) {
		t.Errorf("what is run: %v", args)
	}
}
