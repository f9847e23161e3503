// Command tstypes writes what the console takes from the OpenAPI document: a
// type for every body, in controller/console/src/types.gen.ts.
//
// It reads the committed document and nothing else. Run it from the root of the
// checkout after the document changed:
//
//	go run ./controller/cmd/tstypes
//
// A test fails while the file is not what it would write.
package main

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/assent-epm/assent/controller/apidoc"
)

func main() { os.Exit(apidoc.Command(generate)) }

// generate reads the document of a checkout and answers its file.
func generate(root string) (apidoc.Files, error) {
	doc, err := apidoc.Read(root)
	if err != nil {
		return nil, err
	}
	return apidoc.Files{"controller/console/src/types.gen.ts": types(doc)}, nil
}

const head = `// Written by controller/cmd/tstypes from the OpenAPI document; do not edit.
`

// types is an interface for each schema. A field that may be left out has a
// question mark, one that may be null says so.
func types(d *apidoc.Document) string {
	l := typescript()
	var b strings.Builder
	b.WriteString(head)
	for _, name := range slices.Sorted(maps.Keys(d.Components.Schemas)) {
		s := d.Components.Schemas[name]
		fmt.Fprintf(&b, "\nexport interface %s {\n", name)
		for _, field := range slices.Sorted(maps.Keys(s.Properties)) {
			mark := "?"
			if slices.Contains(s.Required, field) {
				mark = ""
			}
			fmt.Fprintf(&b, "  %s%s: %s;\n", key(field), mark, d.Type(s.Properties[field], l))
		}
		b.WriteString("}\n")
	}
	return b.String()
}

func typescript() apidoc.Language {
	union := func(of []string) string { return strings.Join(of, " | ") }
	return apidoc.Language{
		Text: "string", Bool: "boolean", Integer: "number", Number: "number", Any: "unknown",
		List: func(of string) string {
			if strings.Contains(of, " | ") {
				return "(" + of + ")[]"
			}
			return of + "[]"
		},
		Map:   func(of string) string { return "Record<string, " + of + ">" },
		Null:  func(of string) string { return of + " | null" },
		Union: union, Enum: union,
		Named: func(name string) string { return name },
	}
}

// key is the name of a field, in quotes where it must be.
func key(field string) string {
	if regexp.MustCompile(`^[A-Za-z_$][\w$]*$`).MatchString(field) {
		return field
	}
	return apidoc.Quote(field)
}
