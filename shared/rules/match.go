package rules

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
)

// rule is a rule made ready.
type rule struct {
	Rule
	place     int // in the file, from 0
	rank      int // in the order of answering, from 0
	text      struct{ path, product, version, parent *regexp.Regexp }
	args      []*regexp.Regexp // nil where the element is no regular expression
	cond      Condition        // nil = none
	hours     elevation.Hours
	said      said
	pinned    bool // every argument is given
	openEnded bool // its literal path is that of a program that can do anything

	warns bool // it asks where it would deny, and says why as a reason for care
}

// said is what a rule says when something differs, written once.
type said struct {
	accessTypes, product, version, parent, users, groups, count string
	args                                                        []string
}

// unbounded reports whether the program at path can do anything. A literal path
// was looked at before.
func (r *rule) unbounded(path string) bool {
	if r.Match.Path.Literal == path {
		return r.openEnded
	}
	return elevation.Unbounded(path)
}

// prepare writes what the rule will say, and what is known before any attempt.
func (r *rule) prepare() {
	m := r.Match
	r.pinned, r.openEnded = fixed(m.Args), elevation.Unbounded(m.Path.Literal)
	r.said = said{
		accessTypes: "the access type differs: the rule wants " + oneOf(m.AccessTypes),
		product:     "the product differs: the rule wants " + m.Product.say(),
		version:     "the version differs: the rule wants " + m.Version.say(),
		parent:      "the parent program differs: the rule wants " + m.Parent.say(),
		users:       "the user differs: the rule is for " + oneOf(m.Users),
		groups:      "the user is in none of its groups: " + oneOf(m.Groups),
		args:        make([]string, len(m.Args)),
	}
	n, least := len(m.Args), ""
	if n > 0 && m.Args[n-1].Rest {
		n, least = n-1, " at least"
	}
	r.said.count = fmt.Sprintf("the number of arguments differs: the rule wants %d%s", n, least)
	for i, w := range m.Args {
		r.said.args[i] = "argument " + strconv.Itoa(i+1) + " differs: the rule wants " + Text{Literal: w.Literal, Regex: w.Regex}.say()
	}
}

// specificity orders rules that say the same: hash, publisher with product,
// publisher, path, anything looser.
func (r *rule) specificity() int {
	m := r.Match
	switch {
	case len(m.SHA256) > 0:
		return 4
	case m.Publisher != "" && !m.Product.absent():
		return 3
	case m.Publisher != "":
		return 2
	case absolute(m.Path.Literal):
		return 1
	}
	return 0
}

func byRank(a, b *rule) int { return cmp.Compare(a.rank, b.rank) }

// answering is the order among rules that say the same.
func answering(a, b *rule) int {
	return cmp.Or(
		cmp.Compare(b.specificity(), a.specificity()),
		cmp.Compare(a.Precedence, b.Precedence),
		cmp.Compare(a.Name, b.Name))
}

// answer is what one rule says of one attempt.
type answer struct {
	matched bool
	why     string
	err     error // the condition could not be evaluated
	cost    uint64
}

var errTooMuch = errors.New("the conditions before it took too long")

// anchored reports whether the rule is about this program at all. Rules about
// other programs are left out of the trace.
func (r *rule) anchored(s *elevation.Subject) bool {
	m := &r.Match
	if len(m.SHA256) > 0 && !slices.Contains(m.SHA256, s.SHA256) {
		return false
	}
	if m.Publisher != "" && m.Publisher != s.Publisher.Thumbprint {
		return false
	}
	return r.pathHolds(s.Path) || r.deniesName(s.CalledAs())
}

// deniesName reports whether the rule has only a name and it is the one under
// which the program is called: who denies reboot means no file of that name.
func (r *rule) deniesName(called string) bool {
	name := r.Match.Path.Literal
	return called != "" && r.Then != ThenApprove && name != "" && !absolute(name) && nameKey(name) == called
}

