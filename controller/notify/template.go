package notify

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"text/template/parse"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
)

// Limits of templates that administrators write.
const (
	maxTemplate = 32 << 10  // bytes of one
	maxRendered = 256 << 10 // bytes that come of it
	maxSteps    = 20_000    // things that it may look at
	maxNesting  = 8
)

// errTemplate means that a template can not be filled with a message.
var errTemplate = errors.New("the template does not fit this message")

// ownTemplate is a template that an administrator wrote. It has the signs of Go's
// text/template and little of what that can do: {{.request.user.name}} looks up a
// field, {{if}}, {{with}}, {{range}} and {{else}} choose, and there are json, text,
// url, eq and not. Nothing is ever called but these functions, no value has methods,
// and what is looked at and written is bounded. A field is escaped for the inside of
// a JSON text unless a function says otherwise.
type ownTemplate struct {
	tree *parse.Tree
	json bool // the result must be JSON
}

// parseTemplate reads a template and tries it with an example of each shape; its
// errors wrap [elevation.ErrInvalid] and say the line.
func parseTemplate(text string) (*ownTemplate, error) {
	if len(text) > maxTemplate {
		return nil, fmt.Errorf("%w: the template is longer than %d bytes", elevation.ErrInvalid, maxTemplate)
	}
	funcs := map[string]any{"json": true, "text": true, "url": true, "eq": true, "not": true}
	trees, err := parse.Parse("body", text, "{{", "}}", funcs)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", elevation.ErrInvalid, inert.Clip(inert.Text(strings.TrimPrefix(err.Error(), "template: ")), 300))
	}
	if len(trees) != 1 || trees["body"] == nil {
		return nil, fmt.Errorf("%w: a template that defines others is not taken", elevation.ErrInvalid)
	}
	t := &ownTemplate{tree: trees["body"]}
	head := strings.TrimLeft(firstText(t.tree.Root), " \t\r\n")
	t.json = strings.HasPrefix(head, "{") || strings.HasPrefix(head, "[")
	if err := t.check(t.tree.Root, 0); err != nil {
		return nil, err
	}
	for _, kind := range []string{"request.submitted", "request.denied", "endpoint.silent", KindDigest, KindTest} {
		if _, _, err := t.render(Example(kind, "https://assent.example")); err != nil {
			return nil, fmt.Errorf("%w: with an example of %s: %w", elevation.ErrInvalid, kind, err)
		}
	}
	return t, nil
}

// firstText is the first text that is more than blanks: what begins like JSON shall
// be JSON.
func firstText(n parse.Node) string {
	switch n := n.(type) {
	case *parse.TextNode:
		if strings.TrimSpace(string(n.Text)) != "" {
			return string(n.Text)
		}
	case *parse.ListNode:
		if n == nil {
			return ""
		}
		for _, x := range n.Nodes {
			if s := firstText(x); s != "" {
				return s
			}
		}
	case *parse.IfNode:
		return first(firstText(n.List), firstText(n.ElseList))
	case *parse.WithNode:
		return first(firstText(n.List), firstText(n.ElseList))
	case *parse.RangeNode:
		return first(firstText(n.List), firstText(n.ElseList))
	}
	return ""
}

func (t *ownTemplate) at(n parse.Node, format string, args ...any) error {
	where, _ := t.tree.ErrorContext(n)
	line := "?"
	if parts := strings.Split(where, ":"); len(parts) > 1 {
		line = parts[1]
	}
	return fmt.Errorf("%w: line %s: %s", elevation.ErrInvalid, line, fmt.Sprintf(format, args...))
}

// check refuses whatever is not in the small language.
func (t *ownTemplate) check(n parse.Node, depth int) error {
	if list, ok := n.(*parse.ListNode); ok && list == nil {
		return nil
	}
	if depth > maxNesting {
		return t.at(n, "more than %d things inside each other", maxNesting)
	}
	switch n := n.(type) {
	case *parse.ListNode:
		for _, x := range n.Nodes {
			if err := t.check(x, depth); err != nil {
				return err
			}
		}
		return nil
	case *parse.TextNode, *parse.CommentNode:
		return nil
	case *parse.ActionNode:
		return t.checkPipe(n.Pipe, depth)
	case *parse.IfNode:
		return t.checkBranch(&n.BranchNode, depth)
	case *parse.WithNode:
		return t.checkBranch(&n.BranchNode, depth)
	case *parse.RangeNode:
		return t.checkBranch(&n.BranchNode, depth)
	}
	return t.at(n, "%s can not be used here", inert.Clip(inert.Text(n.String()), 60))
}

func (t *ownTemplate) checkBranch(b *parse.BranchNode, depth int) error {
	return errors.Join(t.checkPipe(b.Pipe, depth+1), t.check(b.List, depth+1), t.check(b.ElseList, depth+1))
}

func (t *ownTemplate) checkPipe(p *parse.PipeNode, depth int) error {
	if depth > maxNesting {
		return t.at(p, "more than %d things inside each other", maxNesting)
	}
	if len(p.Decl) > 0 {
		return t.at(p, "variables can not be used")
	}
	for i, c := range p.Cmds {
		name, called := c.Args[0].(*parse.IdentifierNode)
		switch {
		case !called && (len(c.Args) > 1 || i > 0):
			return t.at(c, "only json, text, url, eq and not can be called")
		case called && t.json && name.Ident == "text":
			return t.at(c, "text is for bodies that are not JSON; leave it out")
		}
		for j, a := range c.Args {
			if err := t.checkArg(a, j, depth); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *ownTemplate) checkArg(n parse.Node, place, depth int) error {
	switch n := n.(type) {
	case *parse.FieldNode, *parse.DotNode, *parse.StringNode, *parse.NumberNode, *parse.BoolNode:
		return nil
	case *parse.VariableNode:
		if n.Ident[0] == "$" {
			return nil
		}
	case *parse.PipeNode:
		return t.checkPipe(n, depth+1)
	case *parse.IdentifierNode:
		if place == 0 {
			return nil
		}
	}
	return t.at(n, "%s can not be used here", inert.Clip(inert.Text(n.String()), 60))
}

// render fills the template. A result that was to be JSON and is not is an error.
func (t *ownTemplate) render(m Message) ([]byte, string, error) {
	data, err := dataOf(m)
	if err != nil {
		return nil, "", err
	}
	w := &filling{t: t, root: data}
	if err := w.walk(t.tree.Root, data); err != nil {
		return nil, "", err
	}
	if !t.json {
		return w.out.Bytes(), "text/plain; charset=utf-8", nil
	}
	if !json.Valid(w.out.Bytes()) {
		return nil, "", fmt.Errorf("%w: what comes out is not JSON: %w", errTemplate, json.Unmarshal(w.out.Bytes(), new(any)))
	}
	return w.out.Bytes(), "application/json", nil
}

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
		return plain(args[0]) == plain(args[1]), nil
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
