package msi

import (
	"slices"
	"strings"
	"testing"
)

// A standard user can repair what is installed, as the system, and give it
// properties: none that says whose controller is obeyed.
func TestRepairTakesNoController(t *testing.T) {
	var checked []string
	for _, row := range conditions()[0].rows {
		if strings.HasPrefix(row[0], "NOT Installed OR NOT (") {
			checked = strings.Split(strings.TrimSuffix(strings.TrimPrefix(row[0], "NOT Installed OR NOT ("), ")"), " OR ")
		}
	}
	for _, row := range registry().rows {
		if row[2] == enrollKey && !slices.Contains(checked, strings.Trim(row[4], "[]")) {
			t.Errorf("a repair writes %s to %s", row[4], row[3])
		}
	}
}

// A plain repair once wrote the empty properties of its command line over what the
// enrolment waited for: Windows looks at a condition again only where it has not
// registered the component. One without an identity is never registered, so that
// no repair and no removal touches it.
func TestRepairWritesNoEmptyValues(t *testing.T) {
	for _, row := range components().rows {
		name, id, condition := row[0], row[1], row[4]
		once := strings.HasPrefix(condition, "NOT Installed AND ")
		if once != (id == "") || once != (condition != "") {
			t.Errorf("%s: identity %q, condition %q", name, id, condition)
		}
	}
	for _, row := range registry().rows {
		component := row[5]
		if !strings.Contains(row[4], "[CONTROLLER_URL]") && !strings.Contains(row[4], "[ENROLL_TOKEN]") && !strings.Contains(row[4], "[LABELS]") {
			continue
		}
		if at := slices.IndexFunc(components().rows, func(c []string) bool { return c[0] == component }); components().rows[at][1] != "" {
			t.Errorf("a repair writes %s again", row[3])
		}
	}
}
