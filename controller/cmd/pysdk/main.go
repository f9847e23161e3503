// Command pysdk writes what the Python SDK takes from the OpenAPI document: a
// type for every body (types.py) and a method for every operation
// (operations.py), below controller/client/python/assent.
//
// It reads the committed document and nothing else. Run it from the root of the
// checkout after the document changed:
//
//	go run ./controller/cmd/pysdk
//
// A test fails while the files are not what it would write.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := run("."); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// run writes the files of a checkout.
func run(root string) error {
	files, err := generate(root)
	if err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// generate reads the document of a checkout and answers the files by their names
// from its root.
func generate(root string) (map[string]string, error) {
	raw, err := os.ReadFile(filepath.Join(root, "controller", "api", "openapi.json"))
	if err != nil {
		return nil, fmt.Errorf("read the OpenAPI document: %w", err)
	}
	doc, err := parse(raw)
	if err != nil {
		return nil, err
	}
	types, err := doc.types()
	if err != nil {
		return nil, err
	}
	operations, err := doc.operations()
	if err != nil {
		return nil, err
	}
	folder := filepath.Join("controller", "client", "python", "assent")
	return map[string]string{filepath.Join(folder, "types.py"): types, filepath.Join(folder, "operations.py"): operations}, nil
}