func (r *rule) pathHolds(path string) bool {
	want := r.Match.Path
	switch {
	case want.Regex != "":
		return r.text.path.MatchString(path)
	case want.Literal == "":
		return true
	case absolute(want.Literal):
		return pathKey(want.Literal) == pathKey(path)
	}
	return nameKey(want.Literal) == nameKey(path)
}

// holds says whether the rest of an anchored rule holds. spent is the cost of
// the conditions that were evaluated before for the same attempt.
func (r *rule) holds(in *Input, now time.Time, spent uint64) answer {
	if why := r.differs(in); why != "" {
		return answer{why: why}
	}
	if !r.hours.Cover(now) {
		return answer{why: "it is outside its hours " + r.Limits.Hours}
	}
	if r.cond == nil {
		return answer{matched: true, why: "everything it asks for holds"}
	}
	ok, cost, err := false, uint64(0), errTooMuch
	if spent < maxCost {
		ok, cost, err = r.cond.Holds(*in, now)
	}
	switch {
	case err != nil && r.Then == ThenApprove:
		return answer{err: err, cost: cost, why: fmt.Sprintf("its condition could not be evaluated (%v), so it does not match", err)}
	case err != nil:
		return answer{err: err, cost: cost, why: fmt.Sprintf("its condition could not be evaluated (%v), so a person is asked", err)}
	case !ok:
		return answer{cost: cost, why: "its condition does not hold"}
	}
	return answer{matched: true, cost: cost, why: "everything it asks for holds"}
}

// differs names the first part of the match that does not hold, and what the rule
// wants there; "" if all do. It repeats nothing of the attempt: what was asked
// for may have to be forgotten before the trace is.
func (r *rule) differs(in *Input) string {
	m, s, u := &r.Match, &in.Attempt.Subject, &in.Attempt.User
	switch {
	case len(m.AccessTypes) > 0 && !slices.Contains(m.AccessTypes, in.Attempt.AccessType):
		return r.said.accessTypes
	case !m.Product.holds(r.text.product, s.Product):
		return r.said.product
	case !m.Version.holds(r.text.version, s.Version):
		return r.said.version
	case !m.Parent.holds(r.text.parent, s.Parent):
		return r.said.parent
	case len(m.Users) > 0 && !slices.Contains(m.Users, u.Name):
		return r.said.users
	case len(m.Groups) > 0 && !slices.ContainsFunc(m.Groups, func(g string) bool { return slices.Contains(u.Groups, g) }):
		return r.said.groups
	}
	for k, v := range m.Labels {
		if got, ok := in.Endpoint.Labels[k]; !ok || got != v {
			return r.labelsDiffer(in.Endpoint.Labels)
		}
	}
	return r.argsDiffer(s.Args)
}

// labelsDiffer names the first label by its key that is not there.
func (r *rule) labelsDiffer(got map[string]string) string {
	for _, k := range slices.Sorted(maps.Keys(r.Match.Labels)) {
		if have, ok := got[k]; !ok || have != r.Match.Labels[k] {
			return fmt.Sprintf("the endpoint's labels differ: the rule wants %s=%s", printable(k), printable(r.Match.Labels[k]))
		}
	}
	return ""
}

// oneOf lists what a rule takes.
func oneOf[T ~string](list []T) string {
	var b strings.Builder
	for i, s := range list {
		if i == 5 {
			fmt.Fprintf(&b, " or one of %d more", len(list)-i)
			break
		}
		if i > 0 {
			b.WriteString(" or ")
		}
		b.WriteString(printable(string(s)))
	}
	return b.String()
}

// say is the text as a rule wants it.
func (t Text) say() string {
	if t.Regex != "" {
		return "a match of " + strconv.Quote(printable(t.Regex))
	}
	return strconv.Quote(printable(t.Literal))
}

// otherProgram says why a rule is not about this program at all.
func (r *rule) otherProgram(s *elevation.Subject) string {
	m := &r.Match
	switch {
	case len(m.SHA256) > 0 && !slices.Contains(m.SHA256, s.SHA256):
		return "it is about another program: the SHA-256 differs"
	case m.Publisher != "" && m.Publisher != s.Publisher.Thumbprint:
		return "it is about another program: the publisher differs"
	}
	return "it is about another program: the rule wants the path " + m.Path.say()
}

