// Package apidoc reads the committed OpenAPI document for the programs that
// write code from it: the types of the Python SDK and those of the console.
//
// It knows what the document says and how types nest; how a language writes a
// type is a Language. What a program makes is Files, which are written, or
// compared with what the checkout has.
package apidoc

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Document is the part of an OpenAPI 3.1 document that types and calls need.
type Document struct {
	Paths      map[string]map[string]Operation
	Components struct{ Schemas map[string]Schema }
}

// Operation is one call.
type Operation struct {
	ID          string `json:"operationId"`
	Summary     string
	Parameters  []Parameter
	RequestBody *struct{ Content map[string]Media }
	Responses   map[string]struct{ Content map[string]Media }
}

// Parameter is a value in the address or the head of a call.
type Parameter struct {
	Name, In, Description string
	Required              bool
	Schema                Schema
}

// Media is a body of one kind.
type Media struct{ Schema Schema }

// Schema is a type, or the name of one.
type Schema struct {
	Ref         string `json:"$ref"`
	Type        Kinds
	Description string
	Enum        []string
	Items       *Schema
	AnyOf       []Schema
	Properties  map[string]Schema
	Required    []string
	Additional  json.RawMessage `json:"additionalProperties"`
}

// Kinds is the type of a schema: one name or several.
type Kinds []string

// UnmarshalJSON reads both forms.
func (k *Kinds) UnmarshalJSON(raw []byte) error {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		*k = Kinds{one}
		return nil
	}
	return json.Unmarshal(raw, (*[]string)(k))
}

// Read reads the document of a checkout.
func Read(root string) (*Document, error) {
	raw, err := os.ReadFile(filepath.Join(root, "controller", "api", "openapi.json"))
	if err != nil {
		return nil, fmt.Errorf("read the OpenAPI document: %w", err)
	}
	return Parse(raw)
}

// Parse reads a document. Every schema with a name must be an object: the
// languages have nothing for others.
func Parse(raw []byte) (*Document, error) {
	d := &Document{}
	if err := json.Unmarshal(raw, d); err != nil {
		return nil, fmt.Errorf("read the OpenAPI document: %w", err)
	}
	if len(d.Paths) == 0 || len(d.Components.Schemas) == 0 {
		return nil, errors.New("read the OpenAPI document: it has no operations or no schemas")
	}
	for name, s := range d.Components.Schemas {
		if !slices.Contains(s.Type, "object") {
			return nil, fmt.Errorf("read the OpenAPI document: the schema %s is no object", name)
		}
	}
	return d, nil
}

// Named is the schema behind a reference, or the schema itself.
func (d *Document) Named(s Schema) Schema {
	if s.Ref == "" {
		return s
	}
	return d.Components.Schemas[refName(s.Ref)]
}

func refName(ref string) string { return ref[strings.LastIndex(ref, "/")+1:] }

// Files are what a program writes, by their names from the root of a checkout.
type Files map[string]string

// Write puts them into a checkout.
func (f Files) Write(root string) error {
	for name, text := range f {
		if err := os.WriteFile(filepath.Join(root, filepath.FromSlash(name)), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Command is the whole of a program that writes files into the checkout in which
// it was started: it answers the exit code.
func Command(generate func(root string) (Files, error)) int {
	files, err := generate(".")
	if err == nil {
		err = files.Write(".")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		return 1
	}
	return 0
}

// Stale names those that a checkout has not, or has otherwise.
func (f Files) Stale(root string) []string {
	var out []string
	for name, want := range f {
		got, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if err != nil || string(got) != want {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}
