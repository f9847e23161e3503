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
	"os"

	"github.com/assent-epm/assent/controller/apidoc"
)

func main() { os.Exit(apidoc.Command(generate)) }

// generate reads the document of a checkout and answers the files.
func generate(root string) (apidoc.Files, error) {
	doc, err := apidoc.Read(root)
	if err != nil {
		return nil, err
	}
	d := sdk{doc}
	operations, err := d.operations()
	if err != nil {
		return nil, err
	}
	const folder = "controller/client/python/assent/"
	return apidoc.Files{folder + "types.py": d.types(), folder + "operations.py": operations}, nil
}
