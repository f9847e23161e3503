package notify

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/assent-epm/assent/shared/elevation"
)

func TestTemplateFills(t *testing.T) {
	for name, tt := range map[string]struct{ kind, body, want string }{
		"field":           {"request.submitted", `{"who":"{{.request.user.display}}"}`, `{"who":"Dina Osei"}`},
		"escaped":         {"request.submitted", `{"why":"{{.request.justification}}"}`, `{"why":"restart after the update \"3.1\", see \u003cINC-4821\u003e"}`},
		"json":            {"request.submitted", `{"args":{{json .request.subject.args}},"n":{{json .request.subject.size}}}`, `{"args":["restart","nginx"],"n":268392}`},
		"choice":          {"request.denied", `{"ok":{{if eq .request.decision.verdict "approved"}}true{{else}}false{{end}}}`, `{"ok":false}`},
		"null":            {"endpoint.silent", `{"who":"{{.request.user.display}}","all":{{json .request}}}`, `{"who":"","all":null}`},
		"list":            {"request.submitted", `[{{range .request.subject.args}}"{{.}}",{{end}}0]`, `["restart","nginx",0]`},
		"with and root":   {"request.submitted", `{"x":"{{with .request.endpoint}}{{.name}} {{$.kind}}{{end}}"}`, `{"x":"ubu-0810 request.submitted"}`},
		"digest":          {KindDigest, `{"n":[{{range .items}}"{{.kind}}",{{end}}1]}`, `{"n":["request.submitted","request.denied",1]}`},
		"plain text":      {"request.submitted", `{{.request.user.name}} asks: {{text .title}} https://x.example/?u={{url .request.justification}}`, `dina asks: request.submitted: dina on ubu-0810, systemctl restart nginx https://x.example/?u=restart+after+the+update+%223.1%22%2C+see+%3CINC-4821%3E`},
		"pipe and not":    {"request.submitted", `{"x":{{.request.emergency | not | json}}}`, `{"x":true}`},
		"labels are free": {"request.submitted", `{"x":"{{.request.endpoint.labels.nothing}}{{.event.data.priority}}"}`, `{"x":"high"}`},
	} {
		t.Run(name, func(t *testing.T) {
			tpl, err := parseTemplate(tt.body)
			if err != nil {
				t.Fatal(err)
			}
			got, kind, err := tpl.render(Example(tt.kind, "https://assent.example"))
			if err != nil || string(got) != tt.want {
				t.Errorf("%s %v %s", got, err, kind)
			}
			if (kind == "application/json") != json.Valid([]byte(tt.want)) {
				t.Errorf("kind %s", kind)
			}
		})
	}
}

