package notify

import (
	"encoding/json"
	"errors"
	"fmt"
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
	maxMade     = 4 << 20   // bytes that its functions make on the way
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
