package intercept

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/assent-epm/assent/shared/elevation"
)

const masked = elevation.Masked

// Masking says how the arguments of one program are shown to others.
type Masking struct {
	Program string // its base name, as it is called
	// Acts says that the program does what its arguments say (a shell, tee, find).
	Acts bool
	More Patterns // of the endpoint's policy
}

// Args returns the arguments as people and rules may see them: values that look
// like secrets are replaced, bytes that are not text are shown as escapes. The
// number and order of the arguments stay. It is a courtesy to whoever typed a
// password, not a proof that none is left.
//
// It must not become a way to hide from the approver what will happen: for a
// program that acts on its arguments nothing is replaced that could be more than
// a secret, such as code or a path. What stands behind "--" is no option of any
// program.
func (m Masking) Args(args []string) []string {
	out := make([]string, len(args))
	tool, options := optionsOf(m.Program, args), true
	next := none // what the option before says of this argument
	for i, a := range args {
		if hidden, ok := m.value(next, a); ok {
			out[i], next = hidden, none
			continue
		}
		options = options && a != "--"
		next = none
		if m.Acts && !strings.HasPrefix(a, "-") {
			if inner := optionsOf(base(a), args[i:]); inner.known() { // env mysql -p…
				tool = inner
			}
		}
		if options {
			next = tool.after(a)
		}
		out[i] = text(m.word(tool.attached(a, m.Acts)))
	}
	if n := tool.last(args); n >= 0 && m.fits(args[n]) {
		out[n] = masked
	}
	return out
}

// value hides an argument that is the value of the option before it.
func (m Masking) value(k kind, a string) (string, bool) {
	if k == none || strings.HasPrefix(a, "--") {
		return "", false
	}
	if k == whole {
		return masked, m.fits(a)
	}
	name, secret, ok := strings.Cut(a, string(k))
	if !ok || !m.fits(secret) {
		return "", false
	}
	return text(name) + string(k) + masked, true
}

// fits reports whether a value can be nothing but a secret, where that matters.
func (m Masking) fits(value string) bool { return !m.Acts || onlySecret().MatchString(value) }

// word hides the secrets inside of one argument.
func (m Masking) word(a string) string {
	for _, re := range m.More {
		a = replace(re, a, func(s string) bool { return !m.Acts || !strings.ContainsAny(s, specialSet) })
	}
	if m.Acts {
		return maskWord(a)
	}
	return maskOne(a)
}

// Patterns are expressions for secrets, RE2 and bounded. What a group of one
// matches is replaced, or all that it matches when it has no group.
type Patterns []*regexp.Regexp

// The limits of patterns.
const (
	MaxPatterns = 200
	maxPattern  = 500 // bytes
)

// CompilePatterns reads the patterns of a policy. One that can not be used is
// left out and said in bad; the others count.
func CompilePatterns(list []string) (good Patterns, bad []error) {
	for i, p := range list {
		if i >= MaxPatterns {
			return good, append(bad, fmt.Errorf("more than %d patterns for secrets", MaxPatterns))
		}
		re, err := regexp.Compile(p)
		switch {
		case len(p) > maxPattern:
			bad = append(bad, fmt.Errorf("the pattern for secrets number %d is longer than %d bytes", i+1, maxPattern))
		case err != nil:
			bad = append(bad, fmt.Errorf("the pattern for secrets number %d: %w", i+1, err))
		default:
			good = append(good, re)
		}
	}
	return good, bad
}

// replace puts [masked] in place of what re finds in s and may says may go.
func replace(re *regexp.Regexp, s string, may func(string) bool) string {
	var b strings.Builder
	from := 0
	for _, m := range re.FindAllStringSubmatchIndex(s, -1) {
		spans := m[2:]
		if len(spans) == 0 {
			spans = m
		}
		for i := 0; i+1 < len(spans); i += 2 {
			if spans[i] < from || spans[i+1] <= spans[i] || !may(s[spans[i]:spans[i+1]]) {
				continue // no part of this match, or inside of a group before
			}
			b.WriteString(s[from:spans[i]])
			b.WriteString(masked)
			from = spans[i+1]
		}
	}
	b.WriteString(s[from:])
	return b.String()
}

// text shows bytes that are no UTF-8, and NUL, as escapes.
func text(s string) string {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 || r == 0 {
			fmt.Fprintf(&b, `\x%02x`, s[i])
		} else {
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}
