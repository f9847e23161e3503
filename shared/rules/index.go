package rules

import (
	"slices"

	"github.com/assent-epm/assent/shared/elevation"
)

// index finds the rules that may be about a program without asking all of them:
// by hash, by publisher, by path, and the rest. Every list is sorted by rank,
// and a rule is in the lists of one kind only.
type index struct {
	hash, publisher, path map[string][]*rule
	residue               []*rule
}

// newIndex sorts the rules, which have their ranks, into lists.
func newIndex(ranked []*rule) index {
	x := index{hash: map[string][]*rule{}, publisher: map[string][]*rule{}, path: map[string][]*rule{}}
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
		default:
			x.residue = append(x.residue, r)
		}
	}
	return x
}

// candidates are all rules that can be about s, by rank.
func (x index) candidates(s elevation.Subject) []*rule {
	lists := [][]*rule{x.hash[s.SHA256], x.publisher[s.Publisher.Thumbprint], x.path[pathKey(s.Path)], x.residue}
	var out []*rule
	for _, l := range lists {
		if len(l) == 0 {
			continue
		}
		if out == nil {
			out = l
			continue
		}
		merged := make([]*rule, 0, len(out)+len(l))
		out = append(append(merged, out...), l...)
		slices.SortFunc(out, byRank)
	}
	return out
}
