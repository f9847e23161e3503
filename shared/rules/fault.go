package rules

import (
	"cmp"
	"fmt"
	"slices"
)

// Severity says whether a fault stops a set.
type Severity string

// The severities.
const (
	Error   Severity = "error"   // the set is not taken
	Warning Severity = "warning" // the set is taken; somebody should look
)

// Fault is something wrong in a file of rules, with what to do about it.
type Fault struct {
	Line, Col int // from 1
	Severity  Severity
	Code      string // one word for machines
	Text      string // one sentence for people
}

// Format is the fault as a compiler would print it:
// "FILE:LINE:COL: error: text [code]".
func (f Fault) Format(file string) string {
	return fmt.Sprintf("%s:%d:%d: %s: %s [%s]", file, f.Line, f.Col, f.Severity, f.Text, f.Code)
}

// Failed reports whether any of the faults is an error.
func Failed(faults []Fault) bool {
	return slices.ContainsFunc(faults, func(f Fault) bool { return f.Severity == Error })
}

func byPlace(a, b Fault) int {
	return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Text, b.Text))
}
