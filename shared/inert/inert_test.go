package inert

import (
	"fmt"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestText(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain", "denied: no", "denied: no"},
		{"languages", "nö 日本 😀", "nö 日本 😀"},
		{"escape", "\x1b[31mred", `\x1b[31mred`},
		{"one byte escape", "\u009b31m", `\x9b31m`},
		{"lines", "a\nb\rc\td", `a\nb\rc\td`},
		{"bidi", "a\u202eb\u2066c\u200f", `a\u{202e}b\u{2066}c\u{200f}`},
		{"zero width", "a\u200bb\ufeff", `a\u{200b}b\u{feff}`},
		{"line separator", "a\u2028b", `a\u{2028}b`},
		{"no text", "a\xffb", `a\xffb`},
		{"delete", "\x7f", `\x7f`},
		{"tag characters", "a\U000e0041", `a\u{e0041}`},
		{"no character yet", "a\U000e0fff", `a\u{e0fff}`},
		{"wide blank", "日\u3000本", "日\u3000本"},
		{"empty", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Text(tt.in); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func FuzzText(f *testing.F) {
	for _, s := range []string{"a", "\x1b]0;x\a", "\xff\u202e", "\u009b", "日本\r\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Text(s)
		if !utf8.ValidString(got) {
			t.Fatalf("%q became %q", s, got)
		}
		for _, r := range got {
			if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r) {
				t.Fatalf("%q became %q", s, got)
			}
		}
		if Text(got) != got {
			t.Fatalf("%q is not stable", s)
		}
	})
}

func TestClip(t *testing.T) {
	for _, tt := range []struct {
		s    string
		n    int
		want string
	}{{"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"日本語", 2, "日…"}, {"abc", 0, "abc"}, {"", 5, ""}} {
		if got := Clip(tt.s, tt.n); got != tt.want {
			t.Errorf("Clip(%q, %d) = %q, want %q", tt.s, tt.n, got, tt.want)
		}
	}
}

func ExampleText() {
	fmt.Println(Text("harmless \x1b[2J\u202e"))
	// Output: harmless \x1b[2J\u{202e}
}
