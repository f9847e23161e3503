package main

import (
	"io/fs"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// Every folder with tests of Windows is run under Wine.
func TestWinePackagesAreAll(t *testing.T) {
	listed := strings.Fields(winePackages)
	missed := map[string]bool{}
	const root = "../../.."
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".." || d.Name() == "node_modules") {
			return fs.SkipDir
		}
		if strings.HasSuffix(name, "_windows_test.go") {
			folder := strings.TrimPrefix(path.Dir(filepath.ToSlash(name)), root)
			missed[folder] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(missed) < 10 {
		t.Errorf("only %d folders have tests of Windows", len(missed))
	}
	for _, folder := range listed {
		delete(missed, folder)
	}
	for folder := range missed {
		t.Errorf("%s has tests of Windows that nothing runs: add it to winePackages", folder)
	}
}
