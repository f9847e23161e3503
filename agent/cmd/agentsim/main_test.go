package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestUsage(t *testing.T) {
	good := []string{"--controller", "https://127.0.0.1:1", "--token", "t"}
	for name, row := range map[string]struct {
		args []string
		code int
		says string
	}{
		"help":              {[]string{"--help"}, 0, ""},
		"help of a verb":    {[]string{"version", "--help"}, 0, ""},
		"completion":        {[]string{"completion", "bash"}, 0, ""},
		"no shell":          {[]string{"completion"}, 2, "bash, zsh, fish, powershell"},
		"unknown shell":     {[]string{"completion", "foo"}, 2, "bash, zsh, fish, powershell"},
		"nothing":           {nil, 2, "--controller is missing"},
		"no token":          {good[:2], 2, "--token is missing"},
		"unknown flag":      {append([]string{"--nonsense"}, good...), 2, "unknown flag"},
		"unknown verb":      {append([]string{"nonsense"}, good...), 2, "unknown command"},
		"unknown format":    {[]string{"version", "--format", "xml"}, 2, "unknown format"},
		"bare duration":     {append([]string{"--duration", "30"}, good...), 2, "--duration"},
		"rate of nothing":   {append([]string{"--rate", "0"}, good...), 2, "--rate"},
		"rate in words":     {append([]string{"--rate", "fast"}, good...), 2, "--rate"},
		"unknown priority":  {append([]string{"--priority", "sky"}, good...), 2, "--priority"},
		"unknown scenario":  {append([]string{"--scenario", "party"}, good...), 2, "no scenario"},
		"no endpoints":      {append([]string{"--endpoints", "0"}, good...), 2, "endpoints"},
		"open terminal":     {append([]string{"--terminal", "0.0.0.0:0"}, good...), 2, "loopback"},
		"token of nonsense": {good, 1, "not a valid enrolment token"},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if code := run(row.args, &stdout, &stderr); code != row.code {
				t.Fatalf("exit %d: %s", code, &stderr)
			}
			if row.code == 0 {
				if stderr.Len() != 0 || stdout.Len() == 0 {
					t.Errorf("stdout %q, stderr %q", &stdout, &stderr)
				}
				return
			}
			if text := stderr.String(); !strings.HasPrefix(text, "error: ") || !strings.Contains(text, row.says) || stdout.Len() != 0 ||
				row.code == 2 != strings.Contains(text, "\nhint: ") {
				t.Errorf("stdout %q, stderr %q", &stdout, text)
			}
		})
	}
}

func TestVersion(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := run([]string{"version", "--format", "json"}, &stdout, &stderr); code != 0 {
		t.Fatal(&stderr)
	}
	var v struct{ Version, Go string }
	if err := json.Unmarshal(stdout.Bytes(), &v); err != nil || v.Version == "" || v.Go == "" {
		t.Errorf("%q %v", &stdout, err)
	}
}
