package notify

import (
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/assent-epm/assent/shared/elevation"
)

// A function that is given what another one made can make more of it each time:
// what functions make together is bounded, as what is written is.
func TestTemplatesMakeNoMoreThanTheyMay(t *testing.T) {
	for name, body := range map[string]string{
		"in a row":        "{{.title" + strings.Repeat(" | json", 64) + "}}",
		"not written":     "{{if .title" + strings.Repeat(" | json", 64) + "}}x{{end}}",
		"within JSON":     `{"a": {{.title` + strings.Repeat(" | json", 64) + `}}}`,
		"compared":        strings.Repeat("{{if eq . .}}{{end}}", 1500),
		"again and again": strings.Repeat("{{if eq (json .) (json .)}}{{end}}", 900),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _, err := Preview("", body, KindDigest, "https://assent.example")
		runtime.ReadMemStats(&after)
		if !errors.Is(err, elevation.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
		if used := (after.TotalAlloc - before.TotalAlloc) >> 20; used > 256 {
			t.Errorf("%s takes %d MiB", name, used)
		}
	}
}
