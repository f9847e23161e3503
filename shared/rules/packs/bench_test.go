package packs

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules"
)

// What the guarding pack adds to an attempt that it has nothing to do with.
func BenchmarkWithGuard(b *testing.B) {
	var text strings.Builder
	text.WriteString("rules:\n")
	for i := range 10_000 {
		fmt.Fprintf(&text, "- {name: r%d, match: {path: /usr/bin/p%d, args: [x]}, then: approve}\n", i, i)
	}
	own, faults := rules.Parse([]byte(text.String()))
	if own == nil {
		b.Fatal(faults)
	}
	now := time.Now()
	in := rules.Input{Attempt: elevation.Attempt{AccessType: elevation.Run, Subject: elevation.Subject{Path: "/usr/bin/p500", Args: []string{"x"}, RunAs: "root"}}}
	for name, set := range map[string]*rules.Set{"alone": own, "guarded": own.Join(deny(b, Ask))} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if set.Evaluate(in, now).Kind != rules.Approve {
					b.Fatal("not approved")
				}
			}
		})
	}
}
