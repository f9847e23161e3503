package intercept

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// WrapLines is [Wrap] of each line of a text.
func WrapLines(text string, cols int) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = Wrap(line, cols)
	}
	return strings.Join(lines, "\n")
}

// Wrap breaks a line between words so that no part of it is wider than the
// terminal, which would break it anywhere. A word that is wider, like an address,
// stays whole. cols is the width of the terminal, 0 = it is not known.
func Wrap(line string, cols int) string {
	if cols <= 0 || utf8.RuneCountInString(line) <= cols {
		return line
	}
	var out strings.Builder
	wide, words := 0, false // what stands on the last line
	for line != "" {
		blank := line[:len(line)-len(strings.TrimLeftFunc(line, unicode.IsSpace))]
		line = line[len(blank):]
		word := line
		if i := strings.IndexFunc(line, unicode.IsSpace); i >= 0 {
			word = line[:i]
		}
		line = line[len(word):]
		n := utf8.RuneCountInString(word)
		if words && word != "" && wide+utf8.RuneCountInString(blank)+n > cols {
			out.WriteByte('\n')
			blank, wide = "", 0
		}
		out.WriteString(blank + word)
		wide += utf8.RuneCountInString(blank) + n
		words = true
	}
	return out.String()
}
