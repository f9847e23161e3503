package apidoc

import (
	"encoding/json"
	"slices"
	"strings"
)

// Language is how a language writes types.
type Language struct {
	Text, Bool, Integer, Number, Any string
	List, Map, Null                  func(of string) string
	Union, Enum                      func(of []string) string // of an Enum: as JSON writes them
	Named                            func(name string) string
}

// Type is a schema as a language writes it.
func (d *Document) Type(s Schema, l Language) string {
	text := d.bare(s, l)
	isNull := func(s Schema) bool { return slices.Contains(s.Type, "null") }
	if isNull(s) || isNull(d.Named(s)) || slices.ContainsFunc(s.AnyOf, isNull) {
		return l.Null(text)
	}
	return text
}

// bare is the type without its null.
func (d *Document) bare(s Schema, l Language) string {
	if s.Ref != "" {
		return l.Named(refName(s.Ref))
	}
	if len(s.Enum) > 0 {
		var values []string
		for _, v := range s.Enum {
			values = append(values, Quote(v))
		}
		return l.Enum(values)
	}
	if len(s.AnyOf) == 0 {
		return d.plain(s, l)
	}
	var of []string
	for _, one := range s.AnyOf {
		if !slices.Equal(one.Type, Kinds{"null"}) {
			of = append(of, d.Type(one, l))
		}
	}
	if len(of) == 1 {
		return of[0]
	}
	return l.Union(of)
}

func (d *Document) plain(s Schema, l Language) string {
	for _, kind := range s.Type {
		switch kind {
		case "string":
			return l.Text
		case "boolean":
			return l.Bool
		case "integer":
			return l.Integer
		case "number":
			return l.Number
		case "array":
			if s.Items == nil {
				return l.List(l.Any)
			}
			return l.List(d.Type(*s.Items, l))
		case "object":
			var extra Schema
			if len(s.Properties) == 0 && json.Unmarshal(s.Additional, &extra) == nil && (extra.Ref != "" || len(extra.Type) > 0) {
				return l.Map(d.Type(extra, l))
			}
			return l.Map(l.Any)
		}
	}
	return l.Any
}

// Quote is a text as JSON writes it, which both languages read.
func Quote(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a text always has a form
	return strings.TrimSuffix(b.String(), "\n")
}
