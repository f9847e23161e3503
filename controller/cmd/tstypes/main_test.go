package main

import (
	"path/filepath"
	"testing"

	"github.com/assent-epm/assent/controller/apidoc"
)

// TestTypesAreWhatTheDocumentSays fails while the console's types are not those
// of the committed document.
func TestTypesAreWhatTheDocumentSays(t *testing.T) {
	root := filepath.Join("..", "..", "..")
	files, err := generate(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files.Stale(root) {
		t.Errorf("%s is not what the OpenAPI document says; run: go run ./controller/cmd/tstypes", name)
	}
}

// TestForms: each form of the document that the console can meet.
func TestForms(t *testing.T) {
	d, err := apidoc.Parse([]byte(`{"paths":{"/a":{}},"components":{"schemas":{
		"Thing":{"type":"object","required":["must","null-text"],"properties":{
			"must":{"type":"string"},
			"may":{"type":"boolean"},
			"null-text":{"type":["string","null"]},
			"count":{"type":"integer"},"part":{"type":"number"},
			"state":{"type":"string","enum":["on","o\"ff"]},
			"states":{"type":"array","items":{"type":"string","enum":["on","off"]}},
			"others":{"type":["array","null"],"items":{"$ref":"#/components/schemas/Other"}},
			"one":{"$ref":"#/components/schemas/Other"},
			"none":{"$ref":"#/components/schemas/None"},
			"perhaps":{"anyOf":[{"$ref":"#/components/schemas/Other"},{"type":"null"}]},
			"either":{"anyOf":[{"$ref":"#/components/schemas/Other"},{"$ref":"#/components/schemas/Thing"}]},
			"labels":{"type":"object","additionalProperties":{"type":"string"}},
			"parts":{"type":"object","additionalProperties":{"$ref":"#/components/schemas/None"}},
			"whole":{"type":"object","additionalProperties":{}},
			"anything":{}}},
		"None":{"type":["object","null"]},
		"Other":{"type":"object"}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	const want = head + `
export interface None {
}

export interface Other {
}

export interface Thing {
  anything?: unknown;
  count?: number;
  either?: Other | Thing;
  labels?: Record<string, string>;
  may?: boolean;
  must: string;
  none?: None | null;
  "null-text": string | null;
  one?: Other;
  others?: Other[] | null;
  part?: number;
  parts?: Record<string, None | null>;
  perhaps?: Other | null;
  state?: "on" | "o\"ff";
  states?: ("on" | "off")[];
  whole?: Record<string, unknown>;
}
`
	if got := types(d); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
