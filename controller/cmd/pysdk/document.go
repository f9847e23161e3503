package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/assent-epm/assent/controller/apidoc"
)

// sdk writes the SDK of a document.
type sdk struct{ *apidoc.Document }

// python is the type of a schema as Python writes it. Names of other types have
// the prefix, "" within types.py.
func (d sdk) python(s apidoc.Schema, prefix string) string {
	around := func(name string) func(string) string {
		return func(of string) string { return name + "[" + of + "]" }
	}
	return d.Type(s, apidoc.Language{
		Text: "str", Bool: "bool", Integer: "int", Number: "float", Any: "Any",
		List: around("List"), Map: func(of string) string { return "Dict[str, " + of + "]" }, Null: around("Optional"),
		Union: func(of []string) string { return "Union[" + strings.Join(of, ", ") + "]" },
		Enum:  func(of []string) string { return "Literal[" + strings.Join(of, ", ") + "]" },
		Named: func(name string) string { return prefix + name },
	})
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
func (d sdk) types() string {
	var b strings.Builder
	b.WriteString(head)
	b.WriteString(`"""The bodies of the REST interface, as type checkers see them: plain dicts."""

from typing import Any, Dict, List, Literal, Optional, TypedDict, Union

`)
	for _, name := range slices.Sorted(maps.Keys(d.Components.Schemas)) {
		s := d.Components.Schemas[name]
		must, may := map[string]apidoc.Schema{}, map[string]apidoc.Schema{}
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
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// typed writes one TypedDict. Where a field has a name that Python keeps, the
// form with a dict is used.
func (d sdk) typed(b *strings.Builder, name, base string, fields map[string]apidoc.Schema, total bool) {
	names := slices.Sorted(maps.Keys(fields))
	if slices.ContainsFunc(names, reserved) && base == "TypedDict" {
		fmt.Fprintf(b, "\n%s = TypedDict(\n    %s,\n    {\n", name, apidoc.Quote(name))
		for _, f := range names {
			fmt.Fprintf(b, "        %s: %s,\n", apidoc.Quote(f), apidoc.Quote(d.python(fields[f], "")))
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
		fmt.Fprintf(b, "    %s: %s\n", f, apidoc.Quote(d.python(fields[f], "")))
	}
	b.WriteString("\n")
}
