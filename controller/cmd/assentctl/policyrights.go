package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/elevation"
)

// This file says at which lines of a file of policies authorization rights stand that
// can not be set. The controller checks them again, and knows of no file.

const rightsKey = "authorization_rights"

// checkRights names each faulty right of a file with its line.
func checkRights(file string, raw []byte, items []client.Policy) error {
	var faults []string
	for i, p := range items {
		all := map[string]elevation.RightLevel{}
		for right, level := range p.AuthorizationRights {
			all[right] = elevation.RightLevel(level)
		}
		if err := elevation.CheckAuthorizationRights(all); err == nil {
			continue
		}
		lines := rightLines(raw, i)
		before := len(faults)
		for _, l := range lines {
			var fault *elevation.RightFault
			if err := elevation.CheckAuthorizationRight(l.right, all[l.right]); errors.As(err, &fault) {
				faults = append(faults, fmt.Sprintf("%s:%d: %v", file, l.line, fault))
			}
		}
		if len(faults) == before {
			faults = append(faults, fmt.Sprintf("%s: policy number %d: %v", file, i+1, elevation.CheckAuthorizationRights(all)))
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return usage(strings.Join(faults, "; "), "authorization_rights: {system.preferences.printing: user}; user, admin or nobody")
}

// rightLine is where one right is named.
type rightLine struct {
	right string
	line  int
}

// rightLines are the rights that one policy of a file names, in their order; none where
// the file is written in a way that is not followed here (an anchor).
func rightLines(raw []byte, item int) (all []rightLine) {
	f, err := parser.ParseBytes(raw, 0)
	if err != nil || len(f.Docs) == 0 {
		return nil
	}
	items, ok := under(f.Docs[0].Body, "items").(*ast.SequenceNode)
	if !ok || item >= len(items.Values) {
		return nil
	}
	for _, e := range entries(under(items.Values[item], rightsKey)) {
		all = append(all, rightLine{keyOf(e), e.Key.GetToken().Position.Line})
	}
	return all
}

// under is what stands under a key; nil when there is none.
func under(n ast.Node, key string) ast.Node {
	for _, e := range entries(n) {
		if keyOf(e) == key {
			return e.Value
		}
	}
	return nil
}

// entries are those of a mapping, however many it has.
func entries(n ast.Node) []*ast.MappingValueNode {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}
	}
	return nil
}

// keyOf is a key without its quotes.
func keyOf(e *ast.MappingValueNode) string { return e.Key.GetToken().Value }