func (t Text) holds(re *regexp.Regexp, got string) bool {
	switch {
	case t.Regex != "":
		return re != nil && re.MatchString(got)
	case t.Literal != "":
		return t.Literal == got
	}
	return true
}

// argsDiffer compares element by element. The number of arguments is fixed
// unless the last element is a rest.
func (r *rule) argsDiffer(args []string) string {
	want := r.Match.Args
	if want == nil {
		return ""
	}
	rest := len(want) > 0 && want[len(want)-1].Rest
	if rest {
		want = want[:len(want)-1]
	}
	if len(args) < len(want) || !rest && len(args) > len(want) {
		return r.said.count
	}
	for i, w := range want {
		if !w.holds(r.args[i], args[i]) {
			return r.said.args[i]
		}
	}
	return ""
}

func (a Arg) holds(re *regexp.Regexp, got string) bool {
	switch {
	case a.Any:
		return true
	case a.Regex != "":
		return re != nil && re.MatchString(got)
	}
	return a.Literal == got
}

// mayNotApprove says why a matching rule must not approve this subject, "" if
// it may. It repeats what the linter refuses, with what the endpoint saw.
func (r *rule) mayNotApprove(s *elevation.Subject) string {
	switch {
	case s.HasMark(elevation.MarkShell):
		return "an interactive shell is answered by a person"
	case s.HasMark(elevation.MarkProtected):
		return "it changes a file that says who may do what, which a person answers"
	case s.CalledAs() != "":
		return "it is called by another name, " + strconv.Quote(s.CalledAs()) + ", and may be another program by that"
	case r.matchesHidden(s.Args):
		return "what its pattern is compared with is partly hidden, as it looks like a secret: only {any: true} approves that"
	case s.HasMark(elevation.MarkUserWritable) && !slices.Contains(r.Match.SHA256, s.SHA256):
		return "ordinary users can change this program: only a rule with its sha256 may approve it"
	case s.HasMark(elevation.MarkDialogs) && !r.Match.Dialogs:
		return "its file dialogs start and change files with its rights: a person answers, or a rule whose match says dialogs: true"
	case !r.pinned && (s.HasMark(elevation.MarkUnbounded) || r.unbounded(s.Path)):
		return "this program can do anything: only a rule with fixed arguments may approve it"
	}
	return ""
}

// matchesHidden reports whether a pattern was compared with an argument that the
// endpoint does not show whole.
func (r *rule) matchesHidden(args []string) bool {
	for i, w := range r.Match.Args {
		if w.Regex != "" && i < len(args) && strings.Contains(args[i], elevation.Masked) {
			return true
		}
	}
	return false
}

// fixed reports whether args pins every argument, and at least one.
func fixed(args []Arg) bool {
	return len(args) > 0 && !slices.ContainsFunc(args, func(a Arg) bool { return a.Any || a.Rest || a.Regex != "" })
}

// absolute reports whether p is an absolute path of any system.
func absolute(p string) bool { return strings.HasPrefix(p, "/") || drive(p) }

// drive reports whether p begins like a path of Windows, whose letters have no
// case.
func drive(p string) bool {
	return len(p) > 2 && p[1] == ':' && (p[2] == '\\' || p[2] == '/') && (p[0]|0x20 >= 'a' && p[0]|0x20 <= 'z')
}

// pathKey is what two spellings of one path have in common.
func pathKey(p string) string {
	if !drive(p) {
		return p
	}
	return strings.ToLower(strings.ReplaceAll(p, "/", `\`))
}

// nameKey is the last element of a path.
func nameKey(p string) string {
	if drive(p) {
		p = pathKey(p)
		return p[strings.LastIndexByte(p, '\\')+1:]
	}
	return p[strings.LastIndexByte(p, '/')+1:]
}
