package testgroup

import "testing"

func TestRequired(t *testing.T) {
	for _, row := range []struct {
		name, env, group string
		want             bool
	}{
		{"nothing is required", "", "nspawn", false},
		{"named alone", "nspawn", "nspawn", true},
		{"named among others", "sudo, nspawn,shim", "nspawn", true},
		{"part of another name", "nspawn2", "nspawn", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Setenv(RequireEnv, row.env)
			if got := Required(row.group); got != row.want {
				t.Errorf("Required(%q) with %q: got %v, want %v", row.group, row.env, got, row.want)
			}
		})
	}
}

func TestMissingKnowsOnlyItsGroups(t *testing.T) {
	if _, err := Missing("nspwan"); err == nil {
		t.Error("a misspelled group must be an error")
	}
	for _, name := range Names() {
		if _, err := Missing(name); err != nil {
			t.Errorf("group %s: %v", name, err)
		}
	}
}
