package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/e2e/testgroup"
)

func TestSecondTries(t *testing.T) {
	const console, store, onWindows = module + "/controller/console", module + "/controller/store", windows + module + "/agent/tray"
	failing := func(pkg string, tests ...string) string {
		var out strings.Builder
		for _, test := range tests {
			fmt.Fprintf(&out, `{"Action":"fail","Package":%q,"Test":%q}`+"\n", pkg, test)
		}
		fmt.Fprintf(&out, `{"Action":"fail","Package":%q}`+"\n", pkg)
		return out.String()
	}
	said := func(text string) string {
		return fmt.Sprintf(`{"Action":"output","Package":%q,"Test":"TestA/part","Output":%q}`+"\n", console, text)
	}
	for _, row := range []struct {
		name, events string
		steady       bool // at the second try
		ok           bool
		tries        int
		want         string
	}{
		{"it was chance", failing(console, "TestA/part", "TestA"), true, true, 1, "2 passed, 0 failed"},
		{"it fails again", failing(console, "TestA"), false, false, 1, "0 passed, 1 failed"},
		{"three", failing(console, "TestA", "TestB", "TestC"), true, true, 3, "3 passed, 0 failed"},
		{"more than chance", failing(console, "TestA", "TestB", "TestC", "TestD"), true, false, 0, "4 failed"},
		{"a package that drives nothing", failing(store, "TestA"), true, false, 0, "1 failed"},
		{"one of each", failing(console, "TestA") + failing(store, "TestA"), true, false, 0, "2 failed"},
		{"one under Wine", failing(onWindows, "TestA/part", "TestA"), true, true, 1, "2 passed, 0 failed"},
		{"one here and there", failing(onWindows, "TestA") + failing(console, "TestA"), true, true, 2, "2 passed, 0 failed"},
		{"a package without a result", failing(console), true, false, 0, "1 failed"},
		{"a race", said("WARNING: DATA RACE\n") + failing(console, "TestA/part", "TestA"), true, false, 0, "2 failed"},
		{"a panic", said("panic: oh\n") + failing(console, "TestA/part", "TestA"), true, false, 0, "2 failed"},
		{"nothing failed", `{"Action":"pass","Package":"p","Test":"TestA"}`, true, true, 0, "1 passed, 0 failed"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var out strings.Builder
			r := newReport(&out)
			if err := r.read(strings.NewReader(row.events)); err != nil {
				t.Fatal(err)
			}
			tries := 0
			err := r.secondTries(t.Context(), func(context.Context, key) (bool, error) {
				tries++
				return row.steady, nil
			})
			if err != nil || tries != row.tries {
				t.Errorf("tries: got %d, want %d, %v", tries, row.tries, err)
			}
			ok := r.close(time.Second)
			if ok != row.ok || !strings.Contains(out.String(), row.want) {
				t.Errorf("all well: got %v, want %v with %q:\n%s", ok, row.ok, row.want, out.String())
			}
			if chance := row.tries > 0 && row.steady; strings.Contains(out.String(), "unsteady: ") != chance {
				t.Errorf("what was unsteady is named: want %v:\n%s", chance, out.String())
			}
		})
	}
}

// A second try is a run of its own, and what it does not find does not pass.
func TestAlone(t *testing.T) {
	const pkg = module + "/e2e/cmd/testall"
	for test, want := range map[string]bool{"TestChangesOfSudo": true, "TestThatIsNotThere": false} {
		got, err := alone(false, newReport(io.Discard))(t.Context(), key{pkg, test})
		if err != nil || got != want {
			t.Errorf("%s: got %v, want %v, %v", test, got, want, err)
		}
	}
}

// Under Wine too.
func TestAloneUnderWine(t *testing.T) {
	testgroup.Need(t, "wine")
	const pkg = windows + module + "/shared/durable"
	for test, want := range map[string]bool{"TestReplace": true, "TestThatIsNotThere": false} {
		got, err := alone(false, newReport(io.Discard))(t.Context(), key{pkg, test})
		if err != nil || got != want {
			t.Errorf("%s: got %v, want %v, %v", test, got, want, err)
		}
	}
}
