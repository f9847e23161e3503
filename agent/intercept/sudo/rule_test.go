package sudo

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func testRule(args ...string) sudoRule {
	return sudoRule{UID: 1001, NotAfter: time.Date(2026, 11, 21, 20, 45, 36, 999, time.UTC), Path: "/usr/bin/show",
		SHA256: strings.Repeat("ab", 32), Args: args}
}

func TestRuleLine(t *testing.T) {
	head := "#1001 ALL=(#0) NOTAFTER=20261121204536Z NOPASSWD: NOSETENV: sha256:" + strings.Repeat("ab", 32) + " /usr/bin/show "
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"no arguments", nil, `""`},
		{"one", []string{"a"}, "a"},
		{"two", []string{"a", "b"}, `a[\ ]b`},
		{"a blank at the end", []string{"a "}, `a[\ ]`},
		{"an empty one between", []string{"a", "", "b"}, `a[\ ][\ ]b`},
		{"two empty ones", []string{"", ""}, `[\ ]`},
		{"wildcards", []string{"*?[a]"}, `\*\?\[a\]`},
		{"a regular expression", []string{"^a$"}, `\^a$`},
		{"a backslash", []string{`\`}, `\\\\`},
		{"the lexer's own", []string{"a,b:c=d#e"}, `a\,b\:c\=d\#e`},
		{"negation", []string{"!x"}, `\!x`},
		{"quotes", []string{`""`}, `["]["]`},
		{"a tab", []string{"\t"}, "[\\\t]"},
		{"other languages", []string{"日本é"}, "日本é"},
		{"no text", []string{"\xff"}, "\xff"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := testRule(tt.args...).Text()
			if err != nil || got != head+tt.want+"\n" {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
	r := testRule()
	r.SHA256, r.RunAs = "", 1002
	if got, err := r.Text(); err != nil || got != "#1001 ALL=(#1002) NOTAFTER=20261121204536Z NOPASSWD: NOSETENV: /usr/bin/show \"\"\n" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestRuleRefuses(t *testing.T) {
	with := func(change func(*sudoRule)) sudoRule { r := testRule("a"); change(&r); return r }
	path := func(p string) sudoRule { return with(func(r *sudoRule) { r.Path = p }) }
	tests := []struct {
		name string
		rule sudoRule
	}{
		{"nothing", sudoRule{}},
		{"one empty argument", testRule("")},
		{"a newline", testRule("a\nb")},
		{"a carriage return", testRule("a\r")},
		{"a NUL", testRule("a\x00")},
		{"delete", testRule("\x7f")},
		{"an escape", testRule("\x1b[0m")},
		{"long arguments", testRule(strings.Repeat("x", maxPattern+1))},
		{"arguments long by escapes", testRule(strings.Repeat("*", maxPattern/2+1))},
		{"root", with(func(r *sudoRule) { r.UID = 0 })},
		{"no end", with(func(r *sudoRule) { r.NotAfter = time.Time{} })},
		{"a digest that is none", with(func(r *sudoRule) { r.SHA256 = strings.Repeat("AB", 32) })},
		{"a short digest", with(func(r *sudoRule) { r.SHA256 = "ab" })},
		{"relative path", path("bin/x")},
		{"root folder", path("/")},
		{"folder", path("/usr/")},
		{"blank in the path", path("/usr/a b")},
		{"wildcard in the path", path("/usr/*")},
		{"comma in the path", path("/usr/a,b")},
		{"newline in the path", path("/usr/a\nALL")},
		{"other language in the path", path("/usr/é")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := tt.rule.Text(); !errors.Is(err, errRule) || got != "" {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}
