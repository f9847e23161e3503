package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCommandLine(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.toml")
	relative := filepath.Join(dir, "relative.toml")
	for path, text := range map[string]string{bad: "controler = 'https://x'\n", relative: "data = 'here'\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rows := []struct {
		name     string
		args     string
		code     int
		out, err string
	}{
		{"no verb explains itself", "", 0, "Available Commands", ""},
		{"help", "--help", 0, "enroll", ""},
		{"help of a verb", "run --help", 0, "foreground", ""},
		{"help of reap", "reap --help", 0, "--boot", ""},
		{"version", "version", 0, "assent ", ""},
		{"version as data", "version --format json", 0, `"protocol":1`, ""},
		{"completion", "completion bash", 0, "assent-agent", ""},
		{"unknown verb", "elevate", 2, "", "hint:"},
		{"unknown flag", "run --force", 2, "", "hint:"},
		{"an argument too many", "run now", 2, "", "hint:"},
		{"unknown format", "version --format xml", 2, "", "hint:"},
		{"no token", "enroll --data " + dir, 2, "", "ASSENT_ENROLL_TOKEN"},
		{"a token that is none", "enroll --data " + dir + " --controller https://localhost:1 --token asn1_nonsense", 1, "", "hint: copy all of"},
		{"an address that is none", "enroll --data " + dir + " --controller localhost --token asn1_nonsense", 1, "", "hint:"},
		{"unknown key in the file", "run --config " + bad, 1, "", "correct the file"},
		{"a relative folder", "run --config " + relative, 2, "", "whole path"},
		{"a file that is not there", "run --config " + dir + "/none.toml", 1, "", "hint:"},
		{"boot and watch", "reap --boot --watch --data " + dir, 2, "", "hint:"},
		{"not enrolled", "run --data " + dir + "/data --runtime " + dir + "/run", 1, "", "hint:"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Setenv("ASSENT_ENROLL_TOKEN", "")
			t.Setenv("ASSENT_CONTROLLER_URL", "")
			var out, errs bytes.Buffer
			if code := run(strings.Fields(row.args), &out, &errs); code != row.code {
				t.Errorf("exit %d, want %d: %s", code, row.code, errs.String())
			}
			if !strings.Contains(out.String(), row.out) || !strings.Contains(errs.String(), row.err) {
				t.Errorf("stdout %q, stderr %q", out.String(), errs.String())
			}
			if row.code != 0 && !strings.HasPrefix(errs.String(), "error: ") {
				t.Errorf("stderr %q", errs.String())
			}
		})
	}
}

func TestVersionIsData(t *testing.T) {
	var out, errs bytes.Buffer
	if code := run([]string{"version", "--format", "json"}, &out, &errs); code != 0 {
		t.Fatal(errs.String())
	}
	var v map[string]any
	if err := json.Unmarshal(out.Bytes(), &v); err != nil || v["version"] == "" || v["go"] == "" {
		t.Errorf("%v %v", v, err)
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
