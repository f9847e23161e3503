package main

import (
	"context"
	"regexp"
	"slices"
	"strings"
)

// Packages that drive browsers and machines. What those do also depends on what
// the machine below does at the same time, so that a test of theirs may fail
// without a flaw in the product. So may every test under Wine.
const drivingPackages = e2ePackages + " /controller/console /agent/cmd/assent-tray /agent/desktop /agent/tray /e2e/browser"

// mostAgain is how many failures can be chance. More are a flaw.
const mostAgain = 3

// unforgiven is what no second try excuses.
var unforgiven = regexp.MustCompile(`DATA RACE|panic: |fatal error: |test timed out`)

// secondTries runs what failed once more, alone, if chance can be the cause. What
// passes then is no failure of this run, but it is named at its end: somebody
// has to find out what it was, as it may be a flaw that shows under load alone.
func (r *report) secondTries(ctx context.Context, try func(context.Context, key) (bool, error)) error {
	tests, ok := r.chances()
	if !ok {
		return nil
	}
	for _, k := range tests {
		passes, err := try(ctx, k)
		if err != nil {
			return err
		}
		if !passes {
			continue
		}
		before := len(r.failed)
		r.failed = slices.DeleteFunc(r.failed, func(f string) bool { return ofTest(f, k) })
		r.passed += before - len(r.failed)
		r.unsteady = append(r.unsteady, k.pkg+" "+k.test)
	}
	return nil
}

// chances are the tests that failed, without their parts. It answers false when
// there are too many, or one that no second try excuses.
func (r *report) chances() (tests []key, ok bool) {
	for _, f := range r.failed {
		f, onWindows := strings.CutPrefix(f, windows)
		pkg, test, found := strings.Cut(f, " ")
		drives := onWindows || under(pkg, drivingPackages)
		if onWindows {
			pkg = windows + pkg
		}
		name, _, _ := strings.Cut(test, "/")
		k := key{pkg, name}
		if !found || !strings.HasPrefix(test, "Test") || !drives || r.grave[k] {
			return nil, false
		}
		if !slices.Contains(tests, k) {
			tests = append(tests, k)
		}
	}
	return tests, len(tests) > 0 && len(tests) <= mostAgain
}

// ofTest reports whether a failure is of the test or a part of it.
func ofTest(failure string, k key) bool {
	return failure == k.pkg+" "+k.test || strings.HasPrefix(failure, k.pkg+" "+k.test+"/")
}

// alone runs one test, with nothing beside it.
func alone(raced bool, r *report) func(context.Context, key) (bool, error) {
	return func(ctx context.Context, k key) (bool, error) {
		args := []string{"-vet=off", "-timeout=15m", "-count=1", "-run=^" + k.test + "$"}
		if raced && !under(k.pkg, e2ePackages) {
			args = append(args, raceArgs()...)
		}
		second := newReport(r.out)
		if pkg, ok := strings.CutPrefix(k.pkg, windows); ok {
			err := second.onWine(ctx, "-run=^"+k.test+"$", pkg)
			return len(second.failed) == 0 && second.passed > 0, err
		}
		err := second.goTest(ctx, append(args, k.pkg))
		return len(second.failed) == 0 && second.passed > 0, err
	}
}
