// Package inert makes text of strangers fit for a terminal: what a requester, a
// file name or another program says must never move the cursor, hide a word or
// turn a line around. It is for showing only; what is stored, signed or compared
// is the text itself.
package inert

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text makes s harmless on a terminal and puts it on one line: control
// characters and bytes that are not text are shown as escapes, and so are the
// invisible characters that turn the direction of writing around or hide what
// stands there. Ordinary text of any language is unchanged.
func Text(s string) string {
	if plain(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case hidden(r) && r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		case hidden(r):
			fmt.Fprintf(&b, `\u{%x}`, r)
		default:
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}

func plain(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

// hidden are controls, format characters (among them all bidi marks and zero
// width characters), line and paragraph separators, private characters, and
// those that no version of Unicode that we know has a meaning for.
func hidden(r rune) bool {
	return !unicode.IsGraphic(r) || unicode.Is(unicode.Variation_Selector, r)
}

// Clip shortens s to at most n characters, the last one being an ellipsis when
// something was left out. It expects inert text.
func Clip(s string, n int) string {
	if n <= 0 || utf8.RuneCountInString(s) <= n {
		return s
	}
	r := []rune(s)
	return string(r[:n-1]) + "…"
}
