package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAutostart: desktops start the users' program that stands beside the agent,
// where there are desktops and that program, and no more after the removal.
func TestAutostart(t *testing.T) {
	bin, dir := t.TempDir(), t.TempDir()
	exe, at := filepath.Join(bin, "assent-agent"), filepath.Join(dir, autostartName)
	if err := installAutostart(dir, exe); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(at); err == nil {
		t.Error("it names a program that is not there")
	}
	if err := os.WriteFile(filepath.Join(bin, "assent"), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := installAutostart(filepath.Join(dir, "none"), exe); err != nil {
		t.Errorf("without desktops: %v", err)
	}
	if err := installAutostart(dir, exe); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(at)
	if err != nil || !strings.Contains(string(raw), "\nExec=\""+bin+"/assent\" desktop\n") || strings.Contains(string(raw), "{{") {
		t.Errorf("%v\n%s", err, raw)
	}
	for range 2 {
		if err := removeAutostart(dir); err != nil {
			t.Error(err)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

// TestUnitsKnowTheProgram: each unit that starts something starts this program.
func TestUnitsKnowTheProgram(t *testing.T) {
	files, err := filepath.Glob("units/*.service")
	if err != nil || len(files) != 3 {
		t.Fatalf("%v %v", files, err)
	}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(raw), "{{program}}"); n != 1 {
			t.Errorf("%s names the program %d times", f, n)
		}
		for _, private := range []string{"PrivateTmp", "ProtectSystem", "ProtectHome", "PrivateMounts", "NoNewPrivileges"} {
			if strings.Contains(string(raw), private) {
				t.Errorf("%s has %s: the agent and people's sudo must see the same files", f, private)
			}
		}
	}
}
