package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }

// scopeSchema describes [client.Scope], which reads two forms. That the second
// stands alone is checked where it is read.
type scopeSchema struct{}

// Schema says both forms.
func (scopeSchema) Schema(huma.Registry) *huma.Schema {
	text := &huma.Schema{Type: huma.TypeString}
	labels := &huma.Schema{Type: huma.TypeObject, AdditionalProperties: text}
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: text,
		Properties: map[string]*huma.Schema{"labels": {AnyOf: []*huma.Schema{labels, text}}},
		Examples:   []any{map[string]any{"env": "prod"}, map[string]any{"labels": map[string]any{"env": "prod"}}}}
}

// finish completes the document that huma collected: an example for every body
// and no schemas that nothing names.
func (s *server) finish() {
	doc := s.huma.OpenAPI()
	schemas := doc.Components.Schemas.Map()
	delete(schemas, "ErrorModel")
	delete(schemas, "ErrorDetail")
	sayNull(doc.Components.Schemas)
	for _, item := range doc.Paths {
		for _, op := range operationsOf(item) {
			if op.RequestBody != nil {
				if body := op.RequestBody.Content["application/json"]; body != nil {
					body.Example = op.Metadata[exampleKey]
				}
				s.addExamples(op.RequestBody.Content)
			}
			for _, resp := range op.Responses {
				s.addExamples(resp.Content)
			}
		}
	}
}

// document is the finished document as served.
func (s *server) document() ([]byte, error) {
	raw, err := json.MarshalIndent(s.huma.OpenAPI(), "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the OpenAPI document: %w", err)
	}
	return append(raw, '\n'), nil
}

// sayNull says of each field that holds another object whether it may be null:
// a pointer that is always there may. huma knows that of plain values only.
func sayNull(schemas huma.Registry) {
	for name, schema := range schemas.Map() {
		typ := schemas.TypeFromRef("#/components/schemas/" + name)
		if typ == nil || typ.Kind() != reflect.Struct {
			continue
		}
		for _, field := range reflect.VisibleFields(typ) {
			tag, options, _ := strings.Cut(field.Tag.Get("json"), ",")
			property := schema.Properties[tag]
			if property == nil || property.Ref == "" || field.Type.Kind() != reflect.Pointer || strings.Contains(options, "omit") {
				continue
			}
			property.AnyOf = []*huma.Schema{{Ref: property.Ref}, {Type: "null"}}
			property.Ref = ""
		}
	}
}

func operationsOf(item *huma.PathItem) []*huma.Operation {
	all := []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete}
	return slices.DeleteFunc(all, func(op *huma.Operation) bool { return op == nil })
}

func (s *server) addExamples(content map[string]*huma.MediaType) {
	for _, m := range content {
		if m.Example == nil && m.Schema != nil && m.Examples == nil {
			m.Example = s.example(m.Schema, 0)
		}
	}
}

// example builds a value that is valid for a schema from the examples of its
// parts. A test validates each of them.
func (s *server) example(sc *huma.Schema, depth int) any {
	for sc.Ref != "" {
		sc = s.huma.OpenAPI().Components.Schemas.SchemaFromRef(sc.Ref)
	}
	switch {
	case len(sc.Examples) > 0:
		return sc.Examples[0]
	case len(sc.Enum) > 0:
		return sc.Enum[0]
	case len(sc.OneOf) > 0:
		return s.example(sc.OneOf[0], depth)
	case len(sc.AnyOf) > 0:
		return s.example(sc.AnyOf[0], depth)
	case sc.Format == "date-time":
		return "2026-11-21T10:00:00Z"
	}
	switch sc.Type {
	case huma.TypeObject:
		out := map[string]any{}
		if depth > 6 {
			return out
		}
		for name, p := range sc.Properties {
			out[name] = s.example(p, depth+1)
		}
		if len(sc.Properties) == 0 {
			if extra, ok := sc.AdditionalProperties.(*huma.Schema); ok {
				out["role"] = s.example(extra, depth+1)
			}
		}
		return out
	case huma.TypeArray:
		return []any{s.example(sc.Items, depth+1)}
	case huma.TypeString:
		return "text"
	case huma.TypeBoolean:
		return false
	case huma.TypeInteger, huma.TypeNumber:
		if sc.Minimum != nil {
			return int(*sc.Minimum)
		}
		return 0
	}
	return nil
}

// docsPage lists the operations without any script, so that it works under the
// strictest policy and without a network.
const docsPage = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Assent REST reference</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head>
<body><h1>{{.Title}}</h1><p>{{.Description}}</p>
<p>The machine-readable document is <a href="/openapi.json">/openapi.json</a> (OpenAPI 3.1).</p>
{{range .Operations}}<section><h2 id="{{.ID}}">{{.Method}} {{.Path}}</h2><p>{{.Summary}}</p>
{{if .Params}}<ul>{{range .Params}}<li><code>{{.Name}}</code> ({{.In}}) {{.Description}}</li>{{end}}</ul>{{end}}
{{if .Body}}<h3>Body</h3><pre>{{.Body}}</pre>{{end}}
{{range .Answers}}<h3>Answer {{.Status}}</h3>{{if .Body}}<pre>{{.Body}}</pre>{{end}}{{end}}</section>
{{end}}</body></html>
`

type docOperation struct {
	ID, Method, Path, Summary, Body string
	Params                          []*huma.Param
	Answers                         []docAnswer
}

type docAnswer struct{ Status, Body string }

func (s *server) docs() ([]byte, error) {
	page, err := template.New("docs").Parse(docsPage)
	if err != nil {
		return nil, fmt.Errorf("parse the reference page: %w", err)
	}
	doc := s.huma.OpenAPI()
	var ops []docOperation
	for path, item := range doc.Paths {
		for _, op := range operationsOf(item) {
			d := docOperation{ID: op.OperationID, Method: op.Method, Path: path, Summary: op.Summary, Params: op.Parameters}
			if op.RequestBody != nil {
				d.Body = exampleText(op.RequestBody.Content)
			}
			for status, resp := range op.Responses {
				d.Answers = append(d.Answers, docAnswer{Status: status, Body: exampleText(resp.Content)})
			}
			slices.SortFunc(d.Answers, func(a, b docAnswer) int { return strings.Compare(a.Status, b.Status) })
			ops = append(ops, d)
		}
	}
	slices.SortFunc(ops, func(a, b docOperation) int {
		return strings.Compare(a.Path+" "+a.Method, b.Path+" "+b.Method)
	})
	var out bytes.Buffer
	data := map[string]any{"Title": doc.Info.Title, "Description": doc.Info.Description, "Operations": ops}
	if err := page.Execute(&out, data); err != nil {
		return nil, fmt.Errorf("write the reference page: %w", err)
	}
	return out.Bytes(), nil
}

func exampleText(content map[string]*huma.MediaType) string {
	for _, m := range content {
		raw, err := json.MarshalIndent(m.Example, "", "  ")
		if err == nil {
			return string(raw)
		}
	}
	return ""
}
