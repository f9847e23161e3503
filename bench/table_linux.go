package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// table is the one that is printed.
type table struct{ rows []row }

// row is one measured thing. missed says by how much, "" when the goal holds;
// without a goal it stays empty.
type row struct{ what, ours, floor, compared, goal, missed string }

func (t *table) add(r row) { t.rows = append(t.rows, r) }

func (t *table) failed(what string, err error) {
	text := strings.TrimSpace(err.Error())
	if len(text) > 300 {
		text = text[:300] + "…"
	}
	t.add(row{what: what, missed: "not measured: " + strings.ReplaceAll(text, "\n", " ")})
}

// String is the table as text.
func (t *table) String() string {
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "what\tAssent\tfloor\tcompared\tgoal\tresult")
	for _, r := range t.rows {
		result := r.missed
		if result == "" && r.goal != "" {
			result = "holds"
		}
		fmt.Fprintln(w, strings.Join([]string{r.what, r.ours, r.floor, r.compared, r.goal, result}, "\t"))
	}
	_ = w.Flush() // a strings.Builder does not fail
	return out.String()
}

// within compares a value with the most that it should be.
func within(value, most float64, show func(float64) string) string {
	if value <= most {
		return ""
	}
	return "missed by " + show(value-most)
}
