package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/assent-epm/assent/controller/apidoc"
)

// method is one operation as a method of the SDK.
type method struct {
	name, verb, path, summary string
	places                    []string // parameters of the path, in order
	query                     []argument
	key                       bool // takes an Idempotency-Key
	body                      []argument
	hasBody                   bool
	whole                     string // type of a body that is no plain object, "" = its fields are arguments
	result                    string // "" = nothing
	bytes                     bool   // the answer is no JSON
	items                     string // type of the items of a list with pages, "" = no such list
}

// argument is one named value. field is its name in the call.
type argument struct {
	name, field, kind string
	required          bool
}

// operations is operations.py: a mixin with a method for each operation.
func (d sdk) operations() (string, error) {
	var all []method
	for path, verbs := range d.Paths {
		for verb, op := range verbs {
			if op.ID == "events" {
				continue // a stream: written by hand
			}
			m, err := d.method(path, verb, op)
			if err != nil {
				return "", fmt.Errorf("operation %s: %w", op.ID, err)
			}
			all = append(all, m)
		}
	}
	slices.SortFunc(all, func(a, b method) int { return strings.Compare(a.name, b.name) })
	var b strings.Builder
	b.WriteString(head)
	b.WriteString(`"""A method for every operation of the REST interface."""

from typing import Any, Dict, Iterator, List, Literal, Optional, Union, cast

from . import types
from ._transport import Transport, place


class Operations(Transport):
    """Every operation, named as in the reference. None leaves a value out."""
`)
	for _, m := range all {
		m.write(&b)
	}
	return b.String(), nil
}

func (d sdk) method(path, verb string, op apidoc.Operation) (method, error) {
	m := method{name: strings.ReplaceAll(op.ID, "-", "_"), verb: strings.ToUpper(verb), path: strings.TrimPrefix(path, "/api/v1"), summary: op.Summary}
	taken := map[string]bool{"self": true, "idempotency_key": true}
	name := func(field string) (string, error) {
		n := strings.ReplaceAll(field, "-", "_")
		if reserved(n) {
			n += "_"
		}
		if taken[n] {
			return "", fmt.Errorf("two values are called %s", n)
		}
		taken[n] = true
		return n, nil
	}
	for _, p := range op.Parameters {
		switch p.In {
		case "path":
			n, err := name(p.Name)
			if err != nil {
				return m, err
			}
			m.places = append(m.places, n)
			m.path = strings.ReplaceAll(m.path, "{"+p.Name+"}", "{place("+n+")}")
		case "query":
			n, err := name(p.Name)
			if err != nil {
				return m, err
			}
			m.query = append(m.query, argument{name: n, field: p.Name, kind: d.python(p.Schema, "types."), required: p.Required})
		case "header":
			m.key = m.key || p.Name == "Idempotency-Key"
		}
	}
	if err := d.bodyOf(&m, op, name); err != nil {
		return m, err
	}
	return m, d.resultOf(&m, op)
}

// bodyOf turns the fields of the body into arguments.
func (d sdk) bodyOf(m *method, op apidoc.Operation, name func(string) (string, error)) error {
	if op.RequestBody == nil {
		return nil
	}
	body, ok := op.RequestBody.Content["application/json"]
	if !ok {
		return fmt.Errorf("its body is no JSON")
	}
	m.hasBody = true
	s := d.Named(body.Schema)
	if len(s.Properties) == 0 {
		m.whole = d.python(body.Schema, "types.")
		return nil
	}
	for _, field := range slices.Sorted(maps.Keys(s.Properties)) {
		n, err := name(field)
		if err != nil { // the path has one as well: the body's is of what is made
			n, err = name("new_" + field)
		}
		if err != nil {
			return err
		}
		m.body = append(m.body, argument{name: n, field: field, kind: d.python(s.Properties[field], "types."), required: slices.Contains(s.Required, field)})
	}
	return nil
}

