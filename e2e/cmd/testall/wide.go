package main

import (
	"cmp"
	"slices"
	"strings"
)

// A search is a test that tries very much of one thing after the other. The race
// detector makes it eight times as slow and finds nothing in it that the other
// tests of its package do not show, so it is run without.
type search struct {
	folder string // of its package
	tests  string // by name, or "" for the whole package
	few    bool   // the pass with the race detector runs it too, over few (testgroup.Race)
	why    string
}

func searches() []search {
	return []search{
		{"", "", false, "the tree is read by one goroutine"},
		{"shared/rules", "", false, "rules are read and judged by one goroutine"},
		{"shared/rules/cel", "", false, "conditions are read and judged by one goroutine"},
		{"shared/elevation", "", false, "the model is pure and has no goroutines"},
		{"shared/delegation", "", false, "who may answer is pure and has no goroutines"},
		{"controller/queue", "TestModel TestModelOfFiling", true, "one history after the other"},
		{"controller/queue", "TestManyActs TestReviewIsRefused", false, "one act after the other"},
		{"controller/store", "TestListsAreRight", true, "one list after the other"},
		{"controller/store", "TestLogBeginsAnew TestClearTextHasAnEnd", false, "one long log, written by one caller"},
		{"controller", "TestAuthorisationMatrix", true, "one call after the other, the same code for each caller"},
		{"controller", "TestHostileBodies TestHostileQueries", false, "one call after the other"},
		{"controller/notify", "TestBackOff TestQuietHours", false, "days of made time with one message"},
		{"controller/cmd/assentctl", "TestCompletionInBash TestCompletionInZsh TestCompletionInFish TestCompletionOnABashPrompt", false, "a shell starts the program again for every key"},
		{"e2e/doors", "TestC2FuzzFindsNoServerError", true, "one call after the other"},
	}
}

// passes are the arguments of go test, pass by pass. Without the race detector
// there is nothing to leave out.
func passes(all []string, raced bool) [][]string {
	var unit, whole, machines []string
	for _, path := range all {
		switch {
		case under(path, e2ePackages):
			machines = append(machines, path)
		case raced && slices.ContainsFunc(searches(), func(s search) bool { return s.tests == "" && under(path, "/"+s.folder) }):
			whole = append(whole, path)
		default:
			unit = append(unit, path)
		}
	}
	var out [][]string
	pass := func(packages []string, args ...string) {
		if len(packages) > 0 {
			out = append(out, append(args, packages...))
		}
	}
	if raced {
		skip, run, wide := split(unit)
		pass(unit, append(raceArgs(), "-skip="+skip)...)
		pass(wide, "-run="+run)
		pass(whole)
	} else {
		pass(unit)
	}
	pass(machines, "-count=1", "-p=2")
	return out
}

// engines are packages of others that compute much on memory that they share with
// nobody. Watching every access of theirs takes half of the time of all tests.
var engines = []string{"modernc.org/...", "golang.org/x/crypto/argon2", "golang.org/x/crypto/blake2b"}

// raceArgs turn the race detector on for everything but the engines. Their flag
// comes last on the compiler's line and is the one that counts.
func raceArgs() []string {
	args := []string{"-race"}
	for _, e := range engines {
		args = append(args, "-gcflags="+e+"=-race=false -d=checkptr=0")
	}
	return args
}

// split says what the pass with the race detector leaves out, what the pass
// after it runs, and in which of the packages.
func split(unit []string) (skip, run string, wide []string) {
	var left, tests []string
	for _, s := range searches() {
		for _, path := range unit {
			if s.tests == "" || !under(path, "/"+s.folder) {
				continue
			}
			tests = append(tests, strings.Fields(s.tests)...)
			if !s.few {
				left = append(left, strings.Fields(s.tests)...)
			}
			if !slices.Contains(wide, path) {
				wide = append(wide, path)
			}
		}
	}
	return names(left), names(tests), wide
}

// names is a pattern for exactly these tests.
func names(tests []string) string { return "^(" + strings.Join(tests, "|") + ")$" }

// module is what the paths of the packages begin with.
const module = "github.com/assent-epm/assent"

// under reports whether the path is one of the folders of this module; "/" is its top.
func under(path, folders string) bool {
	return slices.Contains(strings.Fields(folders), cmp.Or(strings.TrimPrefix(path, module), "/"))
}
