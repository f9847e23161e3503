package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestCommandLine(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.toml")
	relative := filepath.Join(dir, "relative.toml")
	open := filepath.Join(dir, "open.toml")
	noProxy := filepath.Join(dir, "noproxy.toml")
	for path, text := range map[string]string{bad: "controler = 'https://x'\n", relative: "data = 'here'\n",
		open: "proxy = 'http://bo:geheim@proxy:3128'\n", noProxy: "proxy = 'http://%zz'\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
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
		{"completion of no shell", "completion", 2, "", "hint:"},
		{"completion of an unknown shell", "completion foo", 2, "", "hint:"},
		{"completion of two shells", "completion bash zsh", 2, "", "hint:"},
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
		{"a password that others can read", "run --config " + open, 1, "", "hint: chmod 600"},
		{"a proxy that is none", "run --config " + noProxy, 1, "", "the proxy is not an address"},
		{"the way to nowhere", "doctor --network --data " + dir, 1, "fail: identity", "hint:"},
		{"a log-in without a name", "proxy-login --proxy p.example:3128 --data " + dir, 2, "", "hint:"},
		{"boot and watch", "reap --boot --watch --data " + dir, 2, "", "hint:"},
		{"not enrolled", "run --data " + dir + "/data --runtime " + dir + "/run", 1, "", "hint:"},
	}
	otherwise := map[string]string{
		"a password that others can read": "files of Windows have a list in place of a mode, see TestPasswordInTheConfig",
		"not enrolled":                    "a service that is not enrolled yet waits for that and does not end, see TestWhatAnInstallerLeft",
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			if elsewhere := otherwise[row.name]; elsewhere != "" && runtime.GOOS != "linux" {
				t.Skip(elsewhere)
			}
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
