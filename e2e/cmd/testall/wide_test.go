package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Every test is run by some pass: what the race pass leaves out is run after it.
func TestNothingIsLeftOut(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", module+"/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Fields(string(out))
	if got := passes(all, false); len(got) != 2 || slices.ContainsFunc(got, func(args []string) bool { return strings.HasPrefix(args[0], "-run") }) {
		t.Errorf("without the race detector: %d passes", len(got))
	}
	seen := map[string]int{}
	for _, args := range passes(all, true) {
		for _, arg := range args {
			if strings.HasPrefix(arg, module) && !strings.HasPrefix(args[0], "-run=") {
				seen[arg]++
			}
		}
	}
	for _, path := range all {
		if seen[path] != 1 {
			t.Errorf("%s is run by %d passes", path, seen[path])
		}
	}
}

// The table names tests that there are, and each that looks at testgroup.Race
// stands in it.
func TestSearchesAreThere(t *testing.T) {
	test := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	root := filepath.Join("..", "..", "..")
	few := map[string]bool{}
	all := map[string]string{} // the folders of a name
	err := filepath.WalkDir(root, func(name string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() && entry.Name() == "node_modules" {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(name, "_test.go") {
			return nil
		}
		raw, err := os.ReadFile(name)
		folder, relErr := filepath.Rel(root, filepath.Dir(name))
		for _, found := range test.FindAllStringSubmatch(string(raw), -1) {
			all[found[1]] += " " + filepath.ToSlash(folder)
		}
		if relErr == nil && folder != filepath.Join("e2e", "cmd", "testall") && strings.Contains(string(raw), "testgroup.Race") {
			few[filepath.ToSlash(folder)] = true
		}
		if relErr != nil {
			return relErr
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range searches() {
		for name := range strings.FieldsSeq(s.tests) {
			others := slices.DeleteFunc(strings.Fields(all[name]), func(folder string) bool {
				return slices.ContainsFunc(searches(), func(other search) bool { return other.tests == "" && other.folder == folder })
			})
			if !slices.Equal(others, []string{s.folder}) {
				t.Errorf("%s of %s stands in%s: a name that is not there is never run, one that is twice is left out elsewhere", name, s.folder, all[name])
			}
		}
		if s.few && !few[s.folder] {
			t.Errorf("%s has no test that looks at testgroup.Race", s.folder)
		}
	}
	for folder := range few {
		if !slices.ContainsFunc(searches(), func(s search) bool { return s.few && s.folder == folder }) {
			t.Errorf("%s does less under the race detector and is not in the table", folder)
		}
	}
}
