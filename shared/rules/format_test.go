package rules_test

import (
	"os"
	"strings"
	"testing"

	"github.com/assent-epm/assent/shared/rules"
	"github.com/assent-epm/assent/shared/rules/cel"
)

// The example of the description is a set without faults, and its tests hold.
func TestDescribedFormat(t *testing.T) {
	raw, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(raw), "```yaml\n")
	text, _, ok := strings.Cut(text, "```")
	if !ok {
		t.Fatal("there is no example")
	}
	conditions, err := cel.New()
	if err != nil {
		t.Fatal(err)
	}
	set, faults := rules.Parse([]byte(text), rules.WithConditions(conditions))
	if set == nil || len(faults) > 0 {
		t.Fatal(faults)
	}
	if failed := set.Test(); len(failed) > 0 {
		t.Error(failed)
	}
}
