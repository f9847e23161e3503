package cel

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules"
)

// manyRules are 10,000 rules for as many programs; each tenth path has ten.
func manyRules(when string) string {
	var b strings.Builder
	b.WriteString("rules:\n")
	for i := range 10_000 {
		fmt.Fprintf(&b, "- {name: r%d, match: {path: /usr/bin/p%d, args: [x%d]}, then: approve%s}\n", i, i/10, i%10, when)
	}
	return b.String()
}

// benchmarkMany tells the median of single evaluations, which the targets are
// about, beside the mean.
func benchmarkMany(b *testing.B, when string) {
	started := time.Now()
	set, faults := rules.Parse([]byte(manyRules(when)), rules.WithConditions(compiler(b)))
	if set == nil {
		b.Fatal(faults)
	}
	b.ReportMetric(float64(time.Since(started).Milliseconds()), "parse-ms")
	var inputs []rules.Input
	for i := range 1000 {
		in := input()
		in.Attempt.Subject = elevation.Subject{Path: fmt.Sprintf("/usr/bin/p%d", (i*7)%1000), Args: []string{fmt.Sprintf("x%d", i%10)}, RunAs: "root", Cwd: "/"}
		inputs = append(inputs, in)
	}
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	var took []time.Duration
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; b.Loop(); i++ {
		at := time.Now()
		if set.Evaluate(inputs[i%len(inputs)], now).Kind != rules.Approve {
			b.Fatal("not approved")
		}
		if len(took) < 1_000_000 {
			took = append(took, time.Since(at))
		}
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds()), "p50-ns")
	b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds()), "p99-ns")
}

func BenchmarkTenThousandByMatch(b *testing.B) { benchmarkMany(b, "") }

func BenchmarkTenThousandWithOneCondition(b *testing.B) {
	benchmarkMany(b, `, when: 'user.groups.exists(g, g == "developers")'`)
}
