// Package mutate reads the list of deliberate faults that the tests must find.
//
// Each breaks one guard of the request desk: a transition, a check of who may
// answer, a scope, a quorum, an order of rules. The list stands in
// mutations.txt; e2e/cmd/mutate builds each fault beside the tree, never in it,
// and runs the tests that the entry names. A house test keeps the list fitting
// to the code.
package mutate

import (
	"bytes"
	_ "embed" // mutations.txt
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

//go:embed mutations.txt
var list string

// Mutation is one fault: in File the text Old, which must be there exactly
// once, becomes New, and then the tests of Run in Package must fail.
type Mutation struct {
	Name    string
	File    string // from the root of the tree
	Package string // such as ./controller/queue
	Run     string // pattern of tests
	Old     string
	New     string
}

// ErrList is returned for a list that can not be read.
var ErrList = errors.New("read the list of mutations")

// All are the mutations of the list.
func All() ([]Mutation, error) { return Parse(list) }

// Parse reads a list. An entry begins with "== NAME"; then come "in FILE",
// "run PACKAGE PATTERN", the old text in lines that begin with "-" and the new
// text in lines that begin with "+". Lines that begin with "#" and empty ones
// between entries are ignored.
func Parse(text string) ([]Mutation, error) {
	var all []Mutation
	seen := map[string]bool{}
	for n, line := range strings.Split(text, "\n") {
		fault := func(what string) error { return fmt.Errorf("%w: line %d: %s", ErrList, n+1, what) }
		if name, ok := strings.CutPrefix(line, "== "); ok {
			if seen[name] {
				return nil, fault("the name is there twice")
			}
			seen[name] = true
			all = append(all, Mutation{Name: name})
			continue
		}
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if len(all) == 0 {
			return nil, fault("text before the first entry")
		}
		if !all[len(all)-1].add(line) {
			return nil, fault("neither in, run, - nor +")
		}
	}
	for _, m := range all {
		if m.File == "" || m.Package == "" || m.Run == "" || m.Old == "" || m.Old == m.New {
			return nil, fmt.Errorf("%w: %q is not complete", ErrList, m.Name)
		}
	}
	return all, nil
}

func (m *Mutation) add(line string) bool {
	join := func(have, more string) string {
		if have == "" {
			return more
		}
		return have + "\n" + more
	}
	if file, ok := strings.CutPrefix(line, "in "); ok {
		m.File = file
		return true
	}
	if run, ok := strings.CutPrefix(line, "run "); ok {
		m.Package, m.Run, ok = strings.Cut(run, " ")
		return ok
	}
	switch line[0] {
	case '-':
		m.Old = join(m.Old, line[1:])
	case '+':
		m.New = join(m.New, line[1:])
	default:
		return false
	}
	return true
}

// Apply gives the file of a mutation as it is with the fault. It fails unless
// the old text is there exactly once.
func (m Mutation) Apply(root string) ([]byte, error) {
	raw, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(m.File)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.Name, err)
	}
	if n := bytes.Count(raw, []byte(m.Old)); n != 1 {
		return nil, fmt.Errorf("%s: its text is %d times in %s, not once", m.Name, n, m.File)
	}
	return bytes.Replace(raw, []byte(m.Old), []byte(m.New), 1), nil
}