func (d sdk) resultOf(m *method, op apidoc.Operation) error {
	for status, r := range op.Responses {
		if status[0] != '2' {
			continue
		}
		if body, ok := r.Content["application/json"]; ok {
			m.result = d.python(body.Schema, "types.")
			list := d.Components.Schemas[strings.TrimPrefix(m.result, "types.")]
			items, pages := list.Properties["items"]
			_, next := list.Properties["next_cursor"]
			takes := slices.ContainsFunc(m.query, func(a argument) bool { return a.field == "cursor" })
			if pages && next && takes && items.Items != nil {
				m.items = d.python(*items.Items, "types.")
			}
		} else if len(r.Content) > 0 {
			m.bytes, m.result = true, "bytes"
		}
	}
	return nil
}

func (m method) write(b *strings.Builder) {
	result := m.result
	if result == "" {
		result = "None"
	}
	fmt.Fprintf(b, "\n    def %s(%s) -> %s:\n        \"\"\"%s.\"\"\"\n", m.name, m.signature(nil), result, m.summary)
	call := fmt.Sprintf("self.%s(%s, f%s", map[bool]string{true: "download", false: "call"}[m.bytes], apidoc.Quote(m.verb), apidoc.Quote(m.path))
	if !strings.Contains(m.path, "{") {
		call = strings.Replace(call, "f\"", "\"", 1)
	}
	if len(m.query) > 0 {
		call += ", query=" + dict(m.query)
	}
	if m.whole != "" {
		call += ", body=body"
	} else if m.hasBody {
		call += ", body=" + dict(m.body)
	}
	if m.key {
		call += ", idempotency_key=idempotency_key"
	}
	call += ")"
	switch {
	case m.result == "":
		fmt.Fprintf(b, "        %s\n", call)
	case m.bytes:
		fmt.Fprintf(b, "        return %s\n", call)
	default:
		fmt.Fprintf(b, "        return cast(%s, %s)\n", apidoc.Quote(m.result), call)
	}
	if m.items != "" {
		m.writeAll(b)
	}
}

// writeAll writes the method that goes through all pages of a list.
func (m method) writeAll(b *strings.Builder) {
	skip := []string{"cursor"}
	fmt.Fprintf(b, "\n    def %s_all(%s) -> Iterator[%s]:\n        \"\"\"%s: every item, page after page.\"\"\"\n", m.name, m.signature(skip), m.items, m.summary)
	var args []string
	args = append(args, m.places...)
	for _, a := range m.query {
		if a.field != "cursor" {
			args = append(args, a.name+"="+a.name)
		}
	}
	fmt.Fprintf(b, "        cursor: Optional[str] = None\n        while True:\n            page = self.%s(%s)\n            yield from page[\"items\"]\n"+
		"            cursor = page.get(\"next_cursor\")\n            if not cursor:\n                return\n", m.name, strings.Join(append(args, "cursor=cursor"), ", "))
}

// signature is the arguments: places first, then by name, required ones first.
func (m method) signature(without []string) string {
	out := []string{"self"}
	for _, p := range m.places {
		out = append(out, p+": str")
	}
	var named []string
	all := slices.Concat(m.query, m.body)
	if m.whole != "" {
		all = append(all, argument{name: "body", kind: m.whole, required: true})
	}
	for _, required := range []bool{true, false} {
		for _, a := range all {
			switch {
			case a.required != required || slices.Contains(without, a.field):
			case required:
				named = append(named, a.name+": "+a.kind)
			case strings.HasPrefix(a.kind, "Optional["):
				named = append(named, a.name+": "+a.kind+" = None")
			default:
				named = append(named, a.name+": Optional["+a.kind+"] = None")
			}
		}
	}
	if m.key {
		named = append(named, "idempotency_key: Optional[str] = None")
	}
	if len(named) > 0 {
		out = append(append(out, "*"), named...)
	}
	return strings.Join(out, ", ")
}

func dict(args []argument) string {
	var out []string
	for _, a := range args {
		out = append(out, apidoc.Quote(a.field)+": "+a.name)
	}
	return "{" + strings.Join(out, ", ") + "}"
}
