package console_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// A class of one part of the pages looks the same whatever another part does:
// what begins a rule in the styles of two parts belongs to the base, or has
// another name.
func TestPartsDoNotStyleEachOther(t *testing.T) {
	files, err := filepath.Glob("src/*/*.css")
	if err != nil || len(files) < 5 {
		t.Fatalf("%v %v", files, err)
	}
	base := append(slices.DeleteFunc(slices.Clone(files), func(f string) bool { return filepath.Base(f) != "ui.css" }), "src/app.css", "src/pages.css")
	known := map[string]bool{}
	for _, f := range base {
		maps.Copy(known, begins(t, f))
	}
	owner := map[string]string{}
	for _, f := range files {
		if slices.Contains(base, f) {
			continue
		}
		for class := range begins(t, f) {
			if known[class] {
				continue
			}
			if other := owner[class]; other != "" {
				t.Errorf(".%s is of %s and of %s", class, other, f)
			}
			owner[class] = f
		}
	}
}

// begins are the classes with which a rule of a style sheet begins.
func begins(t *testing.T, file string) map[string]bool {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := regexp.MustCompile(`(?s)/\*.*?\*/|\([^()]*\)`).ReplaceAllString(string(raw), "")
	found := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)(?:^|[{},])\s*\.([\w-]+)[^{};]*`).FindAllStringSubmatch(text, -1) {
		found[m[1]] = true
	}
	return found
}
