package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/assent-epm/assent/controller/apidoc"
)

// TestFilesAreWhatTheDocumentSays fails while the SDK is not that of the
// committed document.
func TestFilesAreWhatTheDocumentSays(t *testing.T) {
	root := filepath.Join("..", "..", "..")
	files, err := generate(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files.Stale(root) {
		t.Errorf("%s is not what the OpenAPI document says; run: go run ./controller/cmd/pysdk", name)
	}
}

// TestWhatCanNotBeSaidFails: a document that the SDK could only show wrongly.
func TestWhatCanNotBeSaidFails(t *testing.T) {
	for name, row := range map[string]struct{ doc, want string }{
		"nothing":             {`{}`, "no operations"},
		"no document":         {`[`, "read the OpenAPI document"},
		"a schema of text":    {`{"paths":{"/a":{}},"components":{"schemas":{"A":{"type":"string"}}}}`, "is no object"},
		"a form for a body":   {`{"paths":{"/a":{"post":{"operationId":"a-b","requestBody":{"content":{"text/plain":{}}}}}},"components":{"schemas":{"A":{"type":"object"}}}}`, "no JSON"},
		"two values, a name":  {`{"paths":{"/a":{"get":{"operationId":"a","parameters":[{"name":"x","in":"query"},{"name":"x","in":"path"}]}}},"components":{"schemas":{"A":{"type":"object"}}}}`, "two values"},
		"a name of the class": {`{"paths":{"/a":{"get":{"operationId":"a","parameters":[{"name":"idempotency_key","in":"query"}]}}},"components":{"schemas":{"A":{"type":"object"}}}}`, "two values"},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := apidoc.Parse([]byte(row.doc))
			if err == nil {
				_, err = sdk{d}.operations()
			}
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want %q", err, row.want)
			}
		})
	}
}
