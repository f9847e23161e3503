package rules

import (
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/assent-epm/assent/shared/elevation"
)

// index finds the rules that may be about a program without asking all of them:
// by hash, by publisher, by path, by the last element of the path where that is
// all a rule names, and the rest. Every list is sorted by rank, and a rule is in
// the lists of one kind only.
type index struct {
	hash, publisher, path, name map[string][]*rule
	residue                     []*rule
}

// newIndex sorts the rules, which have their ranks, into lists.
func newIndex(ranked []*rule) index {
	x := index{hash: map[string][]*rule{}, publisher: map[string][]*rule{}, path: map[string][]*rule{}, name: map[string][]*rule{}}
	for _, r := range ranked {
		m := r.Match
		switch {
		case len(m.SHA256) > 0:
			for _, h := range m.SHA256 {
				x.hash[h] = append(x.hash[h], r)
			}
		case m.Publisher != "":
			x.publisher[m.Publisher] = append(x.publisher[m.Publisher], r)
		case absolute(m.Path.Literal):
			k := pathKey(m.Path.Literal)
			x.path[k] = append(x.path[k], r)
		case m.Path.Regex != "":
			names := lastNames(m.Path.Regex)
			for _, n := range names {
				x.name[n] = append(x.name[n], r)
			}
			if names == nil {
				x.residue = append(x.residue, r)
			}
		default:
			x.residue = append(x.residue, r)
		}
	}
	return x
}

// candidates are all rules that can be about s, by rank.
func (x index) candidates(s *elevation.Subject) []*rule {
	out := x.residue
	for _, l := range [...][]*rule{x.hash[s.SHA256], x.publisher[s.Publisher.Thumbprint], x.path[pathKey(s.Path)], x.name[s.Path[strings.LastIndexByte(s.Path, '/')+1:]]} {
		switch {
		case len(l) == 0:
		case len(out) == 0:
			out = l
		default:
			out = merge(out, l)
		}
	}
	return out
}

// merge joins two lists that are sorted by rank and have no rule in common.
func merge(a, b []*rule) []*rule {
	out := make([]*rule, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if a[0].rank < b[0].rank {
			out, a = append(out, a[0]), a[1:]
		} else {
			out, b = append(out, b[0]), b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// maxNames bounds how many names one pattern is written out to.
const maxNames = 64

// lastNames writes out what can stand behind the last slash of the texts that a
// pattern for paths matches: "/usr/s?bin/(id|who)" ends in id or who. It is nil
// where that is not a short list of names.
func lastNames(pattern string) []string {
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil || tree.Flags&syntax.FoldCase != 0 {
		return nil
	}
	ends, whole := endings(tree.Simplify())
	if ends == nil || whole {
		return nil // a text without a slash would match
	}
	names := make([]string, 0, len(ends))
	for _, e := range ends {
		names = append(names, e[strings.LastIndexByte(e, '/')+1:])
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// endings are the possible ends of the texts that a tree matches, each from a
// slash on; nil when they are too many or not known. With whole, some of them
// are whole texts without a slash.
func endings(t *syntax.Regexp) (ends []string, whole bool) {
	switch t.Op {
	case syntax.OpEmptyMatch:
		return []string{""}, true
	case syntax.OpLiteral:
		if t.Flags&syntax.FoldCase != 0 {
			return nil, false
		}
		s := string(t.Rune)
		return []string{s}, !strings.Contains(s, "/")
	case syntax.OpCharClass:
		return class(t.Rune), true
	case syntax.OpCapture:
		return endings(t.Sub[0])
	case syntax.OpQuest:
		ends, _ = endings(t.Sub[0])
		if ends == nil {
			return nil, false
		}
		return append([]string{""}, ends...), true
	case syntax.OpAlternate:
		return either(t.Sub)
	case syntax.OpConcat:
		return inRow(t.Sub)
	}
	return nil, false
}

// class are the characters of a small class.
func class(ranges []rune) (out []string) {
	for i := 0; i+1 < len(ranges); i += 2 {
		if int(ranges[i+1]-ranges[i])+len(out) > maxNames {
			return nil
		}
		for r := ranges[i]; r <= ranges[i+1]; r++ {
			out = append(out, string(r))
		}
	}
	return out
}

func either(subs []*syntax.Regexp) (ends []string, whole bool) {
	for _, s := range subs {
		more, w := endings(s)
		if more == nil || len(ends)+len(more) > maxNames {
			return nil, false
		}
		ends, whole = append(ends, more...), whole || w
	}
	return ends, whole
}

// inRow goes from the last part to the first until each ending has a slash.
func inRow(subs []*syntax.Regexp) (ends []string, whole bool) {
	ends, whole = []string{""}, true
	for i := len(subs) - 1; i >= 0 && whole; i-- {
		before, _ := endings(subs[i])
		if before == nil || len(before)*len(ends) > 4*maxNames {
			return nil, false
		}
		var next []string
		whole = false
		for _, e := range ends {
			if strings.Contains(e, "/") {
				next = append(next, e)
				continue
			}
			for _, b := range before {
				next = append(next, b+e)
				whole = whole || !strings.Contains(b, "/")
			}
		}
		ends = next
	}
	if len(ends) > 4*maxNames {
		return nil, false
	}
	return ends, whole
}
