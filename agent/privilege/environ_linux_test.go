package privilege

import (
	"slices"
	"strings"
	"testing"
)

func TestStartEnvironment(t *testing.T) {
	trees := newTrees(t)
	s, out := spec(t, "/usr/bin/env")
	s.Env = []string{
		"TERM=xterm-256color", "LANG=de_DE.UTF-8", "LC_TIME=C", "TZ=Europe/Berlin", "TERM=second",
		"LD_PRELOAD=/tmp/x.so", "LD_LIBRARY_PATH=/tmp", "LD_AUDIT=/tmp/x.so", "GCONV_PATH=/tmp", "PYTHONPATH=/tmp",
		"BASH_ENV=/tmp/x", "ENV=/tmp/x", "IFS=x", "PATH=/tmp", "HOME=/tmp", "SHELL=/tmp/sh", "PERL5OPT=-d", "TERMINFO=/tmp",
		"LC_ALL=/tmp/x", "LC_X%n=1", "LC_MESSAGES=%n", "A=B\x00C=D", "NOEQUALS", "=x", "LANGUAGE=../../tmp", "GLIBC_TUNABLES=x",
		"ASSENT_UID=0", "SUDO_USER=root", "BASH_FUNC_id%%=() { :; }",
	}
	text, _ := run(t, trees, s, out)
	got := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	ref, err := trees.Plan(string(s.Grant), 0)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"PATH=" + SystemPath(), "HOME=/root", "USER=root", "LOGNAME=root", "SHELL=/bin/sh",
		"ASSENT_UID=41000", "ASSENT_GID=41001", "ASSENT_USER=alice", "ASSENT_GRANT=" + string(s.Grant),
		"ASSENT_REQUEST=" + string(s.Request), treeMark + "=" + ref.Name,
		"TERM=xterm-256color", "LANG=de_DE.UTF-8", "LC_TIME=C", "TZ=Europe/Berlin"}
	if !slices.Equal(got, want) {
		t.Errorf("environment\n%q, want\n%q", got, want)
	}
}

func TestPasses(t *testing.T) {
	for name, c := range map[string]struct {
		variable string
		ok       bool
	}{
		"zone":                   {"TZ=UTC", true},
		"zone with a rule":       {"TZ=CET-1CEST,M3.5.0,M10.5.0/3", true},
		"zone by the right path": {"TZ=/usr/share/zoneinfo/Europe/Berlin", true},
		"zone by another path":   {"TZ=/etc/shadow", false},
		"zone up":                {"TZ=Europe/../../x", false},
		"zone file":              {"TZ=:/etc/shadow", false},
		"language list":          {"LANGUAGE=de:en", true},
		"terminal with a path":   {"TERM=../x", false},
		"empty":                  {"TERM=", false},
		"long":                   {"TERM=" + strings.Repeat("x", longestValue+1), false},
		"as long as may be":      {"TERM=" + strings.Repeat("x", longestValue), true},
		"locale with a path":     {"LC_ALL=/x", false},
		"escape":                 {"TERM=\x1b[2J", false},
	} {
		t.Run(name, func(t *testing.T) {
			k, v, _ := strings.Cut(c.variable, "=")
			if got := passes(k, v); got != c.ok {
				t.Errorf("passes = %v", got)
			}
		})
	}
}

func TestCheckArguments(t *testing.T) {
	most := maxArguments - 18
	for name, c := range map[string]struct {
		args []string
		ok   bool
	}{
		"none":           {nil, true},
		"empty one":      {[]string{""}, true},
		"invalid UTF-8":  {[]string{"\xff"}, true},
		"NUL":            {[]string{"\x00"}, false},
		"longest one":    {[]string{strings.Repeat("x", maxArgument)}, true},
		"one too long":   {[]string{strings.Repeat("x", maxArgument+1)}, false},
		"too many bytes": {slices.Repeat([]string{strings.Repeat("x", 1<<16)}, most>>16+1), false},
		"too many":       {make([]string, maxArguments/9), false},
	} {
		t.Run(name, func(t *testing.T) {
			if err := CheckArguments("/x", c.args); (err == nil) != c.ok {
				t.Error(err)
			}
		})
	}
}
