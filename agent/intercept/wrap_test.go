package intercept

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/assent-epm/assent/agent/words"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// TestWrap: at no width is a word torn, nothing is lost, and only a word that is
// wider than the terminal is wider.
func TestWrap(t *testing.T) {
	const short, long = "https://a.example/#/b/7K2Q-M9XD", "https://assent.internal.example.com:8443/#/b/7K2Q-M9XD"
	german := words.For("de", nil)
	lines := []string{"", "one", long, "  1  " + strings.Repeat("planned maintenance ", 8), strings.Repeat("grüße ", 40)}
	for _, tongue := range []words.Tongue{words.English, german} {
		lines = append(lines, BesideLine(tongue, short, "7K2Q-M9XD"), BesideLine(tongue, long, "7K2Q-M9XD"), BesideLine(tongue, "", "7K2Q-M9XD"),
			EmergencyLine(tongue, elevation.NewRequestID(time.Now()), wire.Progress{}, "https://a.example", false, time.Now()))
	}
	for _, cols := range []int{40, 80, 100, 120} {
		for _, line := range lines {
			t.Run(fmt.Sprintf("%d/%.30s", cols, line), func(t *testing.T) {
				got := Wrap(line, cols)
				if a, b := strings.Fields(got), strings.Fields(line); strings.Join(a, " ") != strings.Join(b, " ") {
					t.Fatalf("the words are %q", a)
				}
				for part := range strings.SplitSeq(got, "\n") {
					if utf8.RuneCountInString(strings.TrimRight(part, " ")) > cols && len(strings.Fields(part)) > 1 {
						t.Errorf("wider than %d: %q", cols, part)
					}
				}
				if utf8.RuneCountInString(line) <= cols && got != line {
					t.Errorf("what fits is %q", got)
				}
			})
		}
	}
	for _, row := range []struct {
		cols       int
		line, want string
	}{
		{0, strings.Repeat("x ", 200), strings.Repeat("x ", 200)},
		{80, BesideLine(words.English, short, "7K2Q-M9XD"), "assent: somebody beside you can answer: " + short + "  (or\ntype 7K2Q-M9XD in the console)"},
		{40, BesideLine(words.English, long, "7K2Q-M9XD"), "assent: somebody beside you can answer:\n" + long + "\n(or type 7K2Q-M9XD in the console)"},
		{5, "  1  planned: ", "  1\nplanned: "},
	} {
		if got := Wrap(row.line, row.cols); got != row.want {
			t.Errorf("%d: got %q, want %q", row.cols, got, row.want)
		}
	}
}

func TestWrapLines(t *testing.T) {
	text := "error: the controller can not be reached\nhint: try again later\n"
	if got, want := WrapLines(text, 24), "error: the controller\ncan not be reached\nhint: try again later\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	for _, cols := range []int{0, 200} {
		if got := WrapLines(text, cols); got != text {
			t.Errorf("%d columns: %q", cols, got)
		}
	}
}
