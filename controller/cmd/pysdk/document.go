package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// document is the part of an OpenAPI 3.1 document that the SDK needs.
type document struct {
	Paths      map[string]map[string]operation
	Components struct{ Schemas map[string]schema }
}

type operation struct {
	ID          string `json:"operationId"`
	Summary     string
	Parameters  []parameter
	RequestBody *struct{ Content map[string]media }
	Responses   map[string]struct{ Content map[string]media }
}

type parameter struct {
	Name, In, Description string
	Required              bool
	Schema                schema
}

type media struct{ Schema schema }

type schema struct {
	Ref         string `json:"$ref"`
	Type        kinds
	Description string
	Enum        []string
	Items       *schema
	OneOf       []schema
	Properties  map[string]schema
	Required    []string
	Additional  json.RawMessage `json:"additionalProperties"`
}

// kinds is the type of a schema: one name or several.
type kinds []string

// UnmarshalJSON reads both forms.
func (k *kinds) UnmarshalJSON(raw []byte) error {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		*k = kinds{one}
		return nil
	}
	return json.Unmarshal(raw, (*[]string)(k))
}

func parse(raw []byte) (*document, error) {
	d := &document{}
	if err := json.Unmarshal(raw, d); err != nil {
		return nil, fmt.Errorf("read the OpenAPI document: %w", err)
	}
	if len(d.Paths) == 0 || len(d.Components.Schemas) == 0 {
		return nil, errors.New("read the OpenAPI document: it has no operations or no schemas")
	}
	return d, nil
}

// python is the type of a schema as Python writes it. Names of other types have
// the prefix, "" within types.py.
func (d *document) python(s schema, prefix string) string {
	if s.Ref != "" {
		name := s.Ref[strings.LastIndex(s.Ref, "/")+1:]
		if slices.Contains(d.Components.Schemas[name].Type, "null") {
			return "Optional[" + prefix + name + "]"
		}
		return prefix + name
	}
	if len(s.OneOf) > 0 {
		var of []string
		for _, one := range s.OneOf {
			of = append(of, d.python(one, prefix))
		}
		return "Union[" + strings.Join(of, ", ") + "]"
	}
	if len(s.Enum) > 0 {
		return "Literal[" + strings.Join(quoted(s.Enum), ", ") + "]"
	}
	text := d.plain(s, prefix)
	if slices.Contains(s.Type, "null") {
		return "Optional[" + text + "]"
	}
	return text
}

func (d *document) plain(s schema, prefix string) string {
	for _, kind := range s.Type {
		switch kind {
		case "string":
			return "str"
		case "boolean":
			return "bool"
		case "integer":
			return "int"
		case "number":
			return "float"
		case "array":
			if s.Items == nil {
				return "List[Any]"
			}
			return "List[" + d.python(*s.Items, prefix) + "]"
		case "object":
			var extra schema
			if len(s.Properties) == 0 && json.Unmarshal(s.Additional, &extra) == nil && (extra.Ref != "" || len(extra.Type) > 0) {
				return "Dict[str, " + d.python(extra, prefix) + "]"
			}
			return "Dict[str, Any]"
		}
	}
	return "Any"
}

func quoted(texts []string) []string {
	out := make([]string, len(texts))
	for i, t := range texts {
		out[i] = text(t)
	}
	return out
}

// text is a Python string: JSON's form is one.
func text(s string) string {
	raw, _ := json.Marshal(s) // a string always has a form
	return string(raw)
}

// reserved are the names that Python keeps for itself.
func reserved(name string) bool {
	return slices.Contains([]string{"and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del", "elif", "else", "except",
		"finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try",
		"while", "with", "yield", "None", "True", "False", "self"}, name)
}

const head = `# Written by controller/cmd/pysdk from the OpenAPI document; do not edit.
`

// types is types.py: a TypedDict for each schema, so that what the controller
// answers stays the plain dict that it is.
func (d *document) types() (string, error) {
	var b strings.Builder
	b.WriteString(head)
	b.WriteString(`"""The bodies of the REST interface, as type checkers see them: plain dicts."""

from typing import Any, Dict, List, Literal, Optional, TypedDict, Union

`)
	for _, name := range slices.Sorted(maps.Keys(d.Components.Schemas)) {
		s := d.Components.Schemas[name]
		if !slices.Contains(s.Type, "object") {
			return "", fmt.Errorf("the schema %s is no object; pysdk knows only those", name)
		}
		must, may := map[string]schema{}, map[string]schema{}
		for field, p := range s.Properties {
			if slices.Contains(s.Required, field) {
				must[field] = p
			} else {
				may[field] = p
			}
		}
		base := "TypedDict"
		if len(must) > 0 && len(may) > 0 {
			base = "_" + name
			d.typed(&b, base, "TypedDict", must, true)
			d.typed(&b, name, base, may, false)
			continue
		}
		if len(must) > 0 {
			d.typed(&b, name, base, must, true)
		} else {
			d.typed(&b, name, base, may, false)
		}
	}
	return strings.TrimRight(b.String(), "\n") + "\n", nil
}

// typed writes one TypedDict. Where a field has a name that Python keeps, the
// form with a dict is used.
func (d *document) typed(b *strings.Builder, name, base string, fields map[string]schema, total bool) {
	names := slices.Sorted(maps.Keys(fields))
	if slices.ContainsFunc(names, reserved) && base == "TypedDict" {
		fmt.Fprintf(b, "\n%s = TypedDict(\n    %s,\n    {\n", name, text(name))
		for _, f := range names {
			fmt.Fprintf(b, "        %s: %s,\n", text(f), text(d.python(fields[f], "")))
		}
		fmt.Fprintf(b, "    },\n    total=%s,\n)\n\n", map[bool]string{true: "True", false: "False"}[total])
		return
	}
	end := ""
	if !total {
		end = ", total=False"
	}
	fmt.Fprintf(b, "\nclass %s(%s%s):\n", name, base, end)
	if len(names) == 0 {
		b.WriteString("    pass\n")
	}
	for _, f := range names {
		if reserved(f) {
			continue // of a type with a base: readers index it without a checker's help
		}
		fmt.Fprintf(b, "    %s: %s\n", f, text(d.python(fields[f], "")))
	}
	b.WriteString("\n")
}
