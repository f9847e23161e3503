package notify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"text/template/parse"

	"github.com/assent-epm/assent/shared/inert"
)

// dataOf is what the fields of a template are looked up in.
func dataOf(m Message) (object, error) {
	out := object{"id": m.ID, "kind": m.Kind, "at": m.At.UTC().Format("2006-01-02T15:04:05.000Z07:00"), "title": inert.Text(m.Title),
		"text": strings.Join(lines(m.Text, maxMailText), "\n"), "link": m.Link, "to": object{"name": inert.Text(m.To.Name)},
		"request": nil, "event": nil}
	for name, raw := range map[string]json.RawMessage{"request": m.Request, "event": m.Event} {
		if len(raw) == 0 {
			continue
		}
		d := json.NewDecoder(bytes.NewReader(raw))
		d.UseNumber()
		var v any
		if err := d.Decode(&v); err != nil {
			return nil, fmt.Errorf("%w: its %s can not be read", errTemplate, name)
		}
		out[name] = harmless(v)
	}
	items := []any{}
	for _, x := range m.Items {
		one, err := dataOf(x)
		if err != nil {
			return nil, err
		}
		items = append(items, one)
	}
	out["items"] = items
	return out, nil
}

// harmless makes the texts of a value inert and its numbers texts without methods.
func harmless(v any) any {
	switch v := v.(type) {
	case string:
		return inert.Text(v)
	case json.Number:
		return plainNumber(v.String())
	case []any:
		for i := range v {
			v[i] = harmless(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = harmless(v[k])
		}
	}
	return v
}

// plainNumber is a number as it was written.
type plainNumber string

// filling is one filling of a template.
type filling struct {
	t     *ownTemplate
	root  any
	out   bytes.Buffer
	steps int
	made  int // bytes that functions made, written or not
}

func (w *filling) step(n parse.Node) error {
	if w.steps++; w.steps > maxSteps {
		return w.t.at(n, "it takes too long")
	}
	if w.out.Len() > maxRendered {
		return w.t.at(n, "more than %d bytes come out", maxRendered)
	}
	return nil
}

func (w *filling) walk(n parse.Node, dot any) error {
	if err := w.step(n); err != nil {
		return err
	}
	switch n := n.(type) {
	case *parse.ListNode:
		if n == nil {
			return nil
		}
		for _, x := range n.Nodes {
			if err := w.walk(x, dot); err != nil {
				return err
			}
		}
	case *parse.TextNode:
		w.out.Write(n.Text)
	case *parse.ActionNode:
		v, err := w.pipe(n.Pipe, dot)
		if err != nil {
			return err
		}
		w.write(v)
	case *parse.IfNode:
		return w.branch(&n.BranchNode, dot, dot)
	case *parse.WithNode:
		v, err := w.pipe(n.Pipe, dot)
		if err != nil {
			return err
		}
		return w.branch(&n.BranchNode, dot, v)
	case *parse.RangeNode:
		return w.loop(n, dot)
	}
	return nil
}

func (w *filling) branch(b *parse.BranchNode, dot, inside any) error {
	v, err := w.pipe(b.Pipe, dot)
	switch {
	case err != nil:
		return err
	case truth(v):
		return w.walk(b.List, inside)
	}
	return w.walk(b.ElseList, dot)
}

func (w *filling) loop(n *parse.RangeNode, dot any) error {
	v, err := w.pipe(n.Pipe, dot)
	if err != nil {
		return err
	}
	list, _ := v.([]any)
	if len(list) == 0 {
		return w.walk(n.ElseList, dot)
	}
	for _, x := range list {
		if err := w.walk(n.List, x); err != nil {
			return err
		}
	}
	return nil
}

// written is what a function has made ready for the body.
type written string

func (w *filling) write(v any) {
	if done, ok := v.(written); ok {
		w.out.WriteString(string(done))
		return
	}
	if text := plain(v); w.t.json {
		w.out.WriteString(quoted(text)[1 : len(quoted(text))-1])
	} else {
		w.out.WriteString(text)
	}
}

func (w *filling) pipe(p *parse.PipeNode, dot any) (v any, err error) {
	for i, c := range p.Cmds {
		if err := w.step(c); err != nil {
			return nil, err
		}
		args := []any{}
		for _, a := range c.Args {
			x, err := w.value(a, dot)
			if err != nil {
				return nil, err
			}
			args = append(args, x)
		}
		if i > 0 {
			args = append(args, v)
		}
		if v = args[0]; len(args) > 1 || isCall(c) {
			if v, err = w.call(c, args); err != nil {
				return nil, err
			}
			// What one function made, the next can double.
			if text, ok := v.(written); ok {
				w.made += len(text)
			}
			if w.made > maxMade {
				return nil, w.t.at(c, "its functions make more than %d bytes", maxMade)
			}
		}
	}
	return v, nil
}

func isCall(c *parse.CommandNode) bool {
	_, ok := c.Args[0].(*parse.IdentifierNode)
	return ok
}

func (w *filling) call(c *parse.CommandNode, args []any) (any, error) {
	name, want := fmt.Sprint(args[0]), 1
	if name == "eq" {
		want = 2
	}
	if args = args[1:]; len(args) != want {
		return nil, w.t.at(c, "%s wants %d values", name, want)
	}
	switch name {
	case "json":
		raw, err := json.Marshal(args[0])
		return written(raw), err
	case "text":
		return written(plain(args[0])), nil
	case "url":
		return written(url.QueryEscape(plain(args[0]))), nil
	case "eq":
		a, b := plain(args[0]), plain(args[1])
		w.made += len(a) + len(b)
		return a == b, nil
	}
	return !truth(args[0]), nil
}

func (w *filling) value(n parse.Node, dot any) (any, error) {
	switch n := n.(type) {
	case *parse.IdentifierNode:
		return n.Ident, nil
	case *parse.DotNode:
		return dot, nil
	case *parse.FieldNode:
		return w.field(n, dot, n.Ident)
	case *parse.VariableNode:
		return w.field(n, w.root, n.Ident[1:])
	case *parse.StringNode:
		return n.Text, nil
	case *parse.NumberNode:
		return plainNumber(n.Text), nil
	case *parse.BoolNode:
		return n.True, nil
	case *parse.PipeNode:
		return w.pipe(n, dot)
	}
	return nil, w.t.at(n, "this can not be used here")
}

// field looks a field up. What is null has null fields; what is there has only
// those that it has, so that a slip of the pen is found when the template is saved.
func (w *filling) field(n parse.Node, v any, path []string) (any, error) {
	for i, name := range path {
		switch in := v.(type) {
		case nil:
			return nil, nil
		case map[string]any:
			next, there := in[name]
			if !there && !variable(path[:i]) {
				return nil, w.t.at(n, "there is no field .%s", inert.Clip(inert.Text(strings.Join(path[:i+1], ".")), 100))
			}
			v = next
		default:
			return nil, w.t.at(n, "there are no fields in .%s", inert.Clip(inert.Text(strings.Join(path[:i], ".")), 100))
		}
	}
	return v, nil
}

// variable reports whether the fields of what stands there are different each time.
func variable(path []string) bool {
	return len(path) > 0 && regexp.MustCompile(`^(data|labels|reported)$`).MatchString(path[len(path)-1])
}

func truth(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case string:
		return v != ""
	case written:
		return v != ""
	case plainNumber:
		n, err := strconv.ParseFloat(string(v), 64)
		return err == nil && n != 0
	case []any:
		return len(v) > 0
	case map[string]any:
		return len(v) > 0
	}
	return false
}

// plain is a value as text.
func plain(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case written:
		return string(v)
	case plainNumber:
		return string(v)
	case bool:
		return strconv.FormatBool(v)
	case []any:
		parts := make([]string, 0, len(v))
		for _, x := range v {
			parts = append(parts, plain(x))
		}
		return strings.Join(parts, ", ")
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(raw)
}

// quoted is a text as JSON, with no signs that HTML knows.
func quoted(s string) string {
	raw, err := json.Marshal(s)
	if err != nil {
		return `""`
	}
	return string(raw)
}

// MarshalJSON writes the number as it was.
func (n plainNumber) MarshalJSON() ([]byte, error) {
	if !json.Valid([]byte(n)) {
		return []byte(quoted(string(n))), nil
	}
	return []byte(n), nil
}
