package local

import (
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/assent-epm/assent/agent/intercept"
)

// Fitted is text as it fits on what it is written to: broken between words where
// that is a terminal, as it is elsewhere.
func Fitted(to io.Writer, text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = wrapped(to, line)
	}
	return strings.Join(lines, "\n")
}

// wrapped is a line as it fits on what it is written to: broken between words
// where that is a terminal, as it is elsewhere.
func wrapped(to io.Writer, text string) string {
	f, ok := to.(*os.File)
	if !ok || f == nil {
		return text
	}
	cols, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return text
	}
	return intercept.Wrap(text, cols)
}