func TestTemplateRefused(t *testing.T) {
	deep := strings.Repeat("{{if .kind}}", 20) + strings.Repeat("{{end}}", 20)
	for name, tt := range map[string]struct{ body, want string }{
		"slip":        {"{\n\"a\":\"{{.request.usr.name}}\"}", "line 2: there is no field .request.usr"},
		"root":        {"{{.secret}}", "line 1: there is no field .secret"},
		"in a text":   {"{{.kind.x}}", "there are no fields in .kind"},
		"syntax":      {"\n\n{{if}}", "body:3"},
		"function":    {`{{printf "%s" .kind}}`, `function "printf" not defined`},
		"call":        {`{{call .kind}}`, `function "call" not defined`},
		"index":       {`{{index .items 0}}`, `function "index" not defined`},
		"method":      {`{{.kind.String}}`, "there are no fields"},
		"argument":    {`{{.kind "x"}}`, "only json, text, url, eq and not"},
		"variable":    {`{{$x := .kind}}{{$x}}`, "variables"},
		"define":      {`{{define "a"}}x{{end}}y`, "defines others"},
		"template":    {`{{template "body"}}`, "can not be used"},
		"block":       {`{{block "x" .}}{{end}}`, "defines others"},
		"break":       {`{{range .items}}{{break}}{{end}}`, "can not be used"},
		"deep":        {deep, "inside each other"},
		"not JSON":    {`{"a":{{.kind}}}`, "is not JSON"},
		"raw in JSON": {`{"a":"{{text .title}}"}`, "text is for bodies"},
		"arguments":   {`{{eq .kind}}`, "eq wants 2 values"},
		"long":        {strings.Repeat("x", maxTemplate+1), "longer than"},
		"hidden JSON": {`{{if .kind}}{"a":"{{text .title}}"}{{end}}`, "text is for bodies"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseTemplate(tt.body)
			if !errors.Is(err, elevation.ErrInvalid) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

// TestTemplateIsBounded: what is looped over thousands of times ends, and so does
// what writes too much.
func TestTemplateIsBounded(t *testing.T) {
	tpl, err := parseTemplate(`[{{range .items}}{{range $.items}}{{range $.items}}"{{.kind}}",{{end}}{{end}}{{end}}0]`)
	if err != nil {
		t.Fatal(err)
	}
	m := Example(KindDigest, "")
	for range 1000 {
		m.Items = append(m.Items, Example("request.submitted", ""))
	}
	if _, _, err := tpl.render(m); err == nil || !strings.Contains(err.Error(), "takes too long") {
		t.Errorf("%v", err)
	}
	tpl, err = parseTemplate(`[{{range .items}}{{json $}},{{end}}0]`)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := tpl.render(m); err == nil || !strings.Contains(err.Error(), "come out") {
		t.Errorf("%v", err)
	}
}

func TestTemplateWithHostileText(t *testing.T) {
	const body = `{"a":"{{.title}}","b":"{{.request.justification}}","c":{{json .request}},"d":"{{range .request.subject.args}}{{.}}{{end}}","e":{{json .text}}}`
	tpl, err := parseTemplate(body)
	if err != nil {
		t.Fatal(err)
	}
	out, _, err := tpl.render(evil("request.submitted"))
	if err != nil {
		t.Fatal(err)
	}
	n := parsed(t, string(out))
	n.only("the body", "a", "b", "c", "d", "e")
	n.inert()
}

func TestPreview(t *testing.T) {
	for _, name := range templates() {
		out, kind, err := Preview(name, "", "request.submitted", "https://assent.example")
		if err != nil || kind != "application/json" || !json.Valid(out) || !strings.Contains(string(out), "ubu-0810") {
			t.Errorf("%s: %v %s", name, err, out)
		}
	}
	if _, _, err := Preview("slack", "x", "", ""); !errors.Is(err, elevation.ErrInvalid) {
		t.Errorf("both: %v", err)
	}
	if _, _, err := Preview("myspace", "", "", ""); !errors.Is(err, elevation.ErrInvalid) {
		t.Errorf("unknown: %v", err)
	}
	if out, _, err := Preview("", "", "", "https://assent.example"); err != nil || !strings.Contains(string(out), `"type":"request.submitted"`) {
		t.Errorf("standard: %v %s", err, out)
	}
}

// FuzzTemplate: whatever is written, it is refused or it is filled, and then JSON is
// JSON.
func FuzzTemplate(f *testing.F) {
	for _, s := range []string{`{"a":"{{.title}}"}`, `{{range .items}}{{.kind}}{{else}}x{{end}}`, `{{if eq (.kind) "a"}}{{end}}`, `{{with $.request}}{{json .}}{{end}}`,
		`{{`, `{{.}}`, `{{"x" | url}}`, `{{(.a).b}}`, `{{nil}}`, `{{- .kind -}}`, `{{/* x */}}`, `{{end}}`, `{{1.5e3 | json}}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		tpl, err := parseTemplate(body)
		if err != nil {
			if !errors.Is(err, elevation.ErrInvalid) {
				t.Fatalf("%q: %v", body, err)
			}
			return
		}
		for _, kind := range []string{"request.submitted", KindTest} {
			out, _, err := tpl.render(evil(kind))
			if err == nil && tpl.json && !json.Valid(out) {
				t.Fatalf("%q: %s", body, out)
			}
		}
	})
}
