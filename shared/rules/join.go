package rules

import (
	"slices"

	"github.com/assent-epm/assent/shared/elevation"
)

// OfPack are the rules as those of a pack (name@version), all in one mode. With
// asking, what denies asks a person instead, and warns them with its message.
func (s *Set) OfPack(pack string, mode Mode, asking bool) *Set {
	out := &Set{version: s.version}
	for _, r := range s.rules {
		c := *r
		c.Pack, c.Mode = pack, mode
		if asking && c.Then == ThenDeny {
			c.Then, c.warns = ThenRequire, true
		}
		out.rules = append(out.rules, &c)
	}
	out.arrange()
	return out
}

// Join is the set with the rules of others behind its own. A rule of its own
// takes the place of theirs of the same name. A nil set has no rules.
func (s *Set) Join(others ...*Set) *Set {
	out := &Set{}
	taken := map[elevation.RuleID]bool{}
	if s != nil {
		out.version, out.fixtures = s.version, s.fixtures
	}
	for i, set := range slices.Concat([]*Set{s}, others) {
		if set == nil {
			continue
		}
		for _, r := range inPlace(set.rules) {
			if i > 0 && taken[r.Name] {
				continue
			}
			c := *r
			c.place = len(out.rules)
			taken[c.Name] = true
			out.rules = append(out.rules, &c)
		}
	}
	out.arrange()
	return out
}

// inPlace are the rules in the order in which they were written.
func inPlace(list []*rule) []*rule {
	out := slices.Clone(list)
	slices.SortFunc(out, func(a, b *rule) int { return a.place - b.place })
	return out
}
